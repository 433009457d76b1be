/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Translation between domain XML with <memory model='spm'> and XML that stock libvirt carries.
 *
 * Theory of operation
 *
 * Stock libvirt does not know this model. It does know <memory model='dimm'> and 'nvdimm', whose backend,
 * accounting, NUMA policy and labels are what SPM needs, and <qemu:override>, which changes properties
 * of a device's front end. So an spm element is carried by such a device, its carrier:
 *
 *   in:   <memory model='spm'>      ->  <memory model='dimm'>, or 'nvdimm' when its source has a path,
 *                                       and an override of "driver" that removes "slot"
 *         target/address/@base      ->  <address type='dimm' base=...>
 *         source/pool               ->  <path> of a link, which a start lets lead to a device of the pool
 *         maxMemory/@slots          +   one per carrier; carriers get the highest slots, so that the user's
 *                                       own DIMMs keep theirs
 *   out:  the reverse. A carrier is recognized by its override; nothing is stored anywhere else.
 *
 * libvirt older than 11.8 gives a cell without memory a backend of size 0, which QEMU refuses. There,
 * trailing cells without memory are left out of <numa> and reach QEMU as "-numa node,nodeid=N" through
 * <qemu:commandline>; their carriers name another cell and override the property "node". What else the
 * document says of these cells goes to spm_left_out.c. */

#include "spm_translate.h"

#include <string.h>

#include "qemu_spm_carrier.h"
#include "qemu_spm_ns.h"
#include "qemu_spm_numa.h"
#include "qemu_spm_postparse.h"
#include "qemu_spm_validate.h"
#include "spm_domain_format.h"
#include "spm_domain_postparse.h"
#include "spm_left_out.h"
#include "spm_memory_conf.h"
#include "spm_numa_conf.h"
#include "spm_xml.h"

/**
 * spm_translate_in_concerns:
 * @xml: a document
 *
 * Returns: FALSE when spm_translate_in() would certainly return it unchanged
 */
gboolean
spm_translate_in_concerns(const char *xml)
{
    return strstr(xml, "spm") || spm_xml_hides_words(xml);
}

/**
 * spm_translate_out_concerns:
 * @xml: a document
 *
 * Returns: FALSE when spm_translate_out() would certainly return it unchanged
 */
gboolean
spm_translate_out_concerns(const char *xml)
{
    return strstr(xml, "spm-memory") || strstr(xml, "sp-mem") || spm_xml_hides_words(xml);
}

/* FALSE when @node contains anything but white space, even a comment. */
static gboolean
spm_translate_is_empty(xmlNodePtr node)
{
    for (xmlNodePtr child = node->children; child; child = child->next) {
        if (!xmlIsBlankNode(child))
            return FALSE;
    }
    return TRUE;
}

static void
spm_translate_remove_if_empty(gpointer node, gpointer value, gpointer data)
{
    (void)value;
    (void)data;
    if (spm_translate_is_empty(node))
        spm_xml_remove(node);
}

/* ---- in ---- */

/* Adds an element of the same namespace to @parent, with line breaks. */
static xmlNodePtr
spm_translate_add(xmlNodePtr parent, const char *name)
{
    xmlNodePtr node = spm_xml_new(parent->doc, parent->ns, name);

    spm_xml_append(parent, node);
    return node;
}

/* The <qemu:override> to which devices are added. */
static xmlNodePtr
spm_translate_override_ensure(xmlNodePtr domain)
{
    xmlNodePtr override = spm_xml_first(domain, &spm_qemu_ns, "override");

    if (!override) {
        override = spm_xml_new(domain->doc, spm_qemu_ns_ensure(domain), "override");
        spm_xml_append(domain, override);
    }
    return override;
}

