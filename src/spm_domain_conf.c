/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parse <memory model='spm'> and what it depends on in a domain definition.
 *
 * Parse reads and reports what the grammar forbids, for every spm element and to its end, so that one
 * run shows all faults. Elements that are libvirt's own are read leniently: libvirt refuses what is
 * wrong with them, in its own words. */

#include "spm_domain_conf.h"

#include <string.h>

#include "spm_cpuset.h"
#include "spm_xml.h"

#define SPM_KIB_MAX (G_MAXUINT64 / 1024)

static const char *const spm_access_names[] = {
    [SPM_ACCESS_DEFAULT] = NULL,
    [SPM_ACCESS_SHARED] = "shared",
    [SPM_ACCESS_PRIVATE] = "private",
    NULL,
};

static const char *const spm_tristate_names[] = {
    [SPM_TRISTATE_ABSENT] = NULL,
    [SPM_TRISTATE_YES] = "yes",
    [SPM_TRISTATE_NO] = "no",
    NULL,
};

/* What an element of <memory model='spm'> may have. Each name stands in one place only. */
typedef struct {
    const char *name;
    const char *attributes[4];
    const char *children[6];
    gboolean text;
} SpmGrammar;

static const SpmGrammar spm_grammar[] = {
    { "memory", { "model", "access", "discard" }, { "source", "target", "alias" }, FALSE },
    { "source", { NULL }, { "pagesize", "nodemask", "path", "alignsize", "pmem" }, FALSE },
    { "pagesize", { "unit" }, { NULL }, TRUE },
    { "nodemask", { NULL }, { NULL }, TRUE },
    { "path", { NULL }, { NULL }, TRUE },
    { "alignsize", { "unit" }, { NULL }, TRUE },
    { "pmem", { NULL }, { NULL }, FALSE },
    { "target", { NULL }, { "size", "node", "address" }, FALSE },
    { "size", { "unit" }, { NULL }, TRUE },
    { "node", { NULL }, { NULL }, TRUE },
    { "address", { "base" }, { NULL }, FALSE },
    { "alias", { "name" }, { NULL }, FALSE },
};

/* Models of memory devices that take a slot of <maxMemory>. */
static const char *const spm_slot_models[] = { "dimm", "nvdimm", NULL };

/**
 * spm_access_to_string:
 * @access: a value
 *
 * Returns: (transfer none) (nullable): its spelling in XML, NULL for the default
 */
const char *
spm_access_to_string(SpmAccess access)
{
    return spm_access_names[access];
}

/**
 * spm_tristate_to_string:
 * @value: a value
 *
 * Returns: (transfer none) (nullable): its spelling in XML, NULL for absent
 */
const char *
spm_tristate_to_string(SpmTristate value)
{
    return spm_tristate_names[value];
}

/* The index in @names, whose first element is the unsaid choice and whose last is NULL; 0 for no such. */
static unsigned int
spm_choice_from_string(const char *const *names, const char *text)
{
    for (unsigned int i = 1; names[i]; i++) {
        if (g_strcmp0(names[i], text) == 0)
            return i;
    }
    return 0;
}

/* "<memory model='spm'>" itself, or "<size> of <memory model='spm'>" */
static char *
spm_describe(xmlNodePtr node)
{
    if (spm_xml_is(node, NULL, "memory"))
        return g_strdup("<memory model='spm'>");
    return g_strdup_printf("<%s> of <memory model='spm'>", (const char *)node->name);
}

static void spm_fault(SpmFaults *faults, xmlNodePtr node, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A fault of the grammar: "ELEMENT MESSAGE". */
static void
spm_fault(SpmFaults *faults, xmlNodePtr node, const char *format, ...)
{
    g_autofree char *element = spm_describe(node);
    va_list args;

    va_start(args, format);
    spm_faults_add_va(faults, SPM_ERROR_XML, spm_xml_line(node), element, format, args);
    va_end(args);
}

static char *
spm_join(const char *const *names, const char *before, const char *after)
{
    GString *list = g_string_new(NULL);

    for (; *names; names++)
        g_string_append_printf(list, "%s%s%s%s", list->len ? ", " : "", before, *names, after);
    if (!list->len)
        g_string_append(list, "nothing");
    return g_string_free(list, FALSE);
}

static const SpmGrammar *
spm_grammar_find(const xmlChar *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_grammar); i++) {
        if (xmlStrEqual(name, BAD_CAST spm_grammar[i].name))
            return &spm_grammar[i];
    }
    return NULL;
}

