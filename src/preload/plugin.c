/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-spm.so: a preloaded module that wraps libvirt's functions that take or return domain XML.
 *
 * Theory of operation
 *
 * A daemon's RPC dispatch calls libvirt.so's functions through the PLT, so a preloaded definition sees
 * every request of every client. Each wrapper (wrap_*.c) translates and calls on. What the daemon stores,
 * migrates and logs is always stock XML.
 *
 * The plugin is armed when libvirt.so.0 is loaded and has every symbol of the table; otherwise each
 * wrapper calls straight on. A program that loads libvirt later (Python's bindings do) arms it by its
 * first call. There is no state per call, and no lock is held while libvirt or an emulator is asked. */

#define _GNU_SOURCE /* dladdr */

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "plugin.h"
#include "spm_config.h"

static SpmLibvirt libvirt;

static void *
spm_plugin_resolve(void *handle, const char *name, gboolean required)
{
    void *symbol = dlsym(handle, name);

    if (!symbol && required) {
        libvirt.armed = FALSE;
        fprintf(stderr, "libvirt-spm: libvirt has no %s; <memory model='spm'> is not available\n", name);
    }
    return symbol;
}

static void
spm_plugin_resolve_all(void *handle)
{
    libvirt.armed = TRUE;
#define SPM_RESOLVE(name, required) *(void **)&libvirt.name = spm_plugin_resolve(handle, #name, required);
#define SPM_INTERPOSED(type, name, parameters) SPM_RESOLVE(name, TRUE)
#define SPM_INTERPOSED_OPTIONAL(type, name, parameters) SPM_RESOLVE(name, FALSE)
#define SPM_CALLED(type, name, parameters) SPM_RESOLVE(name, TRUE)
#define SPM_OPTIONAL(type, name, parameters) SPM_RESOLVE(name, FALSE)
#include "symbols.h"
#undef SPM_RESOLVE
}

static void
spm_plugin_load_settings(void)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autofree char *path = spm_settings_path(), *folder = spm_profiles_path();

    spm_settings_load(path, &libvirt.settings, faults);
    spm_profiles_load(folder, &libvirt.profiles, faults);
    SPM_FOREACH(const SpmFault, fault, faults->list)
        fprintf(stderr, "libvirt-spm: %s\n", fault->message);
}

/* libvirt's version by the name of its file, as a library must not be called before its program has begun. */
static unsigned long
spm_plugin_version_of_library(void *handle)
{
    struct link_map *map;
    char *file;
    unsigned long version;

    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
        return 0;
    file = realpath(map->l_name, NULL);
    version = file ? spm_libvirt_version_of_file(file) : 0;
    free(file);
    return version;
}

/**
 * spm_is_daemon:
 *
 * Returns: TRUE in one of libvirt's daemons, which act for others and have a log; FALSE in their clients
 */
gboolean
spm_is_daemon(void)
{
    static const char *const daemons[] = { "libvirtd", "virtqemud", "virtproxyd", NULL };

    return g_strv_contains(daemons, program_invocation_short_name);
}

static void
spm_plugin_log_armed(unsigned long version)
{
    g_autofree char *name = spm_libvirt_version_name(version);
    guint count = 0;

#define SPM_INTERPOSED(type, name, parameters) count++;
#include "symbols.h"
    fprintf(stderr, "libvirt-spm: " SPM_VERSION " in front of %u functions of libvirt %s%s\n", count, name,
            version > SPM_LIBVIRT_NEWEST ? ", which is newer than any it was tested with" : "");
}

/* Resolves the table, once, if libvirt is loaded. The handle is kept, as libvirt is by its users. */
static gboolean
spm_plugin_libvirt_init(void)
{
    static gsize done;

    if (g_once_init_enter(&done)) {
        void *handle = dlopen("libvirt.so.0", RTLD_LAZY | RTLD_NOLOAD);

        if (handle) {
            xmlInitParser();
            spm_plugin_resolve_all(handle);
            spm_plugin_load_settings();
            if (libvirt.armed && spm_is_daemon())
                spm_plugin_log_armed(spm_plugin_version_of_library(handle));
        }
        g_once_init_leave(&done, handle ? 1 : 2);
    }
    return done == 1;
}

/* Takes the plugin out of LD_PRELOAD: libvirt passes that on to QEMU and to hooks. */
static void
spm_plugin_leave_environment(void)
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
    spm_plugin_libvirt_init();
    spm_plugin_leave_environment();
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
    if (!spm_plugin_libvirt_init())
        g_error("libvirt-spm: libvirt.so.0 is not loaded");
    return &libvirt;
}
