/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call-libvirt FUNCTION TYPE FLAGS < XML: call one function of libvirt.so.0, as a program that loads it
 * at run time does, and print what comes back and the LD_PRELOAD that a child would inherit. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt.h>

#define SPM_INTERPOSED(type, name, parameters) typedef type(*name##_function) parameters;
#define SPM_CALLED(type, name, parameters)
#define SPM_OPTIONAL(type, name, parameters)
#include "preload/symbols.h"

#define IS(name) (strcmp(function, #name) == 0)
#define CALL(name) ((name##_function)find(library, #name))

/* The first definition in the program's own scope, which is the plugin's if that is preloaded. */
static void *
find(void *library, const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    return symbol ? symbol : dlsym(library, name);
}

static const char *
call(void *library, const char *function, void *type, char *xml, unsigned int flags)
{
    if (IS(virDomainDefineXML))
        return (const char *)CALL(virDomainDefineXML)(type, xml);
    if (IS(virDomainDefineXMLFlags))
        return (const char *)CALL(virDomainDefineXMLFlags)(type, xml, flags);
    if (IS(virDomainCreateXML))
        return (const char *)CALL(virDomainCreateXML)(type, xml, flags);
    if (IS(virDomainCreateXMLWithFiles))
        return (const char *)CALL(virDomainCreateXMLWithFiles)(type, xml, 0, NULL, flags);
    if (IS(virDomainCreateLinux))
        return (const char *)CALL(virDomainCreateLinux)(type, xml, flags);
    if (IS(virConnectDomainXMLToNative))
        return CALL(virConnectDomainXMLToNative)(type, "qemu-argv", xml, flags);
    if (IS(virDomainGetXMLDesc))
        return CALL(virDomainGetXMLDesc)((virDomainPtr)xml, flags);
    fprintf(stderr, "call-libvirt: no function '%s'\n", function);
    exit(2);
}

int
main(int argc, char **argv)
{
    static char xml[1 << 20];
    void *library = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    const char *result;

    if (argc != 4 || !library || fread(xml, 1, sizeof(xml) - 1, stdin) == 0) {
        fprintf(stderr, "call-libvirt: %s\n", library ? "usage" : dlerror());
        return 2;
    }
    result = call(library, argv[1], argv[2], xml, (unsigned int)strtoul(argv[3], NULL, 0));
    printf("result: %s\n", result ? result : "(null)");
    printf("LD_PRELOAD: %s\n", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "(none)");
    return 0;
}
