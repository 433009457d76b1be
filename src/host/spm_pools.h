/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain has which of the host's devices as its memory, and the pools from which they are chosen. */

#pragma once

#include "host/spm_settings.h"
#include "spm_translate.h"

gboolean spm_pools_take(const SpmSettings *settings, const char *domain, const GPtrArray *sources,
                        GError **error);
void spm_pools_adopt_running(void);
void spm_pools_release(const char *domain);