/* The <qemu:frontend> of @spm, which the user may have as well. */
static xmlNodePtr
spm_translate_frontend_ensure(const SpmDomainDef *def, const SpmMemoryDef *spm)
{
    const SpmQemuOverride *found = spm_qemu_ns_override(def, spm->alias);
    xmlNodePtr device = found ? found->device : NULL, frontend = found ? found->frontend : NULL;

    if (!device) {
        device = spm_translate_add(spm_translate_override_ensure(def->root), "device");
        spm_xml_add_attr(device, "alias", spm->alias);
    }
    return frontend ? frontend : spm_translate_add(device, "frontend");
}

static void
spm_translate_add_property(xmlNodePtr frontend, const char *name, const char *type, const char *value)
{
    xmlNodePtr property = spm_translate_add(frontend, "property");

    spm_xml_add_attr(property, "name", name);
    spm_xml_add_attr(property, "type", type);
    if (value)
        spm_xml_add_attr(property, "value", value);
}

/* Overrides what makes a carrier SPM. */
static void
spm_translate_add_override(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmQemuOptions *options)
{
    xmlNodePtr frontend = spm_translate_frontend_ensure(def, spm);
    char node[16];

    spm_translate_add_property(frontend, "driver", "string", options->device);
    spm_translate_add_property(frontend, "slot", "remove", NULL);
    if (spm->cell < spm_qemu_stock_cells(def, options))
        return;
    g_snprintf(node, sizeof(node), "%u", spm->cell);
    spm_translate_add_property(frontend, "node", "unsigned", node);
}

/* Replaces an spm element by its carrier. */
static void
spm_translate_make_carrier(const SpmDomainDef *def, SpmMemoryDef *spm, unsigned int slot,
                           const SpmQemuOptions *options)
{
    SpmMemoryDef stock = *spm;
    SpmCarrier carrier;
    xmlNodePtr node, address;

    spm_qemu_carrier_init(&carrier, def, spm, options);
    stock.cell = carrier.cell;
    stock.access = carrier.access;
    stock.discard = carrier.discard;
    stock.pagesize = carrier.pagesize;
    stock.nodemask = (char *)carrier.nodemask;
    stock.has_base = FALSE;
    node = spm_memory_def_format(&stock, spm->path ? "nvdimm" : "dimm");
    address = spm_xml_add(node, "address", NULL);
    spm_xml_add_attr(address, "type", "dimm");
    spm_xml_set_attr(address, "slot", "%u", slot);
    if (spm->has_base)
        spm_xml_set_attr(address, "base", SPM_HEX, spm->base);
    spm_memory_def_replace(spm, node);
}

/* The last <qemu:commandline>, to which arguments are added after all others. */
static xmlNodePtr
spm_translate_commandline_ensure(xmlNodePtr domain)
{
    const xmlNs *ns = &spm_qemu_ns;
    xmlNodePtr commandline = NULL, override = spm_xml_first(domain, ns, "override");

    for (xmlNodePtr node = spm_xml_first(domain, ns, "commandline"); node;
         node = spm_xml_next(node, ns, "commandline"))
        commandline = node;
    if (commandline)
        return commandline;
    /* in libvirt's order */
    commandline = spm_xml_new(domain->doc, spm_qemu_ns_ensure(domain), "commandline");
    spm_xml_insert(domain, override, commandline);
    return commandline;
}

static void
spm_translate_leave_cells_out(SpmDomainDef *def, const SpmQemuOptions *options)
{
    guint stock_cells = spm_qemu_stock_cells(def, options);
    g_autoptr(GPtrArray) args = NULL;
    xmlNodePtr commandline;

    if (stock_cells == def->cells->len)
        return;
    commandline = spm_translate_commandline_ensure(def->root);
    args = spm_qemu_numa_arguments(def, stock_cells);
    SPM_FOREACH(const char, arg, args)
        spm_xml_add_attr(spm_translate_add(commandline, "arg"), "value", arg);
    spm_numa_def_remove(def, stock_cells);
    for (guint i = stock_cells; i < def->cells->len; i++)
        spm_xml_remove(((const SpmCellDef *)g_ptr_array_index(def->cells, i))->node);
    spm_left_out_take(def, options, commandline);
}

