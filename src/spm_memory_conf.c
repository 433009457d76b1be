/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parse <memory model='spm'>.
 *
 * The parser reports every breach of the grammar in one run, so that a user can mend all of them at once. */

#include "spm_memory_conf.h"

#include <string.h>

#include "spm_cpuset.h"
#include "spm_xml.h"

const char *const spm_access_names[] = {
    [SPM_ACCESS_DEFAULT] = NULL,
    [SPM_ACCESS_SHARED] = "shared",
    [SPM_ACCESS_PRIVATE] = "private",
    NULL,
};

const char *const spm_tristate_names[] = {
    [SPM_TRISTATE_ABSENT] = NULL,
    [SPM_TRISTATE_YES] = "yes",
    [SPM_TRISTATE_NO] = "no",
    NULL,
};

/* What each element of <memory model='spm'> may contain. Every name has one place only. */
typedef struct {
    const char *name;
    const char *attributes[4];
    const char *children[7];
    gboolean text;
} SpmGrammar;

static const SpmGrammar spm_grammar[] = {
    { "memory", { "model", "access", "discard" }, { "source", "target", "alias" }, FALSE },
    { "source", { NULL }, { "pagesize", "nodemask", "path", "pool", "alignsize", "pmem" }, FALSE },
    { "pagesize", { "unit" }, { NULL }, TRUE },
    { "nodemask", { NULL }, { NULL }, TRUE },
    { "path", { NULL }, { NULL }, TRUE },
    { "pool", { NULL }, { NULL }, TRUE },
    { "alignsize", { "unit" }, { NULL }, TRUE },
    { "pmem", { NULL }, { NULL }, FALSE },
    { "target", { NULL }, { "size", "node", "address" }, FALSE },
    { "size", { "unit" }, { NULL }, TRUE },
    { "node", { NULL }, { NULL }, TRUE },
    { "address", { "base" }, { NULL }, FALSE },
    { "alias", { "name" }, { NULL }, FALSE },
};

/**
 * spm_memory_is_pool_name:
 * @name: a text
 *
 * Returns: TRUE when a pool may have that name
 */
gboolean
spm_memory_is_pool_name(const char *name)
{
    return *name && !name[strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-")];
}

/**
 * spm_memory_pool_link:
 * @pool: the name of a pool
 * @domain: (nullable): the name of a domain
 * @alias: the alias of a memory device
 *
 * Returns: (transfer full): the path at which the domain finds the device that it gets when it starts
 */
char *
spm_memory_pool_link(const char *pool, const char *domain, const char *alias)
{
    return g_strdup_printf(SPM_POOL_LINKS "%s/%s.%s", pool, domain ? domain : "", alias);
}

/**
 * spm_memory_pool_of_link:
 * @path: (nullable): a path
 * @pool: (out) (optional) (transfer full): the name of the pool, when it is such a link
 *
 * Returns: TRUE when spm_memory_pool_link() gives such a path
 */
gboolean
spm_memory_pool_of_link(const char *path, char **pool)
{
    const char *rest = path && g_str_has_prefix(path, SPM_POOL_LINKS) ? path + strlen(SPM_POOL_LINKS) : "";
    const char *slash = strchr(rest, '/');
    g_autofree char *name = g_strndup(rest, slash ? (gsize)(slash - rest) : 0);

    if (!spm_memory_is_pool_name(name) || strchr(slash + 1, '/') || !strstr(slash + 1, ".ua-"))
        return FALSE;
    if (pool)
        *pool = g_steal_pointer(&name);
    return TRUE;
}

/**
 * spm_choice_from_string:
 * @names: spm_access_names or spm_tristate_names
 * @text: (nullable): a spelling
 *
 * Returns: the value; 0, "not given", for any other text
 */
unsigned int
spm_choice_from_string(const char *const *names, const char *text)
{
    for (unsigned int i = 1; names[i]; i++) {
        if (g_strcmp0(names[i], text) == 0)
            return i;
    }
    return 0;
}

/* "<memory model='spm'>" itself, or "<size> of <memory model='spm'>" */
static char *
spm_memory_describe(xmlNodePtr node)
{
    if (spm_xml_is(node, NULL, "memory"))
        return g_strdup("<memory model='spm'>");
    return g_strdup_printf("<%s> of <memory model='spm'>", (const char *)node->name);
}

static void spm_memory_fault(SpmFaults *faults, xmlNodePtr node, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A fault of the grammar: "ELEMENT MESSAGE". */
static void
spm_memory_fault(SpmFaults *faults, xmlNodePtr node, const char *format, ...)
{
    g_autofree char *element = spm_memory_describe(node);
    va_list args;

    va_start(args, format);
    spm_faults_add_va(faults, SPM_ERROR_XML, spm_xml_line(node), element, format, args);
    va_end(args);
}

/* "; allowed: 'a', 'b'", or @none when there is nothing to list. */
static char *
spm_memory_allowed(const char *const *names, const char *before, const char *after, const char *none)
{
    GString *list;

    if (!*names)
        return g_strdup(none);
    list = g_string_new(NULL);
    for (; *names; names++)
        g_string_append_printf(list, "%s%s%s%s", list->len ? ", " : "; allowed: ", before, *names, after);
    return g_string_free(list, FALSE);
}

static const SpmGrammar *
spm_memory_grammar_find(const xmlChar *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_grammar); i++) {
        if (xmlStrEqual(name, BAD_CAST spm_grammar[i].name))
            return &spm_grammar[i];
    }
    return NULL;
}

