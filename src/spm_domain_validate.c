/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refuse a domain that parses but could not work with any hypervisor: NUMA cells, placement, room, aliases.
 *
 * A driver in the guest looks its memory up by proximity domain and takes the first matching entry of the
 * SRAT. Hence the rules of placement: SPM comes first in the device-memory window, and nothing else shares
 * its cell.
 *
 * Each spm element is compared with each memory device. Parse has limited the numbers of both. */

#include "spm_domain_validate.h"

#include <string.h>

typedef struct {
    const char *model;
    unsigned int line;
    guint64 base;
    guint64 size; /* KiB */
} SpmRange;

static const char *
spm_validate_model(const SpmOtherMemoryDef *other)
{
    return other->model ? other->model : "";
}

/* libvirt would refuse the same, but an old libvirt is not given the cells that only SPM uses. @in_order says
 * whether the cells before @cell have the ids 0, 1 and so on. */
static void
spm_validate_numa_cell(const SpmCellDef *cell, guint index, gboolean in_order, SpmFaults *faults)
{
    if (cell->bad_id)
        spm_faults_add(faults, SPM_ERROR_CONFIG, cell->line,
                       "<cell> of <numa> has id='%s'; it must be a whole number", cell->bad_id);
    else if (!cell->has_memory)
        spm_faults_add(faults, SPM_ERROR_CONFIG, cell->line,
                       "<cell id='%u'> of <numa> has no attribute 'memory'; a cell that only <memory "
                       "model='spm'> uses has memory='0'",
                       cell->id);
    else if (cell->bad_memory.value)
        spm_faults_add(faults, SPM_ERROR_CONFIG, cell->line,
                       "<cell id='%u'> of <numa> has invalid memory '%s' '%s'", cell->id,
                       cell->bad_memory.value, cell->bad_memory.unit);
    else if (in_order && cell->id != index)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, cell->line,
            "<cell id='%u'> of <numa> must be cell %u: the cells' ids are 0, 1 and so on, each used once",
            cell->id, index);
}

static void
spm_validate_numa(const SpmDomainDef *def, SpmFaults *faults)
{
    gboolean in_order = TRUE;

    for (guint i = 0; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        spm_validate_numa_cell(cell, i, in_order, faults);
        in_order = in_order && cell->id == i;
    }
}

static void
spm_validate_shared_cell(const SpmDomainDef *def, const SpmMemoryDef *spm, SpmFaults *faults)
{
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others) {
        if (other->cell == (gint64)spm->cell)
            spm_faults_add(faults, SPM_ERROR_CONFIG, spm->cell_line,
                           "<node> of <memory model='spm'> is '%u', but <memory model='%s'> on line %u uses "
                           "the same cell, and a driver in the guest could find that memory instead; use a "
                           "cell that only SPM uses",
                           spm->cell, spm_validate_model(other), other->line);
    }
}

static void
spm_validate_cell(const SpmDomainDef *def, const SpmMemoryDef *spm, SpmFaults *faults)
{
    const SpmCellDef *cell = spm_domain_def_cell(def, spm->cell);

    if (!cell) {
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->cell_line,
                       "<node> of <memory model='spm'> is '%u', but <numa> of <cpu> has no such cell; "
                       "declare it as <cell id='%u' memory='0' unit='KiB'/>",
                       spm->cell, spm->cell);
        return;
    }
    if (cell->memory)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->cell_line,
                       "<node> of <memory model='spm'> is '%u', but that cell has memory of its own (line "
                       "%u), which a driver in the guest would find instead; use a cell with memory='0'",
                       spm->cell, cell->line);
    spm_validate_shared_cell(def, spm, faults);
}

static void
spm_validate_range(const SpmMemoryDef *spm, SpmFaults *faults)
{
    if (!spm->has_base)
        return;
    if (spm->size * 1024 > SPM_ADDRESS_LIMIT || spm->base > SPM_ADDRESS_LIMIT - spm->size * 1024)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->base_line,
                       "<address> of <memory model='spm'> has base='" SPM_HEX
                       "', which places the range beyond the 52 bits of a physical address",
                       spm->base);
}

static void
spm_validate_backend(const SpmMemoryDef *spm, SpmFaults *faults)
{
    if (spm->path && spm->discard == SPM_TRISTATE_YES)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->line,
                       "<memory model='spm'> has discard='yes', which cannot be combined with <%s>",
                       spm->pool ? "pool" : "path");
}

