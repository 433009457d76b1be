/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parse <memory model='spm'>. */

#pragma once

#include "spm_domain_conf.h"

gboolean spm_memory_node_is_spm(xmlNodePtr node);
SpmMemoryDef *spm_memory_def_parse(xmlNodePtr node, SpmFaults *faults);
void spm_memory_def_free(gpointer data);
const char *spm_access_to_string(SpmAccess access);
SpmAccess spm_access_from_string(const char *text);
const char *spm_tristate_to_string(SpmTristate value);
SpmTristate spm_tristate_from_string(const char *text);
