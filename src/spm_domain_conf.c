/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parse what <memory model='spm'> depends on in a domain definition.
 *
 * Elements that are libvirt's own are read leniently: libvirt reports what is wrong with them. Values that
 * translation would overwrite are kept as written, so that validation can report those itself. */

#include "spm_domain_conf.h"

#include <string.h>

#include "spm_cpuset.h"
#include "spm_memory_conf.h"
#include "spm_numa_conf.h"
#include "spm_xml.h"

#define SPM_KIB_MAX (G_MAXUINT64 / 1024)

/* The attributes that every <cell> has, and the children that spm_numa_conf.c reads. */
static const char *const spm_cell_attributes[] = { "id", "memory", "unit", NULL };
static const char *const spm_cell_children[] = { "distances", "cache", NULL };

/* ---- values ---- */

/* The size that is @value, with the unit of @node, in KiB; 0 without @value. One that cannot be read is 0 as
 * well, and goes to @bad if given. */
static guint64
spm_domain_parse_size(char *value, xmlNodePtr node, SpmBadSize *bad)
{
    g_autofree char *owned = value;
    g_autofree char *unit = spm_xml_attr(node, "unit");
    guint64 kib = 0;

    if (value && !spm_parse_size(value, unit, &kib) && bad) {
        bad->value = g_steal_pointer(&owned);
        bad->unit = unit ? g_steal_pointer(&unit) : g_strdup("KiB");
    }
    return kib;
}

static guint64
spm_domain_read_size(xmlNodePtr node, SpmBadSize *bad)
{
    return spm_domain_parse_size(spm_xml_content(node), node, bad);
}

static guint64
spm_domain_read_child_size(xmlNodePtr node, const char *path)
{
    return spm_domain_read_size(spm_xml_find(node, path), NULL);
}

/* The number in @text, or @fallback without one; @bad, if given, gets a text that is not a number. */
static unsigned int
spm_domain_read_number(char *text, unsigned int fallback, char **bad)
{
    g_autofree char *owned = text;
    guint64 number = fallback;

    if (text && !spm_parse_number(text, 10, G_MAXINT, &number) && bad)
        *bad = g_steal_pointer(&owned);
    return (unsigned int)number;
}

/* The attribute of the first such element that has it, as string(./memoryBacking/access/@mode) finds it. */
static char *
spm_domain_find_attr(xmlNodePtr node, const char *path, const char *name)
{
    g_autoptr(GPtrArray) nodes = spm_xml_find_all(node, path);
    char *value = NULL;

    for (guint i = 0; i < nodes->len && !value; i++)
        value = spm_xml_attr(g_ptr_array_index(nodes, i), name);
    return value;
}

static void
spm_domain_bad_size_clear(SpmBadSize *bad)
{
    g_free(bad->value);
    g_free(bad->unit);
}

/* ---- other memory devices ---- */

static void
spm_domain_other_memory_def_free(gpointer data)
{
    SpmOtherMemoryDef *other = data;

    g_free(other->model);
    g_free(other->alias);
    g_free(other->path);
    g_free(other);
}

static SpmOtherMemoryDef *
spm_domain_other_memory_def_parse(xmlNodePtr node)
{
    SpmOtherMemoryDef *other = g_new0(SpmOtherMemoryDef, 1);
    g_autofree char *cell = spm_xml_content(spm_xml_find(node, "target/node"));
    /* DIMM and NVDIMM have their base in <address type='dimm'>, virtio-mem and virtio-pmem in <target> */
    g_autofree char *dimm_base = spm_xml_attr(spm_xml_find(node, "address"), "base");
    g_autofree char *virtio_base = spm_xml_attr(spm_xml_find(node, "target/address"), "base");
    const char *base = dimm_base ? dimm_base : virtio_base;
    guint64 number;

    other->node = node;
    other->line = spm_xml_line(node);
    other->model = spm_xml_attr(node, "model");
    other->alias = spm_xml_attr(spm_xml_first(node, NULL, "alias"), "name");
    other->path = spm_xml_content(spm_xml_find(node, "source/path"));
    other->size = spm_domain_read_child_size(node, "target/size");
    other->label = spm_domain_read_child_size(node, "target/label/size");
    other->block = spm_domain_read_child_size(node, "target/block");
    other->pagesize = spm_domain_read_child_size(node, "source/pagesize");
    other->alignsize = spm_domain_read_child_size(node, "source/alignsize");
    other->cell = cell && spm_parse_number(cell, 10, G_MAXINT, &number) ? (gint64)number : -1;
    other->has_base = base && spm_parse_number(base, 16, G_MAXUINT64, &other->base) && other->base;
    return other;
}

