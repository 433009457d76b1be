/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's memory as JSON, and the same as text for people. */

#include "host/spm_host.h"

#include <string.h>

/**
 * spm_host_format_json:
 * @host: what spm_host_read() returned
 *
 * Returns: (transfer full): it as a document
 */
char *
spm_host_format_json(JsonObject *host)
{
    g_autoptr(JsonNode) root = json_node_init_object(json_node_alloc(), host);
    g_autofree char *text = json_to_string(root, TRUE);

    return g_strconcat(text, "\n", NULL);
}

/* A number of bytes in the largest unit in which it is whole. */
static void
spm_host_text_add_size(GString *out, gint64 bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    guint unit = 0;

    for (; bytes && bytes % 1024 == 0 && unit + 1 < G_N_ELEMENTS(units); unit++)
        bytes /= 1024;
    g_string_append_printf(out, "%" G_GINT64_FORMAT " %s", bytes, units[unit]);
}

static void
spm_host_text_add_number(GString *out, const char *name, gint64 value)
{
    if (strcmp(name, "size") == 0 || strcmp(name, "align") == 0)
        spm_host_text_add_size(out, value);
    else if (strcmp(name, "start") == 0)
        g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x", value);
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", value,
                               g_str_has_suffix(name, "_bandwidth") ? " MiB/s"
                               : g_str_has_suffix(name, "_latency") ? " ns"
                                                                    : "");
}

static void
spm_host_text_add_value(GString *out, const char *name, JsonNode *node)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();

    if (JSON_NODE_HOLDS_NULL(node)) {
        g_string_append(out, strcmp(name, "driver") == 0 ? "none" : "unknown");
    } else if (json_node_get_value_type(node) == G_TYPE_INT64) {
        spm_host_text_add_number(out, name, json_node_get_int(node));
    } else if (json_node_get_value_type(node) == G_TYPE_BOOLEAN) {
        g_string_append(out, json_node_get_boolean(node) ? "yes" : "no");
    } else {
        /* clients choose the names of domains: a fault's message shortens it and makes it printable */
        spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "'%s'", json_node_get_string(node));
        g_string_append(out, spm_faults_get(faults, 0)->message);
    }
}

static void spm_host_text_add_object(GString *out, JsonObject *object, guint depth);

/* Appends an array in a line, or in lines for each of its objects. */
static void
spm_host_text_add_array(GString *out, const char *name, JsonArray *array, guint depth)
{
    guint length = json_array_get_length(array);
    gboolean objects = length && JSON_NODE_HOLDS_OBJECT(json_array_get_element(array, 0));

    g_string_append_printf(out, "%*s%s:%s", (int)depth, "", name, objects ? "\n" : length ? "" : " none");
    for (guint i = 0; i < length; i++) {
        g_string_append_printf(out, "%*s", objects ? (int)depth + 2 : 1, "");
        if (objects)
            spm_host_text_add_object(out, json_array_get_object_element(array, i), depth + 4);
        else
            spm_host_text_add_value(out, name, json_array_get_element(array, i));
    }
    if (!objects)
        g_string_append_c(out, '\n');
}

/* Appends the values in a line, and below it, at that depth, what has values of its own. */
static void
spm_host_text_add_object(GString *out, JsonObject *object, guint depth)
{
    g_autoptr(GList) names = json_object_get_members(object);
    g_autoptr(GString) below = g_string_new(NULL);
    const char *separator = "";

    for (GList *name = names; name; name = name->next) {
        JsonNode *node = json_object_get_member(object, name->data);

        if (JSON_NODE_HOLDS_ARRAY(node)) {
            spm_host_text_add_array(below, name->data, json_node_get_array(node), depth);
        } else if (JSON_NODE_HOLDS_OBJECT(node)) {
            g_string_append_printf(below, "%*s%s: ", (int)depth, "", (char *)name->data);
            spm_host_text_add_object(below, json_node_get_object(node), depth + 2);
        } else {
            g_string_append_printf(out, "%s%s ", separator, (char *)name->data);
            spm_host_text_add_value(out, name->data, node);
            separator = ", ";
        }
    }
    if (depth)
        g_string_append_c(out, '\n');
    g_string_append(out, below->str);
}

/**
 * spm_host_format_text:
 * @host: what spm_host_read() returned
 *
 * Returns: (transfer full): it in lines for people
 */
char *
spm_host_format_text(JsonObject *host)
{
    GString *out = g_string_new(NULL);

    spm_host_text_add_object(out, host, 0);
    return g_string_free(out, FALSE);
}
