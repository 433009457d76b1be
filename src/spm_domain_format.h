/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Write a definition back into its document. */

#pragma once

#include "spm_domain_conf.h"

xmlNodePtr spm_numa_find_end_of_cells(xmlNodePtr numa);
xmlNodePtr spm_numa_add_cell(xmlNodePtr numa, xmlNodePtr end, unsigned int id, const char *cpus,
                             guint64 memory);
xmlNodePtr spm_memory_def_format(const SpmMemoryDef *spm, const char *model);
void spm_memory_def_replace(SpmMemoryDef *spm, xmlNodePtr node);
void spm_domain_def_format_domain(SpmDomainDef *def);
void spm_domain_def_format(SpmDomainDef *def);
