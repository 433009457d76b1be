/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read the requests of a domain from its metadata.
 *
 * A request says how much, never how or from where: no syntax of it names a path. */

#include "spm_request.h"

#include <string.h>

#include "spm_xml.h"

/* What is read, and where the requests go. */
typedef struct {
    const char *where; /* begins each message */
    unsigned int line;
    const SpmProfiles *profiles;
    GPtrArray *requests;
    SpmFaults *faults;
} SpmRequestReader;

/**
 * spm_request_free:
 * @data: (nullable): a request
 */
void
spm_request_free(gpointer data)
{
    SpmRequest *request = data;

    if (request)
        g_clear_pointer(&request->profile, g_ref_string_release);
    g_free(request);
}

static void spm_request_fault(const SpmRequestReader *reader, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A fault of a request: "WHERE MESSAGE". */
static void
spm_request_fault(const SpmRequestReader *reader, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    spm_faults_add_va(reader->faults, SPM_ERROR_CONFIG, reader->line, reader->where, format, args);
    va_end(args);
}

/* Adds a request of that size. */
static SpmRequest *
spm_request_new(const SpmRequestReader *reader, const char *size, const char *unit)
{
    SpmRequest *request = g_new0(SpmRequest, 1);

    request->cell = -1;
    request->line = reader->line;
    g_ptr_array_add(reader->requests, request);
    if (!spm_parse_size(size, unit, &request->size))
        spm_request_fault(reader,
                          "requests the size '%s' '%s'; expected a whole number, a unit such as 'MiB', and a "
                          "total below 8 EiB",
                          size, unit ? unit : "KiB");
    else if (request->size == 0)
        spm_request_fault(reader, "requests the size 0; it must be greater than 0");
    return request;
}

/* Sets @profile or @cell. Returns FALSE when @name is neither. */
static gboolean
spm_request_set(SpmRequest *request, const char *name, const char *value, const SpmRequestReader *reader)
{
    guint64 cell = 0;

    if (strcmp(name, "profile") == 0) {
        g_clear_pointer(&request->profile, g_ref_string_release);
        request->profile = g_ref_string_new(value);
        return TRUE;
    }
    request->named = strcmp(name, "cell") == 0;
    if (request->named && !spm_parse_number(value, 10, G_MAXINT, &cell))
        spm_request_fault(reader, "requests cell='%s'; expected the id of a <cell> of <numa>", value);
    request->cell = (gint64)cell;
    return request->named;
}

/* "SIZE[,profile=NAME][,cell=N]" */
static void
spm_request_parse_one(const char *text, const SpmRequestReader *reader)
{
    g_auto(GStrv) fields = g_strsplit(text, ",", -1);
    gsize digits = strspn(text, G_CSET_DIGITS);
    g_autofree char *number = g_strndup(text, digits);
    const char *unit = digits ? g_strstrip(fields[0] + digits) : "";
    SpmRequest *request;

    if (!*unit) {
        spm_request_fault(reader,
                          "is '%s'; expected SIZE[,profile=NAME][,cell=N] with a SIZE such as 512MiB or 1GiB",
                          text);
        return;
    }
    request = spm_request_new(reader, number, unit);
    for (char **field = fields + 1; *field; field++) {
        char *equals = strchr(*field, '=');

        if (equals)
            *equals++ = '\0';
        if (!equals || !spm_request_set(request, g_strstrip(*field), g_strstrip(equals), reader))
            spm_request_fault(reader, "has unknown '%s' in '%s'; allowed: profile, cell", *field, text);
    }
}

static void
spm_request_read_text(const char *text, const SpmRequestReader *reader)
{
    g_auto(GStrv) parts = g_strsplit(*text ? text : " ", ";", -1);

    for (char **part = parts; *part; part++)
        spm_request_parse_one(g_strstrip(*part), reader);
}

/**
 * spm_request_parse:
 * @text: requests as text, with ';' between them
 * @where: what begins a message about them
 * @requests: the list to which they are added
 * @faults: the list to which each fault is added
 */
void
spm_request_parse(const char *text, const char *where, GPtrArray *requests, SpmFaults *faults)
{
    const SpmRequestReader reader = { where, 0, NULL, requests, faults };

    spm_request_read_text(text, &reader);
}

/* ---- sources ---- */

static void
spm_request_read_element(xmlNodePtr node, SpmRequestReader *reader)
{
    g_autofree char *size = spm_xml_attr(node, "size"), *unit = spm_xml_attr(node, "unit");
    SpmRequest *request;

    if (!size) {
        spm_request_fault(reader, "has no attribute 'size'");
        return;
    }
    request = spm_request_new(reader, size, unit);
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
        const char *name = (const char *)attr->name;
        g_autofree char *value = attr->ns ? NULL : spm_xml_attr(node, name);

        if (value && (strcmp(name, "size") == 0 || strcmp(name, "unit") == 0))
            continue;
        if (!value || !spm_request_set(request, name, value, reader))
            spm_request_fault(reader,
                              "has unknown attribute '%s'; allowed: 'size', 'unit', 'profile', 'cell'", name);
    }
}

