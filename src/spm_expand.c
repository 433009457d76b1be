/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expansion: gives a domain the SPM that it requests.
 *
 * Theory of operation
 *
 * What a request needs is made anew each time. Everything that an earlier expansion made is removed first:
 * the spm elements whose alias is "ua-spm-request" and the number of a request, and the last cells if they
 * have nothing else, also one that is there for the room for hotplug (qemu_spm_postparse.c). Then it is made
 * for the requests that there are now: a cell for each request that names none, and before that cell 0 with
 * all CPUs and all memory if there are no cells; the spm elements, before all other memory devices; the sizes
 * of the domain; a cell for the room, if it is needed. Nothing is remembered, so expansion is idempotent, and
 * a request that is gone takes its SPM away.
 *
 * Whether the result can work is for validation to say. */

#include "spm_expand.h"

#include <string.h>

#include "qemu_spm_ns.h"
#include "qemu_spm_postparse.h"
#include "spm_domain_format.h"
#include "spm_domain_postparse.h"
#include "spm_translate.h"
#include "spm_xml.h"

#define SPM_EXPAND_ALIAS "ua-spm-request"
/* Begins the aliases of all devices that libvirt-spm names. */
#define SPM_EXPAND_LEFTOVER_ALIAS "ua-spm"

typedef struct {
    SpmDomainDef *def; /* without what was removed so far */
    const GPtrArray *requests;
    const SpmProfiles *profiles;
    const SpmQemuOptions *options;
    gboolean leftovers;
    SpmFaults *faults;
    unsigned int next; /* the number of cells, and so the id of a new one */
    guint64 ram;       /* KiB that are neither in a cell nor in a device */
    guint64 total;     /* KiB of the domain before */
    gboolean changed;
    GHashTable *empty;    /* the cells of what was removed, and the one for the room */
    GHashTable *referred; /* cells to which other elements refer */
} SpmExpand;

/**
 * spm_expand_concerns:
 * @xml: a document
 * @profiles: the host's profiles
 *
 * Returns: FALSE when @xml surely has no request and nothing that an expansion made
 */
gboolean
spm_expand_concerns(const char *xml, const SpmProfiles *profiles)
{
    return strstr(xml, "spm") || strstr(xml, "CUSTOM_SPM_MIB") || spm_xml_hides_words(xml) ||
           (profiles->has_flavors && strstr(xml, "flavor"));
}

/* The number of the request in @alias, or -1. */
static gint64
spm_expand_number(const char *alias)
{
    guint64 number;

    if (!alias || !g_str_has_prefix(alias, SPM_EXPAND_ALIAS) ||
        !spm_parse_number(alias + strlen(SPM_EXPAND_ALIAS), 10, G_MAXINT, &number))
        return -1;
    return (gint64)number;
}

static gboolean
spm_expand_is_removed(const char *alias, gboolean leftovers)
{
    return spm_expand_number(alias) >= 0 ||
           (leftovers && alias && g_str_has_prefix(alias, SPM_EXPAND_LEFTOVER_ALIAS));
}

static gboolean
spm_expand_has_removed(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) aliases = spm_xml_find_all(domain, "devices/memory/alias");

    SPM_FOREACH(xmlNode, alias, aliases) {
        g_autofree char *name = spm_xml_attr(alias, "name");

        if (spm_expand_number(name) >= 0)
            return TRUE;
    }
    return FALSE;
}

/* ---- removing ---- */

static void
spm_expand_remove_spms(SpmExpand *expand)
{
    GPtrArray *spms = expand->def->spms;

    for (guint i = spms->len; i-- > 0;) {
        SpmMemoryDef *spm = g_ptr_array_index(spms, i);

        if (!spm_expand_is_removed(spm->alias, expand->leftovers))
            continue;
        g_hash_table_add(expand->empty, GUINT_TO_POINTER(spm->cell));
        expand->changed = TRUE;
        spm_xml_remove(spm->node);
        g_ptr_array_remove_index(spms, i);
    }
}

/* Carriers whose overrides were lost, with their slots. */
static void
spm_expand_remove_others(SpmExpand *expand)
{
    GPtrArray *others = expand->def->others;
    unsigned int slots = expand->def->slots;

    for (guint i = others->len; i-- > 0;) {
        SpmOtherMemoryDef *other = g_ptr_array_index(others, i);

        if (!spm_expand_is_removed(other->alias, expand->leftovers))
            continue;
        if (other->cell >= 0)
            g_hash_table_add(expand->empty, GUINT_TO_POINTER((guint)other->cell));
        slots -= slots > 0;
        expand->changed = TRUE;
        spm_xml_remove(other->node);
        g_ptr_array_remove_index(others, i);
    }
    if (slots == expand->def->slots)
        return;
    spm_xml_set_attr(spm_xml_first(expand->def->root, NULL, "maxMemory"), "slots", "%u", slots);
}

