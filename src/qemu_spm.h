/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's command line for specific purpose memory, as libvirt emits it. */

#pragma once

#include "qemu_spm_caps.h"

/* The pages of <memoryBacking><hugepages>. */
typedef struct _SpmQemuPages SpmQemuPages;

SpmQemuPages *spm_qemu_pages_new(const SpmDomainDef *def);
void spm_qemu_pages_free(SpmQemuPages *pages);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmQemuPages, spm_qemu_pages_free)
guint64 spm_qemu_pages_of(const SpmQemuPages *pages, unsigned int cell);

GStrv spm_qemu_argv(const SpmDomainDef *def, const SpmQemuOptions *options);