/* The name as the document has it, with its prefix. */
static char *
spm_memory_written_name(const xmlNs *ns, const xmlChar *name)
{
    if (ns && ns->prefix)
        return g_strdup_printf("%s:%s", (const char *)ns->prefix, (const char *)name);
    return g_strdup((const char *)name);
}

static void
spm_memory_refuse_attribute(xmlNodePtr node, xmlAttrPtr attr, const SpmGrammar *grammar, SpmFaults *faults)
{
    g_autofree char *name = spm_memory_written_name(attr->ns, attr->name);
    g_autofree char *allowed = spm_memory_allowed(grammar->attributes, "'", "'", "; it takes no attributes");
    xmlChar *value = xmlNodeListGetString(node->doc, attr->children, 1);

    spm_memory_fault(faults, node, "has unknown attribute %s='%s'%s", name, value ? (const char *)value : "",
                     allowed);
    xmlFree(value);
}

static void
spm_memory_check_attributes(xmlNodePtr node, const SpmGrammar *grammar, SpmFaults *faults)
{
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
        if (attr->ns || !g_strv_contains(grammar->attributes, (const char *)attr->name))
            spm_memory_refuse_attribute(node, attr, grammar, faults);
    }
}

static void spm_memory_check_grammar(xmlNodePtr node, SpmFaults *faults);

static void
spm_memory_refuse_child(xmlNodePtr child, const SpmGrammar *grammar, SpmFaults *faults)
{
    g_autofree char *allowed =
        spm_memory_allowed(grammar->children, "<", ">", ", which takes no child elements");
    g_autofree char *name = spm_memory_written_name(child->ns, child->name);
    g_autofree char *parent = spm_memory_describe(child->parent);

    spm_faults_add(faults, SPM_ERROR_XML, spm_xml_line(child), "<%s> is not allowed in %s%s", name, parent,
                   allowed);
}

/* Checks a child of an element of @grammar. @seen has a bit for each of the grammar's children that came
 * before. */
static void
spm_memory_check_child(xmlNodePtr child, const SpmGrammar *grammar, guint *seen, SpmFaults *faults)
{
    guint index = 0;

    while (grammar->children[index] && !spm_xml_is(child, NULL, grammar->children[index]))
        index++;
    if (!grammar->children[index]) {
        spm_memory_refuse_child(child, grammar, faults);
    } else if (*seen & 1U << index) {
        spm_memory_fault(faults, child, "is given twice");
    } else {
        *seen |= 1U << index;
        spm_memory_check_grammar(child, faults);
    }
}

/* Checks the names in @node and below it against the grammar table, and that none is given twice. */
static void
spm_memory_check_grammar(xmlNodePtr node, SpmFaults *faults)
{
    const SpmGrammar *grammar = spm_memory_grammar_find(node->name);
    guint seen = 0;

    spm_memory_check_attributes(node, grammar, faults);
    for (xmlNodePtr child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE) {
            spm_memory_check_child(child, grammar, &seen, faults);
        } else if (!grammar->text && !xmlIsBlankNode(child) &&
                   (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE)) {
            g_autofree char *text = g_strstrip(g_strdup((const char *)child->content));

            spm_memory_fault(faults, node, "must not contain the text '%s'", text);
        }
    }
}

