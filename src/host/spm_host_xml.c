/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain that has the host's free devices, with NUMA nodes that are as far apart as the host's.
 *
 * The guest has a cell with CPUs for each such node of the host, and after those a cell without memory for
 * each node that a device is on. */

#include "host/spm_host.h"

#include <string.h>

#include "spm_number.h"

/* The distance of a node to itself. The distance to any other is larger. */
#define SPM_HOST_XML_LOCAL 10
/* The largest alignment that a device may need, in KiB: 1 TiB, which is larger than any page. */
#define SPM_HOST_XML_ALIGN_MAX (SPM_GIB)

/**
 * SpmHostXml:
 * @nodes: the host's nodes
 * @cells: of gint64: the host's node that each cell is like, or -1
 * @cpus: how many of them have CPUs; they are the first
 * @size: that of all devices, in KiB
 * @devices: their elements
 */
typedef struct {
    JsonArray *nodes;
    GArray *cells;
    guint cpus;
    gint64 size;
    GString *devices;
} SpmHostXml;

/* What the kernel tells of the node that a cell is like. NULL when that is nothing: the node is offline. */
static JsonObject *
spm_host_xml_node(const SpmHostXml *xml, guint cell)
{
    for (guint i = 0; i < json_array_get_length(xml->nodes); i++) {
        JsonObject *node = json_array_get_object_element(xml->nodes, i);

        if (spm_host_number(node, "id") == g_array_index(xml->cells, gint64, cell))
            return node;
    }
    return NULL;
}

static void
spm_host_xml_add_cpus(SpmHostXml *xml)
{
    gint64 id = -1;

    for (guint i = 0; i < json_array_get_length(xml->nodes); i++) {
        JsonObject *node = json_array_get_object_element(xml->nodes, i);

        id = spm_host_number(node, "id");
        if (*json_object_get_string_member(node, "cpulist"))
            g_array_append_val(xml->cells, id);
    }
    if (xml->cells->len == 0)
        g_array_append_val(xml->cells, id);
    xml->cpus = xml->cells->len;
}

/* ---- devices ---- */

/* The cell for a device on that node. */
static guint
spm_host_xml_cell(SpmHostXml *xml, gint64 node)
{
    guint cell = xml->cpus;

    while (cell < xml->cells->len && g_array_index(xml->cells, gint64, cell) != node)
        cell++;
    if (cell == xml->cells->len)
        g_array_append_val(xml->cells, node);
    return cell;
}

/* The alignment that a device needs in KiB, a power of two; 0 when it is not known. */
static gint64
spm_host_xml_align(JsonObject *device)
{
    gint64 align = spm_host_number(device, "align") / 1024;

    return align > 0 && align <= (gint64)SPM_HOST_XML_ALIGN_MAX && (align & (align - 1)) == 0 ? align : 0;
}

static void
spm_host_xml_add_device(SpmHostXml *xml, JsonObject *device)
{
    const char *driver = json_object_get_string_member_with_default(device, "driver", "");
    const char *path = json_object_get_string_member(device, "path");
    gint64 align = spm_host_xml_align(device), unit = MAX(align, 2048);
    gint64 size = align ? spm_host_number(device, "size") / 1024 / unit * unit : 0;
    const char *reason = NULL;

    if (strcmp(driver, "device_dax") != 0)
        reason = "its driver is not device_dax";
    else if (json_array_get_length(json_object_get_array_member(device, "domains")))
        reason = "a domain has it";
    else if (size <= 0)
        reason = "its size and its alignment do not suit a guest";
    if (reason) {
        g_string_append_printf(xml->devices, "    <!-- not %s: %s -->\n", path, reason);
        return;
    }
    xml->size += size;
    /* devdax takes no private mapping */
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
}

/* The largest alignment first, so that no free space is between them, which the SRAT would give to the last
 * node. */
static void
spm_host_xml_add_devices(SpmHostXml *xml, JsonArray *devices)
{
    for (gint64 align = SPM_HOST_XML_ALIGN_MAX; align >= 0; align = align ? align / 2 : -1) {
        for (guint i = 0; i < json_array_get_length(devices); i++) {
            JsonObject *device = json_array_get_object_element(devices, i);

            if (spm_host_xml_align(device) == align)
                spm_host_xml_add_device(xml, device);
        }
    }
}

/* ---- cells ---- */

