/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's command line for specific purpose memory, as libvirt emits it. */

#pragma once

#include "qemu_spm_caps.h"

guint64 spm_qemu_hugepage(const SpmDomainDef *def, unsigned int cell);
GStrv spm_qemu_argv(const SpmDomainDef *def, const SpmQemuOptions *options);
