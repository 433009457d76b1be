/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that start a defined domain.
 *
 * A domain is stored with the device that its emulator had when it was defined, and may outlive that
 * emulator. So before a start the plugin checks whether the emulator still has the stored device. If it has
 * the other one, the plugin defines the domain with that. This is the only place where the plugin reads a
 * domain and defines it. A change by another client in between would be lost, so the plugin reads the domain
 * again just before it defines it, and refuses the start if the domain changed. A saved state cannot change
 * its device; its start is refused if the emulator lacks that device.
 *
 * If the client may not read the domain, or the emulator cannot be asked, the domain is started unchanged: a
 * failure then loses nothing. */

#include <stdlib.h>

#include "plugin.h"
#include "spm_translate.h"
#include "spm_xml.h"

/**
 * SpmStart:
 * @conn: the connection of the call
 * @options: how a device is chosen for the connection
 * @stored: (nullable): the device that the domain or its saved state has; NULL when it has no SPM
 * @present: the device that its emulator has
 */
typedef struct {
    virConnectPtr conn;
    SpmQemuOptions options;
    const char *stored;
    const char *present;
} SpmStart;

/* A SpmQemuChooser: the stored device counts when the emulator cannot be asked. */
static const char *
spm_start_choose(const SpmDomainDef *def, gpointer data, GError **error)
{
    const SpmStart *start = data;

    return spm_emulator_ask(def, start->conn, start->stored, error);
}

/* Finds the two devices for what libvirt has, @xml, which is freed here. Returns FALSE, with libvirt's error
 * set, when the emulator has neither device. */
static gboolean
spm_start_look(char *xml, SpmStart *start)
{
    SpmQemuOptions options = start->options;
    g_autoptr(xmlDoc) doc = xml ? spm_translate_read(xml, NULL) : NULL;
    g_autoptr(GError) error = NULL;

    free(xml);
    start->stored = doc ? spm_translate_device(doc) : NULL;
    if (!start->stored)
        return TRUE;
    options.choose = spm_start_choose;
    options.data = start;
    start->present = spm_translate_choose(doc, &options, &error);
    if (start->present)
        return TRUE;
    start->present = start->stored;
    if (!g_error_matches(error, SPM_ERROR, SPM_ERROR_DEVICE))
        return TRUE;
    spm_report_error(start->conn, error);
    return FALSE;
}

/* FALSE, with libvirt's error set, when the saved state has a device that the emulator lacks. */
static gboolean
spm_start_saved_state_starts(virDomainPtr domain, SpmStart *start)
{
    g_autofree char *message = NULL;

    if (!spm_start_look(spm_libvirt()->virDomainManagedSaveGetXMLDesc(domain, 0), start))
        return FALSE;
    if (g_strcmp0(start->present, start->stored) == 0)
        return TRUE;
    message = g_strdup_printf("the saved state of this domain has QEMU's device '%s' for <memory "
                              "model='spm'>, which its emulator lacks (it has '%s'); start it with an "
                              "emulator that has '%s', or discard the saved state (virsh managedsave-remove)",
                              start->stored, start->present, start->stored);
    spm_report(start->conn, VIR_ERR_OPERATION_UNSUPPORTED, message);
    return FALSE;
}

/* All that libvirt keeps of a domain. */
static char *
spm_start_dump(virDomainPtr domain)
{
    return spm_libvirt()->virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
}

/* FALSE, with libvirt's error set, when @domain is not @xml any more. */
static gboolean
spm_start_is_unchanged(virDomainPtr domain, const char *xml, const SpmStart *start)
{
    char *again = spm_start_dump(domain);
    gboolean same = g_strcmp0(xml, again) == 0;

    if (again && !same)
        spm_report(start->conn, VIR_ERR_OPERATION_FAILED,
                   "the domain was changed by another client while libvirt-spm changed its device for "
                   "<memory model='spm'>; start it again");
    free(again);
    return same;
}

/* The definition to replace @xml, or NULL with libvirt's error set. */
static char *
spm_start_with_present_device(const char *xml, const SpmStart *start)
{
    SpmQemuOptions options = start->options;
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = spm_xml_parse_dump(xml, faults);
    g_autoptr(GError) error = NULL;

    options.device = start->present;
    if (doc && spm_translate_out_doc(doc))
        spm_translate_in_doc(doc, &options, faults);
    if (spm_faults_to_error(faults, &error))
        return spm_xml_format(doc);
    spm_report_error(start->conn, error);
    return NULL;
}

static gboolean
spm_start_define_anew(virDomainPtr domain, const SpmStart *start)
{
    char *xml = spm_start_dump(domain);
    g_autofree char *stock = xml ? spm_start_with_present_device(xml, start) : NULL;
    gboolean unchanged = stock && spm_start_is_unchanged(domain, xml, start);
    virDomainPtr defined = unchanged ? spm_libvirt()->virDomainDefineXML(start->conn, stock) : NULL;

    free(xml);
    if (defined)
        spm_libvirt()->virDomainFree(defined);
    return defined != NULL;
}

static gboolean
spm_start_definition_starts(virDomainPtr domain, SpmStart *start)
{
    if (!spm_start_look(spm_libvirt()->virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE), start))
        return FALSE;
    /* libvirt refuses to start one that runs */
    if (g_strcmp0(start->present, start->stored) == 0 || spm_libvirt()->virDomainIsActive(domain) != 0)
        return TRUE;
    return spm_start_define_anew(domain, start);
}

/* Makes sure that @domain, which is about to start, has the device of its emulator. Returns FALSE, with
 * libvirt's error set, when it must not start. */
static gboolean
spm_start_may(virDomainPtr domain, unsigned int flags)
{
    SpmStart start = { .conn = spm_connection(domain) };

    if (!spm_options(start.conn, &start.options) || !spm_gate(start.conn))
        return TRUE;
    if (!(flags & VIR_DOMAIN_START_FORCE_BOOT) && spm_libvirt()->virDomainHasManagedSaveImage(domain, 0) > 0)
        return spm_start_saved_state_starts(domain, &start);
    return spm_start_definition_starts(domain, &start);
}

SPM_WRAPPER(int, virDomainCreate, (virDomainPtr domain), spm_start_may(domain, 0), -1, domain)

SPM_WRAPPER(int, virDomainCreateWithFlags, (virDomainPtr domain, unsigned int flags),
            spm_start_may(domain, flags), -1, domain, flags)

SPM_WRAPPER(int, virDomainCreateWithFiles,
            (virDomainPtr domain, unsigned int nfiles, int *files, unsigned int flags),
            spm_start_may(domain, flags), -1, domain, nfiles, files, flags)
