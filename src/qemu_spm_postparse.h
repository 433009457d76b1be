/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill in what QEMU's placement of SPM requires. */

#pragma once

#include "qemu_spm_caps.h"

gboolean spm_qemu_needs_cell(const SpmDomainDef *def, const SpmQemuOptions *options, guint cells);
void spm_qemu_post_parse(SpmDomainDef *def, const SpmQemuOptions *options);
