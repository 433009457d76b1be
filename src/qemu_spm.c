/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's command line for specific purpose memory, as libvirt emits it.
 *
 * libvirt itself builds the command line of a domain, from the stock XML that spm_translate.c makes.
 * What is built here is for people and for tests: the same options, known without a libvirt. The
 * order of properties and the choice of the backend follow libvirt's for memory devices; the tests
 * compare with what a real libvirt prints. */

#include "qemu_spm.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "qemu_spm_ns.h"
#include "spm_cpuset.h"
#include "spm_xml.h"

#define SPM_SYSTEM_PAGE_KIB 4

/* Where libvirt's system daemon keeps the files of domains, by default. */
#define SPM_MEMORY_DIR "/var/lib/libvirt/qemu/ram"
#define SPM_HUGEPAGES_DIR "/dev/hugepages/libvirt/qemu"

#define SPM_SHORT_NAME_CHARACTERS 20

/* What the backend of one spm element is made of, after the domain's defaults were looked up. */
typedef struct {
    SpmAccess access;
    SpmTristate discard;
    char *source;     /* <memoryBacking><source type=...>, or NULL */
    guint64 pagesize; /* KiB, 0: the system's */
    gboolean prealloc;
    char *threads;  /* of the allocation, or NULL */
    char *nodemask; /* host nodes, or NULL */
    const char *policy;
} SpmBackend;

static void
spm_backend_free(SpmBackend *backend)
{
    g_free(backend->source);
    g_free(backend->threads);
    g_free(backend->nodemask);
    g_free(backend);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmBackend, spm_backend_free)

/* What the document says of all spm elements, read once. */
typedef struct {
    const SpmDomainDef *def;
    const SpmQemuOptions *options;
    SpmQemuPages *pages;
    GTree *overrides; /* see spm_qemu_ns_overrides() */
    SpmAccess access; /* of <memoryBacking>, as are the next four */
    SpmTristate discard;
    char *source;
    char *allocation;
    char *threads;
    xmlNodePtr *policies; /* by cell: the <memnode> or the <memory> of <numatune>, or NULL */
} SpmDefaults;

static void
spm_defaults_clear(SpmDefaults *defaults)
{
    spm_qemu_pages_free(defaults->pages);
    g_tree_unref(defaults->overrides);
    g_free(defaults->source);
    g_free(defaults->allocation);
    g_free(defaults->threads);
    g_free(defaults->policies);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmDefaults, spm_defaults_clear)

/* The attribute of the first such element that has it, as string(./memoryBacking/access/@mode) finds it. */
static char *
spm_find_backing(const SpmDomainDef *def, const char *path, const char *name)
{
    g_autoptr(GPtrArray) nodes = spm_xml_find_all(def->root, path);
    char *value = NULL;

    for (guint i = 0; i < nodes->len && !value; i++)
        value = spm_xml_attr(g_ptr_array_index(nodes, i), name);
    return value;
}

/* A carrier's cell is one of those that the document has. */
static xmlNodePtr *
spm_find_policies(const SpmDomainDef *def)
{
    g_autoptr(GPtrArray) memnodes = spm_xml_find_all(def->root, "numatune/memnode");
    xmlNodePtr *policies = g_new0(xmlNodePtr, def->cells->len);
    xmlNodePtr general = spm_xml_find(def->root, "numatune/memory");

    for (guint i = 0; i < def->cells->len; i++)
        policies[i] = general;
    for (guint i = 0; i < memnodes->len; i++) {
        g_autofree char *id = spm_xml_attr(g_ptr_array_index(memnodes, i), "cellid");
        guint64 cell;

        if (id && spm_parse_number(id, 10, G_MAXINT, &cell) && cell < def->cells->len)
            policies[cell] = g_ptr_array_index(memnodes, i);
    }
    return policies;
}

static void
spm_defaults_read(SpmDefaults *defaults, const SpmDomainDef *def, const SpmQemuOptions *options)
{
    g_autofree char *mode = spm_find_backing(def, "memoryBacking/access", "mode");

    defaults->def = def;
    defaults->options = options;
    defaults->pages = spm_qemu_pages_new(def);
    defaults->overrides = spm_qemu_ns_overrides(def->root);
    if (g_strcmp0(mode, "shared") == 0)
        defaults->access = SPM_ACCESS_SHARED;
    else if (g_strcmp0(mode, "private") == 0)
        defaults->access = SPM_ACCESS_PRIVATE;
    defaults->discard =
        spm_xml_find(def->root, "memoryBacking/discard") ? SPM_TRISTATE_YES : SPM_TRISTATE_ABSENT;
    defaults->source = spm_find_backing(def, "memoryBacking/source", "type");
    defaults->allocation = spm_find_backing(def, "memoryBacking/allocation", "mode");
    defaults->threads = spm_find_backing(def, "memoryBacking/allocation", "threads");
    defaults->policies = spm_find_policies(def);
}

