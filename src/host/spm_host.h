/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory that this host can give to guests, and who uses it. */

#pragma once

#include <json-glib/json-glib.h>

#include "spm_error.h"

JsonObject *spm_host_read(const char *root, SpmFaults *faults, GError **error);
gint64 spm_host_number(JsonObject *object, const char *name);

char *spm_host_format_json(JsonObject *host);
char *spm_host_format_text(JsonObject *host);
char *spm_host_format_xml(JsonObject *host, GError **error);
