/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest-physical map of a domain: where QEMU puts RAM, SPM, other memory devices and room for more.
 *
 * RAM and the device-memory window are where qemu_spm_window.c says.
 *
 * In the window every device has the base that it was given or, in the order of the command line, the
 * lowest at which it fits (hw/mem/memory-device.c). libvirt orders as the document does, where SPM comes
 * first, and its carriers take a slot each.
 *
 * The SRAT gives SPM the node of its element and everything else in the window the highest node; a DIMM's
 * own node reaches the guest with the device. */

#include "layout/spm_layout.h"

#include <string.h>

#include "qemu_spm.h"
#include "qemu_spm_ns.h"
#include "qemu_spm_window.h"
#include "spm_xml.h"

static void
spm_region_free(gpointer data)
{
    SpmRegion *region = data;

    g_free(region->model);
    g_free(region->alias);
    g_free(region);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmRegion, spm_region_free)

static SpmRegion *
spm_region_new(SpmRegionKind kind, guint64 base, guint64 size, gint64 node)
{
    SpmRegion *region = g_new0(SpmRegion, 1);

    region->kind = kind;
    region->base = base;
    region->size = size;
    region->node = node;
    return region;
}

static guint64
spm_region_end(const SpmRegion *region)
{
    return region->base + region->size;
}

/* Adds a region from the end of the last one to @end, unless that is empty. */
static void
spm_layout_extend(SpmLayout *layout, SpmRegionKind kind, guint64 end, gint64 node)
{
    guint64 base = 0;

    if (layout->regions->len)
        base = spm_region_end(g_ptr_array_index(layout->regions, layout->regions->len - 1));
    if (base < end)
        g_ptr_array_add(layout->regions, spm_region_new(kind, base, end - base, node));
}

/* ---- RAM ---- */

/* Adds the RAM in [@from, @to) of all RAM, whose first byte comes behind the last region. */
static void
spm_layout_add_ram(SpmLayout *layout, const SpmDomainDef *def, guint64 from, guint64 to, guint64 shift)
{
    guint64 start = 0;

    for (guint i = 0; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);
        guint64 end = start + spm_cell_def_region(cell);

        if (start < to && end > from)
            spm_layout_extend(layout, SPM_REGION_RAM, MIN(end, to) + shift, cell->id);
        start = end;
    }
    if (def->cells->len == 0)
        spm_layout_extend(layout, SPM_REGION_RAM, to + shift, -1);
}

static void
spm_layout_add_all_ram(SpmLayout *layout, const SpmDomainDef *def, const SpmQemuWindow *window)
{
    spm_layout_add_ram(layout, def, 0, window->low, 0);
    spm_layout_extend(layout, SPM_REGION_IO, SPM_4G, -1);
    spm_layout_extend(layout, SPM_REGION_UNUSED, window->above, -1);
    if (window->low < window->ram)
        spm_layout_add_ram(layout, def, window->low, window->ram, window->above - window->low);
}

/* ---- the window ---- */

static guint64
spm_child_size(xmlNodePtr node, const char *path)
{
    return MIN(spm_read_size(spm_xml_find(node, path)), SPM_ADDRESS_LIMIT / SPM_KIB) * SPM_KIB;
}

/* QEMU aligns to the pages of a file. What a file is cannot be seen from here: a device is taken for devdax
 * with pages of 2 MiB, and another path for a plain file, not one on hugetlbfs. */
static guint64
spm_path_align(xmlNodePtr node, const char *path)
{
    guint64 pagesize = g_str_has_prefix(path, "/dev/") ? SPM_DEVICE_ALIGN : 4 * SPM_KIB;

    return MAX(spm_child_size(node, "source/alignsize"), pagesize);
}

/* What the places of all devices are found with. */
typedef struct {
    SpmLayout *layout;
    const SpmDomainDef *def;
    const SpmQemuOptions *options;
    SpmQemuPages *pages;
    GTree *overrides;  /* see spm_qemu_ns_overrides() */
    GPtrArray *placed; /* of SpmRegion, by address */
    SpmFaults *faults;
} SpmPlacing;

