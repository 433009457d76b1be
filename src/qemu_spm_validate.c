/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refuse what QEMU could not start or the chosen libvirt could not carry to it, and run all validators. */

#include "qemu_spm_validate.h"

#include <string.h>

#include "qemu_spm_carrier.h"
#include "qemu_spm_ns.h"
#include "qemu_spm_numa.h"
#include "qemu_spm_place.h"
#include "qemu_spm_window.h"
#include "spm_cpuset.h"
#include "spm_domain_validate.h"

/* In characters. */
#define SPM_QEMU_NODESETS_MAX 16384U

/* ---- QEMU ---- */

static void
spm_qemu_validate_machine(const SpmDomainDef *def, SpmFaults *faults)
{
    static const char *const types[] = { "kvm", "qemu", NULL };
    /* families of x86 machine types that announce memory devices in E820 and SRAT, and Ubuntu's names */
    static const char *const machines[] = { "pc", "q35", "ubuntu", "ubuntu-q35", NULL };
    const SpmMemoryDef *first = g_ptr_array_index(def->spms, 0);

    if (!def->type || !g_strv_contains(types, def->type))
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->line,
                       "<domain> has type='%s'; <memory model='spm'> requires 'kvm' or 'qemu'",
                       def->type ? def->type : "");
    if (def->arch && strcmp(def->arch, "x86_64") != 0)
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->os_line,
                       "<type> of <os> has arch='%s'; <memory model='spm'> requires 'x86_64'", def->arch);
    if (def->machine && !g_strv_contains(machines, def->machine) && !g_str_has_prefix(def->machine, "pc-"))
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->os_line,
                       "<type> of <os> has machine='%s'; <memory model='spm'> requires a machine of the 'pc' "
                       "or 'q35' family, which announces it to the guest",
                       def->machine);
    if (!def->acpi)
        spm_faults_add(faults, SPM_ERROR_CONFIG, first->line,
                       "<memory model='spm'> requires <acpi/> in <features>; without ACPI the guest cannot "
                       "tell which NUMA node the memory is");
}

/* QEMU aligns the address and the size of a memory device to the pages of its backend. */
static void
spm_qemu_validate_alignment(const SpmMemoryDef *spm, SpmFaults *faults)
{
    guint64 large = SPM_LARGE_PAGE / SPM_KIB;
    guint64 align = MAX(large, MAX(spm->pagesize, spm->alignsize));
    const char *element = spm->alignsize > spm->pagesize ? "alignsize" : "pagesize";
    g_autofree char *what = align == large
                                ? g_strdup("2 MiB")
                                : g_strdup_printf("its <%s>, %" G_GUINT64_FORMAT " KiB", element, align);

    if (spm->size % align)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->size_line,
                       "<size> of <memory model='spm'> is %" G_GUINT64_FORMAT
                       " KiB; it must be a multiple of %s",
                       spm->size, what);
    if (spm->base / SPM_KIB % align || spm->base % SPM_KIB)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm->base_line,
                       "<address> of <memory model='spm'> has base='" SPM_HEX
                       "'; it must be a multiple of %s (" SPM_HEX ")",
                       spm->base, what, align * SPM_KIB);
}

/* Finds a memory device of the window without a base. */
static gboolean
spm_qemu_validate_find_without_base(const SpmDomainDef *def, const char **model, unsigned int *line)
{
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        *model = "spm";
        *line = spm->line;
        if (!spm->has_base)
            return TRUE;
    }
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others) {
        *model = other->model ? other->model : "";
        *line = other->line;
        if (!other->has_base && !spm_other_memory_is_epc(other))
            return TRUE;
    }
    return FALSE;
}

/* Either every device of the window has a base or the SPMs have none: QEMU could place a device without a
 * base below an SPM that has one. */
static void
spm_qemu_validate_mixed_bases(const SpmDomainDef *def, SpmFaults *faults)
{
    const char *model;
    unsigned int line;

    if (!spm_qemu_validate_find_without_base(def, &model, &line))
        return;
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        if (spm->has_base && !spm->faulty)
            spm_faults_add(faults, SPM_ERROR_CONFIG, spm->base_line,
                           "<address> of <memory model='spm'> has base='" SPM_HEX
                           "', but <memory model='%s'> on line %u has none; give every memory device a base, "
                           "or none of them",
                           spm->base, model, line);
    }
}

/* A carrier is a DIMM, which takes a slot (spm_translate.c). */
static void
spm_qemu_validate_slots(const SpmDomainDef *def, SpmFaults *faults)
{
    guint max = spm_qemu_limits.spms.max;

    if (def->slots + def->spms->len > max)
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->max_memory_line,
                       "<maxMemory> has slots='%u', and <memory model='spm'> takes %u more; slots plus the "
                       "number of spm elements must not exceed %u",
                       def->slots, def->spms->len, max);
}

