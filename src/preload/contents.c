/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contents that would be lost: QEMU 11.1 saves and migrates a guest without the memory of its sp-mem devices,
 * and says nothing. */

#include <stdlib.h>

#include <libvirt/virterror.h>

#include "plugin.h"
#include "spm_translate.h"
#include "spm_xml.h"

static gboolean
spm_is_checked(virDomainPtr domain)
{
    const SpmLibvirt *libvirt = spm_libvirt();
    SpmQemuOptions options;

    return !libvirt->settings.allow_contents_loss && spm_options(spm_connection(domain), &options) &&
           spm_gate(spm_connection(domain));
}

static void
spm_report_loss(virDomainPtr domain)
{
    g_autofree char *path = spm_settings_path();
    g_autofree char *message = g_strdup_printf("<memory model='spm'> of this domain is QEMU's device "
                                               "'sp-mem', whose contents are lost when the domain is "
                                               "saved, dumped or migrated; shut the domain down instead, use "
                                               "an emulator that has 'spm-memory', or set "
                                               "contents_loss=allow in %s",
                                               path);

    spm_report(spm_connection(domain), VIR_ERR_OPERATION_UNSUPPORTED, message);
}

static void
spm_report_unknown(virDomainPtr domain, const GError *error)
{
    g_autofree char *path = spm_settings_path();
    g_autofree char *message = g_strdup_printf(
        "the domain's XML cannot be read (%s), so that it is not known whether the contents of its "
        "<memory model='spm'> would be lost when it is saved, dumped or migrated; shut the domain down "
        "instead, or "
        "set contents_loss=allow in %s",
        error->message, path);

    spm_report(spm_connection(domain), VIR_ERR_OPERATION_UNSUPPORTED, message);
}

/* TRUE when @xml, of an active domain, has no SPM whose contents would be lost; otherwise libvirt's error is
 * left. */
static gboolean
spm_keeps_contents(virDomainPtr domain, const char *xml)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(xmlDoc) doc = spm_translate_read(xml, &error);
    const char *device = doc ? spm_translate_device(doc) : NULL;

    if (error) {
        spm_report_unknown(domain, error);
        return FALSE;
    }
    if (!device || spm_qemu_device_moves_contents(device))
        return TRUE;
    spm_report_loss(domain);
    return FALSE;
}

/**
 * spm_contents_move:
 * @domain: the domain of the call, which is to save, dump or migrate it
 *
 * A domain that cannot be read is not saved: it may be one whose contents would be lost.
 *
 * Returns: FALSE, with libvirt's error left, when that would lose what the guest has in its SPM
 */
gboolean
spm_contents_move(virDomainPtr domain)
{
    gboolean move;
    char *xml;

    /* one that is shut off has no contents */
    if (!spm_is_checked(domain) || spm_libvirt()->virDomainIsActive(domain) == 0)
        return TRUE;
    xml = spm_libvirt()->virDomainGetXMLDesc(domain, 0);
    move = xml && spm_keeps_contents(domain, xml);
    free(xml);
    return move;
}

/* FALSE when the snapshot is one of disks only. */
static gboolean
spm_snapshot_has_memory(SpmIncoming *incoming)
{
    xmlDocPtr doc = spm_incoming_doc(incoming);
    g_autofree char *mode =
        doc ? spm_xml_attr(spm_xml_find(xmlDocGetRootElement(doc), "memory"), "snapshot") : NULL;

    return g_strcmp0(mode, "no") != 0;
}

/**
 * spm_contents_move_in_snapshot:
 * @domain: the domain of the call
 * @incoming: the <domainsnapshot> to create
 * @flags: of virDomainSnapshotCreateXML()
 *
 * Returns: see spm_contents_move()
 */
gboolean
spm_contents_move_in_snapshot(virDomainPtr domain, SpmIncoming *incoming, unsigned int flags)
{
    if (!incoming->xml ||
        flags & (VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY))
        return TRUE;
    return !spm_is_checked(domain) || !spm_snapshot_has_memory(incoming) || spm_contents_move(domain);
}
