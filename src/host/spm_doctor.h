/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be wrong on a host between domain XML and a guest that sees SPM. */

#pragma once

#include <glib.h>

gboolean spm_doctor_examine(const char *root, const char *emulator, GString *report);
