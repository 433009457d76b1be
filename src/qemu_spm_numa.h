/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's options for the cells that libvirt is not given, with their distances and HMAT. */

#pragma once

#include "spm_domain_conf.h"

void spm_qemu_numa_validate(const SpmDomainDef *def, guint stock_cells, SpmFaults *faults);
GPtrArray *spm_qemu_numa_arguments(const SpmDomainDef *def, guint stock_cells);
gboolean spm_qemu_numa_read(SpmDomainDef *def, guint stock_cells, const char *option, const char *value);
