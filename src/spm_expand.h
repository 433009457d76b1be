/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expansion: gives a domain the SPM that it requests. */

#pragma once

#include "qemu_spm_caps.h"
#include "spm_request.h"

gboolean spm_expand_concerns(const char *xml, const SpmProfiles *profiles);
gboolean spm_expand_doc(xmlDocPtr doc, const SpmProfiles *profiles, const SpmQemuOptions *options,
                        gboolean leftovers, SpmFaults *faults);
