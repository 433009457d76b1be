/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parse and format the distances between a domain's cells, their memory-side caches, latencies and
 * bandwidths.
 *
 * libvirt reads all this itself, if it gets it. An old libvirt does not get what concerns the last cells,
 * those without memory (see spm_translate.c). So it is read here as libvirt reads it, with the same defaults.
 * What libvirt would refuse is kept in a list of faults, for validation. */

#include "spm_numa_conf.h"

#include <string.h>

#include "spm_xml.h"

#define SPM_NUMA_ACCESSES 3
#define SPM_NUMA_UNREACHABLE 255

const char *const spm_numa_associativity_names[] = { "none", "direct", "full", NULL };
const char *const spm_numa_policy_names[] = { "none", "writeback", "writethrough", NULL };
const char *const spm_numa_access_names[] = { "access", "read", "write", NULL };

/* ---- values ---- */

/* The number in an attribute, or @min and a fault. */
static guint64
spm_numa_read_number(SpmNumaDef *numa, xmlNodePtr node, const char *name, guint64 min, guint64 max)
{
    g_autofree char *text = spm_xml_attr(node, name);
    guint64 value;

    if (text && spm_parse_number(text, 10, max, &value) && value >= min)
        return value;
    spm_faults_add(numa->faults, SPM_ERROR_CONFIG, spm_xml_line(node),
                   "<%s> of <numa> has %s='%s'; it must be a whole number from %" G_GUINT64_FORMAT
                   " to %" G_GUINT64_FORMAT,
                   (const char *)node->name, name, text ? text : "", min, max);
    return min;
}

/* The index in @names of an attribute's value, or 0 and a fault. */
static unsigned int
spm_numa_read_choice(SpmNumaDef *numa, xmlNodePtr node, const char *name, const char *const *names)
{
    g_autofree char *text = spm_xml_attr(node, name);

    for (unsigned int i = 0; names[i]; i++) {
        if (g_strcmp0(names[i], text) == 0)
            return i;
    }
    spm_faults_add(numa->faults, SPM_ERROR_CONFIG, spm_xml_line(node),
                   "<%s> of <numa> has %s='%s'; allowed: '%s', '%s', '%s'", (const char *)node->name, name,
                   text ? text : "", names[0], names[1], names[2]);
    return 0;
}

/* A size in bytes, from 1 to @max, which is in @unit unless it has a unit of its own; or 0 and a fault. */
static guint64
spm_numa_read_bytes(SpmNumaDef *numa, xmlNodePtr cache, const char *name, const char *unit, guint64 max)
{
    xmlNodePtr node = spm_xml_first(cache, NULL, name);
    g_autofree char *value = spm_xml_attr(node, "value"), *own = spm_xml_attr(node, "unit");
    guint64 bytes;

    if (value && spm_parse_bytes(value, own ? own : unit, &bytes) && bytes > 0 && bytes <= max)
        return bytes;
    spm_faults_add(numa->faults, SPM_ERROR_CONFIG, spm_xml_line(node ? node : cache),
                   "<%s> of <cache> has value='%s' with unit '%s'; it must be from 1 to %" G_GUINT64_FORMAT
                   " bytes",
                   name, value ? value : "", own ? own : unit, max);
    return 0;
}

/* ---- parse ---- */

static gint
spm_numa_link_compare(gconstpointer a, gconstpointer b, gpointer first)
{
    const SpmNumaLink *const *one = a;
    const SpmNumaLink *const *other = b;

    return spm_numa_link_reaches(*one, GPOINTER_TO_UINT(first)) -
           spm_numa_link_reaches(*other, GPOINTER_TO_UINT(first));
}

/* A distance holds in the other direction as well, unless that has one of its own. */
static void
spm_numa_set_distance(SpmNumaDef *numa, guint from, guint to, guint value)
{
    guint8 *back;

    if (!numa->distances)
        numa->distances = g_malloc0((gsize)numa->cells * numa->cells);
    numa->distances[from * numa->cells + from] = SPM_NUMA_LOCAL;
    numa->distances[to * numa->cells + to] = SPM_NUMA_LOCAL;
    numa->distances[from * numa->cells + to] = (guint8)value;
    back = &numa->distances[to * numa->cells + from];
    if (!*back)
        *back = (guint8)value;
}

