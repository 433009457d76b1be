/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains in the files where libvirt stores them. */

#pragma once

#include "spm_error.h"

/**
 * SpmStoredDomain:
 * @device: (nullable): QEMU's name of the domain's device; NULL: the domain has no SPM, and the rest is not
 *   filled in
 * @name: its name
 * @uuid: its UUID, which is valid and safe in a shell command
 * @emulator: (nullable): the path of its emulator
 */
typedef struct {
    const char *device;
    char *name;
    char *uuid;
    char *emulator;
} SpmStoredDomain;

gboolean spm_stored_domain_load(const char *path, SpmStoredDomain *domain, GError **error);
void spm_stored_domain_clear(SpmStoredDomain *domain);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmStoredDomain, spm_stored_domain_clear)
