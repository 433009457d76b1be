/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refuse what parses but could not work: placement, NUMA cells, room, and what kind of domain it is.
 *
 * Each spm element is compared with each memory device and each cell. There are 256, 4096 and 128 at most, as
 * parse refuses more.
 *
 * A driver in the guest looks its memory up by proximity domain and takes the first entry of the SRAT
 * that matches. Hence the rules of placement: SPM lies first in the device-memory window, and nothing
 * else is in its cell. */

#include "spm_domain_conf.h"

#include <string.h>

#include "spm_xml.h"

/* QEMU aligns memory devices of x86 to 2 MiB, in address and in size. */
#define SPM_ALIGN_KIB 2048

/* QEMU's ACPI_MAX_RAM_SLOTS. */
#define SPM_SLOTS_MAX 256

typedef struct {
    const char *what; /* for messages */
    unsigned int line;
    guint64 base;
    guint64 size; /* KiB */
} SpmRange;

static void spm_refuse(SpmFaults *faults, unsigned int line, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
spm_refuse(SpmFaults *faults, unsigned int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    spm_faults_add_va(faults, SPM_ERROR_CONFIG, line, NULL, format, args);
    va_end(args);
}

/* Families of x86 machine types that announce memory devices in E820 and SRAT, and Ubuntu's names. */
static gboolean
spm_is_pc_machine(const char *machine)
{
    static const char *const names[] = { "pc", "q35", "ubuntu", "ubuntu-q35", NULL };

    return g_strv_contains(names, machine) || g_str_has_prefix(machine, "pc-");
}

static void
spm_validate_domain(const SpmDomainDef *def, unsigned int line, SpmFaults *faults)
{
    static const char *const types[] = { "kvm", "qemu", NULL };

    if (!def->type || !g_strv_contains(types, def->type))
        spm_refuse(faults, spm_xml_line(def->root),
                   "<domain> has type='%s'; <memory model='spm'> needs 'kvm' or 'qemu'",
                   def->type ? def->type : "");
    if (def->arch && strcmp(def->arch, "x86_64") != 0)
        spm_refuse(faults, spm_xml_line(spm_xml_find(def->root, "os/type")),
                   "<type> of <os> has arch='%s'; <memory model='spm'> needs 'x86_64'", def->arch);
    if (def->machine && !spm_is_pc_machine(def->machine))
        spm_refuse(faults, spm_xml_line(spm_xml_find(def->root, "os/type")),
                   "<type> of <os> has machine='%s'; <memory model='spm'> needs a machine of the "
                   "'pc' or 'q35' family, which announces it to the guest",
                   def->machine);
    if (!def->acpi)
        spm_refuse(faults, line,
                   "<memory model='spm'> needs <acpi/> in <features>: without ACPI nothing tells the guest "
                   "which NUMA node the memory is");
}

/* libvirt would refuse the same. But old libvirt is not shown the cells that only SPM uses. */
static void
spm_validate_cells(const SpmDomainDef *def, SpmFaults *faults)
{
    gboolean counted = TRUE;

    for (guint i = 0; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);
        g_autofree char *id = spm_xml_attr(cell->node, "id");
        g_autofree char *memory = spm_xml_attr(cell->node, "memory");
        g_autofree char *unit = spm_xml_attr(cell->node, "unit");
        guint64 number;

        if (id && !spm_parse_number(id, 10, G_MAXINT, &number))
            spm_refuse(faults, cell->line, "<cell> of <numa> has id='%s'; it must be a whole number", id);
        else if (!memory)
            spm_refuse(faults, cell->line,
                       "<cell id='%u'> of <numa> has no attribute 'memory'; a cell for <memory model='spm'> "
                       "alone has memory='0'",
                       cell->id);
        else if (!spm_parse_size(memory, unit, &number))
            spm_refuse(faults, cell->line,
                       "<cell id='%u'> of <numa> has memory='%s' and unit='%s', which is no size", cell->id,
                       memory, unit ? unit : "KiB");
        else if (counted && cell->id != i)
            spm_refuse(faults, cell->line,
                       "<cell id='%u'> of <numa> should be cell %u: the ids of cells are 0, 1 and so on, "
                       "each of them once",
                       cell->id, i);
        counted = counted && cell->id == i;
    }
}

static const SpmCellDef *
spm_find_cell(const SpmDomainDef *def, unsigned int id)
{
    for (guint i = 0; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        if (cell->id == id)
            return cell;
    }
    return NULL;
}

static void
spm_validate_cell(const SpmDomainDef *def, const SpmMemoryDef *spm, SpmFaults *faults)
{
    const SpmCellDef *cell = spm_find_cell(def, spm->cell);

    if (!cell) {
        spm_refuse(faults, spm->cell_line,
                   "<node> of <memory model='spm'> is '%u', but <numa> of <cpu> has no such cell; "
                   "declare it as <cell id='%u' memory='0' unit='KiB'/>",
                   spm->cell, spm->cell);
        return;
    }
    if (cell->memory)
        spm_refuse(
            faults, spm->cell_line,
            "<node> of <memory model='spm'> is '%u', but that cell has memory of its own (line %u), which "
            "a driver in the guest would find in place of the SPM; use a cell with memory='0'",
            spm->cell, cell->line);
    for (guint i = 0; i < def->others->len; i++) {
        const SpmOtherMemoryDef *other = g_ptr_array_index(def->others, i);

        if (other->cell == (gint64)spm->cell)
            spm_refuse(
                faults, spm->cell_line,
                "<node> of <memory model='spm'> is '%u', but <memory model='%s'> of line %u has the same "
                "one, and a driver in the guest could find that in place of the SPM; use a cell for SPM "
                "alone",
                spm->cell, other->model ? other->model : "", other->line);
    }
}

