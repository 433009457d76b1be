/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm argv: QEMU's options for the specific purpose memory. */

#include <stdlib.h>

#include "cli/command.h"
#include "cli/document.h"
#include "qemu_spm.h"

static int
spm_cli_argv_run(const char *argument, char **output, GError **error)
{
    g_auto(SpmCliDocument) document = { 0 };
    g_autoptr(SpmDomainDef) def = spm_cli_document_load(argument, &document, error);
    g_auto(GStrv) argv = NULL;
    GString *text;

    if (!def)
        return SPM_CLI_REFUSED;
    argv = spm_qemu_argv(def, &document.qemu);
    text = g_string_new(NULL);
    /* an option and its value on each line, quoted for a shell */
    for (char **option = argv; *option; option += 2) {
        g_autofree char *value = g_shell_quote(option[1]);

        g_string_append_printf(text, "%s %s%s\n", option[0], value, option[2] ? " \\" : "");
    }
    *output = g_string_free(text, FALSE);
    return EXIT_SUCCESS;
}

const SpmCliCommand spm_cli_argv = {
    .name = "argv",
    .argument = SPM_CLI_DOCUMENT,
    .summary = "Print QEMU's options for the memory",
    .description = "These are the -object and -device options that libvirt generates, one on each line.",
    .tables = { spm_cli_document_entries },
    .run = spm_cli_argv_run,
};