static void
spm_translate_make_stock(SpmDomainDef *def, const SpmQemuOptions *options)
{
    unsigned int slot = def->slots;

    def->slots += def->spms->len;
    spm_domain_def_format_domain(def);
    for (guint i = 0; i < def->spms->len; i++)
        spm_translate_make_carrier(def, g_ptr_array_index(def->spms, i), slot + i, options);
    spm_translate_leave_cells_out(def, options);
    for (guint i = 0; i < def->spms->len; i++)
        spm_translate_add_override(def, g_ptr_array_index(def->spms, i), options);
}

/* ---- out ---- */

/* Removes @property, and the frontend and the device around it if they are empty then. The parent of the
 * device is added to @emptied, so that it is checked once and not for each device. */
static void
spm_translate_take_property(xmlNodePtr property, GHashTable *emptied)
{
    xmlNodePtr frontend = property->parent, device = frontend->parent;

    spm_xml_remove(property);
    if (!spm_translate_is_empty(frontend))
        return;
    spm_xml_remove(frontend);
    if (!spm_translate_is_empty(device))
        return;
    g_hash_table_add(emptied, device->parent);
    spm_xml_remove(device);
}

/* Takes what spm_translate_add_override() adds out of @override, and puts an overridden node back where
 * libvirt has none. Returns TRUE when there was one. */
static gboolean
spm_translate_take_override(SpmQemuOverride *override, xmlNodePtr memory, GHashTable *emptied)
{
    static const SpmQemuProperty ours[] = { SPM_QEMU_DRIVER, SPM_QEMU_SLOT, SPM_QEMU_NODE };
    gboolean has_node = override->properties[SPM_QEMU_NODE] != NULL;
    g_autofree char *cell = spm_xml_attr(override->properties[SPM_QEMU_NODE], "value");

    if (has_node)
        spm_xml_set_content(spm_xml_find(memory, "target/node"), "%s", cell ? cell : "");
    for (gsize i = 0; i < G_N_ELEMENTS(ours); i++) {
        if (override->properties[ours[i]])
            spm_translate_take_property(override->properties[ours[i]], emptied);
        override->properties[ours[i]] = NULL;
    }
    return has_node;
}

static void
spm_translate_unmake_carrier(xmlNodePtr memory)
{
    xmlNodePtr address = spm_xml_first(memory, NULL, "address");
    xmlNodePtr target = spm_xml_first(memory, NULL, "target");
    xmlNodePtr path = spm_xml_find(memory, "source/path");
    g_autofree char *base = spm_xml_attr(address, "base"), *link = spm_xml_content(path), *pool = NULL;
    guint64 number;

    spm_xml_set_attr(memory, "model", "spm");
    if (base && spm_parse_number(base, 16, G_MAXUINT64, &number) && number)
        spm_xml_add_attr(spm_translate_add(target, "address"), "base", base);
    if (address)
        spm_xml_remove(address);
    if (spm_memory_pool_of_link(link, &pool)) {
        xmlNodeSetName(path, BAD_CAST "pool");
        spm_xml_set_content(path, "%s", pool);
    }
}

/* The override that makes @memory a carrier, and its device, or NULL when it is not a carrier. */
static SpmQemuOverride *
spm_translate_find_carrier_override(xmlNodePtr memory, GTree *overrides, const char **device)
{
    g_autofree char *alias = spm_xml_attr(spm_xml_first(memory, NULL, "alias"), "name");
    SpmQemuOverride *override = alias ? g_tree_lookup(overrides, alias) : NULL;
    g_autofree char *value = spm_xml_attr(override ? override->properties[SPM_QEMU_DRIVER] : NULL, "value");

    *device = value ? spm_qemu_device_find(value) : NULL;
    return *device && spm_xml_find(memory, "target/node") ? override : NULL;
}

/* The values of arguments; "" stands for one without a value. */
static GPtrArray *
spm_translate_argument_values(const GPtrArray *args)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);

    SPM_FOREACH(xmlNode, arg, args) {
        char *value = spm_xml_attr(arg, "value");

        g_ptr_array_add(values, value ? value : g_strdup(""));
    }
    return values;
}

