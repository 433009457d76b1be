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

/* Loading reports each fault with its line. It also changes the tree, so the translation starts from the
 * text. */
static char *
spm_cli_translate_in(SpmCliDocument *document)
{
    g_autoptr(SpmDomainDef) def = spm_cli_document_load(document);

    return def ? spm_translate_in(document->text, &document->qemu, NULL) : NULL;
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
