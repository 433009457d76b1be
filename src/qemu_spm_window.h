/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where QEMU's machines pc and q35 have RAM and the window for memory devices. */

#pragma once

#include "spm_domain_conf.h"

#define SPM_4G (4 * SPM_GIB)
/* The large pages of x86: libvirt's default hugepages, and what QEMU aligns anonymous memory to and libvirt
 * the sizes of memory devices. */
#define SPM_LARGE_PAGE (2 * SPM_MIB)

/* All of it in bytes. */
typedef struct {
    guint64 ram;        /* of all cells */
    guint64 low;        /* the part of it below 4 GiB */
    guint64 above;      /* where the rest begins */
    guint64 base;       /* of the window, guest-physical */
    guint64 size;       /* of the window, 0 without one */
    gboolean amd_moves; /* on a CPU of AMD QEMU moves all that is above 4 GiB to 1 TiB */
} SpmQemuWindow;

guint64 spm_round_up(guint64 value, guint64 align);
guint64 spm_qemu_pagesize(const SpmDomainDef *def, unsigned int cell);
gboolean spm_qemu_machine_is_q35(const char *machine);
gboolean spm_other_memory_is_epc(const SpmOtherMemoryDef *other);
guint64 spm_other_memory_region(const SpmOtherMemoryDef *other);
guint64 spm_cell_def_region(const SpmCellDef *cell);
gboolean spm_qemu_window_find(const SpmDomainDef *def, gboolean q35, gboolean moved, SpmQemuWindow *window);
gboolean spm_qemu_window_holds(const SpmQemuWindow *window, const SpmMemoryDef *spm);
gboolean spm_qemu_window_is_known(const SpmDomainDef *def);
void spm_qemu_window_validate(const SpmDomainDef *def, SpmFaults *faults);