/* The name as it stands in the document, with its prefix. */
static char *
spm_written_name(const xmlNs *ns, const xmlChar *name)
{
    if (ns && ns->prefix)
        return g_strdup_printf("%s:%s", (const char *)ns->prefix, (const char *)name);
    return g_strdup((const char *)name);
}

static void
spm_check_attributes(xmlNodePtr node, const SpmGrammar *grammar, SpmFaults *faults)
{
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
        g_autofree char *name = spm_written_name(attr->ns, attr->name);
        g_autofree char *known = NULL;
        xmlChar *value;

        if (!attr->ns && g_strv_contains(grammar->attributes, name))
            continue;
        value = xmlNodeListGetString(node->doc, attr->children, 1);
        known = spm_join(grammar->attributes, "'", "'");
        spm_fault(faults, node, "has the unknown attribute %s='%s'; what it may have is %s", name,
                  value ? (const char *)value : "", known);
        xmlFree(value);
    }
}

/* Where @name is in @grammar's children, or -1. */
static int
spm_grammar_child(const SpmGrammar *grammar, const xmlChar *name)
{
    for (int i = 0; grammar->children[i]; i++) {
        if (xmlStrEqual(name, BAD_CAST grammar->children[i]))
            return i;
    }
    return -1;
}

static void spm_check_grammar(xmlNodePtr node, SpmFaults *faults);

/* Checks an element in one of @grammar. @seen has a bit for each of the grammar's children that was there. */
static void
spm_check_child(xmlNodePtr child, const SpmGrammar *grammar, guint *seen, SpmFaults *faults)
{
    int index = child->ns ? -1 : spm_grammar_child(grammar, child->name);

    if (index < 0) {
        g_autofree char *known = spm_join(grammar->children, "<", ">");
        g_autofree char *name = spm_written_name(child->ns, child->name);

        spm_faults_add(faults, SPM_ERROR_XML, spm_xml_line(child),
                       "<%s> of <memory model='spm'> is unknown in <%s>; what may stand there is %s", name,
                       grammar->name, known);
    } else if (*seen & 1U << index) {
        spm_fault(faults, child, "is given twice");
    } else {
        *seen |= 1U << index;
        spm_check_grammar(child, faults);
    }
}

/* Checks @node and all below it against the grammar table: names, and what stands twice. */
static void
spm_check_grammar(xmlNodePtr node, SpmFaults *faults)
{
    const SpmGrammar *grammar = spm_grammar_find(node->name);
    guint seen = 0;

    spm_check_attributes(node, grammar, faults);
    for (xmlNodePtr child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE) {
            spm_check_child(child, grammar, &seen, faults);
        } else if (!grammar->text && !xmlIsBlankNode(child) &&
                   (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE)) {
            g_autofree char *text = g_strstrip(g_strdup((const char *)child->content));

            spm_fault(faults, node, "must not hold the text '%s'", text);
        }
    }
}

static unsigned int
spm_parse_choice(xmlNodePtr node, const char *name, const char *const *names, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_attr(node, name);
    unsigned int choice = spm_choice_from_string(names, value);

    if (value && !choice) {
        g_autofree char *known = spm_join(names + 1, "'", "'");

        spm_fault(faults, node, "has %s='%s'; what it may be is %s", name, value, known);
    }
    return choice;
}

/* The size of an element, in KiB; 0 when there is no such element or a fault was found. */
static guint64
spm_parse_scaled(xmlNodePtr node, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_content(node);
    g_autofree char *unit = spm_xml_attr(node, "unit");
    guint64 kib = 0;

    if (!node)
        return 0;
    if (!spm_parse_size(value, unit, &kib))
        spm_fault(faults, node,
                  "is '%s' with unit '%s', which is no size: a whole number, a unit such as "
                  "'KiB', 'MiB' or 'GiB', and less than 8 EiB in all are needed",
                  value, unit ? unit : "KiB");
    else if (kib == 0)
        spm_fault(faults, node, "is '%s'; it must be greater than 0", value);
    return kib;
}

