/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call-libvirt FUNCTION TYPE FLAGS [DOMAIN] < XML: call one function of libvirt.so.0, as a program that loads
 * it at run time does, and print what comes back and the LD_PRELOAD that a child would inherit.
 *
 * TYPE is the connection's; DOMAIN a file with the XML that the domain has. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define SPM_INTERPOSED(type, name, parameters) typedef type(*name##_function) parameters;
#define SPM_INTERPOSED_OPTIONAL(type, name, parameters)
#define SPM_CALLED(type, name, parameters)
#define SPM_OPTIONAL(type, name, parameters)
#include "preload/symbols.h"

#define SIZE (1 << 20)

typedef struct {
    void *library;
    const char *function;
    void *conn;
    unsigned int flags;
    char xml[SIZE];
    char domain[SIZE];
} Call;

/* The first definition in the program's own scope, which is the plugin's if that is preloaded. */
static void *
find(const Call *call, const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    return symbol ? symbol : dlsym(call->library, name);
}

/* one line a function */
/* clang-format off */
#define IS(name) (strcmp(call->function, #name) == 0)
#define TEXT(name, ...) if (IS(name)) return (const char *)((name##_function)find(call, #name))(__VA_ARGS__);
#define NUMBER(name, ...) \
    if (IS(name)) return ((name##_function)find(call, #name))(__VA_ARGS__) == 0 ? "0" : "-1";

static const char *
call_function(Call *call)
{
    virTypedParameter params[] = {
        { .field = "bandwidth", .type = VIR_TYPED_PARAM_STRING, .value.s = (char *)"(spm)\n" },
        { .field = VIR_DOMAIN_SAVE_PARAM_FILE, .type = VIR_TYPED_PARAM_STRING, .value.s = (char *)"file" },
        { .field = VIR_MIGRATE_PARAM_DEST_XML, .type = VIR_TYPED_PARAM_STRING, .value.s = call->xml },
        { .field = VIR_MIGRATE_PARAM_PERSIST_XML, .type = VIR_TYPED_PARAM_STRING, .value.s = call->xml },
        { .field = VIR_DOMAIN_SAVE_PARAM_DXML, .type = VIR_TYPED_PARAM_STRING, .value.s = call->xml },
    };
    const int count = sizeof(params) / sizeof(*params);
    unsigned int flags = call->flags;
    const char *xml = call->xml;
    void *conn = call->conn;
    void *domain = call->domain;
    char **text = NULL;
    int *size = NULL;

    TEXT(virDomainDefineXML, conn, xml)
    TEXT(virDomainDefineXMLFlags, conn, xml, flags)
    TEXT(virDomainCreateXML, conn, xml, flags)
    TEXT(virDomainCreateXMLWithFiles, conn, xml, 0, NULL, flags)
    TEXT(virDomainCreateLinux, conn, xml, flags)
    TEXT(virConnectDomainXMLToNative, conn, "qemu-argv", xml, flags)
    TEXT(virDomainGetXMLDesc, (virDomainPtr)xml, flags)
    TEXT(virDomainSaveImageGetXMLDesc, conn, xml, flags)
    TEXT(virDomainManagedSaveGetXMLDesc, (virDomainPtr)xml, flags)
    TEXT(virDomainSnapshotGetXMLDesc, (virDomainSnapshotPtr)xml, flags)
    TEXT(virDomainCheckpointGetXMLDesc, (virDomainCheckpointPtr)xml, flags)
    NUMBER(virDomainSaveImageDefineXML, conn, "file", xml, flags)
    NUMBER(virDomainManagedSaveDefineXML, domain, xml, flags)
    NUMBER(virDomainCreate, domain)
    NUMBER(virDomainCreateWithFlags, domain, flags)
    NUMBER(virDomainCreateWithFiles, domain, 0, NULL, flags)
    NUMBER(virDomainSave, domain, "file")
    NUMBER(virDomainManagedSave, domain, flags)
    NUMBER(virDomainCoreDump, domain, "file", flags)
    NUMBER(virDomainCoreDumpWithFormat, domain, "file", 0, flags)
    NUMBER(virDomainSaveFlags, domain, "file", xml, flags)
    NUMBER(virDomainSaveParams, domain, params, count, flags)
    NUMBER(virDomainRestoreFlags, conn, "file", xml, flags)
    NUMBER(virDomainRestoreParams, conn, params, count, flags)
    TEXT(virDomainSnapshotCreateXML, domain, xml, flags)
    TEXT(virDomainCheckpointCreateXML, domain, xml, flags)
    TEXT(virDomainMigrate, domain, conn, flags, "name", "uri", 0)
    NUMBER(virDomainMigrateToURI, domain, "dest", flags, "name", 0)
    NUMBER(virDomainMigratePerform, domain, "", 0, "dest", flags, "name", 0)
    TEXT(virDomainMigrate2, domain, conn, xml, flags, "name", "uri", 0)
    TEXT(virDomainMigrate3, domain, conn, params, (unsigned int)count, flags)
    NUMBER(virDomainMigrateToURI2, domain, "dest", "uri", xml, flags, "name", 0)
    NUMBER(virDomainMigrateToURI3, domain, "dest", params, (unsigned int)count, flags)
    TEXT(virDomainMigrateBegin3, domain, xml, text, size, flags, "name", 0)
    TEXT(virDomainMigrateBegin3Params, domain, params, count, text, size, flags)
    NUMBER(virDomainMigratePrepare3, conn, "", 0, text, size, "uri", text, flags, "name", 0, xml)
    NUMBER(virDomainMigratePrepare3Params, conn, params, count, "", 0, text, size, text, flags)
    NUMBER(virDomainMigratePerform3, domain, xml, "", 0, text, size, "dest", "uri", flags, "name", 0)
    NUMBER(virDomainMigratePerform3Params, domain, "dest", params, count, "", 0, text, size, flags)
    NUMBER(virDomainAttachDevice, domain, xml)
    NUMBER(virDomainAttachDeviceFlags, domain, xml, flags)
    NUMBER(virDomainUpdateDeviceFlags, domain, xml, flags)
    NUMBER(virDomainDetachDevice, domain, xml)
    NUMBER(virDomainDetachDeviceFlags, domain, xml, flags)
    NUMBER(virDomainDetachDeviceAlias, domain, xml, flags)
    fprintf(stderr, "call-libvirt: no function '%s'\n", call->function);
    exit(2);
}
/* clang-format on */

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
    static Call call;
    const char *result;

    call.library = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL);
    if (argc < 4 || !call.library) {
        fprintf(stderr, "call-libvirt: %s\n", call.library ? "usage" : dlerror());
        return 2;
    }
    call.function = argv[1];
    call.conn = argv[2];
    call.flags = (unsigned int)strtoul(argv[3], NULL, 0);
    read_all(stdin, call.xml);
    if (argc > 4)
        read_all(fopen(argv[4], "r"), call.domain);
    else
        strcpy(call.domain, "<domain/>\n");
    result = call_function(&call);
    printf("result: %s\n", result ? result : "(null)");
    printf("LD_PRELOAD: %s\n", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "(none)");
    return 0;
}
