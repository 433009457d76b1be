/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contents that would be lost: QEMU 11.1 saves and migrates a guest without the memory of its sp-mem devices,
 * and says nothing. */

#include <libvirt/virterror.h>

#include "plugin.h"
#include "spm_xml.h"

static gboolean
spm_is_checked(virDomainPtr domain)
{
    const SpmLibvirt *libvirt = spm_libvirt();

    return libvirt->armed && !libvirt->settings.allow_contents_loss &&
           g_strcmp0(libvirt->virConnectGetType(libvirt->virDomainGetConnect(domain)), "QEMU") == 0;
}

static void
spm_report_loss(virDomainPtr domain)
{
    g_autofree char *path = spm_settings_path();
    g_autofree char *message = g_strdup_printf(
        "<memory model='spm'> of this domain is QEMU's device 'sp-mem', whose contents are lost when the "
        "domain is saved or migrated; shut the domain down instead, use an emulator that has 'spm-memory', "
        "or set "
        "contents_loss=allow in %s",
        path);

    spm_report(spm_libvirt()->virDomainGetConnect(domain), VIR_ERR_OPERATION_UNSUPPORTED, message);
}

/**
 * spm_contents_move:
 * @domain: the domain of the call, which is to save or migrate it
 *
 * A domain that cannot be looked at is not saved: it may be one whose contents would be lost.
 *
 * Returns: FALSE, with libvirt's error left, when that would lose what the guest has in its SPM
 */
gboolean
spm_contents_move(virDomainPtr domain)
{
    const char *device;

    if (!spm_is_checked(domain))
        return TRUE;
    if (!spm_domain_device(domain, &device))
        return FALSE;
    /* one that is shut off has no contents */
    if (!device || spm_qemu_device_moves_contents(device) || spm_libvirt()->virDomainIsActive(domain) == 0)
        return TRUE;
    spm_report_loss(domain);
    return FALSE;
}

/* FALSE when @xml asks for a snapshot of disks alone. */
static gboolean
spm_snapshot_has_memory(const char *xml, unsigned int flags)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = NULL;
    g_autofree char *mode = NULL;

    if (flags & (VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY))
        return FALSE;
    doc = spm_xml_parse(xml, faults);
    mode = doc ? spm_xml_attr(spm_xml_find(xmlDocGetRootElement(doc), "memory"), "snapshot") : NULL;
    return g_strcmp0(mode, "no") != 0;
}

/**
 * spm_contents_move_in_snapshot:
 * @domain: the domain of the call
 * @xml: (nullable): the <domainsnapshot> to create
 * @flags: of virDomainSnapshotCreateXML()
 *
 * Returns: see spm_contents_move()
 */
gboolean
spm_contents_move_in_snapshot(virDomainPtr domain, const char *xml, unsigned int flags)
{
    return !xml || !spm_snapshot_has_memory(xml, flags) || spm_contents_move(domain);
}
