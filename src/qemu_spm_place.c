/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where QEMU places the memory devices of a domain.
 *
 * qemu_spm_window.c says where the window for them is. In it, each device has the base that it was given or,
 * in the order of the command line, the lowest one at which it fits (hw/mem/memory-device.c). libvirt keeps
 * the order of the document, in which SPM comes first.
 *
 * The SRAT gives SPM the node of its element, and the rest of the window the highest node; a DIMM's own node
 * reaches the guest with the device. */

#include "qemu_spm_place.h"

#include "qemu_spm_ns.h"

/* What a device is placed with. */
typedef struct {
    const SpmDomainDef *def;
    const SpmQemuWindow *window;
    GArray *placed; /* of SpmPlace, by address */
    SpmFaults *faults;
} SpmPlacing;

static guint64
spm_place_end(const SpmPlace *place)
{
    return place->base + place->size;
}

static guint64
spm_place_bytes(guint64 kib)
{
    return MIN(kib, SPM_ADDRESS_LIMIT / SPM_KIB) * SPM_KIB;
}

/* QEMU aligns to the pages of a file, which cannot be looked at from here: a device is assumed to be devdax
 * with pages of 2 MiB, and any other path a plain file that is not on hugetlbfs. */
static guint64
spm_place_align_path(const char *path, guint64 alignsize)
{
    guint64 pagesize = g_str_has_prefix(path, "/dev/") ? SPM_LARGE_PAGE : 4 * SPM_KIB;

    return MAX(spm_place_bytes(alignsize), pagesize);
}

/* What QEMU aligns a device without a path to: its pages (@pagesize, or those of its cell), and @least. */
static guint64
spm_place_align(const SpmPlacing *placing, guint64 pagesize, unsigned int cell, guint64 least)
{
    guint64 pages = spm_place_bytes(pagesize ? pagesize : spm_qemu_pagesize(placing->def, cell));

    return MAX(MAX(least, SPM_LARGE_PAGE), pages);
}

/* The first fit, as QEMU searches for it: the devices are sorted by address. The search is quadratic, as
 * QEMU's is, in a number of devices that parse has limited. */
static guint64
spm_place_first_fit(const SpmPlacing *placing, guint64 size, guint64 align)
{
    guint64 base = spm_round_up(placing->window->base, align);

    for (guint i = 0; i < placing->placed->len; i++) {
        const SpmPlace *place = &g_array_index(placing->placed, SpmPlace, i);

        if (place->base >= base + size)
            break;
        if (spm_place_end(place) > base)
            base = spm_round_up(spm_place_end(place), align);
    }
    return base;
}

/* Adds @place to those that are placed, or a fault when it cannot be there. */
static gboolean
spm_place_add(const SpmPlacing *placing, const SpmPlace *place)
{
    GArray *placed = placing->placed;
    guint64 start = placing->window->base, end = start + placing->window->size;
    const char *model = place->model ? place->model : "";
    guint i = 0;

    if (place->base < start || place->base > end || place->size > end - place->base) {
        spm_faults_add(placing->faults, SPM_ERROR_CONFIG, place->line,
                       "<memory model='%s'> would be at " SPM_HEX "-" SPM_HEX
                       ", outside QEMU's device-memory window, " SPM_HEX "-" SPM_HEX,
                       model, place->base, spm_place_end(place), start, end);
        return FALSE;
    }
    while (i < placed->len && g_array_index(placed, SpmPlace, i).base < place->base)
        i++;
    if ((i > 0 && spm_place_end(&g_array_index(placed, SpmPlace, i - 1)) > place->base) ||
        (i < placed->len && g_array_index(placed, SpmPlace, i).base < spm_place_end(place))) {
        spm_faults_add(placing->faults, SPM_ERROR_CONFIG, place->line,
                       "<memory model='%s'> would be at " SPM_HEX ", where another memory device already is",
                       model, place->base);
        return FALSE;
    }
    g_array_insert_val(placed, i, *place);
    return TRUE;
}

/* The base of the element, or the one that the user's own override gives to QEMU; 0 for none. */
static guint64
spm_place_given_base(const SpmDomainDef *def, const SpmMemoryDef *spm)
{
    g_autofree char *value = spm_qemu_override_value(spm_qemu_ns_override(def, spm->alias), SPM_QEMU_ADDR);

    if (value)
        return g_ascii_strtoull(value, NULL, 0);
    return spm->has_base ? spm->base : 0;
}

static gboolean
spm_place_spm(const SpmPlacing *placing, const SpmMemoryDef *spm)
{
    guint64 align = spm->path ? spm_place_align_path(spm->path, spm->alignsize)
                              : spm_place_align(placing, spm->pagesize, spm->cell, 0);
    SpmPlace place = {
        TRUE,     spm_place_given_base(placing->def, spm), spm->size * SPM_KIB, spm->cell, "spm", spm->alias,
        spm->line
    };

    if (!place.base)
        place.base = spm_place_first_fit(placing, place.size, align);
    return spm_place_add(placing, &place);
}

static gboolean
spm_place_other(const SpmPlacing *placing, const SpmOtherMemoryDef *other)
{
    unsigned int cell = other->cell < 0 ? 0 : (unsigned int)other->cell;
    /* virtio-mem is aligned to its blocks as well */
    guint64 align = other->path
                        ? spm_place_align_path(other->path, other->alignsize)
                        : spm_place_align(placing, other->pagesize, cell, spm_place_bytes(other->block));
    SpmPlace place = { FALSE,        other->base, spm_other_memory_region(other), other->cell, other->model,
                       other->alias, other->line };

    if (!other->has_base)
        place.base = spm_place_first_fit(placing, place.size, align);
    return spm_place_add(placing, &place);
}

