/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a guest's firmware hands specific purpose memory on, and which firmware a domain has. */

#pragma once

#include "spm_domain_conf.h"

/**
 * SpmFirmwareVerdict:
 * @SPM_FIRMWARE_UNKNOWN: nothing is known of the image
 * @SPM_FIRMWARE_PASSES: it hands ranges of type SOFT_RESERVED on to the operating system
 * @SPM_FIRMWARE_DROPS: it does not, so that the guest would boot without SPM
 */
typedef enum {
    SPM_FIRMWARE_UNKNOWN,
    SPM_FIRMWARE_PASSES,
    SPM_FIRMWARE_DROPS,
} SpmFirmwareVerdict;

SpmFirmwareVerdict spm_firmware_scan(const char *path, char **reason);
SpmFirmwareVerdict spm_firmware_judge(const GPtrArray *images, char **reason);

const char *const *spm_firmware_descriptor_dirs(void);
GPtrArray *spm_firmware_described(const char *interface, const char *const *dirs);
GPtrArray *spm_firmware_of_emulator(const char *emulator);
GPtrArray *spm_firmware_of_domain(const SpmDomainDef *def, const char *emulator, const char *const *dirs);
