/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and sizes as libvirt's documents have them. */

#pragma once

#include <glib.h>

#define SPM_KIB G_GUINT64_CONSTANT(1024)
#define SPM_MIB (SPM_KIB * 1024)
#define SPM_GIB (SPM_MIB * 1024)

/* How an address is written, a guint64. */
#define SPM_HEX "0x%" G_GINT64_MODIFIER "x"

gboolean spm_parse_number(const char *text, guint base, guint64 max, guint64 *value);
gboolean spm_parse_bytes(const char *value, const char *unit, guint64 *bytes);
gboolean spm_parse_size(const char *value, const char *unit, guint64 *kib);
