/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay FILE...: give files to a fuzz target, without a fuzzer. */

#include <stdio.h>

#include "fuzz.h"

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
        LLVMFuzzerTestOneInput((const uint8_t *)text, size);
    }
    return 0;
}
