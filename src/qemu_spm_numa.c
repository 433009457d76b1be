/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's options for the cells that libvirt is not given, with their distances and HMAT.
 *
 * QEMU wants tables whole. So where there are distances, all of them are here, and libvirt is given none. Of
 * the HMAT, what concerns the other cells alone is left to libvirt: only then does it give these an
 * initiator. */

#include "qemu_spm_numa.h"

#include <stdio.h>
#include <string.h>

#include "spm_numa_conf.h"

/* QEMU's words for a cache's level, for the choices of spm_numa_conf.h, and for a link. */
static const char *const spm_qemu_hierarchies[] = { "memory", "first-level", "second-level", "third-level",
                                                    NULL };
static const char *const spm_qemu_associativities[] = { "none", "direct", "complex", NULL };
static const char *const spm_qemu_policies[] = { "none", "write-back", "write-through", NULL };

/* What a distance that was not given is if any is. */
#define SPM_NUMA_REMOTE 20

/* ---- initiators ---- */

/* The initiator of the best link to @id from one of the first @cells cells, as libvirt chooses it; or -1. */
static gint
spm_qemu_numa_nearest(const SpmNumaDef *numa, guint id, guint cells)
{
    guint64 latency = G_MAXUINT, bandwidth = 0;
    gint nearest = -1, widest = -1;

    SPM_FOREACH(const SpmNumaLink, link, numa->links) {
        if (link->target != id || spm_numa_link_reaches(link, cells))
            continue;
        if (link->bandwidth && link->value > bandwidth) {
            bandwidth = link->value;
            widest = (gint)link->initiator;
        } else if (!link->bandwidth && link->value < latency) {
            latency = link->value;
            nearest = (gint)link->initiator;
        }
    }
    return nearest >= 0 ? nearest : widest;
}

/* TRUE when one of the first @cells cells has a cache, or a link to another one of these. */
static gboolean
spm_qemu_numa_has_hmat(const SpmNumaDef *numa, guint cells)
{
    SPM_FOREACH(const SpmNumaLink, link, numa->links) {
        if (!spm_numa_link_reaches(link, cells))
            return TRUE;
    }
    SPM_FOREACH(const SpmNumaCache, cache, numa->caches) {
        if (cache->cell < cells)
            return TRUE;
    }
    return FALSE;
}

/* The initiator that libvirt gives @cell if it knows the first @cells cells only; -1 for none. */
static gint
spm_qemu_numa_initiator(const SpmDomainDef *def, const SpmCellDef *cell, guint cells)
{
    gint nearest;

    if (!spm_qemu_numa_has_hmat(&def->numa, cells))
        return -1;
    if (cell->has_cpus)
        return (gint)cell->id;
    nearest = spm_qemu_numa_nearest(&def->numa, cell->id, cells);
    for (guint i = 0; nearest < 0 && i < cells; i++) {
        if (((const SpmCellDef *)g_ptr_array_index(def->cells, i))->has_cpus)
            nearest = (gint)i;
    }
    return nearest;
}

/* ---- validation ---- */

/* An initiator has CPUs, and a cell with CPUs has memory here: libvirt would give the CPUs of another one to
 * cell 0 (qemu_spm_validate.c). So libvirt can name any initiator, if it knows of an HMAT at all. */
static void
spm_qemu_numa_validate_initiator(const SpmDomainDef *def, const SpmCellDef *cell, guint stock_cells,
                                 SpmFaults *faults)
{
    gint wanted = spm_qemu_numa_initiator(def, cell, def->cells->len);

    if (cell->has_cpus || wanted == spm_qemu_numa_initiator(def, cell, stock_cells))
        return;
    spm_faults_add(
        faults, SPM_ERROR_CONFIG, cell->line,
        "<cell id='%u'> has memory and no CPUs, so QEMU requires an initiator for it where there are "
        "<interconnects> or <cache>; libvirt before 11.8.0 gives it one only if a link between cells "
        "with memory is among these; add a <latency> with initiator='%u' and target='%u', or use a "
        "newer libvirt",
        cell->id, (guint)wanted, cell->id);
}

/**
 * spm_qemu_numa_validate:
 * @def: a definition
 * @stock_cells: how many of its cells libvirt is given
 * @faults: the list to which each reason to refuse distances and HMAT is added
 */
