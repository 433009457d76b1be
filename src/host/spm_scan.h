/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device for specific purpose memory an emulator has, without running it. */

#pragma once

#include "spm_error.h"

gboolean spm_scan_is_program(const char *path);
const char *spm_scan_emulator(const char *emulator, GError **error);