/* The arguments that spm_translate_leave_cells_out() may have added. */
typedef struct {
    GPtrArray *values; /* of all arguments */
    guint start, end;
    guint id;     /* of the first cell that was left out */
    guint cells;  /* how many were left out */
    guint simple; /* how many of these, from the first, have nothing but an id */
} SpmTranslateBlock;

/* TRUE when the arguments at @at are the node @id, and @simple when they say no more than its id. */
static gboolean
spm_translate_is_node(const GPtrArray *values, guint at, guint id, gboolean *simple)
{
    const char *value = at + 1 < values->len ? g_ptr_array_index(values, at + 1) : "";
    char text[32];

    if (!g_str_has_prefix(value, "node,nodeid=") || strcmp(g_ptr_array_index(values, at), "-numa") != 0)
        return FALSE;
    g_snprintf(text, sizeof(text), "node,nodeid=%u", id);
    if (!g_str_has_prefix(value, text))
        return FALSE;
    value += strlen(text);
    *simple = !*value;
    return !*value || *value == ',';
}

/* Finds the nodes. The user's own arguments come before ours. */
static gboolean
spm_translate_find_block(SpmTranslateBlock *block)
{
    gboolean simple, all_simple = TRUE;

    block->start = block->values->len;
    while (block->start > 0 && !spm_translate_is_node(block->values, block->start - 1, block->id, &simple))
        block->start--;
    if (block->start-- == 0)
        return FALSE;
    block->end = block->start;
    while (spm_translate_is_node(block->values, block->end, block->id + block->cells, &simple)) {
        all_simple = all_simple && simple;
        block->simple += all_simple;
        block->cells++;
        block->end += 2;
    }
    return TRUE;
}

/* TRUE when @block is what is made of @def, which was read from it. */
static gboolean
spm_translate_is_block_of(const SpmTranslateBlock *block, const SpmDomainDef *def)
{
    g_autoptr(GPtrArray) args = spm_qemu_numa_arguments(def, block->id);

    if (args->len != block->end - block->start)
        return FALSE;
    for (guint i = 0; i < args->len; i++) {
        if (strcmp(g_ptr_array_index(args, i), g_ptr_array_index(block->values, block->start + i)) != 0)
            return FALSE;
    }
    return TRUE;
}

/* Adds what @block says to @def. Returns FALSE when it is not ours, or if more of its kind follows. */
static gboolean
spm_translate_read_block(SpmTranslateBlock *block, SpmDomainDef *def)
{
    const GPtrArray *values = block->values;

    for (guint i = 0; i < block->cells; i++)
        spm_domain_def_add_cell(def);
    while (block->end + 1 < values->len &&
           spm_qemu_numa_read(def, block->id, g_ptr_array_index(values, block->end),
                              g_ptr_array_index(values, block->end + 1)))
        block->end += 2;
    if (block->end < values->len && strcmp(g_ptr_array_index(values, block->end), "-numa") == 0)
        return FALSE;
    spm_numa_def_check(def);
    return def->numa.faults->len == 0 && spm_translate_is_block_of(block, def);
}

/* The definition of @domain with what @block says besides the ids of cells; NULL when that is not ours. Its
 * last cells are not in the document yet. */
static SpmDomainDef *
spm_translate_load_block(xmlNodePtr domain, SpmTranslateBlock *block)
{
    g_autoptr(SpmFaults) ignored = spm_faults_new();
    g_autoptr(SpmDomainDef) def = NULL;

    if (block->id + block->cells > spm_qemu_limits.cells.max)
        return NULL;
    def = spm_domain_def_parse(domain, &spm_qemu_limits, ignored);
    if (def->numa.cells != block->id || spm_domain_def_filled_cells(def) != block->id || def->numa.distances)
        return NULL;
    return spm_translate_read_block(block, def) ? g_steal_pointer(&def) : NULL;
}

