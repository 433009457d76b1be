/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Write a definition back into its document. */

#include "spm_domain_format.h"

#include <string.h>

#include "spm_memory_conf.h"
#include "spm_numa_conf.h"
#include "spm_xml.h"

static void
spm_format_add_size(xmlNodePtr parent, const char *name, guint64 kib)
{
    if (kib)
        spm_xml_add_attr(spm_xml_add(parent, name, "%" G_GUINT64_FORMAT, kib), "unit", "KiB");
}

/**
 * spm_memory_def_format:
 * @spm: a definition
 * @model: of the element
 *
 * Returns: (transfer full): a new element in libvirt's order and units, not yet linked into the tree
 */
xmlNodePtr
spm_memory_def_format(const SpmMemoryDef *spm, const char *model)
{
    xmlNodePtr node = spm_xml_new(spm->node->doc, NULL, "memory");
    xmlNodePtr source, target;

    spm_xml_add_attr(node, "model", model);
    if (spm->access)
        spm_xml_add_attr(node, "access", spm_access_names[spm->access]);
    if (spm->discard)
        spm_xml_add_attr(node, "discard", spm_tristate_names[spm->discard]);

    if (spm->pagesize || spm->nodemask || spm->path || spm->pool) {
        source = spm_xml_add(node, "source", NULL);
        if (spm->nodemask)
            spm_xml_add(source, "nodemask", "%s", spm->nodemask);
        spm_format_add_size(source, "pagesize", spm->pagesize);
        if (spm->pool && strcmp(model, "spm") == 0)
            spm_xml_add(source, "pool", "%s", spm->pool);
        else if (spm->path)
            spm_xml_add(source, "path", "%s", spm->path);
        spm_format_add_size(source, "alignsize", spm->alignsize);
        if (spm->pmem)
            spm_xml_add(source, "pmem", NULL);
    }

    target = spm_xml_add(node, "target", NULL);
    spm_format_add_size(target, "size", spm->size);
    spm_xml_add(target, "node", "%u", spm->cell);
    if (spm->has_base)
        spm_xml_set_attr(spm_xml_add(target, "address", NULL), "base", SPM_HEX, spm->base);

    if (spm->alias)
        spm_xml_add_attr(spm_xml_add(node, "alias", NULL), "name", spm->alias);
    return node;
}

/* Without bases, devices are placed in the order of the document. SPM comes first. */
static void
spm_format_order(SpmDomainDef *def)
{
    const SpmOtherMemoryDef *first;

    if (def->others->len == 0)
        return;
    first = g_ptr_array_index(def->others, 0);
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        if (spm->late)
            spm_xml_move_before(first->node, spm->node);
    }
}

/* Sets the attribute, which libvirt writes before the unit; 0 removes it. */
static void
spm_format_slots(xmlNodePtr node, unsigned int slots)
{
    g_autofree char *unit = spm_xml_attr(node, "unit");

    if (slots == 0) {
        xmlUnsetProp(node, BAD_CAST "slots");
        return;
    }
    if (unit && !xmlHasProp(node, BAD_CAST "slots"))
        xmlUnsetProp(node, BAD_CAST "unit");
    spm_xml_set_attr(node, "slots", "%u", slots);
    if (unit)
        spm_xml_set_attr(node, "unit", "%s", unit);
}

static void
spm_format_max_memory(const SpmDomainDef *def)
{
    xmlNodePtr node = spm_xml_first(def->root, NULL, "maxMemory");
    xmlNodePtr memory = spm_xml_first(def->root, NULL, "memory");

    if (!node) {
        node = spm_xml_new(def->root->doc, NULL, "maxMemory");
        spm_xml_set_content(node, "%" G_GUINT64_FORMAT, def->max_memory);
        spm_xml_set_attr(node, "unit", "KiB");
        spm_xml_insert(def->root, memory, node);
    }
    spm_format_slots(node, def->slots);
}

/**
 * spm_numa_find_end_of_cells:
 * @numa: a <numa>
 *
 * Returns: (transfer none) (nullable): what follows its last <cell>, such as <interconnects>
 */
