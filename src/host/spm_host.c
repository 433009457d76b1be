/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what the kernel and libvirt tell of the host's memory.
 *
 * The result is the document that --json prints. A member that is named as a file of sysfs has that file's
 * value and unit; it is null when the kernel does not tell it. A file that is not as it should be is
 * reported, and everything else is read all the same. */

#define _GNU_SOURCE /* strverscmp */

#include "host/spm_host.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/spm_file.h"
#include "spm_config.h"
#include "spm_cpuset.h"
#include "spm_number.h"
#include "spm_xml.h"

#define SPM_HOST_NODES "/sys/devices/system/node"
#define SPM_HOST_DAX "/sys/bus/dax/devices"

/* The largest file that is read; sysfs gives a page at the most. */
#define SPM_HOST_MAX_BYTES (64 * 1024 * 1024)

typedef struct {
    const char *root;
    SpmFaults *faults;
} SpmHostPlace;

/* ---- files ---- */

/* Reports why a path cannot be read. No host has all of them, so one that does not exist is not reported. */
static void
spm_host_mind_error(const SpmHostPlace *place, const char *path, const GError *error)
{
    if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        spm_faults_add(place->faults, SPM_ERROR_CONFIG, 0, "cannot read %s: %s", path, error->message);
}

/* The text of a file, or NULL when it cannot be read. */
static char *
spm_host_get(const SpmHostPlace *place, const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(place->root, folder, name, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = spm_file_read(path, SPM_HOST_MAX_BYTES, &error);

    if (bytes)
        return g_strstrip(g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)));
    spm_host_mind_error(place, path, error);
    return NULL;
}

/* Reports what a file has. */
static void
spm_host_mind(const SpmHostPlace *place, const char *folder, const char *name, const char *text)
{
    spm_faults_add(place->faults, SPM_ERROR_CONFIG, 0, "%s%s/%s has '%s', which is ignored", place->root,
                   folder, name, text);
}

/* Sets each named member to the number in the file of that name. The names end with a NULL. */
static void
spm_host_set_numbers(const SpmHostPlace *place, JsonObject *object, const char *folder,
                     const char *const *names)
{
    for (; *names; names++) {
        g_autofree char *text = spm_host_get(place, folder, *names);
        guint64 value;

        json_object_set_null_member(object, *names);
        if (text && spm_parse_number(text, 10, G_MAXINT64, &value))
            json_object_set_int_member(object, *names, (gint64)value);
        else if (text && strcmp(text, "-1") != 0) /* a device without a node has -1 */
            spm_host_mind(place, folder, *names, text);
    }
}

static int
spm_host_compare_names(gconstpointer one, gconstpointer other)
{
    return strverscmp(*(const char *const *)one, *(const char *const *)other);
}

/* The names in a folder that match the whole of @pattern, by their numbers. */
static GPtrArray *
spm_host_list(const SpmHostPlace *place, const char *folder, const char *pattern)
{
    g_autofree char *path = g_build_filename(place->root, folder, NULL);
    g_autofree char *whole = g_strdup_printf("\\A%s\\z", pattern);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (!dir)
        spm_host_mind_error(place, path, error);
    while (dir && (name = g_dir_read_name(dir))) {
        if (g_regex_match_simple(whole, name, G_REGEX_RAW, 0))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, spm_host_compare_names);
    return names;
}

/* The number at the end of a name. */
static gint64
spm_host_name_number(const char *name)
{
    return g_ascii_strtoll(name + strcspn(name, "0123456789"), NULL, 10);
}

/* ---- soft-reserved ranges ---- */

/* Only root sees the addresses; others read zeros. */
static JsonArray *
spm_host_read_ranges(const SpmHostPlace *place)
{
    g_autofree char *iomem = spm_host_get(place, "/proc", "iomem");
    g_autoptr(GRegex) regex = g_regex_new("^ *([0-9a-f]{1,15})-([0-9a-f]{1,15}) : Soft Reserved$",
                                          G_REGEX_MULTILINE | G_REGEX_RAW, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    JsonArray *ranges = json_array_new();
    gboolean hidden = FALSE;

    g_regex_match(regex, iomem ? iomem : "", 0, &match);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
        g_autofree char *first = g_match_info_fetch(match, 1);
        g_autofree char *last = g_match_info_fetch(match, 2);
        gint64 start = g_ascii_strtoll(first, NULL, 16), end = g_ascii_strtoll(last, NULL, 16);
        JsonObject *range = json_object_new();

        json_object_set_null_member(range, "start");
        json_object_set_null_member(range, "size");
        if (end > start) {
            json_object_set_int_member(range, "start", start);
            json_object_set_int_member(range, "size", end - start + 1);
        } else {
            hidden = TRUE;
        }
        json_array_add_object_element(ranges, range);
    }
    if (hidden)
        spm_faults_add(place->faults, SPM_ERROR_CONFIG, 0,
                       "%s/proc/iomem hides its addresses from users other than root", place->root);
    return ranges;
}