/* A memory device is aligned to the pages of its backend, virtio-mem to its blocks as well. */
static guint64
spm_device_align(const SpmPlacing *placing, xmlNodePtr node, unsigned int cell)
{
    g_autofree char *path = spm_xml_content(spm_xml_find(node, "source/path"));
    guint64 hugepage = MIN(spm_qemu_pages_of(placing->pages, cell) * SPM_KIB, SPM_ADDRESS_LIMIT);
    guint64 pagesize = spm_child_size(node, "source/pagesize");
    guint64 align = MAX(spm_child_size(node, "target/block"), SPM_DEVICE_ALIGN);

    if (path)
        return spm_path_align(node, path);
    return MAX(align, pagesize ? pagesize : hugepage);
}

/* The first fit, as QEMU looks for it: @placed is sorted by address. That is quadratic, as QEMU's own search
 * is, in a number of devices that parse has bounded. */
static guint64
spm_first_fit(const GPtrArray *placed, guint64 window, guint64 size, guint64 align)
{
    guint64 base = spm_round_up(window, align);

    for (guint i = 0; i < placed->len; i++) {
        const SpmRegion *region = g_ptr_array_index(placed, i);

        if (region->base >= base + size)
            break;
        if (spm_region_end(region) > base)
            base = spm_round_up(spm_region_end(region), align);
    }
    return base;
}

/* Puts @taken among @placed, or frees it and says why it cannot lie there. */
static gboolean
spm_place(const SpmPlacing *placing, SpmRegion *taken, unsigned int line)
{
    const SpmLayout *layout = placing->layout;
    GPtrArray *placed = placing->placed;
    g_autoptr(SpmRegion) region = taken;
    guint64 end = layout->window + layout->window_size;
    guint i = 0;

    if (region->base < layout->window || region->base > end || region->size > end - region->base) {
        spm_faults_add(placing->faults, SPM_ERROR_CONFIG, line,
                       "<memory model='%s'> would lie at 0x%" G_GINT64_MODIFIER "x to 0x%" G_GINT64_MODIFIER
                       "x, but the window for memory devices is from 0x%" G_GINT64_MODIFIER
                       "x to 0x%" G_GINT64_MODIFIER "x",
                       region->model ? region->model : "", region->base, spm_region_end(region),
                       layout->window, end);
        return FALSE;
    }
    while (i < placed->len && ((SpmRegion *)g_ptr_array_index(placed, i))->base < region->base)
        i++;
    if ((i > 0 && spm_region_end(g_ptr_array_index(placed, i - 1)) > region->base) ||
        (i < placed->len && ((SpmRegion *)g_ptr_array_index(placed, i))->base < spm_region_end(region))) {
        spm_faults_add(placing->faults, SPM_ERROR_CONFIG, line,
                       "<memory model='%s'> would lie at 0x%" G_GINT64_MODIFIER
                       "x, where another memory device lies already",
                       region->model ? region->model : "", region->base);
        return FALSE;
    }
    g_ptr_array_insert(placed, (gint)i, g_steal_pointer(&region));
    return TRUE;
}

/* The base of the element, or the one that the user's own override gives to QEMU; 0 for none. */
static guint64
spm_given_base(const SpmPlacing *placing, const SpmMemoryDef *spm)
{
    const SpmQemuOverride *override = g_tree_lookup(placing->overrides, spm->alias);
    g_autofree char *value = spm_xml_attr(override ? override->properties[SPM_QEMU_ADDR] : NULL, "value");

    if (value)
        return g_ascii_strtoull(value, NULL, 0);
    return spm->has_base ? spm->base : 0;
}

static gboolean
spm_place_spm(const SpmPlacing *placing, const SpmMemoryDef *spm)
{
    guint64 size = spm->size * SPM_KIB;
    unsigned int cell = spm_qemu_carrier_cell(placing->def, spm, placing->options);
    guint64 align = spm_device_align(placing, spm->node, cell);
    guint64 given = spm_given_base(placing, spm);
    guint64 base = given ? given : spm_first_fit(placing->placed, placing->layout->window, size, align);
    SpmRegion *region = spm_region_new(SPM_REGION_SPM, base, size, spm->cell);

    region->model = g_strdup("spm");
    region->alias = g_strdup(spm->alias);
    return spm_place(placing, region, spm->line);
}

