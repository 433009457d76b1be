/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refuse what QEMU could not start or the chosen libvirt could not carry to it. */

#pragma once

#include "qemu_spm_caps.h"

void spm_qemu_validate(const SpmDomainDef *def, const SpmQemuOptions *options, SpmFaults *faults);