/* The cells to which another element than a memory device refers. Of a set of cells, the highest counts. */
static GHashTable *
spm_expand_find_referred(const SpmDomainDef *def)
{
    g_autoptr(GPtrArray) siblings = spm_xml_find_all(def->root, "cpu/numa[1]/cell/distances/sibling");
    GHashTable *cells = g_hash_table_new(NULL, NULL);

    SPM_FOREACH(xmlNode, sibling, siblings) {
        g_autofree char *id = spm_xml_attr(sibling, "id");
        guint64 number;

        if (id && spm_parse_number(id, 10, G_MAXINT, &number) && number < def->cells->len)
            g_hash_table_add(cells, GUINT_TO_POINTER((guint)number));
    }
    SPM_FOREACH(SpmCellReference, reference, def->references)
        g_hash_table_add(cells, GUINT_TO_POINTER(reference->cell));
    return cells;
}

/* TRUE when a memory device is in that cell. */
static gboolean
spm_expand_is_cell_used(const SpmDomainDef *def, gint64 id)
{
    SPM_FOREACH(SpmMemoryDef, spm, def->spms) {
        if (spm->cell == id)
            return TRUE;
    }
    SPM_FOREACH(SpmOtherMemoryDef, other, def->others) {
        if (other->cell == id)
            return TRUE;
    }
    return FALSE;
}

/* The last cell, if nothing uses it; NULL otherwise. */
static const SpmCellDef *
spm_expand_find_unused_cell(const SpmExpand *expand)
{
    const GPtrArray *cells = expand->def->cells;
    const SpmCellDef *last = cells->len ? g_ptr_array_index(cells, cells->len - 1) : NULL;

    return last && last->bare && !spm_expand_is_cell_used(expand->def, last->id) &&
                   !g_hash_table_contains(expand->referred, GUINT_TO_POINTER(last->id))
               ? last
               : NULL;
}

/* Has the last cell removed if it would be added were it not there. */
static void
spm_expand_drop_room_cell(const SpmExpand *expand)
{
    const SpmCellDef *last = spm_expand_find_unused_cell(expand);
    g_autoptr(SpmFaults) ignored = spm_faults_new();
    g_autoptr(SpmDomainDef) def = NULL;

    if (!last)
        return;
    def = spm_domain_def_parse(expand->def->root, &spm_qemu_limits, ignored);
    spm_qemu_ns_parse(def);
    spm_domain_def_post_parse(def);
    if (spm_qemu_needs_cell(def, expand->options, last->id))
        g_hash_table_add(expand->empty, GUINT_TO_POINTER(last->id));
}

/* Removes the last cells that nothing uses any more. */
static void
spm_expand_remove_cells(SpmExpand *expand)
{
    const SpmCellDef *last;

    while ((last = spm_expand_find_unused_cell(expand))) {
        if (!expand->leftovers && !g_hash_table_contains(expand->empty, GUINT_TO_POINTER(last->id)))
            return;
        spm_xml_remove(last->node);
        expand->changed = TRUE;
        g_ptr_array_set_size(expand->def->cells, (gint)expand->def->cells->len - 1);
    }
}

/* ---- making: cells ---- */

/* <numa>, which is made if there is none, and <cpu> as well. */
static xmlNodePtr
spm_expand_ensure_numa(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) numas = spm_xml_find_all(domain, "cpu/numa[1]");
    xmlNodePtr cpu = spm_xml_first(domain, NULL, "cpu");
    xmlNodePtr devices = spm_xml_first(domain, NULL, "devices");
    xmlNodePtr numa;

    if (numas->len)
        return g_ptr_array_index(numas, numas->len - 1);
    numa = spm_xml_new(domain->doc, NULL, "numa");
    if (cpu) {
        spm_xml_append(cpu, numa);
        return numa;
    }
    cpu = spm_xml_new(domain->doc, NULL, "cpu");
    xmlAddChild(cpu, numa);
    spm_xml_insert(domain, devices, cpu);
    return numa;
}

/* Makes the next cell. */
static void
spm_expand_add_cell(SpmExpand *expand, const char *cpus, guint64 memory)
{
    xmlNodePtr numa = spm_expand_ensure_numa(expand->def->root);

    spm_numa_add_cell(numa, spm_numa_find_end_of_cells(numa), expand->next++, cpus, memory);
}

