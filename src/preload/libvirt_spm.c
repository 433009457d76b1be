/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-spm.so: preloaded, it stands in front of libvirt's functions that take or give domain XML.
 *
 * Theory of operation
 *
 * A daemon's RPC dispatch calls libvirt.so's public functions through the PLT, so a preloaded
 * definition sees every request of every client. Each wrapper translates (spm_translate.h) and calls
 * on. What the daemon stores, migrates and logs is always stock XML.
 *
 * The plugin is armed when libvirt.so.0 is loaded and has every symbol of the table; otherwise each
 * wrapper calls straight on. A program that loads libvirt later (Python's bindings do) arms it by its
 * first call. There is no state per call, no lock, and nothing to configure. */

#define _GNU_SOURCE /* dladdr */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>

#include "spm_translate.h"

#define SPM_EXPORT __attribute__((visibility("default")))

typedef struct {
    gboolean armed;
#define SPM_INTERPOSED(type, name, parameters) type(*name) parameters;
#define SPM_CALLED SPM_INTERPOSED
#define SPM_OPTIONAL SPM_INTERPOSED
#include "symbols.h"
#undef SPM_INTERPOSED
#undef SPM_CALLED
#undef SPM_OPTIONAL
} SpmLibvirt;

static SpmLibvirt libvirt;

static void *
spm_resolve(void *handle, const char *name, gboolean required)
{
    void *symbol = dlsym(handle, name);

    if (!symbol && required) {
        libvirt.armed = FALSE;
        fprintf(stderr, "libvirt-spm: libvirt has no %s; <memory model='spm'> is not available\n", name);
    }
    return symbol;
}

static void
spm_resolve_all(void *handle)
{
    libvirt.armed = TRUE;
#define SPM_RESOLVE(name, required) *(void **)&libvirt.name = spm_resolve(handle, #name, required);
#define SPM_INTERPOSED(type, name, parameters) SPM_RESOLVE(name, TRUE)
#define SPM_CALLED(type, name, parameters) SPM_RESOLVE(name, TRUE)
#define SPM_OPTIONAL(type, name, parameters) SPM_RESOLVE(name, FALSE)
#include "symbols.h"
#undef SPM_INTERPOSED
#undef SPM_CALLED
#undef SPM_OPTIONAL
#undef SPM_RESOLVE
}

/* Resolves the table, once, if libvirt is loaded. The handle is kept, as libvirt is by its users. */
static gboolean
spm_libvirt_init(void)
{
    static gsize done;

    if (g_once_init_enter(&done)) {
        void *handle = dlopen("libvirt.so.0", RTLD_LAZY | RTLD_NOLOAD);

        if (handle) {
            xmlInitParser();
            spm_resolve_all(handle);
        }
        g_once_init_leave(&done, handle ? 1 : 2);
    }
    return done == 1;
}

/* Takes the plugin out of LD_PRELOAD: libvirt passes that on to QEMU and to hooks. */
static void
spm_leave_environment(void)
{
    const char *list = getenv("LD_PRELOAD");
    g_auto(GStrv) entries = list ? g_strsplit_set(list, ": ", -1) : NULL;
    g_autofree char *name = NULL;
    GString *rest;
    Dl_info self;

    if (!list || !dladdr(&libvirt, &self))
        return;
    name = g_path_get_basename(self.dli_fname);
    rest = g_string_new(NULL);
    for (char **entry = entries; *entry; entry++) {
        g_autofree char *entry_name = g_path_get_basename(*entry);

        if (**entry && strcmp(entry_name, name) != 0)
            g_string_append_printf(rest, "%s%s", rest->len ? ":" : "", *entry);
    }
    if (rest->len)
        setenv("LD_PRELOAD", rest->str, 1);
    else
        unsetenv("LD_PRELOAD");
    g_string_free(rest, TRUE);
}

static void __attribute__((constructor)) spm_constructor(void)
{
    /* No other thread runs yet, so that the environment may be changed. A program without libvirt is
     * left alone: a shell that starts virsh, for one. */
    void *handle = dlopen("libvirt.so.0", RTLD_LAZY | RTLD_NOLOAD);

    if (!handle)
        return;
    spm_libvirt_init();
    spm_leave_environment();
}

/* The functions to call on to; a wrapper is only ever called by a program that has libvirt. */
static const SpmLibvirt *
spm_libvirt(void)
{
    if (!spm_libvirt_init())
        g_error("libvirt-spm: libvirt.so.0 is not loaded");
    return &libvirt;
}

static void
spm_report(virConnectPtr conn, const GError *error)
{
    int code =
        g_error_matches(error, SPM_ERROR, SPM_ERROR_XML) ? VIR_ERR_XML_ERROR : VIR_ERR_CONFIG_UNSUPPORTED;

    libvirt.virReportErrorHelper(VIR_FROM_DOMAIN, code, __FILE__, __func__, __LINE__, "%s", error->message);
    if (libvirt.virDispatchError)
        libvirt.virDispatchError(conn);
}

/* Replaces *xml by what stock libvirt takes, which @stock owns, when it has spm elements and @conn is a
 * connection to QEMU. A document that cannot be read is left to libvirt, which says so in its own words.
 * Returns FALSE, with libvirt's error set, when it is refused. */
static gboolean
spm_in(virConnectPtr conn, const char **xml, char **stock)
{
    SpmQemuOptions options = { .device = "spm-memory" };
    g_autoptr(GError) error = NULL;
    const char *type;

    if (!spm_libvirt()->armed || !*xml || !spm_translate_in_concerns(*xml))
        return TRUE;
    type = libvirt.virConnectGetType(conn);
    if (g_strcmp0(type, "QEMU") != 0 || libvirt.virConnectGetLibVersion(conn, &options.libvirt_version) < 0)
        return TRUE;

    *stock = spm_translate_in(*xml, &options, &error);
    if (*stock)
        *xml = *stock;
    else if (!g_error_matches(error, SPM_ERROR, SPM_ERROR_DOCUMENT)) {
        spm_report(conn, error);
        return FALSE;
    }
    return TRUE;
}

/* Takes @xml and returns what is to be shown in its place. */
static char *
spm_out(char *xml)
{
    g_autoptr(GError) error = NULL;
    char *shown;

    if (!libvirt.armed || !xml || !spm_translate_out_concerns(xml))
        return xml;
    shown = spm_translate_out(xml, &error);
    if (!shown)
        return xml;
    free(xml);
    return shown;
}

SPM_EXPORT virDomainPtr
virDomainDefineXML(virConnectPtr conn, const char *xml)
{
    g_autofree char *stock = NULL;

    return spm_in(conn, &xml, &stock) ? spm_libvirt()->virDomainDefineXML(conn, xml) : NULL;
}

SPM_EXPORT virDomainPtr
virDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_autofree char *stock = NULL;

    return spm_in(conn, &xml, &stock) ? spm_libvirt()->virDomainDefineXMLFlags(conn, xml, flags) : NULL;
}

