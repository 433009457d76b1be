/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error domain, and the list in which a document's faults are collected. */

#include "spm_error.h"

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
 * Returns: (transfer full): an empty list; free it with g_ptr_array_unref()
 */
SpmFaults *
spm_faults_new(void)
{
    return g_ptr_array_new_with_free_func(spm_fault_free);
}

/**
 * spm_faults_add:
 * @faults: the list
 * @code: what kind of fault it is
 * @line: the line of the offending element, 0 for none
 * @format: printf-style message: one whole sentence that names the element and the value
 */
void
spm_faults_add(SpmFaults *faults, SpmErrorCode code, unsigned int line, const char *format, ...)
{
    SpmFault *fault = g_new0(SpmFault, 1);
    va_list args;

    fault->code = code;
    fault->line = line;
    va_start(args, format);
    fault->message = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(faults, fault);
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
    const SpmFault *first;
    g_autofree char *where = NULL;
    g_autofree char *more = NULL;

    if (faults->len == 0)
        return TRUE;

    first = g_ptr_array_index(faults, 0);
    where = first->line ? g_strdup_printf("line %u: ", first->line) : g_strdup("");
    more = faults->len > 1 ? g_strdup_printf(" (and %u more; 'virt-spm validate' shows all)", faults->len - 1)
                           : g_strdup("");
    g_set_error(error, SPM_ERROR, (int)first->code, "%s%s%s", where, first->message, more);
    return FALSE;
}
