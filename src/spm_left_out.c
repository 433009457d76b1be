/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a document says of cells that libvirt is not given, besides their ids.
 *
 * libvirt refuses an element that names a cell which it does not have. What such elements do for spm elements
 * is what the carriers say (qemu_spm_carrier.c). What they were is kept in a variable of QEMU's environment,
 * <qemu:env>, which QEMU does not look at. The variable has items, separated by ';', of words:
 *
 *   cell ID ACCESS DISCARD             a cell's memAccess and discard, '-' for none
 *   page PLACE NODESET SIZE UNIT       a <page> of <hugepages> all of whose cells are left out
 *   part NUMBER NODESET CELLS KIB      one that lost some of its cells
 *   memnode PLACE CELL NODESET MODE    a <memnode>
 *   spm SUM WORD...                    what a carrier says that its element left to its cell
 *
 * NUMBER counts the <page>s of the domain, and PLACE all elements in all its <hugepages> or <numatune>, from
 * 0 and before anything is taken: libvirt makes one element of several. A text that the document has as it
 * is, such as a nodeset, has its special characters escaped as in a URI. SUM is a hash of the carrier's alias
 * and of what it says, so that one which a client changed meanwhile keeps all of that. */

#include "spm_left_out.h"

#include <string.h>

#include "qemu_spm_carrier.h"
#include "qemu_spm_ns.h"
#include "spm_cpuset.h"
#include "spm_memory_conf.h"
#include "spm_xml.h"

/* Linux passes no variable of 128 KiB to a program. What validation lets pass is shorter: the nodesets have
 * at most 16384 characters (qemu_spm_validate.c), each of which may be escaped, twice, for <page> and
 * <memnode>; the rest is at most 36 KiB for 128 cells and 256 spm elements. */
#define SPM_LEFT_OUT_MAX (127 * 1024)
#define SPM_LEFT_OUT_MAX_ITEMS 1024
#define SPM_LEFT_OUT_SIZE_MAX 20
#define SPM_LEFT_OUT_SUM 16

static const char *const spm_left_out_words[] = { "access", "discard", "pagesize", "nodemask" };

struct SpmLeftOut {
    GStrv items;
    GHashTable *memories; /* #SpmInherits, by SUM */
    xmlNodePtr node;      /* the <qemu:env> */
};

/* ---- in ---- */

