/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command's document, and the options that name the libvirt and the emulator it is meant for. */

#pragma once

#include "qemu_spm_caps.h"
#include "spm_xml.h"

#define SPM_CLI_DOCUMENT "DOMAIN.xml"

/* --device, --emulator and --libvirt-version */
extern const GOptionEntry spm_cli_document_entries[];

/**
 * SpmCliDocument:
 * @file: its name, as the user gave it; "-" is standard input
 * @text: its contents
 * @doc: (nullable): the tree, once spm_cli_document_load() has parsed it
 * @emulator: (nullable): the absolute path of --emulator
 * @qemu: the device and the libvirt version
 */
typedef struct {
    const char *file;
    char *text;
    xmlDocPtr doc;
    char *emulator;
    SpmQemuOptions qemu;
} SpmCliDocument;

gboolean spm_cli_document_read(const char *file, SpmCliDocument *document, GError **error);
SpmDomainDef *spm_cli_document_load(const char *file, SpmCliDocument *document, GError **error);
void spm_cli_document_print_faults(const SpmCliDocument *document, const SpmFaults *faults);
void spm_cli_document_clear(SpmCliDocument *document);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmCliDocument, spm_cli_document_clear)