xmlNodePtr
spm_numa_find_end_of_cells(xmlNodePtr numa)
{
    xmlNodePtr end = NULL;

    for (xmlNodePtr child = xmlLastElementChild(numa); child && !spm_xml_is(child, NULL, "cell");
         child = xmlPreviousElementSibling(child))
        end = child;
    return end;
}

/**
 * spm_numa_add_cell:
 * @numa: a <numa>
 * @end: (nullable): what spm_numa_find_end_of_cells() says of it, before the first of several cells
 * @id: of the new cell
 * @cpus: (nullable): its CPUs
 * @memory: its memory, in KiB
 *
 * Returns: (transfer none): a new <cell>, after all others
 */
xmlNodePtr
spm_numa_add_cell(xmlNodePtr numa, xmlNodePtr end, unsigned int id, const char *cpus, guint64 memory)
{
    xmlNodePtr cell = spm_xml_new(numa->doc, NULL, "cell");

    spm_xml_set_attr(cell, "id", "%u", id);
    if (cpus)
        spm_xml_add_attr(cell, "cpus", cpus);
    spm_xml_set_attr(cell, "memory", "%" G_GUINT64_FORMAT, memory);
    spm_xml_add_attr(cell, "unit", "KiB");
    spm_xml_insert(numa, end, cell);
    return cell;
}

/* Where translation out puts cells back as well. */
static xmlNodePtr
spm_format_add_cell(const SpmDomainDef *def, unsigned int id)
{
    g_autoptr(GPtrArray) numas = spm_xml_find_all(def->root, "cpu/numa[1]");
    xmlNodePtr numa = g_ptr_array_index(numas, numas->len - 1);

    return spm_numa_add_cell(numa, spm_numa_find_end_of_cells(numa), id, NULL, 0);
}

/* Translation leaves cells without memory out and puts them back. So all cells get explicit ids, as their
 * positions can change, and plain cells get one spelling. */
static void
spm_format_cells(const SpmDomainDef *def)
{
    SPM_FOREACH(SpmCellDef, cell, def->cells) {
        if (!cell->node)
            cell->node = spm_format_add_cell(def, cell->id);
        while (cell->plain && cell->node->properties)
            xmlRemoveProp(cell->node->properties);
        if (!xmlHasProp(cell->node, BAD_CAST "id"))
            spm_xml_set_attr(cell->node, "id", "%u", cell->id);
        if (!cell->plain)
            continue;
        spm_xml_set_attr(cell->node, "memory", "0");
        spm_xml_set_attr(cell->node, "unit", "KiB");
        if (cell->access)
            spm_xml_set_attr(cell->node, "memAccess", "%s", spm_access_names[cell->access]);
        if (cell->discard)
            spm_xml_set_attr(cell->node, "discard", "%s", spm_tristate_names[cell->discard]);
    }
}

/**
 * spm_domain_def_format_domain:
 * @def: a definition with spm elements
 *
 * Writes everything of @def back into its document except the spm elements themselves: <maxMemory>, the
 * cells, and the order of memory devices, in which SPM comes first.
 */
void
spm_domain_def_format_domain(SpmDomainDef *def)
{
    spm_format_cells(def);
    spm_numa_def_format(def);
    spm_format_max_memory(def);
    spm_format_order(def);
}

/**
 * spm_memory_def_replace:
 * @spm: a definition
 * @node: (transfer full): a new element that replaces its element in the document
 */
void
spm_memory_def_replace(SpmMemoryDef *spm, xmlNodePtr node)
{
    spm_xml_replace(spm->node, node);
    spm->node = node;
}

/**
 * spm_domain_def_format:
 * @def: a definition
 *
 * Writes @def back into its document, with every spm element in canonical form.
 */
void
spm_domain_def_format(SpmDomainDef *def)
{
    if (def->spms->len == 0)
        return;
    spm_domain_def_format_domain(def);
    SPM_FOREACH(SpmMemoryDef, spm, def->spms)
        spm_memory_def_replace(spm, spm_memory_def_format(spm, "spm"));
}
