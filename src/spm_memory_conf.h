/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parse <memory model='spm'>. */

#pragma once

#include "spm_domain_conf.h"

/* The folder of the links from domains to the devices of pools. It is in /dev so that libvirt makes the link
 * and its device in the private /dev of an emulator. */
#define SPM_POOL_LINKS "/dev/libvirt-spm/"

gboolean spm_memory_is_pool_name(const char *name);
char *spm_memory_pool_link(const char *pool, const char *domain, const char *alias);
gboolean spm_memory_pool_of_link(const char *path, char **pool);
gboolean spm_memory_node_is_spm(xmlNodePtr node);
SpmMemoryDef *spm_memory_def_parse(xmlNodePtr node, SpmFaults *faults);
void spm_memory_def_free(gpointer data);
const char *spm_access_to_string(SpmAccess access);
SpmAccess spm_access_from_string(const char *text);
const char *spm_tristate_to_string(SpmTristate value);
SpmTristate spm_tristate_from_string(const char *text);