static void spm_left_out_add(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
spm_left_out_add(GString *text, const char *format, ...)
{
    va_list args;

    if (text->len)
        g_string_append_c(text, ';');
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
}

/* A text as one word. */
static char *
spm_left_out_escape(const char *text)
{
    return text ? g_uri_escape_string(text, ",^", FALSE) : g_strdup("-");
}

/* The text of a word, or NULL for none, and for one that no document can have. */
static char *
spm_left_out_unescape(const char *word)
{
    g_autofree char *text = strcmp(word, "-") == 0 ? NULL : g_uri_unescape_string(word, NULL);

    return text && spm_xml_is_text(text) ? g_steal_pointer(&text) : NULL;
}

/* Hashes what identifies a carrier. @pagesize is in KiB; the rest may be NULL. */
static char *
spm_left_out_sum(const char *alias, const char *access, const char *discard, guint64 pagesize,
                 const char *nodemask)
{
    g_autofree char *nodes = NULL, *text = NULL;
    SpmCpuset set;
    char *sum;

    spm_cpuset_parse(nodemask, &set);
    nodes = spm_cpuset_format(&set);
    text = g_strdup_printf("%s %s %s %" G_GUINT64_FORMAT " %s", alias ? alias : "", access ? access : "-",
                           discard ? discard : "-", pagesize, nodes);
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    sum[SPM_LEFT_OUT_SUM] = '\0';
    return sum;
}

/* The elements in all that @path leads to. */
static GPtrArray *
spm_left_out_children(xmlNodePtr domain, const char *path)
{
    g_autoptr(GPtrArray) parents = spm_xml_find_all(domain, path);
    GPtrArray *children = g_ptr_array_new();

    SPM_FOREACH(xmlNode, parent, parents) {
        for (xmlNodePtr child = xmlFirstElementChild(parent); child; child = xmlNextElementSibling(child))
            g_ptr_array_add(children, child);
    }
    return children;
}

static void
spm_left_out_take_cells(GString *text, const SpmDomainDef *def, guint stock_cells)
{
    for (guint i = stock_cells; i < def->cells->len; i++) {
        const SpmCellDef *cell = g_ptr_array_index(def->cells, i);

        if (cell->access || cell->discard)
            spm_left_out_add(text, "cell %u %s %s", cell->id,
                             cell->access ? spm_access_names[cell->access] : "-",
                             cell->discard ? spm_tristate_names[cell->discard] : "-");
    }
}

/* Moves the cells of @set that are left out to @left_out. Returns FALSE when there are none. */
static gboolean
spm_left_out_split(SpmCpuset *set, const SpmDomainDef *def, guint stock_cells, SpmCpuset *left_out)
{
    gboolean found = FALSE;

    memset(left_out, 0, sizeof(*left_out));
    for (guint i = stock_cells; i < def->cells->len; i++) {
        if (!spm_cpuset_contains(set, i))
            continue;
        spm_cpuset_remove(set, i);
        spm_cpuset_add(left_out, i);
        found = TRUE;
    }
    return found;
}

/* Notes a <page> that names cells which are left out, and changes or removes it. A size that cannot be read,
 * or has endless blanks, is left to libvirt, which refuses the <page>. */
static void
spm_left_out_take_page(GString *text, const SpmDomainDef *def, guint stock_cells, xmlNodePtr page,
                       guint number, guint place)
{
    g_autofree char *nodeset = spm_xml_attr(page, "nodeset"), *left_text = NULL, *rest_text = NULL;
    g_autofree char *size = spm_xml_attr(page, "size"), *unit = spm_xml_attr(page, "unit");
    g_autofree char *nodeset_word = spm_left_out_escape(nodeset), *size_word = NULL, *unit_word = NULL;
    SpmCpuset rest, left_out;
    guint64 kib;

    spm_cpuset_parse(nodeset, &rest);
    if (!size || strlen(size) > SPM_LEFT_OUT_SIZE_MAX || !spm_parse_size(size, unit, &kib) || !kib ||
        !spm_left_out_split(&rest, def, stock_cells, &left_out))
        return;
    left_text = spm_cpuset_format(&left_out);
    rest_text = spm_cpuset_format(&rest);
    size_word = spm_left_out_escape(size);
    unit_word = spm_left_out_escape(unit);
    if (*rest_text) {
        spm_left_out_add(text, "part %u %s %s %" G_GUINT64_FORMAT, number, nodeset_word, left_text, kib);
        spm_xml_set_attr(page, "nodeset", "%s", rest_text);
        return;
    }
    spm_left_out_add(text, "page %u %s %s %s", place, nodeset_word, size_word, unit_word);
    spm_xml_remove(page);
}

/* If nothing is left in <hugepages>, that goes as well: it would mean that all memory has hugepages. */
static void
spm_left_out_take_pages(GString *text, const SpmDomainDef *def, guint stock_cells)
{
    g_autoptr(GPtrArray) children = spm_left_out_children(def->root, "memoryBacking/hugepages");
    g_autoptr(GPtrArray) hugepages = spm_xml_find_all(def->root, "memoryBacking/hugepages");
    guint pages = 0;

    for (guint i = 0; i < children->len; i++) {
        xmlNodePtr child = g_ptr_array_index(children, i);

        if (spm_xml_is(child, NULL, "page"))
            spm_left_out_take_page(text, def, stock_cells, child, pages++, i);
    }
    if (!pages || spm_xml_find(def->root, "memoryBacking/hugepages/page"))
        return;
    SPM_FOREACH(xmlNode, node, hugepages)
        spm_xml_remove(node);
}

static void
spm_left_out_take_memnodes(GString *text, const SpmDomainDef *def, guint stock_cells)
{
    g_autoptr(GPtrArray) children = spm_left_out_children(def->root, "numatune");

    for (guint i = 0; i < children->len; i++) {
        xmlNodePtr memnode = g_ptr_array_index(children, i);
        g_autofree char *id = spm_xml_attr(memnode, "cellid"), *mode = spm_xml_attr(memnode, "mode");
        g_autofree char *nodeset = spm_xml_attr(memnode, "nodeset");
        g_autofree char *nodeset_word = spm_left_out_escape(nodeset), *mode_word = spm_left_out_escape(mode);
        guint64 cell;

        if (!spm_xml_is(memnode, NULL, "memnode") || !id || !spm_parse_number(id, 10, G_MAXINT, &cell) ||
            cell < stock_cells || cell >= def->cells->len)
            continue;
        spm_left_out_add(text, "memnode %u %u %s %s", i, (guint)cell, nodeset_word, mode_word);
        spm_xml_remove(memnode);
    }
}

static void
spm_left_out_note_memories(GString *text, const SpmDomainDef *def, const SpmQemuOptions *options)
{
    SPM_FOREACH(const SpmMemoryDef, spm, def->spms) {
        g_autofree char *sum = NULL;
        SpmCarrier carrier;

        spm_qemu_carrier_init(&carrier, def, spm, options);
        if (!carrier.inherits)
            continue;
        sum = spm_left_out_sum(spm->alias, carrier.access ? spm_access_names[carrier.access] : NULL,
                               carrier.discard ? spm_tristate_names[carrier.discard] : NULL, carrier.pagesize,
                               carrier.nodemask);
        spm_left_out_add(text, "spm %s", sum);
        for (guint i = 0; i < G_N_ELEMENTS(spm_left_out_words); i++) {
            if (carrier.inherits & 1U << i)
                g_string_append_printf(text, " %s", spm_left_out_words[i]);
        }
    }
}

/**
 * spm_left_out_take:
 * @def: a valid definition
 * @options: for which libvirt
 * @commandline: the <qemu:commandline> to which the variable is added, if there is anything to keep
 *
 * Takes what names a cell that is left out, but not the cells, out of the document.
 */
void
spm_left_out_take(const SpmDomainDef *def, const SpmQemuOptions *options, xmlNodePtr commandline)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint stock_cells = spm_qemu_stock_cells(def, options);
    xmlNodePtr env;

    spm_left_out_take_cells(text, def, stock_cells);
    spm_left_out_take_pages(text, def, stock_cells);
    spm_left_out_take_memnodes(text, def, stock_cells);
    spm_left_out_note_memories(text, def, options);
    if (!text->len)
        return;
    env = spm_xml_new(commandline->doc, commandline->ns, "env");
    spm_xml_add_attr(env, "name", SPM_QEMU_CELLS_VARIABLE);
    spm_xml_add_attr(env, "value", text->str);
    spm_xml_append(commandline, env);
}

