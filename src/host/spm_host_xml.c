/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain that has the host's free devices, with NUMA nodes that are as far apart as the host's.
 *
 * The guest has a cell with CPUs for each such node of the host, and after those a cell without memory for
 * each node that a device is on. */

#include "host/spm_host.h"

#include <string.h>

#include "spm_number.h"

/* QEMU's distance of a node to itself. The distance to any other is larger. */
#define SPM_HOST_XML_LOCAL 10

/* The largest alignment that a device may need, 1 TiB: larger than any page. */
#define SPM_HOST_XML_ALIGN_MAX ((gint64)1 << 40)

/**
 * SpmHostXml:
 * @host: what spm_host_read() returned
 * @cells: of gint64: the host's node that each cell is like, or -1
 * @cpus: how many of them have CPUs; they are the first
 * @size: that of all devices, in KiB
 * @devices: their elements
 */
typedef struct {
    JsonObject *host;
    GArray *cells;
    guint cpus;
    gint64 size;
    GString *devices;
} SpmHostXml;

static gint64
spm_host_xml_node(const SpmHostXml *xml, guint cell)
{
    return g_array_index(xml->cells, gint64, cell);
}

/* What the kernel tells of the node that a cell is like. NULL when that is nothing: the node is offline. */
static JsonObject *
spm_host_xml_find_node(const SpmHostXml *xml, guint cell)
{
    JsonArray *nodes = json_object_get_array_member(xml->host, "nodes");

    for (guint i = 0; i < json_array_get_length(nodes); i++) {
        JsonObject *node = json_array_get_object_element(nodes, i);

        if (spm_host_number(node, "id") == spm_host_xml_node(xml, cell))
            return node;
    }
    return NULL;
}

static void
spm_host_xml_add_cpus(SpmHostXml *xml)
{
    JsonArray *nodes = json_object_get_array_member(xml->host, "nodes");
    gint64 none = -1;

    for (guint i = 0; i < json_array_get_length(nodes); i++) {
        JsonObject *node = json_array_get_object_element(nodes, i);
        gint64 id = spm_host_number(node, "id");

        if (*json_object_get_string_member(node, "cpulist"))
            g_array_append_val(xml->cells, id);
    }
    if (xml->cells->len == 0)
        g_array_append_val(xml->cells, none);
    xml->cpus = xml->cells->len;
}

/* ---- devices ---- */

/* The cell for a device on that node. */
static guint
spm_host_xml_cell(SpmHostXml *xml, gint64 node)
{
    guint cell = xml->cpus;

    while (cell < xml->cells->len && spm_host_xml_node(xml, cell) != node)
        cell++;
    if (cell == xml->cells->len)
        g_array_append_val(xml->cells, node);
    return cell;
}

/* Why a guest cannot have a device, or NULL. */
static const char *
spm_host_xml_refuse(JsonObject *device, gint64 size)
{
    const char *driver = json_object_get_string_member_with_default(device, "driver", "");

    if (strcmp(driver, "device_dax") != 0)
        return "its driver is not device_dax";
    if (json_array_get_length(json_object_get_array_member(device, "domains")))
        return "a domain has it";
    return size > 0 ? NULL : "its size and its alignment do not suit a guest";
}

/* The alignment that a device needs in KiB, a power of two; 0 when it is not known. */
static gint64
spm_host_xml_align(JsonObject *device)
{
    gint64 align = spm_host_number(device, "align");

    return align >= 1024 && align <= SPM_HOST_XML_ALIGN_MAX && (align & (align - 1)) == 0 ? align / 1024 : 0;
}

static void
spm_host_xml_add_device(SpmHostXml *xml, JsonObject *device)
{
    const char *path = json_object_get_string_member(device, "path");
    gint64 align = spm_host_xml_align(device), unit = MAX(align, 2048);
    gint64 size = align ? spm_host_number(device, "size") / 1024 / unit * unit : 0;
    const char *reason = spm_host_xml_refuse(device, size);

    if (reason) {
        g_string_append_printf(xml->devices, "    <!-- not %s: %s -->\n", path, reason);
        return;
    }
    g_string_append_printf(xml->devices,
                           "    <memory model='spm' access='shared'>\n"
                           "      <source>\n"
                           "        <path>%s</path>\n"
                           "        <alignsize unit='KiB'>%" G_GINT64_FORMAT "</alignsize>\n"
                           "      </source>\n"
                           "      <target>\n"
                           "        <size unit='KiB'>%" G_GINT64_FORMAT "</size>\n"
                           "        <node>%u</node>\n"
                           "      </target>\n"
                           "    </memory>\n",
                           path, align, size, spm_host_xml_cell(xml, spm_host_number(device, "target_node")));
    xml->size += size;
}

/* The largest alignment first, so that no free space is between them, which the SRAT would give to the last
 * node. */
static void
spm_host_xml_add_devices(SpmHostXml *xml)
{
    JsonArray *devices = json_object_get_array_member(xml->host, "devices");

    for (gint64 align = SPM_HOST_XML_ALIGN_MAX;; align /= 2) {
        for (guint i = 0; i < json_array_get_length(devices); i++) {
            JsonObject *device = json_array_get_object_element(devices, i);

            if (spm_host_xml_align(device) == align)
                spm_host_xml_add_device(xml, device);
        }
        if (!align)
            return;
    }
}

/* ---- cells ---- */