/* QEMU aligns a memory device to the pages of its backend, in address and in size. */
static void
spm_validate_alignment(const SpmMemoryDef *spm, SpmFaults *faults)
{
    guint64 align = MAX(SPM_ALIGN_KIB, MAX(spm->pagesize, spm->alignsize));
    const char *element = spm->alignsize > spm->pagesize ? "alignsize" : "pagesize";
    g_autofree char *what = align == SPM_ALIGN_KIB
                                ? g_strdup("2 MiB")
                                : g_strdup_printf("its <%s>, %" G_GUINT64_FORMAT " KiB", element, align);

    if (spm->size % align)
        spm_refuse(faults, spm->size_line,
                   "<size> of <memory model='spm'> is %" G_GUINT64_FORMAT " KiB; it must be a multiple of %s",
                   spm->size, what);
    if (spm->base / 1024 % align || spm->base % 1024)
        spm_refuse(faults, spm->base_line,
                   "<address> of <memory model='spm'> has base='0x%" G_GINT64_MODIFIER
                   "x'; it must be a multiple of %s (0x%" G_GINT64_MODIFIER "x)",
                   spm->base, what, align * 1024);
}

static void
spm_validate_range(const SpmMemoryDef *spm, SpmFaults *faults)
{
    if (!spm->has_base)
        return;
    if (spm->size * 1024 > SPM_ADDRESS_LIMIT || spm->base > SPM_ADDRESS_LIMIT - spm->size * 1024)
        spm_refuse(faults, spm->base_line,
                   "<address> of <memory model='spm'> has base='0x%" G_GINT64_MODIFIER
                   "x', from which the range "
                   "would reach beyond the 52 bits of a physical address",
                   spm->base);
}

static void
spm_validate_backend(const SpmMemoryDef *spm, SpmFaults *faults)
{
    if (spm->path && spm->discard == SPM_TRISTATE_YES)
        spm_refuse(faults, spm->line,
                   "<memory model='spm'> has discard='yes', which cannot be combined with <path>");
}