SPM_EXPORT virDomainPtr
virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_autofree char *stock = NULL;

    return spm_in(conn, &xml, &stock) ? spm_libvirt()->virDomainCreateXML(conn, xml, flags) : NULL;
}

SPM_EXPORT virDomainPtr
virDomainCreateXMLWithFiles(virConnectPtr conn, const char *xml, unsigned int nfiles, int *files,
                            unsigned int flags)
{
    g_autofree char *stock = NULL;

    return spm_in(conn, &xml, &stock)
               ? spm_libvirt()->virDomainCreateXMLWithFiles(conn, xml, nfiles, files, flags)
               : NULL;
}

SPM_EXPORT virDomainPtr
virDomainCreateLinux(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_autofree char *stock = NULL;

    return spm_in(conn, &xml, &stock) ? spm_libvirt()->virDomainCreateLinux(conn, xml, flags) : NULL;
}

SPM_EXPORT char *
virConnectDomainXMLToNative(virConnectPtr conn, const char *format, const char *xml, unsigned int flags)
{
    g_autofree char *stock = NULL;

    return spm_in(conn, &xml, &stock) ? spm_libvirt()->virConnectDomainXMLToNative(conn, format, xml, flags)
                                      : NULL;
}

SPM_EXPORT char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    char *xml = spm_libvirt()->virDomainGetXMLDesc(domain, flags);

    /* what is sent to another host must be understood there without the plugin */
    return flags & VIR_DOMAIN_XML_MIGRATABLE ? xml : spm_out(xml);
}
