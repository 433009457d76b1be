/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the chosen emulator's device is called, and what the chosen libvirt can carry. */

#pragma once

#include "spm_domain_conf.h"

/* Versions are libvirt's own numbers: 1,000,000 * major + 1,000 * minor + release. */
#define SPM_LIBVIRT_VERSION(major, minor, release) ((major)*1000000UL + (minor)*1000UL + (release))
/* libvirt 9.0 cannot start a domain whose QEMU reports a memory device of an unknown kind;
 * 10.0 is the oldest version known to work. */
#define SPM_LIBVIRT_OLDEST SPM_LIBVIRT_VERSION(10, 0, 0)
/* The newest that was tested. */
#define SPM_LIBVIRT_NEWEST SPM_LIBVIRT_VERSION(12, 8, 0)

/**
 * SpmQemuChooser:
 * @def: a valid definition with spm elements
 * @data: of SpmQemuOptions
 * @error: set on failure
 *
 * Returns: (transfer none): QEMU's name of the device that @def gets, or NULL
 */
typedef const char *(*SpmQemuChooser)(const SpmDomainDef *def, gpointer data, GError **error);

/**
 * SpmQemuOptions:
 * @device: (nullable): QEMU's name of the device: "spm-memory", or "sp-mem" of QEMU 11.1; NULL to ask @choose
 * @libvirt_version: the libvirt that will carry the domain
 * @is_new: TRUE: the domain is about to be defined or created, so it may still get a cell
 * @choose: (nullable): without @device, names the device of each domain
 * @data: for @choose
 */
typedef struct {
    const char *device;
    unsigned long libvirt_version;
    gboolean is_new;
    SpmQemuChooser choose;
    gpointer data;
} SpmQemuOptions;

extern const SpmLimits spm_qemu_limits;

unsigned long spm_libvirt_version_of_file(const char *file);
char *spm_libvirt_version_name(unsigned long version);
const char *spm_qemu_device_name(gsize index);
const char *spm_qemu_device_find(const char *device);
void spm_qemu_set_no_device(GError **error, SpmErrorCode code, const char *emulator);
gboolean spm_qemu_device_moves_contents(const char *device);
guint spm_qemu_stock_cells(const SpmDomainDef *def, const SpmQemuOptions *options);
