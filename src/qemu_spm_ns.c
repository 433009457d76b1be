/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's namespace for QEMU in a domain document: <qemu:commandline>, <qemu:override>. */

#include "qemu_spm_ns.h"

#include <string.h>

#include "spm_xml.h"

#define SPM_QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

const xmlNs spm_qemu_ns = { .href = BAD_CAST SPM_QEMU_NAMESPACE };

/* A prefix that nobody declares is part of the name for libxml2; declared, it would mean something. */
static void
spm_qemu_ns_take_undeclared_prefix(GTree *taken, const xmlNs *ns, const xmlChar *name)
{
    const char *colon = ns ? NULL : strchr((const char *)name, ':');

    if (colon && g_str_has_prefix((const char *)name, "qemu"))
        g_tree_insert(taken, g_strndup((const char *)name, (gsize)(colon - (const char *)name)), NULL);
}

/* The prefixes that, declared by @domain, would change what something in it means: those that are in scope,
 * and those that are used without being declared. */
static GTree *
spm_qemu_ns_taken_prefixes(xmlNodePtr domain)
{
    GTree *taken = spm_alias_tree_new(NULL);

    for (xmlNodePtr node = domain; node && node->type == XML_ELEMENT_NODE; node = node->parent) {
        for (const xmlNs *ns = node->nsDef; ns; ns = ns->next) {
            if (ns->prefix)
                g_tree_insert(taken, g_strdup((const char *)ns->prefix), NULL);
        }
    }
    for (xmlNodePtr node = domain; node; node = spm_xml_walk(node, domain)) {
        spm_qemu_ns_take_undeclared_prefix(taken, node->ns, node->name);
        for (xmlAttrPtr attr = node->properties; attr; attr = attr->next)
            spm_qemu_ns_take_undeclared_prefix(taken, attr->ns, attr->name);
    }
    return taken;
}

/* "qemu", or else the first of qemu1, qemu2 and so on that is free. */
static char *
spm_qemu_ns_free_prefix(xmlNodePtr domain)
{
    g_autoptr(GTree) taken = spm_qemu_ns_taken_prefixes(domain);
    char *prefix = g_strdup("qemu");

    for (guint i = 1; g_tree_lookup_extended(taken, prefix, NULL, NULL); i++) {
        g_free(prefix);
        prefix = g_strdup_printf("qemu%u", i);
    }
    return prefix;
}

/**
 * spm_qemu_ns_ensure:
 * @domain: a <domain>
 *
 * Returns: (transfer none): QEMU's namespace, which is now declared with an unused prefix if it was not in
 *   scope
 */
xmlNsPtr
spm_qemu_ns_ensure(xmlNodePtr domain)
{
    xmlNsPtr ns = xmlSearchNsByHref(domain->doc, domain, BAD_CAST SPM_QEMU_NAMESPACE);
    g_autofree char *prefix = ns ? NULL : spm_qemu_ns_free_prefix(domain);

    if (!ns)
        ns = xmlNewNs(domain, BAD_CAST SPM_QEMU_NAMESPACE, BAD_CAST prefix);
    if (!ns)
        g_error("out of memory");
    return ns;
}

static gboolean
spm_qemu_ns_namespace_is_used(xmlNodePtr domain, const xmlNs *ns)
{
    for (xmlNodePtr node = domain; node; node = spm_xml_walk(node, domain)) {
        if (node->ns == ns)
            return TRUE;
        for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
            if (attr->ns == ns)
                return TRUE;
        }
    }
    return FALSE;
}

/**
 * spm_qemu_ns_drop:
 * @domain: a <domain>
 *
 * Takes the declaration of QEMU's namespace back when nothing in @domain is of that namespace.
 */
void
spm_qemu_ns_drop(xmlNodePtr domain)
{
    xmlNsPtr ns = xmlSearchNsByHref(domain->doc, domain, BAD_CAST SPM_QEMU_NAMESPACE);

    if (!ns || spm_qemu_ns_namespace_is_used(domain, ns))
        return;
    for (xmlNsPtr *link = &domain->nsDef; *link; link = &(*link)->next) {
        if (*link == ns) {
            *link = ns->next;
            xmlFreeNs(ns);
            return;
        }
    }
}