static gboolean
spm_place_other(const SpmPlacing *placing, const SpmOtherMemoryDef *other)
{
    guint64 size = spm_other_memory_region(other);
    guint64 align = spm_device_align(placing, other->node, other->cell < 0 ? 0 : (unsigned int)other->cell);
    guint64 base =
        other->has_base ? other->base : spm_first_fit(placing->placed, placing->layout->window, size, align);
    SpmRegion *region = spm_region_new(SPM_REGION_DEVICE, base, size, other->cell);

    region->model = g_strdup(other->model);
    region->alias = spm_xml_attr(spm_xml_find(other->node, "alias"), "name");
    return spm_place(placing, region, other->line);
}

/* All devices in the order in which QEMU places them, or NULL when one does not fit. */
static GPtrArray *
spm_place_all(SpmLayout *layout, const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    g_autoptr(GPtrArray) placed = g_ptr_array_new_with_free_func(spm_region_free);
    g_autoptr(GTree) overrides = spm_qemu_ns_overrides(def->root);
    g_autoptr(SpmQemuPages) pages = spm_qemu_pages_new(def);
    const SpmPlacing placing = { layout, def, options, pages, overrides, placed, faults };
    gboolean fine = TRUE;

    for (guint i = 0; i < def->spms->len; i++)
        fine &= spm_place_spm(&placing, g_ptr_array_index(def->spms, i));
    for (guint i = 0; i < def->others->len; i++) {
        const SpmOtherMemoryDef *other = g_ptr_array_index(def->others, i);

        /* what has no readable size is left to libvirt to refuse */
        if (!spm_other_memory_is_epc(other) && other->size)
            fine &= spm_place_other(&placing, other);
    }
    return fine ? g_steal_pointer(&placed) : NULL;
}

static void
spm_layout_add_epc(SpmLayout *layout, const SpmDomainDef *def)
{
    for (guint i = 0; i < def->others->len; i++) {
        const SpmOtherMemoryDef *other = g_ptr_array_index(def->others, i);
        const SpmRegion *last = g_ptr_array_index(layout->regions, layout->regions->len - 1);
        SpmRegion *region;

        if (!spm_other_memory_is_epc(other) || other->size == 0)
            continue;
        region = spm_region_new(SPM_REGION_DEVICE, spm_region_end(last), spm_other_memory_region(other),
                                other->cell);
        region->model = g_strdup(other->model);
        g_ptr_array_add(layout->regions, region);
    }
}

static void
spm_layout_add_window(SpmLayout *layout, const SpmDomainDef *def, GPtrArray *placed)
{
    gint64 highest = (gint64)def->cells->len - 1;

    spm_layout_extend(layout, SPM_REGION_UNUSED, layout->window, -1);
    while (placed->len) {
        SpmRegion *region = g_ptr_array_steal_index(placed, 0);

        spm_layout_extend(layout, SPM_REGION_ROOM, region->base, highest);
        g_ptr_array_add(layout->regions, region);
    }
    spm_layout_extend(layout, SPM_REGION_ROOM, layout->window + layout->window_size, highest);
}

/* TRUE when a base of the document's own is only there after QEMU has moved the window. */
static gboolean
spm_needs_moved_window(const SpmDomainDef *def, const SpmQemuWindow *window)
{
    for (guint i = 0; i < def->spms->len; i++) {
        const SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);

        if (spm->has_base && !spm_qemu_window_holds(window, spm))
            return window->amd_moves;
    }
    return FALSE;
}

/* RAM and the place of the window; FALSE when the domain is wider than an address. */
static gboolean
spm_layout_begin(SpmLayout *layout, const SpmDomainDef *def, SpmFaults *faults)
{
    SpmQemuWindow window;
    gboolean fits = spm_qemu_window_find(def, layout->q35, FALSE, &window);

    layout->amd_moved = fits && spm_needs_moved_window(def, &window);
    if (layout->amd_moved)
        fits = spm_qemu_window_find(def, layout->q35, TRUE, &window);
    if (!fits) {
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm_xml_line(def->root),
                       "the domain's memory reaches beyond the 52 bits of a physical address");
        return FALSE;
    }
    layout->window = window.base;
    layout->window_size = window.size;
    layout->amd_moves = window.amd_moves;
    spm_layout_add_all_ram(layout, def, &window);
    spm_layout_add_epc(layout, def);
    return TRUE;
}

/**
 * spm_layout_new:
 * @def: a valid definition, after post-parse
 * @options: for which libvirt
 * @faults: where is added what QEMU would have no place for: SPM_ERROR_CONFIG
 *
 * Returns: (transfer full) (nullable): the map, or NULL when a fault was added
 */
