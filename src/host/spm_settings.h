/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The administrator's settings: spm.conf, next to libvirt's own configuration. */

#pragma once

#include "spm_error.h"

/**
 * SpmSettings:
 * @device: (nullable): QEMU's name of the device that every domain gets; NULL: the emulator's own
 * @allow_contents_loss: TRUE: a domain may be saved or migrated even though its SPM loses its contents
 * @pools: (nullable): by the name of each pool, a GStrv of the paths and patterns of its devices
 */
typedef struct {
    const char *device;
    gboolean allow_contents_loss;
    GTree *pools;
} SpmSettings;

char *spm_settings_place(const char *variable, const char *system, const char *folder, const char *name);
char *spm_settings_path(void);
void spm_settings_load(const char *path, SpmSettings *settings, SpmFaults *faults);
void spm_settings_clear(SpmSettings *settings);
