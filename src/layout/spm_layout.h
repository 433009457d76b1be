/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest-physical map of a domain: where QEMU puts RAM, SPM, other memory devices and room for more. */

#pragma once

#include "qemu_spm_caps.h"

/**
 * SpmRegionKind:
 * @SPM_REGION_RAM: memory of the cells
 * @SPM_REGION_SPM: an spm element
 * @SPM_REGION_DEVICE: any other memory device
 * @SPM_REGION_ROOM: the free parts of the device-memory window
 * @SPM_REGION_IO: below 4 GiB, for PCI, interrupt controllers and firmware
 * @SPM_REGION_UNUSED: from the end of RAM to the start of the window
 */
typedef enum {
    SPM_REGION_RAM,
    SPM_REGION_SPM,
    SPM_REGION_DEVICE,
    SPM_REGION_ROOM,
    SPM_REGION_IO,
    SPM_REGION_UNUSED,
    SPM_REGION_LAST,
} SpmRegionKind;

/* Strings are borrowed from the definition. */
typedef struct {
    SpmRegionKind kind;
    guint64 base;      /* guest-physical, bytes */
    guint64 size;      /* bytes */
    gint64 node;       /* proximity domain, -1: none */
    const char *model; /* of a memory device, or NULL */
    const char *alias; /* of a memory device, or NULL */
} SpmRegion;

typedef struct {
    const char *name; /* of the domain, or NULL */
    gboolean q35;
    GPtrArray *regions; /* of SpmRegion, by address and without gaps from 0 */
    guint64 window;     /* where the device-memory window begins and how long it is, bytes; 0 without one */
    guint64 window_size;
    gboolean amd_moves; /* on a CPU of AMD QEMU moves everything above 4 GiB to 1 TiB */
    gboolean amd_moved; /* and that is what the map shows, as a base of the domain needs it */
} SpmLayout;

void spm_layout_free(SpmLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmLayout, spm_layout_free)

SpmLayout *spm_layout_new(const SpmDomainDef *def, SpmFaults *faults);
char *spm_layout_to_text(const SpmLayout *layout);
char *spm_layout_to_svg(const SpmLayout *layout);

const char *spm_region_name(const SpmRegion *region);
char *spm_region_size(guint64 size);
