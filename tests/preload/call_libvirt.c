/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call-libvirt FUNCTION TYPE FLAGS [DOMAIN] < XML: call one function of libvirt.so.0, as a program that loads
 * it at run time does, and print what comes back and the LD_PRELOAD that a child would inherit.
 *
 * TYPE is the connection's; DOMAIN a file with the XML that the domain has. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (1 << 20)

static void *library;

static void *find(const char *name);

#define CALL_FIND(name) ((name##_function)find(#name))
#include "call.h"

/* The first definition in the program's own scope, which is the plugin's if that is preloaded. */
static void *
find(const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    return symbol ? symbol : dlsym(library, name);
}

static void
read_all(FILE *file, char *buffer)
{
    if (!file || fread(buffer, 1, SIZE - 1, file) == 0) {
        perror("call-libvirt");
        exit(2);
    }
}

int
main(int argc, char **argv)
{
    static char xml[SIZE], domain[SIZE] = "<domain/>\n";
    Call call = { .xml = xml, .domain = domain };
    const char *result;

    library = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    if (argc < 4 || !library) {
        fprintf(stderr, "call-libvirt: %s\n", library ? "usage" : dlerror());
        return 2;
    }
    call.function = argv[1];
    call.conn = argv[2];
    call.flags = (unsigned int)strtoul(argv[3], NULL, 0);
    read_all(stdin, xml);
    if (argc > 4)
        read_all(fopen(argv[4], "r"), domain);
    result = call_function(&call);
    printf("result: %s\n", result ? result : "(null)");
    printf("LD_PRELOAD: %s\n", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "(none)");
    return 0;
}