static unsigned int
spm_memory_parse_choice(xmlNodePtr node, const char *name, const char *const *names, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_attr(node, name);
    unsigned int choice = spm_choice_from_string(names, value);

    if (value && !choice) {
        g_autofree char *allowed = spm_memory_allowed(names + 1, "'", "'", "");

        spm_memory_fault(faults, node, "has %s='%s'%s", name, value, allowed);
    }
    return choice;
}

/* The size of an element in KiB; 0 without the element, or when a fault was added. */
static guint64
spm_memory_parse_scaled(xmlNodePtr node, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_content(node);
    g_autofree char *unit = spm_xml_attr(node, "unit");
    guint64 kib = 0;

    if (!node)
        return 0;
    if (!spm_parse_size(value, unit, &kib))
        spm_memory_fault(faults, node,
                         "has invalid size '%s' '%s'; expected a whole number, a unit such as 'MiB', and a "
                         "total below 8 EiB",
                         value, unit ? unit : "KiB");
    else if (kib == 0)
        spm_memory_fault(faults, node, "is '%s'; it must be greater than 0", value);
    return kib;
}

static void
spm_memory_parse_path(SpmMemoryDef *spm, xmlNodePtr node, SpmFaults *faults)
{
    spm->path = spm_xml_content(node);
    if (spm->path && !g_path_is_absolute(spm->path))
        spm_memory_fault(faults, node, "is '%s'; it must be an absolute path", spm->path);
    else if (spm->path && spm_memory_pool_of_link(spm->path, NULL))
        spm_memory_fault(faults, node, "is '%s', where libvirt-spm links to a device of a pool; use <pool>",
                         spm->path);
}

static void
spm_memory_parse_pool(SpmMemoryDef *spm, xmlNodePtr node, SpmFaults *faults)
{
    spm->pool = spm_xml_content(node);
    if (spm->pool && !spm_memory_is_pool_name(spm->pool))
        spm_memory_fault(faults, node, "is '%s'; it must be a name of letters, digits, '_' and '-'",
                         spm->pool);
}

/* <path> and <pool> are the two ways to name a file or a device. */
static void
spm_memory_check_source(xmlNodePtr source, SpmFaults *faults)
{
    static const char *const without[] = { "pagesize", "nodemask" }, *const with[] = { "alignsize", "pmem" };
    xmlNodePtr path = spm_xml_first(source, NULL, "path"), pool = spm_xml_first(source, NULL, "pool");

    if (path && pool)
        spm_memory_fault(faults, pool, "cannot be combined with <path>");
    for (gsize i = 0; i < G_N_ELEMENTS(without); i++) {
        xmlNodePtr node = spm_xml_first(source, NULL, without[i]);

        if (node && (path || pool))
            spm_memory_fault(faults, node, "cannot be combined with <%s>", path ? "path" : "pool");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(with); i++) {
        xmlNodePtr node = spm_xml_first(source, NULL, with[i]);

        if (node && !path && !pool)
            spm_memory_fault(faults, node, "requires a <path> or a <pool>");
    }
}

static void
spm_memory_parse_source(SpmMemoryDef *spm, xmlNodePtr source, SpmFaults *faults)
{
    xmlNodePtr pagesize = spm_xml_first(source, NULL, "pagesize");
    xmlNodePtr nodemask = spm_xml_first(source, NULL, "nodemask");

    spm->pagesize = spm_memory_parse_scaled(pagesize, faults);
    spm->alignsize = spm_memory_parse_scaled(spm_xml_first(source, NULL, "alignsize"), faults);
    spm->pmem = spm_xml_first(source, NULL, "pmem") != NULL;
    spm_memory_parse_path(spm, spm_xml_first(source, NULL, "path"), faults);
    spm_memory_parse_pool(spm, spm_xml_first(source, NULL, "pool"), faults);
    spm->nodemask = spm_xml_content(nodemask);
    if (nodemask && !spm_cpuset_is_valid(spm->nodemask))
        spm_memory_fault(faults, nodemask,
                         "is '%s'; it must be a set of host NUMA nodes such as '0' or '0-1,3'",
                         spm->nodemask);
    spm_memory_check_source(source, faults);
}

