/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded before the plugin, this makes it leak a little: LEAKED bytes for each document that it frees.
 * It shows that a test would notice a leak. */

#define _GNU_SOURCE /* dladdr, RTLD_NEXT */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define LEAKED 16

void xmlFreeDoc(void *doc);

void
xmlFreeDoc(void *doc)
{
    void (*next)(void *);
    void *symbol = dlsym(RTLD_NEXT, "xmlFreeDoc");
    Dl_info caller;

    if (dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "/libvirt-spm.so")) {
        /* the compiler may leave out an allocation that nobody uses */
        volatile char *lost = malloc(LEAKED);

        for (int i = 0; lost && i < LEAKED; i++)
            lost[i] = 1;
    }
    memcpy(&next, &symbol, sizeof(next));
    next(doc);
}