/* <requests> of our own. */
static void
spm_request_read_own(xmlNodePtr node, SpmRequestReader *reader)
{
    for (xmlNodePtr child = xmlFirstElementChild(node); child; child = xmlNextElementSibling(child)) {
        gboolean is_request = spm_xml_is(child, node->ns, "request") && !xmlFirstElementChild(child);

        reader->line = spm_xml_line(child);
        reader->where = is_request ? "<request>" : "<requests>";
        if (is_request)
            spm_request_read_element(child, reader);
        else
            spm_request_fault(reader, "has <%s>; allowed: <request> without child elements",
                              (const char *)child->name);
    }
}

static void
spm_request_read_property(xmlNodePtr node, SpmRequestReader *reader)
{
    g_autofree char *text = spm_xml_content(node);

    spm_request_read_text(text, reader);
}

/* The profile of all requests that name none. They share it: both may be as large as a document. */
static void
spm_request_default_profile(const GPtrArray *requests, const char *profile)
{
    char *shared = g_ref_string_new(profile ? profile : "");

    SPM_FOREACH(SpmRequest, request, requests) {
        if (profile && !request->profile)
            request->profile = g_ref_string_acquire(shared);
    }
    g_ref_string_release(shared);
}

static guint64
spm_request_total(const GPtrArray *requests)
{
    guint64 total = 0;

    SPM_FOREACH(SpmRequest, request, requests)
        total += MIN(request->size, G_MAXINT64 - total);
    return total;
}

/**
 * spm_profiles_find:
 * @profiles: the host's profiles
 * @kind: SPM_PROFILE or SPM_FLAVOR
 * @name: without that
 *
 * Returns: (transfer none) (nullable): it, which may have a fault, or NULL
 */
const SpmProfile *
spm_profiles_find(const SpmProfiles *profiles, const char *kind, const char *name)
{
    g_autofree char *group = g_strconcat(kind, name, NULL);

    return g_hash_table_lookup(profiles->groups, group);
}

/* The administrator's rule for flavors of this name. */
static void
spm_request_read_flavor_name(xmlNodePtr node, const SpmRequestReader *reader)
{
    g_autofree char *name = spm_xml_attr(node, "name");
    const SpmProfile *flavor = name ? spm_profiles_find(reader->profiles, SPM_FLAVOR, name) : NULL;

    if (flavor && flavor->fault)
        spm_request_fault(reader, "is '%s', but %s", name, flavor->fault);
    else if (flavor)
        spm_request_read_text(flavor->size, reader);
    spm_request_default_profile(reader->requests, flavor ? flavor->profile : NULL);
}