/* Adds the cells of @block to @numa, after those that it has; they are also the last ones of @def, if given.
 */
static void
spm_translate_append_cells(xmlNodePtr numa, const SpmTranslateBlock *block, const SpmDomainDef *def)
{
    xmlNodePtr end = spm_numa_find_end_of_cells(numa);

    for (guint id = block->id; id < block->id + block->cells; id++) {
        xmlNodePtr cell = spm_numa_add_cell(numa, end, id, NULL, 0);

        if (def)
            ((SpmCellDef *)g_ptr_array_index(def->cells, id))->node = cell;
    }
}

/* Gives <numa> the cells back that spm_translate_leave_cells_out() took, and adds their ids to @back. */
static void
spm_translate_take_cells(xmlNodePtr domain, GHashTable *emptied, SpmCpuset *back)
{
    g_autoptr(GPtrArray) numas = spm_xml_find_all(domain, "cpu/numa[1]");
    g_autoptr(GPtrArray) cells = spm_xml_find_all(domain, "cpu/numa[1]/cell");
    g_autoptr(GPtrArray) args = spm_qemu_ns_find_in_commandlines(domain, "arg");
    g_autoptr(GPtrArray) values = spm_translate_argument_values(args);
    SpmTranslateBlock block = { .values = values, .id = cells->len };
    g_autoptr(SpmDomainDef) def = NULL;

    if (!numas->len || !spm_translate_find_block(&block))
        return;
    if (block.simple < block.cells || block.end < values->len)
        def = spm_translate_load_block(domain, &block);
    if (!def) {
        block.cells = block.simple;
        block.end = block.start + 2 * block.simple;
    }
    spm_translate_append_cells(g_ptr_array_index(numas, numas->len - 1), &block, def);
    for (guint id = block.id; id < MIN(block.id + block.cells, SPM_CPUSET_NODES); id++)
        spm_cpuset_add(back, id);
    for (guint i = block.start; i < block.end; i++) {
        xmlNodePtr arg = g_ptr_array_index(args, i);

        g_hash_table_add(emptied, arg->parent);
        spm_xml_remove(arg);
    }
    if (def)
        spm_numa_def_format(def);
}

static void
spm_translate_give_slots_back(xmlNodePtr domain, guint carriers)
{
    xmlNodePtr node = spm_xml_first(domain, NULL, "maxMemory");
    g_autofree char *text = spm_xml_attr(node, "slots");
    guint64 slots;

    if (!text || !spm_parse_number(text, 10, G_MAXUINT, &slots))
        return;
    if (slots > carriers)
        spm_xml_set_attr(node, "slots", "%" G_GUINT64_FORMAT, slots - carriers);
    else
        xmlUnsetProp(node, BAD_CAST "slots");
}

/* Shows every carrier of @domain as spm. Returns how many there were. A stored domain has no bounds, so
 * this is linear in the size of the document. */
static guint
spm_translate_make_spm(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) memories = spm_xml_find_all(domain, "devices/memory");
    g_autoptr(GTree) overrides = spm_qemu_ns_overrides(domain);
    g_autoptr(GHashTable) emptied = g_hash_table_new(NULL, NULL);
    g_autoptr(SpmLeftOut) kept = spm_left_out_read(domain);
    g_autoptr(GPtrArray) carriers = g_ptr_array_new(), left_out = g_ptr_array_new();
    SpmCpuset back = { 0 };

    SPM_FOREACH(xmlNode, memory, memories) {
        const char *device;
        SpmQemuOverride *override = spm_translate_find_carrier_override(memory, overrides, &device);

        if (!override)
            continue;
        g_ptr_array_add(carriers, memory);
        if (spm_translate_take_override(override, memory, emptied))
            g_ptr_array_add(left_out, memory);
    }
    if (left_out->len) {
        spm_translate_take_cells(domain, emptied, &back);
        spm_left_out_restore(kept, domain, &back, left_out, emptied);
    }
    SPM_FOREACH(xmlNode, carrier, carriers)
        spm_translate_unmake_carrier(carrier);
    g_hash_table_foreach(emptied, spm_translate_remove_if_empty, NULL);
    if (carriers->len) {
        spm_translate_give_slots_back(domain, carriers->len);
        spm_qemu_ns_drop(domain);
    }
    return carriers->len;
}

