/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading files that may be hostile. */

#pragma once

#include <glib.h>

GPtrArray *spm_file_list(const char *folder, const char *suffix, GError **error);
gssize spm_file_fill(int fd, void *buffer, gsize len);
GBytes *spm_file_read(const char *path, gsize max, GError **error);
