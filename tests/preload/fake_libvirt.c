/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A libvirt.so.0 that prints what it is called with.
 *
 * A connection is a string, its type. A domain, a snapshot and a checkpoint are strings: the XML that they
 * have. A domain is active when its XML says id='1'. What a test says by the environment:
 *
 *   FAKE_READONLY  the connection may change nothing
 *   FAKE_URI       its URI
 *   FAKE_EMULATOR  the default emulator
 *   FAKE_DENIED    the error number for which no emulator's capabilities are told
 *   FAKE_SAVED     a file with the XML that saved domains, snapshots and checkpoints have
 *   FAKE_SECRET    text of a domain's XML that is shown with VIR_DOMAIN_XML_SECURE only
 *   FAKE_UNREADABLE  no XML of a domain is given that is asked for with these flags
 *   FAKE_CHANGING  the XML of a domain is another one each time
 *   FAKE_HOOK      there are hook scripts, which end with this status
 *   FAKE_NATIVE    it knows <memory model='spm'> itself
 *
 * What it is asked, rather than told to do, is on its standard error. A program that has loaded it itself may
 * listen instead, see fake_libvirt.h. */

#define _GNU_SOURCE /* asprintf */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "fake_libvirt.h"

#define SPM_INTERPOSED(type, name, parameters) type name parameters;
#define SPM_CALLED SPM_INTERPOSED
#define SPM_OPTIONAL SPM_INTERPOSED
#include "preload/symbols.h"

static _Thread_local int last_error;

FakeLibvirt fake_libvirt;

/* What a listener says, or else the environment. */
static const char *
said(const char *listener, const char *variable)
{
    return fake_libvirt.told ? listener : getenv(variable);
}

static void
asked(const char *function)
{
    if (fake_libvirt.asked)
        fake_libvirt.asked(function);
    else
        fprintf(stderr, "asked: %s\n", function);
}

/* The XML of what is saved, or @other without any. */
static char *
saved(const char *function, const void *other)
{
    const char *path = getenv("FAKE_SAVED");
    FILE *file = NULL;
    char *xml = NULL;

    asked(function);
    if (fake_libvirt.told)
        return fake_libvirt.saved || other ? strdup(fake_libvirt.saved ? fake_libvirt.saved : other) : NULL;
    file = path ? fopen(path, "r") : NULL;
    xml = calloc(1, 1 << 20);
    if (file && xml && fread(xml, 1, (1 << 20) - 1, file) == 0)
        abort();
    if (file)
        fclose(file);
    if (file || !xml)
        return xml;
    free(xml);
    return other ? strdup(other) : NULL;
}

/* A domain's XML, as far as it is shown. */
static char *
shown(const char *domain, unsigned int flags)
{
    static int count;
    const char *secret = getenv("FAKE_SECRET"), *unreadable = getenv("FAKE_UNREADABLE");
    char *xml = NULL, *place;

    if (unreadable && flags == (unsigned int)atoi(unreadable))
        return NULL;
    if (asprintf(&xml, "%s%.*s", domain, getenv("FAKE_CHANGING") ? ++count : 0, "\n\n\n\n\n\n\n\n") < 0)
        abort();
    place = secret && !(flags & VIR_DOMAIN_XML_SECURE) ? strstr(xml, secret) : NULL;
    if (place)
        memmove(place, place + strlen(secret), strlen(place + strlen(secret)) + 1);
    return xml;
}

static void *
record(const char *function, const char *xml)
{
    if (fake_libvirt.told)
        fake_libvirt.told(function, xml);
    else
        printf("%s:\n%s", function, xml ? xml : "(null)\n");
    return (void *)"object";
}

static void *
record_params(const char *function, virTypedParameterPtr params, int nparams)
{
    for (int i = 0; i < nparams; i++) {
        if (!fake_libvirt.told)
            printf("%s:\n", params[i].field);
        record(function, params[i].value.s);
    }
    return (void *)"object";
}

