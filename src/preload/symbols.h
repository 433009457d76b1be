/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every symbol of libvirt that the plugin interposes or calls, listed once.
 *
 * Included again and again, each time with other meanings of the macros:
 *   SPM_INTERPOSED(type, name, parameters)  exported by the plugin in place of libvirt's
 *   SPM_CALLED(type, name, parameters)      called only; all of these and of those above must be there
 *   SPM_INTERPOSED_OPTIONAL(...), SPM_OPTIONAL(...)  the same, of functions that libvirt may lack
 * A macro without a meaning is empty, and all are undefined at the end. No include guard, for that reason.
 *
 * Whatever takes a document, starts or saves a domain, or changes a device passes the gate (gate.c) before
 * the plugin does anything for it. What gives a document is called first, and libvirt has then let the
 * connection have it.
 *
 * The virDomainMigrate*3 functions, virHook*, virSetErrorLogPriorityFunc and the last three are private, yet
 * every libvirt from 9.0 to 12.8 exports them for its own daemons and drivers (src/libvirt_internal.h,
 * src/util/virhook.h, src/util/virerror.h, src/conf/domain_conf.h), and their types have not changed. */

#ifndef SPM_INTERPOSED
#define SPM_INTERPOSED(type, name, parameters)
#endif
#ifndef SPM_INTERPOSED_OPTIONAL
#define SPM_INTERPOSED_OPTIONAL(type, name, parameters)
#endif
#ifndef SPM_CALLED
#define SPM_CALLED(type, name, parameters)
#endif
#ifndef SPM_OPTIONAL
#define SPM_OPTIONAL(type, name, parameters)
#endif

/* A domain comes in. */
SPM_INTERPOSED(virDomainPtr, virDomainDefineXML, (virConnectPtr conn, const char *xml))
SPM_INTERPOSED(virDomainPtr, virDomainDefineXMLFlags,
               (virConnectPtr conn, const char *xml, unsigned int flags))
SPM_INTERPOSED(virDomainPtr, virDomainCreateXML, (virConnectPtr conn, const char *xml, unsigned int flags))
SPM_INTERPOSED(virDomainPtr, virDomainCreateXMLWithFiles,
               (virConnectPtr conn, const char *xml, unsigned int nfiles, int *files, unsigned int flags))
SPM_INTERPOSED(virDomainPtr, virDomainCreateLinux, (virConnectPtr conn, const char *xml, unsigned int flags))
SPM_INTERPOSED(char *, virConnectDomainXMLToNative,
               (virConnectPtr conn, const char *format, const char *xml, unsigned int flags))

/* A defined domain is started. */
SPM_INTERPOSED(int, virDomainCreate, (virDomainPtr domain))
SPM_INTERPOSED(int, virDomainCreateWithFlags, (virDomainPtr domain, unsigned int flags))
SPM_INTERPOSED(int, virDomainCreateWithFiles,
               (virDomainPtr domain, unsigned int nfiles, int *files, unsigned int flags))

/* A domain goes out. */
SPM_INTERPOSED(char *, virDomainGetXMLDesc, (virDomainPtr domain, unsigned int flags))
SPM_INTERPOSED(char *, virDomainSaveImageGetXMLDesc,
               (virConnectPtr conn, const char *file, unsigned int flags))
SPM_INTERPOSED(char *, virDomainManagedSaveGetXMLDesc, (virDomainPtr domain, unsigned int flags))
SPM_INTERPOSED(char *, virDomainSnapshotGetXMLDesc, (virDomainSnapshotPtr snapshot, unsigned int flags))
SPM_INTERPOSED(char *, virDomainCheckpointGetXMLDesc, (virDomainCheckpointPtr checkpoint, unsigned int flags))

/* Saved domains. */
SPM_INTERPOSED(int, virDomainSaveImageDefineXML,
               (virConnectPtr conn, const char *file, const char *xml, unsigned int flags))