static void
spm_numa_parse_distances(SpmNumaDef *numa, const SpmCellDef *cell)
{
    xmlNodePtr distances = spm_xml_first(cell->node, NULL, "distances");
    xmlNodePtr sibling = distances ? spm_xml_first(distances, NULL, "sibling") : NULL;

    if (distances && !sibling)
        spm_faults_add(numa->faults, SPM_ERROR_CONFIG, spm_xml_line(distances),
                       "<distances> of <cell id='%u'> has no <sibling>", cell->id);
    for (; sibling; sibling = spm_xml_next(sibling, NULL, "sibling")) {
        guint id = (guint)spm_numa_read_number(numa, sibling, "id", 0, numa->cells - 1);
        guint value =
            (guint)spm_numa_read_number(numa, sibling, "value", SPM_NUMA_LOCAL, SPM_NUMA_UNREACHABLE);

        if (numa->faults->len == 0 && (id == cell->id) != (value == SPM_NUMA_LOCAL))
            spm_faults_add(
                numa->faults, SPM_ERROR_CONFIG, spm_xml_line(sibling),
                "<sibling id='%u'> of <cell id='%u'> has value='%u'; a cell has the distance 10 to "
                "itself, and a larger one to any other cell",
                id, cell->id, value);
        spm_numa_set_distance(numa, cell->id, id, value);
    }
}

static void
spm_numa_parse_caches(SpmNumaDef *numa, const SpmCellDef *cell)
{
    for (xmlNodePtr node = spm_xml_first(cell->node, NULL, "cache"); node;
         node = spm_xml_next(node, NULL, "cache")) {
        SpmNumaCache *cache = g_new0(SpmNumaCache, 1);

        cache->cell = cell->id;
        cache->level = (unsigned int)spm_numa_read_number(numa, node, "level", 1, SPM_NUMA_LEVELS);
        cache->associativity =
            spm_numa_read_choice(numa, node, "associativity", spm_numa_associativity_names);
        cache->policy = spm_numa_read_choice(numa, node, "policy", spm_numa_policy_names);
        cache->size =
            (spm_numa_read_bytes(numa, node, "size", "KiB", G_MAXUINT32 * SPM_KIB) + 1023) / SPM_KIB;
        cache->line = (unsigned int)spm_numa_read_bytes(numa, node, "line", "bytes", G_MAXUINT16);
        cache->row = spm_xml_line(node);
        g_ptr_array_add(numa->caches, cache);
    }
}

/* The bandwidth of @node in KiB a second, or 0 and a fault. */
static guint64
spm_numa_parse_bandwidth(SpmNumaDef *numa, xmlNodePtr node)
{
    g_autofree char *value = spm_xml_attr(node, "value"), *unit = spm_xml_attr(node, "unit");
    guint64 kib = 0;

    if (!value || !spm_parse_size(value, unit, &kib))
        spm_faults_add(numa->faults, SPM_ERROR_CONFIG, spm_xml_line(node),
                       "<bandwidth> of <numa> has value='%s' with unit '%s'; expected a whole number and a "
                       "unit such as 'MiB'",
                       value ? value : "", unit ? unit : "KiB");
    return kib;
}

static void
spm_numa_parse_link(SpmNumaDef *numa, xmlNodePtr node)
{
    SpmNumaLink *link = g_new0(SpmNumaLink, 1);

    link->node = node;
    link->line = spm_xml_line(node);
    link->bandwidth = spm_xml_is(node, NULL, "bandwidth");
    link->initiator = (unsigned int)spm_numa_read_number(numa, node, "initiator", 0, numa->cells - 1);
    link->target = (unsigned int)spm_numa_read_number(numa, node, "target", 0, numa->cells - 1);
    if (xmlHasNsProp(node, BAD_CAST "cache", NULL))
        link->cache = (unsigned int)spm_numa_read_number(numa, node, "cache", 0, SPM_NUMA_LEVELS);
    link->access = spm_numa_read_choice(numa, node, "type", spm_numa_access_names);
    link->value = link->bandwidth ? spm_numa_parse_bandwidth(numa, node)
                                  : spm_numa_read_number(numa, node, "value", 0, G_MAXUINT64);
    g_ptr_array_add(numa->links, link);
}