/* "ua-" and at least one character after it. */
static gboolean
spm_is_alias(const char *alias)
{
    static const char allowed[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-";

    return g_str_has_prefix(alias, "ua-") && alias[3] && !alias[3 + strspn(alias + 3, allowed)];
}

static void
spm_validate_alias(GTree *aliases, const SpmMemoryDef *spm, SpmFaults *faults)
{
    xmlNodePtr node = spm_xml_first(spm->node, NULL, "alias");
    const SpmAliasUse *use;
    xmlNodePtr other;

    if (!node)
        return;
    if (!spm_is_alias(spm->alias)) {
        spm_refuse(
            faults, spm_xml_line(node),
            "<alias> of <memory model='spm'> has name='%s'; it must be 'ua-' and letters, digits, '_' or "
            "'-' after it",
            spm->alias);
        return;
    }
    use = g_tree_lookup(aliases, spm->alias);
    /* of two spm elements the second one is the duplicate */
    other = use->device ? use->device : use->spm;
    if (other != spm->node)
        spm_refuse(faults, spm_xml_line(node),
                   "<alias> of <memory model='spm'> has name='%s', which <%s> of line %u has already",
                   spm->alias, (const char *)other->name, spm_xml_line(other));
}

/* Either every device of the window has a base or the SPMs have none: a device that QEMU places by
 * itself could end up below an SPM with a base. */
static void
spm_validate_mixed_bases(const SpmDomainDef *def, const SpmMemoryDef *spm, SpmFaults *faults)
{
    const char *without = NULL;
    unsigned int line = 0;

    for (guint i = 0; i < def->spms->len && !without; i++) {
        const SpmMemoryDef *other = g_ptr_array_index(def->spms, i);

        if (!other->has_base) {
            without = "spm";
            line = other->line;
        }
    }
    for (guint i = 0; i < def->others->len && !without; i++) {
        const SpmOtherMemoryDef *other = g_ptr_array_index(def->others, i);

        if (!other->has_base && g_strcmp0(other->model, "sgx-epc") != 0) {
            without = other->model ? other->model : "";
            line = other->line;
        }
    }
    if (without)
        spm_refuse(faults, spm->base_line,
                   "<address> of <memory model='spm'> has base='0x%" G_GINT64_MODIFIER "x', but <memory "
                   "model='%s'> of line %u has none; give every memory device a base, or none of them",
                   spm->base, without, line);
}

static void
spm_validate_pair(const SpmMemoryDef *spm, const SpmRange *other, gboolean is_spm, SpmFaults *faults)
{
    guint64 spm_last = spm->base + (spm->size * 1024 - 1);
    guint64 other_last = other->base + (other->size ? other->size * 1024 - 1 : 0);

    if (spm->base <= other_last && other->base <= spm_last)
        spm_refuse(
            faults, spm->base_line,
            "<address> of <memory model='spm'> has base='0x%" G_GINT64_MODIFIER "x', and the range from "
            "there overlaps that of <memory model='%s'> of line %u with base 0x%" G_GINT64_MODIFIER "x",
            spm->base, other->what, other->line, other->base);
    else if (!is_spm && spm->base > other->base)
        spm_refuse(
            faults, spm->base_line,
            "<address> of <memory model='spm'> has base='0x%" G_GINT64_MODIFIER "x', which is above base "
            "0x%" G_GINT64_MODIFIER "x of <memory model='%s'> of line %u; SPM must lie below every other "
            "memory device",
            spm->base, other->base, other->what, other->line);
}

static void
spm_validate_placement(const SpmDomainDef *def, guint index, SpmFaults *faults)
{
    const SpmMemoryDef *spm = g_ptr_array_index(def->spms, index);

    if (!spm->has_base)
        return;
    spm_validate_mixed_bases(def, spm, faults);
    for (guint i = 0; i < index; i++) {
        const SpmMemoryDef *other = g_ptr_array_index(def->spms, i);
        const SpmRange range = { "spm", other->line, other->base, other->size };

        if (other->has_base && !other->faulty)
            spm_validate_pair(spm, &range, TRUE, faults);
    }
    for (guint i = 0; i < def->others->len; i++) {
        const SpmOtherMemoryDef *other = g_ptr_array_index(def->others, i);
        const SpmRange range = { other->model ? other->model : "", other->line, other->base, other->size };

        if (other->has_base)
            spm_validate_pair(spm, &range, FALSE, faults);
    }
}

/* libvirt would refuse the same. But translation writes the slots anew. */
static gboolean
spm_validate_max_memory(const SpmDomainDef *def, SpmFaults *faults)
{
    xmlNodePtr node = spm_xml_first(def->root, NULL, "maxMemory");
    g_autofree char *value = spm_xml_content(node);
    g_autofree char *unit = spm_xml_attr(node, "unit");
    g_autofree char *slots = spm_xml_attr(node, "slots");
    guint64 number;

    if (slots && !spm_parse_number(slots, 10, G_MAXINT, &number))
        spm_refuse(faults, spm_xml_line(node), "<maxMemory> has slots='%s'; it must be a whole number",
                   slots);
    if (!value || spm_parse_size(value, unit, &number))
        return TRUE;
    spm_refuse(faults, spm_xml_line(node), "<maxMemory> is '%s' with unit '%s', which is no size", value,
               unit ? unit : "KiB");
    return FALSE;
}

static void
spm_validate_room(const SpmDomainDef *def, SpmFaults *faults)
{
    guint64 total = spm_domain_def_total(def);

    if (spm_validate_max_memory(def, faults) && def->has_max_memory && total > def->max_memory)
        spm_refuse(faults, spm_xml_line(spm_xml_first(def->root, NULL, "maxMemory")),
                   "<maxMemory> is %" G_GUINT64_FORMAT
                   " KiB, but the cells and memory devices, <memory model='spm'> "
                   "among them, take %" G_GUINT64_FORMAT " KiB",
                   def->max_memory, total);
}

/* Each spm element travels as a DIMM, which takes a slot (spm_translate.c). */
static void
spm_validate_slots(const SpmDomainDef *def, SpmFaults *faults)
{
    if (def->slots + def->spms->len > SPM_SLOTS_MAX)
        spm_refuse(faults, spm_xml_line(spm_xml_first(def->root, NULL, "maxMemory")),
                   "<maxMemory> has slots='%u', and <memory model='spm'> needs %u more; QEMU has %d in all",
                   def->slots, def->spms->len, SPM_SLOTS_MAX);
}

/**
 * spm_domain_def_validate:
 * @def: a definition after post-parse; its spm elements that broke the grammar are passed over
 * @faults: where each reason to refuse it is added
 */
void
spm_domain_def_validate(const SpmDomainDef *def, SpmFaults *faults)
{
    g_autoptr(GTree) aliases = NULL;

    if (def->spms->len == 0)
        return;

    spm_validate_domain(def, ((const SpmMemoryDef *)g_ptr_array_index(def->spms, 0))->line, faults);
    spm_validate_cells(def, faults);
    aliases = spm_domain_def_aliases(def);
    for (guint i = 0; i < def->spms->len; i++) {
        const SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);

        if (spm->faulty)
            continue;
        spm_validate_cell(def, spm, faults);
        spm_validate_alignment(spm, faults);
        spm_validate_range(spm, faults);
        spm_validate_backend(spm, faults);
        spm_validate_alias(aliases, spm, faults);
        spm_validate_placement(def, i, faults);
    }
    spm_validate_room(def, faults);
    spm_validate_slots(def, faults);
}
