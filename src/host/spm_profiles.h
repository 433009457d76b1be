/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The administrator's profiles: the files in spm.d, next to spm.conf. */

#pragma once

#include "spm_request.h"

char *spm_profiles_path(void);
void spm_profiles_load(const char *folder, SpmProfiles *profiles, SpmFaults *faults);
void spm_profiles_clear(SpmProfiles *profiles);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmProfiles, spm_profiles_clear)
