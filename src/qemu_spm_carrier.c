/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the carrier of an spm element says, so that its backend gets what the element's own cell gives it.
 *
 * A cell sets defaults for the backends of its memory devices: how they are mapped, their pages, and the
 * host's nodes. If libvirt is not given the cell, the carrier names another one and says itself what differs.
 * It cannot say the mode of a memory policy, nor that there is none of something. Such things decide which
 * cell it names. */

#include "qemu_spm_carrier.h"

#include <string.h>

#include "qemu_spm_window.h"
#include "spm_cpuset.h"

/* A memory device of such pages has none of hugepages: libvirt takes it as not given. */
#define SPM_SYSTEM_PAGE 4

/* How the memory of an element is to be backed; the element's own choices are not in it. */
typedef struct {
    const SpmCellDef *cell;
    const SpmNumaPolicy *policy;
    guint64 pagesize;
} SpmCellBacking;

/**
 * spm_qemu_policy:
 * @def: a definition
 * @cell: one of its cells
 *
 * Returns: (transfer none): the memory policy that libvirt applies to the memory of @cell
 */
const SpmNumaPolicy *
spm_qemu_policy(const SpmDomainDef *def, const SpmCellDef *cell)
{
    return cell->has_policy ? &cell->policy : &def->policy;
}

/**
 * spm_qemu_policy_mode:
 * @policy: a memory policy
 *
 * Returns: (transfer none): libvirt's name of its mode
 */
const char *
spm_qemu_policy_mode(const SpmNumaPolicy *policy)
{
    return policy->mode ? policy->mode : "strict";
}

static SpmCellBacking
spm_carrier_cell_backing(const SpmDomainDef *def, const SpmCellDef *cell)
{
    return (SpmCellBacking){ cell, spm_qemu_policy(def, cell), spm_qemu_pagesize(def, cell->id) };
}

static gboolean
spm_carrier_is_same_nodeset(const SpmNumaPolicy *one, const SpmNumaPolicy *other)
{
    return !one->nodeset == !other->nodeset && memcmp(&one->nodes, &other->nodes, sizeof(one->nodes)) == 0;
}

static SpmCarrierFit
spm_carrier_fit_policy(const SpmMemoryDef *spm, const SpmCellBacking *own, const SpmCellBacking *stock)
{
    gboolean same = spm_carrier_is_same_nodeset(own->policy, stock->policy);
    const char *nodemask = spm->nodemask ? spm->nodemask : own->policy->nodeset;
    gboolean same_mode = strcmp(spm_qemu_policy_mode(own->policy), spm_qemu_policy_mode(stock->policy)) == 0;

    if (!nodemask)
        return stock->policy->nodeset ? SPM_CARRIER_DEFAULTS : SPM_CARRIER_FITS;
    if (same_mode && (same || !spm->path))
        return SPM_CARRIER_FITS;
    if (!own->cell->has_policy)
        return SPM_CARRIER_DEFAULTS;
    return same_mode ? SPM_CARRIER_PATH : SPM_CARRIER_MODE;
}

static SpmCarrierFit
spm_carrier_fit(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmCellBacking *own,
                const SpmCellBacking *stock)
{
    SpmCarrierFit fit = spm_carrier_fit_policy(spm, own, stock);
    gboolean access = spm->access || own->cell->access || def->backing.access || !stock->cell->access;
    gboolean discard = spm->discard || own->cell->discard || def->backing.discard || !stock->cell->discard;

    return access && discard ? fit : MAX(fit, SPM_CARRIER_DEFAULTS);
}

/* The cell that stands in best for that of @spm: the first one of those that are equally good. */
static SpmCellBacking
spm_carrier_choose(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmCellBacking *own,
                   guint stock_cells, SpmCarrierFit *fit)
{
    SpmCellBacking best = spm_carrier_cell_backing(def, g_ptr_array_index(def->cells, 0));

    *fit = spm_carrier_fit(def, spm, own, &best);
    for (guint i = 1; i < stock_cells && *fit != SPM_CARRIER_FITS; i++) {
        SpmCellBacking next = spm_carrier_cell_backing(def, g_ptr_array_index(def->cells, i));
        SpmCarrierFit next_fit = spm_carrier_fit(def, spm, own, &next);

        if (next_fit < *fit) {
            best = next;
            *fit = next_fit;
        }
    }
    return best;
}

/* Has @carrier say what @own gives its backend and @stock does not. */
static void
spm_carrier_inherit(SpmCarrier *carrier, const SpmDomainDef *def, const SpmMemoryDef *spm,
                    const SpmCellBacking *own, const SpmCellBacking *stock)
{
    if (!carrier->access) {
        carrier->access = own->cell->access     ? own->cell->access
                          : stock->cell->access ? def->backing.access
                                                : 0;
        carrier->inherits |= carrier->access ? SPM_INHERITS_ACCESS : 0;
    }
    if (!carrier->discard) {
        carrier->discard = own->cell->discard     ? own->cell->discard
                           : stock->cell->discard ? def->backing.discard
                                                  : 0;
        carrier->inherits |= carrier->discard ? SPM_INHERITS_DISCARD : 0;
    }
    if (spm->path)
        return;
    if (!carrier->pagesize && own->pagesize != stock->pagesize) {
        carrier->pagesize = own->pagesize ? own->pagesize : SPM_SYSTEM_PAGE;
        carrier->inherits |= SPM_INHERITS_PAGESIZE;
    }
    if (!carrier->nodemask && own->policy->nodeset &&
        !spm_carrier_is_same_nodeset(own->policy, stock->policy)) {
        carrier->nodemask = own->policy->nodeset;
        carrier->inherits |= SPM_INHERITS_NODEMASK;
    }
}

/**
 * spm_qemu_carrier_init:
 * @carrier: (out): what the carrier says
 * @def: a definition, which @carrier borrows from
 * @spm: one of its spm elements
 * @options: for which libvirt
 *
 * If libvirt is given the cell of @spm, the carrier says what @spm does.
 */
void
spm_qemu_carrier_init(SpmCarrier *carrier, const SpmDomainDef *def, const SpmMemoryDef *spm,
                      const SpmQemuOptions *options)
{
    guint stock_cells = spm_qemu_stock_cells(def, options);
    const SpmCellDef *cell = spm_domain_def_cell(def, spm->cell);
    SpmCellBacking own, stock;

    *carrier = (SpmCarrier){
        .cell = spm->cell,
        .access = spm->access,
        .discard = spm->discard,
        .pagesize = spm->pagesize,
        .nodemask = spm->nodemask,
    };
    if (spm->cell < stock_cells)
        return;
    carrier->cell = 0;
    if (!cell || !stock_cells)
        return;
    own = spm_carrier_cell_backing(def, cell);
    stock = spm_carrier_choose(def, spm, &own, stock_cells, &carrier->fit);
    carrier->cell = stock.cell->id;
    spm_carrier_inherit(carrier, def, spm, &own, &stock);
}
