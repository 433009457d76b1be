/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a fuzz target defines: libFuzzer calls it with generated documents, replay.c with given ones.
 *
 *   CC=clang meson setup -Dfuzz=enabled -Db_sanitize=address,undefined -Db_lundef=false build-fuzz
 *   ninja -C build-fuzz tests/fuzz-format tests/fuzz-translate
 *   mkdir found
 *   build-fuzz/tests/fuzz-translate -dict=tests/fuzz/dictionary -max_len=4096 -max_total_time=1800 \
 *       found tests/fuzz/corpus tests/qemuxml2argvdata
 *
 * The corpus is what such runs found, cut down to a file for each branch, and is replayed by
 * tests/test_property.py:
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