void
spm_qemu_numa_validate(const SpmDomainDef *def, guint stock_cells, SpmFaults *faults)
{
    spm_faults_add_all(faults, def->numa.faults);
    if (def->numa.faults->len)
        return;
    for (guint i = 0; i < stock_cells && i < def->numa.cells; i++)
        spm_qemu_numa_validate_initiator(def, g_ptr_array_index(def->cells, i), stock_cells, faults);
}

/* ---- options ---- */

/* Adds an option "-numa" with that value. */
static void G_GNUC_PRINTF(2, 3) spm_qemu_numa_add(GPtrArray *args, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    g_ptr_array_add(args, g_strdup("-numa"));
    g_ptr_array_add(args, g_strdup_vprintf(format, values));
    va_end(values);
}

static void
spm_qemu_numa_add_node(GPtrArray *args, const SpmDomainDef *def, const SpmCellDef *cell)
{
    gint initiator = spm_qemu_numa_initiator(def, cell, def->cells->len);

    if (initiator < 0)
        spm_qemu_numa_add(args, "node,nodeid=%u", cell->id);
    else
        spm_qemu_numa_add(args, "node,nodeid=%u,initiator=%d", cell->id, initiator);
}

/* A distance that is not in the document has its properties in another order, so that it is not put there. */
static void
spm_qemu_numa_add_distances(GPtrArray *args, const SpmNumaDef *numa)
{
    for (guint i = 0; numa->distances && i < numa->cells * numa->cells; i++) {
        guint from = i / numa->cells, to = i % numa->cells;

        if (numa->distances[i])
            spm_qemu_numa_add(args, "dist,src=%u,dst=%u,val=%u", from, to, numa->distances[i]);
        else
            spm_qemu_numa_add(args, "dist,val=%d,src=%u,dst=%u",
                              from == to ? SPM_NUMA_LOCAL : SPM_NUMA_REMOTE, from, to);
    }
}

static void
spm_qemu_numa_add_link(GPtrArray *args, const SpmNumaLink *link)
{
    const char *kind = link->bandwidth ? "bandwidth" : "latency";

    spm_qemu_numa_add(
        args, "hmat-lb,initiator=%u,target=%u,hierarchy=%s,data-type=%s-%s,%s=%" G_GUINT64_FORMAT "%s",
        link->initiator, link->target, spm_qemu_hierarchies[link->cache], spm_numa_access_names[link->access],
        kind, kind, link->value, link->bandwidth ? "K" : "");
}

static void
spm_qemu_numa_add_cache(GPtrArray *args, const SpmNumaCache *cache)
{
    spm_qemu_numa_add(
        args, "hmat-cache,node-id=%u,size=%" G_GUINT64_FORMAT "K,level=%u,associativity=%s,policy=%s,line=%u",
        cache->cell, cache->size, cache->level, spm_qemu_associativities[cache->associativity],
        spm_qemu_policies[cache->policy], cache->line);
}

/**
 * spm_qemu_numa_arguments:
 * @def: a valid definition
 * @stock_cells: how many of its cells libvirt is given
 *
 * Returns: (transfer full): QEMU's options for the other cells, each followed by its value; of char
 */
GPtrArray *
spm_qemu_numa_arguments(const SpmDomainDef *def, guint stock_cells)
{
    GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
    const SpmNumaDef *numa = &def->numa;

    for (guint i = stock_cells; i < def->cells->len; i++)
        spm_qemu_numa_add_node(args, def, g_ptr_array_index(def->cells, i));
    if (spm_qemu_numa_has_hmat(numa, numa->cells) && !spm_qemu_numa_has_hmat(numa, stock_cells)) {
        g_ptr_array_add(args, g_strdup("-machine"));
        g_ptr_array_add(args, g_strdup("hmat=on"));
    }
    spm_qemu_numa_add_distances(args, numa);
    SPM_FOREACH(const SpmNumaLink, link, numa->links) {
        if (spm_numa_link_reaches(link, stock_cells))
            spm_qemu_numa_add_link(args, link);
    }
    SPM_FOREACH(const SpmNumaCache, cache, numa->caches) {
        if (cache->cell >= stock_cells)
            spm_qemu_numa_add_cache(args, cache);
    }
    return args;
}

