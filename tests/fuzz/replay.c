/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay FILE...: give files to a fuzz target, without a fuzzer.
 *
 * A slow or greedy input is a finding as well as a crash: each has processor time and memory in proportion to
 * its size, with room for sanitizers, and ends the program when it takes more. */

#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "fuzz.h"

#define MIB ((gsize)1 << 20)

/* Seconds, and seconds for each MiB of the input. */
#define TIME_BASE 3
#define TIME_RATE 10

/* MiB, and MiB for each MiB of the input. AddressSanitizer holds up to 256 MiB back that were freed. */
#define MEMORY_BASE 512
#define MEMORY_RATE 256

/* SIGPROF ends the program when the time is over. */
static void
limit_time(gsize size)
{
    const struct itimerval timer = { .it_value.tv_sec = (time_t)(TIME_BASE + size * TIME_RATE / MIB) };

    setitimer(ITIMER_PROF, &timer, NULL);
}

/* The most memory that this program had, in KiB. getrusage() includes what its parent had when it forked. */
static gsize
peak(void)
{
    g_autofree char *status = NULL;
    const char *line = NULL;

    if (g_file_get_contents("/proc/self/status", &status, NULL, NULL))
        line = strstr(status, "VmHWM:");
    if (!line)
        spm_fuzz_fail("/proc/self/status has VmHWM");
    return (gsize)g_ascii_strtoull(line + strlen("VmHWM:"), NULL, 10);
}

static void
check_memory(gsize size)
{
    if (peak() > 1024 * (MEMORY_BASE + size * MEMORY_RATE / MIB))
        spm_fuzz_fail("memory in proportion to the input");
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        gsize size;

        if (!g_file_get_contents(argv[i], &text, &size, &error)) {
            fprintf(stderr, "replay: %s\n", error->message);
            return 2;
        }
        fprintf(stderr, "%s\n", argv[i]);
        limit_time(size);
        LLVMFuzzerTestOneInput((const uint8_t *)text, size);
        check_memory(size);
    }
    return 0;
}
