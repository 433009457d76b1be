/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest-physical map of a domain as an SVG picture, high addresses on top.
 *
 * Sizes differ by a factor of a million, so a band's height grows with the logarithm of its size, and is
 * never too low for its text. Colour says what a band is, the chip beside it which node it belongs to. */

#include "layout/spm_layout.h"

/* Pixels. */
#define SPM_WIDTH 860
#define SPM_TOP 92
#define SPM_BAND_X 170
#define SPM_BAND_WIDTH 420
#define SPM_BAND_LEAST 34
#define SPM_BAND_STEP 6
#define SPM_BAND_MOST 112
#define SPM_CHIP_X (SPM_BAND_X + SPM_BAND_WIDTH + 8)
#define SPM_CHIP_WIDTH 92
#define SPM_BRACKET_X (SPM_CHIP_X + SPM_CHIP_WIDTH + 14)
#define SPM_LEGEND_HEIGHT 24

/* Names are cut to what fits beside the size. */
#define SPM_CHARACTERS_NAME 18
#define SPM_CHARACTERS_ALIAS 18
#define SPM_CHARACTERS_TITLE 48

static const struct {
    const char *fill;
    const char *legend;
} spm_kinds[] = {
    [SPM_REGION_RAM] = { "#cfe0f3", "RAM" },
    [SPM_REGION_SPM] = { "#f9a03f", "SPM: specific purpose memory, soft reserved" },
    [SPM_REGION_DEVICE] = { "#a8d5a2", "other memory device" },
    [SPM_REGION_ROOM] = { "url(#room)", "room for hotplug, which the SRAT gives to the highest node" },
    [SPM_REGION_IO] = { "#d9d9d9", "no memory: PCI, interrupt controllers, firmware" },
    [SPM_REGION_UNUSED] = { "#efefef", "unused: the window begins at a whole GiB" },
};
G_STATIC_ASSERT(G_N_ELEMENTS(spm_kinds) == SPM_REGION_LAST);

/* Okabe and Ito's colours, which the colour-blind can tell apart, in an order that keeps neighbours apart;
 * nodes beyond them begin again, and are told apart by their number. */
static const struct {
    const char *fill;
    const char *text;
} spm_nodes[] = {
    { "#0072b2", "#ffffff" }, { "#d55e00", "#ffffff" }, { "#009e73", "#ffffff" }, { "#cc79a7", "#000000" },
    { "#56b4e9", "#000000" }, { "#f0e442", "#000000" }, { "#000000", "#ffffff" },
};

static const char spm_svg_style[] =
    "<style>\n"
    "text { font-family: 'DejaVu Sans', Verdana, sans-serif; font-size: 13px; fill: #1a1a1a }\n"
    ".title { font-size: 18px; font-weight: bold }\n"
    ".address { font-family: 'DejaVu Sans Mono', monospace; font-size: 12px; text-anchor: end }\n"
    ".name { font-weight: bold }\n"
    ".note { font-size: 12px; fill: #555555 }\n"
    ".end { text-anchor: end }\n"
    ".middle { text-anchor: middle }\n"
    ".band { stroke: #1a1a1a; stroke-width: 1 }\n"
    ".line { stroke: #1a1a1a; stroke-width: 1.5; fill: none }\n"
    "</style>\n"
    "<defs><pattern id='room' width='10' height='10' patternUnits='userSpaceOnUse'>"
    "<rect width='10' height='10' fill='#ffffff'/>"
    "<path d='M-2,2 l4,-4 M0,10 l10,-10 M8,12 l4,-4' stroke='#c3d9bf' stroke-width='2'/>"
    "</pattern></defs>\n";

/* Text of a document, cut to @most characters and fit for XML. */
static char *
spm_svg_text(const char *text, glong most)
{
    g_autofree char *cut = NULL;

    if (!text)
        return g_strdup("");
    if (g_utf8_strlen(text, -1) <= most)
        return g_markup_escape_text(text, -1);
    cut = g_utf8_substring(text, 0, most - 1);
    return g_markup_printf_escaped("%s\xe2\x80\xa6", cut);
}

static guint
spm_svg_height(const SpmRegion *region)
{
    guint bits = g_bit_storage((gulong)(region->size >> 26)); /* 1 below 128 MiB */

    if (region->kind == SPM_REGION_IO || region->kind == SPM_REGION_UNUSED)
        return SPM_BAND_LEAST;
    return MIN(SPM_BAND_LEAST + (bits - 1) * SPM_BAND_STEP, SPM_BAND_MOST);
}

static void
spm_svg_add_address(GString *out, guint64 address, guint y)
{
    g_string_append_printf(out,
                           "<line class='band' x1='%d' y1='%u' x2='%d' y2='%u'/>"
                           "<text class='address' x='%d' y='%u'>" SPM_HEX "</text>\n",
                           SPM_BAND_X - 8, y, SPM_BAND_X, y, SPM_BAND_X - 14, y + 4, address);
}

static void
spm_svg_add_band(GString *out, const SpmRegion *region, guint y, guint height)
{
    g_autofree char *name = spm_svg_text(spm_region_name(region), SPM_CHARACTERS_NAME);
    g_autofree char *alias = spm_svg_text(region->alias, SPM_CHARACTERS_ALIAS);
    g_autofree char *size = spm_region_size(region->size);
    guint text_y = y + height / 2 + 5;

    g_string_append_printf(out, "<rect class='band' x='%d' y='%u' width='%d' height='%u' fill='%s'/>\n",
                           SPM_BAND_X, y, SPM_BAND_WIDTH, height, spm_kinds[region->kind].fill);
    g_string_append_printf(out, "<text class='name' x='%d' y='%u'>%s</text>", SPM_BAND_X + 12, text_y, name);
    if (*alias)
        g_string_append_printf(out, "<text x='%d' y='%u'>%s</text>", SPM_BAND_X + 166, text_y, alias);
    g_string_append_printf(out, "<text class='end' x='%d' y='%u'>%s</text>\n",
                           SPM_BAND_X + SPM_BAND_WIDTH - 12, text_y, size);
}