/**
 * spm_translate_restore_cells:
 * @domain: a <domain> of stock libvirt, whose carriers may have lost their overrides
 *
 * Gives <numa> the cells back that were left out for an old libvirt.
 */
void
spm_translate_restore_cells(xmlNodePtr domain)
{
    g_autoptr(GHashTable) emptied = g_hash_table_new(NULL, NULL);
    g_autoptr(SpmLeftOut) kept = spm_left_out_read(domain);
    SpmCpuset back = { 0 };

    spm_translate_take_cells(domain, emptied, &back);
    spm_left_out_restore(kept, domain, &back, NULL, emptied);
    g_hash_table_foreach(emptied, spm_translate_remove_if_empty, NULL);
}

/* ---- both ---- */

static gboolean
spm_translate_has_spm(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) memories = spm_xml_find_all(domain, "devices/memory");

    SPM_FOREACH(xmlNode, memory, memories) {
        if (spm_memory_node_is_spm(memory))
            return TRUE;
    }
    return FALSE;
}

/* Parse, post-parse and validate. Carriers besides spm elements are made spm first, so that the rules hold
 * for all of them. */
static SpmDomainDef *
spm_translate_load_domain(xmlNodePtr domain, const SpmQemuOptions *options, SpmFaults *faults)
{
    SpmDomainDef *def;

    spm_translate_make_spm(domain);
    def = spm_domain_def_parse(domain, &spm_qemu_limits, faults);
    spm_qemu_ns_parse(def);
    spm_domain_def_post_parse(def);
    spm_qemu_post_parse(def, options);
    spm_qemu_validate(def, options, faults);
    return def;
}

static void
spm_translate_refuse_root(xmlNodePtr root, SpmFaults *faults)
{
    if (root->ns)
        spm_faults_add(faults, SPM_ERROR_DOCUMENT, spm_xml_line(root),
                       "the document's <%s> is in the namespace '%s'; libvirt accepts only a <domain> "
                       "without a namespace",
                       (const char *)root->name, (const char *)root->ns->href);
    else
        spm_faults_add(faults, SPM_ERROR_DOCUMENT, spm_xml_line(root),
                       "the document is a <%s>; expected a <domain>", (const char *)root->name);
}

/**
 * spm_translate_load:
 * @doc: a document, whose carriers are made spm elements
 * @options: for which libvirt
 * @faults: the list to which each reason to refuse it is added
 *
 * Returns: (transfer full) (nullable): the definition of the document's (first) domain after parse,
 *   post-parse and validation; it may have no spm element. NULL when there is no domain
 */
SpmDomainDef *
spm_translate_load(xmlDocPtr doc, const SpmQemuOptions *options, SpmFaults *faults)
{
    g_autoptr(GPtrArray) domains = spm_domain_nodes(doc);
    SpmDomainDef *first = NULL;

    if (domains->len == 0)
        spm_translate_refuse_root(xmlDocGetRootElement(doc), faults);
    SPM_FOREACH(xmlNode, domain, domains) {
        g_autoptr(SpmDomainDef) def = spm_translate_load_domain(domain, options, faults);

        if (!first)
            first = g_steal_pointer(&def);
    }
    return first;
}

/* The device that @def gets, or NULL when a fault was added. */
static const char *
spm_translate_choose_device(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults)
{
    g_autoptr(GError) error = NULL;
    const char *device = options->device ? options->device : options->choose(def, options->data, &error);

    if (!device)
        spm_faults_add(faults, (SpmErrorCode)error->code, def->emulator_line, "%s", error->message);
    return device;
}