/* ---- options, read back ---- */

static gint
spm_qemu_numa_index(const char *const *words, const char *word)
{
    for (gint i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return -1;
}

static gboolean
spm_qemu_numa_read_distance(SpmNumaDef *numa, const char *text)
{
    unsigned int from, to, value;
    gboolean given = sscanf(text, "dist,src=%u,dst=%u,val=%u", &from, &to, &value) == 3;

    if (!given && sscanf(text, "dist,val=%u,src=%u,dst=%u", &value, &from, &to) != 3)
        return FALSE;
    if (from >= numa->cells || to >= numa->cells || value > G_MAXUINT8)
        return FALSE;
    if (!numa->distances)
        numa->distances = g_malloc0((gsize)numa->cells * numa->cells);
    if (given)
        numa->distances[from * numa->cells + to] = (guint8)value;
    return TRUE;
}

static gboolean
spm_qemu_numa_read_link(SpmNumaDef *numa, guint stock_cells, const char *text)
{
    char hierarchy[16], access[8], kind[16];
    SpmNumaLink link = { 0 };
    gint level, type;

    if (sscanf(text,
               "hmat-lb,initiator=%u,target=%u,hierarchy=%15[a-z-],data-type=%7[a-z]-%15[a-z],%*[a-z]="
               "%" G_GUINT64_FORMAT,
               &link.initiator, &link.target, hierarchy, access, kind, &link.value) != 6)
        return FALSE;
    level = spm_qemu_numa_index(spm_qemu_hierarchies, hierarchy);
    type = spm_qemu_numa_index(spm_numa_access_names, access);
    if (level < 0 || type < 0 || link.initiator >= numa->cells || link.target >= numa->cells ||
        !spm_numa_link_reaches(&link, stock_cells))
        return FALSE;
    link.cache = (unsigned int)level;
    link.access = (unsigned int)type;
    link.bandwidth = strcmp(kind, "bandwidth") == 0;
    g_ptr_array_add(numa->links, g_memdup2(&link, sizeof(link)));
    return TRUE;
}

static gboolean
spm_qemu_numa_read_cache(SpmNumaDef *numa, guint stock_cells, const char *text)
{
    const SpmNumaCache *last =
        numa->caches->len ? g_ptr_array_index(numa->caches, numa->caches->len - 1) : NULL;
    char associativity[16], policy[16];
    SpmNumaCache cache = { 0 };
    gint first, second;

    if (sscanf(text,
               "hmat-cache,node-id=%u,size=%" G_GUINT64_FORMAT
               "K,level=%u,associativity=%15[a-z],policy=%15[a-z-],line=%u",
               &cache.cell, &cache.size, &cache.level, associativity, policy, &cache.line) != 6)
        return FALSE;
    first = spm_qemu_numa_index(spm_qemu_associativities, associativity);
    second = spm_qemu_numa_index(spm_qemu_policies, policy);
    if (first < 0 || second < 0 || cache.cell >= numa->cells || cache.cell < stock_cells || cache.level < 1 ||
        cache.level > SPM_NUMA_LEVELS || (last && last->cell > cache.cell))
        return FALSE;
    cache.associativity = (unsigned int)first;
    cache.policy = (unsigned int)second;
    g_ptr_array_add(numa->caches, g_memdup2(&cache, sizeof(cache)));
    return TRUE;
}

/**
 * spm_qemu_numa_read:
 * @def: a definition with all its cells, but only what libvirt was given of distances and HMAT
 * @stock_cells: how many of its cells libvirt was given
 * @option: an option of QEMU
 * @value: its value
 *
 * Adds what an option says that spm_qemu_numa_arguments() may have made. It is up to the caller to compare
 * what that makes of @def afterwards.
 *
 * Returns: FALSE when it surely is another option
 */
gboolean
spm_qemu_numa_read(SpmDomainDef *def, guint stock_cells, const char *option, const char *value)
{
    if (strcmp(option, "-machine") == 0)
        return strcmp(value, "hmat=on") == 0;
    return strcmp(option, "-numa") == 0 && (spm_qemu_numa_read_distance(&def->numa, value) ||
                                            spm_qemu_numa_read_link(&def->numa, stock_cells, value) ||
                                            spm_qemu_numa_read_cache(&def->numa, stock_cells, value));
}
