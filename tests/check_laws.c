/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The laws of parse, format and translation, checked on one document in-process.
 *
 * For generated and hostile documents, which golden files cannot cover. The laws are those of
 * docs/design.rst; what SPM_VERDICT_SPACED lets pass is taken out by spm_flatten(). */

#include "check_laws.h"

#include <string.h>

#include "qemu_spm.h"
#include "qemu_spm_ns.h"
#include "qemu_spm_postparse.h"
#include "layout/spm_layout.h"
#include "spm_domain_format.h"
#include "spm_domain_postparse.h"
#include "spm_translate.h"
#include "spm_xml.h"

#define QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

static SpmVerdict
spm_verdict(SpmVerdict verdict, char **detail, const char *text)
{
    g_free(*detail);
    *detail = g_strdup(text);
    return verdict;
}

/* ---- equal up to what a reader does not see ---- */

static void spm_flatten(GString *out, xmlNodePtr node);

static gint
spm_compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
spm_flatten_attributes(GString *out, xmlNodePtr node)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
        xmlChar *value = xmlNodeListGetString(node->doc, attr->children, 1);

        g_ptr_array_add(texts, g_strdup_printf(" {%s}%s='%s'", attr->ns ? (const char *)attr->ns->href : "",
                                               (const char *)attr->name, value ? (const char *)value : ""));
        xmlFree(value);
    }
    g_ptr_array_sort(texts, spm_compare_texts);
    for (guint i = 0; i < texts->len; i++)
        g_string_append(out, g_ptr_array_index(texts, i));
}

static gboolean
spm_is_qemu(xmlNodePtr node)
{
    return node->type == XML_ELEMENT_NODE && node->ns && xmlStrEqual(node->ns->href, BAD_CAST QEMU_NAMESPACE);
}

static gboolean
spm_is_wrapper(xmlNodePtr node)
{
    static const char *const wrappers[] = { "override", "commandline", NULL };

    return spm_is_qemu(node) && g_strv_contains(wrappers, (const char *)node->name);
}

/* A comment of <hugepages> goes with it, if translation removes that. */
static gboolean
spm_goes_with(xmlNodePtr parent, xmlNodePtr child)
{
    return spm_xml_is(parent, NULL, "hugepages") && child->type != XML_ELEMENT_NODE;
}

/* Other comments stay where translation takes elements out, but the elements come back before or after them.
 */
static gboolean
spm_moves_in(xmlNodePtr parent, xmlNodePtr child)
{
    static const char *const parents[] = { "memoryBacking", "numatune", NULL };

    return parent->type == XML_ELEMENT_NODE && g_strv_contains(parents, (const char *)parent->name) &&
           child->type != XML_ELEMENT_NODE;
}

/* The order of overrides among each other, and to the command line, says nothing; that of arguments does.
 * libvirt reads what is in all wrappers of a kind as if they were one. */
static void
spm_gather_children(GString *out, xmlNodePtr node, GString *args, GPtrArray *unordered)
{
    for (xmlNodePtr child = node->children; child; child = child->next) {
        if (spm_is_wrapper(child)) {
            spm_gather_children(out, child, args, unordered);
        } else if (spm_goes_with(node, child)) {
            continue;
        } else if (spm_moves_in(node, child) ||
                   (spm_is_qemu(child) && !xmlStrEqual(child->name, BAD_CAST "arg"))) {
            GString *text = g_string_new(NULL);

            spm_flatten(text, child);
            g_ptr_array_add(unordered, g_string_free(text, FALSE));
        } else {
            spm_flatten(spm_is_qemu(child) ? args : out, child);
        }
    }
}

static void
spm_flatten_children(GString *out, xmlNodePtr node)
{
    g_autoptr(GPtrArray) unordered = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) args = g_string_new(NULL);

    spm_gather_children(out, node, args, unordered);
    g_string_append_len(out, args->str, (gssize)args->len);
    g_ptr_array_sort(unordered, spm_compare_texts);
    for (guint i = 0; i < unordered->len; i++)
        g_string_append(out, g_ptr_array_index(unordered, i));
}

static void
spm_flatten_element(GString *out, xmlNodePtr node)
{
    g_string_append_printf(out, "<{%s}%s", node->ns ? (const char *)node->ns->href : "",
                           (const char *)node->name);
    spm_flatten_attributes(out, node);
    g_string_append_c(out, '>');
    spm_flatten_children(out, node);
    g_string_append(out, "</>\n");
}

/* An override or a command line in which nothing stands says nothing. */
static gboolean
spm_says_nothing(xmlNodePtr node)
{
    static const char *const wrappers[] = { "override", "commandline", "device", "frontend", NULL };

    if (xmlIsBlankNode(node))
        return TRUE;
    if (!spm_is_qemu(node) || !g_strv_contains(wrappers, (const char *)node->name))
        return FALSE;
    for (xmlNodePtr child = node->children; child; child = child->next) {
        if (!spm_says_nothing(child))
            return FALSE;
    }
    return TRUE;
}