/* One extra spec. A resource goes to @booked. */
static void
spm_request_read_extra_spec(xmlNodePtr node, GPtrArray *booked, char **profile,
                            const SpmRequestReader *reader)
{
    g_autofree char *name = spm_xml_attr(node, "name"), *value = spm_xml_content(node);
    g_autofree char *where = g_strdup_printf("extra spec '%s'", name ? name : "");
    const gboolean is_resource =
        name && g_str_has_prefix(name, "resources") && g_str_has_suffix(name, ":CUSTOM_SPM_MIB");
    const SpmRequestReader spec = { where, spm_xml_line(node), reader->profiles,
                                    is_resource ? booked : reader->requests, reader->faults };

    if (is_resource)
        spm_request_new(&spec, value, "MiB");
    else if (g_strcmp0(name, "spm:size") == 0)
        spm_request_read_text(value, &spec);
    else if (g_strcmp0(name, "spm:profile") == 0 && !*profile)
        *profile = g_steal_pointer(&value);
    else if (name && g_str_has_prefix(name, "spm:"))
        spm_request_fault(&spec, "is unknown or given twice; allowed: 'spm:size', 'spm:profile'");
}

/* <flavor> of Nova: its extra specs, which Nova 32 and newer write, or else its name. A resource is what
 * placement booked, so it is the request, or equal to it. */
static void
spm_request_read_nova(xmlNodePtr node, SpmRequestReader *reader)
{
    g_autoptr(GPtrArray) booked = g_ptr_array_new_with_free_func(spm_request_free);
    g_autofree char *profile = NULL;
    xmlNodePtr specs = spm_xml_first(node, node->ns, "extraSpecs");
    guint before = reader->faults->len;

    for (xmlNodePtr spec = specs ? spm_xml_first(specs, node->ns, "extraSpec") : NULL; spec;
         spec = spm_xml_next(spec, node->ns, "extraSpec"))
        spm_request_read_extra_spec(spec, booked, &profile, reader);
    if (!reader->requests->len)
        g_ptr_array_extend_and_steal(reader->requests, g_steal_pointer(&booked));
    else if (booked->len && spm_request_total(reader->requests) != spm_request_total(booked))
        spm_request_fault(reader,
                          "has extra specs 'spm:size' for %" G_GUINT64_FORMAT
                          " KiB and 'resources:CUSTOM_SPM_MIB' for %" G_GUINT64_FORMAT
                          " KiB; make them equal, or remove 'spm:size'",
                          spm_request_total(reader->requests), spm_request_total(booked));
    if (profile && !reader->requests->len)
        spm_request_fault(reader, "has the extra spec 'spm:profile', but neither 'spm:size' nor "
                                  "'resources:CUSTOM_SPM_MIB'");
    spm_request_default_profile(reader->requests, profile);
    if (!reader->requests->len && reader->faults->len == before)
        spm_request_read_flavor_name(node, reader);
}

/* Where requests come from: elements of <metadata>, each below the one before, all of one namespace. */
static const struct {
    const char *where;
    const char *namespace;
    const char *path;
    gboolean nova;
    void (*read)(xmlNodePtr node, SpmRequestReader *reader);
} spm_request_sources[] = {
    { "<requests>", SPM_REQUEST_NAMESPACE, "requests", FALSE, spm_request_read_own },
    { "flavor", "http://openstack.org/xmlns/libvirt/nova/1.1", "instance/flavor", TRUE,
      spm_request_read_nova },
    { "custom property 'spm'", "http://ovirt.org/vm/1.0", "vm/custom/spm", FALSE, spm_request_read_property },
};

static xmlNodePtr
spm_request_find_source(xmlNodePtr domain, gsize source)
{
    const xmlNs ns = { .href = BAD_CAST spm_request_sources[source].namespace };
    g_auto(GStrv) names = g_strsplit(spm_request_sources[source].path, "/", -1);
    xmlNodePtr node = spm_xml_first(domain, NULL, "metadata");

    for (char **name = names; node && *name; name++)
        node = spm_xml_first(node, &ns, *name);
    return node;
}

