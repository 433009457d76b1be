/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that take or give one document. */

#include "plugin.h"

SPM_EXPORT virDomainPtr
virDomainDefineXML(virConnectPtr conn, const char *xml)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in(conn, &incoming) ? spm_libvirt()->virDomainDefineXML(conn, incoming.xml) : NULL;
}

SPM_EXPORT virDomainPtr
virDomainDefineXMLFlags(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in(conn, &incoming) ? spm_libvirt()->virDomainDefineXMLFlags(conn, incoming.xml, flags) : NULL;
}

SPM_EXPORT virDomainPtr
virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in(conn, &incoming) ? spm_libvirt()->virDomainCreateXML(conn, incoming.xml, flags) : NULL;
}

SPM_EXPORT virDomainPtr
virDomainCreateXMLWithFiles(virConnectPtr conn, const char *xml, unsigned int nfiles, int *files,
                            unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in(conn, &incoming)
               ? spm_libvirt()->virDomainCreateXMLWithFiles(conn, incoming.xml, nfiles, files, flags)
               : NULL;
}

SPM_EXPORT virDomainPtr
virDomainCreateLinux(virConnectPtr conn, const char *xml, unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in(conn, &incoming) ? spm_libvirt()->virDomainCreateLinux(conn, incoming.xml, flags) : NULL;
}

SPM_EXPORT char *
virConnectDomainXMLToNative(virConnectPtr conn, const char *format, const char *xml, unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in(conn, &incoming)
               ? spm_libvirt()->virConnectDomainXMLToNative(conn, format, incoming.xml, flags)
               : NULL;
}

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

SPM_EXPORT int
virDomainSaveImageDefineXML(virConnectPtr conn, const char *file, const char *xml, unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in_image(conn, file, &incoming)
               ? spm_libvirt()->virDomainSaveImageDefineXML(conn, file, incoming.xml, flags)
               : -1;
}

SPM_EXPORT int
virDomainManagedSaveDefineXML(virDomainPtr domain, const char *xml, unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in_managed_save(domain, &incoming)
               ? spm_libvirt()->virDomainManagedSaveDefineXML(domain, incoming.xml, flags)
               : -1;
}

SPM_EXPORT int
virDomainSaveFlags(virDomainPtr domain, const char *file, const char *xml, unsigned int flags)
{
    g_auto(SpmLive) live = { .domain = domain };
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_contents_move(&live) && spm_in_domain(&live, &incoming)
               ? spm_libvirt()->virDomainSaveFlags(domain, file, incoming.xml, flags)
               : -1;
}

SPM_EXPORT int
virDomainRestoreFlags(virConnectPtr conn, const char *file, const char *xml, unsigned int flags)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in_image(conn, file, &incoming)
               ? spm_libvirt()->virDomainRestoreFlags(conn, file, incoming.xml, flags)
               : -1;
}

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

SPM_EXPORT virDomainSnapshotPtr
virDomainSnapshotCreateXML(virDomainPtr domain, const char *xml, unsigned int flags)
{
    g_auto(SpmLive) live = { .domain = domain };
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_contents_move_in_snapshot(&live, &incoming, flags) &&
                   spm_in_moment(&live, spm_document_read_snapshot, &incoming)
               ? spm_libvirt()->virDomainSnapshotCreateXML(domain, incoming.xml, flags)
               : NULL;
}

SPM_EXPORT virDomainCheckpointPtr
virDomainCheckpointCreateXML(virDomainPtr domain, const char *xml, unsigned int flags)
{
    g_auto(SpmLive) live = { .domain = domain };
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in_moment(&live, spm_document_read_checkpoint, &incoming)
               ? spm_libvirt()->virDomainCheckpointCreateXML(domain, incoming.xml, flags)
               : NULL;
}

SPM_EXPORT virDomainPtr
virDomainMigrate2(virDomainPtr domain, virConnectPtr dest, const char *xml, unsigned long flags,
                  const char *name, const char *uri, unsigned long bandwidth)
{
    g_auto(SpmLive) live = { .domain = domain };
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_contents_move(&live) && spm_in_domain(&live, &incoming)
               ? spm_libvirt()->virDomainMigrate2(domain, dest, incoming.xml, flags, name, uri, bandwidth)
               : NULL;
}

SPM_EXPORT int
virDomainMigrateToURI2(virDomainPtr domain, const char *dest, const char *uri, const char *xml,
                       unsigned long flags, const char *name, unsigned long bandwidth)
{
    g_auto(SpmLive) live = { .domain = domain };
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_contents_move(&live) && spm_in_domain(&live, &incoming)
               ? spm_libvirt()->virDomainMigrateToURI2(domain, dest, uri, incoming.xml, flags, name,
                                                       bandwidth)
               : -1;
}

SPM_EXPORT char *
virDomainMigrateBegin3(virDomainPtr domain, const char *xml, char **cookie_out, int *cookie_out_size,
                       unsigned long flags, const char *name, unsigned long resource)
{
    g_auto(SpmLive) live = { .domain = domain };
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_contents_move(&live) && spm_in_domain(&live, &incoming)
               ? spm_libvirt()->virDomainMigrateBegin3(domain, incoming.xml, cookie_out, cookie_out_size,
                                                       flags, name, resource)
               : NULL;
}

SPM_EXPORT int
virDomainMigratePrepare3(virConnectPtr conn, const char *cookie_in, int cookie_in_size, char **cookie_out,
                         int *cookie_out_size, const char *uri_in, char **uri_out, unsigned long flags,
                         const char *name, unsigned long resource, const char *xml)
{
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_in(conn, &incoming)
               ? spm_libvirt()->virDomainMigratePrepare3(conn, cookie_in, cookie_in_size, cookie_out,
                                                         cookie_out_size, uri_in, uri_out, flags, name,
                                                         resource, incoming.xml)
               : -1;
}

SPM_EXPORT int
virDomainMigratePerform3(virDomainPtr domain, const char *xml, const char *cookie_in, int cookie_in_size,
                         char **cookie_out, int *cookie_out_size, const char *dest, const char *uri,
                         unsigned long flags, const char *name, unsigned long resource)
{
    g_auto(SpmLive) live = { .domain = domain };
    g_auto(SpmIncoming) incoming = { .xml = xml };

    return spm_contents_move(&live) && spm_in_domain(&live, &incoming)
               ? spm_libvirt()->virDomainMigratePerform3(domain, incoming.xml, cookie_in, cookie_in_size,
                                                         cookie_out, cookie_out_size, dest, uri, flags, name,
                                                         resource)
               : -1;
}
