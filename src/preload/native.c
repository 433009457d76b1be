/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A libvirt that knows <memory model='spm'> itself (patches/libvirt).
 *
 * The plugin leaves new definitions to it, unless they have pools, which it does not know. What libvirt has
 * stored with carriers it goes on with: the plugin shows it as spm, and whatever replaces a saved or running
 * domain is translated as ever, because a guest cannot change from the one to the other. So the first
 * definition that a client sends of such a domain makes it libvirt's own, from its next start on. */

#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "spm_domain_conf.h"
#include "spm_xml.h"

/* Whether the domain capabilities of @emulator list the model. */
static gboolean
spm_native_is_listed(virConnectPtr conn, const char *emulator)
{
    char *xml = spm_libvirt()->virConnectGetDomainCapabilities(conn, emulator, NULL, NULL, NULL, 0);
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = xml ? spm_xml_parse(xml, faults) : NULL;
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    g_autoptr(GPtrArray) values = spm_xml_find_all(root, "devices/memory/enum/value");
    gboolean listed = FALSE;

    free(xml);
    for (guint i = 0; i < values->len && !listed; i++) {
        g_autofree char *value = spm_xml_content(values->pdata[i]);

        listed = g_strcmp0(value, "spm") == 0;
    }
    return listed;
}

/**
 * spm_native:
 * @conn: the connection of a call
 * @incoming: (nullable): the document that the client sent
 *
 * A daemon is asked by its own library. A client asks the daemon, for the emulator of the document.
 *
 * Returns: TRUE when libvirt is to be given spm elements as they are
 */
gboolean
spm_native(virConnectPtr conn, SpmIncoming *incoming)
{
    int (*model)(const char *) = spm_libvirt()->virDomainMemoryModelTypeFromString;
    xmlDocPtr doc = incoming && !spm_is_daemon() ? spm_incoming_doc(incoming) : NULL;
    g_autofree char *emulator =
        doc ? spm_xml_content(spm_xml_find(xmlDocGetRootElement(doc), "devices/emulator")) : NULL;

    return spm_is_daemon() ? model && model("spm") >= 0 : spm_native_is_listed(conn, emulator);
}

/**
 * spm_native_lacks:
 * @doc: a document
 *
 * Returns: TRUE when a domain of @doc has a pool, so that it needs carriers even if libvirt itself knows spm
 */
gboolean
spm_native_lacks(xmlDocPtr doc)
{
    g_autoptr(GPtrArray) domains = spm_domain_nodes(doc);

    for (guint i = 0; i < domains->len; i++) {
        if (spm_xml_find(g_ptr_array_index(domains, i), "devices/memory/source/pool"))
            return TRUE;
    }
    return FALSE;
}
