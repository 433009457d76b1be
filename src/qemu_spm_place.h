/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where QEMU places the memory devices of a domain. */

#pragma once

#include "qemu_spm_caps.h"
#include "qemu_spm_window.h"

/* One device in the window. Strings are borrowed from the definition. */
typedef struct {
    gboolean is_spm;
    guint64 base;      /* guest-physical, bytes */
    guint64 size;      /* bytes */
    gint64 node;       /* proximity domain, -1: none */
    const char *model; /* NULL for none */
    const char *alias; /* NULL for none */
    unsigned int line;
} SpmPlace;

gboolean spm_qemu_place_window(const SpmDomainDef *def, SpmQemuWindow *window, gboolean *moved);
GArray *spm_qemu_place_all(const SpmDomainDef *def, const SpmQemuWindow *window, SpmFaults *faults);
const SpmMemoryDef *spm_qemu_place_find_hidden(const SpmDomainDef *def, unsigned int highest, guint64 *room);
gboolean spm_qemu_place_has_base(const SpmDomainDef *def);
void spm_qemu_place_validate(const SpmDomainDef *def, SpmFaults *faults);
