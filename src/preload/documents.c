/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents on their way in and out: translated, or refused with an error of libvirt's. */

#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "spm_expand.h"
#include "spm_translate.h"
#include "spm_xml.h"

/**
 * spm_report:
 * @conn: (nullable): the connection of the call
 * @code: one of libvirt's error codes
 * @message: what is wrong
 *
 * Sets an error as libvirt does: for virGetLastError() and the connection's error handler.
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
        [SPM_ERROR_DOCUMENT] = VIR_ERR_XML_ERROR,        [SPM_ERROR_XML] = VIR_ERR_XML_ERROR,
        [SPM_ERROR_CONFIG] = VIR_ERR_CONFIG_UNSUPPORTED, [SPM_ERROR_DEVICE] = VIR_ERR_CONFIG_UNSUPPORTED,
        [SPM_ERROR_BUSY] = VIR_ERR_RESOURCE_BUSY,
    };

    spm_report(conn, codes[error->code], error->message);
}

/**
 * spm_connection:
 * @domain: a domain
 *
 * Returns: (transfer none) (nullable): its connection
 */
virConnectPtr
spm_connection(virDomainPtr domain)
{
    return spm_libvirt()->virDomainGetConnect(domain);
}

/**
 * spm_options:
 * @conn: a connection
 * @options: (out): the options for translation
 *
 * Returns: FALSE when nothing must be translated: the plugin is not armed, or @conn is not to QEMU
 */
gboolean
spm_options(virConnectPtr conn, SpmQemuOptions *options)
{
    const SpmSettings *settings = &spm_libvirt()->settings;

    options->device = settings->device;
    options->choose = spm_emulator_device;
    options->data = conn;
    options->is_new = FALSE;
    return spm_libvirt()->armed && g_strcmp0(spm_libvirt()->virConnectGetType(conn), "QEMU") == 0 &&
           spm_libvirt()->virConnectGetLibVersion(conn, &options->libvirt_version) == 0;
}

/**
 * spm_incoming_doc:
 * @incoming: a document that a client sent
 *
 * Parses it, once.
 *
 * Returns: (transfer none) (nullable): its tree, or NULL when it cannot be read
 */
xmlDocPtr
spm_incoming_doc(SpmIncoming *incoming)
{
    if (!incoming->faults) {
        incoming->faults = spm_faults_new();
        incoming->doc = spm_xml_parse(incoming->xml, incoming->faults);
    }
    return incoming->doc;
}

/**
 * spm_incoming_clear:
 * @incoming: a document that a client sent
 */
void
spm_incoming_clear(SpmIncoming *incoming)
{
    g_clear_pointer(&incoming->doc, xmlFreeDoc);
    g_clear_pointer(&incoming->faults, spm_faults_free);
    g_clear_pointer(&incoming->stock, g_free);
}

/* Replaces the text of @incoming by stock XML if it has spm elements, or requests for them. Spm
 * elements stay if libvirt itself knows them, @native. */
static gboolean
spm_in_with(virConnectPtr conn, const SpmQemuOptions *options, gboolean native, SpmIncoming *incoming)
{
    xmlDocPtr doc = spm_incoming_doc(incoming);
    g_autoptr(GError) error = NULL;
    guint count = 0;

    if (doc && incoming->is_new)
        count += (guint)spm_expand_doc(doc, &spm_libvirt()->profiles, options, FALSE, incoming->faults);
    if (doc && (!native || spm_native_lacks(doc)) && !incoming->faults->len)
        count += spm_translate_in_doc(doc, options, incoming->faults);

    if (spm_faults_to_error(incoming->faults, &error)) {
        if (count)
            incoming->xml = incoming->stock = spm_xml_format(doc);
        return TRUE;
    }
    if (g_error_matches(error, SPM_ERROR, SPM_ERROR_DOCUMENT))
        return TRUE;
    if (!g_error_matches(error, SPM_ERROR, SPM_ERROR_REPORTED))
        spm_report_error(conn, error);
    return FALSE;
}

/* spm_in() for a document that replaces what has carriers of @device; NULL for a new definition, which is
 * left to a libvirt that knows spm. A saved or running domain keeps the device that its emulator had when it
 * was started, whatever the emulator has now. */
