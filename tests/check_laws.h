/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The laws of parse, format, translation and expansion, checked on one document in-process. */

#pragma once

#include <glib.h>

/**
 * SpmVerdict:
 * @SPM_VERDICT_OK: all laws hold, byte for byte
 * @SPM_VERDICT_SPACED: they hold up to what an XML reader does not see or libvirt fills in: white space
 *   between elements, the order of attributes and of overrides, spelling and place of a cell without
 *   memory, an empty override, an unused namespace
 * @SPM_VERDICT_UNCHANGED: the document is none of ours and came back as it was
 * @SPM_VERDICT_REFUSED: it was refused with a message
 * @SPM_VERDICT_BROKEN: a law is broken
 */
typedef enum {
    SPM_VERDICT_OK,
    SPM_VERDICT_SPACED,
    SPM_VERDICT_UNCHANGED,
    SPM_VERDICT_REFUSED,
    SPM_VERDICT_BROKEN,
} SpmVerdict;

SpmVerdict spm_check_format(const char *text, char **detail);
gboolean spm_looks_equal(const char *one, const char *other);
SpmVerdict spm_check_expand(const char *text, char **detail);
SpmVerdict spm_check_translate(const char *text, unsigned long libvirt_version, char **detail);
