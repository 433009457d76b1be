/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An emulator that does what a script says: the file beside it whose name ends in ".sh". It is a program of
 * its own, as answers of scripts are not remembered. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    char **args = calloc((size_t)argc + 2, sizeof(*args));
    char script[4096];

    if (!args)
        return 127;
    snprintf(script, sizeof(script), "%s.sh", argv[0]);
    args[0] = (char *)"sh";
    args[1] = script;
    for (int i = 1; i < argc; i++)
        args[i + 1] = argv[i];
    execv("/bin/sh", args);
    return 127;
}
