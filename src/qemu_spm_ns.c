/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's namespace for QEMU in a domain document: <qemu:commandline>, <qemu:override>. */

#include "qemu_spm_ns.h"

#include <string.h>

#include "spm_domain_conf.h"
#include "spm_xml.h"

#define SPM_QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/**
 * spm_qemu_ns_find:
 * @domain: a <domain>
 *
 * Returns: (transfer none) (nullable): QEMU's namespace, by whichever prefix it is declared
 */
xmlNsPtr
spm_qemu_ns_find(xmlNodePtr domain)
{
    return xmlSearchNsByHref(domain->doc, domain, BAD_CAST SPM_QEMU_NAMESPACE);
}

/* "qemu", or else the first of qemu1, qemu2 and so on that @domain does not declare. */
static char *
spm_free_prefix(xmlNodePtr domain)
{
    g_autoptr(GArray) taken = g_array_new(FALSE, TRUE, sizeof(gboolean));
    guint free = 0;

    /* with N declarations one of the first N + 1 prefixes is free */
    for (const xmlNs *ns = domain->nsDef; ns; ns = ns->next)
        g_array_set_size(taken, taken->len + 1);
    g_array_set_size(taken, taken->len + 1);
    for (const xmlNs *ns = domain->nsDef; ns; ns = ns->next) {
        const char *prefix = ns->prefix ? (const char *)ns->prefix : "";
        guint64 number = 0;

        /* "qemu01" is another prefix than "qemu1"; to take that for taken does no harm */
        if (strcmp(prefix, "qemu") == 0 ||
            (g_str_has_prefix(prefix, "qemu") &&
             g_ascii_string_to_unsigned(prefix + 4, 10, 1, taken->len - 1, &number, NULL)))
            g_array_index(taken, gboolean, number) = TRUE;
    }
    while (g_array_index(taken, gboolean, free))
        free++;
    return free ? g_strdup_printf("qemu%u", free) : g_strdup("qemu");
}

/**
 * spm_qemu_ns_need:
 * @domain: a <domain>
 *
 * Returns: (transfer none): QEMU's namespace; where there was none it is declared now, by a prefix that
 *   is still free
 */
xmlNsPtr
spm_qemu_ns_need(xmlNodePtr domain)
{
    xmlNsPtr ns = spm_qemu_ns_find(domain);
    g_autofree char *prefix = ns ? NULL : spm_free_prefix(domain);

    return ns ? ns : xmlNewNs(domain, BAD_CAST SPM_QEMU_NAMESPACE, BAD_CAST prefix);
}

static const char *const spm_property_names[] = {
    [SPM_QEMU_DRIVER] = "driver",
    [SPM_QEMU_SLOT] = "slot",
    [SPM_QEMU_NODE] = "node",
    [SPM_QEMU_ADDR] = "addr",
};

/**
 * spm_qemu_property_name:
 * @property: a property
 *
 * Returns: (transfer none): what QEMU calls it
 */
const char *
spm_qemu_property_name(SpmQemuProperty property)
{
    return spm_property_names[property];
}

/* The entry for @alias, made if there is none. */
static SpmQemuOverride *
spm_need_override(GTree *overrides, const char *alias)
{
    SpmQemuOverride *found = g_tree_lookup(overrides, alias);

    if (!found) {
        found = g_new0(SpmQemuOverride, 1);
        g_tree_insert(overrides, g_strdup(alias), found);
    }
    return found;
}

static void
spm_read_frontend(xmlNodePtr frontend, SpmQemuOverride *override)
{
    if (!override->frontend)
        override->frontend = frontend;
    for (xmlNodePtr property = spm_xml_first(frontend, frontend->ns, "property"); property;
         property = spm_xml_next(property, frontend->ns, "property")) {
        g_autofree char *name = spm_xml_attr(property, "name");

        for (guint i = 0; name && i < SPM_QEMU_PROPERTIES; i++) {
            if (!override->properties[i] && strcmp(name, spm_property_names[i]) == 0)
                override->properties[i] = property;
        }
    }
}

static void
spm_read_override(xmlNodePtr override, GTree *overrides)
{
    const xmlNs *ns = override->ns;

    for (xmlNodePtr device = spm_xml_first(override, ns, "device"); device;
         device = spm_xml_next(device, ns, "device")) {
        g_autofree char *alias = spm_xml_attr(device, "alias");

        for (xmlNodePtr frontend = spm_xml_first(device, ns, "frontend"); alias && frontend;
             frontend = spm_xml_next(frontend, ns, "frontend"))
            spm_read_frontend(frontend, spm_need_override(overrides, alias));
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
    GTree *overrides = spm_alias_tree_new();
    xmlNsPtr ns = spm_qemu_ns_find(domain);

    for (xmlNodePtr override = ns ? spm_xml_first(domain, ns, "override") : NULL; override;
         override = spm_xml_next(override, ns, "override"))
        spm_read_override(override, overrides);
    return overrides;
}

/**
 * spm_qemu_ns_arguments:
 * @domain: a <domain>
 *
 * Returns: (transfer container): the <qemu:arg> of every <qemu:commandline>, as libvirt reads them
 */
GPtrArray *
spm_qemu_ns_arguments(xmlNodePtr domain)
{
    GPtrArray *args = g_ptr_array_new();
    xmlNsPtr ns = spm_qemu_ns_find(domain);

    for (xmlNodePtr commandline = ns ? spm_xml_first(domain, ns, "commandline") : NULL; commandline;
         commandline = spm_xml_next(commandline, ns, "commandline"))
        g_ptr_array_extend_and_steal(args, spm_xml_children(commandline, ns, "arg"));
    return args;
}

/**
 * spm_qemu_ns_has_argument:
 * @domain: a <domain>
 * @options: options of QEMU, NULL-terminated
 *
 * Returns: TRUE when one of them stands in a <qemu:commandline>
 */
gboolean
spm_qemu_ns_has_argument(xmlNodePtr domain, const char *const *options)
{
    g_autoptr(GPtrArray) args = spm_qemu_ns_arguments(domain);

    for (guint i = 0; i < args->len; i++) {
        g_autofree char *value = spm_xml_attr(g_ptr_array_index(args, i), "value");

        if (value && g_strv_contains(options, value))
            return TRUE;
    }
    return FALSE;
}