/* ---- cells ---- */

static void
spm_domain_numa_policy_clear(SpmNumaPolicy *policy)
{
    g_free(policy->mode);
    g_free(policy->nodeset);
}

static void
spm_domain_numa_policy_parse(SpmNumaPolicy *policy, xmlNodePtr node)
{
    spm_domain_numa_policy_clear(policy);
    policy->line = spm_xml_line(node);
    policy->mode = spm_xml_attr(node, "mode");
    policy->nodeset = spm_xml_attr(node, "nodeset");
    spm_cpuset_parse(policy->nodeset, &policy->nodes);
}

static void
spm_domain_cell_def_free(gpointer data)
{
    SpmCellDef *cell = data;

    g_free(cell->bad_id);
    spm_domain_bad_size_clear(&cell->bad_memory);
    g_ptr_array_unref(cell->extras);
    spm_domain_numa_policy_clear(&cell->policy);
    g_free(cell);
}

static void
spm_domain_cell_add_extra(SpmCellDef *cell, const xmlChar *name, xmlNodePtr element)
{
    SpmCellExtra *extra = g_new0(SpmCellExtra, 1);

    extra->name = (const char *)name;
    extra->element = element != NULL;
    extra->line = element ? spm_xml_line(element) : cell->line;
    g_ptr_array_add(cell->extras, extra);
}

static void
spm_domain_cell_parse_extras(SpmCellDef *cell)
{
    cell->extras = g_ptr_array_new_with_free_func(g_free);
    for (xmlAttrPtr attr = cell->node->properties; attr; attr = attr->next) {
        if (attr->ns || !g_strv_contains(spm_cell_attributes, (const char *)attr->name))
            spm_domain_cell_add_extra(cell, attr->name, NULL);
    }
    for (xmlNodePtr child = xmlFirstElementChild(cell->node); child; child = xmlNextElementSibling(child)) {
        if (child->ns || !g_strv_contains(spm_cell_children, (const char *)child->name))
            spm_domain_cell_add_extra(cell, child->name, child);
    }
}

static gboolean
spm_domain_cell_has_table(const SpmCellDef *cell)
{
    for (gsize i = 0; spm_cell_children[i]; i++) {
        if (spm_xml_first(cell->node, NULL, spm_cell_children[i]))
            return TRUE;
    }
    return FALSE;
}

static SpmCellDef *
spm_domain_cell_def_parse(xmlNodePtr node, unsigned int index)
{
    SpmCellDef *cell = g_new0(SpmCellDef, 1);
    g_autofree char *access = spm_xml_attr(node, "memAccess");
    g_autofree char *discard = spm_xml_attr(node, "discard");

    cell->node = node;
    cell->line = spm_xml_line(node);
    /* libvirt counts the cells that have no id */
    cell->id = spm_domain_read_number(spm_xml_attr(node, "id"), index, &cell->bad_id);
    cell->has_memory = xmlHasNsProp(node, BAD_CAST "memory", NULL) != NULL;
    cell->memory = spm_domain_parse_size(spm_xml_attr(node, "memory"), node, &cell->bad_memory);
    cell->access = spm_choice_from_string(spm_access_names, access);
    cell->discard = spm_choice_from_string(spm_tristate_names, discard);
    spm_domain_cell_parse_extras(cell);
    cell->plain = cell->memory == 0 && cell->extras->len == (guint)(cell->access != SPM_ACCESS_DEFAULT) +
                                                                (cell->discard != SPM_TRISTATE_ABSENT);
    cell->bare = cell->memory == 0 && cell->extras->len == 0 && !node->children;
    return cell;
}

