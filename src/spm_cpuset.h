/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of nodes or CPUs in libvirt's cpuset syntax: "0-3,^2" is 0, 1 and 3. */

#pragma once

#include <glib.h>

/* libvirt's own limit (VIR_DOMAIN_CPUMASK_LEN). */
#define SPM_CPUSET_NODES 16384

/* Bit N % 8 of byte N / 8 says whether N is in the set. */
typedef struct {
    guint8 bytes[SPM_CPUSET_NODES / 8];
} SpmCpuset;

gboolean spm_cpuset_is_valid(const char *text);
void spm_cpuset_parse(const char *text, SpmCpuset *set);
guint spm_cpuset_count(const SpmCpuset *set);
gboolean spm_cpuset_contains(const SpmCpuset *set, guint node);
gboolean spm_cpuset_is_empty(const SpmCpuset *set);
void spm_cpuset_remove(SpmCpuset *set, guint node);
void spm_cpuset_add(SpmCpuset *set, guint node);
void spm_cpuset_unite(SpmCpuset *set, const SpmCpuset *other);
gboolean spm_cpuset_is_within(const SpmCpuset *set, const SpmCpuset *other);
char *spm_cpuset_format(const SpmCpuset *set);
