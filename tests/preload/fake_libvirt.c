/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A libvirt.so.0 that prints what it is called with.
 *
 * A connection and a domain are strings: the connection's type, and the XML that the domain has. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt.h>

#define SPM_INTERPOSED(type, name, parameters) type name parameters;
#define SPM_CALLED SPM_INTERPOSED
#define SPM_OPTIONAL SPM_INTERPOSED
#include "preload/symbols.h"

static void *
record(const char *function, const char *xml)
{
    printf("%s:\n%s", function, xml ? xml : "(null)\n");
    return (void *)"domain";
}

virDomainPtr
virDomainDefineXML(virConnectPtr conn, const char *xml)
{
    (void)conn;
    return record(__func__, xml);
}

virDomainPtr
virDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags)
{
    (void)conn;
    (void)flags;
    return record(__func__, xml);
}

virDomainPtr
virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    (void)conn;
    (void)flags;
    return record(__func__, xml);
}

virDomainPtr
virDomainCreateXMLWithFiles(virConnectPtr conn, const char *xml, unsigned int nfiles, int *files,
                            unsigned int flags)
{
    (void)conn;
    (void)nfiles;
    (void)files;
    (void)flags;
    return record(__func__, xml);
}

#ifndef SPM_FAKE_INCOMPLETE
virDomainPtr
virDomainCreateLinux(virConnectPtr conn, const char *xml, unsigned int flags)
{
    (void)conn;
    (void)flags;
    return record(__func__, xml);
}
#endif

char *
virConnectDomainXMLToNative(virConnectPtr conn, const char *format, const char *xml, unsigned int flags)
{
    (void)conn;
    (void)format;
    (void)flags;
    record(__func__, xml);
    return strdup("argv\n");
}

char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    (void)flags;
    return strdup((const char *)domain);
}

const char *
virConnectGetType(virConnectPtr conn)
{
    return (const char *)conn;
}

int
virConnectGetLibVersion(virConnectPtr conn, unsigned long *version)
{
    (void)conn;
    *version = 11003000;
    return 0;
}

void
virReportErrorHelper(int domain, int code, const char *file, const char *function, size_t line,
                     const char *format, ...)
{
    va_list args;

    (void)file;
    (void)function;
    (void)line;
    printf("error domain=%d code=%d ", domain, code);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void
virDispatchError(virConnectPtr conn)
{
    (void)conn;
    printf("dispatched\n");
}
