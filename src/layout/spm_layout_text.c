/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest-physical map of a domain as text of at most 80 columns, high addresses first. */

#include "layout/spm_layout.h"

/* Columns: an address of 52 bits, and a box of name, alias, size and node. */
#define SPM_COLUMNS_ADDRESS 15
#define SPM_COLUMNS_NAME 16
#define SPM_COLUMNS_ALIAS 17
#define SPM_COLUMNS_SIZE 12
#define SPM_COLUMNS_NODE 9
#define SPM_COLUMNS_BOX (SPM_COLUMNS_NAME + SPM_COLUMNS_ALIAS + SPM_COLUMNS_SIZE + SPM_COLUMNS_NODE + 8)
#define SPM_COLUMNS_TITLE 30

/* What makes kinds differ at a glance. */
static const char *const spm_hatches[] = {
    [SPM_REGION_RAM] = ":::",  [SPM_REGION_SPM] = "###", [SPM_REGION_DEVICE] = "===",
    [SPM_REGION_ROOM] = "...", [SPM_REGION_IO] = "   ",  [SPM_REGION_UNUSED] = "   ",
};
G_STATIC_ASSERT(G_N_ELEMENTS(spm_hatches) == SPM_REGION_LAST);

/* Adds @text, which may be any that a document has, in at most @columns of a terminal. Returns how many
 * it took. */
static guint
spm_text_add(GString *out, const char *text, guint columns)
{
    guint used = 0;

    for (const char *c = text ? text : ""; *c; c = g_utf8_next_char(c)) {
        gunichar character = g_utf8_get_char(c);
        guint width = g_unichar_iszerowidth(character) ? 0 : g_unichar_iswide(character) ? 2 : 1;

        /* the last column is for "there is more" */
        if (used + width + (*g_utf8_next_char(c) != '\0') > columns) {
            g_string_append_c(out, '~');
            return used + 1;
        }
        g_string_append_unichar(out, g_unichar_isprint(character) ? character : '?');
        used += width;
    }
    return used;
}

static void
spm_text_add_padded(GString *out, const char *text, guint columns)
{
    guint used = spm_text_add(out, text, columns);

    g_string_append_printf(out, "%*s", (int)(columns - used), "");
}

static void
spm_text_add_border(GString *out, guint64 address, char line, const char *caption)
{
    g_autofree char *text = g_strdup_printf(SPM_HEX, address);
    gsize start;

    g_string_append_printf(out, "%*s +", SPM_COLUMNS_ADDRESS, text);
    start = out->len;
    if (caption)
        g_string_append_printf(out, "%c%c %s ", line, line, caption);
    while (out->len - start < SPM_COLUMNS_BOX)
        g_string_append_c(out, line);
    g_string_append(out, "+\n");
}

static void
spm_text_add_region(GString *out, const SpmRegion *region)
{
    g_autofree char *size = spm_region_size(region->size);
    g_autofree char *node = region->node < 0 ? NULL : g_strdup_printf("node %" G_GINT64_FORMAT, region->node);

    g_string_append_printf(out, "%*s | %s ", SPM_COLUMNS_ADDRESS, "", spm_hatches[region->kind]);
    spm_text_add_padded(out, spm_region_name(region), SPM_COLUMNS_NAME);
    g_string_append_c(out, ' ');
    spm_text_add_padded(out, region->alias, SPM_COLUMNS_ALIAS);
    g_string_append_printf(out, " %*s ", SPM_COLUMNS_SIZE, size);
    spm_text_add_padded(out, node, SPM_COLUMNS_NODE);
    g_string_append(out, "|\n");
}

/* The border above the region of that index; a heavy one where the window begins or ends. */
static void
spm_text_add_border_above(GString *out, const SpmLayout *layout, guint index)
{
    const SpmRegion *region = g_ptr_array_index(layout->regions, index);
    guint64 end = region->base + region->size;
    g_autofree char *size = spm_region_size(layout->window_size);
    g_autofree char *caption = g_strdup_printf("device-memory window, %s", size);

    if (layout->window_size && end == layout->window + layout->window_size)
        spm_text_add_border(out, end, '=', caption);
    else
        spm_text_add_border(out, end, layout->window_size && end == layout->window ? '=' : '-', NULL);
}

/**
 * spm_layout_to_text:
 * @layout: a map
 *
 * Returns: (transfer full): a drawing of at most 80 columns that ends in a newline
 */
char *
spm_layout_to_text(const SpmLayout *layout)
{
    GString *out = g_string_new(NULL);

    g_string_append(out, "Guest-physical memory of '");
    spm_text_add(out, layout->name, SPM_COLUMNS_TITLE);
    g_string_append_printf(out, "' (%s), not to scale\n\n", layout->q35 ? "q35" : "pc");
    for (guint i = layout->regions->len; i-- > 0;) {
        spm_text_add_border_above(out, layout, i);
        spm_text_add_region(out, g_ptr_array_index(layout->regions, i));
    }
    spm_text_add_border(out, 0, '-', NULL);
    g_string_append(out, "\n"
                         "### specific purpose memory     === other memory device\n"
                         "... room for hotplug, which the SRAT gives to the highest node\n");
    if (layout->amd_moves)
        g_string_append_printf(out, "\nOn a CPU of AMD, QEMU moves what is above 4 GiB up to 1 TiB%s.\n",
                               layout->amd_moved ? ", as shown" : "");
    return g_string_free(out, FALSE);
}