static SpmAccess
spm_find_access(const SpmDefaults *defaults, const SpmMemoryDef *spm, const SpmCellDef *cell)
{
    if (spm->access)
        return spm->access;
    return cell && cell->access ? cell->access : defaults->access;
}

static SpmTristate
spm_find_discard(const SpmDefaults *defaults, const SpmMemoryDef *spm, const SpmCellDef *cell)
{
    if (spm->discard)
        return spm->discard;
    return cell && cell->discard ? cell->discard : defaults->discard;
}

/* QEMU's names of the memory policies; a mode that is not here is left to cgroups. */
static const char *
spm_policy(const char *mode)
{
    static const struct {
        const char *mode;
        const char *policy;
    } policies[] = {
        { "strict", "bind" },
        { "preferred", "preferred" },
        { "interleave", "interleave" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(policies); i++) {
        if (strcmp(mode, policies[i].mode) == 0)
            return policies[i].policy;
    }
    return NULL;
}

static SpmBackend *
spm_backend_new(const SpmDefaults *defaults, const SpmMemoryDef *spm)
{
    SpmBackend *backend = g_new0(SpmBackend, 1);
    unsigned int id = spm_qemu_carrier_cell(defaults->def, spm, defaults->options);
    gboolean known = id < defaults->def->cells->len;
    const SpmCellDef *cell = known ? g_ptr_array_index(defaults->def->cells, id) : NULL;
    xmlNodePtr policy = known ? defaults->policies[id] : NULL;
    g_autofree char *mode = spm_xml_attr(policy, "mode");

    backend->access = spm_find_access(defaults, spm, cell);
    backend->discard = spm_find_discard(defaults, spm, cell);
    backend->source = g_strdup(defaults->source);
    backend->pagesize = spm->pagesize ? spm->pagesize : spm_qemu_pages_of(defaults->pages, id);
    if (spm->path || backend->pagesize == SPM_SYSTEM_PAGE_KIB)
        backend->pagesize = 0;
    /* a file is filled before the guest starts, except a real persistent memory, which would wear */
    backend->prealloc =
        g_strcmp0(defaults->allocation, "immediate") == 0 || backend->pagesize || (spm->path && !spm->pmem);
    backend->threads = g_strdup(defaults->threads);
    backend->nodemask = spm->nodemask ? g_strdup(spm->nodemask) : spm_xml_attr(policy, "nodeset");
    backend->policy = spm_policy(mode ? mode : "strict");
    return backend;
}

static void
spm_json_set_nodes(JsonObject *json, const char *name, const char *cpuset)
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
spm_json_format(JsonObject *json)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(JsonNode) root = json_node_init_object(json_node_alloc(), json);

    json_generator_set_root(generator, root);
    return json_generator_to_data(generator, NULL);
}

static const char *
spm_backend_type(const SpmMemoryDef *spm, const SpmBackend *backend)
{
    if (!spm->path && g_strcmp0(backend->source, "memfd") == 0)
        return "memory-backend-memfd";
    if (spm->path || backend->pagesize || backend->access || g_strcmp0(backend->source, "file") == 0)
        return "memory-backend-file";
    return "memory-backend-ram";
}

/* The part of a domain's name that libvirt uses in paths (virDomainDefGetShortName). */
static char *
spm_short_name(const SpmDomainDef *def)
{
    const char *name = def->name ? def->name : "";

    const char *end = name;

    for (guint i = 0; *end && i < SPM_SHORT_NAME_CHARACTERS; i++)
        end = g_utf8_next_char(end);
    return g_strndup(name, (gsize)(end - name));
}

static char *
spm_backend_path(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmBackend *backend)
{
    g_autofree char *name = spm_short_name(def);

    if (spm->path)
        return g_strdup(spm->path);
    /* -1 is the id of a domain that is not running */
    if (backend->pagesize)
        return g_strdup_printf(SPM_HUGEPAGES_DIR "/-1-%s", name);
    return g_strdup_printf(SPM_MEMORY_DIR "/-1-%s/%s", name, spm->alias);
}

