/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Translation between domain XML with <memory model='spm'> and XML that stock libvirt carries.
 *
 * Theory of operation
 *
 * Stock libvirt knows no such model. It does know <memory model='dimm'> and 'nvdimm', whose backend,
 * accounting, NUMA policy and labels are what SPM needs, and <qemu:override>, which changes properties
 * of a device's front end. So an spm element travels as a carrier:
 *
 *   in:   <memory model='spm'>      ->  <memory model='dimm'>, or 'nvdimm' when its source has a path,
 *                                       and an override of "driver" that removes "slot"
 *         target/address/@base      ->  <address type='dimm' base=...>
 *         maxMemory/@slots          +   one for each carrier; carriers have the highest slots, so that
 *                                       those of the user's own DIMMs stay what they are
 *   out:  the same backwards. A carrier is known by its override; nothing is stored anywhere else.
 *
 * libvirt older than 12.8 gives a cell without memory a backend of size 0, which QEMU refuses. There,
 * trailing cells without memory are left out of <numa> and reach QEMU as "-numa node,nodeid=N" through
 * <qemu:commandline>; their carriers name cell 0 and override the property "node". */

#include "spm_translate.h"

#include <string.h>

#include "qemu_spm_ns.h"
#include "qemu_spm_validate.h"
#include "qemu_spm_window.h"
#include "spm_layout.h"
#include "spm_xml.h"

/**
 * spm_translate_in_concerns:
 * @xml: a document
 *
 * Returns: FALSE when spm_translate_in() would surely return it as it is
 */
gboolean
spm_translate_in_concerns(const char *xml)
{
    return strstr(xml, "spm") != NULL;
}

/**
 * spm_translate_out_concerns:
 * @xml: a document
 *
 * Returns: FALSE when spm_translate_out() would surely return it as it is
 */
gboolean
spm_translate_out_concerns(const char *xml)
{
    return strstr(xml, "spm-memory") || strstr(xml, "sp-mem");
}

static GPtrArray *
spm_memory_nodes(xmlNodePtr domain)
{
    return spm_xml_children(spm_xml_first(domain, NULL, "devices"), NULL, "memory");
}

/* FALSE when something stands in @node, if only the user's comment. */
static gboolean
spm_is_empty(xmlNodePtr node)
{
    for (xmlNodePtr child = node->children; child; child = child->next) {
        if (!xmlIsBlankNode(child))
            return FALSE;
    }
    return TRUE;
}

/* Removes @node, and its ancestors below @domain, as far as they hold nothing any more. */
static void
spm_remove_empty(xmlNodePtr domain, xmlNodePtr node)
{
    while (node != domain && spm_is_empty(node)) {
        xmlNodePtr parent = node->parent;

        spm_xml_remove(node);
        node = parent;
    }
}

/* ---- in ---- */

static xmlNodePtr
spm_need_frontend(xmlNodePtr domain, const char *alias)
{
    xmlNsPtr ns = spm_qemu_ns_need(domain);
    xmlNodePtr override = spm_xml_first(domain, ns, "override");
    xmlNodePtr frontend = spm_qemu_ns_find_frontend(domain, alias);
    xmlNodePtr device;

    if (frontend)
        return frontend;
    if (!override) {
        override = spm_xml_new(domain->doc, ns, "override");
        spm_xml_append(domain, override);
    }
    device = spm_xml_new(domain->doc, ns, "device");
    spm_xml_set_attr(device, "alias", "%s", alias);
    frontend = spm_xml_add(device, "frontend", NULL);
    spm_xml_append(override, device);
    return frontend;
}

static xmlNodePtr
spm_add_property(xmlNodePtr frontend, const char *name, const char *type)
{
    xmlNodePtr property = spm_xml_new(frontend->doc, frontend->ns, "property");

    spm_xml_set_attr(property, "name", "%s", name);
    spm_xml_set_attr(property, "type", "%s", type);
    spm_xml_append(frontend, property);
    return property;
}