/* ---- out ---- */

/* The words of @item if its first one is @kind, else NULL. */
static GStrv
spm_left_out_item(const char *item, const char *kind)
{
    g_auto(GStrv) words = g_strsplit(item, " ", -1);

    return g_strcmp0(words[0], kind) == 0 ? g_steal_pointer(&words) : NULL;
}

/* The number in the word at @index, or @fallback without one. */
static guint
spm_left_out_number(GStrv words, guint index, guint fallback)
{
    guint64 number = fallback;

    if (index < g_strv_length(words))
        spm_parse_number(words[index], 10, G_MAXINT, &number);
    return (guint)number;
}

static void
spm_left_out_read_memories(SpmLeftOut *left_out)
{
    for (guint i = 0; left_out->items[i]; i++) {
        g_auto(GStrv) words = spm_left_out_item(left_out->items[i], "spm");
        guint inherits = 0;

        for (guint j = 0; words && j < G_N_ELEMENTS(spm_left_out_words); j++) {
            if (g_strv_contains((const char *const *)words, spm_left_out_words[j]))
                inherits |= 1U << j;
        }
        if (inherits)
            g_hash_table_insert(left_out->memories, g_strdup(words[1]), GUINT_TO_POINTER(inherits));
    }
}

/**
 * spm_left_out_read:
 * @domain: a <domain> of stock libvirt
 *
 * Returns: (transfer full) (nullable): what was kept, or NULL
 */
SpmLeftOut *
spm_left_out_read(xmlNodePtr domain)
{
    g_autoptr(GPtrArray) envs = spm_qemu_ns_find_in_commandlines(domain, "env");

    SPM_FOREACH(xmlNode, env, envs) {
        g_autofree char *name = spm_xml_attr(env, "name"), *value = spm_xml_attr(env, "value");
        SpmLeftOut *left_out;

        if (g_strcmp0(name, SPM_QEMU_CELLS_VARIABLE) != 0 || !value || strlen(value) > SPM_LEFT_OUT_MAX)
            continue;
        left_out = g_new0(SpmLeftOut, 1);
        /* what is too much stays together as one item, which is none */
        left_out->items = g_strsplit(value, ";", SPM_LEFT_OUT_MAX_ITEMS);
        left_out->memories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        left_out->node = env;
        spm_left_out_read_memories(left_out);
        return left_out;
    }
    return NULL;
}