/**
 * spm_translate_in_doc:
 * @doc: a document, whose domains with spm elements are made stock unless one of them is refused
 * @options: for which device and libvirt
 * @faults: the list to which each reason to refuse it is added
 *
 * Returns: how many domains were made stock; 0 when @doc is unchanged
 */
guint
spm_translate_in_doc(xmlDocPtr doc, const SpmQemuOptions *options, SpmFaults *faults)
{
    g_autoptr(GPtrArray) domains = spm_domain_nodes(doc);
    SpmQemuOptions chosen = *options;
    guint count = 0;

    SPM_FOREACH(xmlNode, domain, domains) {
        g_autoptr(SpmDomainDef) def = NULL;

        if (!spm_translate_has_spm(domain))
            continue;
        def = spm_translate_load_domain(domain, options, faults);
        chosen.device = faults->len ? NULL : spm_translate_choose_device(def, options, faults);
        if (!chosen.device)
            continue;
        spm_translate_make_stock(def, &chosen);
        count++;
    }
    return count;
}

/**
 * spm_translate_out_doc:
 * @doc: a document of stock libvirt, whose carriers are made spm elements
 *
 * Returns: how many carriers there were; 0 when @doc is unchanged
 */
guint
spm_translate_out_doc(xmlDocPtr doc)
{
    g_autoptr(GPtrArray) domains = spm_domain_nodes(doc);
    guint count = 0;

    SPM_FOREACH(xmlNode, domain, domains)
        count += spm_translate_make_spm(domain);
    return count;
}

/**
 * spm_translate_device:
 * @doc: a document of stock libvirt
 *
 * Returns: (transfer none) (nullable): QEMU's name of the device that its carriers become, and if there are
 * both devices, the one that loses its contents; NULL without carriers
 */
const char *
spm_translate_device(xmlDocPtr doc)
{
    g_autoptr(GPtrArray) domains = spm_domain_nodes(doc);
    const char *found = NULL, *device;

    SPM_FOREACH(xmlNode, domain, domains) {
        g_autoptr(GPtrArray) memories = spm_xml_find_all(domain, "devices/memory");
        g_autoptr(GTree) overrides = spm_qemu_ns_overrides(domain);

        SPM_FOREACH(xmlNode, memory, memories) {
            if (spm_translate_find_carrier_override(memory, overrides, &device) &&
                (!found || !spm_qemu_device_moves_contents(device)))
                found = device;
        }
    }
    return found;
}

/**
 * spm_translate_choose:
 * @doc: a document of stock libvirt
 * @options: how the device is chosen
 * @error: set on failure: SPM_ERROR_DOCUMENT, or what the chooser sets
 *
 * The domain is read and not validated: the chooser gets it whatever else is wrong with it.
 *
 * Returns: (transfer none) (nullable): QEMU's name of the device that the document's (first) domain would
 * get, or NULL
 */
const char *
spm_translate_choose(xmlDocPtr doc, const SpmQemuOptions *options, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new(), ignored = spm_faults_new();
    g_autoptr(GPtrArray) domains = spm_domain_nodes(doc);
    g_autoptr(SpmDomainDef) def = NULL;

    if (domains->len == 0) {
        spm_translate_refuse_root(xmlDocGetRootElement(doc), faults);
        spm_faults_to_error(faults, error);
        return NULL;
    }
    def = spm_domain_def_parse(g_ptr_array_index(domains, 0), &spm_qemu_limits, ignored);
    return options->device ? options->device : options->choose(def, options->data, error);
}

/**
 * spm_translate_has_carrier:
 * @doc: a document of stock libvirt
 * @alias: an alias
 *
 * Returns: TRUE when a carrier of the document has that alias
 */