/* Cell 0 of a domain without cells: all CPUs, and all memory that is not a device's. */
static void
spm_expand_add_first_cell(SpmExpand *expand)
{
    const SpmDomainDef *def = expand->def;
    g_autofree char *vcpu = spm_xml_content(spm_xml_first(def->root, NULL, "vcpu")), *cpus = NULL;
    guint64 count = 1;

    if (expand->ram == 0)
        spm_faults_add(expand->faults, SPM_ERROR_CONFIG, def->line,
                       "<domain> has no <numa>, and its <memory> has nothing for cell 0; give it a <memory> "
                       "that is larger than its memory devices");
    if (vcpu)
        spm_parse_number(vcpu, 10, G_MAXINT, &count);
    cpus = count > 1 ? g_strdup_printf("0-%" G_GUINT64_FORMAT, count - 1) : g_strdup("0");
    spm_expand_add_cell(expand, cpus, expand->ram);
}

static gboolean
spm_expand_is_chosen(const SpmExpand *expand, gint64 cell)
{
    SPM_FOREACH(SpmRequest, request, expand->requests) {
        if (request->cell == cell)
            return TRUE;
    }
    return FALSE;
}

/* What a cell has that SPM does not share it with, NULL for nothing. */
static const char *
spm_expand_find_in_cell(const SpmExpand *expand, gint64 id)
{
    const SpmCellDef *cell = spm_domain_def_cell(expand->def, (unsigned int)id);

    if (cell && xmlHasProp(cell->node, BAD_CAST "cpus"))
        return "CPUs";
    return (cell && cell->memory) || (!cell && id == 0) ? "memory of its own" : NULL;
}

/* Checks the cell of a request. */
static void
spm_expand_check_cell(const SpmExpand *expand, const SpmRequest *request)
{
    const char *found = spm_expand_find_in_cell(expand, request->cell);

    if (!request->named && spm_expand_is_cell_used(expand->def, request->cell))
        spm_faults_add(expand->faults, SPM_ERROR_CONFIG, request->line,
                       "a memory device has <node> %u, but <numa> of <cpu> has no such cell; declare it",
                       (unsigned int)request->cell);
    if (!request->named)
        return;
    if (request->cell >= expand->next)
        spm_faults_add(
            expand->faults, SPM_ERROR_CONFIG, request->line,
            "a request for SPM names cell %u, but the next cell of the domain is %u; name that one, "
            "or none",
            (unsigned int)request->cell, expand->next);
    else if (found)
        spm_faults_add(
            expand->faults, SPM_ERROR_CONFIG, request->line,
            "a request for SPM names cell %u, which has %s; name a cell that only SPM uses, or none",
            (unsigned int)request->cell, found);
}

/* Makes the next cells if requests name them. */
static void
spm_expand_add_named_cells(SpmExpand *expand)
{
    while (spm_expand_is_chosen(expand, expand->next))
        spm_expand_add_cell(expand, NULL, 0);
}

/* TRUE when a request that names no cell gets that one: SPM can have it, and it would not have been removed
 * if a request had had it before, or could not be. */
static gboolean
spm_expand_is_kept_cell(const SpmExpand *expand, gint64 id)
{
    const SpmCellDef *cell = spm_domain_def_cell(expand->def, (unsigned int)id);

    return cell && !spm_expand_find_in_cell(expand, id) && !spm_expand_is_cell_used(expand->def, id) &&
           (!cell->bare || g_hash_table_contains(expand->empty, GUINT_TO_POINTER(cell->id)) ||
            g_hash_table_contains(expand->referred, GUINT_TO_POINTER(cell->id)));
}

/* Chooses a cell for each request: the one that it names, else one that was kept, else a new one. */
static void
spm_expand_choose_cells(SpmExpand *expand)
{
    gint64 cell = 0;

    SPM_FOREACH(SpmRequest, request, expand->requests) {
        spm_expand_add_named_cells(expand);
        while (cell < expand->next &&
               (spm_expand_is_chosen(expand, cell) || !spm_expand_is_kept_cell(expand, cell)))
            cell++;
        if (request->cell < 0)
            request->cell = cell;
    }
    spm_expand_add_named_cells(expand);
    SPM_FOREACH(SpmRequest, chosen, expand->requests)
        spm_expand_check_cell(expand, chosen);
}

/* ---- making: memory ---- */

