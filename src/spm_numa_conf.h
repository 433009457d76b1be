/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The distances between a domain's cells, their memory-side caches, latencies and bandwidths. */

#pragma once

#include "spm_domain_conf.h"

/* The spellings of the choices in XML. */
extern const char *const spm_numa_associativity_names[];
extern const char *const spm_numa_policy_names[];
extern const char *const spm_numa_access_names[];

/* Levels of caches. */
#define SPM_NUMA_LEVELS 3
/* The distance of a cell to itself. */
#define SPM_NUMA_LOCAL 10

void spm_numa_def_init(SpmNumaDef *numa);
void spm_numa_def_clear(SpmNumaDef *numa);
gboolean spm_numa_def_is_empty(const SpmNumaDef *numa);
void spm_numa_def_parse(SpmDomainDef *def);
void spm_numa_def_check(SpmDomainDef *def);
gboolean spm_numa_link_reaches(const SpmNumaLink *link, guint first);
void spm_numa_def_format(SpmDomainDef *def);
void spm_numa_def_remove(SpmDomainDef *def, guint first);
