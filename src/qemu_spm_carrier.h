/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the carrier of an spm element says, so that its backend gets what the element's own cell gives it. */

#pragma once

#include "qemu_spm_caps.h"

/* What a carrier says that its element leaves to the cell. */
typedef enum {
    SPM_INHERITS_ACCESS = 1 << 0,
    SPM_INHERITS_DISCARD = 1 << 1,
    SPM_INHERITS_PAGESIZE = 1 << 2,
    SPM_INHERITS_NODEMASK = 1 << 3,
} SpmInherits;

/* How well a cell of libvirt's stands in for one that libvirt is not given, the best first. */
typedef enum {
    SPM_CARRIER_FITS,
    SPM_CARRIER_DEFAULTS, /* it has something of its own where the other has nothing */
    SPM_CARRIER_MODE,     /* the mode of its memory policy is another one */
    SPM_CARRIER_PATH,     /* its memory policy is another one, and a path takes none of its own */
} SpmCarrierFit;

/**
 * SpmCarrier:
 * @cell: that it names
 * @access: that it has, as is the rest
 * @discard: see @access
 * @pagesize: in KiB, 0 for none
 * @nodemask: (nullable): borrowed from the definition
 * @inherits: which of these come from the element's cell, as #SpmInherits
 * @fit: how well @cell stands in for the element's cell
 */
typedef struct {
    unsigned int cell;
    SpmAccess access;
    SpmTristate discard;
    guint64 pagesize;
    const char *nodemask;
    guint inherits;
    SpmCarrierFit fit;
} SpmCarrier;

const SpmNumaPolicy *spm_qemu_policy(const SpmDomainDef *def, const SpmCellDef *cell);
const char *spm_qemu_policy_mode(const SpmNumaPolicy *policy);
void spm_qemu_carrier_init(SpmCarrier *carrier, const SpmDomainDef *def, const SpmMemoryDef *spm,
                           const SpmQemuOptions *options);
