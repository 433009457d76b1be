/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a document says of cells that libvirt is not given, besides their ids.
 *
 * libvirt refuses an element that names a cell which it does not have. What such elements do for spm elements
 * is what the carriers say (qemu_spm_carrier.c). What they were is kept in a variable of QEMU's environment,
 * <qemu:env>, which QEMU does not look at. The variable has items, separated by ';', of words:
 *
 *   cell ID ACCESS DISCARD                   a cell's memAccess and discard, '-' for none
 *   page NUMBER NODESET CELLS                a <page> of <hugepages> that lost some of its cells
 *   page PLACE NODESET SIZE UNIT BACKING     one of which nothing was left; BACKING is the number of its
 *                                            <memoryBacking>, as a domain may have several
 *   memnode PLACE CELL NODESET MODE TUNE     a <memnode> of the <numatune> with the number TUNE
 *   spm NUMBER WORD...                       what a carrier says that its element left to its cell
 *
 * Each NUMBER counts from 0, in the order of the document, and is that before anything is taken. So is PLACE,
 * which counts all elements of the same parent. A text that the document has as it is, such as a nodeset, has
 * its special characters escaped as in a URI. */

#include "spm_left_out.h"

#include <string.h>

#include "qemu_spm_carrier.h"
#include "qemu_spm_ns.h"
#include "spm_cpuset.h"
#include "spm_memory_conf.h"
#include "spm_xml.h"

/* What validation lets pass is shorter by far. Linux passes no variable of 128 KiB to a program. */
#define SPM_LEFT_OUT_MAX (64 * 1024)
#define SPM_LEFT_OUT_MAX_ITEMS 1024
#define SPM_LEFT_OUT_SIZE_MAX 20

static const char *const spm_left_out_words[] = { "access", "discard", "pagesize", "nodemask" };

