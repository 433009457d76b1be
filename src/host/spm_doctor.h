/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks for everything on a host that keeps a guest from seeing the SPM in its domain XML. */

#pragma once

#include <glib.h>

gboolean spm_doctor_examine(const char *root, const char *emulator, GString *report);
