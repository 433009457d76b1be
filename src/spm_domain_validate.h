/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Refuse a domain that parses but could not work with any hypervisor. */

#pragma once

#include "spm_domain_conf.h"

void spm_domain_def_validate(const SpmDomainDef *def, SpmFaults *faults);