static void
spm_qemu_validate_variables(const SpmDomainDef *def, SpmFaults *faults)
{
    unsigned int line = spm_qemu_ns_variable_line(def, SPM_QEMU_CELLS_VARIABLE);

    if (line)
        spm_faults_add(faults, SPM_ERROR_CONFIG, line,
                       "<env> of <commandline> has name='" SPM_QEMU_CELLS_VARIABLE
                       "', which libvirt-spm sets itself; remove the element");
}

static void
spm_qemu_validate_overrides(const SpmDomainDef *def, SpmFaults *faults)
{
    static const SpmQemuProperty ours[] = { SPM_QEMU_DRIVER, SPM_QEMU_SLOT, SPM_QEMU_NODE };

    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        const SpmQemuOverride *override = spm_qemu_ns_override(def, spm->alias);

        for (gsize j = 0; override && j < G_N_ELEMENTS(ours); j++) {
            if (override->properties[ours[j]])
                spm_faults_add(faults, SPM_ERROR_CONFIG, spm_qemu_override_line(override, ours[j]),
                               "<property> of <override> sets '%s' of <memory model='spm'> with alias '%s', "
                               "which libvirt-spm sets itself; remove the property",
                               spm_qemu_property_names[ours[j]], spm->alias);
        }
    }
}

/* ---- libvirt ---- */

/* An attribute or a child that a cell which is left out cannot have. */
static void
spm_qemu_validate_extra(const SpmCellDef *cell, const SpmCellExtra *extra, SpmFaults *faults)
{
    static const struct {
        const char *name, *values;
    } choices[] = { { "memAccess", "'shared' or 'private'" }, { "discard", "'yes' or 'no'" } };
    g_autofree char *what = extra->element ? g_strdup_printf("<%s>", extra->name)
                                           : g_strdup_printf("the attribute '%s'", extra->name);

    for (gsize i = 0; !extra->element && i < G_N_ELEMENTS(choices); i++) {
        if (strcmp(extra->name, choices[i].name) != 0)
            continue;
        spm_faults_add(faults, SPM_ERROR_CONFIG, extra->line, "<cell id='%u'> has an invalid %s; expected %s",
                       cell->id, extra->name, choices[i].values);
        return;
    }
    if (!extra->element && strcmp(extra->name, "cpus") == 0)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, extra->line,
            "<cell id='%u'> has cpus, but no memory; libvirt before 11.8.0 cannot have such a cell, "
            "and gives CPUs that no cell has to <cell id='0'>; give the CPUs to a cell with memory, or "
            "use a newer libvirt",
            cell->id);
    else
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, extra->line,
            "<cell id='%u'>, which <memory model='spm'> needs, has %s, which libvirt before 11.8.0 "
            "cannot give to a cell without memory; remove it or use a newer libvirt",
            cell->id, what);
}

/* How the memory devices of a cell are mapped, their carriers say; see qemu_spm_carrier.c. */
static gboolean
spm_qemu_validate_is_carried(const SpmCellDef *cell, const SpmCellExtra *extra)
{
    return !extra->element && ((cell->access && strcmp(extra->name, "memAccess") == 0) ||
                               (cell->discard && strcmp(extra->name, "discard") == 0));
}

static void
spm_qemu_validate_left_out_cell(const SpmCellDef *cell, SpmFaults *faults)
{
    SPM_FOREACH(const SpmCellExtra, extra, cell->extras) {
        if (!spm_qemu_validate_is_carried(cell, extra))
            spm_qemu_validate_extra(cell, extra, faults);
    }
    if (cell->repeated)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, cell->repeated_line,
            "<%s> names <cell id='%u'>, which another <%s> names as well; only one may name a cell",
            cell->repeated, cell->id, cell->repeated);
}

/* libvirt is not given the <memnode> of a cell that is left out, so it does not check it. */
static void
spm_qemu_validate_left_out_policy(const SpmCellDef *cell, SpmFaults *faults)
{
    static const char *const modes[] = { "strict", "preferred", "interleave", "restrictive", NULL };
    const char *mode = spm_qemu_policy_mode(&cell->policy), *nodeset = cell->policy.nodeset;

    if (spm_cpuset_is_empty(&cell->policy.nodes))
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, cell->policy.line,
            "<memnode> of <cell id='%u'> has nodeset='%s'; expected a set of host NUMA nodes such as "
            "'0' or '0-1,3'",
            cell->id, nodeset ? nodeset : "");
    if (!g_strv_contains(modes, mode))
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, cell->policy.line,
            "<memnode> of <cell id='%u'> has mode='%s'; expected 'strict', 'preferred', 'interleave' "
            "or 'restrictive'",
            cell->id, mode);
}

/* Translation keeps the nodesets that name cells which are left out, or are for them, in one variable, and
 * Linux passes no longer one to QEMU. */
static void
spm_qemu_validate_nodesets(const SpmDomainDef *def, guint stock_cells, SpmFaults *faults)
{
    gsize length = 0;

    SPM_FOREACH(const SpmCellReference, reference, def->references) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, reference->cell);
        const char *nodeset = reference->nodeset;

        if (strcmp(reference->element, "memnode") == 0)
            nodeset = cell->policy.nodeset;
        if (reference->cell < stock_cells || !nodeset)
            continue;
        length += strlen(nodeset);
        if (length <= SPM_QEMU_NODESETS_MAX)
            continue;
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, reference->line,
            "<%s> is one of those that name cells without memory, and their nodesets have more than %u "
            "characters, which libvirt before 11.8.0 cannot pass to QEMU; shorten them or use a newer "
            "libvirt",
            reference->element, SPM_QEMU_NODESETS_MAX);
        return;
    }
}

