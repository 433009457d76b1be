/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill in the defaults of a domain's spm elements. */

#pragma once

#include "spm_domain_conf.h"

void spm_domain_def_post_parse(SpmDomainDef *def);
