/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where QEMU's machines pc and q35 have RAM and the window for memory devices.
 *
 * Theory of operation
 *
 * They lay memory out as follows (hw/i386/pc.c, pc_piix.c, pc_q35.c), which guests rely on and which has not
 * changed since the first version that spm-memory exists for:
 *
 *   0                RAM of the cells in their order, up to a limit that depends on machine and size
 *   ... to 4 GiB     no memory: PCI, interrupt controllers, firmware
 *   4 GiB            the rest of the RAM, then memory of SGX
 *   next GiB         the device-memory window: maxmem - RAM, and 1 GiB for each slot, so that DIMMs can be
 *                    aligned to hugepages of any size
 *
 * On a CPU of AMD, where the room for 64-bit BARs above the window would reach HyperTransport's addresses,
 * all that is above 4 GiB moves to 1 TiB. */

#include "qemu_spm_window.h"

#include <string.h>

#include "qemu_spm_ns.h"

/* Where AMD's HyperTransport begins, 12 GiB below 1 TiB, and where QEMU then moves to. */
#define SPM_AMD_HT_START G_GUINT64_CONSTANT(0xfd00000000)
#define SPM_AMD_ABOVE (1024 * SPM_GIB)
/* The room for 64-bit BARs that QEMU keeps above the window. */
#define SPM_PCI_HOLE64_PC (2 * SPM_GIB)
#define SPM_PCI_HOLE64_Q35 (32 * SPM_GIB)

/**
 * spm_round_up:
 * @value: less than 2^63
 * @align: other than 0, less than 2^63
 *
 * Returns: the lowest multiple of @align that is not below @value
 */
guint64
spm_round_up(guint64 value, guint64 align)
{
    return (value + align - 1) / align * align;
}

/**
 * spm_qemu_pagesize:
 * @def: a definition
 * @cell: the id of a cell, which the domain need not have
 *
 * Returns: the size in KiB of the <page> of <hugepages> that applies to @cell: the first one that names it,
 * else the last one that names no cells; 0 without hugepages
 */
guint64
spm_qemu_pagesize(const SpmDomainDef *def, unsigned int cell)
{
    const SpmCellDef *known = spm_domain_def_cell(def, cell);

    if (known && known->has_pagesize)
        return known->pagesize;
    if (def->backing.hugepages && !def->backing.has_pages)
        return SPM_LARGE_PAGE / SPM_KIB;
    return def->backing.pagesize;
}

/**
 * spm_qemu_machine_is_q35:
 * @machine: (nullable): a machine of the pc or q35 family; NULL is pc, the default of QEMU's
 *
 * Returns: TRUE for one of the q35 family
 */
gboolean
spm_qemu_machine_is_q35(const char *machine)
{
    return machine && strstr(machine, "q35");
}

/**
 * spm_other_memory_is_epc:
 * @other: a memory device
 *
 * Returns: TRUE when it is one of SGX, which follows the RAM and is not in the window
 */
gboolean
spm_other_memory_is_epc(const SpmOtherMemoryDef *other)
{
    return g_strcmp0(other->model, "sgx-epc") == 0;
}

/**
 * spm_other_memory_region:
 * @other: a memory device
 *
 * Returns: how many bytes of guest-physical memory it takes, without the label area of an NVDIMM, which is
 *   not mapped
 */
guint64
spm_other_memory_region(const SpmOtherMemoryDef *other)
{
    guint64 size = spm_round_up(MIN(other->size * SPM_KIB, SPM_ADDRESS_LIMIT), SPM_LARGE_PAGE);
    guint64 label = MIN(other->label, SPM_ADDRESS_LIMIT / SPM_KIB) * SPM_KIB;

    return label < size ? size - label : size;
}

/**
 * spm_cell_def_region:
 * @cell: a cell
 *
 * Returns: how many bytes of RAM it has; libvirt gives every cell whole MiB
 */
guint64
spm_cell_def_region(const SpmCellDef *cell)
{
    return spm_round_up(MIN(cell->memory * SPM_KIB, SPM_ADDRESS_LIMIT), SPM_MIB);
}

/* A domain without cells, which cannot have SPM, has what <memory> says less its memory devices. */
static guint64
spm_window_ram_size(const SpmDomainDef *def)
{
    guint64 size = 0, devices = spm_domain_def_total(def);

    if (def->cells->len == 0 && def->memory > devices)
        return spm_round_up(MIN((def->memory - devices) * SPM_KIB, SPM_ADDRESS_LIMIT), SPM_MIB);
    SPM_FOREACH(const SpmCellDef, cell, def->cells)
        size = MIN(size + spm_cell_def_region(cell), SPM_ADDRESS_LIMIT);
    return size;
}

/* How much of @ram bytes lies below 4 GiB. */
static guint64
spm_window_ram_low(gboolean q35, guint64 ram)
{
    static const struct {
        guint64 from, low;
    } limits[] = {
        [FALSE] = { 0xe0000000, 0xc0000000 }, /* pc */
        [TRUE] = { 0xb0000000, 0x80000000 },  /* q35 */
    };

    return ram < limits[q35].from ? ram : limits[q35].low;
}