static void
spm_parse_path(SpmMemoryDef *spm, xmlNodePtr node, SpmFaults *faults)
{
    spm->path = spm_xml_content(node);
    if (spm->path && !g_path_is_absolute(spm->path))
        spm_fault(faults, node, "is '%s'; it must be an absolute path", spm->path);
}

static void
spm_parse_source(SpmMemoryDef *spm, xmlNodePtr source, SpmFaults *faults)
{
    xmlNodePtr pagesize = spm_xml_first(source, NULL, "pagesize");
    xmlNodePtr nodemask = spm_xml_first(source, NULL, "nodemask");
    xmlNodePtr path = spm_xml_first(source, NULL, "path");
    xmlNodePtr alignsize = spm_xml_first(source, NULL, "alignsize");
    xmlNodePtr pmem = spm_xml_first(source, NULL, "pmem");

    spm->pagesize = spm_parse_scaled(pagesize, faults);
    spm->alignsize = spm_parse_scaled(alignsize, faults);
    spm->pmem = pmem != NULL;
    spm_parse_path(spm, path, faults);
    spm->nodemask = spm_xml_content(nodemask);
    if (nodemask && !spm_cpuset_is_valid(spm->nodemask))
        spm_fault(faults, nodemask, "is '%s'; it must be a set of host NUMA nodes such as '0' or '0-1,3'",
                  spm->nodemask);

    if (path && pagesize)
        spm_fault(faults, pagesize, "cannot be combined with <path>");
    if (path && nodemask)
        spm_fault(faults, nodemask, "cannot be combined with <path>");
    if (alignsize && !path)
        spm_fault(faults, alignsize, "needs a <path> beside it");
    if (pmem && !path)
        spm_fault(faults, pmem, "needs a <path> beside it");
}

static void
spm_parse_cell(SpmMemoryDef *spm, xmlNodePtr node, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_content(node);
    guint64 cell = 0;

    if (!spm_parse_number(value, 10, G_MAXINT, &cell))
        spm_fault(faults, node, "is '%s'; it must be the id of a <cell> of <numa>", value);
    spm->cell = (unsigned int)cell;
}

static void
spm_parse_base(SpmMemoryDef *spm, xmlNodePtr node, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_attr(node, "base");

    if (!value)
        spm_fault(faults, node, "has no attribute 'base'");
    else if (!spm_parse_number(value, 16, G_MAXUINT64, &spm->base) || spm->base == 0)
        spm_fault(faults, node,
                  "has base='%s'; it must be a hexadecimal guest-physical address other than 0, "
                  "such as '0x240000000'",
                  value);
    else
        spm->has_base = TRUE;
}

static void
spm_parse_target(SpmMemoryDef *spm, xmlNodePtr target, SpmFaults *faults)
{
    xmlNodePtr size = spm_xml_first(target, NULL, "size");
    xmlNodePtr node = spm_xml_first(target, NULL, "node");
    xmlNodePtr address = spm_xml_first(target, NULL, "address");

    if (!size)
        spm_fault(faults, target, "has no <size>");
    if (!node)
        spm_fault(faults, target, "has no <node>: the NUMA cell as which the guest is to see the memory");

    spm->size_line = size ? spm_xml_line(size) : 0;
    spm->cell_line = node ? spm_xml_line(node) : 0;
    spm->base_line = address ? spm_xml_line(address) : 0;
    spm->size = spm_parse_scaled(size, faults);
    if (node)
        spm_parse_cell(spm, node, faults);
    if (address)
        spm_parse_base(spm, address, faults);
}

static void
spm_memory_def_free(gpointer data)
{
    SpmMemoryDef *spm = data;

    g_free(spm->nodemask);
    g_free(spm->path);
    g_free(spm->alias);
    g_free(spm);
}

/**
 * spm_memory_def_new:
 * @node: the element that the definition stands for
 *
 * Returns: (transfer full): an empty definition, for a list in #SpmDomainDef to own
 */
SpmMemoryDef *
spm_memory_def_new(xmlNodePtr node)
{
    SpmMemoryDef *spm = g_new0(SpmMemoryDef, 1);

    spm->node = node;
    spm->line = spm_xml_line(node);
    return spm;
}

