/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device a domain gets: that which its emulator has. */

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxml/parser.h>

#include "plugin.h"
#include "spm_probe_cache.h"
#include "spm_translate.h"
#include "spm_xml.h"

/* Where the emulator cannot be asked: it is on another host, or libvirt is to say that it is not there. */
#define SPM_DEVICE_UNASKED "spm-memory"

/* FALSE when the hypervisor runs on another host, as far as the connection's URI tells. */
static gboolean
spm_is_here(virConnectPtr conn)
{
    char *uri = spm_libvirt()->virConnectGetURI(conn);
    g_autofree char *host = NULL;
    gboolean understood =
        uri && g_uri_split(uri, G_URI_FLAGS_PARSE_RELAXED, NULL, NULL, &host, NULL, NULL, NULL, NULL, NULL);

    free(uri);
    return understood && (!host || !*host);
}

/* The emulator that libvirt takes for @def, or NULL when it has none. */
static char *
spm_default_emulator(virConnectPtr conn, const SpmDomainDef *def)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    char *xml =
        spm_libvirt()->virConnectGetDomainCapabilities(conn, NULL, def->arch, def->machine, def->type, 0);
    g_autoptr(xmlDoc) doc = xml ? spm_xml_parse(xml, faults) : NULL;

    free(xml);
    return doc ? spm_xml_content(spm_xml_find(xmlDocGetRootElement(doc), "path")) : NULL;
}

static gboolean
spm_is_program(const char *path)
{
    struct stat info;

    return path && g_path_is_absolute(path) && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           access(path, X_OK) == 0;
}

/**
 * spm_emulator_device:
 * @def: a valid definition
 * @data: the connection that it came by
 * @error: set on failure, see spm_probe_emulator()
 *
 * A SpmQemuChooser. What is wrong with the emulator itself is left to libvirt to say.
 *
 * Returns: (transfer none): QEMU's name of the device, or NULL
 */
const char *
spm_emulator_device(const SpmDomainDef *def, gpointer data, GError **error)
{
    virConnectPtr conn = data;
    g_autofree char *emulator = NULL;

    if (!spm_is_here(conn))
        return SPM_DEVICE_UNASKED;
    emulator = def->emulator ? g_strdup(def->emulator) : spm_default_emulator(conn, def);
    return spm_is_program(emulator) ? spm_probe_cached(emulator, error) : SPM_DEVICE_UNASKED;
}
