/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refuse what the chosen libvirt could not carry to QEMU, and what would get in the way of that. */

#include "qemu_spm_validate.h"

#include "qemu_spm.h"
#include "qemu_spm_ns.h"
#include "spm_cpuset.h"
#include "spm_xml.h"

static void
spm_check_overrides(const SpmDomainDef *def, SpmFaults *faults)
{
    static const SpmQemuProperty ours[] = { SPM_QEMU_DRIVER, SPM_QEMU_SLOT, SPM_QEMU_NODE };
    g_autoptr(GTree) overrides = spm_qemu_ns_overrides(def->root);

    for (guint i = 0; i < def->spms->len; i++) {
        const SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);
        const SpmQemuOverride *override = spm->alias ? g_tree_lookup(overrides, spm->alias) : NULL;

        for (gsize j = 0; override && j < G_N_ELEMENTS(ours); j++) {
            xmlNodePtr property = override->properties[ours[j]];

            if (property)
                spm_faults_add(
                    faults, SPM_ERROR_CONFIG, spm_xml_line(property),
                    "<property> of <override> sets '%s' of <memory model='spm'> with alias '%s', which "
                    "libvirt-spm sets itself; remove it",
                    spm_qemu_property_name(ours[j]), spm->alias);
        }
    }
}

static void
spm_check_left_out_cell(const SpmCellDef *cell, SpmFaults *faults)
{
    static const char *const known[] = { "id", "memory", "unit", NULL };

    for (xmlAttrPtr attr = cell->node->properties; attr; attr = attr->next) {
        if (!g_strv_contains(known, (const char *)attr->name))
            spm_faults_add(
                faults, SPM_ERROR_CONFIG, cell->line,
                "<cell id='%u'>, which <memory model='spm'> needs, has the attribute '%s', which libvirt "
                "before 12.8.0 cannot give to a cell without memory; remove it or use a newer libvirt",
                cell->id, (const char *)attr->name);
    }
    for (xmlNodePtr child = xmlFirstElementChild(cell->node); child; child = xmlNextElementSibling(child))
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, spm_xml_line(child),
            "<cell id='%u'>, which <memory model='spm'> needs, has <%s>, which libvirt before 12.8.0 "
            "cannot give to a cell without memory; remove it or use a newer libvirt",
            cell->id, (const char *)child->name);
}

/* Refuses @node when its attribute @name is the id of a cell that libvirt is not given. */
static void
spm_check_reference(xmlNodePtr node, const char *name, guint stock_cells, guint cells, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_attr(node, name);
    guint64 id;

    if (value && spm_parse_number(value, 10, G_MAXINT, &id) && id >= stock_cells && id < cells)
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, spm_xml_line(node),
            "<%s> has %s='%s', a cell for <memory model='spm'> that has no memory of its own, which "
            "libvirt before 12.8.0 cannot refer to; remove it or use a newer libvirt",
            (const char *)node->name, name, value);
}

/* Refuses a <page> of <hugepages> that is for a cell that libvirt is not given. */
static void
spm_check_page(xmlNodePtr page, guint stock_cells, guint cells, SpmFaults *faults)
{
    g_autofree char *nodeset = spm_xml_attr(page, "nodeset");
    SpmCpuset set;

    spm_cpuset_parse(nodeset, &set);
    for (guint id = stock_cells; id < cells; id++) {
        if (spm_cpuset_contains(&set, id)) {
            spm_faults_add(
                faults, SPM_ERROR_CONFIG, spm_xml_line(page),
                "<page> of <hugepages> has nodeset='%s' with cell %u, which is for <memory model='spm'> "
                "and has no memory of its own, which libvirt before 12.8.0 cannot refer to; give the spm "
                "element a <pagesize> or use a newer libvirt",
                nodeset, id);
            return;
        }
    }
}

static void
spm_check_references(const SpmDomainDef *def, guint stock_cells, SpmFaults *faults)
{
    static const struct {
        const char *path;
        const char *attribute;
    } references[] = {
        { "cpu/numa[1]/interconnects[1]/*", "initiator" },
        { "cpu/numa[1]/interconnects[1]/*", "target" },
        { "numatune/*", "cellid" },
    };
    g_autoptr(GPtrArray) pages = spm_xml_find_all(def->root, "memoryBacking/hugepages/page");

    for (gsize i = 0; i < G_N_ELEMENTS(references); i++) {
        g_autoptr(GPtrArray) nodes = spm_xml_find_all(def->root, references[i].path);

        for (guint j = 0; j < nodes->len; j++)
            spm_check_reference(g_ptr_array_index(nodes, j), references[i].attribute, stock_cells,
                                def->cells->len, faults);
    }
    for (guint i = 0; i < pages->len; i++)
        spm_check_page(g_ptr_array_index(pages, i), stock_cells, def->cells->len, faults);
}

/* QEMU wants a distance between all nodes when there is one between two. */
static void
spm_check_distances(const SpmDomainDef *def, guint stock_cells, SpmFaults *faults)
{
    for (guint i = 0; i < stock_cells; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);
        xmlNodePtr distances = spm_xml_find(cell->node, "distances");

        if (distances)
            spm_faults_add(
                faults, SPM_ERROR_CONFIG, spm_xml_line(distances),
                "<distances> of <cell id='%u'> makes QEMU want one to each cell, which libvirt before 12.8.0 "
                "cannot "
                "give to <cell id='%u'>, as that has no memory of its own; remove it or use a newer libvirt",
                cell->id, stock_cells);
    }
}

/* What the chosen libvirt could not carry. */
static void
spm_check_libvirt(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    const SpmMemoryDef *first = g_ptr_array_index(def->spms, 0);
    unsigned long version = options->libvirt_version;
    guint stock_cells = spm_qemu_stock_cells(def, options);
    g_autofree char *name = spm_libvirt_version_name(version);

    if (version < SPM_LIBVIRT_OLDEST)
        spm_faults_add(faults, SPM_ERROR_CONFIG, first->line,
                       "<memory model='spm'> needs libvirt 10.0.0 or newer, this is %s, which could not "
                       "start the domain",
                       name);
    if (stock_cells == def->cells->len)
        return;

    for (guint i = 0; i < stock_cells; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        if (cell->memory == 0)
            spm_faults_add(
                faults, SPM_ERROR_CONFIG, cell->line,
                "<cell id='%u'> has no memory and stands before one that has, which libvirt before "
                "12.8.0 cannot start; put cells that only <memory model='spm'> uses last, or use a "
                "newer libvirt",
                cell->id);
    }
    if (stock_cells == 0)
        spm_faults_add(faults, SPM_ERROR_CONFIG, spm_xml_line(spm_xml_find(def->root, "cpu/numa")),
                       "<numa> has no <cell> with memory; the guest needs some beside <memory model='spm'>");
    for (guint i = stock_cells; i < def->cells->len; i++)
        spm_check_left_out_cell(g_ptr_array_index(def->cells, i), faults);
    spm_check_references(def, stock_cells, faults);
    spm_check_distances(def, stock_cells, faults);
}

/**
 * spm_qemu_validate:
 * @def: a definition after post-parse
 * @options: for which libvirt
 * @faults: where each reason to refuse it is added: SPM_ERROR_CONFIG
 */
void
spm_qemu_validate(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    spm_check_overrides(def, faults);
    spm_check_libvirt(def, options, faults);
}