static SpmMemoryDef *
spm_memory_def_parse(xmlNodePtr node, SpmFaults *faults)
{
    SpmMemoryDef *spm = spm_memory_def_new(node);
    xmlNodePtr source = spm_xml_first(node, NULL, "source");
    xmlNodePtr target = spm_xml_first(node, NULL, "target");
    xmlNodePtr alias = spm_xml_first(node, NULL, "alias");
    guint before = faults->len;

    spm_check_grammar(node, faults);
    spm->access = spm_parse_choice(node, "access", spm_access_names, faults);
    spm->discard = spm_parse_choice(node, "discard", spm_tristate_names, faults);
    if (source)
        spm_parse_source(spm, source, faults);
    if (target)
        spm_parse_target(spm, target, faults);
    else
        spm_fault(faults, node, "has no <target>");

    spm->alias = spm_xml_attr(alias, "name");
    if (alias && !spm->alias)
        spm_fault(faults, alias, "has no attribute 'name'");
    spm->faulty = faults->len > before;
    return spm;
}

static void
spm_other_memory_def_free(gpointer data)
{
    SpmOtherMemoryDef *other = data;

    g_free(other->model);
    g_free(other);
}

/**
 * spm_read_size:
 * @node: (nullable): an element of libvirt's own grammar that holds a size
 *
 * Returns: the size in KiB; 0 without @node, and for what cannot be read, which is left to libvirt to refuse
 */
guint64
spm_read_size(xmlNodePtr node)
{
    g_autofree char *value = spm_xml_content(node);
    g_autofree char *unit = spm_xml_attr(node, "unit");
    guint64 kib = 0;

    if (value)
        spm_parse_size(value, unit, &kib);
    return kib;
}

static SpmOtherMemoryDef *
spm_other_memory_def_parse(xmlNodePtr node)
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
    other->size = spm_read_size(spm_xml_find(node, "target/size"));
    other->cell = cell && spm_parse_number(cell, 10, G_MAXINT, &number) ? (gint64)number : -1;
    other->has_base = base && spm_parse_number(base, 16, G_MAXUINT64, &other->base) && other->base;
    return other;
}

static SpmCellDef *
spm_cell_def_parse(xmlNodePtr node, unsigned int index)
{
    SpmCellDef *cell = g_new0(SpmCellDef, 1);
    g_autofree char *id = spm_xml_attr(node, "id");
    g_autofree char *memory = spm_xml_attr(node, "memory");
    g_autofree char *unit = spm_xml_attr(node, "unit");
    g_autofree char *access = spm_xml_attr(node, "memAccess");
    g_autofree char *discard = spm_xml_attr(node, "discard");
    guint64 number = index; /* as libvirt counts cells without an id */

    cell->node = node;
    cell->line = spm_xml_line(node);
    if (id)
        spm_parse_number(id, 10, G_MAXINT, &number);
    cell->id = (unsigned int)number;
    if (memory)
        spm_parse_size(memory, unit, &cell->memory);
    cell->access = spm_choice_from_string(spm_access_names, access);
    cell->discard = spm_choice_from_string(spm_tristate_names, discard);
    return cell;
}

static gint
spm_cell_def_compare(gconstpointer a, gconstpointer b)
{
    const SpmCellDef *const *first = a;
    const SpmCellDef *const *second = b;

    return ((*first)->id > (*second)->id) - ((*first)->id < (*second)->id);
}

static void
spm_parse_max_memory(SpmDomainDef *def)
{
    xmlNodePtr node = spm_xml_first(def->root, NULL, "maxMemory");
    g_autofree char *slots = spm_xml_attr(node, "slots");
    guint64 number = 0;

    def->has_max_memory = node != NULL;
    def->max_memory = spm_read_size(node);
    if (slots)
        spm_parse_number(slots, 10, G_MAXINT, &number);
    def->slots = (unsigned int)number;
}

/* What is looked at in pairs, and so must not be more than any domain can have that libvirt and QEMU start:
 * QEMU has 256 slots (ACPI_MAX_RAM_SLOTS), of which a carrier takes one; 4095 ranges of memory in an address
 * space of x86 (phys_section_add(), which no device gets around); and 128 NUMA nodes (MAX_NODES). */
