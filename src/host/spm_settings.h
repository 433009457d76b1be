/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an administrator can set, in spm.conf beside libvirt's own configuration. */

#pragma once

#include "spm_error.h"

/**
 * SpmSettings:
 * @device: (nullable): QEMU's name of the device to use; NULL: the emulator is asked
 * @allow_contents_loss: a domain may be saved or migrated although its SPM loses its contents
 */
typedef struct {
    const char *device;
    gboolean allow_contents_loss;
} SpmSettings;

char *spm_settings_place(const char *variable, const char *system, const char *folder, const char *name);
char *spm_settings_path(void);
void spm_settings_load(const char *path, SpmSettings *settings, SpmFaults *faults);