static void
spm_host_xml_format_cell(const SpmHostXml *xml, guint cell, GString *out)
{
    JsonObject *node = spm_host_xml_find_node(xml, cell);
    JsonObject *distances = node ? json_object_get_object_member(node, "distances") : NULL;

    if (cell < xml->cpus)
        g_string_append_printf(out, "      <cell id='%u' cpus='%u' memory='1048576' unit='KiB'>\n", cell,
                               cell);
    else
        g_string_append_printf(out, "      <cell id='%u' memory='0' unit='KiB'>\n", cell);
    g_string_append(out, "        <distances>\n");
    for (guint other = 0; other < xml->cells->len; other++) {
        g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT, spm_host_xml_node(xml, other));
        gint64 value = distances ? spm_host_number(distances, name) : -1;

        if (other != cell && value > 0)
            value = MAX(value, SPM_HOST_XML_LOCAL + 1);
        else if (other == cell)
            value = SPM_HOST_XML_LOCAL;
        if (value > 0)
            g_string_append_printf(out, "          <sibling id='%u' value='%" G_GINT64_FORMAT "'/>\n", other,
                                   value);
    }
    g_string_append(out, "        </distances>\n      </cell>\n");
}

/* The figures for a CPU's way from one cell to the other, or NULL. A cell with CPUs is its own initiator. */
static JsonObject *
spm_host_xml_find_access(const SpmHostXml *xml, guint initiator, guint target)
{
    static const char *const classes[] = { "access1", "access0" };
    JsonObject *node = spm_host_xml_find_node(xml, target);

    for (gsize i = 0; node && i < G_N_ELEMENTS(classes) && (target >= xml->cpus || initiator == target);
         i++) {
        JsonObject *access =
            json_object_has_member(node, classes[i]) ? json_object_get_object_member(node, classes[i]) : NULL;
        JsonArray *initiators = access ? json_object_get_array_member(access, "initiators") : NULL;

        for (guint j = 0; access && j < json_array_get_length(initiators); j++) {
            if (json_array_get_int_element(initiators, j) == spm_host_xml_node(xml, initiator))
                return access;
        }
    }
    return NULL;
}

static void
spm_host_xml_format_access(JsonObject *access, guint initiator, guint target, GString *out)
{
    static const struct {
        const char *member, *element, *type, *unit;
        gint64 factor;
    } figures[] = {
        { "read_latency", "latency", "read", "", 1 },
        { "write_latency", "latency", "write", "", 1 },
        { "read_bandwidth", "bandwidth", "read", " unit='KiB'", 1024 },
        { "write_bandwidth", "bandwidth", "write", " unit='KiB'", 1024 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        gint64 value = spm_host_number(access, figures[i].member);

        if (value > 0 && value <= G_MAXINT32)
            g_string_append_printf(
                out, "        <%s initiator='%u' target='%u' type='%s' value='%" G_GINT64_FORMAT "'%s/>\n",
                figures[i].element, initiator, target, figures[i].type, value * figures[i].factor,
                figures[i].unit);
    }
}

static void
spm_host_xml_format_interconnects(const SpmHostXml *xml, GString *out)
{
    g_autoptr(GString) lines = g_string_new(NULL);

    for (guint i = 0; i < xml->cpus * xml->cells->len; i++) {
        guint initiator = i / xml->cells->len, target = i % xml->cells->len;
        JsonObject *access = spm_host_xml_find_access(xml, initiator, target);

        if (access)
            spm_host_xml_format_access(access, initiator, target, lines);
    }
    if (lines->len)
        g_string_append_printf(out, "      <interconnects>\n%s      </interconnects>\n", lines->str);
}

static char *
spm_host_xml_format(const SpmHostXml *xml)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(
        out,
        "<domain type='kvm'>\n"
        "  <!-- The cells that have CPUs are examples: change their CPUs and their memory. -->\n"
        "  <name>spm</name>\n"
        "  <memory unit='KiB'>%" G_GINT64_FORMAT "</memory>\n"
        "  <vcpu>%u</vcpu>\n"
        "  <os>\n"
        "    <type arch='x86_64' machine='q35'>hvm</type>\n"
        "  </os>\n"
        "  <features>\n"
        "    <acpi/>\n"
        "  </features>\n"
        "  <cpu>\n"
        "    <numa>\n",
        xml->size + xml->cpus * (gint64)(SPM_GIB / 1024), xml->cpus);
    for (guint cell = 0; cell < xml->cells->len; cell++)
        spm_host_xml_format_cell(xml, cell, out);
    spm_host_xml_format_interconnects(xml, out);
    g_string_append_printf(out, "    </numa>\n  </cpu>\n  <devices>\n%s  </devices>\n</domain>\n",
                           xml->devices->str);
    return g_string_free(out, FALSE);
}

/**
 * spm_host_format_xml:
 * @host: what spm_host_read() returned
 * @error: set when no device is free
 *
 * Returns: (transfer full): a domain that has the free devices; NULL on failure
 */
char *
spm_host_format_xml(JsonObject *host, GError **error)
{
    g_autoptr(GArray) cells = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GString) devices = g_string_new(NULL);
    SpmHostXml xml = { .host = host, .cells = cells, .devices = devices };

    spm_host_xml_add_cpus(&xml);
    spm_host_xml_add_devices(&xml);
    if (xml.size)
        return spm_host_xml_format(&xml);
    g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                "no dax device is free for a guest; virt-spm host lists the devices");
    return NULL;
}
