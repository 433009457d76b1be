/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a fuzz target defines: libFuzzer calls it with generated documents, replay.c with given ones.
 *
 *   CC=clang meson setup -Dfuzz=enabled -Db_sanitize=address,undefined -Db_lundef=false build-fuzz
 *   ninja -C build-fuzz tests/fuzz-format tests/fuzz-translate tests/fuzz-expand tests/fuzz-preload
 *   mkdir found
 *   build-fuzz/tests/fuzz-translate -dict=tests/fuzz/dictionary -max_len=4096 -max_total_time=1800 \
 *       found tests/fuzz/corpus tests/qemuxml2argvdata
 *
 * The target for requests has a corpus of its own, tests/fuzz/corpus-expand, and tests/expanddata.
 *
 * The target for the plugin has inputs of its own kind, and a slow or greedy one is a finding as well:
 *
 *   build-fuzz/tests/fuzz-preload -dict=tests/fuzz/dictionary -max_len=32768 -max_total_time=1800 \
 *       -timeout=2 -rss_limit_mb=2048 -malloc_limit_mb=512 found tests/fuzz/corpus-preload
 *
 * The corpus is what such runs found, cut down to a file for each branch, and is replayed by
 * tests/test_property.py, with limits of the same kind (replay.c):
 *
 *   build-fuzz/tests/fuzz-translate -set_cover_merge=1 -use_counters=0 NEW found tests/fuzz/corpus */

#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "check_laws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program by SIGABRT, which libFuzzer takes for a finding. g_error() would end it by SIGTRAP. */
static inline void
spm_fuzz_fail(const char *law)
{
    fprintf(stderr, "broken: %s\n", law);
    abort();
}
