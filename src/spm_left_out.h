/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a document says of cells that libvirt is not given, besides their ids. */

#pragma once

#include "qemu_spm_caps.h"
#include "spm_cpuset.h"

typedef struct SpmLeftOut SpmLeftOut;

void spm_left_out_take(const SpmDomainDef *def, const SpmQemuOptions *options, xmlNodePtr commandline);

SpmLeftOut *spm_left_out_read(xmlNodePtr domain);
void spm_left_out_free(SpmLeftOut *left_out);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmLeftOut, spm_left_out_free)
void spm_left_out_restore(const SpmLeftOut *left_out, xmlNodePtr domain, const SpmCpuset *back,
                          const GPtrArray *memories, GHashTable *emptied);