/* Text would become one with the white space around elements. */
static void
spm_numa_check_text(SpmNumaDef *numa, xmlNodePtr node)
{
    for (xmlNodePtr child = node->children; child; child = child->next) {
        g_autofree char *text = NULL;

        if ((child->type != XML_TEXT_NODE && child->type != XML_CDATA_SECTION_NODE) || xmlIsBlankNode(child))
            continue;
        text = g_strstrip(g_strdup((const char *)child->content));
        spm_faults_add(numa->faults, SPM_ERROR_CONFIG, spm_xml_line(node),
                       "<%s> must not contain the text '%s'", (const char *)node->name, text);
    }
}

/* What cannot be written again as libvirt reads it: text, and several elements where there should be one. */
static void
spm_numa_check_elements(SpmDomainDef *def)
{
    static const char *const paths[] = { "cpu/numa", "cpu/numa/interconnects" };

    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GPtrArray) nodes = spm_xml_find_all(def->root, paths[i]);

        if (nodes->len > 1)
            spm_faults_add(def->numa.faults, SPM_ERROR_CONFIG, spm_xml_line(g_ptr_array_index(nodes, 1)),
                           "<%s> is given %u times; put everything into one", strrchr(paths[i], '/') + 1,
                           nodes->len);
        SPM_FOREACH(xmlNode, node, nodes)
            spm_numa_check_text(&def->numa, node);
    }
    SPM_FOREACH(const SpmCellDef, cell, def->cells)
        spm_numa_check_text(&def->numa, cell->node);
}

/**
 * spm_numa_def_parse:
 * @def: a definition with cells, whose document is read for the rest
 */
void
spm_numa_def_parse(SpmDomainDef *def)
{
    g_autoptr(GPtrArray) links = spm_xml_find_all(def->root, "cpu/numa[1]/interconnects[1]/*");
    SpmNumaDef *numa = &def->numa;

    numa->cells = def->cells->len;
    SPM_FOREACH(const SpmCellDef, cell, def->cells) {
        spm_numa_parse_distances(numa, cell);
        spm_numa_parse_caches(numa, cell);
    }
    SPM_FOREACH(xmlNode, node, links) {
        if (spm_xml_is(node, NULL, "latency") || spm_xml_is(node, NULL, "bandwidth"))
            spm_numa_parse_link(numa, node);
    }
    /* in the order in which they are put back */
    g_ptr_array_sort_with_data(numa->links, spm_numa_link_compare,
                               GUINT_TO_POINTER(spm_domain_def_filled_cells(def)));
    if (!spm_numa_def_is_empty(numa))
        spm_numa_check_elements(def);
    spm_numa_def_check(def);
}

/* ---- check ---- */

/* By cell and level, whether there is such a cache. */
static gboolean *
spm_numa_check_caches(SpmNumaDef *numa)
{
    gboolean *known = g_new0(gboolean, (gsize)numa->cells * (SPM_NUMA_LEVELS + 1));

    SPM_FOREACH(const SpmNumaCache, cache, numa->caches) {
        gboolean *same = &known[cache->cell * (SPM_NUMA_LEVELS + 1) + cache->level];

        if (*same)
            spm_faults_add(numa->faults, SPM_ERROR_CONFIG, cache->row,
                           "<cache> of <cell id='%u'> has level='%u', which another <cache> of that cell has",
                           cache->cell, cache->level);
        *same = TRUE;
    }
    return known;
}

static void
spm_numa_check_link(SpmDomainDef *def, const SpmNumaLink *link, const gboolean *caches)
{
    const SpmCellDef *initiator = g_ptr_array_index(def->cells, link->initiator);
    const char *element = link->bandwidth ? "bandwidth" : "latency";

    if (!initiator->has_cpus)
        spm_faults_add(def->numa.faults, SPM_ERROR_CONFIG, link->line,
                       "<%s> of <numa> has initiator='%u', but that cell has no CPUs", element,
                       link->initiator);
    if (link->cache && !caches[link->target * (SPM_NUMA_LEVELS + 1) + link->cache])
        spm_faults_add(def->numa.faults, SPM_ERROR_CONFIG, link->line,
                       "<%s> of <numa> has cache='%u', but cell %u has no <cache> of that level", element,
                       link->cache, link->target);
}