static void
spm_add_override(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmQemuOptions *options)
{
    xmlNodePtr frontend = spm_need_frontend(def->root, spm->alias);

    spm_xml_set_attr(spm_add_property(frontend, "driver", "string"), "value", "%s", options->device);
    spm_add_property(frontend, "slot", "remove");
    if (spm_qemu_carrier_cell(def, spm, options) != spm->cell)
        spm_xml_set_attr(spm_add_property(frontend, "node", "unsigned"), "value", "%u", spm->cell);
}

/* Turns a formatted spm element into its carrier. */
static void
spm_make_carrier(const SpmMemoryDef *spm, unsigned int cell, unsigned int slot)
{
    xmlNodePtr base = spm_xml_find(spm->node, "target/address");
    xmlNodePtr address = spm_xml_new(spm->node->doc, NULL, "address");
    g_autofree char *cell_text = g_strdup_printf("%u", cell);

    spm_xml_set_attr(spm->node, "model", spm->path ? "nvdimm" : "dimm");
    xmlNodeSetContent(spm_xml_find(spm->node, "target/node"), BAD_CAST cell_text);
    if (base)
        spm_xml_remove(base);
    spm_xml_set_attr(address, "type", "dimm");
    spm_xml_set_attr(address, "slot", "%u", slot);
    if (spm->has_base)
        spm_xml_set_attr(address, "base", "0x%" G_GINT64_MODIFIER "x", spm->base);
    spm_xml_append(spm->node, address);
}

static void
spm_add_argument(xmlNodePtr commandline, const char *value)
{
    xmlNodePtr arg = spm_xml_new(commandline->doc, commandline->ns, "arg");

    spm_xml_set_attr(arg, "value", "%s", value);
    spm_xml_append(commandline, arg);
}

static void
spm_leave_cells_out(const SpmDomainDef *def, const SpmQemuOptions *options)
{
    guint stock_cells = spm_qemu_stock_cells(def, options);
    xmlNsPtr ns = spm_qemu_ns_need(def->root);
    xmlNodePtr commandline = spm_xml_first(def->root, ns, "commandline");

    if (stock_cells == def->cells->len)
        return;
    if (!commandline) {
        xmlNodePtr override = spm_xml_first(def->root, ns, "override");

        /* in libvirt's order */
        commandline = spm_xml_new(def->root->doc, ns, "commandline");
        if (override)
            spm_xml_insert_before(override, commandline);
        else
            spm_xml_append(def->root, commandline);
    }
    for (guint i = stock_cells; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);
        g_autofree char *node = g_strdup_printf("node,nodeid=%u", cell->id);

        spm_add_argument(commandline, "-numa");
        spm_add_argument(commandline, node);
        spm_xml_remove(cell->node);
    }
}

static void
spm_make_stock(SpmDomainDef *def, const SpmQemuOptions *options)
{
    unsigned int slot = def->slots;

    def->slots += def->spms->len;
    spm_domain_def_format(def);
    for (guint i = 0; i < def->spms->len; i++) {
        const SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);

        spm_make_carrier(spm, spm_qemu_carrier_cell(def, spm, options), slot + i);
    }
    spm_leave_cells_out(def, options);
    for (guint i = 0; i < def->spms->len; i++)
        spm_add_override(def, g_ptr_array_index(def->spms, i), options);
}

/* ---- out ---- */

/* Takes what spm_add_override() adds out of @frontend, and puts an overridden node back where libvirt
 * has none. Returns TRUE when there was one. */
static gboolean
spm_take_override(xmlNodePtr domain, xmlNodePtr frontend, xmlNodePtr memory)
{
    xmlNodePtr node = spm_qemu_ns_find_property(frontend, "node");
    g_autofree char *cell = spm_xml_attr(node, "value");

    spm_xml_remove(spm_qemu_ns_find_property(frontend, "driver"));
    if (spm_qemu_ns_find_property(frontend, "slot"))
        spm_xml_remove(spm_qemu_ns_find_property(frontend, "slot"));
    if (node) {
        xmlNodeSetContent(spm_xml_find(memory, "target/node"), BAD_CAST cell);
        spm_xml_remove(node);
    }
    spm_remove_empty(domain, frontend);
    return node != NULL;
}