/* one line a function */
/* clang-format off */
#define OBJECT(type, name, parameters, value) type name parameters { return (type)value; }
#define NUMBER(name, parameters, value) int name parameters { return value ? 0 : -1; }
#define TEXT(name, parameters, value) char *name parameters { return strdup((const char *)value); }
#define XML record(__func__, xml)
#define PARAMS record_params(__func__, params, (int)nparams)
#define ULONG unsigned long

OBJECT(virDomainPtr, virDomainDefineXMLFlags, (virConnectPtr conn, const char *xml, unsigned int flags), XML)
OBJECT(virDomainPtr, virDomainCreateXML, (virConnectPtr conn, const char *xml, unsigned int flags), XML)
OBJECT(virDomainPtr, virDomainCreateXMLWithFiles,
       (virConnectPtr conn, const char *xml, unsigned int nfiles, int *files, unsigned int flags), XML)
#ifndef SPM_FAKE_INCOMPLETE
OBJECT(virDomainPtr, virDomainCreateLinux, (virConnectPtr conn, const char *xml, unsigned int flags), XML)
#endif
TEXT(virConnectDomainXMLToNative,
     (virConnectPtr conn, const char *format, const char *xml, unsigned int flags), XML)
char *virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags) { asked(__func__); return shown((void *)domain, flags); }
NUMBER(virDomainCreate, (virDomainPtr domain), record(__func__, "started\n"))
NUMBER(virDomainCreateWithFlags, (virDomainPtr domain, unsigned int flags), record(__func__, "started\n"))
NUMBER(virDomainCreateWithFiles,
       (virDomainPtr domain, unsigned int nfiles, int *files, unsigned int flags), record(__func__, "started\n"))
NUMBER(virDomainFree, (virDomainPtr domain), (asked(__func__), 1))
char *virDomainSaveImageGetXMLDesc(virConnectPtr conn, const char *file, unsigned int flags) { return saved(__func__, file); }
char *virDomainManagedSaveGetXMLDesc(virDomainPtr domain, unsigned int flags) { return saved(__func__, domain); }
char *virDomainSnapshotGetXMLDesc(virDomainSnapshotPtr snapshot, unsigned int flags) { return saved(__func__, snapshot); }
char *virDomainCheckpointGetXMLDesc(virDomainCheckpointPtr checkpoint, unsigned int flags) { return saved(__func__, checkpoint); }
NUMBER(virDomainSaveImageDefineXML,
       (virConnectPtr conn, const char *file, const char *xml, unsigned int flags), XML)
NUMBER(virDomainManagedSaveDefineXML, (virDomainPtr domain, const char *xml, unsigned int flags), XML)
NUMBER(virDomainSave, (virDomainPtr domain, const char *file), record(__func__, file))
NUMBER(virDomainManagedSave, (virDomainPtr domain, unsigned int flags), record(__func__, "saved\n"))
NUMBER(virDomainCoreDump, (virDomainPtr domain, const char *to, unsigned int flags), record(__func__, to))
NUMBER(virDomainCoreDumpWithFormat,
       (virDomainPtr domain, const char *to, unsigned int dumpformat, unsigned int flags), record(__func__, to))
NUMBER(virDomainSaveFlags, (virDomainPtr domain, const char *file, const char *xml, unsigned int flags), XML)
NUMBER(virDomainSaveParams,
       (virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags), PARAMS)
NUMBER(virDomainRestoreFlags,
       (virConnectPtr conn, const char *file, const char *xml, unsigned int flags), XML)
NUMBER(virDomainRestoreParams,
       (virConnectPtr conn, virTypedParameterPtr params, int nparams, unsigned int flags), PARAMS)
OBJECT(virDomainSnapshotPtr, virDomainSnapshotCreateXML,
       (virDomainPtr domain, const char *xml, unsigned int flags), XML)
OBJECT(virDomainCheckpointPtr, virDomainCheckpointCreateXML,
       (virDomainPtr domain, const char *xml, unsigned int flags), XML)
OBJECT(virDomainPtr, virDomainMigrate,
       (virDomainPtr domain, virConnectPtr dest, ULONG flags, const char *name, const char *uri,
        ULONG bandwidth), record(__func__, name))
