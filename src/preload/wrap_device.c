/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that attach, update or detach one device.
 *
 * SPM is there from the boot of a guest to its end, so a running one is refused. In a domain's
 * configuration the device is changed by defining the changed domain, under libvirt's own checks. */

#include <libvirt/virterror.h>

#include "plugin.h"
#include "spm_device.h"

/* Whether @flags reach the running guest. */
static gboolean
spm_is_live(virDomainPtr domain, unsigned int flags)
{
    if (flags & (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG))
        return flags & VIR_DOMAIN_AFFECT_LIVE;
    return spm_libvirt()->virDomainIsActive(domain) == 1;
}

static int
spm_change_config(virDomainPtr domain, SpmDeviceAction action, const char *device,
                  const SpmQemuOptions *options)
{
    const SpmLibvirt *libvirt = spm_libvirt();
    virConnectPtr conn = libvirt->virDomainGetConnect(domain);
    g_autofree char *xml =
        libvirt->virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    g_autofree char *changed = NULL;
    g_autoptr(GError) error = NULL;
    virDomainPtr defined;

    if (!xml)
        return -1;
    changed = spm_device_change(xml, action, device, options, &error);
    if (!changed) {
        spm_report_error(conn, error);
        return -1;
    }
    defined = libvirt->virDomainDefineXML(conn, changed);
    if (!defined)
        return -1;
    libvirt->virDomainFree(defined);
    return 0;
}

/* Does @action when @xml is an spm element. Returns FALSE when it is not, and libvirt is to see to it. */
static gboolean
spm_change(virDomainPtr domain, SpmDeviceAction action, const char *xml, unsigned int flags, int *result)
{
    SpmQemuOptions options;

    if (!xml || !spm_libvirt()->armed || !spm_device_is_spm(xml) ||
        !spm_options(spm_libvirt()->virDomainGetConnect(domain), &options))
        return FALSE;
    if (spm_is_live(domain, flags)) {
        spm_report(
            spm_libvirt()->virDomainGetConnect(domain), VIR_ERR_OPERATION_UNSUPPORTED,
            "<memory model='spm'> cannot be attached, updated or detached while the domain runs; change "
            "its configuration (virsh ... --config) and start it anew");
        *result = -1;
    } else {
        *result = spm_change_config(domain, action, xml, &options);
    }
    return TRUE;
}

SPM_EXPORT int
virDomainAttachDevice(virDomainPtr domain, const char *xml)
{
    int result;

    if (spm_change(domain, SPM_DEVICE_ATTACH, xml, VIR_DOMAIN_AFFECT_LIVE, &result))
        return result;
    return spm_libvirt()->virDomainAttachDevice(domain, xml);
}

SPM_EXPORT int
virDomainAttachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
    int result;

    if (spm_change(domain, SPM_DEVICE_ATTACH, xml, flags, &result))
        return result;
    return spm_libvirt()->virDomainAttachDeviceFlags(domain, xml, flags);
}

SPM_EXPORT int
virDomainUpdateDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
    int result;

    if (spm_change(domain, SPM_DEVICE_UPDATE, xml, flags, &result))
        return result;
    return spm_libvirt()->virDomainUpdateDeviceFlags(domain, xml, flags);
}

SPM_EXPORT int
virDomainDetachDevice(virDomainPtr domain, const char *xml)
{
    int result;

    if (spm_change(domain, SPM_DEVICE_DETACH, xml, VIR_DOMAIN_AFFECT_LIVE, &result))
        return result;
    return spm_libvirt()->virDomainDetachDevice(domain, xml);
}

SPM_EXPORT int
virDomainDetachDeviceFlags(virDomainPtr domain, const char *xml, unsigned int flags)
{
    int result;

    if (spm_change(domain, SPM_DEVICE_DETACH, xml, flags, &result))
        return result;
    return spm_libvirt()->virDomainDetachDeviceFlags(domain, xml, flags);
}

/* The element that means the domain's SPM of this alias, or NULL when it has no such SPM. */
static char *
spm_describe_alias(virDomainPtr domain, const char *alias, unsigned int flags)
{
    unsigned int which = spm_is_live(domain, flags) ? 0 : VIR_DOMAIN_XML_INACTIVE;
    g_autofree char *xml = spm_libvirt()->virDomainGetXMLDesc(domain, which);

    if (!xml || !spm_device_domain_has_alias(xml, alias))
        return NULL;
    return g_markup_printf_escaped("<memory model='spm'><alias name='%s'/></memory>", alias);
}

SPM_EXPORT int
virDomainDetachDeviceAlias(virDomainPtr domain, const char *alias, unsigned int flags)
{
    /* only aliases of the user's own can be those of SPM */
    gboolean possible = alias && g_str_has_prefix(alias, "ua-") && spm_libvirt()->armed;
    g_autofree char *device = possible ? spm_describe_alias(domain, alias, flags) : NULL;
    int result;

    if (spm_change(domain, SPM_DEVICE_DETACH, device, flags, &result))
        return result;
    return spm_libvirt()->virDomainDetachDeviceAlias(domain, alias, flags);
}
