/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Write a definition back into its document. */

#pragma once

#include "spm_domain_conf.h"

void spm_domain_def_format(SpmDomainDef *def);