static void
spm_qemu_validate_left_out_policies(const SpmDomainDef *def, guint stock_cells, SpmFaults *faults)
{
    for (guint i = stock_cells; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        if (cell->has_policy)
            spm_qemu_validate_left_out_policy(cell, faults);
    }
    spm_qemu_validate_nodesets(def, stock_cells, faults);
}

/* What the carrier of @spm cannot say, and no cell with memory says either. */
static void
spm_qemu_validate_carrier(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmQemuOptions *options,
                          SpmFaults *faults)
{
    const SpmCellDef *cell = spm_domain_def_cell(def, spm->cell);
    SpmCarrier carrier;

    spm_qemu_carrier_init(&carrier, def, spm, options);
    if (carrier.fit == SPM_CARRIER_MODE)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, cell->policy.line,
            "<memnode> of <cell id='%u'>, which has no memory, has mode='%s'; libvirt before 11.8.0 "
            "gives the memory of <memory model='spm'> the mode of a cell with memory, and none has "
            "this mode; use mode='%s' or a newer libvirt",
            spm->cell, spm_qemu_policy_mode(&cell->policy),
            spm_qemu_policy_mode(spm_qemu_policy(def, g_ptr_array_index(def->cells, 0))));
    else if (carrier.fit == SPM_CARRIER_PATH)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, cell->policy.line,
            "<memnode> of <cell id='%u'>, which has no memory, has nodeset='%s'; libvirt before 11.8.0 "
            "gives a <path> of <memory model='spm'> the nodes of a cell with memory, and none has "
            "these; remove the <memnode> or use a newer libvirt",
            spm->cell, cell->policy.nodeset);
}

/* What follows from leaving the last cells out. */
static void
spm_qemu_validate_left_out_cells(const SpmDomainDef *def, guint stock_cells, SpmFaults *faults)
{
    for (guint i = 0; i < stock_cells; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        if (cell->memory == 0)
            spm_faults_add(faults, SPM_ERROR_CONFIG, cell->line,
                           "<cell id='%u'> has no memory and precedes one that has; libvirt before "
                           "11.8.0 cannot have such a cell, and without it libvirt would give the "
                           "cells behind it other numbers; put cells that only <memory model='spm'> "
                           "uses last, or use a newer libvirt",
                           cell->id);
    }
    if (stock_cells == 0)
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->numa_line,
                       "<numa> has no <cell> with memory; the guest needs RAM besides <memory model='spm'>");
    for (guint i = stock_cells; i < def->cells->len; i++)
        spm_qemu_validate_left_out_cell(g_ptr_array_index(def->cells, i), faults);
    spm_qemu_validate_left_out_policies(def, stock_cells, faults);
    spm_qemu_numa_validate(def, stock_cells, faults);
}

static void
spm_qemu_validate_libvirt(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    const SpmMemoryDef *first = g_ptr_array_index(def->spms, 0);
    guint stock_cells = spm_qemu_stock_cells(def, options);
    g_autofree char *name = spm_libvirt_version_name(options->libvirt_version);

    if (options->libvirt_version < SPM_LIBVIRT_OLDEST)
        spm_faults_add(faults, SPM_ERROR_CONFIG, first->line,
                       "<memory model='spm'> requires libvirt 10.0.0 or newer; this is %s, which could not "
                       "start the domain",
                       name);
    if (stock_cells == def->cells->len)
        return;
    spm_qemu_validate_left_out_cells(def, stock_cells, faults);
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms)
        spm_qemu_validate_carrier(def, spm, options, faults);
}

/**
 * spm_qemu_validate:
 * @def: a definition after post-parse
 * @options: for which libvirt
 * @faults: the list to which each reason to refuse it is added: SPM_ERROR_CONFIG
 *
 * Runs all validators, including spm_domain_def_validate().
 */
void
spm_qemu_validate(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    guint before = faults->len;
    gboolean complete = TRUE;

    if (def->spms->len == 0)
        return;
    spm_qemu_validate_machine(def, faults);
    spm_domain_def_validate(def, faults);
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        complete = complete && !spm->faulty;
        if (!spm->faulty)
            spm_qemu_validate_alignment(spm, faults);
    }
    spm_qemu_validate_mixed_bases(def, faults);
    spm_qemu_validate_slots(def, faults);
    spm_qemu_validate_overrides(def, faults);
    spm_qemu_validate_variables(def, faults);
    spm_qemu_validate_libvirt(def, options, faults);
    /* the place of the window depends on everything that was checked so far */
    if (complete && faults->len == before)
        spm_qemu_window_validate(def, faults);
    if (complete && faults->len == before)
        spm_qemu_place_validate(def, faults);
}