/* ---- devices ---- */

static void
spm_host_set_driver(const SpmHostPlace *place, JsonObject *device, const char *folder)
{
    g_autofree char *link = g_build_filename(place->root, folder, "driver", NULL);
    g_autofree char *target = g_file_read_link(link, NULL);
    g_autofree char *driver = target ? g_path_get_basename(target) : NULL;

    if (driver && g_regex_match_simple("\\A[A-Za-z0-9_-]{1,64}\\z", driver, G_REGEX_RAW, 0))
        json_object_set_string_member(device, "driver", driver);
    else
        json_object_set_null_member(device, "driver");
}

static JsonArray *
spm_host_read_devices(const SpmHostPlace *place)
{
    static const char *const numbers[] = { "size", "align", "numa_node", "target_node", NULL };
    g_autoptr(GPtrArray) names = spm_host_list(place, SPM_HOST_DAX, "dax[0-9]{1,5}\\.[0-9]{1,5}");
    JsonArray *devices = json_array_new();

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *folder = g_build_filename(SPM_HOST_DAX, g_ptr_array_index(names, i), NULL);
        g_autofree char *path = g_build_filename("/dev", g_ptr_array_index(names, i), NULL);
        JsonObject *device = json_object_new();

        json_object_set_string_member(device, "path", path);
        spm_host_set_numbers(place, device, folder, numbers);
        spm_host_set_driver(place, device, folder);
        json_object_set_array_member(device, "domains", json_array_new());
        json_array_add_object_element(devices, device);
    }
    return devices;
}

/* ---- who uses a device ---- */

/* Notes at each device whether the domain has a memory device that is made of it. */
static void
spm_host_note_domain(const SpmHostPlace *place, JsonArray *devices, xmlNodePtr domain, gboolean running)
{
    g_autofree char *name = spm_xml_content(spm_xml_find(domain, "name"));
    g_autoptr(GPtrArray) paths = spm_xml_find_all(domain, "devices/memory/source/path");

    for (guint i = 0; name && i < paths->len * json_array_get_length(devices); i++) {
        JsonObject *device = json_array_get_object_element(devices, i / paths->len);
        g_autofree char *text = spm_xml_content(g_ptr_array_index(paths, i % paths->len));
        /* a domain that has a pool has a link while it runs */
        g_autofree char *link = g_build_filename(place->root, text, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        g_autofree char *path = g_canonicalize_filename(target ? target : text, "/");
        JsonObject *user;

        if (strcmp(json_object_get_string_member(device, "path"), path) != 0)
            continue;
        user = json_object_new();
        json_object_set_string_member(user, "name", name);
        json_object_set_boolean_member(user, "running", running);
        json_array_add_object_element(json_object_get_array_member(device, "domains"), user);
    }
}

/* The domains in the files of a folder: those that are defined, or those that run, with their state around.
 */
static void
spm_host_read_domains(const SpmHostPlace *place, JsonArray *devices, const char *folder, gboolean running)
{
    g_autoptr(GPtrArray) names = spm_host_list(place, folder, ".*\\.xml");

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *text = spm_host_get(place, folder, name);
        g_autoptr(SpmFaults) faults = spm_faults_new();
        g_autoptr(xmlDoc) doc = text ? spm_xml_parse_dump(text, faults) : NULL;
        xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;

        if (root)
            spm_host_note_domain(place, devices, running ? spm_xml_find(root, "domain") : root, running);
        else if (faults->len)
            spm_faults_add(place->faults, SPM_ERROR_CONFIG, 0, "cannot read the domain in %s%s/%s: %s",
                           place->root, folder, name, spm_faults_get(faults, 0)->message);
    }
}

/* ---- nodes ---- */

/* Distances to the nodes with these names, which a file has in their order. */
static void
spm_host_set_distances(const SpmHostPlace *place, JsonObject *node, const char *folder,
                       const GPtrArray *names)
{
    g_autofree char *text = spm_host_get(place, folder, "distance");
    g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);
    JsonObject *distances = json_object_new();

    for (guint i = 0; g_strv_length(words) == names->len && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        guint64 value;

        if (spm_parse_number(words[i], 10, 255, &value))
            json_object_set_int_member(distances, name + strlen("node"), (gint64)value);
    }
    if (text && json_object_get_size(distances) != names->len)
        spm_host_mind(place, folder, "distance", text);
    json_object_set_object_member(node, "distances", distances);
}

