/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-spm.so: preloaded, it stands in front of libvirt's functions that take or give domain XML.
 *
 * Theory of operation
 *
 * A daemon's RPC dispatch calls libvirt.so's functions through the PLT, so a preloaded definition sees
 * every request of every client. Each wrapper (wrap_*.c) translates and calls on. What the daemon stores,
 * migrates and logs is always stock XML.
 *
 * The plugin is armed when libvirt.so.0 is loaded and has every symbol of the table; otherwise each
 * wrapper calls straight on. A program that loads libvirt later (Python's bindings do) arms it by its
 * first call. There is no state per call, no lock, and nothing to configure. */

#define _GNU_SOURCE /* dladdr */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>
#include <libxml/parser.h>

#include "plugin.h"
#include "spm_translate.h"

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

/**
 * spm_libvirt:
 *
 * Returns: (transfer none): libvirt's own functions, to call on to
 */
const SpmLibvirt *
spm_libvirt(void)
{
    /* a wrapper is only ever called by a program that has libvirt */
    if (!spm_libvirt_init())
        g_error("libvirt-spm: libvirt.so.0 is not loaded");
    return &libvirt;
}

/**
 * spm_report:
 * @conn: (nullable): the connection of the call
 * @code: one of libvirt's error codes
 * @message: what is wrong
 *
 * Leaves an error as libvirt does: for virGetLastError() and the connection's error handler.
 */
void
spm_report(virConnectPtr conn, int code, const char *message)
{
    libvirt.virReportErrorHelper(VIR_FROM_DOMAIN, code, __FILE__, __func__, __LINE__, "%s", message);
    if (libvirt.virDispatchError)
        libvirt.virDispatchError(conn);
}

/**
 * spm_report_error:
 * @conn: (nullable): the connection of the call
 * @error: an error of the SPM_ERROR domain
 *
 * spm_report() with libvirt's code for it.
 */
void
spm_report_error(virConnectPtr conn, const GError *error)
{
    static const int codes[] = {
        [SPM_ERROR_DOCUMENT] = VIR_ERR_XML_ERROR,
        [SPM_ERROR_XML] = VIR_ERR_XML_ERROR,
        [SPM_ERROR_CONFIG] = VIR_ERR_CONFIG_UNSUPPORTED,
        [SPM_ERROR_NOT_FOUND] = VIR_ERR_DEVICE_MISSING,
    };

    spm_report(conn, codes[error->code], error->message);
}

/**
 * spm_options:
 * @conn: a connection
 * @options: (out): what to translate for
 *
 * Returns: FALSE when nothing is to be translated: the plugin is not armed, or @conn is not to QEMU
 */
gboolean
spm_options(virConnectPtr conn, SpmQemuOptions *options)
{
    options->device = "spm-memory";
    return spm_libvirt()->armed && g_strcmp0(libvirt.virConnectGetType(conn), "QEMU") == 0 &&
           libvirt.virConnectGetLibVersion(conn, &options->libvirt_version) == 0;
}

/**
 * spm_in:
 * @conn: the connection of the call
 * @xml: (inout) (nullable): a document, replaced by what stock libvirt takes when it has spm elements
 * @stock: (out): what owns the replacement
 *
 * A document that cannot be read is left to libvirt, which says so in its own words.
 *
 * Returns: FALSE, with libvirt's error left, when the document is refused
 */
gboolean
spm_in(virConnectPtr conn, const char **xml, char **stock)
{
    SpmQemuOptions options;
    g_autoptr(GError) error = NULL;

    if (!*xml || !spm_translate_in_concerns(*xml) || !spm_options(conn, &options))
        return TRUE;
    *stock = spm_translate_in(*xml, &options, &error);
    if (*stock) {
        *xml = *stock;
        return TRUE;
    }
    if (g_error_matches(error, SPM_ERROR, SPM_ERROR_DOCUMENT))
        return TRUE;
    spm_report_error(conn, error);
    return FALSE;
}

/**
 * spm_in_domain:
 * @domain: the domain of the call
 * @xml: see spm_in()
 * @stock: see spm_in()
 *
 * Returns: see spm_in()
 */
gboolean
spm_in_domain(virDomainPtr domain, const char **xml, char **stock)
{
    if (!*xml || !spm_translate_in_concerns(*xml) || !spm_libvirt()->armed)
        return TRUE;
    return spm_in(libvirt.virDomainGetConnect(domain), xml, stock);
}

/**
 * spm_out:
 * @xml: (transfer full) (nullable): a document that libvirt gave
 *
 * Returns: (transfer full) (nullable): what is to be shown in its place
 */
char *
spm_out(char *xml)
{
    char *shown;

    if (!spm_libvirt()->armed || !xml || !spm_translate_out_concerns(xml))
        return xml;
    shown = spm_translate_out(xml, NULL);
    if (!shown)
        return xml;
    free(xml);
    return shown;
}
