/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm doctor: what keeps specific purpose memory from working on this host. */

#include "host/spm_doctor.h"

#include <stdlib.h>

#include "cli/command.h"

static char *spm_cli_doctor_emulator;
static char *spm_cli_doctor_root;

static const GOptionEntry spm_cli_doctor_entries[] = {
    { "emulator", 0, 0, G_OPTION_ARG_FILENAME, &spm_cli_doctor_emulator, "Examine this QEMU only", "PATH" },
    { "root", 0, 0, G_OPTION_ARG_FILENAME, &spm_cli_doctor_root,
      "The folder that holds the host's files (default: /)", "DIR" },
    G_OPTION_ENTRY_NULL,
};

static int
spm_cli_doctor_run(const char *argument G_GNUC_UNUSED, char **output, GError **error G_GNUC_UNUSED)
{
    g_autofree char *emulator =
        spm_cli_doctor_emulator ? g_canonicalize_filename(spm_cli_doctor_emulator, NULL) : NULL;
    g_autoptr(GString) report = g_string_new(NULL);

    if (!spm_doctor_examine(spm_cli_doctor_root ? spm_cli_doctor_root : "/", emulator, report)) {
        g_printerr("%s", report->str);
        return SPM_CLI_ENVIRONMENT;
    }
    *output = g_strdup(report->str);
    return EXIT_SUCCESS;
}

const SpmCliCommand spm_cli_doctor = {
    .name = "doctor",
    .summary = "Look for what keeps the memory from working on this host",
    .description = "Each line of the report begins with ok, note or problem. The next step is below each\n"
                   "problem. Run it as root: other users cannot see which module a daemon has loaded.",
    .tables = { spm_cli_doctor_entries },
    .run = spm_cli_doctor_run,
};