static void
spm_unmake_carrier(xmlNodePtr memory)
{
    xmlNodePtr address = spm_xml_first(memory, NULL, "address");
    xmlNodePtr target = spm_xml_first(memory, NULL, "target");
    g_autofree char *base = spm_xml_attr(address, "base");
    guint64 number;

    spm_xml_set_attr(memory, "model", "spm");
    if (base && spm_parse_number(base, 16, G_MAXUINT64, &number) && number) {
        xmlNodePtr node = spm_xml_new(memory->doc, NULL, "address");

        spm_xml_set_attr(node, "base", "%s", base);
        spm_xml_append(target, node);
    }
    if (address)
        spm_xml_remove(address);
}

/* The override that makes @memory a carrier, and its device, or NULL when it is none. */
static xmlNodePtr
spm_find_carrier_override(xmlNodePtr domain, xmlNodePtr memory, const char **device)
{
    g_autofree char *alias = spm_xml_attr(spm_xml_first(memory, NULL, "alias"), "name");
    xmlNodePtr frontend = alias ? spm_qemu_ns_find_frontend(domain, alias) : NULL;
    xmlNodePtr driver = frontend ? spm_qemu_ns_find_property(frontend, "driver") : NULL;
    g_autofree char *value = spm_xml_attr(driver, "value");

    *device = value ? spm_qemu_device_find(value) : NULL;
    return *device && spm_xml_find(memory, "target/node") ? frontend : NULL;
}

/* Puts @cell behind the cells of @numa, ahead of what else stands there. */
static void
spm_append_cell(xmlNodePtr numa, xmlNodePtr cell)
{
    xmlNodePtr behind = NULL;

    for (xmlNodePtr child = xmlLastElementChild(numa); child && !spm_xml_is(child, NULL, "cell");
         child = xmlPreviousElementSibling(child))
        behind = child;
    if (behind)
        spm_xml_insert_before(behind, cell);
    else
        spm_xml_append(numa, cell);
}

/* Gives <numa> the cells back that spm_leave_cells_out() took. */
static void
spm_restore_cells(xmlNodePtr domain)
{
    xmlNsPtr ns = spm_qemu_ns_find(domain);
    xmlNodePtr numa = spm_xml_find(domain, "cpu/numa");
    xmlNodePtr commandline = ns ? spm_xml_first(domain, ns, "commandline") : NULL;
    g_autoptr(GPtrArray) cells = spm_xml_children(numa, NULL, "cell");
    g_autoptr(GPtrArray) args = spm_xml_children(commandline, ns, "arg");
    guint id = cells->len;

    for (guint i = 0; numa && i + 1 < args->len; i++) {
        g_autofree char *option = spm_xml_attr(g_ptr_array_index(args, i), "value");
        g_autofree char *value = spm_xml_attr(g_ptr_array_index(args, i + 1), "value");
        g_autofree char *ours = g_strdup_printf("node,nodeid=%u", id);
        xmlNodePtr cell;

        if (g_strcmp0(option, "-numa") != 0 || g_strcmp0(value, ours) != 0)
            continue;
        cell = spm_xml_new(domain->doc, NULL, "cell");
        spm_xml_set_attr(cell, "id", "%u", id++);
        spm_xml_set_attr(cell, "memory", "0");
        spm_xml_set_attr(cell, "unit", "KiB");
        spm_append_cell(numa, cell);
        spm_xml_remove(g_ptr_array_index(args, i));
        spm_xml_remove(g_ptr_array_index(args, ++i));
    }
    if (commandline)
        spm_remove_empty(domain, commandline);
}

static void
spm_give_slots_back(xmlNodePtr domain, guint carriers)
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

static gboolean
spm_namespace_is_used(xmlNodePtr node, const xmlNs *ns)
{
    if (node->ns == ns)
        return TRUE;
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
        if (attr->ns == ns)
            return TRUE;
    }
    for (xmlNodePtr child = xmlFirstElementChild(node); child; child = xmlNextElementSibling(child)) {
        if (spm_namespace_is_used(child, ns))
            return TRUE;
    }
    return FALSE;
}