SPM_INTERPOSED(int, virDomainManagedSaveDefineXML, (virDomainPtr domain, const char *xml, unsigned int flags))
SPM_INTERPOSED(int, virDomainSave, (virDomainPtr domain, const char *file))
SPM_INTERPOSED(int, virDomainManagedSave, (virDomainPtr domain, unsigned int flags))
SPM_INTERPOSED(int, virDomainCoreDump, (virDomainPtr domain, const char *to, unsigned int flags))
SPM_INTERPOSED(int, virDomainCoreDumpWithFormat,
               (virDomainPtr domain, const char *to, unsigned int dumpformat, unsigned int flags))
SPM_INTERPOSED(int, virDomainSaveFlags,
               (virDomainPtr domain, const char *file, const char *xml, unsigned int flags))
SPM_INTERPOSED(int, virDomainSaveParams,
               (virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags))
SPM_INTERPOSED(int, virDomainRestoreFlags,
               (virConnectPtr conn, const char *file, const char *xml, unsigned int flags))
SPM_INTERPOSED(int, virDomainRestoreParams,
               (virConnectPtr conn, virTypedParameterPtr params, int nparams, unsigned int flags))
SPM_INTERPOSED(virDomainSnapshotPtr, virDomainSnapshotCreateXML,
               (virDomainPtr domain, const char *xml, unsigned int flags))
SPM_INTERPOSED(virDomainCheckpointPtr, virDomainCheckpointCreateXML,
               (virDomainPtr domain, const char *xml, unsigned int flags))

/* Migration: the public functions, and those that a client calls in a daemon. */
SPM_INTERPOSED(virDomainPtr, virDomainMigrate,
               (virDomainPtr domain, virConnectPtr dest, unsigned long flags, const char *name,
                const char *uri, unsigned long bandwidth))
SPM_INTERPOSED(int, virDomainMigrateToURI,
               (virDomainPtr domain, const char *dest, unsigned long flags, const char *name,
                unsigned long bandwidth))
SPM_INTERPOSED(virDomainPtr, virDomainMigrate2,
               (virDomainPtr domain, virConnectPtr dest, const char *xml, unsigned long flags,
                const char *name, const char *uri, unsigned long bandwidth))
SPM_INTERPOSED(virDomainPtr, virDomainMigrate3,
               (virDomainPtr domain, virConnectPtr dest, virTypedParameterPtr params, unsigned int nparams,
                unsigned int flags))
SPM_INTERPOSED(int, virDomainMigrateToURI2,
               (virDomainPtr domain, const char *dest, const char *uri, const char *xml, unsigned long flags,
                const char *name, unsigned long bandwidth))
SPM_INTERPOSED(int, virDomainMigrateToURI3,
               (virDomainPtr domain, const char *dest, virTypedParameterPtr params, unsigned int nparams,
                unsigned int flags))
SPM_INTERPOSED(int, virDomainMigratePerform,
               (virDomainPtr domain, const char *cookie_in, int cookie_in_size, const char *uri,
                unsigned long flags, const char *name, unsigned long resource))
SPM_INTERPOSED(char *, virDomainMigrateBegin3,
               (virDomainPtr domain, const char *xml, char **cookie_out, int *cookie_out_size,
                unsigned long flags, const char *name, unsigned long resource))
SPM_INTERPOSED(char *, virDomainMigrateBegin3Params,
               (virDomainPtr domain, virTypedParameterPtr params, int nparams, char **cookie_out,
                int *cookie_out_size, unsigned int flags))
SPM_INTERPOSED(int, virDomainMigratePrepare3,
               (virConnectPtr conn, const char *cookie_in, int cookie_in_size, char **cookie_out,
                int *cookie_out_size, const char *uri_in, char **uri_out, unsigned long flags,
                const char *name, unsigned long resource, const char *xml))
SPM_INTERPOSED(int, virDomainMigratePrepare3Params,
               (virConnectPtr conn, virTypedParameterPtr params, int nparams, const char *cookie_in,
                int cookie_in_size, char **cookie_out, int *cookie_out_size, char **uri_out,
                unsigned int flags))
