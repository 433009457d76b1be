/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that take or give one document. */

#include "plugin.h"

/* For a document from @conn, of a domain that it makes or starts. */
#define SPM_CONN_WRAPPER(type, name, parameters, failure, ...)                                               \
    SPM_WRAPPER_WITH(SPM_INCOMING, type, name, parameters, spm_in_new(conn, &incoming), failure, __VA_ARGS__)

/* For a document that is saved or sent with the contents of @domain. */
#define SPM_LIVE_WRAPPER(type, name, parameters, failure, ...)                                               \
    SPM_WRAPPER_WITH(SPM_LIVE_INCOMING, type, name, parameters,                                              \
                     spm_contents_move(&live) && spm_in_domain(&live, &incoming), failure, __VA_ARGS__)

SPM_CONN_WRAPPER(virDomainPtr, virDomainDefineXML, (virConnectPtr conn, const char *xml), NULL, conn,
                 incoming.xml)

SPM_CONN_WRAPPER(virDomainPtr, virDomainDefineXMLFlags,
                 (virConnectPtr conn, const char *xml, unsigned int flags), NULL, conn, incoming.xml, flags)

SPM_CONN_WRAPPER(virDomainPtr, virDomainCreateXML, (virConnectPtr conn, const char *xml, unsigned int flags),
                 NULL, conn, incoming.xml, flags)

SPM_CONN_WRAPPER(virDomainPtr, virDomainCreateXMLWithFiles,
                 (virConnectPtr conn, const char *xml, unsigned int nfiles, int *files, unsigned int flags),
                 NULL, conn, incoming.xml, nfiles, files, flags)

SPM_CONN_WRAPPER(virDomainPtr, virDomainCreateLinux,
                 (virConnectPtr conn, const char *xml, unsigned int flags), NULL, conn, incoming.xml, flags)

SPM_CONN_WRAPPER(char *, virConnectDomainXMLToNative,
                 (virConnectPtr conn, const char *format, const char *xml, unsigned int flags), NULL, conn,
                 format, incoming.xml, flags)

SPM_EXPORT char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    char *xml = spm_libvirt()->virDomainGetXMLDesc(domain, flags);

    /* what is sent to another host must be understood there without the plugin */
    return flags & VIR_DOMAIN_XML_MIGRATABLE ? xml : spm_out(spm_connection(domain), xml);
}

SPM_EXPORT char *
virDomainSaveImageGetXMLDesc(virConnectPtr conn, const char *file, unsigned int flags)
{
    return spm_out(conn, spm_libvirt()->virDomainSaveImageGetXMLDesc(conn, file, flags));
}

SPM_EXPORT char *
virDomainManagedSaveGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    return spm_out(spm_connection(domain), spm_libvirt()->virDomainManagedSaveGetXMLDesc(domain, flags));
}

SPM_EXPORT char *
virDomainSnapshotGetXMLDesc(virDomainSnapshotPtr snapshot, unsigned int flags)
{
    return spm_out(spm_libvirt()->virDomainSnapshotGetConnect(snapshot),
                   spm_libvirt()->virDomainSnapshotGetXMLDesc(snapshot, flags));
}

SPM_EXPORT char *
virDomainCheckpointGetXMLDesc(virDomainCheckpointPtr checkpoint, unsigned int flags)
{
    return spm_out(spm_libvirt()->virDomainCheckpointGetConnect(checkpoint),
                   spm_libvirt()->virDomainCheckpointGetXMLDesc(checkpoint, flags));
}

SPM_WRAPPER_WITH(SPM_INCOMING, int, virDomainSaveImageDefineXML,
                 (virConnectPtr conn, const char *file, const char *xml, unsigned int flags),
                 spm_in_image(conn, file, &incoming), -1, conn, file, incoming.xml, flags)

SPM_WRAPPER_WITH(SPM_INCOMING, int, virDomainManagedSaveDefineXML,
                 (virDomainPtr domain, const char *xml, unsigned int flags),
                 spm_in_managed_save(domain, &incoming), -1, domain, incoming.xml, flags)

SPM_LIVE_WRAPPER(int, virDomainSaveFlags,
                 (virDomainPtr domain, const char *file, const char *xml, unsigned int flags), -1, domain,
                 file, incoming.xml, flags)