/* Each kind of link is there at most once, and in one direction. */
static void
spm_numa_check_twice(SpmNumaDef *numa)
{
    const gsize cells = numa->cells, kinds = (SPM_NUMA_LEVELS + 1) * SPM_NUMA_ACCESSES * 2;
    g_autofree guint8 *kind_known = g_malloc0(cells * cells * kinds);
    g_autofree guint8 *known = g_malloc0(cells * cells);

    SPM_FOREACH(const SpmNumaLink, link, numa->links) {
        gsize pair = link->initiator * cells + link->target, back = link->target * cells + link->initiator;
        gsize kind = (link->cache * SPM_NUMA_ACCESSES + link->access) * 2 + link->bandwidth;

        if (kind_known[pair * kinds + kind] || (pair != back && known[back]))
            spm_faults_add(numa->faults, SPM_ERROR_CONFIG, link->line,
                           "<%s> of <numa> from cell %u to cell %u is given twice, or in both directions",
                           link->bandwidth ? "bandwidth" : "latency", link->initiator, link->target);
        kind_known[pair * kinds + kind] = known[pair] = 1;
    }
}

/**
 * spm_numa_def_check:
 * @def: a definition
 *
 * Adds what libvirt would refuse to the faults, if each element can be read.
 */
void
spm_numa_def_check(SpmDomainDef *def)
{
    g_autofree gboolean *caches = NULL;

    if (def->numa.faults->len)
        return;
    caches = spm_numa_check_caches(&def->numa);
    SPM_FOREACH(const SpmNumaLink, link, def->numa.links)
        spm_numa_check_link(def, link, caches);
    if (def->numa.links->len)
        spm_numa_check_twice(&def->numa);
}

/* ---- format ---- */

/* An element with one size of a cache. */
static void
spm_numa_format_size(xmlNodePtr cache, const char *name, guint64 value, const char *unit)
{
    xmlNodePtr size = spm_xml_add(cache, name, NULL);

    spm_xml_set_attr(size, "value", "%" G_GUINT64_FORMAT, value);
    spm_xml_add_attr(size, "unit", unit);
}

static void
spm_numa_format_cache(const SpmNumaCache *cache, xmlNodePtr cell)
{
    xmlNodePtr node = spm_xml_new(cell->doc, NULL, "cache");

    spm_xml_set_attr(node, "level", "%u", cache->level);
    spm_xml_add_attr(node, "associativity", spm_numa_associativity_names[cache->associativity]);
    spm_xml_add_attr(node, "policy", spm_numa_policy_names[cache->policy]);
    spm_numa_format_size(node, "size", cache->size, "KiB");
    spm_numa_format_size(node, "line", cache->line, "B");
    spm_xml_append(cell, node);
}

static void
spm_numa_format_distances(const SpmNumaDef *numa, const SpmCellDef *cell)
{
    const guint8 *row = &numa->distances[cell->id * numa->cells];
    xmlNodePtr node;

    if (!row[cell->id])
        return;
    node = spm_xml_new(cell->node->doc, NULL, "distances");
    for (guint i = 0; i < numa->cells; i++) {
        xmlNodePtr sibling = row[i] ? spm_xml_add(node, "sibling", NULL) : NULL;

        if (!sibling)
            continue;
        spm_xml_set_attr(sibling, "id", "%u", i);
        spm_xml_set_attr(sibling, "value", "%u", row[i]);
    }
    spm_xml_prepend(cell->node, node);
}

static void
spm_numa_format_link(SpmNumaLink *link, xmlNodePtr interconnects)
{
    xmlNodePtr node = spm_xml_new(interconnects->doc, NULL, link->bandwidth ? "bandwidth" : "latency");

    spm_xml_set_attr(node, "initiator", "%u", link->initiator);
    spm_xml_set_attr(node, "target", "%u", link->target);
    if (link->cache)
        spm_xml_set_attr(node, "cache", "%u", link->cache);
    spm_xml_add_attr(node, "type", spm_numa_access_names[link->access]);
    spm_xml_set_attr(node, "value", "%" G_GUINT64_FORMAT, link->value);
    if (link->bandwidth)
        spm_xml_add_attr(node, "unit", "KiB");
    spm_xml_append(interconnects, node);
    link->node = node;
}