/**
 * spm_domain_def_add_cell:
 * @def: a definition whose cells have the ids 0, 1 and so on
 *
 * Adds the next cell. It has no memory.
 */
void
spm_domain_def_add_cell(SpmDomainDef *def)
{
    SpmCellDef *cell = g_new0(SpmCellDef, 1);

    cell->id = def->cells->len;
    cell->has_memory = TRUE;
    cell->extras = g_ptr_array_new_with_free_func(g_free);
    cell->plain = cell->bare = TRUE;
    g_ptr_array_add(def->cells, cell);
    def->numa.cells = def->cells->len;
}

static gint
spm_domain_cell_def_compare(gconstpointer a, gconstpointer b)
{
    const SpmCellDef *const *first = a;
    const SpmCellDef *const *second = b;

    return ((*first)->id > (*second)->id) - ((*first)->id < (*second)->id);
}

/* libvirt gives cell 0 the CPUs that no cell names. */
static void
spm_domain_parse_cpus(SpmDomainDef *def)
{
    g_autofree char *vcpu = spm_xml_content(spm_xml_first(def->root, NULL, "vcpu"));
    unsigned int named = 0, vcpus = vcpu ? spm_domain_read_number(g_strdup(vcpu), 1, NULL) : 1;

    SPM_FOREACH(SpmCellDef, cell, def->cells) {
        g_autofree char *cpus = spm_xml_attr(cell->node, "cpus");
        SpmCpuset set;

        spm_cpuset_parse(cpus, &set);
        cell->has_cpus = spm_cpuset_count(&set) > 0;
        named += spm_cpuset_count(&set);
    }
    if (def->cells->len && named < vcpus)
        ((SpmCellDef *)g_ptr_array_index(def->cells, 0))->has_cpus = TRUE;
}

static gboolean
spm_domain_has_cells_in_order(const SpmDomainDef *def)
{
    for (guint i = 0; i < def->cells->len; i++) {
        if (((const SpmCellDef *)g_ptr_array_index(def->cells, i))->id != i)
            return FALSE;
    }
    return TRUE;
}

static void
spm_domain_parse_cells(SpmDomainDef *def, const GPtrArray *cells, guint max)
{
    xmlNodePtr numa = spm_xml_find(def->root, "cpu/numa");

    def->numa_line = spm_xml_line(numa);
    for (guint i = 0; i < cells->len; i++)
        g_ptr_array_add(def->cells, spm_domain_cell_def_parse(g_ptr_array_index(cells, i), i));
    g_ptr_array_sort(def->cells, spm_domain_cell_def_compare);
    SPM_FOREACH(const SpmCellDef, cell, def->cells)
        def->has_tables |= spm_domain_cell_has_table(cell);
    if (cells->len == 0 || cells->len > max || !spm_domain_has_cells_in_order(def))
        return;
    spm_domain_parse_cpus(def);
    spm_numa_def_parse(def);
}

/**
 * spm_domain_def_filled_cells:
 * @def: a definition
 *
 * Returns: how many cells there are from the first one to the last one that has memory
 */
guint
spm_domain_def_filled_cells(const SpmDomainDef *def)
{
    guint count = def->cells->len;

    while (count && ((const SpmCellDef *)g_ptr_array_index(def->cells, count - 1))->memory == 0)
        count--;
    return count;
}

/**
 * spm_domain_def_cell:
 * @def: a definition
 * @id: of a cell
 *
 * Returns: (transfer none) (nullable): the first cell with that id, or NULL
 */