static guint64
spm_window_epc_size(const SpmDomainDef *def)
{
    guint64 size = 0;

    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others) {
        if (spm_other_memory_is_epc(other))
            size = MIN(size + spm_other_memory_region(other), SPM_ADDRESS_LIMIT);
    }
    return size;
}

static guint64
spm_window_size(const SpmDomainDef *def, guint64 ram)
{
    guint64 total = def->has_max_memory ? def->max_memory : spm_domain_def_total(def);
    guint64 max = spm_round_up(MIN(total * SPM_KIB, SPM_ADDRESS_LIMIT), SPM_MIB);
    guint slots = def->slots + def->spms->len; /* as spm_translate_in() gives each carrier one */

    if (def->cells->len == 0 && !def->has_max_memory)
        max = ram + total * SPM_KIB;
    return max > ram ? max - ram + slots * SPM_GIB : 0;
}

/**
 * spm_qemu_window_find:
 * @def: a definition, after post-parse
 * @q35: whether its machine is of the q35 family
 * @moved: whether QEMU moves everything above 4 GiB, see #SpmQemuWindow
 * @window: (out): what that gives
 *
 * Returns: FALSE when the domain is wider than a physical address; @window is of no use then
 */
gboolean
spm_qemu_window_find(const SpmDomainDef *def, gboolean q35, gboolean moved, SpmQemuWindow *window)
{
    guint64 hole64 = q35 ? SPM_PCI_HOLE64_Q35 : SPM_PCI_HOLE64_PC;

    window->ram = spm_window_ram_size(def);
    window->low = spm_window_ram_low(q35, window->ram);
    window->above = moved ? SPM_AMD_ABOVE : SPM_4G;
    window->size = spm_window_size(def, window->ram);
    window->base =
        spm_round_up(window->above + window->ram - window->low + spm_window_epc_size(def), SPM_GIB);
    window->amd_moves = window->base + window->size + hole64 > SPM_AMD_HT_START;
    return window->base + window->size + SPM_4G <= SPM_ADDRESS_LIMIT;
}

/**
 * spm_qemu_window_holds:
 * @window: a window
 * @spm: an spm element with a base
 *
 * Returns: TRUE when all of the memory is in the window
 */
gboolean
spm_qemu_window_holds(const SpmQemuWindow *window, const SpmMemoryDef *spm)
{
    guint64 end = window->base + window->size;

    return spm->base >= window->base && spm->base <= end && spm->size * SPM_KIB <= end - spm->base;
}

/* ---- a base that the document gives ---- */

/* All places where the window may be. Without a machine it is the emulator's default, which is either. */
static GArray *
spm_window_find_all(const SpmDomainDef *def)
{
    GArray *windows = g_array_new(FALSE, FALSE, sizeof(SpmQemuWindow));

    for (gboolean q35 = FALSE; q35 <= TRUE; q35++) {
        SpmQemuWindow window;

        if (def->machine && spm_qemu_machine_is_q35(def->machine) != q35)
            continue;
        if (spm_qemu_window_find(def, q35, FALSE, &window))
            g_array_append_val(windows, window);
        if (window.amd_moves && spm_qemu_window_find(def, q35, TRUE, &window))
            g_array_append_val(windows, window);
    }
    return windows;
}

static void
spm_window_check_base(const SpmMemoryDef *spm, const GArray *windows, SpmFaults *faults)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < windows->len; i++) {
        const SpmQemuWindow *window = &g_array_index(windows, SpmQemuWindow, i);

        if (spm_qemu_window_holds(window, spm))
            return;
        g_string_append_printf(text, "%s" SPM_HEX "-" SPM_HEX, i ? " or " : "", window->base,
                               window->base + window->size);
    }
    spm_faults_add(faults, SPM_ERROR_CONFIG, spm->base_line,
                   "<address> of <memory model='spm'> has base='" SPM_HEX "', which places %" G_GUINT64_FORMAT
                   " KiB outside QEMU's device-memory window, %s",
                   spm->base, spm->size, text->str);
}

/**
 * spm_qemu_window_is_known:
 * @def: a definition
 *
 * Returns: FALSE when arguments of the user's own could give the machine another layout
 */
gboolean
spm_qemu_window_is_known(const SpmDomainDef *def)
{
    static const char *const options[] = { "-machine", "-M", "-m", "-global", "-set", "-readconfig", NULL };

    return !spm_qemu_ns_has_argument(def, options);
}

/**
 * spm_qemu_window_validate:
 * @def: a definition after post-parse and all other validation
 * @faults: the list to which each base is added that QEMU would refuse: SPM_ERROR_CONFIG
 */
void
spm_qemu_window_validate(const SpmDomainDef *def, SpmFaults *faults)
{
    g_autoptr(GArray) windows = spm_window_find_all(def);

    /* without any, the domain is wider than an address, which is for QEMU to refuse */
    if (windows->len == 0 || !spm_qemu_window_is_known(def))
        return;
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        if (spm->has_base)
            spm_window_check_base(spm, windows, faults);
    }
}
