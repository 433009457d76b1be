/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answers of emulators, remembered in memory and on disk. */

#pragma once

#include <glib.h>

const char *spm_probe_recall(const char *emulator);
const char *spm_probe_cached(const char *emulator, GError **error);