const char *const spm_qemu_property_names[] = {
    [SPM_QEMU_DRIVER] = "driver",
    [SPM_QEMU_SLOT] = "slot",
    [SPM_QEMU_NODE] = "node",
    [SPM_QEMU_ADDR] = "addr",
};

/* The entry for @alias, which is created if needed. */
static SpmQemuOverride *
spm_qemu_ns_ensure_override(GTree *overrides, const char *alias)
{
    SpmQemuOverride *found = g_tree_lookup(overrides, alias);

    if (!found) {
        found = g_new0(SpmQemuOverride, 1);
        g_tree_insert(overrides, g_strdup(alias), found);
    }
    return found;
}

static void
spm_qemu_ns_read_frontend(xmlNodePtr frontend, SpmQemuOverride *override)
{
    gboolean filled = spm_xml_first(frontend, frontend->ns, "property") != NULL;

    if (!override->frontend || (filled && !override->filled)) {
        override->frontend = frontend;
        override->filled = filled;
    }
    for (xmlNodePtr property = spm_xml_first(frontend, frontend->ns, "property"); property;
         property = spm_xml_next(property, frontend->ns, "property")) {
        g_autofree char *name = spm_xml_attr(property, "name");

        for (guint i = 0; name && i < SPM_QEMU_PROPERTIES; i++) {
            if (!override->properties[i] && strcmp(name, spm_qemu_property_names[i]) == 0)
                override->properties[i] = property;
        }
    }
}

static void
spm_qemu_ns_read_override(xmlNodePtr override, GTree *overrides)
{
    const xmlNs *ns = override->ns;

    for (xmlNodePtr device = spm_xml_first(override, ns, "device"); device;
         device = spm_xml_next(device, ns, "device")) {
        g_autofree char *alias = spm_xml_attr(device, "alias");
        SpmQemuOverride *entry = alias ? spm_qemu_ns_ensure_override(overrides, alias) : NULL;

        if (!entry)
            continue;
        if (!entry->device)
            entry->device = device;
        for (xmlNodePtr frontend = spm_xml_first(device, ns, "frontend"); frontend;
             frontend = spm_xml_next(frontend, ns, "frontend"))
            spm_qemu_ns_read_frontend(frontend, entry);
    }
}

/**
 * spm_qemu_ns_overrides:
 * @domain: a <domain>
 *
 * Reads every <qemu:override>, as libvirt does, once for all devices.
 *
 * Returns: (transfer full): by alias, the #SpmQemuOverride of each device that has one
 */
GTree *
spm_qemu_ns_overrides(xmlNodePtr domain)
{
    GTree *overrides = spm_alias_tree_new(g_free);
    const xmlNs *ns = &spm_qemu_ns;

    for (xmlNodePtr override = spm_xml_first(domain, ns, "override"); override;
         override = spm_xml_next(override, ns, "override"))
        spm_qemu_ns_read_override(override, overrides);
    return overrides;
}

/**
 * spm_qemu_ns_find_in_commandlines:
 * @domain: a <domain>
 * @name: "arg" or "env"
 *
 * Returns: (transfer container): the elements of that name of every <qemu:commandline>, as libvirt reads them
 */
GPtrArray *
spm_qemu_ns_find_in_commandlines(xmlNodePtr domain, const char *name)
{
    GPtrArray *found = g_ptr_array_new();
    const xmlNs *ns = &spm_qemu_ns;

    for (xmlNodePtr commandline = spm_xml_first(domain, ns, "commandline"); commandline;
         commandline = spm_xml_next(commandline, ns, "commandline")) {
        for (xmlNodePtr node = spm_xml_first(commandline, ns, name); node;
             node = spm_xml_next(node, ns, name))
            g_ptr_array_add(found, node);
    }
    return found;
}

/* What <qemu:...> elements say, in SpmDomainDef.ns_data. */
typedef struct {
    GTree *overrides;
    GPtrArray *arguments; /* of char */
} SpmQemuNs;

static void
spm_qemu_ns_free(gpointer data)
{
    SpmQemuNs *ns = data;

    g_tree_unref(ns->overrides);
    g_ptr_array_unref(ns->arguments);
    g_free(ns);
}

