/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains in the files where libvirt stores them. Clients defined them, so nothing in them is trusted. */

#include "host/spm_stored.h"

#include "host/spm_file.h"
#include "spm_translate.h"
#include "spm_xml.h"

/* The maximum size of such a file. A client can add metadata, but libvirt accepts only 4 MiB at a time. */
#define SPM_STORED_MAX_BYTES (64 * 1024 * 1024)

/* This SpmQemuChooser does not choose; it is called with the definition and takes what it needs from it. */
static const char *
spm_stored_note(const SpmDomainDef *def, gpointer data, GError **error)
{
    SpmStoredDomain *domain = data;
    g_autofree char *uuid = spm_xml_content(spm_xml_find(def->root, "uuid"));

    if (!def->name || !uuid || !g_uuid_string_is_valid(uuid)) {
        g_set_error(error, SPM_ERROR, SPM_ERROR_DOCUMENT, "the domain has no name or no UUID");
        return NULL;
    }
    domain->name = g_strdup(def->name);
    domain->uuid = g_steal_pointer(&uuid);
    domain->emulator = g_strdup(def->emulator);
    return domain->device;
}

/**
 * spm_stored_domain_load:
 * @path: a file in which libvirt stores a domain
 * @domain: (out): filled in from the file
 * @error: set on failure: the file cannot be read or parsed, or is too large
 *
 * Returns: FALSE on failure
 */
gboolean
spm_stored_domain_load(const char *path, SpmStoredDomain *domain, GError **error)
{
    SpmQemuOptions options = { .choose = spm_stored_note, .data = domain };
    g_autoptr(GBytes) bytes = spm_file_read(path, SPM_STORED_MAX_BYTES, error);
    g_autoptr(GError) failure = NULL;
    g_autofree char *xml = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    *domain = (SpmStoredDomain){ 0 };
    if (!bytes)
        return FALSE;
    xml = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    doc = spm_translate_read(xml, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    domain->device = doc ? spm_translate_device(doc) : NULL;
    return !domain->device || spm_translate_choose(doc, &options, error);
}

/**
 * spm_stored_domain_clear:
 * @domain: what spm_stored_domain_load() filled in
 */
void
spm_stored_domain_clear(SpmStoredDomain *domain)
{
    g_free(domain->name);
    g_free(domain->uuid);
    g_free(domain->emulator);
}
