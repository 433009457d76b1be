/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and sizes as libvirt's documents have them. */

#include "spm_number.h"

#include <string.h>

/**
 * spm_parse_number:
 * @text: digits, with white space around them at the most
 * @base: 10, or 16 for digits with or without a leading 0x
 * @max: the largest value that is accepted
 * @value: (out): the number, written on success only
 *
 * Returns: TRUE on success
 */
gboolean
spm_parse_number(const char *text, guint base, guint64 max, guint64 *value)
{
    g_autofree char *digits = g_strstrip(g_strdup(text));
    const char *start = digits;

    if (base == 16 && g_ascii_strncasecmp(start, "0x", 2) == 0)
        start += 2;
    return g_ascii_string_to_unsigned(start, base, 0, max, value, NULL);
}

/* libvirt's units (virScaleInteger): a letter alone or with "iB" counts in 1024s, with "B" in 1000s. */
static gboolean
spm_number_parse_unit(const char *unit, guint64 *scale)
{
    static const char *const bytes[] = { "b", "byte", "bytes", NULL };
    static const char letters[] = "kmgtpe";
    g_autofree char *lower = g_ascii_strdown(unit, -1);
    const char *letter = *lower ? strchr(letters, *lower) : NULL;
    guint64 base = 1024;

    *scale = 1;
    if (!letter)
        return g_strv_contains(bytes, lower);
    if (strcmp(lower + 1, "b") == 0)
        base = 1000;
    else if (lower[1] && strcmp(lower + 1, "ib") != 0)
        return FALSE;
    for (const char *l = letters; l <= letter; l++)
        *scale *= base;
    return TRUE;
}

/**
 * spm_parse_bytes:
 * @value: a whole number
 * @unit: one of libvirt's units
 * @bytes: (out): the size in bytes, at most 2^63 - 1024, written on success only
 *
 * Returns: TRUE on success; FALSE when @value is not a number, @unit is unknown, or the size is too large
 */
gboolean
spm_parse_bytes(const char *value, const char *unit, guint64 *bytes)
{
    guint64 number, scale, product;

    if (!spm_parse_number(value, 10, G_MAXUINT64, &number) || !spm_number_parse_unit(unit, &scale) ||
        !g_uint64_checked_mul(&product, number, scale) || product > G_MAXINT64 - 1023)
        return FALSE;

    *bytes = product;
    return TRUE;
}

/**
 * spm_parse_size:
 * @value: a whole number
 * @unit: (nullable): one of libvirt's units, NULL for KiB
 * @kib: (out): the size in KiB, rounded up as libvirt does, written on success only
 *
 * Returns: TRUE on success; see spm_parse_bytes()
 */
gboolean
spm_parse_size(const char *value, const char *unit, guint64 *kib)
{
    guint64 bytes;

    if (!spm_parse_bytes(value, unit ? unit : "KiB", &bytes))
        return FALSE;

    *kib = bytes / 1024 + (bytes % 1024 != 0);
    return TRUE;
}
