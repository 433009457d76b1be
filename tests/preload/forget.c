/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded, this takes everything out of LD_PRELOAD, so that the emulators of a daemon under
 * AddressSanitizer run without it: QEMU forks after it has started threads, and can then wait for a lock of
 * the sanitizer's forever. */

#include <stdlib.h>

static void __attribute__((constructor)) forget(void)
{
    unsetenv("LD_PRELOAD");
}