/* The profile of @request, NULL for none; adds a fault when it cannot be used. */
static const SpmProfile *
spm_expand_find_profile(const SpmExpand *expand, const SpmRequest *request)
{
    const SpmProfile *profile =
        spm_profiles_find(expand->profiles, SPM_PROFILE, request->profile ? request->profile : "default");

    if (!profile && expand->profiles->incomplete)
        spm_faults_add(expand->faults, SPM_ERROR_CONFIG, request->line,
                       "a request for SPM may have its profile in a file in %s that cannot be read; correct "
                       "the file",
                       expand->profiles->folder);
    else if (!profile && request->profile)
        spm_faults_add(expand->faults, SPM_ERROR_CONFIG, request->line,
                       "a request for SPM has the profile '%s', which this host does not have; add "
                       "[profile %s] to a file in %s, or use another host",
                       request->profile, request->profile, expand->profiles->folder);
    else if (profile && profile->fault)
        spm_faults_add(expand->faults, SPM_ERROR_CONFIG, request->line,
                       "a request for SPM has a profile of this host that is wrong: %s", profile->fault);
    return profile;
}

static xmlNodePtr
spm_expand_new_spm(const SpmExpand *expand, guint number)
{
    static const SpmProfile none;
    const SpmRequest *request = g_ptr_array_index(expand->requests, number);
    const SpmProfile *found = spm_expand_find_profile(expand, request), *profile = found ? found : &none;
    g_autofree char *alias = g_strdup_printf(SPM_EXPAND_ALIAS "%u", number);
    const SpmMemoryDef spm = {
        .node = expand->def->root,
        .access = profile->access,
        .pagesize = profile->pagesize,
        .nodemask = profile->nodemask,
        .pool = profile->pool,
        .size = request->size,
        .cell = (unsigned int)request->cell,
        .alias = alias,
    };

    return spm_memory_def_format(&spm, "spm");
}

/* Before all other memory devices, so that the order of those does not depend on the requests. */
static void
spm_expand_add_spms(SpmExpand *expand)
{
    xmlNodePtr domain = expand->def->root, anchor = spm_xml_find(domain, "devices/memory");
    xmlNodePtr devices = spm_xml_first(domain, NULL, "devices");

    if (!devices)
        spm_xml_append(domain, devices = spm_xml_new(domain->doc, NULL, "devices"));
    for (guint i = 0; i < expand->requests->len; i++) {
        xmlNodePtr spm = spm_expand_new_spm(expand, i);

        spm_xml_insert(devices, anchor, spm);
    }
}

/* ---- sizes ---- */

static void
spm_expand_set_size(xmlNodePtr node, guint64 kib)
{
    if (!node)
        return;
    spm_xml_set_content(node, "%" G_GUINT64_FORMAT, kib);
    spm_xml_set_attr(node, "unit", "KiB");
}

/* <currentMemory> counts memory devices as <memory> does. */
static void
spm_expand_set_current(const SpmExpand *expand, guint64 total)
{
    xmlNodePtr node = spm_xml_first(expand->def->root, NULL, "currentMemory");
    g_autofree char *value = spm_xml_content(node), *unit = spm_xml_attr(node, "unit");
    guint64 kib;

    if (value && spm_parse_size(value, unit, &kib) && kib + total > expand->total)
        spm_expand_set_size(node, kib + total - expand->total);
}

/* <maxMemory> grows. Without slots it is there for SPM alone, and if it had just the room for that, it has so
 * again. */
static void
spm_expand_set_max_memory(const SpmExpand *expand, SpmDomainDef *def, guint64 total)
{
    xmlNodePtr node = spm_xml_first(def->root, NULL, "maxMemory");
    gboolean exact = def->slots == 0 && def->max_memory == expand->total;

    if (def->spms->len) {
        if ((exact ? def->max_memory != total : def->max_memory < total) && !def->bad_max_memory.value) {
            spm_expand_set_size(node, total);
            def->max_memory = total;
        }
        spm_qemu_ns_parse(def);
        spm_domain_def_post_parse(def);
        spm_qemu_post_parse(def, expand->options);
        spm_domain_def_format_domain(def);
    } else if (node && def->slots == 0 && !def->bad_slots && !def->others->len) {
        spm_xml_remove(node);
    }
}

/* Sets the sizes of the domain, as libvirt counts them. */
static void
spm_expand_set_sizes(const SpmExpand *expand)
{
    xmlNodePtr domain = expand->def->root;
    g_autoptr(SpmDomainDef) def = spm_domain_def_parse(domain, &spm_qemu_limits, expand->faults);
    guint64 total = spm_domain_def_total(def) + (def->cells->len ? 0 : expand->ram);

    if (expand->requests->len && total > SPM_ADDRESS_LIMIT / SPM_KIB)
        spm_faults_add(expand->faults, SPM_ERROR_CONFIG, 0,
                       "<metadata> requests so much SPM that the domain would have %" G_GUINT64_FORMAT
                       " KiB, more than the 52 bits of a physical address allow",
                       total);
    if (expand->faults->len)
        return;
    spm_expand_set_size(spm_xml_first(domain, NULL, "memory"), total);
    spm_expand_set_current(expand, total);
    spm_expand_set_max_memory(expand, def, total);
}