static GPtrArray *
spm_request_read_source(xmlNodePtr domain, gsize source, const SpmProfiles *profiles, SpmFaults *faults)
{
    GPtrArray *requests = g_ptr_array_new_with_free_func(spm_request_free);
    xmlNodePtr node = spm_request_find_source(domain, source);
    SpmRequestReader reader = { spm_request_sources[source].where, node ? spm_xml_line(node) : 0, profiles,
                                requests, faults };

    if (node)
        spm_request_sources[source].read(node, &reader);
    SPM_FOREACH(SpmRequest, request, requests)
        request->nova = spm_request_sources[source].nova;
    return requests;
}

static gboolean
spm_requests_are_equal(const GPtrArray *one, const GPtrArray *other)
{
    for (guint i = 0; one->len == other->len && i < one->len; i++) {
        const SpmRequest *a = g_ptr_array_index(one, i), *b = g_ptr_array_index(other, i);

        if (a->size != b->size || a->cell != b->cell || g_strcmp0(a->profile, b->profile) != 0)
            return FALSE;
    }
    return one->len == other->len;
}

/**
 * spm_requests_read:
 * @domain: a <domain>
 * @profiles: the host's profiles
 * @faults: the list to which each fault of a request is added, and that two sources request different things
 *
 * Returns: (transfer full): the requests of @domain, of SpmRequest; none if it has no request
 */
GPtrArray *
spm_requests_read(xmlNodePtr domain, const SpmProfiles *profiles, SpmFaults *faults)
{
    GPtrArray *requests = spm_request_read_source(domain, 0, profiles, faults);
    const char *where = spm_request_sources[0].where;

    for (gsize i = 1; i < G_N_ELEMENTS(spm_request_sources); i++) {
        g_autoptr(GPtrArray) more = spm_request_read_source(domain, i, profiles, faults);

        if (more->len == 0)
            continue;
        if (requests->len && !spm_requests_are_equal(requests, more))
            spm_faults_add(faults, SPM_ERROR_CONFIG, 0,
                           "<metadata> has different requests for SPM in its %s and in its %s; remove one of "
                           "them, or make them equal",
                           where, spm_request_sources[i].where);
        g_ptr_array_unref(requests);
        requests = g_steal_pointer(&more);
        where = spm_request_sources[i].where;
    }
    return requests;
}

/* ---- storing ---- */

/**
 * spm_requests_store:
 * @domain: a <domain>, whose <requests> are replaced
 * @requests: (not nullable): what it requests from now on
 */
void
spm_requests_store(xmlNodePtr domain, const GPtrArray *requests)
{
    xmlNodePtr old = spm_request_find_source(domain, 0);
    xmlNodePtr metadata = spm_xml_first(domain, NULL, "metadata");
    xmlNodePtr node = spm_xml_new(domain->doc, NULL, "requests");

    xmlSetNs(node, xmlNewNs(node, BAD_CAST SPM_REQUEST_NAMESPACE, BAD_CAST "spm"));
    SPM_FOREACH(SpmRequest, request, requests) {
        xmlNodePtr child = spm_xml_add(node, "request", NULL);

        spm_xml_set_attr(child, "size", "%" G_GUINT64_FORMAT, request->size);
        spm_xml_add_attr(child, "unit", "KiB");
        if (request->profile)
            spm_xml_add_attr(child, "profile", request->profile);
        if (request->cell >= 0)
            spm_xml_set_attr(child, "cell", "%" G_GINT64_FORMAT, request->cell);
    }
    if (old) {
        spm_xml_replace(old, node);
        return;
    }
    if (!metadata)
        spm_xml_append(domain, metadata = spm_xml_new(domain->doc, NULL, "metadata"));
    spm_xml_append(metadata, node);
}