static gboolean
spm_in_with_device(virConnectPtr conn, const char *device, SpmQemuOptions *options, SpmIncoming *incoming)
{
    gboolean native = !device && spm_native(conn, incoming);

    if (device)
        options->device = device;
    options->is_new = incoming->is_new;
    return (native && !incoming->is_new && !strstr(incoming->xml, "pool")) ||
           spm_in_with(conn, options, native, incoming);
}

/**
 * spm_concerns:
 * @conn: the connection of the call
 * @xml: (nullable): a document that a client sent
 * @options: (out): the options for its translation
 *
 * Returns: TRUE when @xml may have an spm element and libvirt lets the connection make the call, so that @xml
 * may be read
 */
gboolean
spm_concerns(virConnectPtr conn, const char *xml, SpmQemuOptions *options)
{
    return xml && spm_translate_in_concerns(xml) && spm_options(conn, options) && spm_gate(conn);
}

/**
 * spm_in:
 * @conn: the connection of the call
 * @incoming: a document, whose text is replaced by stock XML if it has spm elements
 *
 * libvirt reports a document that cannot be read.
 *
 * Returns: FALSE, with libvirt's error set, when the document is refused
 */
gboolean
spm_in(virConnectPtr conn, SpmIncoming *incoming)
{
    SpmQemuOptions options;

    return !spm_concerns(conn, incoming->xml, &options) || spm_in_with_device(conn, NULL, &options, incoming);
}

/**
 * spm_in_new:
 * @conn: see spm_in()
 * @incoming: a document of a domain that is defined or created, to which what it requests is added as well
 *
 * Returns: see spm_in()
 */
gboolean
spm_in_new(virConnectPtr conn, SpmIncoming *incoming)
{
    SpmQemuOptions options;

    incoming->is_new = TRUE;
    return !incoming->xml || !spm_expand_concerns(incoming->xml, &spm_libvirt()->profiles) ||
           !spm_options(conn, &options) || !spm_gate(conn) ||
           spm_in_with_device(conn, NULL, &options, incoming);
}

/**
 * spm_may_arrive:
 * @conn: the connection of the call, to which a domain migrates
 * @flags: of the migration
 * @spm: TRUE when the domain's document had spm elements
 *
 * A source that has the plugin sends carriers, so that spm elements come from a libvirt that knows them.
 *
 * Returns: FALSE, with libvirt's error set, when the domain runs and cannot run here
 */
gboolean
spm_may_arrive(virConnectPtr conn, unsigned long flags, gboolean spm)
{
    if (!spm || flags & VIR_MIGRATE_OFFLINE)
        return TRUE;
    spm_report(conn, VIR_ERR_OPERATION_UNSUPPORTED,
               "the source's libvirt has <memory model='spm'> itself, and gives the guest another window for "
               "memory devices than this host, so the guest cannot move while it runs; shut it down and "
               "define its inactive XML here");
    return FALSE;
}

static void
spm_live_parse(SpmLive *live, char *xml)
{
    g_autoptr(xmlDoc) doc = xml ? spm_translate_read(xml, &live->error) : NULL;

    live->read = TRUE;
    live->given = xml != NULL;
    live->device = doc ? spm_translate_device(doc) : NULL;
    free(xml);
}

/**
 * spm_live_read:
 * @live: the domain of a call
 *
 * Reads and parses its XML, once.
 */
void
spm_live_read(SpmLive *live)
{
    if (!live->read)
        spm_live_parse(live, spm_libvirt()->virDomainGetXMLDesc(live->domain, 0));
}

/**
 * spm_live_clear:
 * @live: the domain of a call
 */
void
spm_live_clear(SpmLive *live)
{
    g_clear_error(&live->error);
}

/* spm_in() for a document that replaces @live, which was read. */
static gboolean
spm_in_place_of(virConnectPtr conn, const SpmLive *live, SpmQemuOptions *options, SpmIncoming *incoming)
{
    if (live->error)
        spm_report_error(conn, live->error);
    return live->given && !live->error && spm_in_with_device(conn, live->device, options, incoming);
}

