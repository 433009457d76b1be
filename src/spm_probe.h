/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device for specific purpose memory an emulator has. */

#pragma once

#include <glib.h>

#include "spm_error.h"

const char *spm_probe_parse(const char *help);
const char *spm_probe_emulator(const char *emulator, GError **error);