/* A cell that has no memory, and nothing else that changes how translation spells it. */
static gboolean
spm_is_empty_cell(xmlNodePtr cell)
{
    static const char *const known[] = { "id", "memory", "unit", "memAccess", "discard", NULL };
    g_autofree char *memory = spm_xml_attr(cell, "memory");
    guint64 size = 0;

    for (xmlAttrPtr attr = cell->properties; attr; attr = attr->next) {
        if (attr->ns || !g_strv_contains(known, (const char *)attr->name))
            return FALSE;
    }
    for (xmlNodePtr child = spm_xml_first(cell, NULL, NULL); child; child = spm_xml_next(child, NULL, NULL)) {
        if (!spm_xml_is(child, NULL, "distances") && !spm_xml_is(child, NULL, "cache"))
            return FALSE;
    }
    return !memory || (spm_parse_number(memory, 10, G_MAXUINT64, &size) && size == 0);
}

/* What such a cell says; it has an id, which format and translation give it. */
static char *
spm_flatten_empty_cell(xmlNodePtr cell)
{
    g_autofree char *id = spm_xml_attr(cell, "id"), *access = spm_xml_attr(cell, "memAccess");
    g_autofree char *discard = spm_xml_attr(cell, "discard");
    GString *text = g_string_new(NULL);

    g_string_printf(text, "<!-- cell %s without memory, %s, %s -->", id ? id : "", access ? access : "",
                    discard ? discard : "");
    spm_flatten_children(text, cell);
    return g_string_free(text, FALSE);
}

/* Cells without memory in one spelling, behind the other children, as translation restores them. */
static void
spm_flatten_numa(GString *out, xmlNodePtr numa)
{
    g_autoptr(GPtrArray) empty = g_ptr_array_new_with_free_func(g_free);
    guint index = 0;

    g_string_append(out, "<numa>");
    for (xmlNodePtr child = spm_xml_first(numa, NULL, NULL); child; child = spm_xml_next(child, NULL, NULL)) {
        if (spm_xml_is(child, NULL, "cell") && ++index && spm_is_empty_cell(child))
            g_ptr_array_add(empty, spm_flatten_empty_cell(child));
        else
            spm_flatten(out, child);
    }
    g_ptr_array_sort(empty, spm_compare_texts);
    for (guint i = 0; i < empty->len; i++)
        g_string_append(out, g_ptr_array_index(empty, i));
    g_string_append_printf(out, "<!-- of %u cells --></>\n", index);
}

static void
spm_flatten(GString *out, xmlNodePtr node)
{
    g_autofree char *text = NULL;

    if (spm_says_nothing(node))
        return;
    if (node->type == XML_ELEMENT_NODE) {
        if (spm_xml_is(node, NULL, "numa"))
            spm_flatten_numa(out, node);
        else
            spm_flatten_element(out, node);
        return;
    }
    text = g_strstrip(g_strdup(node->content ? (const char *)node->content : ""));
    g_string_append_printf(out, "[%d %s]", node->type, text);
}

static char *
spm_flatten_document(const char *text)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = spm_xml_parse(text, faults);
    GString *out = g_string_new(NULL);

    for (xmlNodePtr node = doc ? doc->children : NULL; node; node = node->next)
        spm_flatten(out, node);
    return g_string_free(out, FALSE);
}

/**
 * spm_looks_equal:
 * @one: a document
 * @other: another one
 *
 * Returns: TRUE when they are equal up to what SPM_VERDICT_SPACED allows
 */
gboolean
spm_looks_equal(const char *one, const char *other)
{
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    if (strcmp(one, other) == 0)
        return TRUE;
    first = spm_flatten_document(one);
    second = spm_flatten_document(other);
    return strcmp(first, second) == 0;
}

/* ---- the laws ---- */

/* The document after parse, post-parse and format, or NULL with the reason in @detail. */
static char *
spm_format(const char *text, const SpmQemuOptions *options, char **detail)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(SpmDomainDef) first = NULL;
    g_autoptr(xmlDoc) doc = spm_xml_parse(text, faults);
    g_autoptr(GPtrArray) domains = NULL;
    g_autoptr(GError) error = NULL;

    if (doc)
        first = spm_translate_load(doc, options, faults);
    if (!spm_faults_to_error(faults, &error)) {
        *detail = g_strdup(error->message);
        return NULL;
    }
    domains = spm_domain_nodes(doc);
    for (guint i = 0; i < domains->len; i++) {
        g_autoptr(SpmDomainDef) def =
            spm_domain_def_parse(g_ptr_array_index(domains, i), &spm_qemu_limits, faults);

        spm_qemu_ns_parse(def);
        spm_domain_def_post_parse(def);
        spm_qemu_post_parse(def, options);
        spm_domain_def_format(def);
    }
    return spm_xml_format(doc);
}

