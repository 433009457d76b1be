/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents on their way in and out: translated, or refused with an error of libvirt's. */

#include <stdlib.h>

#include <libvirt/virterror.h>

#include "plugin.h"
#include "spm_translate.h"

/**
 * spm_report:
 * @conn: (nullable): the connection of the call
 * @code: one of libvirt's error codes
 * @message: what is wrong
 *
 * Leaves an error as libvirt does: for virGetLastError() and the connection's error handler.
 */
void
spm_report(virConnectPtr conn, int code, const char *message)
{
    spm_libvirt()->virReportErrorHelper(VIR_FROM_DOMAIN, code, __FILE__, __func__, __LINE__, "%s", message);
    if (spm_libvirt()->virDispatchError)
        spm_libvirt()->virDispatchError(conn);
}

/**
 * spm_report_error:
 * @conn: (nullable): the connection of the call
 * @error: an error of the SPM_ERROR domain
 *
 * spm_report() with libvirt's code for it.
 */
void
spm_report_error(virConnectPtr conn, const GError *error)
{
    static const int codes[] = {
        [SPM_ERROR_DOCUMENT] = VIR_ERR_XML_ERROR,
        [SPM_ERROR_XML] = VIR_ERR_XML_ERROR,
        [SPM_ERROR_CONFIG] = VIR_ERR_CONFIG_UNSUPPORTED,
        [SPM_ERROR_NOT_FOUND] = VIR_ERR_DEVICE_MISSING,
    };

    spm_report(conn, codes[error->code], error->message);
}

/**
 * spm_options:
 * @conn: a connection
 * @options: (out): what to translate for
 *
 * Returns: FALSE when nothing is to be translated: the plugin is not armed, or @conn is not to QEMU
 */
gboolean
spm_options(virConnectPtr conn, SpmQemuOptions *options)
{
    const SpmSettings *settings = &spm_libvirt()->settings;

    options->device = settings->device;
    options->choose = settings->device ? NULL : spm_emulator_device;
    options->data = conn;
    return spm_libvirt()->armed && g_strcmp0(spm_libvirt()->virConnectGetType(conn), "QEMU") == 0 &&
           spm_libvirt()->virConnectGetLibVersion(conn, &options->libvirt_version) == 0;
}

/**
 * spm_domain_device:
 * @domain: a domain
 * @device: (out) (transfer none) (nullable): QEMU's name of the device that its SPM is, if it has any
 *
 * Returns: FALSE, with libvirt's error left, when the domain cannot be read
 */
gboolean
spm_domain_device(virDomainPtr domain, const char **device)
{
    char *xml = spm_libvirt()->virDomainGetXMLDesc(domain, 0);
    g_autoptr(GError) error = NULL;
    gboolean read;

    *device = NULL;
    if (!xml)
        return FALSE;
    read = spm_translate_device(xml, device, &error);
    if (!read)
        spm_report_error(spm_libvirt()->virDomainGetConnect(domain), error);
    free(xml);
    return read;
}

static gboolean
spm_in_with(virConnectPtr conn, const SpmQemuOptions *options, const char **xml, char **stock)
{
    g_autoptr(GError) error = NULL;

    *stock = spm_translate_in(*xml, options, &error);
    if (*stock) {
        *xml = *stock;
        return TRUE;
    }
    if (g_error_matches(error, SPM_ERROR, SPM_ERROR_DOCUMENT))
        return TRUE;
    spm_report_error(conn, error);
    return FALSE;
}

/**
 * spm_in:
 * @conn: the connection of the call
 * @xml: (inout) (nullable): a document, replaced by what stock libvirt takes when it has spm elements
 * @stock: (out): what owns the replacement
 *
 * A document that cannot be read is left to libvirt, which says so in its own words.
 *
 * Returns: FALSE, with libvirt's error left, when the document is refused
 */
gboolean
spm_in(virConnectPtr conn, const char **xml, char **stock)
{
    SpmQemuOptions options;

    return !*xml || !spm_translate_in_concerns(*xml) || !spm_options(conn, &options) ||
           spm_in_with(conn, &options, xml, stock);
}

/**
 * spm_in_domain:
 * @domain: the domain of the call
 * @xml: see spm_in()
 * @stock: see spm_in()
 *
 * What runs, or is saved, has the device that its emulator had when it was started.
 *
 * Returns: see spm_in()
 */
gboolean
spm_in_domain(virDomainPtr domain, const char **xml, char **stock)
{
    SpmQemuOptions options;
    virConnectPtr conn;
    const char *device;

    if (!*xml || !spm_translate_in_concerns(*xml) || !spm_libvirt()->armed)
        return TRUE;
    conn = spm_libvirt()->virDomainGetConnect(domain);
    if (!spm_options(conn, &options))
        return TRUE;
    if (spm_domain_device(domain, &device) && device) {
        options.device = device;
        options.choose = NULL;
    }
    return spm_in_with(conn, &options, xml, stock);
}

/**
 * spm_out:
 * @xml: (transfer full) (nullable): a document that libvirt gave
 *
 * Returns: (transfer full) (nullable): what is to be shown in its place
 */
char *
spm_out(char *xml)
{
    char *shown;

    if (!spm_libvirt()->armed || !xml || !spm_translate_out_concerns(xml))
        return xml;
    shown = spm_translate_out(xml, NULL);
    if (!shown)
        return xml;
    free(xml);
    return shown;
}