/* "ua-" and at least one character after it. */
static gboolean
spm_validate_is_user_alias(const char *alias)
{
    static const char allowed[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-";

    return g_str_has_prefix(alias, "ua-") && alias[3] && !alias[3 + strspn(alias + 3, allowed)];
}

static void
spm_validate_alias(const SpmDomainDef *def, const SpmMemoryDef *spm, SpmFaults *faults)
{
    const SpmAliasUse *use = g_tree_lookup(def->aliases, spm->alias);

    if (!spm_validate_is_user_alias(spm->alias))
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->alias_line,
                       "<alias> of <memory model='spm'> has name='%s'; it must be 'ua-' followed by letters, "
                       "digits, '_' or '-'",
                       spm->alias);
    else if (use && use->device)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->alias_line,
                       "<alias> of <memory model='spm'> has name='%s', which <%s> on line %u already has",
                       spm->alias, use->device, use->line);
    /* of two spm elements the second one is the duplicate */
    else if (use && use->spm != spm)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->alias_line,
                       "<alias> of <memory model='spm'> has name='%s', which <memory> on line %u already has",
                       spm->alias, use->spm->line);
}

static void
spm_validate_pair(const SpmMemoryDef *spm, const SpmRange *other, gboolean is_spm, SpmFaults *faults)
{
    guint64 spm_last = spm->base + (spm->size * 1024 - 1);
    guint64 other_last = other->base + (other->size ? other->size * 1024 - 1 : 0);

    if (spm->base <= other_last && other->base <= spm_last)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, spm->base_line,
            "<address> of <memory model='spm'> has base='" SPM_HEX
            "', whose range overlaps that of <memory model='%s'> on line %u, which begins at " SPM_HEX,
            spm->base, other->model, other->line, other->base);
    else if (!is_spm && spm->base > other->base)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->base_line,
                       "<address> of <memory model='spm'> has base='" SPM_HEX
                       "', which is above base " SPM_HEX
                       " of <memory model='%s'> on line %u; SPM must be below every other memory device",
                       spm->base, other->base, other->model, other->line);
}

static void
spm_validate_placement(const SpmDomainDef *def, guint index, SpmFaults *faults)
{
    const SpmMemoryDef *spm = g_ptr_array_index(def->spms, index);

    if (!spm->has_base)
        return;
    for (guint i = 0; i < index; i++) {
        const SpmMemoryDef *other = g_ptr_array_index(def->spms, i);
        const SpmRange range = { "spm", other->line, other->base, other->size };

        if (other->has_base && !other->faulty)
            spm_validate_pair(spm, &range, TRUE, faults);
    }
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others) {
        const SpmRange range = { spm_validate_model(other), other->line, other->base, other->size };

        if (other->has_base)
            spm_validate_pair(spm, &range, FALSE, faults);
    }
}

/* libvirt would refuse the same, but translation overwrites the slots. */
static void
spm_validate_max_memory(const SpmDomainDef *def, SpmFaults *faults)
{
    guint64 total = spm_domain_def_total(def);

    if (def->bad_slots)
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->max_memory_line,
                       "<maxMemory> has slots='%s'; it must be a whole number", def->bad_slots);
    if (def->bad_max_memory.value)
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->max_memory_line,
                       "<maxMemory> has invalid size '%s' '%s'", def->bad_max_memory.value,
                       def->bad_max_memory.unit);
    else if (def->has_max_memory && total > def->max_memory)
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->max_memory_line,
                       "<maxMemory> is %" G_GUINT64_FORMAT
                       " KiB, but the cells and the memory devices, including <memory model='spm'>, take "
                       "%" G_GUINT64_FORMAT " KiB",
                       def->max_memory, total);
}

/**
 * spm_domain_def_validate:
 * @def: a definition after post-parse; spm elements that break the grammar are passed over
 * @faults: the list to which each reason to refuse it is added: SPM_ERROR_CONFIG
 */
void
spm_domain_def_validate(const SpmDomainDef *def, SpmFaults *faults)
{
    if (def->spms->len == 0)
        return;

    spm_validate_numa(def, faults);
    for (guint i = 0; i < def->spms->len; i++) {
        const SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);

        if (spm->faulty)
            continue;
        spm_validate_cell(def, spm, faults);
        spm_validate_range(spm, faults);
        spm_validate_backend(spm, faults);
        spm_validate_alias(def, spm, faults);
        spm_validate_placement(def, i, faults);
    }
    spm_validate_max_memory(def, faults);
}
