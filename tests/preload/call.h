/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How each function of the table is called with one document. Who includes this defines CALL_FIND(name). */

#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define SPM_INTERPOSED(type, name, parameters) typedef type(*name##_function) parameters;
#include "preload/symbols.h"

/**
 * Call:
 * @function: the name of the function
 * @conn: what the fake libvirt takes for a connection: its type
 * @flags: for the functions that take them
 * @xml: the document, or the alias
 * @domain: what it takes for a domain: the XML that it has
 * @text: (out) (transfer full) (nullable): the text that the function gives, if it gives one
 */
typedef struct {
    const char *function;
    const char *conn;
    unsigned int flags;
    const char *xml;
    const char *domain;
    char *text;
} Call;

/* The answer: a text, an object of the fake libvirt, a number in words, or NULL. One line a function. */
/* clang-format off */
#define IS(name) (strcmp(call->function, #name) == 0)
#define OBJECT(name, ...) if (IS(name)) return (const char *)CALL_FIND(name)(__VA_ARGS__);
#define TEXT(name, ...) if (IS(name)) return call->text = CALL_FIND(name)(__VA_ARGS__);
#define NUMBER(name, ...) \
    if (IS(name)) return CALL_FIND(name)(__VA_ARGS__) == 0 ? "0" : "-1";

static const char *
call_function(Call *call)
{
    virTypedParameter params[] = {
        { .field = "bandwidth", .type = VIR_TYPED_PARAM_STRING, .value.s = (char *)"(spm)\n" },
        { .field = VIR_DOMAIN_SAVE_PARAM_FILE, .type = VIR_TYPED_PARAM_STRING, .value.s = (char *)"file" },
        { .field = VIR_MIGRATE_PARAM_DEST_XML, .type = VIR_TYPED_PARAM_STRING, .value.s = (char *)call->xml },
        { .field = VIR_MIGRATE_PARAM_PERSIST_XML, .type = VIR_TYPED_PARAM_STRING, .value.s = (char *)call->xml },
        { .field = VIR_DOMAIN_SAVE_PARAM_DXML, .type = VIR_TYPED_PARAM_STRING, .value.s = (char *)call->xml },
    };
    const int count = sizeof(params) / sizeof(*params);
    unsigned int flags = call->flags;
    const char *xml = call->xml;
    void *conn = (void *)call->conn;
    void *domain = (void *)call->domain;
    char **text = NULL;
    int *size = NULL;

    OBJECT(virDomainDefineXML, conn, xml)
    OBJECT(virDomainDefineXMLFlags, conn, xml, flags)
    OBJECT(virDomainCreateXML, conn, xml, flags)
    OBJECT(virDomainCreateXMLWithFiles, conn, xml, 0, NULL, flags)
    OBJECT(virDomainCreateLinux, conn, xml, flags)
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
    OBJECT(virDomainSnapshotCreateXML, domain, xml, flags)
    OBJECT(virDomainCheckpointCreateXML, domain, xml, flags)
    OBJECT(virDomainMigrate, domain, conn, flags, "name", "uri", 0)
    NUMBER(virDomainMigrateToURI, domain, "dest", flags, "name", 0)
    NUMBER(virDomainMigratePerform, domain, "", 0, "dest", flags, "name", 0)
    OBJECT(virDomainMigrate2, domain, conn, xml, flags, "name", "uri", 0)
    OBJECT(virDomainMigrate3, domain, conn, params, (unsigned int)count, flags)
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
    fprintf(stderr, "no function '%s'\n", call->function);
    exit(2);
}
/* clang-format on */
