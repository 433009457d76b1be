/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device for specific purpose memory an emulator has. */

#pragma once

#include "spm_error.h"

/* How long an emulator may take to answer. */
#define SPM_PROBE_MILLISECONDS 10000

char *spm_probe_run(const char *emulator, const char *option, const char *value, int milliseconds,
                    GError **error);
const char *spm_probe_emulator(const char *emulator, GError **error);