const SpmCellDef *
spm_domain_def_cell(const SpmDomainDef *def, unsigned int id)
{
    SPM_FOREACH(const SpmCellDef, cell, def->cells) {
        if (cell->id == id)
            return cell;
    }
    return NULL;
}

/* ---- references to cells ---- */

static void
spm_domain_cell_reference_free(gpointer data)
{
    SpmCellReference *reference = data;

    g_free(reference->nodeset);
    g_free(reference);
}

static SpmCellReference *
spm_domain_add_reference(SpmDomainDef *def, xmlNodePtr node)
{
    SpmCellReference *reference = g_new0(SpmCellReference, 1);

    reference->element = (const char *)node->name;
    reference->line = spm_xml_line(node);
    g_ptr_array_add(def->references, reference);
    return reference;
}

/* Notes that @node sets for @cell what another element has set. */
static void
spm_domain_note_repeated(SpmCellDef *cell, xmlNodePtr node)
{
    if (cell->repeated)
        return;
    cell->repeated = (const char *)node->name;
    cell->repeated_line = spm_xml_line(node);
}

/* The cell that @attribute names, if there is such a cell. */
static SpmCellDef *
spm_domain_parse_reference(SpmDomainDef *def, xmlNodePtr node, const char *attribute)
{
    g_autofree char *value = spm_xml_attr(node, attribute);
    guint64 id;

    if (!value || !spm_parse_number(value, 10, G_MAXINT, &id))
        return NULL;
    def->names_next |= id == def->cells->len;
    if (id >= def->cells->len)
        return NULL;
    spm_domain_add_reference(def, node)->cell = (unsigned int)id;
    return g_ptr_array_index(def->cells, id);
}

static void
spm_domain_parse_interconnects(SpmDomainDef *def)
{
    static const char *const attributes[] = { "initiator", "target" };
    g_autoptr(GPtrArray) nodes = spm_xml_find_all(def->root, "cpu/numa[1]/interconnects[1]/*");

    def->has_tables |= nodes->len > 0;
    for (gsize i = 0; i < G_N_ELEMENTS(attributes); i++) {
        SPM_FOREACH(xmlNode, node, nodes)
            spm_domain_parse_reference(def, node, attributes[i]);
    }
}

static void
spm_domain_parse_numatune(SpmDomainDef *def)
{
    g_autoptr(GPtrArray) nodes = spm_xml_find_all(def->root, "numatune/*");

    spm_domain_numa_policy_parse(&def->policy, spm_xml_find(def->root, "numatune/memory"));
    SPM_FOREACH(xmlNode, node, nodes) {
        SpmCellDef *cell = spm_domain_parse_reference(def, node, "cellid");

        if (!cell || !spm_xml_is(node, NULL, "memnode"))
            continue;
        if (cell->has_policy)
            spm_domain_note_repeated(cell, node);
        cell->has_policy = TRUE;
        spm_domain_numa_policy_parse(&cell->policy, node);
    }
}

/* ---- how memory is backed ---- */

/* Gives the cells that @nodeset names the size of their first <page>. */
static void
spm_domain_parse_page_cells(SpmDomainDef *def, xmlNodePtr node, const char *nodeset, guint64 size)
{
    SpmCellReference *reference = NULL;
    SpmCpuset set;

    spm_cpuset_parse(nodeset, &set);
    for (guint i = 0; i < def->cells->len; i++) {
        SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        if (!spm_cpuset_contains(&set, i))
            continue;
        if (cell->has_pagesize)
            spm_domain_note_repeated(cell, node);
        else
            cell->pagesize = size;
        cell->has_pagesize = TRUE;
        if (!reference) {
            reference = spm_domain_add_reference(def, node);
            reference->nodeset = g_strdup(nodeset);
        }
        reference->cell = i;
    }
    def->names_next |= spm_cpuset_contains(&set, def->cells->len);
}