/* The map has no hole and no overlap, and what is drawn of it is text and XML. */
static void
spm_check_layout(const SpmLayout *layout)
{
    g_autofree char *drawing = spm_layout_to_text(layout);
    g_autofree char *picture = spm_layout_to_svg(layout);
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) svg = spm_xml_parse(picture, faults);
    guint64 end = 0;

    for (guint i = 0; i < layout->regions->len; i++) {
        const SpmRegion *region = g_ptr_array_index(layout->regions, i);

        g_assert(region->base == end && region->size);
        end += region->size;
    }
    g_assert(g_utf8_validate(drawing, -1, NULL));
    g_assert(svg && faults->len == 0);
}

/* What else is built from a good document. */
static void
spm_exercise(const char *text, const SpmQemuOptions *options)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = spm_xml_parse(text, faults);
    g_autoptr(SpmDomainDef) def = spm_translate_load(doc, options, faults);
    g_auto(GStrv) argv = spm_qemu_argv(def, options);
    g_autoptr(SpmLayout) layout = spm_layout_new(def, faults);

    g_assert(g_strv_length(argv) >= 4 * def->spms->len); /* -object and -device, each with its value */
    if (layout)
        spm_check_layout(layout);
    else
        g_assert(faults->len);
}

/**
 * spm_check_format:
 * @text: a document
 * @detail: (out): NULL, and then what was refused or broken
 *
 * Parse and format: what was formatted parses again and formats to itself.
 *
 * Returns: the verdict
 */
SpmVerdict
spm_check_format(const char *text, char **detail)
{
    const SpmQemuOptions options = { .device = "spm-memory",
                                     .libvirt_version = SPM_LIBVIRT_NEWEST,
                                     .is_new = TRUE };
    g_autofree char *once = spm_format(text, &options, detail);
    g_autofree char *twice = NULL;
    g_autofree char *why = NULL;

    if (!once)
        return **detail ? SPM_VERDICT_REFUSED
                        : spm_verdict(SPM_VERDICT_BROKEN, detail, "refused without a word");
    twice = spm_format(once, &options, &why);
    if (!twice)
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "format(x) is refused");
    if (strcmp(once, twice) != 0)
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "format(format(x)) == format(x)");
    spm_exercise(once, &options);
    return spm_verdict(SPM_VERDICT_OK, detail, NULL);
}

/* The laws for @text, of which @stock is the translation. */
static SpmVerdict
spm_check_laws(const char *text, const char *stock, const SpmQemuOptions *options, char **detail)
{
    g_autofree char *shown = spm_translate_out(stock, NULL);
    g_autofree char *expected = spm_format(text, options, detail);
    g_autofree char *again = spm_translate_in(stock, options, NULL);
    g_autofree char *back = shown ? spm_translate_in(shown, options, NULL) : NULL;

    if (!shown || !expected)
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "in(x) is there, out(in(x)) and format(x) are not");
    if (g_strcmp0(again, stock) != 0)
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "in(in(x)) == in(x)");
    if (!spm_looks_equal(shown, expected))
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "out(in(x)) == format(post_parse(parse(x)))");
    if (!back || !spm_looks_equal(back, stock))
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "in(out(in(x))) == in(x)");
    if (strcmp(back, stock) != 0 || strcmp(shown, expected) != 0)
        return spm_verdict(SPM_VERDICT_SPACED, detail, NULL);
    return spm_verdict(SPM_VERDICT_OK, detail, NULL);
}

/**
 * spm_check_translate:
 * @text: a document
 * @libvirt_version: the libvirt that is to carry it
 * @detail: (out): NULL, and then what was refused or broken
 *
 * Returns: the verdict on the laws of translation
 */
SpmVerdict
spm_check_translate(const char *text, unsigned long libvirt_version, char **detail)
{
    const SpmQemuOptions options = { .device = "spm-memory",
                                     .libvirt_version = libvirt_version,
                                     .is_new = TRUE };
    g_autoptr(GError) error = NULL;
    g_autofree char *stock = spm_translate_in(text, &options, &error);
    g_autofree char *shown = NULL;

    if (!stock && error && *error->message)
        return spm_verdict(SPM_VERDICT_REFUSED, detail, error->message);
    if (!stock)
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "refused without a word");
    if (strcmp(stock, text) != 0)
        return spm_check_laws(text, stock, &options, detail);

    /* Stock already, or none of ours: it must come out, or be refused, without a crash. */
    shown = spm_translate_out(text, &error);
    if (!shown && !error)
        return spm_verdict(SPM_VERDICT_BROKEN, detail, "out(x) failed without a word");
    return shown ? spm_verdict(SPM_VERDICT_UNCHANGED, detail, NULL)
                 : spm_verdict(SPM_VERDICT_REFUSED, detail, error->message);
}
