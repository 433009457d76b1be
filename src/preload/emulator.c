/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device a domain gets: that which its emulator has. */

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin.h"
#include "host/spm_probe.h"
#include "host/spm_probe_cache.h"
#include "host/spm_scan.h"
#include "spm_xml.h"

/* What a new domain gets where its emulator cannot be asked. */
#define SPM_DEVICE_UNASKED "spm-memory"

/* FALSE when the connection's URI names another host. */
static gboolean
spm_emulator_is_here(virConnectPtr conn)
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
spm_emulator_default(virConnectPtr conn, const SpmDomainDef *def)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    char *xml =
        spm_libvirt()->virConnectGetDomainCapabilities(conn, NULL, def->arch, def->machine, def->type, 0);
    g_autoptr(xmlDoc) doc = xml ? spm_xml_parse(xml, faults) : NULL;

    free(xml);
    return doc ? spm_xml_content(spm_xml_find(xmlDocGetRootElement(doc), "path")) : NULL;
}

/* The program that a path leads to, by its one real name, or NULL when it leads to none. */
static char *
spm_emulator_real_program(const char *path)
{
    g_autofree char *real = path && g_path_is_absolute(path) ? realpath(path, NULL) : NULL;
    struct stat info;

    if (!real || stat(real, &info) < 0 || !S_ISREG(info.st_mode) || access(real, X_OK) < 0)
        return NULL;
    return g_steal_pointer(&real);
}

/* Whether libvirt runs @program for this connection: it has then done so, as its own user. It is asked by the
 * real name: a link may lead to another program by then, and one below /proc does so for each that follows
 * it. */
static gboolean
spm_emulator_libvirt_runs(virConnectPtr conn, const char *program, const char *emulator, const char *arch,
                          GError **error)
{
    const SpmLibvirt *libvirt = spm_libvirt();
    char *xml = libvirt->virConnectGetDomainCapabilities(conn, program, arch, NULL, NULL, 0);
    int code;

    free(xml);
    if (xml)
        return TRUE;
    code = libvirt->virGetLastErrorCode();
    if (code == VIR_ERR_OPERATION_DENIED || code == VIR_ERR_ACCESS_DENIED)
        g_set_error(error, SPM_ERROR, SPM_ERROR_REPORTED, "libvirt does not run '%s' for this connection",
                    emulator);
    else
        g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                    "<emulator> '%s' cannot be asked for its device, as libvirt cannot run it: %s", emulator,
                    libvirt->virGetLastErrorMessage());
    return FALSE;
}

/**
 * spm_emulator_ask:
 * @def: a definition
 * @conn: the connection that it came by
 * @unasked: the answer where the emulator cannot be asked: it is on another host, or its path leads to no
 *   program, which libvirt is to say
 * @error: set on failure: SPM_ERROR_REPORTED when the connection may not have the emulator run, with
 *   libvirt's error set; otherwise see spm_probe_emulator()
 *
 * A program that has not been asked yet is run only if libvirt runs it for the same connection.
 *
 * Returns: (transfer none): QEMU's name of the device, or NULL
 */
const char *
spm_emulator_ask(const SpmDomainDef *def, virConnectPtr conn, const char *unasked, GError **error)
{
    g_autofree char *emulator = NULL;
    g_autofree char *program = NULL;
    const char *device;

    if (!spm_emulator_is_here(conn))
        return unasked;
    emulator = def->emulator ? g_strdup(def->emulator) : spm_emulator_default(conn, def);
    program = spm_emulator_real_program(emulator);
    if (!program)
        return unasked;
    device = spm_probe_recall(program);
    if (device)
        return device;
    /* libvirt has just named its own choice, by the same function */
    if (def->emulator && !spm_emulator_libvirt_runs(conn, program, emulator, def->arch, error))
        return NULL;
    return spm_probe_cached(program, spm_is_daemon() ? spm_scan_emulator : spm_probe_emulator, error);
}

/**
 * spm_emulator_device:
 * @def: a valid definition
 * @data: the connection that it came by
 * @error: set on failure: see spm_emulator_ask()
 *
 * A SpmQemuChooser for a domain that comes in.
 *
 * Returns: (transfer none): QEMU's name of the device, or NULL
 */
const char *
spm_emulator_device(const SpmDomainDef *def, gpointer data, GError **error)
{
    return spm_emulator_ask(def, data, SPM_DEVICE_UNASKED, error);
}
