/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pages libvirt backs a cell with. In a file of its own, as the plugin needs no command line. */

#include "qemu_spm.h"

#include "spm_cpuset.h"
#include "spm_xml.h"

/* The default hugepages of x86. */
#define SPM_HUGEPAGE_KIB 2048

/**
 * spm_qemu_hugepage:
 * @def: a definition
 * @cell: one of its cells
 *
 * Returns: the size in KiB of the <page> of <hugepages> that applies to @cell: one that names the cell,
 *   else one that names none; 0 without hugepages
 */
guint64
spm_qemu_hugepage(const SpmDomainDef *def, unsigned int cell)
{
    xmlNodePtr hugepages = spm_xml_find(def->root, "memoryBacking/hugepages");
    g_autoptr(GPtrArray) pages = spm_xml_children(hugepages, NULL, "page");
    guint64 general = hugepages && pages->len == 0 ? SPM_HUGEPAGE_KIB : 0;

    for (guint i = 0; i < pages->len; i++) {
        xmlNodePtr page = g_ptr_array_index(pages, i);
        g_autofree char *nodeset = spm_xml_attr(page, "nodeset");
        g_autofree char *value = spm_xml_attr(page, "size");
        g_autofree char *unit = spm_xml_attr(page, "unit");
        guint64 size = 0;

        if (value)
            spm_parse_size(value, unit, &size);
        if (nodeset && spm_cpuset_contains(nodeset, cell))
            return size;
        if (!nodeset)
            general = size;
    }
    return general;
}
