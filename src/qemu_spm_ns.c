/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's namespace for QEMU in a domain document: <qemu:commandline>, <qemu:override>. */

#include "qemu_spm_ns.h"

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
    g_autofree char *prefix = g_strdup("qemu");

    for (unsigned int i = 1; !ns; i++) {
        ns = xmlNewNs(domain, BAD_CAST SPM_QEMU_NAMESPACE, BAD_CAST prefix);
        g_free(prefix);
        prefix = g_strdup_printf("qemu%u", i);
    }
    return ns;
}

/**
 * spm_qemu_ns_find_frontend:
 * @domain: a <domain>
 * @alias: a device's alias
 *
 * Returns: (transfer none) (nullable): the <qemu:frontend> that overrides the device
 */
xmlNodePtr
spm_qemu_ns_find_frontend(xmlNodePtr domain, const char *alias)
{
    xmlNsPtr ns = spm_qemu_ns_find(domain);
    xmlNodePtr override = ns ? spm_xml_first(domain, ns, "override") : NULL;

    for (xmlNodePtr device = override ? spm_xml_first(override, ns, "device") : NULL; device;
         device = spm_xml_next(device, ns, "device")) {
        g_autofree char *name = spm_xml_attr(device, "alias");
        xmlNodePtr frontend = spm_xml_first(device, ns, "frontend");

        if (frontend && g_strcmp0(name, alias) == 0)
            return frontend;
    }
    return NULL;
}

/**
 * spm_qemu_ns_find_property:
 * @frontend: a <qemu:frontend>
 * @name: a property of QEMU
 *
 * Returns: (transfer none) (nullable): its <qemu:property>
 */
xmlNodePtr
spm_qemu_ns_find_property(xmlNodePtr frontend, const char *name)
{
    for (xmlNodePtr property = spm_xml_first(frontend, frontend->ns, "property"); property;
         property = spm_xml_next(property, frontend->ns, "property")) {
        g_autofree char *this = spm_xml_attr(property, "name");

        if (g_strcmp0(this, name) == 0)
            return property;
    }
    return NULL;
}

/**
 * spm_qemu_ns_has_argument:
 * @domain: a <domain>
 * @options: options of QEMU, NULL-terminated
 *
 * Returns: TRUE when one of them stands in the <qemu:commandline>
 */
gboolean
spm_qemu_ns_has_argument(xmlNodePtr domain, const char *const *options)
{
    xmlNsPtr ns = spm_qemu_ns_find(domain);
    xmlNodePtr commandline = ns ? spm_xml_first(domain, ns, "commandline") : NULL;
    g_autoptr(GPtrArray) args = spm_xml_children(commandline, ns, "arg");

    for (guint i = 0; i < args->len; i++) {
        g_autofree char *value = spm_xml_attr(g_ptr_array_index(args, i), "value");

        if (value && g_strv_contains(options, value))
            return TRUE;
    }
    return FALSE;
}