static void
spm_host_xml_format_cell(const SpmHostXml *xml, guint cell, GString *out)
{
    JsonObject *node = spm_host_xml_node(xml, cell);
    JsonObject *distances = node ? json_object_get_object_member(node, "distances") : NULL;

    if (cell < xml->cpus)
        g_string_append_printf(out, "      <cell id='%u' cpus='%u' memory='1048576' unit='KiB'>\n", cell,
                               cell);
    else
        g_string_append_printf(out, "      <cell id='%u' memory='0' unit='KiB'>\n", cell);
    g_string_append(out, "        <distances>\n");
    for (guint other = 0; other < xml->cells->len; other++) {
        g_autofree char *name =
            g_strdup_printf("%" G_GINT64_FORMAT, g_array_index(xml->cells, gint64, other));
        gint64 value = distances ? spm_host_number(distances, name) : -1;

        if (other == cell || value > 0)
            g_string_append_printf(out, "          <sibling id='%u' value='%d'/>\n", other,
                                   other == cell ? SPM_HOST_XML_LOCAL
                                                 : MAX((int)value, SPM_HOST_XML_LOCAL + 1));
    }
    g_string_append(out, "        </distances>\n      </cell>\n");
}

/* The figures for the way of a cell's CPUs to a cell's memory, or NULL. A cell with CPUs is its own
 * initiator. */
static JsonObject *
spm_host_xml_access(const SpmHostXml *xml, guint initiator, guint target)
{
    static const char *const classes[] = { "access1", "access0" };
    JsonObject *node = target >= xml->cpus || initiator == target ? spm_host_xml_node(xml, target) : NULL;

    for (gsize i = 0; node && i < G_N_ELEMENTS(classes); i++) {
        JsonNode *class = json_object_get_member(node, classes[i]);
        JsonObject *access = class ? json_node_get_object(class) : NULL;
        JsonArray *initiators = access ? json_object_get_array_member(access, "initiators") : NULL;

        for (guint j = 0; initiators && j < json_array_get_length(initiators); j++) {
            if (json_array_get_int_element(initiators, j) == g_array_index(xml->cells, gint64, initiator))
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
    } figures[] = {
        { "read_latency", "latency", "read", "" },
        { "write_latency", "latency", "write", "" },
        { "read_bandwidth", "bandwidth", "read", " unit='MiB'" },
        { "write_bandwidth", "bandwidth", "write", " unit='MiB'" },
    };

    for (gsize i = 0; access && i < G_N_ELEMENTS(figures); i++) {
        gint64 value = spm_host_number(access, figures[i].member);

        if (value > 0 && value <= G_MAXINT32)
            g_string_append_printf(out, "        <%s initiator='%u' target='%u' type='%s' value='%d'%s/>\n",
                                   figures[i].element, initiator, target, figures[i].type, (int)value,
                                   figures[i].unit);
    }
}

static char *
spm_host_xml_format(const SpmHostXml *xml)
{
    g_autoptr(GString) cells = g_string_new(NULL);
    g_autoptr(GString) interconnects = g_string_new(NULL);
    const char *indent = "      ";

    for (guint cell = 0; cell < xml->cells->len; cell++)
        spm_host_xml_format_cell(xml, cell, cells);
    for (guint way = 0; way < xml->cpus * xml->cells->len; way++) {
        guint initiator = way / xml->cells->len, target = way % xml->cells->len;

        spm_host_xml_format_access(spm_host_xml_access(xml, initiator, target), initiator, target,
                                   interconnects);
    }
    if (interconnects->len)
        g_string_append_printf(cells, "%s<interconnects>\n%s%s</interconnects>\n", indent, interconnects->str,
                               indent);
    return g_strdup_printf(
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
        "    <numa>\n%s    </numa>\n"
        "  </cpu>\n"
        "  <devices>\n%s  </devices>\n"
        "</domain>\n",
        xml->size + xml->cpus * (gint64)SPM_MIB, xml->cpus, cells->str, xml->devices->str);
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
    SpmHostXml xml = { json_object_get_array_member(host, "nodes"), cells, 0, 0, devices };

    spm_host_xml_add_cpus(&xml);
    spm_host_xml_add_devices(&xml, json_object_get_array_member(host, "devices"));
    if (xml.size)
        return spm_host_xml_format(&xml);
    g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                "no dax device is free for a guest; virt-spm host lists the devices");
    return NULL;
}
