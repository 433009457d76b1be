/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which firmware a domain boots, and whether it passes specific purpose memory on. */

#pragma once

#include "spm_domain_conf.h"

/**
 * SpmFirmwareVerdict:
 * @SPM_FIRMWARE_UNKNOWN: it is not known what the image does
 * @SPM_FIRMWARE_PASSES: it passes ranges of type SOFT_RESERVED on to the operating system
 * @SPM_FIRMWARE_DROPS: it drops them, so the guest would boot without SPM
 */
typedef enum {
    SPM_FIRMWARE_UNKNOWN,
    SPM_FIRMWARE_PASSES,
    SPM_FIRMWARE_DROPS,
} SpmFirmwareVerdict;

SpmFirmwareVerdict spm_firmware_scan(const char *path, char **reason);
SpmFirmwareVerdict spm_firmware_judge(const GPtrArray *images, char **reason);

/* The folders of the system's firmware descriptors, NULL-terminated. */
extern const char *const spm_firmware_descriptor_dirs[];

GPtrArray *spm_firmware_described(const char *interface, const char *const *dirs);
GPtrArray *spm_firmware_of_emulator(const char *emulator);
GPtrArray *spm_firmware_of_domain(const SpmDomainDef *def, const char *emulator, const char *const *dirs);