/* ---- all ---- */

/* Refuses what a request cannot be combined with, and what would take long. */
static void
spm_expand_check(const SpmExpand *expand)
{
    const SpmRequest *first = g_ptr_array_index(expand->requests, 0);
    const struct {
        guint len;
        SpmLimit limit;
        const char *what;
    } counts[] = {
        { expand->requests->len, spm_qemu_limits.spms, "requests" },
        { expand->def->others->len, spm_qemu_limits.memories, "other memory devices" },
        { expand->def->cells->len, spm_qemu_limits.cells, "cells" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
        if (counts[i].len > counts[i].limit.max)
            spm_faults_add(expand->faults, SPM_ERROR_CONFIG, 0,
                           "a domain that requests SPM has %u %s; it may have at most %u, because %s",
                           counts[i].len, counts[i].what, counts[i].limit.max, counts[i].limit.why);
    }
    SPM_FOREACH(SpmOtherMemoryDef, other, expand->def->others) {
        if (first->nova && g_strcmp0(other->model, "nvdimm") == 0)
            spm_faults_add(expand->faults, SPM_ERROR_CONFIG, other->line,
                           "<memory model='nvdimm'> cannot be combined with a request for SPM of OpenStack, "
                           "whose live migration would mistake one for the other; remove 'hw:pmem' or the "
                           "request from the flavor");
    }
}

static void
spm_expand_make(SpmExpand *expand)
{
    spm_expand_check(expand);
    if (expand->faults->len == 0 && expand->next == 0)
        spm_expand_add_first_cell(expand);
    if (expand->faults->len)
        return;
    expand->changed = TRUE;
    spm_expand_choose_cells(expand);
    spm_expand_add_spms(expand);
}

static void
spm_expand_run(SpmExpand *expand)
{
    const SpmDomainDef *def = expand->def;
    g_autoptr(GHashTable) empty = g_hash_table_new(NULL, NULL), referred = spm_expand_find_referred(def);

    expand->empty = empty;
    expand->referred = referred;
    expand->total = spm_domain_def_total(def);
    if (def->cells->len == 0 && def->memory > expand->total) {
        expand->ram = def->memory - expand->total;
        expand->total = def->memory;
    }
    spm_expand_drop_room_cell(expand);
    spm_expand_remove_spms(expand);
    spm_expand_remove_others(expand);
    spm_expand_remove_cells(expand);
    expand->next = def->cells->len;
    if (expand->requests->len)
        spm_expand_make(expand);
    if (expand->changed && expand->faults->len == 0)
        spm_expand_set_sizes(expand);
}

static gboolean
spm_expand_domain(xmlNodePtr domain, const SpmProfiles *profiles, const SpmQemuOptions *options,
                  gboolean leftovers, SpmFaults *faults)
{
    g_autoptr(GPtrArray) requests = spm_requests_read(domain, profiles, faults);
    g_autoptr(SpmDomainDef) def = NULL;
    SpmExpand expand = { NULL, requests, profiles, options, leftovers, faults, 0, 0, 0, FALSE, NULL, NULL };

    if (faults->len || (!requests->len && !leftovers && !spm_expand_has_removed(domain)))
        return FALSE;
    spm_translate_out_doc(domain->doc);
    if (leftovers)
        spm_translate_restore_cells(domain);
    expand.def = def = spm_domain_def_parse(domain, &spm_qemu_limits, faults);
    if (faults->len == 0)
        spm_expand_run(&expand);
    return expand.changed;
}

/**
 * spm_expand_doc:
 * @doc: a document; what is no <domain> is left alone
 * @profiles: the host's profiles
 * @options: whether the domain is new
 * @leftovers: TRUE: also remove other devices of libvirt-spm, and the last cells without memory that nothing
 *   uses, which is what a tool leaves that keeps a part of an earlier result
 * @faults: the list to which each reason is added why a request cannot be met; @doc is of no use then
 *
 * Returns: FALSE when @doc is unchanged: it has no request, and nothing that an expansion made
 */
gboolean
spm_expand_doc(xmlDocPtr doc, const SpmProfiles *profiles, const SpmQemuOptions *options, gboolean leftovers,
               SpmFaults *faults)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    return spm_xml_is(root, NULL, "domain") && spm_expand_domain(root, profiles, options, leftovers, faults);
}
