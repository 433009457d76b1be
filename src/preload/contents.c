/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contents that would be lost: QEMU 11.1 saves and migrates a guest without the memory of its sp-mem devices,
 * and says nothing. */

#include <stdlib.h>

#include "plugin.h"
#include "spm_xml.h"

static gboolean
spm_contents_is_checked(virDomainPtr domain)
{
    const SpmLibvirt *libvirt = spm_libvirt();
    SpmQemuOptions options;

    return !libvirt->settings.allow_contents_loss && spm_options(spm_connection(domain), &options) &&
           spm_gate(spm_connection(domain));
}

/* TRUE when the guest keeps what it has in its SPM, which is read from @live. */
static gboolean
spm_contents_are_kept(SpmLive *live)
{
    /* a domain that is shut off has no contents */
    if (!spm_contents_is_checked(live->domain) || spm_libvirt()->virDomainIsActive(live->domain) == 0)
        return TRUE;
    spm_live_read(live);
    return live->given && !live->error && (!live->device || spm_qemu_device_moves_contents(live->device));
}

/* Refuses to lose contents, and returns FALSE. libvirt has set an error already if it gave no XML. */
static gboolean
spm_contents_refuse(const SpmLive *live)
{
    g_autofree char *path = spm_settings_path();
    g_autofree char *message = NULL;

    if (live->error)
        message = g_strdup_printf("the domain's XML cannot be read (%s), so the contents of its <memory "
                                  "model='spm'> could be lost when it is saved, dumped or migrated; shut the "
                                  "domain down instead, or set contents_loss=allow in %s",
                                  live->error->message, path);
    else if (live->given)
        message = g_strdup_printf(
            "<memory model='spm'> of this domain is QEMU's device 'sp-mem', whose contents are lost when the "
            "domain is saved, dumped or migrated; shut the domain down instead, use an emulator that has "
            "'spm-memory', or set contents_loss=allow in %s",
            path);
    if (message)
        spm_report(spm_connection(live->domain), VIR_ERR_OPERATION_UNSUPPORTED, message);
    return FALSE;
}

/**
 * spm_contents_move:
 * @live: the domain of the call, which is to save, dump or migrate it
 *
 * A domain that cannot be read is not saved: its contents could be lost.
 *
 * Returns: FALSE, with libvirt's error set, when the guest would lose what it has in its SPM
 */
gboolean
spm_contents_move(SpmLive *live)
{
    return spm_contents_are_kept(live) || spm_contents_refuse(live);
}

/* FALSE when the snapshot is one of disks only. */
static gboolean
spm_contents_snapshot_has_memory(SpmIncoming *incoming)
{
    xmlDocPtr doc = spm_incoming_doc(incoming);
    g_autofree char *mode =
        doc ? spm_xml_attr(spm_xml_find(xmlDocGetRootElement(doc), "memory"), "snapshot") : NULL;

    return g_strcmp0(mode, "no") != 0;
}

/**
 * spm_contents_move_in_snapshot:
 * @live: the domain of the call
 * @incoming: the <domainsnapshot> to create
 * @flags: of virDomainSnapshotCreateXML()
 *
 * Returns: see spm_contents_move()
 */
gboolean
spm_contents_move_in_snapshot(SpmLive *live, SpmIncoming *incoming, unsigned int flags)
{
    if (!incoming->xml ||
        flags & (VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY))
        return TRUE;
    return spm_contents_are_kept(live) || !spm_contents_snapshot_has_memory(incoming) ||
           spm_contents_refuse(live);
}