static void
spm_drop_namespace(xmlNodePtr domain)
{
    xmlNsPtr ns = spm_qemu_ns_find(domain);

    if (!ns || spm_namespace_is_used(domain, ns))
        return;
    for (xmlNsPtr *link = &domain->nsDef; *link; link = &(*link)->next) {
        if (*link == ns) {
            *link = ns->next;
            xmlFreeNs(ns);
            return;
        }
    }
}

/* Shows every carrier of @domain as spm. Returns how many there were. */
static guint
spm_make_spm(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) memories = spm_memory_nodes(domain);
    gboolean left_out = FALSE;
    guint carriers = 0;

    for (guint i = 0; i < memories->len; i++) {
        xmlNodePtr memory = g_ptr_array_index(memories, i);
        const char *device;
        xmlNodePtr frontend = spm_find_carrier_override(domain, memory, &device);

        if (!frontend)
            continue;
        left_out |= spm_take_override(domain, frontend, memory);
        spm_unmake_carrier(memory);
        carriers++;
    }
    if (left_out)
        spm_restore_cells(domain);
    if (carriers) {
        spm_give_slots_back(domain, carriers);
        spm_drop_namespace(domain);
    }
    return carriers;
}

/* ---- both ---- */

static gboolean
spm_has_spm(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) memories = spm_memory_nodes(domain);

    for (guint i = 0; i < memories->len; i++) {
        if (spm_memory_node_is_spm(g_ptr_array_index(memories, i)))
            return TRUE;
    }
    return FALSE;
}

/* Parse, post-parse and validate. Carriers beside spm elements are made spm first, so that the rules
 * hold for all of them. */
static SpmDomainDef *
spm_load(xmlNodePtr domain, const SpmQemuOptions *options, SpmFaults *faults)
{
    guint before = faults->len;
    SpmDomainDef *def;

    spm_make_spm(domain);
    def = spm_domain_def_parse(domain, faults);
    if (def->spms->len == 0)
        return def;
    spm_domain_def_post_parse(def);
    spm_domain_def_validate(def, faults);
    spm_qemu_validate(def, options, faults);
    /* where the window is depends on all that was checked so far */
    if (faults->len == before)
        spm_qemu_window_check(def, faults);
    if (faults->len == before)
        spm_layout_check(def, options, faults);
    return def;
}

/**
 * spm_translate_load:
 * @doc: a document, whose carriers are made spm elements
 * @options: for which device and libvirt
 * @faults: where everything is added for which the document is to be refused
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
        spm_faults_add(faults, SPM_ERROR_DOCUMENT, spm_xml_line(xmlDocGetRootElement(doc)),
                       "the document is a <%s>; a <domain> is needed",
                       (const char *)xmlDocGetRootElement(doc)->name);
    for (guint i = 0; i < domains->len; i++) {
        g_autoptr(SpmDomainDef) def = spm_load(g_ptr_array_index(domains, i), options, faults);

        if (!first)
            first = g_steal_pointer(&def);
    }
    return first;
}

static gboolean
spm_choose_device(const SpmDomainDef *def, SpmQemuOptions *options, SpmFaults *faults)
{
    g_autoptr(GError) error = NULL;

    if (!options->choose)
        return TRUE;
    options->device = options->choose(def, options->data, &error);
    if (!options->device)
        spm_faults_add(faults, (SpmErrorCode)error->code,
                       spm_xml_line(spm_xml_find(def->root, "devices/emulator")), "%s", error->message);
    return options->device != NULL;
}

/* Makes every domain of @doc that has spm elements stock. Returns how many had, and are fine. */
static guint
spm_make_all_stock(xmlDocPtr doc, const SpmQemuOptions *general, SpmFaults *faults)
{
    g_autoptr(GPtrArray) domains = spm_domain_nodes(doc);
    SpmQemuOptions chosen = *general, *options = &chosen;
    guint count = 0;

    for (guint i = 0; i < domains->len; i++) {
        g_autoptr(SpmDomainDef) def = NULL;

        if (!spm_has_spm(g_ptr_array_index(domains, i)))
            continue;
        def = spm_load(g_ptr_array_index(domains, i), options, faults);
        if (faults->len || !spm_choose_device(def, options, faults))
            continue;
        spm_make_stock(def, options);
        count++;
    }
    return count;
}

