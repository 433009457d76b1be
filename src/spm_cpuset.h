/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of nodes in libvirt's cpuset syntax: "0-3,^2" is 0, 1 and 3. */

#pragma once

#include <glib.h>

gboolean spm_cpuset_is_valid(const char *text);
GArray *spm_cpuset_parse(const char *cpuset);
gboolean spm_cpuset_contains(const char *cpuset, unsigned int node);
