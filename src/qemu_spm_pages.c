/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pages libvirt backs a cell with. In a file of its own, as the plugin needs no command line. */

#include "qemu_spm.h"

#include "spm_cpuset.h"
#include "spm_xml.h"

/* The default hugepages of x86. */
#define SPM_HUGEPAGE_KIB 2048

/* A cell, and whether a <page> names it. */
typedef struct {
    gboolean named;
    guint64 size; /* KiB */
} SpmQemuPage;

struct _SpmQemuPages {
    GArray *cells; /* of SpmQemuPage, by id */
    guint64 general;
};

/* Each nodeset is read once, and what it says noted of each cell. */
static void
spm_read_page(SpmQemuPages *pages, xmlNodePtr node)
{
    g_autofree char *nodeset = spm_xml_attr(node, "nodeset");
    g_autofree char *value = spm_xml_attr(node, "size");
    g_autofree char *unit = spm_xml_attr(node, "unit");
    guint64 size = 0;
    SpmCpuset set;

    if (value)
        spm_parse_size(value, unit, &size);
    if (!nodeset) {
        pages->general = size;
        return;
    }
    spm_cpuset_parse(nodeset, &set);
    for (guint i = 0; i < pages->cells->len; i++) {
        SpmQemuPage *page = &g_array_index(pages->cells, SpmQemuPage, i);

        if (!page->named && spm_cpuset_contains(&set, i))
            *page = (SpmQemuPage){ TRUE, size };
    }
}

/**
 * spm_qemu_pages_new:
 * @def: a definition
 *
 * Returns: (transfer full): what the <page> elements of <hugepages> say of each cell, and of all others
 */
SpmQemuPages *
spm_qemu_pages_new(const SpmDomainDef *def)
{
    g_autoptr(GPtrArray) nodes = spm_xml_find_all(def->root, "memoryBacking/hugepages/page");
    SpmQemuPages *pages = g_new0(SpmQemuPages, 1);

    pages->cells = g_array_new(FALSE, TRUE, sizeof(SpmQemuPage));
    g_array_set_size(pages->cells, def->cells->len);
    if (nodes->len == 0 && spm_xml_find(def->root, "memoryBacking/hugepages"))
        pages->general = SPM_HUGEPAGE_KIB;
    for (guint i = 0; i < nodes->len; i++)
        spm_read_page(pages, g_ptr_array_index(nodes, i));
    return pages;
}

/**
 * spm_qemu_pages_free:
 * @pages: (nullable): see spm_qemu_pages_new()
 */
void
spm_qemu_pages_free(SpmQemuPages *pages)
{
    if (!pages)
        return;
    g_array_unref(pages->cells);
    g_free(pages);
}

/**
 * spm_qemu_pages_of:
 * @pages: see spm_qemu_pages_new()
 * @cell: the id of a cell
 *
 * Returns: the size in KiB of the <page> that applies to @cell: the first one that names the cell, else the
 * last one that names none; 0 without hugepages
 */
guint64
spm_qemu_pages_of(const SpmQemuPages *pages, unsigned int cell)
{
    if (cell < pages->cells->len && g_array_index(pages->cells, SpmQemuPage, cell).named)
        return g_array_index(pages->cells, SpmQemuPage, cell).size;
    return pages->general;
}
