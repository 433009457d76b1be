/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm host: the memory that this host can give to guests. */

#include "host/spm_host.h"

#include <stdlib.h>

#include "cli/command.h"
#include "spm_list.h"

static gboolean spm_cli_host_json;
static gboolean spm_cli_host_xml;
static char *spm_cli_host_root;

static const GOptionEntry spm_cli_host_entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &spm_cli_host_json, "Print JSON", NULL },
    { "xml", 0, 0, G_OPTION_ARG_NONE, &spm_cli_host_xml, "Print a domain that has the free devices", NULL },
    { "root", 0, 0, G_OPTION_ARG_FILENAME, &spm_cli_host_root,
      "The folder that holds the host's files (default: /)", "DIR" },
    G_OPTION_ENTRY_NULL,
};

static int
spm_cli_host_run(const char *argument G_GNUC_UNUSED, char **output, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(JsonObject) host = NULL;

    if (spm_cli_host_json && spm_cli_host_xml) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--json and --xml exclude each other");
        return SPM_CLI_USAGE;
    }
    host = spm_host_read(spm_cli_host_root ? spm_cli_host_root : "/", faults, error);
    if (!host)
        return SPM_CLI_ENVIRONMENT;
    SPM_FOREACH(const SpmFault, fault, faults->list)
        g_printerr("virt-spm: warning: %s\n", fault->message);
    if (spm_cli_host_xml)
        *output = spm_host_format_xml(host, error);
    else
        *output = spm_cli_host_json ? spm_host_format_json(host) : spm_host_format_text(host);
    return *output ? EXIT_SUCCESS : SPM_CLI_ENVIRONMENT;
}

const SpmCliCommand spm_cli_host = {
    .name = "host",
    .summary = "Show the memory that this host can give to guests",
    .description =
        "It shows the soft-reserved ranges, the dax devices with the domains that use them, and the\n"
        "NUMA nodes. Run it as root: other users see neither addresses nor domains.",
    .tables = { spm_cli_host_entries },
    .run = spm_cli_host_run,
};
