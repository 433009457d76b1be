/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm translate: a document as stock libvirt carries it, and back. */

#include "spm_translate.h"

#include <stdlib.h>

#include "cli/command.h"
#include "cli/document.h"

static gboolean spm_cli_translate_reverse;

static const GOptionEntry spm_cli_translate_entries[] = {
    { "reverse", 0, 0, G_OPTION_ARG_NONE, &spm_cli_translate_reverse,
      "Translate stock XML back, and print its <memory model='spm'>", NULL },
    G_OPTION_ENTRY_NULL,
};

static char *
spm_cli_translate_in(SpmCliDocument *document)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(SpmDomainDef) def = NULL;
    guint count = 0;

    document->doc = spm_xml_parse(document->text, faults);
    if (document->doc)
        count = spm_translate_in_doc(document->doc, &document->qemu, faults);
    /* stock XML is not translated, but it may be wrong as well */
    if (document->doc && !count && !faults->len)
        def = spm_translate_load(document->doc, &document->qemu, faults);
    spm_cli_document_print_faults(document, faults);
    if (faults->len)
        return NULL;
    return count ? spm_xml_format(document->doc) : g_strdup(document->text);
}

static char *
spm_cli_translate_out(const SpmCliDocument *document)
{
    g_autoptr(GError) error = NULL;
    char *text = spm_translate_out(document->text, &error);

    if (!text)
        g_printerr("%s: %s\n", document->file, error->message);
    return text;
}

static int
spm_cli_translate_run(const char *argument, char **output, GError **error)
{
    g_auto(SpmCliDocument) document = { 0 };

    if (!spm_cli_document_read(argument, &document, error))
        return SPM_CLI_ENVIRONMENT;
    *output = spm_cli_translate_reverse ? spm_cli_translate_out(&document) : spm_cli_translate_in(&document);
    return *output ? EXIT_SUCCESS : SPM_CLI_REFUSED;
}

const SpmCliCommand spm_cli_translate = {
    .name = "translate",
    .argument = SPM_CLI_DOCUMENT,
    .summary = "Print the XML that stock libvirt is given, or the reverse",
    .description = "Stock libvirt can carry what is printed. --reverse undoes it.",
    .tables = { spm_cli_translate_entries, spm_cli_document_entries },
    .run = spm_cli_translate_run,
};