static void
spm_svg_add_node(GString *out, const SpmRegion *region, guint y, guint height)
{
    gsize colour = (gsize)region->node % G_N_ELEMENTS(spm_nodes);

    if (region->node < 0)
        return;
    g_string_append_printf(
        out,
        "<rect x='%d' y='%u' width='%d' height='%u' rx='4' fill='%s'/>"
        "<text class='middle' x='%d' y='%u' style='fill:%s'>node %" G_GINT64_FORMAT "</text>\n",
        SPM_CHIP_X, y + 3, SPM_CHIP_WIDTH, height - 6, spm_nodes[colour].fill,
        SPM_CHIP_X + SPM_CHIP_WIDTH / 2, y + height / 2 + 5, spm_nodes[colour].text, region->node);
}

static void
spm_svg_add_bracket(GString *out, const SpmLayout *layout, guint top, guint bottom)
{
    g_autofree char *size = spm_region_size(layout->window_size);
    guint middle = (top + bottom) / 2;

    g_string_append_printf(out, "<path class='line' d='M%d,%u h8 V%u h-8'/>\n", SPM_BRACKET_X, top + 1,
                           bottom - 1);
    g_string_append_printf(out,
                           "<text x='%d' y='%u'>device memory</text>"
                           "<text class='note' x='%d' y='%u'>%s</text>\n",
                           SPM_BRACKET_X + 16, middle, SPM_BRACKET_X + 16, middle + 17, size);
}

/* Returns where the map ends. */
static guint
spm_svg_add_map(GString *out, const SpmLayout *layout)
{
    guint64 window_end = layout->window + layout->window_size;
    guint y = SPM_TOP, bracket = SPM_TOP;

    for (guint i = layout->regions->len; i-- > 0;) {
        const SpmRegion *region = g_ptr_array_index(layout->regions, i);
        guint height = spm_svg_height(region);

        if (region->base + region->size == window_end)
            bracket = y;
        spm_svg_add_band(out, region, y, height);
        spm_svg_add_node(out, region, y, height);
        spm_svg_add_address(out, region->base + region->size, y);
        y += height;
        if (layout->window_size && region->base == layout->window)
            spm_svg_add_bracket(out, layout, bracket, y);
    }
    spm_svg_add_address(out, 0, y);
    return y;
}

/* Returns where the legend ends. */
static guint
spm_svg_add_legend(GString *out, const SpmLayout *layout, guint y)
{
    gboolean has[SPM_REGION_LAST] = { FALSE };

    SPM_FOREACH(const SpmRegion, region, layout->regions)
        has[region->kind] = TRUE;
    for (guint kind = 0; kind < SPM_REGION_LAST; kind++) {
        if (!has[kind])
            continue;
        g_string_append_printf(out,
                               "<rect class='band' x='%d' y='%u' width='22' height='14' fill='%s'/>"
                               "<text x='%d' y='%u'>%s</text>\n",
                               SPM_BAND_X, y, spm_kinds[kind].fill, SPM_BAND_X + 34, y + 12,
                               spm_kinds[kind].legend);
        y += SPM_LEGEND_HEIGHT;
    }
    if (layout->amd_moves) {
        g_string_append_printf(out,
                               "<text class='note' x='%d' y='%u'>On a CPU of AMD, QEMU moves what is above "
                               "4 GiB up to 1 TiB%s.</text>\n",
                               SPM_BAND_X, y + 12, layout->amd_moved ? ", as shown" : "");
        y += SPM_LEGEND_HEIGHT;
    }
    return y;
}

/**
 * spm_layout_to_svg:
 * @layout: a map
 *
 * Returns: (transfer full): a picture
 */
char *
spm_layout_to_svg(const SpmLayout *layout)
{
    g_autofree char *name = spm_svg_text(layout->name, SPM_CHARACTERS_TITLE);
    g_autoptr(GString) body = g_string_new(NULL);
    GString *out = g_string_new(NULL);
    guint bottom = spm_svg_add_legend(body, layout, spm_svg_add_map(body, layout) + 30);

    g_string_append_printf(
        out,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%u' viewBox='0 0 %d %u' "
        "role='img'>\n<title>Guest-physical memory of %s</title>\n",
        SPM_WIDTH, bottom + 12, SPM_WIDTH, bottom + 12, name);
    g_string_append(out, spm_svg_style);
    g_string_append(out, "<rect width='100%' height='100%' fill='#ffffff'/>\n");
    g_string_append_printf(out, "<text class='title' x='%d' y='34'>%s</text>\n", SPM_BAND_X, name);
    g_string_append_printf(out,
                           "<text class='note' x='%d' y='56'>Guest-physical memory, machine %s, not to "
                           "scale</text>\n",
                           SPM_BAND_X, layout->q35 ? "q35" : "pc");
    g_string_append_printf(out, "<text class='note middle' x='%d' y='80'>NUMA node</text>\n",
                           SPM_CHIP_X + SPM_CHIP_WIDTH / 2);
    g_string_append_len(out, body->str, (gssize)body->len);
    g_string_append(out, "</svg>\n");
    return g_string_free(out, FALSE);
}
