/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error domain, and the list in which a document's faults are collected.
 *
 * The author of a document must not be able to make its faults costly. So a list keeps the first hundred
 * faults and counts the rest, and quoted text is cut and cannot begin a new line of a log. */

#include "spm_error.h"

#include <string.h>

/* The most characters of the document's that a message quotes, and of any other text. */
#define SPM_QUOTED_CHARACTERS 100
#define SPM_TEXT_CHARACTERS 500

G_DEFINE_QUARK(spm_error_quark, spm_error)

static void
spm_fault_free(gpointer data)
{
    SpmFault *fault = data;

    g_free(fault->message);
    g_free(fault);
}

/**
 * spm_faults_new:
 *
 * Returns: (transfer full): an empty list; free it with spm_faults_free()
 */
SpmFaults *
spm_faults_new(void)
{
    SpmFaults *faults = g_new0(SpmFaults, 1);

    faults->list = g_ptr_array_new_with_free_func(spm_fault_free);
    return faults;
}

/**
 * spm_faults_free:
 * @faults: (nullable): a list
 */
void
spm_faults_free(SpmFaults *faults)
{
    if (!faults)
        return;
    g_ptr_array_unref(faults->list);
    g_free(faults);
}

/* ---- messages ---- */

/* Appends @text, cut to @characters. A character that could begin a line, or change how the text around it is
 * shown, becomes '?', as does what is not UTF-8. */
static void
spm_error_append_text(GString *out, const char *text, guint characters)
{
    const guint hidden = 1U << G_UNICODE_CONTROL | 1U << G_UNICODE_FORMAT | 1U << G_UNICODE_LINE_SEPARATOR |
                         1U << G_UNICODE_PARAGRAPH_SEPARATOR;

    for (; *text && characters; characters--) {
        gunichar character = g_utf8_get_char_validated(text, -1);
        gboolean valid = character < (gunichar)-2;
        gboolean shown = valid && !(1U << g_unichar_type(character) & hidden);

        g_string_append_unichar(out, shown ? character : '?');
        text = valid ? g_utf8_next_char(text) : text + 1;
    }
    if (*text)
        g_string_append(out, "...");
}

/* Appends the value of the conversion whose letters begin at @spec and which follows @before. Returns the
 * text after those letters. */
static const char *
spm_error_append_value(GString *out, const char *spec, char before, va_list *args)
{
    /* quoted text and the names of elements come from a document */
    guint characters = before == '\'' || before == '<' ? SPM_QUOTED_CHARACTERS : SPM_TEXT_CHARACTERS;
    gsize longs = strspn(spec, "l");
    char letter = spec[longs];

    g_assert(strchr("sux", letter));
    if (letter == 's') {
        spm_error_append_text(out, va_arg(*args, const char *), characters);
    } else {
        guint64 number = longs ? va_arg(*args, guint64) : va_arg(*args, unsigned int);

        g_string_append_printf(out, letter == 'u' ? "%" G_GUINT64_FORMAT : "%" G_GINT64_MODIFIER "x", number);
    }
    return spec + longs + 1;
}

static void
spm_error_append_message(GString *out, const char *format, va_list *args)
{
    const char *c = format;

    while (*c) {
        if (*c == '%')
            c = spm_error_append_value(out, c + 1, c > format ? c[-1] : '\0', args);
        else
            g_string_append_c(out, *c++);
    }
}

/**
 * spm_faults_add_va:
 * @faults: the list
 * @code: what kind of fault it is
 * @line: the line of the offending element, 0 for none
 * @element: (nullable): the subject of the sentence, if that is not in @format
 * @format: see spm_faults_add()
 * @args: for @format
 */
void
spm_faults_add_va(SpmFaults *faults, SpmErrorCode code, unsigned int line, const char *element,
                  const char *format, va_list args)
{
    GString *message;
    SpmFault *fault;
    va_list copy;

    if (faults->len++ >= SPM_FAULTS_KEPT)
        return;
    message = g_string_new(NULL);
    if (element) {
        spm_error_append_text(message, element, SPM_TEXT_CHARACTERS);
        g_string_append_c(message, ' ');
    }
    va_copy(copy, args);
    spm_error_append_message(message, format, &copy);
    va_end(copy);

    fault = g_new0(SpmFault, 1);
    fault->code = code;
    fault->line = line;
    fault->message = g_string_free(message, FALSE);
    g_ptr_array_add(faults->list, fault);
}

/**
 * spm_faults_add:
 * @faults: the list
 * @code: what kind of fault it is
 * @line: the line of the offending element, 0 for none
 * @format: printf-style message, with conversions s, u and x alone, the latter two of an unsigned int or a
 *   guint64: one whole sentence that names the element and the value. A value in quotes is cut to 100
 *   characters, and any other text to 500; control characters become '?'
 */
void
spm_faults_add(SpmFaults *faults, SpmErrorCode code, unsigned int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    spm_faults_add_va(faults, code, line, NULL, format, args);
    va_end(args);
}

/**
 * spm_faults_add_all:
 * @faults: the list
 * @more: a list whose faults are added to @faults as well
 */
void
spm_faults_add_all(SpmFaults *faults, const SpmFaults *more)
{
    for (guint i = 0; i < more->list->len; i++) {
        const SpmFault *fault = g_ptr_array_index(more->list, i);

        spm_faults_add(faults, fault->code, fault->line, "%s", fault->message);
    }
    faults->len += more->len - more->list->len;
}

/**
 * spm_faults_get:
 * @faults: the list
 * @index: from 0
 *
 * Returns: (transfer none) (nullable): one of the faults that are kept, NULL after the last
 */
const SpmFault *
spm_faults_get(const SpmFaults *faults, guint index)
{
    return index < faults->list->len ? g_ptr_array_index(faults->list, index) : NULL;
}

/**
 * spm_faults_left_out:
 * @faults: the list
 *
 * Returns: how many faults were counted and not kept
 */
guint
spm_faults_left_out(const SpmFaults *faults)
{
    return faults->len - faults->list->len;
}

/**
 * spm_faults_to_error:
 * @faults: the list
 * @error: where the first fault goes, with its line and the number of further faults
 *
 * Returns: TRUE when @faults is empty; FALSE with @error set otherwise
 */
gboolean
spm_faults_to_error(const SpmFaults *faults, GError **error)
{
    const SpmFault *first = spm_faults_get(faults, 0);
    g_autofree char *shown =
        spm_faults_left_out(faults) ? g_strdup_printf("the first %d", SPM_FAULTS_KEPT) : g_strdup("all");
    g_autoptr(GString) text = g_string_new(NULL);

    if (!first)
        return TRUE;
    if (first->line)
        g_string_append_printf(text, "line %u: ", first->line);
    g_string_append(text, first->message);
    if (faults->len > 1)
        g_string_append_printf(text, " (and %u more; 'virt-spm validate' shows %s)", faults->len - 1, shown);
    g_set_error_literal(error, SPM_ERROR, (int)first->code, text->str);
    return FALSE;
}
