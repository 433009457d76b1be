/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answers of emulators, remembered in memory and on disk. */

#pragma once

#include <glib.h>

/* spm_scan_emulator() or spm_probe_emulator(). */
typedef const char *(*SpmProbeAsk)(const char *emulator, GError **error);

const char *spm_probe_recall(const char *emulator);
const char *spm_probe_cached(const char *emulator, SpmProbeAsk ask, GError **error);