NUMBER(virDomainMigrateToURI,
       (virDomainPtr domain, const char *dest, ULONG flags, const char *name, ULONG bandwidth),
       record(__func__, name))
NUMBER(virDomainMigratePerform,
       (virDomainPtr domain, const char *cookie_in, int cookie_in_size, const char *uri, ULONG flags,
        const char *name, ULONG resource),
       record(__func__, name))
OBJECT(virDomainPtr, virDomainMigrate2,
       (virDomainPtr domain, virConnectPtr dest, const char *xml, ULONG flags, const char *name,
        const char *uri, ULONG bandwidth), XML)
OBJECT(virDomainPtr, virDomainMigrate3,
       (virDomainPtr domain, virConnectPtr dest, virTypedParameterPtr params, unsigned int nparams,
        unsigned int flags), PARAMS)
NUMBER(virDomainMigrateToURI2,
       (virDomainPtr domain, const char *dest, const char *uri, const char *xml, ULONG flags,
        const char *name, ULONG bandwidth), XML)
NUMBER(virDomainMigrateToURI3,
       (virDomainPtr domain, const char *dest, virTypedParameterPtr params, unsigned int nparams,
        unsigned int flags), PARAMS)
TEXT(virDomainMigrateBegin3,
     (virDomainPtr domain, const char *xml, char **cookie_out, int *cookie_out_size, ULONG flags,
      const char *name, ULONG resource), XML)
TEXT(virDomainMigrateBegin3Params,
     (virDomainPtr domain, virTypedParameterPtr params, int nparams, char **cookie_out,
      int *cookie_out_size, unsigned int flags), PARAMS)
NUMBER(virDomainMigratePrepare3,
       (virConnectPtr conn, const char *cookie_in, int cookie_in_size, char **cookie_out,
        int *cookie_out_size, const char *uri_in, char **uri_out, ULONG flags, const char *name,
        ULONG resource, const char *xml), XML)
NUMBER(virDomainMigratePrepare3Params,
       (virConnectPtr conn, virTypedParameterPtr params, int nparams, const char *cookie_in,
        int cookie_in_size, char **cookie_out, int *cookie_out_size, char **uri_out, unsigned int flags), PARAMS)
NUMBER(virDomainMigratePerform3,
       (virDomainPtr domain, const char *xml, const char *cookie_in, int cookie_in_size, char **cookie_out,
        int *cookie_out_size, const char *dest, const char *uri, ULONG flags, const char *name,
        ULONG resource), XML)
NUMBER(virDomainMigratePerform3Params,
       (virDomainPtr domain, const char *dest, virTypedParameterPtr params, int nparams,
        const char *cookie_in, int cookie_in_size, char **cookie_out, int *cookie_out_size,
        unsigned int flags), PARAMS)
NUMBER(virDomainAttachDevice, (virDomainPtr domain, const char *xml), XML)
NUMBER(virDomainAttachDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags), XML)
NUMBER(virDomainUpdateDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags), XML)
NUMBER(virDomainDetachDevice, (virDomainPtr domain, const char *xml), XML)
NUMBER(virDomainDetachDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags), XML)
NUMBER(virDomainDetachDeviceAlias, (virDomainPtr domain, const char *alias, unsigned int flags),
       record(__func__, alias))

OBJECT(const char *, virConnectGetType, (virConnectPtr conn), conn)
OBJECT(virConnectPtr, virDomainGetConnect, (virDomainPtr domain), (domain ? "QEMU" : NULL))
OBJECT(virDomainSnapshotPtr, virDomainSnapshotLookupByName,
       (virDomainPtr domain, const char *name, unsigned int flags), saved(__func__, NULL))
NUMBER(virDomainSnapshotFree, (virDomainSnapshotPtr snapshot), (free(snapshot), 1))
OBJECT(virDomainCheckpointPtr, virDomainCheckpointLookupByName,
       (virDomainPtr domain, const char *name, unsigned int flags), saved(__func__, NULL))