#define SPM_ELEMENTS_MAX 256
#define SPM_MEMORIES_MAX 4096
#define SPM_CELLS_MAX 128

/* Refuses what is there more often than that, in a domain that has spm elements. */
static gboolean
spm_check_counts(const GPtrArray *spms, const GPtrArray *memories, const GPtrArray *cells, SpmFaults *faults)
{
    const struct {
        const GPtrArray *nodes;
        guint max;
        const char *what;
        const char *why;
    } counts[] = {
        { spms, SPM_ELEMENTS_MAX, "<memory model='spm'>", "slots for memory devices" },
        { memories, SPM_MEMORIES_MAX, "<memory> in <devices>", "ranges of memory" },
        { cells, SPM_CELLS_MAX, "<cell> of <numa>", "NUMA nodes" },
    };

    for (gsize i = 0; spms->len && i < G_N_ELEMENTS(counts); i++) {
        const GPtrArray *nodes = counts[i].nodes;
        guint max = counts[i].max;

        if (nodes->len <= max)
            continue;
        spm_faults_add(
            faults, SPM_ERROR_CONFIG, spm_xml_line(g_ptr_array_index(nodes, max)),
            "%s is there %u times; with <memory model='spm'> it may be there %u times, as QEMU has no "
            "more %s",
            counts[i].what, nodes->len, max, counts[i].why);
        return FALSE;
    }
    return TRUE;
}

static void
spm_parse_memories(SpmDomainDef *def, const GPtrArray *memories, SpmFaults *faults)
{
    for (guint i = 0; i < memories->len; i++) {
        xmlNodePtr node = g_ptr_array_index(memories, i);
        SpmMemoryDef *spm;

        if (!spm_memory_node_is_spm(node)) {
            g_ptr_array_add(def->others, spm_other_memory_def_parse(node));
            continue;
        }
        spm = spm_memory_def_parse(node, faults);
        spm->behind = def->others->len > 0;
        g_ptr_array_add(def->spms, spm);
    }
}

/* Cells and memory devices, unless they are too many, as a fault says then. */
static void
spm_parse_devices(SpmDomainDef *def, SpmFaults *faults)
{
    g_autoptr(GPtrArray) cells = spm_xml_find_all(def->root, "cpu/numa[1]/cell");
    g_autoptr(GPtrArray) memories = spm_xml_find_all(def->root, "devices/memory");
    g_autoptr(GPtrArray) spms = g_ptr_array_new();

    for (guint i = 0; i < memories->len; i++) {
        if (spm_memory_node_is_spm(g_ptr_array_index(memories, i)))
            g_ptr_array_add(spms, g_ptr_array_index(memories, i));
    }
    if (!spm_check_counts(spms, memories, cells, faults))
        return;
    for (guint i = 0; i < cells->len; i++)
        g_ptr_array_add(def->cells, spm_cell_def_parse(g_ptr_array_index(cells, i), i));
    g_ptr_array_sort(def->cells, spm_cell_def_compare);
    spm_parse_memories(def, memories, faults);
}

/**
 * spm_memory_node_is_spm:
 * @node: a <memory> device
 *
 * Returns: TRUE when it is a <memory model='spm'>
 */
gboolean
spm_memory_node_is_spm(xmlNodePtr node)
{
    g_autofree char *model = spm_xml_attr(node, "model");

    return g_strcmp0(model, "spm") == 0;
}

/**
 * spm_domain_nodes:
 * @doc: a document
 *
 * Returns: (transfer container): the domains that it holds: its root, or those of a snapshot or checkpoint;
 *   none for documents of other kinds
 */
GPtrArray *
spm_domain_nodes(xmlDocPtr doc)
{
    static const char *const parents[] = { "domainsnapshot", "domaincheckpoint" };
    static const char *const names[] = { "domain", "inactiveDomain" };
    xmlNodePtr root = xmlDocGetRootElement(doc);
    GPtrArray *domains = g_ptr_array_new();

    if (spm_xml_is(root, NULL, "domain"))
        g_ptr_array_add(domains, root);
    for (gsize i = 0; i < G_N_ELEMENTS(parents); i++) {
        for (gsize j = 0; spm_xml_is(root, NULL, parents[i]) && j < G_N_ELEMENTS(names); j++) {
            xmlNodePtr domain = spm_xml_first(root, NULL, names[j]);

            if (domain)
                g_ptr_array_add(domains, domain);
        }
    }
    return domains;
}

