/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Not a target: what takes too much, so that a test sees replay.c end it. */

#include <string.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* More than replay.c allows, and no more than a slow machine fills in the time that it allows. */
    const gsize much = (gsize)576 << 20;

    if (size && data[0] == 'm') {
        void *memory = memset(g_malloc(much), 1, much);

        /* or the compiler leaves both out */
        __asm__ volatile("" : : "r"(memory) : "memory");
        g_free(memory);
    }
    while (size && data[0] == 't')
        __asm__ volatile("");
    return 0;
}
