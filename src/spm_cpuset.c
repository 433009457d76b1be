/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of nodes or CPUs in libvirt's cpuset syntax: "0-3,^2" is 0, 1 and 3.
 *
 * The parser is written by hand and takes one pass, because regular expressions recurse as deep as their
 * match is long. */

#include "spm_cpuset.h"

#include <string.h>

#define SPM_BLANKS " \t\r\n\v\f"

/* One part of a set: a number or a range; with ^ it is excluded. */
typedef struct {
    gboolean exclude, range;
    guint first, last; /* SPM_CPUSET_NODES: too large */
} SpmCpusetPart;

static gboolean
spm_cpuset_scan_number(const char **text, guint *number)
{
    const char *c = *text;

    *number = 0;
    for (; g_ascii_isdigit(*c); c++)
        *number = MIN(*number * 10 + (guint)(*c - '0'), SPM_CPUSET_NODES);
    if (c == *text)
        return FALSE;
    *text = c;
    return TRUE;
}

/* Reads one part, in which @blanks are allowed. Returns FALSE when @text does not begin with a part. */
static gboolean
spm_cpuset_scan_part(const char **text, const char *blanks, SpmCpusetPart *part)
{
    *text += strspn(*text, blanks);
    part->exclude = **text == '^';
    *text += part->exclude;
    *text += strspn(*text, blanks);
    if (!spm_cpuset_scan_number(text, &part->first))
        return FALSE;
    part->last = part->first;
    *text += strspn(*text, blanks);
    part->range = **text == '-';
    if (part->range) {
        (*text)++;
        *text += strspn(*text, blanks);
        if (!spm_cpuset_scan_number(text, &part->last))
            return FALSE;
        *text += strspn(*text, blanks);
    }
    return **text == ',' || !**text;
}

/**
 * spm_cpuset_is_valid:
 * @text: a text that may be a set
 *
 * Returns: TRUE when it follows the syntax of libvirt's basictypes.rng: numbers, ranges and ^exclusions of
 *   one, separated by commas
 */
gboolean
spm_cpuset_is_valid(const char *text)
{
    SpmCpusetPart part;

    while (spm_cpuset_scan_part(&text, "", &part) && !(part.exclude && part.range)) {
        if (!*text++)
            return TRUE;
    }
    return FALSE;
}

/* Sets the bits of @part, whole bytes at a time. */
static void
spm_cpuset_apply(SpmCpuset *set, const SpmCpusetPart *part)
{
    guint node = part->first;

    while (node <= part->last) {
        guint8 *byte = &set->bytes[node / 8];

        if (node % 8 == 0 && node + 7 <= part->last) {
            guint count = (part->last + 1 - node) / 8;

            memset(byte, part->exclude ? 0 : 0xff, count);
            node += count * 8;
            continue;
        }
        *byte = (guint8)(part->exclude ? *byte & ~(1U << node % 8) : *byte | 1U << node % 8);
        node++;
    }
}

/**
 * spm_cpuset_parse:
 * @text: (nullable): a set, which may have blanks around its numbers
 * @set: (out): its numbers; none without @text, if @text is not a set, or if libvirt refuses one of its
 * numbers
 */
void
spm_cpuset_parse(const char *text, SpmCpuset *set)
{
    SpmCpusetPart part;

    memset(set, 0, sizeof(*set));
    while (text && spm_cpuset_scan_part(&text, SPM_BLANKS, &part) && part.first < SPM_CPUSET_NODES &&
           part.last < SPM_CPUSET_NODES) {
        spm_cpuset_apply(set, &part);
        if (!*text++)
            return;
    }
    memset(set, 0, sizeof(*set));
}

/**
 * spm_cpuset_contains:
 * @set: a set
 * @node: a number
 *
 * Returns: TRUE when @node is in the set
 */
gboolean
spm_cpuset_contains(const SpmCpuset *set, guint node)
{
    return node < SPM_CPUSET_NODES && set->bytes[node / 8] & 1U << node % 8;
}

/**
 * spm_cpuset_is_empty:
 * @set: a set
 *
 * Returns: TRUE when no number is in the set
 */
gboolean
spm_cpuset_is_empty(const SpmCpuset *set)
{
    for (guint i = 0; i < G_N_ELEMENTS(set->bytes); i++) {
        if (set->bytes[i])
            return FALSE;
    }
    return TRUE;
}

/**
 * spm_cpuset_remove:
 * @set: a set
 * @node: a number below SPM_CPUSET_NODES, which is taken out
 */
void
spm_cpuset_remove(SpmCpuset *set, guint node)
{
    set->bytes[node / 8] = (guint8)(set->bytes[node / 8] & ~(1U << node % 8));
}

/**
 * spm_cpuset_add:
 * @set: a set
 * @node: a number below SPM_CPUSET_NODES, which is put in
 */
void
spm_cpuset_add(SpmCpuset *set, guint node)
{
    set->bytes[node / 8] = (guint8)(set->bytes[node / 8] | 1U << node % 8);
}

/**
 * spm_cpuset_unite:
 * @set: a set, into which all numbers of @other are put
 * @other: a set
 */
void
spm_cpuset_unite(SpmCpuset *set, const SpmCpuset *other)
{
    for (gsize i = 0; i < sizeof(set->bytes); i++)
        set->bytes[i] |= other->bytes[i];
}

/**
 * spm_cpuset_is_within:
 * @set: a set
 * @other: a set
 *
 * Returns: TRUE when each number of @set is in @other as well
 */
gboolean
spm_cpuset_is_within(const SpmCpuset *set, const SpmCpuset *other)
{
    for (gsize i = 0; i < sizeof(set->bytes); i++) {
        if (set->bytes[i] & ~other->bytes[i])
            return FALSE;
    }
    return TRUE;
}

/**
 * spm_cpuset_format:
 * @set: a set
 *
 * Returns: (transfer full): the set in libvirt's own style: "0-1,3"; "" for none
 */
char *
spm_cpuset_format(const SpmCpuset *set)
{
    GString *text = g_string_new(NULL);

    for (guint node = 0; node < SPM_CPUSET_NODES; node++) {
        guint first = node;

        if (!set->bytes[node / 8]) {
            node |= 7; /* none of this byte */
            continue;
        }
        if (!spm_cpuset_contains(set, node))
            continue;
        while (spm_cpuset_contains(set, node + 1))
            node++;
        g_string_append_printf(text, text->len ? ",%u" : "%u", first);
        if (node > first)
            g_string_append_printf(text, "-%u", node);
    }
    return g_string_free(text, FALSE);
}

/**
 * spm_cpuset_count:
 * @set: a set
 *
 * Returns: how many numbers are in the set
 */
guint
spm_cpuset_count(const SpmCpuset *set)
{
    guint count = 0;

    for (gsize i = 0; i < sizeof(set->bytes); i++)
        count += (guint)__builtin_popcount(set->bytes[i]);
    return count;
}