/* spm_in() for a document that replaces @stored, which libvirt gave and which is freed here. */
static gboolean
spm_in_place_of_stored(virConnectPtr conn, char *stored, SpmQemuOptions *options, SpmIncoming *incoming)
{
    g_auto(SpmLive) live = { 0 };

    spm_live_parse(&live, stored);
    return spm_in_place_of(conn, &live, options, incoming);
}

static gboolean
spm_in_place_of_live(SpmLive *live, SpmQemuOptions *options, SpmIncoming *incoming)
{
    spm_live_read(live);
    return spm_in_place_of(spm_connection(live->domain), live, options, incoming);
}

/**
 * spm_in_domain:
 * @live: the domain of the call
 * @incoming: see spm_in()
 *
 * Returns: see spm_in()
 */
gboolean
spm_in_domain(SpmLive *live, SpmIncoming *incoming)
{
    SpmQemuOptions options;

    return !spm_concerns(spm_connection(live->domain), incoming->xml, &options) ||
           spm_in_place_of_live(live, &options, incoming);
}

/**
 * spm_in_managed_save:
 * @domain: the domain of the call
 * @incoming: see spm_in()
 *
 * Returns: see spm_in()
 */
gboolean
spm_in_managed_save(virDomainPtr domain, SpmIncoming *incoming)
{
    virConnectPtr conn = spm_connection(domain);
    SpmQemuOptions options;

    return !spm_concerns(conn, incoming->xml, &options) ||
           spm_in_place_of_stored(conn, spm_libvirt()->virDomainManagedSaveGetXMLDesc(domain, 0), &options,
                                  incoming);
}

/**
 * spm_in_image:
 * @conn: the connection of the call
 * @file: (nullable): the saved domain
 * @incoming: see spm_in()
 *
 * Returns: see spm_in()
 */
gboolean
spm_in_image(virConnectPtr conn, const char *file, SpmIncoming *incoming)
{
    SpmQemuOptions options;

    return !file || !spm_concerns(conn, incoming->xml, &options) ||
           spm_in_place_of_stored(conn, spm_libvirt()->virDomainSaveImageGetXMLDesc(conn, file, 0), &options,
                                  incoming);
}

/* What libvirt has of the snapshot or checkpoint that @incoming describes; NULL if it does not exist yet. */
static char *
spm_document_stored_moment(virDomainPtr domain, SpmIncoming *incoming, SpmMomentReader read_moment)
{
    xmlDocPtr doc = spm_incoming_doc(incoming);
    g_autofree char *name = doc ? spm_xml_content(spm_xml_find(xmlDocGetRootElement(doc), "name")) : NULL;

    return name ? read_moment(domain, name) : NULL;
}

/**
 * spm_in_moment:
 * @live: the domain of the call
 * @read_moment: gets what libvirt has of a snapshot or checkpoint of that name
 * @incoming: see spm_in()
 *
 * Returns: see spm_in()
 */
gboolean
spm_in_moment(SpmLive *live, SpmMomentReader read_moment, SpmIncoming *incoming)
{
    virConnectPtr conn = spm_connection(live->domain);
    SpmQemuOptions options;
    char *stored;

    if (!spm_concerns(conn, incoming->xml, &options))
        return TRUE;
    stored = spm_document_stored_moment(live->domain, incoming, read_moment);
    return stored ? spm_in_place_of_stored(conn, stored, &options, incoming)
                  : spm_in_place_of_live(live, &options, incoming);
}

/**
 * spm_out:
 * @conn: the connection of the call
 * @xml: (transfer full) (nullable): a document that libvirt gave
 *
 * Returns: (transfer full) (nullable): the document to show instead
 */
char *
spm_out(virConnectPtr conn, char *xml)
{
    g_autoptr(xmlDoc) doc = NULL;

    if (!spm_libvirt()->armed || !xml || !spm_translate_out_concerns(xml) || spm_is_passed_on(conn))
        return xml;
    doc = spm_translate_read(xml, NULL);
    if (!doc || !spm_translate_out_doc(doc))
        return xml;
    free(xml);
    return spm_xml_format(doc);
}
