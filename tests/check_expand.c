/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The laws of expansion, checked on one document in-process. */

#include "check_laws.h"

#include <string.h>

#include "qemu_spm_ns.h"
#include "qemu_spm_postparse.h"
#include "spm_domain_postparse.h"
#include "spm_expand.h"
#include "spm_translate.h"
#include "spm_xml.h"

#define OTHER_REQUEST "6MiB,profile=hbm;2MiB"

/* The profiles of a host: "hbm", "pages", "wrong", and the flavor "m1.spm". */
static void
spm_make_profiles(SpmProfiles *profiles)
{
    static SpmProfile hbm = { .nodemask = (char *)"1", .access = SPM_ACCESS_SHARED };
    static SpmProfile pages = { .pagesize = SPM_GIB / SPM_KIB };
    static SpmProfile wrong = { .fault = (char *)"it has a mistake" };
    static SpmProfile flavor = { .size = (char *)"4MiB;2MiB,profile=hbm", .profile = (char *)"pages" };

    profiles->folder = (char *)"spm.d";
    profiles->has_flavors = TRUE;
    profiles->groups = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(profiles->groups, (char *)"profile hbm", &hbm);
    g_hash_table_insert(profiles->groups, (char *)"profile pages", &pages);
    g_hash_table_insert(profiles->groups, (char *)"profile wrong", &wrong);
    g_hash_table_insert(profiles->groups, (char *)"flavor m1.spm", &flavor);
}

static const SpmQemuOptions spm_newest = { .device = "spm-memory",
                                           .libvirt_version = SPM_LIBVIRT_NEWEST,
                                           .is_new = TRUE };

/* Expands and validates @text; NULL when it is refused, with the reason in @detail. @before, if given,
 * changes the document first. */
static char *
spm_expand(const char *text, void (*before)(xmlNodePtr domain), gboolean *changed, char **detail)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = spm_xml_parse(text, faults);
    g_autoptr(SpmDomainDef) def = NULL;
    g_autoptr(GError) error = NULL;
    SpmProfiles profiles = { 0 };

    spm_make_profiles(&profiles);
    if (doc && before)
        before(xmlDocGetRootElement(doc));
    *changed = doc && spm_expand_doc(doc, &profiles, &spm_newest, FALSE, faults);
    if (*changed && !faults->len)
        def = spm_translate_load(doc, &spm_newest, faults);
    g_hash_table_unref(profiles.groups);
    if (!spm_faults_to_error(faults, &error)) {
        g_free(*detail);
        *detail = g_strdup(error->message);
        return NULL;
    }
    return *changed || before ? spm_xml_format(doc) : g_strdup(text);
}

static void
spm_take_requests(xmlNodePtr domain)
{
    xmlNodePtr metadata;

    while ((metadata = spm_xml_first(domain, NULL, "metadata")))
        spm_xml_remove(metadata);
}

static void
spm_request_other(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) requests = g_ptr_array_new_with_free_func(spm_request_free);
    g_autoptr(SpmFaults) faults = spm_faults_new();

    spm_take_requests(domain);
    spm_request_parse(OTHER_REQUEST, "", requests, faults);
    spm_requests_store(domain, requests);
}

/* The domain has no trace of expansion, and the sizes that libvirt would count. */
static gboolean
spm_is_clean(const char *text)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = spm_xml_parse(text, faults);
    g_autoptr(SpmDomainDef) def = spm_domain_def_parse(xmlDocGetRootElement(doc), &spm_qemu_limits, faults);

    SPM_FOREACH(SpmMemoryDef, spm, def->spms) {
        if (spm->alias && g_str_has_prefix(spm->alias, "ua-spm-request"))
            return FALSE;
    }
    return def->memory == 0 || def->cells->len == 0 || def->memory == spm_domain_def_total(def);
}

/* TRUE when the last cells are those of requests alone, and one that they need for the room. Otherwise some
 * of them cannot be removed, and requests keep them. */