gboolean
spm_translate_has_carrier(xmlDocPtr doc, const char *alias)
{
    xmlNodePtr domain = xmlDocGetRootElement(doc);
    g_autoptr(GPtrArray) memories = spm_xml_find_all(domain, "devices/memory");
    g_autoptr(GTree) overrides = spm_qemu_ns_overrides(domain);

    SPM_FOREACH(xmlNode, memory, memories) {
        g_autofree char *name = spm_xml_attr(spm_xml_first(memory, NULL, "alias"), "name");
        const char *device;

        if (g_strcmp0(name, alias) == 0 && spm_translate_find_carrier_override(memory, overrides, &device))
            return TRUE;
    }
    return FALSE;
}

static void
spm_translate_source_free(gpointer data)
{
    SpmSource *source = data;

    g_free(source->alias);
    g_free(source->path);
    g_free(source);
}

/**
 * spm_translate_sources:
 * @domain: a <domain> of stock libvirt
 *
 * Returns: (transfer full): an #SpmSource for each memory device of @domain that has a path
 */
GPtrArray *
spm_translate_sources(xmlNodePtr domain)
{
    GPtrArray *sources = g_ptr_array_new_with_free_func(spm_translate_source_free);
    g_autoptr(GPtrArray) memories = spm_xml_find_all(domain, "devices/memory");
    g_autoptr(GTree) overrides = spm_qemu_ns_overrides(domain);

    SPM_FOREACH(xmlNode, memory, memories) {
        xmlNodePtr size = spm_xml_find(memory, "target/size");
        g_autofree char *path = spm_xml_content(spm_xml_find(memory, "source/path"));
        g_autofree char *value = spm_xml_content(size), *unit = spm_xml_attr(size, "unit");
        SpmSource *source;
        const char *device;

        if (!path)
            continue;
        source = g_new0(SpmSource, 1);
        source->alias = spm_xml_attr(spm_xml_first(memory, NULL, "alias"), "name");
        if (!source->alias)
            source->alias = spm_xml_attr(memory, "model");
        source->path = g_steal_pointer(&path);
        source->spm =
            spm_memory_node_is_spm(memory) || spm_translate_find_carrier_override(memory, overrides, &device);
        spm_parse_size(value, unit, &source->size);
        g_ptr_array_add(sources, source);
    }
    return sources;
}

/* ---- text ---- */

/**
 * spm_translate_in:
 * @xml: a document
 * @options: for which device and libvirt
 * @error: set on failure: SPM_ERROR_DOCUMENT, SPM_ERROR_XML, SPM_ERROR_CONFIG, or what the chooser sets
 *
 * Returns: (transfer full): the stock XML; a document without spm elements is returned
 * byte for byte. NULL on failure
 */
char *
spm_translate_in(const char *xml, const SpmQemuOptions *options, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = NULL;
    guint count = 0;

    if (!spm_translate_in_concerns(xml))
        return g_strdup(xml);
    doc = spm_xml_parse(xml, faults);
    if (doc)
        count = spm_translate_in_doc(doc, options, faults);
    if (!spm_faults_to_error(faults, error))
        return NULL;
    return count ? spm_xml_format(doc) : g_strdup(xml);
}

/**
 * spm_translate_read:
 * @xml: a document of stock libvirt
 * @error: set on failure: SPM_ERROR_DOCUMENT
 *
 * Returns: (transfer full) (nullable): the document, or NULL: without @error set when it surely has no
 * carriers, else because its carriers cannot be known
 */
xmlDocPtr
spm_translate_read(const char *xml, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    xmlDocPtr doc = spm_translate_out_concerns(xml) ? spm_xml_parse_dump(xml, faults) : NULL;

    spm_faults_to_error(faults, error);
    return doc;
}

/**
 * spm_translate_out:
 * @xml: a document of stock libvirt
 * @error: set on failure: SPM_ERROR_DOCUMENT
 *
 * Returns: (transfer full): the document with its carriers shown as spm elements; one without carriers is
 * returned byte for byte. NULL on failure
 */
char *
spm_translate_out(const char *xml, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(xmlDoc) doc = spm_translate_read(xml, &failure);

    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return doc && spm_translate_out_doc(doc) ? spm_xml_format(doc) : g_strdup(xml);
}