static void
spm_backend_add_source(JsonObject *json, const char *type, const SpmDomainDef *def, const SpmMemoryDef *spm,
                       const SpmBackend *backend)
{
    if (strcmp(type, "memory-backend-memfd") == 0) {
        if (backend->pagesize) {
            json_object_set_boolean_member(json, "hugetlb", TRUE);
            json_object_set_int_member(json, "hugetlbsize", (gint64)(backend->pagesize * 1024));
        }
    } else if (strcmp(type, "memory-backend-file") == 0) {
        g_autofree char *path = spm_backend_path(def, spm, backend);

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
spm_backend_build(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmBackend *backend)
{
    g_autoptr(JsonObject) json = json_object_new();
    g_autofree char *id = g_strdup_printf("mem%s", spm->alias);
    const char *type = spm_backend_type(spm, backend);
    guint64 threads;

    json_object_set_string_member(json, "qom-type", type);
    json_object_set_string_member(json, "id", id);
    spm_backend_add_source(json, type, def, spm, backend);
    if (backend->prealloc)
        json_object_set_boolean_member(json, "prealloc", TRUE);
    if (backend->threads && spm_parse_number(backend->threads, 10, G_MAXUINT32, &threads) && threads)
        json_object_set_int_member(json, "prealloc-threads", (gint64)(threads));
    json_object_set_int_member(json, "size", (gint64)(spm->size * 1024));
    if (spm->alignsize)
        json_object_set_int_member(json, "align", (gint64)(spm->alignsize * 1024));
    if (spm->pmem)
        json_object_set_boolean_member(json, "pmem", TRUE);
    if (backend->nodemask && backend->policy) {
        spm_json_set_nodes(json, "host-nodes", backend->nodemask);
        json_object_set_string_member(json, "policy", backend->policy);
    }
    if (backend->nodemask && backend->prealloc) {
        g_autofree char *context = g_strdup_printf("tc-%s", id);

        json_object_set_string_member(json, "prealloc-context", context);
    }
    return spm_json_format(json);
}

/* The threads that fill a backend are bound to the nodes on which it lies. */
static char *
spm_thread_context_build(const SpmMemoryDef *spm, const SpmBackend *backend)
{
    g_autoptr(JsonObject) json = json_object_new();
    g_autofree char *id = g_strdup_printf("tc-mem%s", spm->alias);

    json_object_set_string_member(json, "qom-type", "thread-context");
    json_object_set_string_member(json, "id", id);
    spm_json_set_nodes(json, "node-affinity", backend->nodemask);
    return spm_json_format(json);
}

/* One property that the user's <qemu:override> sets, by libvirt's types. libvirt puts an overridden
 * property behind those that it leaves alone. */
static void
spm_device_override(JsonObject *json, xmlNodePtr property)
{
    g_autofree char *name = spm_xml_attr(property, "name");
    g_autofree char *type = spm_xml_attr(property, "type");
    g_autofree char *value = spm_xml_attr(property, "value");

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
spm_device_build(const SpmDefaults *defaults, const SpmMemoryDef *spm)
{
    g_autoptr(JsonObject) json = json_object_new();
    g_autofree char *memdev = g_strdup_printf("mem%s", spm->alias);
    gboolean same_cell = spm_qemu_carrier_cell(defaults->def, spm, defaults->options) == spm->cell;
    const SpmQemuOverride *override = g_tree_lookup(defaults->overrides, spm->alias);
    xmlNodePtr frontend = override ? override->frontend : NULL;
    g_autoptr(GPtrArray) properties = spm_xml_children(frontend, frontend ? frontend->ns : NULL, "property");

    if (same_cell)
        json_object_set_int_member(json, "node", spm->cell);
    json_object_set_string_member(json, "memdev", memdev);
    json_object_set_string_member(json, "id", spm->alias);
    if (spm->has_base)
        json_object_set_int_member(json, "addr", (gint64)spm->base);
    for (guint i = 0; i < properties->len; i++)
        spm_device_override(json, g_ptr_array_index(properties, i));
    json_object_set_string_member(json, "driver", defaults->options->device);
    if (!same_cell)
        json_object_set_int_member(json, "node", spm->cell);
    return spm_json_format(json);
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
 * Returns: (transfer full): the options for the spm elements in the order in which QEMU gets them: each
 *   option and, behind it, its value
 */
GStrv
spm_qemu_argv(const SpmDomainDef *def, const SpmQemuOptions *options)
{
    g_auto(SpmDefaults) defaults = { 0 };
    GPtrArray *argv = g_ptr_array_new();

    spm_defaults_read(&defaults, def, options);
    for (guint i = 0; i < def->spms->len; i++) {
        const SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);
        g_autoptr(SpmBackend) backend = spm_backend_new(&defaults, spm);

        if (backend->nodemask && backend->prealloc)
            spm_argv_add(argv, "-object", spm_thread_context_build(spm, backend));
        spm_argv_add(argv, "-object", spm_backend_build(def, spm, backend));
        spm_argv_add(argv, "-device", spm_device_build(&defaults, spm));
    }
    g_ptr_array_add(argv, NULL);
    return (GStrv)g_ptr_array_free(argv, FALSE);
}