/**
 * spm_qemu_place_all:
 * @def: a valid definition after post-parse
 * @window: of the domain
 * @faults: the list to which each device is added that has no place: SPM_ERROR_CONFIG
 *
 * Returns: (transfer full) (nullable): all devices of the window as #SpmPlace, by address; NULL when a fault
 * was added
 */
GArray *
spm_qemu_place_all(const SpmDomainDef *def, const SpmQemuWindow *window, SpmFaults *faults)
{
    g_autoptr(GArray) placed = g_array_new(FALSE, FALSE, sizeof(SpmPlace));
    const SpmPlacing placing = { def, window, placed, faults };
    gboolean fine = TRUE;

    for (guint i = 0; i < def->spms->len; i++)
        fine &= spm_place_spm(&placing, g_ptr_array_index(def->spms, i));
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others) {
        /* libvirt refuses a device without a readable size */
        if (!spm_other_memory_is_epc(other) && other->size)
            fine &= spm_place_other(&placing, other);
    }
    return fine ? g_steal_pointer(&placed) : NULL;
}

/* TRUE when a base of the document is in the window only after QEMU has moved it. */
static gboolean
spm_place_needs_move(const SpmDomainDef *def, const SpmQemuWindow *window)
{
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        if (spm->has_base && !spm_qemu_window_holds(window, spm))
            return window->amd_moves;
    }
    return FALSE;
}

/**
 * spm_qemu_place_window:
 * @def: a definition after post-parse
 * @window: (out): the window of its machine, moved when a base of the domain requires that
 * @moved: (out): whether it is moved, see #SpmQemuWindow
 *
 * Returns: FALSE when the domain is wider than a physical address; @window is of no use then
 */
gboolean
spm_qemu_place_window(const SpmDomainDef *def, SpmQemuWindow *window, gboolean *moved)
{
    gboolean q35 = spm_qemu_machine_is_q35(def->machine);
    gboolean fits = spm_qemu_window_find(def, q35, FALSE, window);

    *moved = fits && spm_place_needs_move(def, window);
    return *moved ? spm_qemu_window_find(def, q35, TRUE, window) : fits;
}

/* Finds the lowest address of the window that is reported on node @highest: SPM of that node, or anything
 * that is not SPM. Returns TRUE when that is not SPM. */
static gboolean
spm_place_find_room(const SpmQemuWindow *window, const GArray *placed, gint64 highest, guint64 *base)
{
    *base = window->base;
    for (guint i = 0; i < placed->len; i++) {
        const SpmPlace *place = &g_array_index(placed, SpmPlace, i);

        if (place->base > *base)
            return TRUE;
        if (!place->is_spm || place->node == highest)
            return !place->is_spm;
        *base = spm_place_end(place);
    }
    return *base < window->base + window->size;
}

/**
 * spm_qemu_place_find_hidden:
 * @def: a definition after post-parse
 * @highest: the id of its last cell
 * @room: (out): where the memory is that a driver would find instead
 *
 * A driver takes the first range that the SRAT has for a node. The part of the window that is not SPM is
 * reported on the highest node, so none of it may be below SPM of that node. A device that has no place is
 * left for QEMU to refuse.
 *
 * Returns: (transfer none) (nullable): the spm element that a driver in the guest would not find, or NULL
 */
const SpmMemoryDef *
spm_qemu_place_find_hidden(const SpmDomainDef *def, unsigned int highest, guint64 *room)
{
    g_autoptr(SpmFaults) ignored = spm_faults_new();
    g_autoptr(GArray) placed = NULL;
    SpmQemuWindow window;
    gboolean moved;

    if (!spm_qemu_window_is_known(def) || !spm_qemu_place_window(def, &window, &moved))
        return NULL;
    placed = spm_qemu_place_all(def, &window, ignored);
    if (!placed || !spm_place_find_room(&window, placed, highest, room))
        return NULL;
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        if (spm->cell == highest)
            return spm;
    }
    return NULL;
}

/**
 * spm_qemu_place_has_base:
 * @def: a definition
 *
 * Returns: TRUE when the user gives a base to an spm element
 */
gboolean
spm_qemu_place_has_base(const SpmDomainDef *def)
{
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        if (spm_place_given_base(def, spm))
            return TRUE;
    }
    return FALSE;
}

/**
 * spm_qemu_place_validate:
 * @def: a definition after post-parse and all other validation
 * @faults: the list to which the spm element is added that a driver in the guest would not find:
 * SPM_ERROR_CONFIG
 */
void
spm_qemu_place_validate(const SpmDomainDef *def, SpmFaults *faults)
{
    guint64 room;
    guint cells = def->cells->len;
    const SpmMemoryDef *spm = spm_qemu_place_find_hidden(def, cells - 1, &room);
    g_autofree char *cell = cells < spm_qemu_limits.cells.max
                                ? g_strdup_printf(" or add <cell id='%u' memory='0'/>", cells)
                                : NULL;

    if (spm)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, spm->line,
            "<memory model='spm'> uses node %u, the last cell, but free hotplug space below it (" SPM_HEX
            ") is reported on the same node and a driver would pick that first; set <address>%s",
            cells - 1, room, cell ? cell : "");
}
