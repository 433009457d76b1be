/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of nodes in libvirt's cpuset syntax: "0-3,^2" is 0, 1 and 3. */

#include "spm_cpuset.h"

#include "spm_number.h"

/**
 * spm_cpuset_is_valid:
 * @text: a set, perhaps
 *
 * Returns: TRUE when it follows the syntax of libvirt's basictypes.rng: numbers, ranges and ^exclusions of
 *   one, separated by commas
 */
gboolean
spm_cpuset_is_valid(const char *text)
{
    return g_regex_match_simple("^([0-9]+(-[0-9]+)?|\\^[0-9]+)(,([0-9]+(-[0-9]+)?|\\^[0-9]+))*$", text, 0, 0);
}

static gboolean
spm_cpuset_apply(const char *cpuset, GArray *nodes)
{
    g_auto(GStrv) parts = g_strsplit(cpuset, ",", -1);

    for (char **part = parts; *part; part++) {
        const char *text = g_strstrip(*part);
        gboolean add = *text != '^';
        g_auto(GStrv) ends = g_strsplit(add ? text : text + 1, "-", 2);
        guint64 first, last;

        if (!ends[0] || !spm_parse_number(ends[0], 10, 16383, &first) ||
            !spm_parse_number(ends[1] ? ends[1] : ends[0], 10, 16383, &last))
            return FALSE;
        if (last >= nodes->len)
            g_array_set_size(nodes, (guint)last + 1);
        for (guint64 node = first; node <= last; node++)
            g_array_index(nodes, gboolean, node) = add;
    }
    return TRUE;
}

/**
 * spm_cpuset_parse:
 * @cpuset: (nullable): a set
 *
 * Returns: (transfer full): an array of gboolean whose element N is TRUE when N is in the set; empty when
 *   @cpuset is none
 */
GArray *
spm_cpuset_parse(const char *cpuset)
{
    g_autoptr(GArray) nodes = g_array_new(FALSE, TRUE, sizeof(gboolean));

    if (!cpuset || !spm_cpuset_apply(cpuset, nodes))
        g_array_set_size(nodes, 0);
    return g_steal_pointer(&nodes);
}

/**
 * spm_cpuset_contains:
 * @cpuset: a set
 * @node: a number
 *
 * Returns: TRUE when @node is in the set
 */
gboolean
spm_cpuset_contains(const char *cpuset, unsigned int node)
{
    g_autoptr(GArray) nodes = spm_cpuset_parse(cpuset);

    return node < nodes->len && g_array_index(nodes, gboolean, node);
}
