/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's command line for specific purpose memory, as libvirt emits it.
 *
 * libvirt itself builds the command line of a domain, from the stock XML that spm_translate.c produces. This
 * file builds the same options without a libvirt, for people and for tests. The order of the properties and
 * the choice of the backend follow libvirt's code for memory devices; tests compare the result with what a
 * real libvirt prints. */

#include "qemu_spm.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "qemu_spm_carrier.h"
#include "qemu_spm_ns.h"
#include "qemu_spm_window.h"
#include "spm_cpuset.h"

#define SPM_SYSTEM_PAGE_KIB 4

/* Where libvirt's system daemon keeps the files of domains, by default. */
#define SPM_MEMORY_DIR "/var/lib/libvirt/qemu/ram"
#define SPM_HUGEPAGES_DIR "/dev/hugepages/libvirt/qemu"

#define SPM_SHORT_NAME_CHARACTERS 20

/* The backend of one spm element, with the domain's defaults filled in. Strings are borrowed. */
typedef struct {
    SpmAccess access;
    SpmTristate discard;
    guint64 pagesize; /* KiB, 0: the system's */
    gboolean prealloc;
    const char *nodemask; /* host nodes, or NULL */
    const char *policy;   /* QEMU's name, or NULL */
} SpmBackend;

/* QEMU's name of a memory policy; a mode that it does not have is left to cgroups. */
static const char *
spm_argv_policy(const char *mode)
{
    static const char *const same[] = { "preferred", "interleave", NULL };

    if (strcmp(mode, "strict") == 0)
        return "bind";
    return g_strv_contains(same, mode) ? mode : NULL;
}

static void
spm_argv_backend_init(SpmBackend *backend, const SpmDomainDef *def, const SpmMemoryDef *spm,
                      const SpmQemuOptions *options)
{
    static const SpmCellDef no_cell = { 0 };
    const SpmCellDef *known, *cell;
    const SpmNumaPolicy *policy;
    SpmCarrier carrier;
    guint64 pagesize;

    spm_qemu_carrier_init(&carrier, def, spm, options);
    known = spm_domain_def_cell(def, carrier.cell);
    cell = known ? known : &no_cell;
    policy = spm_qemu_policy(def, cell);
    pagesize = carrier.pagesize ? carrier.pagesize : spm_qemu_pagesize(def, carrier.cell);
    backend->access = carrier.access ? carrier.access : cell->access ? cell->access : def->backing.access;
    backend->discard = carrier.discard ? carrier.discard
                       : cell->discard ? cell->discard
                                       : def->backing.discard;
    backend->pagesize = spm->path || pagesize == SPM_SYSTEM_PAGE_KIB ? 0 : pagesize;
    /* a file is filled before the guest starts, except a real persistent memory, which would wear */
    backend->prealloc = def->backing.immediate || backend->pagesize || (spm->path && !spm->pmem);
    backend->nodemask = carrier.nodemask ? carrier.nodemask : policy->nodeset;
    backend->policy = spm_argv_policy(spm_qemu_policy_mode(policy));
}

static void
spm_argv_json_set_nodes(JsonObject *json, const char *name, const char *cpuset)
{
    JsonArray *array = json_array_new();
    SpmCpuset nodes;

    spm_cpuset_parse(cpuset, &nodes);
    for (guint i = 0; i < SPM_CPUSET_NODES; i++) {
        if (spm_cpuset_contains(&nodes, i))
            json_array_add_int_element(array, i);
    }
    json_object_set_array_member(json, name, array);
}

static char *
spm_argv_json_format(JsonObject *json)
{
    g_autoptr(JsonNode) root = json_node_init_object(json_node_alloc(), json);

    return json_to_string(root, FALSE);
}

static const char *
spm_argv_backend_type(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmBackend *backend)
{
    const char *source = def->backing.source;

    if (!spm->path && g_strcmp0(source, "memfd") == 0)
        return "memory-backend-memfd";
    if (spm->path || backend->pagesize || backend->access || g_strcmp0(source, "file") == 0)
        return "memory-backend-file";
    return "memory-backend-ram";
}

/* The part of a domain's name that libvirt uses in paths (virDomainDefGetShortName). */
static char *
spm_argv_short_name(const SpmDomainDef *def)
{
    const char *name = def->name ? def->name : "";

    return g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1), SPM_SHORT_NAME_CHARACTERS));
}

static char *
spm_argv_backend_path(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmBackend *backend)
{
    g_autofree char *name = spm_argv_short_name(def);

    if (spm->path)
        return g_strdup(spm->path);
    /* -1 is the id of a domain that is not running */
    if (backend->pagesize)
        return g_strdup_printf(SPM_HUGEPAGES_DIR "/-1-%s", name);
    return g_strdup_printf(SPM_MEMORY_DIR "/-1-%s/%s", name, spm->alias);
}