/* Links that reach one of the last cells come last. */
static void
spm_numa_format_links(SpmDomainDef *def, guint first)
{
    xmlNodePtr interconnects = spm_xml_find(def->root, "cpu/numa/interconnects");

    SPM_FOREACH(SpmNumaLink, link, def->numa.links) {
        if (!spm_numa_link_reaches(link, first))
            continue;
        if (!interconnects) {
            xmlNodePtr numa = spm_xml_find(def->root, "cpu/numa");

            interconnects = spm_xml_new(numa->doc, NULL, "interconnects");
            spm_xml_append(numa, interconnects);
        }
        spm_numa_format_link(link, interconnects);
    }
}

/* Removes the children of @cell of that name. */
static void
spm_numa_remove_children(xmlNodePtr cell, const char *name)
{
    xmlNodePtr next;

    for (xmlNodePtr child = spm_xml_first(cell, NULL, name); child; child = next) {
        next = spm_xml_next(child, NULL, name);
        spm_xml_remove(child);
    }
}

/**
 * spm_numa_def_remove:
 * @def: a definition without faults of this kind
 * @first: a cell
 *
 * Removes from the document what libvirt cannot read without the cells from @first on: all distances, and
 * links that reach such a cell.
 */
void
spm_numa_def_remove(SpmDomainDef *def, guint first)
{
    xmlNodePtr interconnects = spm_xml_find(def->root, "cpu/numa/interconnects");

    SPM_FOREACH(const SpmCellDef, cell, def->cells)
        spm_numa_remove_children(cell->node, "distances");
    SPM_FOREACH(SpmNumaLink, link, def->numa.links) {
        if (!spm_numa_link_reaches(link, first))
            continue;
        if (link->node)
            spm_xml_remove(link->node);
        link->node = NULL;
    }
    if (interconnects && !interconnects->children)
        spm_xml_remove(interconnects);
}

/**
 * spm_numa_def_format:
 * @def: a definition
 *
 * Writes the distances of all cells into the document, and what concerns the last cells, those without
 * memory. That has libvirt's form then, in which it is also put back if an old libvirt does not get it.
 */
void
spm_numa_def_format(SpmDomainDef *def)
{
    guint first = spm_domain_def_filled_cells(def);
    SpmNumaDef *numa = &def->numa;

    if (first == def->cells->len || numa->faults->len || spm_numa_def_is_empty(numa))
        return;
    spm_numa_def_remove(def, first);
    for (guint i = first; i < def->cells->len; i++)
        spm_xml_clear(((const SpmCellDef *)g_ptr_array_index(def->cells, i))->node);
    SPM_FOREACH(const SpmNumaCache, cache, numa->caches) {
        if (cache->cell >= first)
            spm_numa_format_cache(cache,
                                  ((const SpmCellDef *)g_ptr_array_index(def->cells, cache->cell))->node);
    }
    for (guint i = 0; numa->distances && i < def->cells->len; i++)
        spm_numa_format_distances(numa, g_ptr_array_index(def->cells, i));
    spm_numa_format_links(def, first);
}

/* ---- the rest ---- */

/**
 * spm_numa_link_reaches:
 * @link: a latency or bandwidth
 * @first: a cell
 *
 * Returns: TRUE when @link begins or ends at @first or at a later cell
 */
gboolean
spm_numa_link_reaches(const SpmNumaLink *link, guint first)
{
    return link->initiator >= first || link->target >= first;
}

/**
 * spm_numa_def_is_empty:
 * @numa: what was parsed
 *
 * Returns: TRUE when the document has nothing of this kind
 */
gboolean
spm_numa_def_is_empty(const SpmNumaDef *numa)
{
    return !numa->distances && !numa->caches->len && !numa->links->len;
}

/**
 * spm_numa_def_init:
 * @numa: gets no cells, and nothing else
 */
void
spm_numa_def_init(SpmNumaDef *numa)
{
    numa->caches = g_ptr_array_new_with_free_func(g_free);
    numa->links = g_ptr_array_new_with_free_func(g_free);
    numa->faults = spm_faults_new();
}

/**
 * spm_numa_def_clear:
 * @numa: what was parsed; its document stays
 */
void
spm_numa_def_clear(SpmNumaDef *numa)
{
    g_free(numa->distances);
    g_ptr_array_unref(numa->caches);
    g_ptr_array_unref(numa->links);
    spm_faults_free(numa->faults);
}
