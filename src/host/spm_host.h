/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory that this host can give to guests, and who uses it. */

#pragma once

#include <json-glib/json-glib.h>

#include "spm_error.h"

/* A number of what spm_host_read() returned, or -1 when it is not known. */
#define spm_host_number(object, name) json_object_get_int_member_with_default(object, name, -1)

JsonObject *spm_host_read(const char *root, SpmFaults *faults, GError **error);
char *spm_host_format_json(JsonObject *host);
char *spm_host_format_text(JsonObject *host);
char *spm_host_format_xml(JsonObject *host, GError **error);