/**
 * spm_domain_def_parse:
 * @domain: a <domain>, whose document must outlive what is returned
 * @faults: where every breach of the grammar of <memory model='spm'> is added
 *
 * Returns: (transfer full): the definition, of use for more than validation only when no fault was added
 */
SpmDomainDef *
spm_domain_def_parse(xmlNodePtr domain, SpmFaults *faults)
{
    SpmDomainDef *def = g_new0(SpmDomainDef, 1);
    xmlNodePtr os_type;

    def->root = domain;
    os_type = spm_xml_find(def->root, "os/type");
    def->type = spm_xml_attr(def->root, "type");
    def->name = spm_xml_content(spm_xml_first(def->root, NULL, "name"));
    def->arch = spm_xml_attr(os_type, "arch");
    def->machine = spm_xml_attr(os_type, "machine");
    def->emulator = spm_xml_content(spm_xml_find(domain, "devices/emulator"));
    def->acpi = spm_xml_find(def->root, "features/acpi") != NULL;
    def->cells = g_ptr_array_new_with_free_func(g_free);
    def->spms = g_ptr_array_new_with_free_func(spm_memory_def_free);
    def->others = g_ptr_array_new_with_free_func(spm_other_memory_def_free);
    spm_parse_max_memory(def);
    spm_parse_devices(def, faults);
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

    g_free(def->type);
    g_free(def->name);
    g_free(def->arch);
    g_free(def->machine);
    g_free(def->emulator);
    g_ptr_array_unref(def->cells);
    g_ptr_array_unref(def->spms);
    g_ptr_array_unref(def->others);
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

    for (guint i = 0; i < def->cells->len; i++)
        total += MIN(((SpmCellDef *)g_ptr_array_index(def->cells, i))->memory, SPM_KIB_MAX - total);
    for (guint i = 0; i < def->spms->len; i++)
        total += MIN(((SpmMemoryDef *)g_ptr_array_index(def->spms, i))->size, SPM_KIB_MAX - total);
    for (guint i = 0; i < def->others->len; i++)
        total += MIN(((SpmOtherMemoryDef *)g_ptr_array_index(def->others, i))->size, SPM_KIB_MAX - total);
    return total;
}

/**
 * spm_other_memory_needs_slot:
 * @other: a memory device that is not spm
 *
 * Returns: TRUE when it takes one of the slots of <maxMemory>
 */
gboolean
spm_other_memory_needs_slot(const SpmOtherMemoryDef *other)
{
    return other->model && g_strv_contains(spm_slot_models, other->model);
}

static gint
spm_compare_aliases(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

/**
 * spm_alias_tree_new:
 *
 * A tree, not a hash table: whoever writes a document can give all of its aliases one hash.
 *
 * Returns: (transfer full): an empty tree by aliases, which owns these and what it says of them
 */
GTree *
spm_alias_tree_new(void)
{
    return g_tree_new_full(spm_compare_aliases, NULL, g_free, g_free);
}

/**
 * spm_domain_def_aliases:
 * @def: a definition
 *
 * Returns: (transfer full): all aliases of the document's devices, and of each the #SpmAliasUse
 */
GTree *
spm_domain_def_aliases(const SpmDomainDef *def)
{
    g_autoptr(GPtrArray) devices = spm_xml_find_all(def->root, "devices/*");
    GTree *aliases = spm_alias_tree_new();

    for (guint i = 0; i < devices->len; i++) {
        xmlNodePtr device = g_ptr_array_index(devices, i);
        char *name = spm_xml_attr(spm_xml_first(device, NULL, "alias"), "name");
        SpmAliasUse *use = name ? g_tree_lookup(aliases, name) : NULL;
        xmlNodePtr *user;

        if (name && !use)
            g_tree_insert(aliases, name, use = g_new0(SpmAliasUse, 1));
        else
            g_free(name);
        if (!use)
            continue;
        user =
            spm_xml_is(device, NULL, "memory") && spm_memory_node_is_spm(device) ? &use->spm : &use->device;
        *user = *user ? *user : device;
    }
    return aliases;
}
