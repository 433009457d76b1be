/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill in what QEMU's placement of SPM requires: a cell for the room for hotplug.
 *
 * The SRAT gives that room to the last cell. Where alignment leaves some of it below SPM of that cell, a
 * driver would find the room in place of the SPM. One more cell, without memory, takes the room. */

#include "qemu_spm_postparse.h"

#include "qemu_spm_ns.h"
#include "qemu_spm_place.h"

/* FALSE when one more cell would hide or change what the user wrote: cells out of order, a name of a cell
 * that is not there, tables that have to name every cell, and nodes or a layout of the user's own. */
static gboolean
spm_post_parse_may_add_cell(const SpmDomainDef *def, guint cells)
{
    static const char *const numa[] = { "-numa", NULL };

    for (guint i = 0; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        if (cell->id != i || cell->bad_id)
            return FALSE;
    }
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        if (spm->faulty || spm->cell >= cells)
            return FALSE;
    }
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others) {
        if (other->cell >= (gint64)cells)
            return FALSE;
    }
    return !def->names_next && !def->has_tables && !spm_qemu_place_has_base(def) &&
           !spm_qemu_ns_has_argument(def, numa);
}

/**
 * spm_qemu_needs_cell:
 * @def: a definition after spm_qemu_ns_parse()
 * @options: whether the domain is new
 * @cells: how many of its cells count, from the first
 *
 * Returns: TRUE when the domain gets one more cell, for the room that is below SPM of the last one
 */
gboolean
spm_qemu_needs_cell(const SpmDomainDef *def, const SpmQemuOptions *options, guint cells)
{
    guint64 room;

    return options->is_new && !def->fixed && cells > 0 && cells < spm_qemu_limits.cells.max &&
           spm_post_parse_may_add_cell(def, cells) && spm_qemu_place_find_hidden(def, cells - 1, &room);
}

/**
 * spm_qemu_post_parse:
 * @def: a definition after spm_domain_def_post_parse() and spm_qemu_ns_parse()
 * @options: see spm_qemu_needs_cell()
 *
 * Adds a cell for the room for hotplug where a driver would find that in place of SPM.
 */
void
spm_qemu_post_parse(SpmDomainDef *def, const SpmQemuOptions *options)
{
    if (spm_qemu_needs_cell(def, options, def->cells->len))
        spm_domain_def_add_cell(def);
}
