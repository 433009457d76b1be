/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's command line for specific purpose memory, as libvirt emits it. */

#pragma once

#include "qemu_spm_caps.h"

GStrv spm_qemu_argv(const SpmDomainDef *def, const SpmQemuOptions *options);