static gboolean
spm_has_last_cells(xmlDocPtr doc)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(SpmDomainDef) def = spm_domain_def_parse(xmlDocGetRootElement(doc), &spm_qemu_limits, faults);
    guint lowest = G_MAXUINT, highest = 0, other = 0, cells = def->cells->len;

    spm_qemu_ns_parse(def);
    spm_domain_def_post_parse(def);
    SPM_FOREACH(SpmMemoryDef, spm, def->spms) {
        if (!spm->alias || !g_str_has_prefix(spm->alias, "ua-spm-request")) {
            other = MAX(other, spm->cell);
            continue;
        }
        lowest = MIN(lowest, spm->cell);
        highest = MAX(highest, spm->cell);
    }
    cells -= highest + 2 == cells && spm_qemu_needs_cell(def, &spm_newest, cells - 1);
    return lowest <= highest && highest + 1 == cells && other < lowest;
}

/* What the metadata of @text puts into @other again. @data is the metadata's copy. */
static xmlNodePtr spm_stored_metadata;

static void
spm_put_requests_back(xmlNodePtr domain)
{
    spm_take_requests(domain);
    spm_xml_append(domain, xmlDocCopyNode(spm_stored_metadata, domain->doc, 1));
}

/* <maxMemory> has room for more than there is, which a request may have raised, or which went with the last
 * SPM. */
static char *
spm_without_room(const char *text)
{
    g_autoptr(GRegex) regex = g_regex_new("<maxMemory[^>]*>[^/]*/maxMemory>", 0, 0, NULL);

    return g_regex_replace_literal(regex, text, -1, 0, "", 0, NULL);
}

/* The same request gives the same layout, whatever was requested before. */
static gboolean
spm_is_same_again(const char *once, const char *other)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = spm_xml_parse(once, faults);
    g_autofree char *moved = NULL, *again = NULL, *detail = NULL, *first = NULL, *second = NULL;
    gboolean changed;

    /* the metadata goes where it is put back */
    spm_stored_metadata = spm_xml_first(xmlDocGetRootElement(doc), NULL, "metadata");
    if (!spm_stored_metadata || !spm_has_last_cells(doc))
        return TRUE;
    moved = spm_expand(once, spm_put_requests_back, &changed, &detail);
    again = spm_expand(other, spm_put_requests_back, &changed, &detail);
    if (!again || !moved)
        return FALSE;
    first = spm_without_room(moved);
    second = spm_without_room(again);
    return spm_looks_equal(first, second);
}

/**
 * spm_check_expand:
 * @text: a document
 * @detail: (out): NULL, and then what was refused or broken
 *
 * Returns: the verdict on the laws of expansion
 */
SpmVerdict
spm_check_expand(const char *text, char **detail)
{
    gboolean changed, again;
    g_autofree char *once = spm_expand(text, NULL, &changed, detail);
    g_autofree char *twice = NULL, *bare = NULL, *other = NULL;
    const char *broken = NULL;

    if (!once)
        return **detail ? SPM_VERDICT_REFUSED : SPM_VERDICT_BROKEN;
    if (!changed)
        return SPM_VERDICT_UNCHANGED;
    twice = spm_expand(once, NULL, &again, detail);
    bare = spm_expand(once, spm_take_requests, &again, detail);
    other = spm_expand(once, spm_request_other, &again, detail);
    if (!twice || !spm_looks_equal(twice, once))
        broken = "expand(expand(x)) == expand(x)";
    else if (bare && !spm_is_clean(bare))
        broken = "a request that is gone takes its SPM away";
    else if ((bare && !spm_is_same_again(once, bare)) || (other && !spm_is_same_again(once, other)))
        broken = "the same request gives the same layout";
    g_free(*detail);
    *detail = g_strdup(broken);
    if (broken)
        return SPM_VERDICT_BROKEN;
    return strcmp(twice, once) == 0 ? SPM_VERDICT_OK : SPM_VERDICT_SPACED;
}
