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

/* The spellings of SpmAccess and SpmTristate in XML; "not given" has none. */
extern const char *const spm_access_names[];
extern const char *const spm_tristate_names[];
unsigned int spm_choice_from_string(const char *const *names, const char *text);