struct SpmLeftOut {
    GStrv items;
    GHashTable *memories; /* #SpmInherits, by the number of the carrier */
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

/* The text of a word, or NULL for none. */
static char *
spm_left_out_unescape(const char *word)
{
    return strcmp(word, "-") == 0 ? NULL : g_uri_unescape_string(word, NULL);
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

/* The number of @node among the children of <domain> that have its name. */
static guint
spm_left_out_count_before(xmlNodePtr node)
{
    guint number = 0;

    for (xmlNodePtr other = spm_xml_first(node->parent, NULL, (const char *)node->name); other != node;
         other = spm_xml_next(other, NULL, (const char *)node->name))
        number++;
    return number;
}

/* For each of @nodes, which are in the order of the document, how many elements precede it in its parent. */
static guint *
spm_left_out_places(const GPtrArray *nodes)
{
    guint *places = g_new0(guint, nodes->len);

    for (guint i = 0; i < nodes->len; i++) {
        xmlNodePtr node = g_ptr_array_index(nodes, i), known = i ? g_ptr_array_index(nodes, i - 1) : NULL;

        while ((node = xmlPreviousElementSibling(node))) {
            places[i]++;
            if (node == known) {
                places[i] += places[i - 1];
                break;
            }
        }
    }
    return places;
}

/* Notes the <page>, of which @rest_text is left, and changes or removes it. */
static void
spm_left_out_cut_page(GString *text, xmlNodePtr page, guint number, guint place, const char *left_text,
                      const char *rest_text)
{
    g_autofree char *nodeset = spm_xml_attr(page, "nodeset"), *size = spm_xml_attr(page, "size");
    g_autofree char *unit = spm_xml_attr(page, "unit"), *nodeset_word = spm_left_out_escape(nodeset);
    g_autofree char *size_word = spm_left_out_escape(size), *unit_word = spm_left_out_escape(unit);

    if (*rest_text) {
        spm_left_out_add(text, "page %u %s %s", number, nodeset_word, left_text);
        spm_xml_set_attr(page, "nodeset", "%s", rest_text);
        return;
    }
    spm_left_out_add(text, "page %u %s %s %s %u", place, nodeset_word, size_word, unit_word,
                     spm_left_out_count_before(page->parent->parent));
    spm_xml_remove(page);
}

/* A size that cannot be read, or has endless blanks, is left to libvirt, which refuses the <page>. */
static void
spm_left_out_take_page(GString *text, const SpmDomainDef *def, guint stock_cells, xmlNodePtr page,
                       guint number, guint place)
{
    g_autofree char *nodeset = spm_xml_attr(page, "nodeset"), *left_text = NULL, *rest_text = NULL;
    g_autofree char *size = spm_xml_attr(page, "size"), *unit = spm_xml_attr(page, "unit");
    SpmCpuset rest, left_out;
    guint64 kib;

    spm_cpuset_parse(nodeset, &rest);
    if (!size || strlen(size) > SPM_LEFT_OUT_SIZE_MAX || !spm_parse_size(size, unit, &kib) || !kib ||
        !spm_left_out_split(&rest, def, stock_cells, &left_out))
        return;
    left_text = spm_cpuset_format(&left_out);
    rest_text = spm_cpuset_format(&rest);
    spm_left_out_cut_page(text, page, number, place, left_text, rest_text);
}

/* If nothing is left in <hugepages>, that goes as well: it would mean that all memory has hugepages. */
static void
spm_left_out_take_pages(GString *text, const SpmDomainDef *def, guint stock_cells)
{
    g_autoptr(GPtrArray) pages = spm_xml_find_all(def->root, "memoryBacking/hugepages/page");
    g_autoptr(GPtrArray) hugepages = spm_xml_find_all(def->root, "memoryBacking/hugepages");
    g_autofree guint *places = spm_left_out_places(pages);

    for (guint i = 0; i < pages->len; i++)
        spm_left_out_take_page(text, def, stock_cells, g_ptr_array_index(pages, i), i, places[i]);
    if (!pages->len || spm_xml_find(def->root, "memoryBacking/hugepages/page"))
        return;
    SPM_FOREACH(xmlNode, node, hugepages)
        spm_xml_remove(node);
}

static void
spm_left_out_take_memnodes(GString *text, const SpmDomainDef *def, guint stock_cells)
{
    g_autoptr(GPtrArray) memnodes = spm_xml_find_all(def->root, "numatune/memnode");
    g_autofree guint *places = spm_left_out_places(memnodes);

    for (guint i = 0; i < memnodes->len; i++) {
        xmlNodePtr memnode = g_ptr_array_index(memnodes, i);
        g_autofree char *id = spm_xml_attr(memnode, "cellid"), *mode = spm_xml_attr(memnode, "mode");
        g_autofree char *nodeset = spm_xml_attr(memnode, "nodeset");
        g_autofree char *nodeset_word = spm_left_out_escape(nodeset), *mode_word = spm_left_out_escape(mode);
        guint64 cell;

        if (!id || !spm_parse_number(id, 10, G_MAXINT, &cell) || cell < stock_cells ||
            cell >= def->cells->len)
            continue;
        spm_left_out_add(text, "memnode %u %u %s %s %u", places[i], (guint)cell, nodeset_word, mode_word,
                         spm_left_out_count_before(memnode->parent));
        spm_xml_remove(memnode);
    }
}

static void
spm_left_out_note_memories(GString *text, const SpmDomainDef *def, const SpmQemuOptions *options)
{
    for (guint i = 0; i < def->spms->len; i++) {
        SpmCarrier carrier;

        spm_qemu_carrier_init(&carrier, def, g_ptr_array_index(def->spms, i), options);
        if (!carrier.inherits)
            continue;
        spm_left_out_add(text, "spm %u", i);
        for (guint j = 0; j < G_N_ELEMENTS(spm_left_out_words); j++) {
            if (carrier.inherits & 1U << j)
                g_string_append_printf(text, " %s", spm_left_out_words[j]);
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
            g_hash_table_insert(left_out->memories,
                                GUINT_TO_POINTER(spm_left_out_number(words, 1, G_MAXUINT)),
                                GUINT_TO_POINTER(inherits));
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
    g_autoptr(GPtrArray) envs = spm_qemu_ns_variables(domain);

    SPM_FOREACH(xmlNode, env, envs) {
        g_autofree char *name = spm_xml_attr(env, "name"), *value = spm_xml_attr(env, "value");
        SpmLeftOut *left_out;

        if (g_strcmp0(name, SPM_QEMU_CELLS_VARIABLE) != 0 || !value || strlen(value) > SPM_LEFT_OUT_MAX)
            continue;
        left_out = g_new0(SpmLeftOut, 1);
        /* what is too much stays together as one item, which is none */
        left_out->items = g_strsplit(value, ";", SPM_LEFT_OUT_MAX_ITEMS);
        left_out->memories = g_hash_table_new(NULL, NULL);
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

/**
 * spm_left_out_restore_memory:
 * @left_out: (nullable): what was kept
 * @index: how many carriers precede this one
 * @memory: the carrier, which no longer says what its element left to its cell
 */
void
spm_left_out_restore_memory(const SpmLeftOut *left_out, guint index, xmlNodePtr memory)
{
    gpointer found = left_out ? g_hash_table_lookup(left_out->memories, GUINT_TO_POINTER(index)) : NULL;
    guint inherits = GPOINTER_TO_UINT(found);
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
spm_left_out_restore_cell(GStrv words, const GPtrArray *cells)
{
    guint id = spm_left_out_number(words, 1, G_MAXUINT);
    xmlNodePtr cell = id < cells->len ? g_ptr_array_index(cells, id) : NULL;

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

/* The child @name of <domain> with that @number, or the last one; it is made if there is none. */
static xmlNodePtr
spm_left_out_ensure(xmlNodePtr domain, const char *name, guint number)
{
    xmlNodePtr node = spm_xml_first(domain, NULL, name), next = node, after;

    while (number-- && (next = spm_xml_next(next, NULL, name)))
        node = next;
    if (node)
        return node;
    node = spm_xml_new(domain->doc, NULL, name);
    after = spm_left_out_find_after(domain, name);
    spm_xml_insert(domain, after, node);
    return node;
}

/* <hugepages> of the <memoryBacking> with that @number; libvirt writes it first. */
static xmlNodePtr
spm_left_out_ensure_hugepages(xmlNodePtr domain, guint number)
{
    xmlNodePtr backing = spm_left_out_ensure(domain, "memoryBacking", number);
    xmlNodePtr node = spm_xml_first(backing, NULL, "hugepages"), first = spm_xml_first(backing, NULL, NULL);

    if (node)
        return node;
    node = spm_xml_new(domain->doc, NULL, "hugepages");
    spm_xml_insert(backing, first, node);
    return node;
}

/* Puts @node behind @place elements of @parent, or behind all that there are. */
static void
spm_left_out_insert(xmlNodePtr parent, guint place, xmlNodePtr node)
{
    xmlNodePtr after = xmlFirstElementChild(parent);

    while (after && place--)
        after = xmlNextElementSibling(after);
    spm_xml_insert(parent, after, node);
}

static void
spm_left_out_add_attr(xmlNodePtr node, const char *name, const char *word)
{
    g_autofree char *value = spm_left_out_unescape(word);

    if (value)
        spm_xml_add_attr(node, name, value);
}

/* Makes a <page> of which nothing was left. */
static void
spm_left_out_restore_page(GStrv words, xmlNodePtr domain)
{
    xmlNodePtr hugepages, page;

    if (g_strv_length(words) != 6)
        return;
    hugepages = spm_left_out_ensure_hugepages(domain, spm_left_out_number(words, 5, 0));
    page = spm_xml_new(domain->doc, NULL, "page");

    spm_left_out_add_attr(page, "size", words[3]);
    spm_left_out_add_attr(page, "unit", words[4]);
    spm_left_out_add_attr(page, "nodeset", words[2]);
    spm_left_out_insert(hugepages, spm_left_out_number(words, 1, G_MAXUINT), page);
}

/* A <page> that lost some cells gets them back, with the text that it had if it then has the same cells. */
static void
spm_left_out_join_page(GStrv words, xmlNodePtr page)
{
    g_autofree char *rest = spm_xml_attr(page, "nodeset"), *before = spm_left_out_unescape(words[2]);
    g_autofree char *joined = g_strdup_printf("%s,%s", rest ? rest : "", words[3]), *text = NULL;
    SpmCpuset set, old;

    spm_cpuset_parse(joined, &set);
    spm_cpuset_parse(before, &old);
    text = spm_cpuset_format(&set);
    if (!spm_cpuset_is_empty(&set))
        spm_xml_set_attr(page, "nodeset", "%s", memcmp(&set, &old, sizeof(set)) == 0 ? before : text);
}

/* Gives the <page>s that lost some cells these back; all of them are in the document again. */
static void
spm_left_out_join_pages(const SpmLeftOut *left_out, xmlNodePtr domain)
{
    g_autoptr(GPtrArray) pages = spm_xml_find_all(domain, "memoryBacking/hugepages/page");

    for (guint i = 0; left_out->items[i]; i++) {
        g_auto(GStrv) words = spm_left_out_item(left_out->items[i], "page");
        guint number = words ? spm_left_out_number(words, 1, G_MAXUINT) : G_MAXUINT;

        if (number < pages->len && g_strv_length(words) == 4)
            spm_left_out_join_page(words, g_ptr_array_index(pages, number));
    }
}

static void
spm_left_out_restore_memnode(GStrv words, xmlNodePtr domain)
{
    xmlNodePtr memnode, numatune;

    if (g_strv_length(words) != 6)
        return;
    numatune = spm_left_out_ensure(domain, "numatune", spm_left_out_number(words, 5, 0));
    memnode = spm_xml_new(domain->doc, NULL, "memnode");
    spm_left_out_add_attr(memnode, "cellid", words[2]);
    spm_left_out_add_attr(memnode, "mode", words[4]);
    spm_left_out_add_attr(memnode, "nodeset", words[3]);
    spm_left_out_insert(numatune, spm_left_out_number(words, 1, G_MAXUINT), memnode);
}

/**
 * spm_left_out_restore_domain:
 * @left_out: (nullable): what was kept
 * @domain: its <domain>, which has its cells back
 * @emptied: to which the parent of the variable is added
 *
 * Gives @domain back what spm_left_out_take() took, and removes the variable.
 */
void
spm_left_out_restore_domain(const SpmLeftOut *left_out, xmlNodePtr domain, GHashTable *emptied)
{
    g_autoptr(GPtrArray) cells = spm_xml_find_all(domain, "cpu/numa[1]/cell");

    if (!left_out)
        return;
    for (guint i = 0; left_out->items[i]; i++) {
        g_auto(GStrv) words = g_strsplit(left_out->items[i], " ", -1);

        if (g_strcmp0(words[0], "cell") == 0)
            spm_left_out_restore_cell(words, cells);
        else if (g_strcmp0(words[0], "page") == 0)
            spm_left_out_restore_page(words, domain);
        else if (g_strcmp0(words[0], "memnode") == 0)
            spm_left_out_restore_memnode(words, domain);
    }
    spm_left_out_join_pages(left_out, domain);
    g_hash_table_add(emptied, left_out->node->parent);
    spm_xml_remove(left_out->node);
}