static void
spm_argv_backend_add_source(JsonObject *json, const char *type, const SpmDomainDef *def,
                            const SpmMemoryDef *spm, const SpmBackend *backend)
{
    if (strcmp(type, "memory-backend-memfd") == 0) {
        if (backend->pagesize) {
            json_object_set_boolean_member(json, "hugetlb", TRUE);
            json_object_set_int_member(json, "hugetlbsize", (gint64)(backend->pagesize * 1024));
        }
    } else if (strcmp(type, "memory-backend-file") == 0) {
        g_autofree char *path = spm_argv_backend_path(def, spm, backend);

        json_object_set_string_member(json, "mem-path", path);
        if (!spm->path && backend->discard)
            json_object_set_boolean_member(json, "discard-data", backend->discard == SPM_TRISTATE_YES);
    } else {
        return;
    }
    if (backend->access)
        json_object_set_boolean_member(json, "share", backend->access == SPM_ACCESS_SHARED);
}

static char *
spm_argv_backend_build(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmBackend *backend)
{
    g_autoptr(JsonObject) json = json_object_new();
    g_autofree char *id = g_strdup_printf("mem%s", spm->alias);
    const char *type = spm_argv_backend_type(def, spm, backend);

    json_object_set_string_member(json, "qom-type", type);
    json_object_set_string_member(json, "id", id);
    spm_argv_backend_add_source(json, type, def, spm, backend);
    if (backend->prealloc)
        json_object_set_boolean_member(json, "prealloc", TRUE);
    if (def->backing.threads)
        json_object_set_int_member(json, "prealloc-threads", def->backing.threads);
    json_object_set_int_member(json, "size", (gint64)(spm->size * 1024));
    if (spm->alignsize)
        json_object_set_int_member(json, "align", (gint64)(spm->alignsize * 1024));
    if (spm->pmem)
        json_object_set_boolean_member(json, "pmem", TRUE);
    if (backend->nodemask && backend->policy) {
        spm_argv_json_set_nodes(json, "host-nodes", backend->nodemask);
        json_object_set_string_member(json, "policy", backend->policy);
    }
    if (backend->nodemask && backend->prealloc) {
        g_autofree char *context = g_strdup_printf("tc-%s", id);

        json_object_set_string_member(json, "prealloc-context", context);
    }
    return spm_argv_json_format(json);
}

/* The threads that fill a backend are bound to the nodes on which it lies. */
static char *
spm_argv_thread_context_build(const SpmMemoryDef *spm, const SpmBackend *backend)
{
    g_autoptr(JsonObject) json = json_object_new();
    g_autofree char *id = g_strdup_printf("tc-mem%s", spm->alias);

    json_object_set_string_member(json, "qom-type", "thread-context");
    json_object_set_string_member(json, "id", id);
    spm_argv_json_set_nodes(json, "node-affinity", backend->nodemask);
    return spm_argv_json_format(json);
}

/* One property that the user's <qemu:override> sets, by libvirt's types. libvirt puts an overridden property
 * after those that it leaves alone. */
static void
spm_argv_device_override(const char *name, const char *type, const char *value, gpointer data)
{
    JsonObject *json = data;

    if (!name || !type)
        return;
    if (json_object_has_member(json, name))
        json_object_remove_member(json, name);
    if (strcmp(type, "string") == 0 && value)
        json_object_set_string_member(json, name, value);
    else if ((strcmp(type, "unsigned") == 0 || strcmp(type, "signed") == 0) && value)
        json_object_set_int_member(json, name, g_ascii_strtoll(value, NULL, 10));
    else if (strcmp(type, "bool") == 0 && value)
        json_object_set_boolean_member(json, name, strcmp(value, "true") == 0);
}

static char *
spm_argv_device_build(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmQemuOptions *options)
{
    g_autoptr(JsonObject) json = json_object_new();
    g_autofree char *memdev = g_strdup_printf("mem%s", spm->alias);
    gboolean same_cell = spm->cell < spm_qemu_stock_cells(def, options);

    if (same_cell)
        json_object_set_int_member(json, "node", spm->cell);
    json_object_set_string_member(json, "memdev", memdev);
    json_object_set_string_member(json, "id", spm->alias);
    if (spm->has_base)
        json_object_set_int_member(json, "addr", (gint64)spm->base);
    spm_qemu_override_foreach(spm_qemu_ns_override(def, spm->alias), spm_argv_device_override, json);
    json_object_set_string_member(json, "driver", options->device);
    if (!same_cell)
        json_object_set_int_member(json, "node", spm->cell);
    return spm_argv_json_format(json);
}

static void
spm_argv_add(GPtrArray *argv, const char *option, char *value)
{
    g_ptr_array_add(argv, g_strdup(option));
    g_ptr_array_add(argv, value);
}

/**
 * spm_qemu_argv:
 * @def: a valid definition
 * @options: for which device and libvirt
 *
 * Returns: (transfer full): the options for the spm elements in the order in which QEMU gets them, each
 * followed by its value
 */
GStrv
spm_qemu_argv(const SpmDomainDef *def, const SpmQemuOptions *options)
{
    GPtrArray *argv = g_ptr_array_new();

    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        SpmBackend backend;

        spm_argv_backend_init(&backend, def, spm, options);
        if (backend.nodemask && backend.prealloc)
            spm_argv_add(argv, "-object", spm_argv_thread_context_build(spm, &backend));
        spm_argv_add(argv, "-object", spm_argv_backend_build(def, spm, &backend));
        spm_argv_add(argv, "-device", spm_argv_device_build(def, spm, options));
    }
    g_ptr_array_add(argv, NULL);
    return (GStrv)g_ptr_array_free(argv, FALSE);
}
