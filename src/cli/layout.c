/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm layout: the guest-physical map. */

#include "layout/spm_layout.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/document.h"

static char *spm_cli_layout_format;

static const GOptionEntry spm_cli_layout_entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &spm_cli_layout_format, "How to draw it: text (default) or svg",
      "FORMAT" },
    G_OPTION_ENTRY_NULL,
};

/* How --format draws; the first is the default. */
static const struct {
    const char *name;
    char *(*draw)(const SpmLayout *layout);
} spm_cli_layout_formats[] = {
    { "text", spm_layout_to_text },
    { "svg", spm_layout_to_svg },
};

/* The index in the table above, or -1. */
static int
spm_cli_layout_find_format(const char *name, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_cli_layout_formats); i++) {
        if (!name || strcmp(spm_cli_layout_formats[i].name, name) == 0)
            return (int)i;
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "unknown format '%s'; expected text or svg",
                name);
    return -1;
}

static int
spm_cli_layout_run(const char *argument, char **output, GError **error)
{
    const int format = spm_cli_layout_find_format(spm_cli_layout_format, error);
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_auto(SpmCliDocument) document = { 0 };
    g_autoptr(SpmDomainDef) def = NULL;
    g_autoptr(SpmLayout) layout = NULL;

    if (format < 0)
        return SPM_CLI_USAGE;
    def = spm_cli_document_load(argument, &document, error);
    layout = def ? spm_layout_new(def, faults) : NULL;
    spm_cli_document_print_faults(&document, faults);
    if (!layout)
        return SPM_CLI_REFUSED;
    *output = spm_cli_layout_formats[format].draw(layout);
    return EXIT_SUCCESS;
}

const SpmCliCommand spm_cli_layout = {
    .name = "layout",
    .argument = SPM_CLI_DOCUMENT,
    .summary = "Draw the guest-physical map",
    .description =
        "The map shows RAM, specific purpose memory, other memory devices and the room for hotplug,\n"
        "with the NUMA node of each.",
    .tables = { spm_cli_layout_entries, spm_cli_document_entries },
    .run = spm_cli_layout_run,
};
