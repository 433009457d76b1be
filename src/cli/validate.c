/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm validate: check a document, and warn if the guest's firmware drops the memory. */

#include <stdlib.h>

#include "cli/command.h"
#include "cli/document.h"
#include "host/spm_firmware.h"

/* This is only a warning because the same document works with other firmware, or with a patch to this one. */
static void
spm_cli_validate_warn_of_firmware(const SpmCliDocument *document, const SpmDomainDef *def)
{
    g_autoptr(GPtrArray) images =
        spm_firmware_of_domain(def, document->emulator, spm_firmware_descriptor_dirs);
    xmlNodePtr os = spm_xml_find(def->root, "os");
    xmlNodePtr loader = spm_xml_find(os, "loader");
    g_autofree char *reason = NULL;

    if (spm_firmware_judge(images, &reason) != SPM_FIRMWARE_DROPS)
        return;
    g_printerr(
        "%s:%u: warning: the guest would boot without its <memory model='spm'>, which its firmware does "
        "not pass on: %s; use OVMF 2026.08 or newer, or OVMF or SeaBIOS with libvirt-spm's patches\n",
        document->file, os ? spm_xml_line(loader ? loader : os) : spm_xml_line(def->root), reason);
}

static int
spm_cli_validate_run(const char *argument, char **output, GError **error)
{
    g_auto(SpmCliDocument) document = { 0 };
    g_autoptr(SpmDomainDef) def = spm_cli_document_load(argument, &document, error);

    if (!def)
        return SPM_CLI_REFUSED;
    if (def->spms->len)
        spm_cli_validate_warn_of_firmware(&document, def);
    *output = g_strdup("");
    return EXIT_SUCCESS;
}

const SpmCliCommand spm_cli_validate = {
    .name = "validate",
    .argument = SPM_CLI_DOCUMENT,
    .summary = "Check a document, and print FILE:LINE: MESSAGE for each fault",
    .description = "Nothing is printed for a document without faults. A warning does not change the exit\n"
                   "status: the firmware that the guest would boot is known to drop the memory.",
    .tables = { spm_cli_document_entries },
    .run = spm_cli_validate_run,
};