static void
spm_domain_parse_page(SpmDomainDef *def, xmlNodePtr node)
{
    guint64 size = spm_domain_parse_size(spm_xml_attr(node, "size"), node, NULL);
    g_autofree char *nodeset = spm_xml_attr(node, "nodeset");

    if (nodeset)
        spm_domain_parse_page_cells(def, node, nodeset, size);
    else
        def->backing.pagesize = size;
}

static void
spm_domain_parse_backing(SpmDomainDef *def)
{
    g_autoptr(GPtrArray) pages = spm_xml_find_all(def->root, "memoryBacking/hugepages/page");
    g_autofree char *access = spm_domain_find_attr(def->root, "memoryBacking/access", "mode");
    g_autofree char *allocation = spm_domain_find_attr(def->root, "memoryBacking/allocation", "mode");
    g_autofree char *threads = spm_domain_find_attr(def->root, "memoryBacking/allocation", "threads");
    SpmBackingDef *backing = &def->backing;
    guint64 number = 0;

    backing->access = spm_choice_from_string(spm_access_names, access);
    if (spm_xml_find(def->root, "memoryBacking/discard"))
        backing->discard = SPM_TRISTATE_YES;
    backing->source = spm_domain_find_attr(def->root, "memoryBacking/source", "type");
    backing->immediate = g_strcmp0(allocation, "immediate") == 0;
    if (threads)
        spm_parse_number(threads, 10, G_MAXUINT32, &number);
    backing->threads = (guint32)number;
    backing->hugepages = spm_xml_find(def->root, "memoryBacking/hugepages") != NULL;
    backing->has_pages = pages->len > 0;
    for (guint i = 0; i < pages->len; i++)
        spm_domain_parse_page(def, g_ptr_array_index(pages, i));
}

static void
spm_domain_parse_max_memory(SpmDomainDef *def)
{
    xmlNodePtr node = spm_xml_first(def->root, NULL, "maxMemory");

    def->has_max_memory = node != NULL;
    def->max_memory_line = spm_xml_line(node);
    def->max_memory = spm_domain_read_size(node, &def->bad_max_memory);
    def->slots = spm_domain_read_number(spm_xml_attr(node, "slots"), 0, &def->bad_slots);
}

/* ---- devices ---- */

/* Refuses a domain with spm elements that has more of something than @limits allow. */
static gboolean
spm_domain_check_counts(const GPtrArray *spms, const GPtrArray *memories, const GPtrArray *cells,
                        const SpmLimits *limits, SpmFaults *faults)
{
    const struct {
        const GPtrArray *nodes;
        SpmLimit limit;
        const char *what;
    } counts[] = {
        { spms, limits->spms, "<memory model='spm'>" },
        { memories, limits->memories, "<memory> in <devices>" },
        { cells, limits->cells, "<cell> of <numa>" },
    };

    for (gsize i = 0; spms->len && i < G_N_ELEMENTS(counts); i++) {
        guint len = counts[i].nodes->len, max = counts[i].limit.max;

        if (len <= max)
            continue;
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, spm_xml_line(g_ptr_array_index(counts[i].nodes, max)),
            "%s is given %u times; a domain with <memory model='spm'> may have at most %u, because %s",
            counts[i].what, len, max, counts[i].limit.why);
        return FALSE;
    }
    return TRUE;
}

static void
spm_domain_parse_memories(SpmDomainDef *def, const GPtrArray *memories, SpmFaults *faults)
{
    SPM_FOREACH(xmlNode, node, memories) {
        SpmMemoryDef *spm;

        if (!spm_memory_node_is_spm(node)) {
            g_ptr_array_add(def->others, spm_domain_other_memory_def_parse(node));
            continue;
        }
        spm = spm_memory_def_parse(node, faults);
        spm->late = def->others->len > 0;
        g_ptr_array_add(def->spms, spm);
    }
}

