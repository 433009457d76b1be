/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the chosen emulator's device is called, and what the chosen libvirt can carry. */

#pragma once

#include "spm_domain_conf.h"

/* Versions are libvirt's own numbers: 1,000,000 * major + 1,000 * minor + release. */
#define SPM_LIBVIRT_VERSION(major, minor, release) ((major)*1000000UL + (minor)*1000UL + (release))
#define SPM_LIBVIRT_NEWEST SPM_LIBVIRT_VERSION(12, 8, 0)

/**
 * SpmQemuOptions:
 * @device: QEMU's name of the device: "spm-memory", or "sp-mem" of QEMU 11.1
 * @libvirt_version: the libvirt that will carry the domain
 */
typedef struct {
    const char *device;
    unsigned long libvirt_version;
} SpmQemuOptions;

const char *const *spm_qemu_devices(void);
gboolean spm_qemu_device_is_known(const char *device);
guint spm_qemu_stock_cells(const SpmDomainDef *def, const SpmQemuOptions *options);
unsigned int spm_qemu_carrier_cell(const SpmDomainDef *def, const SpmMemoryDef *spm,
                                   const SpmQemuOptions *options);