NUMBER(virDomainCheckpointFree, (virDomainCheckpointPtr checkpoint), (free(checkpoint), 1))
OBJECT(virConnectPtr, virDomainSnapshotGetConnect, (virDomainSnapshotPtr snapshot), "QEMU")
OBJECT(virConnectPtr, virDomainCheckpointGetConnect, (virDomainCheckpointPtr checkpoint), "QEMU")
/* clang-format on */

int virHookPresent(int driver);
int virHookCall(int driver, const char *id, int op, int sub_op, const char *extra, const char *input,
                char **output);

int
virHookPresent(int driver)
{
    return getenv("FAKE_HOOK") != NULL;
}

int
virHookCall(int driver, const char *id, int op, int sub_op, const char *extra, const char *input,
            char **output)
{
    printf("script: %s %d\n", id, op);
    return atoi(getenv("FAKE_HOOK"));
}

/* As libvirt's, it looks at the connection first, and at the document next. */
virDomainPtr
virDomainDefineXML(virConnectPtr conn, const char *xml)
{
    gboolean readonly = said(fake_libvirt.readonly, "FAKE_READONLY") != NULL;

    if (xml && !readonly)
        return record(__func__, xml);
    if (xml)
        record(__func__, xml);
    else
        asked(__func__);
    last_error = readonly ? VIR_ERR_OPERATION_DENIED : VIR_ERR_INVALID_ARG;
    return NULL;
}

int
virGetLastErrorCode(void)
{
    return last_error;
}

const char *
virGetLastErrorMessage(void)
{
    return "an error of libvirt's";
}

void
virResetLastError(void)
{
    last_error = VIR_ERR_OK;
}

char *
virConnectGetURI(virConnectPtr conn)
{
    const char *uri = said(fake_libvirt.uri, "FAKE_URI");

    return strdup(uri ? uri : "qemu:///system");
}

char *
virConnectGetDomainCapabilities(virConnectPtr conn, const char *emulator, const char *arch,
                                const char *machine, const char *virttype, unsigned int flags)
{
    const char *path = emulator ? emulator : said(NULL, "FAKE_EMULATOR");
    const char *denied = said(fake_libvirt.denied, "FAKE_DENIED");
    char xml[4096];

    asked(__func__);
    last_error = denied ? atoi(denied) : VIR_ERR_OK;
    if (!path || last_error)
        return NULL;
    if (!fake_libvirt.told)
        printf("capabilities: %s %s %s %s\n", emulator ? emulator : "default", arch,
               machine ? machine : "any", virttype ? virttype : "any");
    snprintf(xml, sizeof(xml), "<domainCapabilities><path>%s</path>%s</domainCapabilities>", path,
             getenv("FAKE_NATIVE")
                 ? "<devices><memory><enum><value>dimm</value><value>spm</value></enum></memory></devices>"
                 : "");
    return strdup(xml);
}

int
virDomainMemoryModelTypeFromString(const char *model)
{
    return getenv("FAKE_NATIVE") && strcmp(model, "spm") == 0 ? 7 : -1;
}

int
virDomainIsActive(virDomainPtr domain)
{
    return fake_libvirt.told ? fake_libvirt.active : strstr((const char *)domain, "id='1'") != NULL;
}

int
virDomainHasManagedSaveImage(virDomainPtr domain, unsigned int flags)
{
    asked(__func__);
    return getenv("FAKE_SAVED") != NULL;
}

int
virConnectGetLibVersion(virConnectPtr conn, unsigned long *version)
{
    *version = 11003000;
    return 0;
}

/* The attribute is libvirt's own: it lets the compiler trust the format that is passed on. */
__attribute__((format(printf, 6, 7))) void
virReportErrorHelper(int domain, int code, const char *file, const char *function, size_t line,
                     const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    if (fake_libvirt.refused)
        fake_libvirt.refused(code, message);
    else
        printf("error domain=%d code=%d %s\n", domain, code, message);
}

void
virDispatchError(virConnectPtr conn)
{
    if (!fake_libvirt.refused)
        printf("dispatched\n");
}
