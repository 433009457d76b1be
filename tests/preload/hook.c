/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hook [prepare DOMAIN FILE | release DOMAIN | other DOMAIN | link PATH | present DRIVER]...: call libvirt's
 * functions for hooks as its QEMU driver does, with the plugin and a fake libvirt preloaded, and print what
 * they return. */

#define _GNU_SOURCE /* RTLD_DEFAULT */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QEMU 1
#define START 0
#define PREPARE 2
#define RELEASE 3

typedef int (*Call)(int driver, const char *id, int op, int sub_op, const char *extra, const char *input,
                    char **output);
typedef int (*Present)(int driver);

static char xml[1 << 20];

static const char *
contents(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(xml, 1, sizeof(xml) - 1, file) : 0;

    if (!file || length == 0)
        exit(2);
    xml[length] = '\0';
    fclose(file);
    return xml;
}

static void
show_link(const char *path)
{
    char target[4096];
    ssize_t length = readlink(path, target, sizeof(target));

    printf("link: %.*s\n", length < 0 ? 4 : (int)length, length < 0 ? "none" : target);
}

int
main(int argc, char **argv)
{
    Call call = (Call)dlsym(RTLD_DEFAULT, "virHookCall");
    Present present = (Present)dlsym(RTLD_DEFAULT, "virHookPresent");
    char *output = argv[0];

    for (int i = 1; i + 1 < argc; i += 2) {
        const char *what = argv[i], *domain = argv[i + 1];

        if (strcmp(what, "link") == 0) {
            show_link(domain);
        } else if (strcmp(what, "present") == 0) {
            printf("present: %d\n", present(atoi(domain)));
        } else if (strcmp(what, "prepare") == 0) {
            if (present(QEMU))
                printf("prepare: %d\n", call(QEMU, domain, PREPARE, 1, NULL, contents(argv[i + 2]), NULL));
            i++;
        } else {
            printf("%s: %d\n", what,
                   call(QEMU, domain, strcmp(what, "release") == 0 ? RELEASE : START, 2, NULL, "", &output));
            if (output)
                printf("output: %s\n", output);
        }
    }
    return 0;
}
