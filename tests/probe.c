/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probe EMULATOR MILLISECONDS: what the emulator answers to "-device help" within that time. Without
 * arguments, the time that virt-spm and the module give it. */

#include <stdio.h>
#include <stdlib.h>

#include "host/spm_probe.h"

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;

    if (argc != 3) {
        printf("%d\n", SPM_PROBE_MILLISECONDS);
        return 0;
    }
    output = spm_probe_run(argv[1], "-device", "help", atoi(argv[2]), &error);
    if (!output) {
        fprintf(stderr, "%s\n", error->message);
        return 3;
    }
    fputs(output, stdout);
    return 0;
}