/**
 * spm_left_out_free:
 * @left_out: (nullable): what was kept; its document stays
 */
void
spm_left_out_free(SpmLeftOut *left_out)
{
    if (!left_out)
        return;
    g_strfreev(left_out->items);
    g_hash_table_unref(left_out->memories);
    g_free(left_out);
}

/* The hash of a carrier. */
static char *
spm_left_out_sum_of(xmlNodePtr memory)
{
    xmlNodePtr page = spm_xml_find(memory, "source/pagesize");
    g_autofree char *alias = spm_xml_attr(spm_xml_first(memory, NULL, "alias"), "name");
    g_autofree char *access = spm_xml_attr(memory, "access"), *discard = spm_xml_attr(memory, "discard");
    g_autofree char *size = spm_xml_content(page), *unit = spm_xml_attr(page, "unit");
    g_autofree char *nodemask = spm_xml_content(spm_xml_find(memory, "source/nodemask"));
    guint64 kib = 0;

    if (size && !spm_parse_size(size, unit, &kib))
        return g_strdup("");
    return spm_left_out_sum(alias, access, discard, kib, nodemask);
}

/* Takes what an element left to its cell from its carrier. */
static void
spm_left_out_restore_memory(const SpmLeftOut *left_out, xmlNodePtr memory)
{
    g_autofree char *sum = spm_left_out_sum_of(memory);
    guint inherits = GPOINTER_TO_UINT(g_hash_table_lookup(left_out->memories, sum));
    xmlNodePtr source = spm_xml_first(memory, NULL, "source");

    for (guint i = 0; i < G_N_ELEMENTS(spm_left_out_words); i++) {
        xmlNodePtr child = source ? spm_xml_first(source, NULL, spm_left_out_words[i]) : NULL;

        if (!(inherits & 1U << i))
            continue;
        xmlUnsetProp(memory, BAD_CAST spm_left_out_words[i]);
        if (child)
            spm_xml_remove(child);
    }
    if (inherits && source && !xmlFirstElementChild(source))
        spm_xml_remove(source);
}

static void
spm_left_out_restore_cell(GStrv words, const GPtrArray *cells, const SpmCpuset *back)
{
    guint id = spm_left_out_number(words, 1, G_MAXUINT);
    xmlNodePtr cell = spm_cpuset_contains(back, id) && id < cells->len ? g_ptr_array_index(cells, id) : NULL;

    if (!cell || g_strv_length(words) != 4)
        return;
    if (strcmp(words[2], "-") != 0)
        spm_xml_set_attr(cell, "memAccess", "%s", words[2]);
    if (strcmp(words[3], "-") != 0)
        spm_xml_set_attr(cell, "discard", "%s", words[3]);
}

/* The children of <domain> that libvirt writes after <memoryBacking> or <numatune>, as far as a domain has
 * one of them for sure. */
static xmlNodePtr
spm_left_out_find_after(xmlNodePtr domain, const char *name)
{
    static const char *const after[] = { "vcpu",        "vcpus",           "iothreads",
                                         "iothreadids", "defaultiothread", "cputune",
                                         "numatune",    "resource",        "sysinfo",
                                         "bootloader",  "bootloader_args", "os",
                                         NULL };
    const char *const *names = after;

    /* those that precede <numatune> */
    while (strcmp(name, "numatune") == 0 && strcmp(*names, "resource") != 0)
        names++;
    for (xmlNodePtr child = spm_xml_first(domain, NULL, NULL); child;
         child = spm_xml_next(child, NULL, NULL)) {
        if (g_strv_contains(names, (const char *)child->name))
            return child;
    }
    return NULL;
}

/* The last child @name of <domain>, which is made if there is none. */
static xmlNodePtr
spm_left_out_ensure(xmlNodePtr domain, const char *name)
{
    g_autoptr(GPtrArray) nodes = spm_xml_find_all(domain, name);
    xmlNodePtr node;

    if (nodes->len)
        return g_ptr_array_index(nodes, nodes->len - 1);
    node = spm_xml_new(domain->doc, NULL, name);
    spm_xml_insert(domain, spm_left_out_find_after(domain, name), node);
    return node;
}