/* The device that the carriers of @domain become, or @found where that one counts. */
static const char *
spm_domain_carrier_device(xmlNodePtr domain, const char *found)
{
    g_autoptr(GPtrArray) memories = spm_memory_nodes(domain);

    for (guint i = 0; i < memories->len; i++) {
        const char *device;

        if (spm_find_carrier_override(domain, g_ptr_array_index(memories, i), &device) &&
            (!found || !spm_qemu_device_moves_contents(device)))
            found = device;
    }
    return found;
}

/**
 * spm_translate_device:
 * @xml: a document of stock libvirt
 * @device: (out) (transfer none) (nullable): QEMU's name of the device that its carriers become; one that
 *   loses its contents before one that does not. NULL when it has no carrier
 * @error: set on failure: SPM_ERROR_DOCUMENT
 *
 * Returns: FALSE when @xml names a device but cannot be read, so that nobody knows what it has
 */
gboolean
spm_translate_device(const char *xml, const char **device, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(GPtrArray) domains = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    *device = NULL;
    if (!spm_translate_out_concerns(xml))
        return TRUE;
    doc = spm_xml_parse(xml, faults);
    if (!spm_faults_to_error(faults, error))
        return FALSE;
    domains = spm_domain_nodes(doc);
    for (guint i = 0; i < domains->len; i++)
        *device = spm_domain_carrier_device(g_ptr_array_index(domains, i), *device);
    return TRUE;
}

/**
 * spm_translate_has_carrier:
 * @xml: a document of stock libvirt
 * @alias: an alias
 *
 * Returns: TRUE when a carrier of the document has that alias; FALSE as well when it cannot be read
 */
gboolean
spm_translate_has_carrier(const char *xml, const char *alias)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = spm_translate_out_concerns(xml) ? spm_xml_parse(xml, faults) : NULL;
    xmlNodePtr domain = doc ? xmlDocGetRootElement(doc) : NULL;
    g_autoptr(GPtrArray) memories = domain ? spm_memory_nodes(domain) : g_ptr_array_new();

    for (guint i = 0; i < memories->len; i++) {
        xmlNodePtr memory = g_ptr_array_index(memories, i);
        g_autofree char *name = spm_xml_attr(spm_xml_first(memory, NULL, "alias"), "name");
        const char *device;

        if (g_strcmp0(name, alias) == 0 && spm_find_carrier_override(domain, memory, &device))
            return TRUE;
    }
    return FALSE;
}

/**
 * spm_translate_in:
 * @xml: a document
 * @options: for which device and libvirt
 * @error: set on failure: SPM_ERROR_DOCUMENT, SPM_ERROR_XML or SPM_ERROR_CONFIG
 *
 * Returns: (transfer full): what stock libvirt is to be given; a document without spm elements comes
 *   back byte for byte. NULL on failure
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
        count = spm_make_all_stock(doc, options, faults);
    if (!spm_faults_to_error(faults, error))
        return NULL;
    return count ? spm_xml_format(doc) : g_strdup(xml);
}

/**
 * spm_translate_out:
 * @xml: a document of stock libvirt
 * @error: set on failure: SPM_ERROR_DOCUMENT
 *
 * Returns: (transfer full): the document with its carriers shown as spm elements; one without carriers
 *   comes back byte for byte. NULL on failure
 */
char *
spm_translate_out(const char *xml, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(GPtrArray) domains = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    guint count = 0;

    if (!spm_translate_out_concerns(xml))
        return g_strdup(xml);
    doc = spm_xml_parse(xml, faults);
    if (!spm_faults_to_error(faults, error))
        return NULL;
    domains = spm_domain_nodes(doc);
    for (guint i = 0; i < domains->len; i++)
        count += spm_make_spm(g_ptr_array_index(domains, i));
    return count ? spm_xml_format(doc) : g_strdup(xml);
}