static GPtrArray *
spm_domain_find_spms(const GPtrArray *memories)
{
    GPtrArray *spms = g_ptr_array_new();

    for (guint i = 0; i < memories->len; i++) {
        if (spm_memory_node_is_spm(g_ptr_array_index(memories, i)))
            g_ptr_array_add(spms, g_ptr_array_index(memories, i));
    }
    return spms;
}

/* Cells and memory devices, unless there are too many, which adds a fault. */
static void
spm_domain_parse_devices(SpmDomainDef *def, const SpmLimits *limits, SpmFaults *faults)
{
    g_autoptr(GPtrArray) cells = spm_xml_find_all(def->root, "cpu/numa[1]/cell");
    g_autoptr(GPtrArray) memories = spm_xml_find_all(def->root, "devices/memory");
    g_autoptr(GPtrArray) spms = spm_domain_find_spms(memories);

    if (!spm_domain_check_counts(spms, memories, cells, limits, faults))
        return;
    spm_domain_parse_cells(def, cells, limits->cells.max);
    spm_domain_parse_memories(def, memories, faults);
}

/* ---- aliases ---- */

static gint
spm_domain_compare_aliases(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

/**
 * spm_alias_tree_new:
 * @free_value: frees a value
 *
 * A tree and not a hash table: the author of a document could give all of its aliases the same hash.
 *
 * Returns: (transfer full): an empty tree, which owns its keys, the aliases, and its values
 */
GTree *
spm_alias_tree_new(GDestroyNotify free_value)
{
    return g_tree_new_full(spm_domain_compare_aliases, NULL, g_free, free_value);
}

/* Notes that @device, which is the element of @spm if that is given, has its alias. */
static void
spm_domain_parse_alias(SpmDomainDef *def, xmlNodePtr device, const SpmMemoryDef *spm)
{
    xmlNodePtr node = spm_xml_first(device, NULL, "alias");
    char *name = node ? spm_xml_attr(node, "name") : NULL;
    SpmAliasUse *use = name ? g_tree_lookup(def->aliases, name) : NULL;

    if (name && !use)
        g_tree_insert(def->aliases, name, use = g_new0(SpmAliasUse, 1));
    else
        g_free(name);
    if (use && spm && !use->spm) {
        use->spm = spm;
    } else if (use && !spm && !use->device) {
        use->device = (const char *)device->name;
        use->line = spm_xml_line(device);
    }
}

static void
spm_domain_parse_aliases(SpmDomainDef *def)
{
    g_autoptr(GPtrArray) devices = spm_xml_find_all(def->root, "devices/*");
    guint next = 0;

    SPM_FOREACH(xmlNode, device, devices) {
        const SpmMemoryDef *spm = next < def->spms->len ? g_ptr_array_index(def->spms, next) : NULL;
        gboolean is_spm = spm && spm->node == device;

        next += is_spm;
        spm_domain_parse_alias(def, device, is_spm ? spm : NULL);
    }
}

/* ---- the domain ---- */

/**
 * spm_domain_nodes:
 * @doc: a document
 *
 * Returns: (transfer container): the domains in it: its root, or those of a snapshot or checkpoint; none for
 *   any other document
 */
GPtrArray *
spm_domain_nodes(xmlDocPtr doc)
{
    static const char *const names[] = { "domain", "inactiveDomain" };
    xmlNodePtr root = xmlDocGetRootElement(doc);
    GPtrArray *domains = g_ptr_array_new();
    gboolean moment = spm_xml_is(root, NULL, "domainsnapshot") || spm_xml_is(root, NULL, "domaincheckpoint");

    if (spm_xml_is(root, NULL, "domain"))
        g_ptr_array_add(domains, root);
    for (gsize i = 0; moment && i < G_N_ELEMENTS(names); i++) {
        xmlNodePtr domain = spm_xml_first(root, NULL, names[i]);

        if (domain)
            g_ptr_array_add(domains, domain);
    }
    return domains;
}

static SpmDomainDef *
spm_domain_def_new(xmlNodePtr domain)
{
    SpmDomainDef *def = g_new0(SpmDomainDef, 1);

    def->root = domain;
    def->line = spm_xml_line(domain);
    def->cells = g_ptr_array_new_with_free_func(spm_domain_cell_def_free);
    def->spms = g_ptr_array_new_with_free_func(spm_memory_def_free);
    def->others = g_ptr_array_new_with_free_func(spm_domain_other_memory_def_free);
    def->references = g_ptr_array_new_with_free_func(spm_domain_cell_reference_free);
    spm_numa_def_init(&def->numa);
    def->aliases = spm_alias_tree_new(g_free);
    return def;
}

static void
spm_domain_parse_machine(SpmDomainDef *def)
{
    xmlNodePtr os_type = spm_xml_find(def->root, "os/type");
    xmlNodePtr emulator = spm_xml_find(def->root, "devices/emulator");

    def->type = spm_xml_attr(def->root, "type");
    def->name = spm_xml_content(spm_xml_first(def->root, NULL, "name"));
    def->memory = spm_domain_read_size(spm_xml_first(def->root, NULL, "memory"), NULL);
    def->arch = spm_xml_attr(os_type, "arch");
    def->machine = spm_xml_attr(os_type, "machine");
    def->os_line = spm_xml_line(os_type);
    def->emulator = spm_xml_content(emulator);
    def->emulator_line = spm_xml_line(emulator);
    def->acpi = spm_xml_find(def->root, "features/acpi") != NULL;
    def->fixed = def->root != xmlDocGetRootElement(def->root->doc) || xmlHasProp(def->root, BAD_CAST "id");
}

/**
 * spm_domain_def_parse:
 * @domain: a <domain>, whose document must outlive the definition
 * @limits: what a domain with SPM may have at most; beyond them neither cells nor devices are read
 * @faults: the list to which every breach of the grammar of <memory model='spm'> is added
 *
 * Returns: (transfer full): the definition. If a fault was added, it is fit for validation only
 */
SpmDomainDef *
spm_domain_def_parse(xmlNodePtr domain, const SpmLimits *limits, SpmFaults *faults)
{
    SpmDomainDef *def = spm_domain_def_new(domain);

    spm_domain_parse_machine(def);
    spm_domain_parse_max_memory(def);
    spm_domain_parse_devices(def, limits, faults);
    if (def->spms->len)
        spm_domain_parse_aliases(def);
    spm_domain_parse_interconnects(def);
    spm_domain_parse_numatune(def);
    spm_domain_parse_backing(def);
    return def;
}

/**
 * spm_domain_def_free:
 * @def: (nullable): a definition; its document stays
 */
void
spm_domain_def_free(SpmDomainDef *def)
{
    if (!def)
        return;

    if (def->ns_data_free)
        def->ns_data_free(def->ns_data);
    g_free(def->type);
    g_free(def->name);
    g_free(def->arch);
    g_free(def->machine);
    g_free(def->emulator);
    spm_domain_bad_size_clear(&def->bad_max_memory);
    g_free(def->bad_slots);
    g_free(def->backing.source);
    spm_domain_numa_policy_clear(&def->policy);
    g_ptr_array_unref(def->cells);
    spm_numa_def_clear(&def->numa);
    g_ptr_array_unref(def->spms);
    g_ptr_array_unref(def->others);
    g_ptr_array_unref(def->references);
    g_tree_unref(def->aliases);
    g_free(def);
}

/**
 * spm_domain_def_total:
 * @def: a definition
 *
 * Returns: the memory of all cells and memory devices in KiB, at most 2^54
 */
guint64
spm_domain_def_total(const SpmDomainDef *def)
{
    guint64 total = 0;

    SPM_FOREACH(const SpmCellDef, cell, def->cells)
        total += MIN(cell->memory, SPM_KIB_MAX - total);
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms)
        total += MIN(spm->size, SPM_KIB_MAX - total);
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others)
        total += MIN(other->size, SPM_KIB_MAX - total);
    return total;
}