/**
 * spm_qemu_ns_parse:
 * @def: a definition, to which the elements in QEMU's namespace are added
 */
void
spm_qemu_ns_parse(SpmDomainDef *def)
{
    g_autoptr(GPtrArray) args = spm_qemu_ns_find_in_commandlines(def->root, "arg");
    SpmQemuNs *ns = g_new0(SpmQemuNs, 1);

    ns->overrides = spm_qemu_ns_overrides(def->root);
    ns->arguments = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < args->len; i++) {
        char *value = spm_xml_attr(g_ptr_array_index(args, i), "value");

        if (value)
            g_ptr_array_add(ns->arguments, value);
    }
    def->ns_data = ns;
    def->ns_data_free = spm_qemu_ns_free;
}

/**
 * spm_qemu_ns_override:
 * @def: a definition after spm_qemu_ns_parse()
 * @alias: of a device
 *
 * Returns: (transfer none) (nullable): what overrides the device, or NULL
 */
const SpmQemuOverride *
spm_qemu_ns_override(const SpmDomainDef *def, const char *alias)
{
    const SpmQemuNs *ns = def->ns_data;

    return alias ? g_tree_lookup(ns->overrides, alias) : NULL;
}

/**
 * spm_qemu_ns_has_argument:
 * @def: a definition after spm_qemu_ns_parse()
 * @options: options of QEMU, NULL-terminated
 *
 * Returns: TRUE when a <qemu:commandline> has one of them
 */
gboolean
spm_qemu_ns_has_argument(const SpmDomainDef *def, const char *const *options)
{
    const SpmQemuNs *ns = def->ns_data;

    for (guint i = 0; i < ns->arguments->len; i++) {
        if (g_strv_contains(options, g_ptr_array_index(ns->arguments, i)))
            return TRUE;
    }
    return FALSE;
}

/**
 * spm_qemu_ns_variable_line:
 * @def: a definition
 * @name: of a variable of QEMU's environment
 *
 * Returns: the line of the first <qemu:env> that sets it, 0 when none does
 */
unsigned int
spm_qemu_ns_variable_line(const SpmDomainDef *def, const char *name)
{
    g_autoptr(GPtrArray) variables = spm_qemu_ns_find_in_commandlines(def->root, "env");

    SPM_FOREACH(xmlNode, variable, variables) {
        g_autofree char *found = spm_xml_attr(variable, "name");

        if (g_strcmp0(found, name) == 0)
            return spm_xml_line(variable);
    }
    return 0;
}

/**
 * spm_qemu_override_line:
 * @override: (nullable): the overrides of a device
 * @property: a property
 *
 * Returns: the line of the first <qemu:property> that sets @property, 0 when none does
 */
unsigned int
spm_qemu_override_line(const SpmQemuOverride *override, SpmQemuProperty property)
{
    return override && override->properties[property] ? spm_xml_line(override->properties[property]) : 0;
}

/**
 * spm_qemu_override_value:
 * @override: (nullable): the overrides of a device
 * @property: a property
 *
 * Returns: (transfer full) (nullable): its value in the first <qemu:property> that sets @property, or NULL
 */
char *
spm_qemu_override_value(const SpmQemuOverride *override, SpmQemuProperty property)
{
    return spm_xml_attr(override ? override->properties[property] : NULL, "value");
}

/**
 * spm_qemu_override_foreach:
 * @override: (nullable): the overrides of a device
 * @func: called for each property of its front end, in their order
 * @data: for @func
 */
void
spm_qemu_override_foreach(const SpmQemuOverride *override, SpmQemuSettingFunc func, gpointer data)
{
    const xmlNs *ns = &spm_qemu_ns;

    if (!override || !override->frontend)
        return;
    for (xmlNodePtr node = spm_xml_first(override->frontend, ns, "property"); node;
         node = spm_xml_next(node, ns, "property")) {
        g_autofree char *name = spm_xml_attr(node, "name");
        g_autofree char *type = spm_xml_attr(node, "type");
        g_autofree char *value = spm_xml_attr(node, "value");

        func(name, type, value, data);
    }
}
