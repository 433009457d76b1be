/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm probe: which device a QEMU has. */

#include "host/spm_probe.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "qemu_spm_caps.h"

/* The lines of "-device NAME,help" that name a property. */
static char *
spm_cli_probe_properties(const char *emulator, const char *device, GError **error)
{
    g_autofree char *value = g_strdup_printf("%s,help", device);
    g_autofree char *help = spm_probe_run(emulator, "-device", value, SPM_PROBE_MILLISECONDS, error);
    g_auto(GStrv) lines = help ? g_strsplit(help, "\n", -1) : NULL;
    GString *text;

    if (!help)
        return NULL;
    text = g_string_new(NULL);
    for (char **line = lines; *line; line++) {
        if (g_str_has_prefix(*line, "  "))
            g_string_append_printf(text, "property: %s\n", g_strchug(*line));
    }
    return g_string_free(text, FALSE);
}

static int
spm_cli_probe_run(const char *argument, char **output, GError **error)
{
    g_autofree char *emulator = g_canonicalize_filename(argument, NULL);
    const char *device = spm_probe_emulator(emulator, error);
    g_autofree char *version =
        device ? spm_probe_run(emulator, "-version", NULL, SPM_PROBE_MILLISECONDS, error) : NULL;
    g_autofree char *properties = version ? spm_cli_probe_properties(emulator, device, error) : NULL;

    if (!properties)
        return SPM_CLI_ENVIRONMENT;
    version[strcspn(version, "\n")] = '\0';
    *output = g_strdup_printf("version:  %s\ndevice:   %s\n%scontents: %s\n", version, device, properties,
                              spm_qemu_device_moves_contents(device)
                                  ? "preserved by migration, save and snapshots"
                                  : "not preserved by migration, save or snapshots; these are refused");
    return EXIT_SUCCESS;
}

const SpmCliCommand spm_cli_probe = {
    .name = "probe",
    .argument = "EMULATOR",
    .summary = "Print which device a QEMU has",
    .description = "This runs the QEMU, as user nobody if you are root, and prints its version, its device,\n"
                   "the device's properties, and whether the contents survive a save or a migration.",
    .run = spm_cli_probe_run,
};