/* A new <hugepages>; libvirt writes it first. */
static xmlNodePtr
spm_left_out_make_hugepages(xmlNodePtr domain)
{
    xmlNodePtr backing = spm_left_out_ensure(domain, "memoryBacking");
    xmlNodePtr node = spm_xml_new(domain->doc, NULL, "hugepages"), first = spm_xml_first(backing, NULL, NULL);

    spm_xml_insert(backing, first, node);
    return node;
}

/* Where elements of one kind go back. */
typedef struct {
    xmlNodePtr domain;
    const char *path;
    GPtrArray *children; /* what there was at @path before any went back */
    guint back;          /* how many went back */
    xmlNodePtr end;      /* the last element at @path, once it is needed */
} SpmLeftOutPlaces;

/* The element at whose end those go that nothing follows. */
static xmlNodePtr
spm_left_out_find_end(SpmLeftOutPlaces *places)
{
    g_autoptr(GPtrArray) parents = places->end ? NULL : spm_xml_find_all(places->domain, places->path);

    if (parents && parents->len)
        places->end = g_ptr_array_index(parents, parents->len - 1);
    else if (parents && strcmp(places->path, "numatune") == 0)
        places->end = spm_left_out_ensure(places->domain, "numatune");
    else if (parents)
        places->end = spm_left_out_make_hugepages(places->domain);
    return places->end;
}

/* Puts @node after @place elements, of which those that went back are the last ones or before others. */
static void
spm_left_out_insert(SpmLeftOutPlaces *places, guint place, xmlNodePtr node)
{
    guint index = place > places->back ? place - places->back : 0;
    xmlNodePtr before = index < places->children->len ? g_ptr_array_index(places->children, index) : NULL;

    spm_xml_insert(before ? before->parent : spm_left_out_find_end(places), before, node);
    places->back++;
}

static void
spm_left_out_add_attr(xmlNodePtr node, const char *name, const char *word)
{
    g_autofree char *value = spm_left_out_unescape(word);

    if (value)
        spm_xml_add_attr(node, name, value);
}

/* Makes a <page> all of whose cells are @back. */
static void
spm_left_out_restore_page(GStrv words, SpmLeftOutPlaces *places, const SpmCpuset *back)
{
    g_autofree char *nodeset = g_strv_length(words) == 5 ? spm_left_out_unescape(words[2]) : NULL;
    SpmCpuset set;
    xmlNodePtr page;

    spm_cpuset_parse(nodeset, &set);
    if (spm_cpuset_is_empty(&set) || !spm_cpuset_is_within(&set, back))
        return;
    page = spm_xml_new(places->domain->doc, NULL, "page");
    spm_left_out_add_attr(page, "size", words[3]);
    spm_left_out_add_attr(page, "unit", words[4]);
    spm_xml_add_attr(page, "nodeset", nodeset);
    spm_left_out_insert(places, spm_left_out_number(words, 1, G_MAXUINT), page);
}

/* The size of a <page> in KiB, 0 when it cannot be read. */
static guint64
spm_left_out_page_size(xmlNodePtr page)
{
    g_autofree char *size = spm_xml_attr(page, "size"), *unit = spm_xml_attr(page, "unit");
    guint64 kib;

    return size && spm_parse_size(size, unit, &kib) ? kib : 0;
}

/* A <page> that lost some cells gets those that are @back, with the text that it had if it then has the same
 * ones. */
static void
spm_left_out_join_page(GStrv words, xmlNodePtr page, const SpmCpuset *back)
{
    g_autofree char *rest = spm_xml_attr(page, "nodeset"), *before = spm_left_out_unescape(words[2]);
    g_autofree char *text = NULL;
    SpmCpuset set, old, cells;

    spm_cpuset_parse(rest, &set);
    spm_cpuset_parse(before, &old);
    spm_cpuset_parse(words[3], &cells);
    if (spm_cpuset_is_empty(&set) || !spm_cpuset_is_within(&cells, back))
        return;
    spm_cpuset_unite(&set, &cells);
    text = spm_cpuset_format(&set);
    spm_xml_set_attr(page, "nodeset", "%s", memcmp(&set, &old, sizeof(set)) == 0 ? before : text);
}

/* Gives the <page>s that lost some cells these back, each once; all of them are in the document again. Where
 * a client removed one meanwhile, the first one of the same size is taken. */