SPM_WRAPPER_WITH(SPM_INCOMING, int, virDomainRestoreFlags,
                 (virConnectPtr conn, const char *file, const char *xml, unsigned int flags),
                 spm_in_image(conn, file, &incoming), -1, conn, file, incoming.xml, flags)

static char *
spm_document_read_snapshot(virDomainPtr domain, const char *name)
{
    virDomainSnapshotPtr snapshot = spm_libvirt()->virDomainSnapshotLookupByName(domain, name, 0);
    char *xml = snapshot ? spm_libvirt()->virDomainSnapshotGetXMLDesc(snapshot, 0) : NULL;

    if (snapshot)
        spm_libvirt()->virDomainSnapshotFree(snapshot);
    return xml;
}

static char *
spm_document_read_checkpoint(virDomainPtr domain, const char *name)
{
    virDomainCheckpointPtr checkpoint = spm_libvirt()->virDomainCheckpointLookupByName(domain, name, 0);
    char *xml = checkpoint ? spm_libvirt()->virDomainCheckpointGetXMLDesc(checkpoint, 0) : NULL;

    if (checkpoint)
        spm_libvirt()->virDomainCheckpointFree(checkpoint);
    return xml;
}

SPM_WRAPPER_WITH(SPM_LIVE_INCOMING, virDomainSnapshotPtr, virDomainSnapshotCreateXML,
                 (virDomainPtr domain, const char *xml, unsigned int flags),
                 spm_contents_move_in_snapshot(&live, &incoming, flags) &&
                     spm_in_moment(&live, spm_document_read_snapshot, &incoming),
                 NULL, domain, incoming.xml, flags)

SPM_WRAPPER_WITH(SPM_LIVE_INCOMING, virDomainCheckpointPtr, virDomainCheckpointCreateXML,
                 (virDomainPtr domain, const char *xml, unsigned int flags),
                 spm_in_moment(&live, spm_document_read_checkpoint, &incoming), NULL, domain, incoming.xml,
                 flags)

SPM_LIVE_WRAPPER(virDomainPtr, virDomainMigrate2,
                 (virDomainPtr domain, virConnectPtr dest, const char *xml, unsigned long flags,
                  const char *name, const char *uri, unsigned long bandwidth),
                 NULL, domain, dest, incoming.xml, flags, name, uri, bandwidth)

SPM_LIVE_WRAPPER(int, virDomainMigrateToURI2,
                 (virDomainPtr domain, const char *dest, const char *uri, const char *xml,
                  unsigned long flags, const char *name, unsigned long bandwidth),
                 -1, domain, dest, uri, incoming.xml, flags, name, bandwidth)

SPM_LIVE_WRAPPER(char *, virDomainMigrateBegin3,
                 (virDomainPtr domain, const char *xml, char **cookie_out, int *cookie_out_size,
                  unsigned long flags, const char *name, unsigned long resource),
                 NULL, domain, incoming.xml, cookie_out, cookie_out_size, flags, name, resource)

SPM_WRAPPER_WITH(SPM_INCOMING, int, virDomainMigratePrepare3,
                 (virConnectPtr conn, const char *cookie_in, int cookie_in_size, char **cookie_out,
                  int *cookie_out_size, const char *uri_in, char **uri_out, unsigned long flags,
                  const char *name, unsigned long resource, const char *xml),
                 spm_in(conn, &incoming) && spm_may_arrive(conn, flags, incoming.stock != NULL), -1, conn,
                 cookie_in, cookie_in_size, cookie_out, cookie_out_size, uri_in, uri_out, flags, name,
                 resource, incoming.xml)

SPM_LIVE_WRAPPER(int, virDomainMigratePerform3,
                 (virDomainPtr domain, const char *xml, const char *cookie_in, int cookie_in_size,
                  char **cookie_out, int *cookie_out_size, const char *dest, const char *uri,
                  unsigned long flags, const char *name, unsigned long resource),
                 -1, domain, incoming.xml, cookie_in, cookie_in_size, cookie_out, cookie_out_size, dest, uri,
                 flags, name, resource)
