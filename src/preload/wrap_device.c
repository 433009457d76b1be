/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that attach, update or detach one device.
 *
 * A guest keeps its SPM from boot to shutdown, so that of a running guest cannot change. The wrappers refuse
 * to change the configuration as well: libvirt changes one device under its own lock, which the plugin cannot
 * take. Reading, changing and defining the domain without that lock would undo what other clients change in
 * between. */

#include <stdlib.h>

#include "plugin.h"
#include "spm_translate.h"
#include "spm_memory_conf.h"
#include "spm_xml.h"

/* TRUE when @xml is a <memory model='spm'>. */
static gboolean
spm_device_is_spm(const char *xml)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };
    xmlDocPtr doc = spm_incoming_doc(&incoming);
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;

    return root && spm_xml_is(root, NULL, "memory") && spm_memory_node_is_spm(root);
}

/* Returns FALSE. */
static gboolean
spm_device_refuse(virDomainPtr domain)
{
    spm_report(spm_connection(domain), VIR_ERR_OPERATION_UNSUPPORTED,
               "<memory model='spm'> cannot be attached, updated or detached on its own, because a guest "
               "keeps it from boot to shutdown; change the domain's definition (virsh edit, or virt-xml "
               "--edit), and restart the domain if it is running");
    return FALSE;
}

/* Whether a domain has carriers, or one with the alias; @flags say which of its two documents is meant. */
static gboolean
spm_device_has_carrier(virDomainPtr domain, const char *alias, unsigned int flags)
{
    char *xml = spm_libvirt()->virDomainGetXMLDesc(domain, flags);
    g_autoptr(xmlDoc) doc = xml ? spm_translate_read(xml, NULL) : NULL;

    free(xml);
    return doc && (alias ? spm_translate_has_carrier(doc, alias) : spm_translate_device(doc) != NULL);
}

static gboolean
spm_device_in_either(virDomainPtr domain, const char *alias)
{
    return spm_device_has_carrier(domain, alias, 0) ||
           spm_device_has_carrier(domain, alias, VIR_DOMAIN_XML_INACTIVE);
}

/* Refuses the device if it is SPM. A libvirt that knows SPM is left to refuse it, except in a domain with
 * carriers, which must not get SPM of both kinds. */
static gboolean
spm_device_may(virDomainPtr domain, const char *xml)
{
    SpmQemuOptions options;
    gboolean refused = spm_concerns(spm_connection(domain), xml, &options) && spm_device_is_spm(xml) &&
                       (!spm_native(spm_connection(domain), NULL) || spm_device_in_either(domain, NULL));

    return !refused || spm_device_refuse(domain);
}

SPM_WRAPPER(int, virDomainAttachDevice, (virDomainPtr domain, const char *xml), spm_device_may(domain, xml),
            -1, domain, xml)

SPM_WRAPPER(int, virDomainAttachDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags),
            spm_device_may(domain, xml), -1, domain, xml, flags)

SPM_WRAPPER(int, virDomainUpdateDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags),
            spm_device_may(domain, xml), -1, domain, xml, flags)

SPM_WRAPPER(int, virDomainDetachDevice, (virDomainPtr domain, const char *xml), spm_device_may(domain, xml),
            -1, domain, xml)

SPM_WRAPPER(int, virDomainDetachDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags),
            spm_device_may(domain, xml), -1, domain, xml, flags)

/* Refuses to detach a carrier; its alias is always one of the user's own. */
static gboolean
spm_device_alias_may(virDomainPtr domain, const char *alias)
{
    SpmQemuOptions options;
    gboolean refused = alias && g_str_has_prefix(alias, "ua-") &&
                       spm_options(spm_connection(domain), &options) && spm_gate(spm_connection(domain)) &&
                       spm_device_in_either(domain, alias);

    return !refused || spm_device_refuse(domain);
}

SPM_WRAPPER(int, virDomainDetachDeviceAlias, (virDomainPtr domain, const char *alias, unsigned int flags),
            spm_device_alias_may(domain, alias), -1, domain, alias, flags)
