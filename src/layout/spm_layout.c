/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest-physical map of a domain: where QEMU puts RAM, SPM, other memory devices and room for more. */

#include "layout/spm_layout.h"

#include "qemu_spm_place.h"

static SpmRegion *
spm_region_new(SpmRegionKind kind, guint64 base, guint64 size, gint64 node)
{
    SpmRegion *region = g_new0(SpmRegion, 1);

    *region = (SpmRegion){ .kind = kind, .base = base, .size = size, .node = node };
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

    SPM_FOREACH(const SpmCellDef, cell, def->cells) {
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

static void
spm_layout_add_epc(SpmLayout *layout, const SpmDomainDef *def)
{
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others) {
        const SpmRegion *last = g_ptr_array_index(layout->regions, layout->regions->len - 1);
        SpmRegion *region;

        if (!spm_other_memory_is_epc(other) || other->size == 0)
            continue;
        region = spm_region_new(SPM_REGION_DEVICE, spm_region_end(last), spm_other_memory_region(other),
                                other->cell);
        region->model = other->model;
        g_ptr_array_add(layout->regions, region);
    }
}

static void
spm_layout_add_window(SpmLayout *layout, const SpmDomainDef *def, const GArray *placed)
{
    gint64 highest = (gint64)def->cells->len - 1;

    spm_layout_extend(layout, SPM_REGION_UNUSED, layout->window, -1);
    for (guint i = 0; i < placed->len; i++) {
        const SpmPlace *place = &g_array_index(placed, SpmPlace, i);
        SpmRegion *region = spm_region_new(place->is_spm ? SPM_REGION_SPM : SPM_REGION_DEVICE, place->base,
                                           place->size, place->node);

        region->model = place->model;
        region->alias = place->alias;
        spm_layout_extend(layout, SPM_REGION_ROOM, region->base, highest);
        g_ptr_array_add(layout->regions, region);
    }
    spm_layout_extend(layout, SPM_REGION_ROOM, layout->window + layout->window_size, highest);
}

/**
 * spm_layout_new:
 * @def: a valid definition after post-parse
 * @faults: the list to which everything is added that QEMU would have no place for: SPM_ERROR_CONFIG
 *
 * Returns: (transfer full) (nullable): the map, which refers to @def, or NULL when a fault was added
 */
SpmLayout *
spm_layout_new(const SpmDomainDef *def, SpmFaults *faults)
{
    g_autoptr(SpmLayout) layout = g_new0(SpmLayout, 1);
    g_autoptr(GArray) placed = NULL;
    SpmQemuWindow window;

    layout->name = def->name;
    layout->q35 = spm_qemu_machine_is_q35(def->machine);
    layout->regions = g_ptr_array_new_with_free_func(g_free);
    if (!spm_qemu_place_window(def, &window, &layout->amd_moved)) {
        spm_faults_add(faults, SPM_ERROR_CONFIG, def->line,
                       "the domain's memory exceeds the 52 bits of a physical address");
        return NULL;
    }
    placed = spm_qemu_place_all(def, &window, faults);
    if (!placed)
        return NULL;
    layout->window = window.base;
    layout->window_size = window.size;
    layout->amd_moves = window.amd_moves;
    spm_layout_add_all_ram(layout, def, &window);
    spm_layout_add_epc(layout, def);
    if (layout->window_size)
        spm_layout_add_window(layout, def, placed);
    return g_steal_pointer(&layout);
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