static void
spm_memory_parse_cell(SpmMemoryDef *spm, xmlNodePtr node, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_content(node);
    guint64 cell = 0;

    if (!spm_parse_number(value, 10, G_MAXINT, &cell))
        spm_memory_fault(faults, node, "is '%s'; it must be the id of a <cell> of <numa>", value);
    spm->cell = (unsigned int)cell;
}

static void
spm_memory_parse_base(SpmMemoryDef *spm, xmlNodePtr node, SpmFaults *faults)
{
    g_autofree char *value = spm_xml_attr(node, "base");

    if (!value)
        spm_memory_fault(faults, node, "has no attribute 'base'");
    else if (!spm_parse_number(value, 16, G_MAXUINT64, &spm->base) || spm->base == 0)
        spm_memory_fault(faults, node,
                         "has base='%s'; it must be a hexadecimal guest-physical address other than 0, such "
                         "as '0x240000000'",
                         value);
    else
        spm->has_base = TRUE;
}

static void
spm_memory_parse_target(SpmMemoryDef *spm, xmlNodePtr target, SpmFaults *faults)
{
    xmlNodePtr size = spm_xml_first(target, NULL, "size");
    xmlNodePtr node = spm_xml_first(target, NULL, "node");
    xmlNodePtr address = spm_xml_first(target, NULL, "address");

    if (!size)
        spm_memory_fault(faults, target, "has no <size>");
    if (!node)
        spm_memory_fault(faults, target,
                         "has no <node>, the NUMA cell that the guest is to see the memory as");

    spm->size_line = spm_xml_line(size);
    spm->cell_line = spm_xml_line(node);
    spm->base_line = spm_xml_line(address);
    spm->size = spm_memory_parse_scaled(size, faults);
    if (node)
        spm_memory_parse_cell(spm, node, faults);
    if (address)
        spm_memory_parse_base(spm, address, faults);
}

/**
 * spm_memory_def_free:
 * @data: a definition; its node stays
 */
void
spm_memory_def_free(gpointer data)
{
    SpmMemoryDef *spm = data;

    g_free(spm->nodemask);
    g_free(spm->path);
    g_free(spm->pool);
    g_free(spm->alias);
    g_free(spm);
}

/**
 * spm_memory_def_parse:
 * @node: a <memory model='spm'>
 * @faults: the list to which every breach of its grammar is added
 *
 * Returns: (transfer full): the definition; it is marked as faulty when a fault was added
 */
SpmMemoryDef *
spm_memory_def_parse(xmlNodePtr node, SpmFaults *faults)
{
    SpmMemoryDef *spm = g_new0(SpmMemoryDef, 1);
    xmlNodePtr source = spm_xml_first(node, NULL, "source");
    xmlNodePtr target = spm_xml_first(node, NULL, "target");
    xmlNodePtr alias = spm_xml_first(node, NULL, "alias");
    guint before = faults->len;

    spm->node = node;
    spm->line = spm_xml_line(node);
    spm_memory_check_grammar(node, faults);
    spm->access = spm_memory_parse_choice(node, "access", spm_access_names, faults);
    spm->discard = spm_memory_parse_choice(node, "discard", spm_tristate_names, faults);
    if (source)
        spm_memory_parse_source(spm, source, faults);
    if (target)
        spm_memory_parse_target(spm, target, faults);
    else
        spm_memory_fault(faults, node, "has no <target>");

    spm->alias = spm_xml_attr(alias, "name");
    spm->alias_line = spm_xml_line(alias);
    if (alias && !spm->alias)
        spm_memory_fault(faults, alias, "has no attribute 'name'");
    spm->faulty = faults->len > before;
    return spm;
}

/**
 * spm_memory_node_is_spm:
 * @node: a <memory> device
 *
 * Returns: TRUE when it is a <memory model='spm'>
 */
gboolean
spm_memory_node_is_spm(xmlNodePtr node)
{
    g_autofree char *model = spm_xml_attr(node, "model");

    return g_strcmp0(model, "spm") == 0;
}