SpmLayout *
spm_layout_new(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    g_autoptr(SpmLayout) layout = g_new0(SpmLayout, 1);
    g_autoptr(GPtrArray) placed = NULL;

    layout->name = g_strdup(def->name);
    layout->q35 = spm_qemu_machine_is_q35(def->machine);
    layout->regions = g_ptr_array_new_with_free_func(spm_region_free);
    if (!spm_layout_begin(layout, def, faults))
        return NULL;
    placed = spm_place_all(layout, def, options, faults);
    if (!placed)
        return NULL;
    if (layout->window_size)
        spm_layout_add_window(layout, def, placed);
    return g_steal_pointer(&layout);
}

/* The first region of the window that belongs to the highest node: SPM of its own, or what is no SPM. */
static const SpmRegion *
spm_layout_find_highest(const SpmLayout *layout, gint64 highest)
{
    for (guint i = 0; i < layout->regions->len; i++) {
        const SpmRegion *region = g_ptr_array_index(layout->regions, i);

        if (region->base >= layout->window && (region->kind != SPM_REGION_SPM || region->node == highest))
            return region;
    }
    return NULL;
}

/**
 * spm_layout_check:
 * @def: a valid definition, after post-parse
 * @options: for which libvirt
 * @faults: where the spm element is added that a driver in the guest would not find: SPM_ERROR_CONFIG
 *
 * A driver takes the first range that the SRAT has for a node. All of the window that is not SPM is the
 * highest node's, so that nothing of it may lie below SPM of that node. What QEMU has no place for is left to
 * QEMU.
 */
void
spm_layout_check(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    g_autoptr(SpmFaults) others = spm_faults_new();
    g_autoptr(SpmLayout) layout = spm_layout_new(def, options, others);
    guint highest = def->cells->len - 1;
    const SpmRegion *first =
        layout && spm_qemu_window_is_known(def) ? spm_layout_find_highest(layout, highest) : NULL;

    for (guint i = 0; first && first->kind != SPM_REGION_SPM && i < def->spms->len; i++) {
        const SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);

        if (spm->cell != highest)
            continue;
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, spm->line,
            "<memory model='spm'> is of <node> '%u', the last cell, to which the room for memory devices "
            "belongs as well, and some of that would lie below it, at 0x%" G_GINT64_MODIFIER
            "x, where a driver would take it for the SPM; give the spm element that <address>, or add "
            "<cell id='%u' memory='0'/>, to which the room then belongs",
            highest, first->base, def->cells->len);
        return;
    }
}

/**
 * spm_layout_free:
 * @layout: (nullable): a map
 */
void
spm_layout_free(SpmLayout *layout)
{
    if (!layout)
        return;
    g_free(layout->name);
    g_ptr_array_unref(layout->regions);
    g_free(layout);
}

/**
 * spm_region_name:
 * @region: a region
 *
 * Returns: (transfer none): what to call it, for a reader
 */
const char *
spm_region_name(const SpmRegion *region)
{
    static const char *const names[] = {
        [SPM_REGION_RAM] = "RAM",
        [SPM_REGION_SPM] = "SPM",
        [SPM_REGION_DEVICE] = "memory device",
        [SPM_REGION_ROOM] = "room for hotplug",
        [SPM_REGION_IO] = "PCI, firmware",
        [SPM_REGION_UNUSED] = "unused",
    };

    return region->kind == SPM_REGION_DEVICE && region->model ? region->model : names[region->kind];
}

/**
 * spm_region_size:
 * @size: bytes, less than 2^52
 *
 * Returns: (transfer full): @size in the largest unit of which there is one, with at most two decimals and
 *   "~" before it when that is not exact
 */
char *
spm_region_size(guint64 size)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
    g_autofree char *decimals = NULL;
    guint64 hundredths;
    guint unit = 0;

    while (unit + 1 < G_N_ELEMENTS(units) && size >> (10 * (unit + 1)))
        unit++;
    hundredths = (size * 100) >> (10 * unit);
    decimals = g_strdup_printf(".%02u", (guint)(hundredths % 100));
    for (char *last = decimals + 2; last >= decimals && (*last == '0' || *last == '.'); last--)
        *last = '\0';
    return g_strdup_printf("%s%" G_GUINT64_FORMAT "%s %s",
                           (hundredths << (10 * unit)) == size * 100 ? "" : "~", hundredths / 100, decimals,
                           units[unit]);
}