SPM_INTERPOSED(int, virDomainMigratePerform3,
               (virDomainPtr domain, const char *xml, const char *cookie_in, int cookie_in_size,
                char **cookie_out, int *cookie_out_size, const char *dest, const char *uri,
                unsigned long flags, const char *name, unsigned long resource))
SPM_INTERPOSED(int, virDomainMigratePerform3Params,
               (virDomainPtr domain, const char *dest, virTypedParameterPtr params, int nparams,
                const char *cookie_in, int cookie_in_size, char **cookie_out, int *cookie_out_size,
                unsigned int flags))

/* One device. */
SPM_INTERPOSED(int, virDomainAttachDevice, (virDomainPtr domain, const char *xml))
SPM_INTERPOSED(int, virDomainAttachDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags))
SPM_INTERPOSED(int, virDomainUpdateDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags))
SPM_INTERPOSED(int, virDomainDetachDevice, (virDomainPtr domain, const char *xml))
SPM_INTERPOSED(int, virDomainDetachDeviceFlags, (virDomainPtr domain, const char *xml, unsigned int flags))
SPM_INTERPOSED(int, virDomainDetachDeviceAlias, (virDomainPtr domain, const char *alias, unsigned int flags))

/* A domain starts or stops, in whatever way. */
SPM_INTERPOSED_OPTIONAL(int, virHookPresent, (int driver))
SPM_INTERPOSED_OPTIONAL(int, virHookCall,
                        (int driver, const char *id, int op, int sub_op, const char *extra, const char *input,
                         char **output))

/* What a daemon logs of an error. */
SPM_INTERPOSED_OPTIONAL(void, virSetErrorLogPriorityFunc, (SpmErrorPriority function))

SPM_CALLED(int, virGetLastErrorCode, (void))
SPM_CALLED(const char *, virGetLastErrorMessage, (void))
SPM_CALLED(void, virResetLastError, (void))
SPM_CALLED(const char *, virConnectGetType, (virConnectPtr conn))
SPM_CALLED(char *, virConnectGetURI, (virConnectPtr conn))
SPM_CALLED(int, virConnectGetLibVersion, (virConnectPtr conn, unsigned long *version))
SPM_CALLED(char *, virConnectGetDomainCapabilities,
           (virConnectPtr conn, const char *emulator, const char *arch, const char *machine,
            const char *virttype, unsigned int flags))
SPM_CALLED(virConnectPtr, virDomainGetConnect, (virDomainPtr domain))
SPM_CALLED(int, virDomainIsActive, (virDomainPtr domain))
SPM_CALLED(int, virDomainHasManagedSaveImage, (virDomainPtr domain, unsigned int flags))
SPM_CALLED(int, virDomainFree, (virDomainPtr domain))
SPM_CALLED(virDomainSnapshotPtr, virDomainSnapshotLookupByName,
           (virDomainPtr domain, const char *name, unsigned int flags))
SPM_CALLED(int, virDomainSnapshotFree, (virDomainSnapshotPtr snapshot))
SPM_CALLED(virConnectPtr, virDomainSnapshotGetConnect, (virDomainSnapshotPtr snapshot))
SPM_CALLED(virDomainCheckpointPtr, virDomainCheckpointLookupByName,
           (virDomainPtr domain, const char *name, unsigned int flags))
SPM_CALLED(int, virDomainCheckpointFree, (virDomainCheckpointPtr checkpoint))
SPM_CALLED(virConnectPtr, virDomainCheckpointGetConnect, (virDomainCheckpointPtr checkpoint))
SPM_CALLED(void, virReportErrorHelper,
           (int domain, int code, const char *file, const char *function, size_t line, const char *format,
            ...))
SPM_OPTIONAL(void, virDispatchError, (virConnectPtr conn))
SPM_OPTIONAL(int, virDomainMemoryModelTypeFromString, (const char *model))

#undef SPM_INTERPOSED
#undef SPM_INTERPOSED_OPTIONAL
#undef SPM_CALLED
#undef SPM_OPTIONAL