static void
spm_left_out_join_pages(const SpmLeftOut *left_out, xmlNodePtr domain, const SpmCpuset *back)
{
    g_autoptr(GPtrArray) pages = spm_xml_find_all(domain, "memoryBacking/hugepages/page");
    g_autoptr(GHashTable) first = g_hash_table_new(NULL, NULL), joined = g_hash_table_new(NULL, NULL);

    for (guint i = pages->len; i > 0; i--) {
        xmlNodePtr page = g_ptr_array_index(pages, i - 1);

        g_hash_table_insert(first, GSIZE_TO_POINTER(spm_left_out_page_size(page)), page);
    }
    for (guint i = 0; left_out->items[i]; i++) {
        g_auto(GStrv) words = spm_left_out_item(left_out->items[i], "part");
        guint number = words ? spm_left_out_number(words, 1, G_MAXUINT) : G_MAXUINT;
        xmlNodePtr page = number < pages->len ? g_ptr_array_index(pages, number) : NULL;
        guint64 kib;

        if (!words || g_strv_length(words) != 5 || !spm_parse_number(words[4], 10, G_MAXSIZE, &kib) || !kib)
            continue;
        if (!page || spm_left_out_page_size(page) != kib)
            page = g_hash_table_lookup(first, GSIZE_TO_POINTER(kib));
        if (page && g_hash_table_add(joined, page))
            spm_left_out_join_page(words, page, back);
    }
}

static void
spm_left_out_restore_memnode(GStrv words, SpmLeftOutPlaces *places, const SpmCpuset *back)
{
    guint cell = spm_left_out_number(words, 2, G_MAXUINT);
    xmlNodePtr memnode;

    if (g_strv_length(words) != 5 || !spm_cpuset_contains(back, cell))
        return;
    memnode = spm_xml_new(places->domain->doc, NULL, "memnode");
    spm_xml_set_attr(memnode, "cellid", "%u", cell);
    spm_left_out_add_attr(memnode, "mode", words[4]);
    spm_left_out_add_attr(memnode, "nodeset", words[3]);
    spm_left_out_insert(places, spm_left_out_number(words, 1, G_MAXUINT), memnode);
}

/* Gives @domain back what spm_left_out_take() took of cells that are @back. */
static void
spm_left_out_restore_items(const SpmLeftOut *left_out, xmlNodePtr domain, const SpmCpuset *back)
{
    g_autoptr(GPtrArray) cells = spm_xml_find_all(domain, "cpu/numa[1]/cell");
    g_autoptr(GPtrArray) pages = spm_left_out_children(domain, "memoryBacking/hugepages");
    g_autoptr(GPtrArray) memnodes = spm_left_out_children(domain, "numatune");
    SpmLeftOutPlaces page_places = { domain, "memoryBacking/hugepages", pages, 0, NULL };
    SpmLeftOutPlaces memnode_places = { domain, "numatune", memnodes, 0, NULL };

    for (guint i = 0; left_out->items[i]; i++) {
        g_auto(GStrv) words = g_strsplit(left_out->items[i], " ", -1);

        if (g_strcmp0(words[0], "cell") == 0)
            spm_left_out_restore_cell(words, cells, back);
        else if (g_strcmp0(words[0], "page") == 0)
            spm_left_out_restore_page(words, &page_places, back);
        else if (g_strcmp0(words[0], "memnode") == 0)
            spm_left_out_restore_memnode(words, &memnode_places, back);
    }
    spm_left_out_join_pages(left_out, domain, back);
}

/**
 * spm_left_out_restore:
 * @left_out: (nullable): what was kept
 * @domain: its <domain>
 * @back: the ids of the cells that @domain has back
 * @memories: (nullable): its carriers of such cells, which are still carriers; of xmlNode
 * @emptied: to which the parent of the variable is added
 *
 * Gives @domain back what spm_left_out_take() took, and removes the variable, unless no cell is back.
 */
void
spm_left_out_restore(const SpmLeftOut *left_out, xmlNodePtr domain, const SpmCpuset *back,
                     const GPtrArray *memories, GHashTable *emptied)
{
    if (!left_out || spm_cpuset_is_empty(back))
        return;
    for (guint i = 0; memories && i < memories->len; i++)
        spm_left_out_restore_memory(left_out, g_ptr_array_index(memories, i));
    spm_left_out_restore_items(left_out, domain, back);
    g_hash_table_add(emptied, left_out->node->parent);
    spm_xml_remove(left_out->node);
}
