/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Not a target: what takes too much, so that a test sees replay.c end it. */

#include <string.h>
#include <sys/time.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const gsize much = (gsize)1 << 30;

    if (size && data[0] == 'm') {
        const struct itimerval unlimited = { 0 };
        void *memory;

        /* A slow machine has not filled it when the time is over. */
        setitimer(ITIMER_PROF, &unlimited, NULL);
        memory = memset(g_malloc(much), 1, much);
        /* or the compiler leaves both out */
        __asm__ volatile("" : : "r"(memory) : "memory");
        g_free(memory);
    }
    while (size && data[0] == 't')
        __asm__ volatile("");
    return 0;
}