/* The initiators that are nearest to a node: of all kinds (access0), or CPUs alone (access1). */
static void
spm_host_set_access(const SpmHostPlace *place, JsonObject *node, const char *folder, const char *class)
{
    static const char *const figures[] = { "read_bandwidth", "write_bandwidth", "read_latency",
                                           "write_latency", NULL };
    g_autofree char *path = g_build_filename(folder, class, "initiators", NULL);
    g_autoptr(GPtrArray) names = spm_host_list(place, path, "node[0-9]{1,5}");
    JsonObject *access;
    JsonArray *initiators;

    if (names->len == 0)
        return;
    access = json_object_new();
    initiators = json_array_new();
    for (guint i = 0; i < names->len; i++)
        json_array_add_int_element(initiators, spm_host_name_number(g_ptr_array_index(names, i)));
    json_object_set_array_member(access, "initiators", initiators);
    spm_host_set_numbers(place, access, path, figures);
    json_object_set_object_member(node, class, access);
}

static void
spm_host_set_hugepages(const SpmHostPlace *place, JsonObject *node, const char *folder)
{
    static const char *const numbers[] = { "nr_hugepages", "free_hugepages", NULL };
    g_autofree char *path = g_build_filename(folder, "hugepages", NULL);
    g_autoptr(GPtrArray) names = spm_host_list(place, path, "hugepages-[0-9]{1,12}kB");
    JsonArray *all = json_array_new();

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *pages = g_build_filename(path, name, NULL);
        JsonObject *object = json_object_new();

        json_object_set_int_member(object, "size", spm_host_name_number(name) * 1024);
        spm_host_set_numbers(place, object, pages, numbers);
        json_array_add_object_element(all, object);
    }
    json_object_set_array_member(node, "hugepages", all);
}

static JsonArray *
spm_host_read_nodes(const SpmHostPlace *place)
{
    g_autoptr(GPtrArray) names = spm_host_list(place, SPM_HOST_NODES, "node[0-9]{1,5}");
    JsonArray *nodes = json_array_new();

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *folder = g_build_filename(SPM_HOST_NODES, name, NULL);
        g_autofree char *cpus = spm_host_get(place, folder, "cpulist");
        JsonObject *node = json_object_new();

        if (cpus && *cpus && !spm_cpuset_is_valid(cpus)) {
            spm_host_mind(place, folder, "cpulist", cpus);
            *cpus = '\0';
        }
        json_object_set_int_member(node, "id", spm_host_name_number(name));
        json_object_set_string_member(node, "cpulist", cpus ? cpus : "");
        spm_host_set_distances(place, node, folder, names);
        spm_host_set_access(place, node, folder, "access0");
        spm_host_set_access(place, node, folder, "access1");
        spm_host_set_hugepages(place, node, folder);
        json_array_add_object_element(nodes, node);
    }
    return nodes;
}

/**
 * spm_host_read:
 * @root: the folder that holds the host's files, usually "/"
 * @faults: an empty list, where all files are added that are not as they should be
 * @error: set when there is no sysfs
 *
 * Returns: (transfer full): what virt-spm(1) describes below --json; NULL on failure
 */
JsonObject *
spm_host_read(const char *root, SpmFaults *faults, GError **error)
{
    SpmHostPlace place = { .root = g_str_equal(root, "/") ? "" : root, .faults = faults };
    g_autofree char *sysfs = g_build_filename(root, "sys/devices/system", NULL);
    JsonObject *host = json_object_new();
    JsonArray *devices;

    if (access(sysfs, R_OK | X_OK) < 0) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "cannot read %s: %s", sysfs,
                    g_strerror(errno));
        json_object_unref(host);
        return NULL;
    }
    devices = spm_host_read_devices(&place);
    spm_host_read_domains(&place, devices, SPM_SYSCONFDIR "/libvirt/qemu", FALSE);
    spm_host_read_domains(&place, devices, "/run/libvirt/qemu", TRUE);
    json_object_set_array_member(host, "soft_reserved", spm_host_read_ranges(&place));
    json_object_set_array_member(host, "devices", devices);
    json_object_set_array_member(host, "nodes", spm_host_read_nodes(&place));
    return host;
}
