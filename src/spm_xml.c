/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing whole domain documents: libxml2's trees, and text as libvirt writes it.
 *
 * A document is changed in its tree, including the text nodes with the white space around elements. So
 * comments, metadata and the layout of all foreign elements survive. It is written in libvirt's style: single
 * quotes, namespaces after the attributes, no XML declaration. */

#include "spm_xml.h"

#include <string.h>

#include <libxml/chvalid.h>
#include <libxml/parser.h>

/* The limit for documents from users. libvirt's own limit for a string in an RPC is 4 MiB
 * (REMOTE_STRING_MAX). */
#define SPM_XML_MAX_BYTES (16 * 1024 * 1024)

#define SPM_XML_INDENT 2

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)

/* libxml2 2.12 made the error that a handler is given constant. */
#if LIBXML_VERSION >= 21200
typedef const xmlError SpmXmlError;
#else
typedef xmlError SpmXmlError;
#endif

/* libxml2 continues after an error. The first error is the cause, and the others follow from it. An error
 * that is not fatal, such as an undeclared prefix, leaves the document well-formed, and libvirt accepts it.
 */
static void
spm_xml_on_error(void *data, SpmXmlError *error)
{
    xmlParserCtxtPtr ctxt = data;
    SpmFaults *faults = ctxt->_private;
    g_autofree char *message = g_strdup(error->message ? error->message : "unknown error");

    if (error->level >= XML_ERR_FATAL && faults->len == 0)
        spm_faults_add(faults, SPM_ERROR_DOCUMENT, (unsigned int)MAX(error->line, 0),
                       "the document is not well-formed XML: %s", g_strstrip(message));
}

/* Stops at a DTD before its entities are read. */
static void
spm_xml_on_dtd(void *data, const xmlChar *name G_GNUC_UNUSED, const xmlChar *external G_GNUC_UNUSED,
               const xmlChar *system G_GNUC_UNUSED)
{
    xmlParserCtxtPtr ctxt = data;

    spm_faults_add(ctxt->_private, SPM_ERROR_DOCUMENT, 0,
                   "the document has a document type declaration (DTD), which is not supported");
    xmlStopParser(ctxt);
}

static xmlDocPtr
spm_xml_parse_with(const char *text, guint64 most, int limits, SpmFaults *faults)
{
    const int options = XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES | XML_PARSE_COMPACT;
    guint64 length = strlen(text);
    g_autoptr(xmlParserCtxt) ctxt = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    if (length > most) {
        spm_faults_add(faults, SPM_ERROR_DOCUMENT, 0,
                       "the document has %" G_GUINT64_FORMAT " bytes; at most %" G_GUINT64_FORMAT " are read",
                       length, most);
        return NULL;
    }
    ctxt = xmlNewParserCtxt();
    if (!ctxt)
        g_error("out of memory");
    ctxt->_private = faults;
    /* With a handler of ours libxml2 writes nothing to stderr, which is a daemon's log. XML_PARSE_NOERROR
     * would keep newer versions from calling it. */
    ctxt->sax->serror = spm_xml_on_error;
    ctxt->sax->internalSubset = spm_xml_on_dtd;

    /* as libvirt calls it: it depends on the version of libxml2 whether this heeds a declared encoding */
    doc = xmlCtxtReadDoc(ctxt, BAD_CAST text, NULL, NULL, options | limits);
    if (!doc && faults->len == 0)
        spm_faults_add(faults, SPM_ERROR_DOCUMENT, 0, "the document is not well-formed XML");
    if (faults->len)
        return NULL;
    /* What is written is UTF-8. libvirt writes a copy of <metadata> that belongs to no document, and so has
     * no declared encoding, which makes a difference to libxml2. */
    xmlFree((xmlChar *)doc->encoding);
    doc->encoding = NULL;
    return g_steal_pointer(&doc);
}

/**
 * spm_xml_parse:
 * @text: a document
 * @faults: an empty list, where the reason is added when the document is not well-formed, too large, or
 *   has a DTD: SPM_ERROR_DOCUMENT
 *
 * Nothing is fetched and no entity is expanded: a document type declaration is refused, as no domain
 * document has one and it is what lets XML grow or reach out. What else is read is what libvirt reads, with
 * the same limits of libxml2.
 *
 * Returns: (transfer full): the tree, or NULL
 */
xmlDocPtr
spm_xml_parse(const char *text, SpmFaults *faults)
{
    return spm_xml_parse_with(text, SPM_XML_MAX_BYTES, 0, faults);
}

/**
 * spm_xml_parse_dump:
 * @text: a document that libvirt wrote
 * @faults: see spm_xml_parse()
 *
 * spm_xml_parse() without limits on size and depth: metadata is given piece by piece, so that libvirt's
 * document may be larger, and by some levels deeper, than any that libvirt reads.
 *
 * Returns: (transfer full): the tree, or NULL
 */
xmlDocPtr
spm_xml_parse_dump(const char *text, SpmFaults *faults)
{
    return spm_xml_parse_with(text, G_MAXINT, XML_PARSE_HUGE, faults);
}

/* TRUE when the XML declaration of @text, if it has one, names an encoding that does not keep ASCII as it is.
 */
static gboolean
spm_xml_encoding_hides(const char *text)
{
    static const char *const plain[] = { "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", NULL };
    static const char ebcdic[] = "\x4c\x6f\xa7\x94"; /* "<?xm" */
    const char *end, *name;

    if (g_str_has_prefix(text, "\xef\xbb\xbf"))
        text += 3;
    if (!g_str_has_prefix(text, "<?xml"))
        return g_str_has_prefix(text, ebcdic);
    end = strstr(text, "?>");
    name = g_strstr_len(text, end ? end - text : -1, "encoding");
    if (!name)
        return FALSE;
    name += strlen("encoding");
    name += strspn(name, " \t\r\n='\"");
    for (gsize i = 0; plain[i]; i++) {
        if (g_ascii_strncasecmp(name, plain[i], strlen(plain[i])) == 0)
            return FALSE;
    }
    return TRUE;
}

/**
 * spm_xml_hides_words:
 * @text: a document
 *
 * Returns: TRUE when its values may hold words of ASCII letters, digits, hyphens and underscores that
 *   are not found in @text itself: written with character references, or in an encoding of its own
 */
gboolean
spm_xml_hides_words(const char *text)
{
    for (const char *at = strstr(text, "&#"); at; at = strstr(at + 2, "&#")) {
        guint64 code = at[2] == 'x' ? g_ascii_strtoull(at + 3, NULL, 16) : g_ascii_strtoull(at + 2, NULL, 10);

        if (code < 0x80 && (g_ascii_isalnum((char)code) || code == '-' || code == '_'))
            return TRUE;
    }
    return spm_xml_encoding_hides(text);
}

static const char *const spm_xml_escapes[] = {
    ['&'] = "&amp;",   ['<'] = "&lt;",   ['>'] = "&gt;",   ['"'] = "&quot;",
    ['\''] = "&apos;", ['\r'] = "&#13;", ['\n'] = "&#10;", ['\t'] = "&#9;",
};

/* Escapes what must be escaped in text, and further characters in an attribute's value. */
static void
spm_xml_format_escaped(GString *out, const char *text, gboolean attribute)
{
    const char *special = attribute ? "&<>\"'\r\n\t" : "&<>\"'\r";

    for (;;) {
        size_t plain = strcspn(text, special);

        g_string_append_len(out, text, (gssize)plain);
        text += plain;
        if (!*text)
            return;
        g_string_append(out, spm_xml_escapes[(guchar)*text++]);
    }
}

static void
spm_xml_format_name(GString *out, const xmlNs *ns, const xmlChar *name)
{
    if (ns && ns->prefix) {
        g_string_append(out, (const char *)ns->prefix);
        g_string_append_c(out, ':');
    }
    g_string_append(out, (const char *)name);
}

static void
spm_xml_format_declaration(GString *out, const xmlNs *ns)
{
    /* libxml2 leaves an ampersand in a namespace's name as the reference that it has inside attributes */
    g_auto(GStrv) parts = g_strsplit(ns->href ? (const char *)ns->href : "", "&#38;", -1);
    g_autofree char *href = g_strjoinv("&", parts);

    g_string_append_printf(out, " xmlns%s%s='", ns->prefix ? ":" : "",
                           ns->prefix ? (const char *)ns->prefix : "");
    spm_xml_format_escaped(out, href, TRUE);
    g_string_append_c(out, '\'');
}

/* The text that begins with @first, or NULL when libxml2 has to put it together. */
static const char *
spm_xml_plain_text(const xmlNode *first)
{
    if (!first)
        return "";
    return first->type == XML_TEXT_NODE && !first->next ? (const char *)first->content : NULL;
}

static void
spm_xml_format_attribute(GString *out, xmlNodePtr node, const xmlAttr *attr)
{
    const char *plain = spm_xml_plain_text(attr->children);
    xmlChar *value = plain ? NULL : xmlNodeListGetString(node->doc, attr->children, 1);

    g_string_append_c(out, ' ');
    spm_xml_format_name(out, attr->ns, attr->name);
    g_string_append(out, "='");
    spm_xml_format_escaped(out, plain ? plain : value ? (const char *)value : "", TRUE);
    g_string_append_c(out, '\'');
    xmlFree(value);
}

/* libvirt leaves <metadata> to libxml2: other quotes, another order, and quotes in text as they are. Written
 * by our own rules it would grow, sixfold at worst, and no longer fit where libvirt's own fits. */
static gboolean
spm_xml_is_metadata(xmlNodePtr node)
{
    return spm_xml_is(node, NULL, "metadata");
}

static void
spm_xml_format_metadata(GString *out, xmlNodePtr node)
{
    xmlOutputBufferPtr buffer = xmlAllocOutputBuffer(NULL);

    if (!buffer)
        g_error("out of memory");
    xmlNodeDumpOutput(buffer, node->doc, node, 0, 0, NULL);
    g_string_append_len(out, (const char *)xmlOutputBufferGetContent(buffer),
                        (gssize)xmlOutputBufferGetSize(buffer));
    xmlOutputBufferClose(buffer);
}

/* An element up to its content. */
static void
spm_xml_format_start(GString *out, xmlNodePtr node)
{
    if (spm_xml_is_metadata(node)) {
        spm_xml_format_metadata(out, node);
        return;
    }
    g_string_append_c(out, '<');
    spm_xml_format_name(out, node->ns, node->name);
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next)
        spm_xml_format_attribute(out, node, attr);
    for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
        spm_xml_format_declaration(out, ns);
    g_string_append(out, node->children ? ">" : "/>");
}

/* A node up to its content. */
static void
spm_xml_format_node(GString *out, xmlNodePtr node)
{
    const char *content = node->type != XML_ELEMENT_NODE && node->content ? (const char *)node->content : "";

    switch (node->type) {
    case XML_ELEMENT_NODE:
        spm_xml_format_start(out, node);
        break;
    case XML_TEXT_NODE:
        spm_xml_format_escaped(out, content, FALSE);
        break;
    case XML_CDATA_SECTION_NODE:
        g_string_append_printf(out, "<![CDATA[%s]]>", content);
        break;
    case XML_COMMENT_NODE:
        g_string_append_printf(out, "<!--%s-->", content);
        break;
    case XML_PI_NODE:
        g_string_append_printf(out, *content ? "<?%s %s?>" : "<?%s?>", (const char *)node->name, content);
        break;
    default: /* the rest needs a DTD, which is refused */
        break;
    }
}

/* Without recursion, because the document's author decides how deep it is. */
static void
spm_xml_format_tree(GString *out, xmlNodePtr top)
{
    xmlNodePtr node = top;

    for (;;) {
        spm_xml_format_node(out, node);
        if (node->type == XML_ELEMENT_NODE && node->children && !spm_xml_is_metadata(node)) {
            node = node->children;
            continue;
        }
        while (node != top && !node->next) {
            node = node->parent;
            g_string_append(out, "</");
            spm_xml_format_name(out, node->ns, node->name);
            g_string_append_c(out, '>');
        }
        if (node == top)
            return;
        node = node->next;
    }
}

/**
 * spm_xml_format:
 * @doc: a tree
 *
 * Returns: (transfer full): the document as text, in UTF-8 and in libvirt's style, with a final newline
 */
char *
spm_xml_format(xmlDocPtr doc)
{
    GString *out = g_string_new(NULL);

    for (xmlNodePtr node = doc->children; node; node = node->next) {
        spm_xml_format_tree(out, node);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

/**
 * spm_xml_line:
 * @node: (nullable): a node of a parsed document
 *
 * Returns: the line on which @node began, from 1; 0 when it was not parsed from text, and without @node
 */
unsigned int
spm_xml_line(xmlNodePtr node)
{
    long line = xmlGetLineNo(node);

    return line > 0 ? (unsigned int)line : 0;
}

/**
 * spm_xml_is_text:
 * @text: a text from elsewhere
 *
 * Returns: TRUE when a document can have it: XML has no control characters, for example
 */
gboolean
spm_xml_is_text(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL))
        return FALSE;
    for (; *text; text = g_utf8_next_char(text)) {
        if (!xmlIsCharQ(g_utf8_get_char(text)))
            return FALSE;
    }
    return TRUE;
}

/**
 * spm_xml_is:
 * @node: a node
 * @ns: (nullable): a namespace of the same document; NULL: none
 * @name: (nullable): a local name; NULL: any
 *
 * Returns: TRUE when @node is an element of that namespace and name
 */
gboolean
spm_xml_is(xmlNodePtr node, const xmlNs *ns, const char *name)
{
    if (node->type != XML_ELEMENT_NODE || (name && strcmp((const char *)node->name, name) != 0))
        return FALSE;
    return ns ? node->ns && xmlStrEqual(node->ns->href, ns->href) : !node->ns;
}

static xmlNodePtr
spm_xml_skip_to(xmlNodePtr node, const xmlNs *ns, const char *name)
{
    while (node && !spm_xml_is(node, ns, name))
        node = node->next;
    return node;
}

/**
 * spm_xml_first:
 * @parent: an element
 * @ns: (nullable): see spm_xml_is()
 * @name: (nullable): see spm_xml_is()
 *
 * Returns: (transfer none): the first such child of @parent, or NULL
 */
xmlNodePtr
spm_xml_first(xmlNodePtr parent, const xmlNs *ns, const char *name)
{
    return spm_xml_skip_to(parent->children, ns, name);
}

/**
 * spm_xml_next:
 * @node: an element
 * @ns: (nullable): see spm_xml_is()
 * @name: (nullable): see spm_xml_is()
 *
 * Returns: (transfer none): the next such sibling after @node, or NULL
 */
xmlNodePtr
spm_xml_next(xmlNodePtr node, const xmlNs *ns, const char *name)
{
    return spm_xml_skip_to(node->next, ns, name);
}

/* One step of a path: "name", or "name[1]" for the first of that name in its parent. */
typedef struct {
    const char *name;
    size_t length;
    gboolean first;
    const char *rest; /* the next step, or NULL */
} SpmXmlStep;

static SpmXmlStep
spm_xml_step(const char *path)
{
    size_t length = strcspn(path, "/");
    SpmXmlStep step = { path, length, FALSE, path[length] ? path + length + 1 : NULL };

    if (length > 3 && strncmp(path + length - 3, "[1]", 3) == 0) {
        step.first = TRUE;
        step.length -= 3;
    }
    return step;
}

static gboolean
spm_xml_is_step(xmlNodePtr node, const SpmXmlStep *step)
{
    const char *name = (const char *)node->name;

    if (node->type != XML_ELEMENT_NODE)
        return FALSE;
    if (step->length == 1 && *step->name == '*')
        return !node->ns;
    return strncmp(name, step->name, step->length) == 0 && !name[step->length] && !node->ns;
}

/* The first element to which @path leads. With @all, each such element is added to that instead. */
static xmlNodePtr
spm_xml_search(xmlNodePtr node, const char *path, GPtrArray *all)
{
    const SpmXmlStep step = spm_xml_step(path);

    for (xmlNodePtr child = node->children; child; child = child->next) {
        xmlNodePtr found = NULL;

        if (!spm_xml_is_step(child, &step))
            continue;
        if (step.rest)
            found = spm_xml_search(child, step.rest, all);
        else if (all)
            g_ptr_array_add(all, child);
        else
            found = child;
        if (found || step.first)
            return found;
    }
    return NULL;
}

/**
 * spm_xml_find:
 * @node: (nullable): an element
 * @path: names of elements without a namespace, each the child of the one before: "cpu/numa". "*" is any
 * name, and "numa[1]" the first of its name in each parent, as in XPath
 *
 * Returns: (transfer none): the first element in the document to which that path leads, through whichever
 *   parents; or NULL
 */
xmlNodePtr
spm_xml_find(xmlNodePtr node, const char *path)
{
    return node ? spm_xml_search(node, path, NULL) : NULL;
}

/**
 * spm_xml_find_all:
 * @node: (nullable): an element
 * @path: see spm_xml_find()
 *
 * Returns: (transfer container): all elements to which that path leads, in the order of the document; the
 * list stays good while the tree is changed
 */
GPtrArray *
spm_xml_find_all(xmlNodePtr node, const char *path)
{
    GPtrArray *found = g_ptr_array_new();

    if (node)
        spm_xml_search(node, path, found);
    return found;
}

/**
 * spm_xml_walk:
 * @node: @top, or an element below it
 * @top: an element
 *
 * Returns: (transfer none) (nullable): the element below @top that starts next after @node
 */
xmlNodePtr
spm_xml_walk(xmlNodePtr node, xmlNodePtr top)
{
    xmlNodePtr next = xmlFirstElementChild(node);

    while (!next && node != top) {
        next = xmlNextElementSibling(node);
        node = node->parent;
    }
    return next;
}

/**
 * spm_xml_attr:
 * @node: (nullable): an element
 * @name: an attribute without a namespace
 *
 * Returns: (transfer full) (nullable): its value, or NULL without the attribute
 */
char *
spm_xml_attr(xmlNodePtr node, const char *name)
{
    const xmlAttr *attr = node ? xmlHasNsProp(node, BAD_CAST name, NULL) : NULL;
    const char *plain = attr ? spm_xml_plain_text(attr->children) : NULL;
    xmlChar *value = attr && !plain ? xmlGetNoNsProp(node, BAD_CAST name) : NULL;
    char *copy = g_strdup(plain ? plain : (const char *)value);

    xmlFree(value);
    return copy;
}

/**
 * spm_xml_content:
 * @node: (nullable): an element
 *
 * Returns: (transfer full) (nullable): its text without white space around it, NULL without @node
 */
char *
spm_xml_content(xmlNodePtr node)
{
    const char *plain = node ? spm_xml_plain_text(node->children) : NULL;
    xmlChar *content = node && !plain ? xmlNodeGetContent(node) : NULL;
    char *copy = g_strdup(plain ? plain : (const char *)content);

    xmlFree(content);
    return copy ? g_strstrip(copy) : NULL;
}

/**
 * spm_xml_set_attr:
 * @node: an element
 * @name: an attribute without a namespace
 * @format: printf-style value
 */
void
spm_xml_set_attr(xmlNodePtr node, const char *name, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    xmlSetProp(node, BAD_CAST name, BAD_CAST value);
}

/**
 * spm_xml_add_attr:
 * @node: a new element without such an attribute
 * @name: an attribute without a namespace
 * @value: its value
 *
 * The fast way to fill a new element.
 */
void
spm_xml_add_attr(xmlNodePtr node, const char *name, const char *value)
{
    xmlNewProp(node, BAD_CAST name, BAD_CAST value);
}

/**
 * spm_xml_new:
 * @doc: the document
 * @ns: (nullable): a namespace that is declared in @doc
 * @name: the local name
 *
 * Returns: (transfer full): a new element, not yet linked into the tree
 */
xmlNodePtr
spm_xml_new(xmlDocPtr doc, xmlNsPtr ns, const char *name)
{
    xmlNodePtr node = xmlNewDocNode(doc, ns, BAD_CAST name, NULL);

    if (!node)
        g_error("out of memory");
    return node;
}

/**
 * spm_xml_add:
 * @parent: an element that has no white space yet
 * @name: the local name of its new last child, which takes the namespace of @parent
 * @format: (nullable): printf-style text of the child
 *
 * Returns: (transfer none): the child
 */
xmlNodePtr
spm_xml_add(xmlNodePtr parent, const char *name, const char *format, ...)
{
    xmlNodePtr node = spm_xml_new(parent->doc, parent->ns, name);
    g_autofree char *text = NULL;
    va_list args;

    if (format) {
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        xmlAddChild(node, xmlNewDocText(parent->doc, BAD_CAST text));
    }
    return xmlAddChild(parent, node);
}

static xmlNodePtr
spm_xml_new_line(xmlDocPtr doc, unsigned int depth)
{
    g_autofree char *text = g_malloc(1 + (size_t)depth * SPM_XML_INDENT);

    memset(text, ' ', 1 + (size_t)depth * SPM_XML_INDENT);
    text[0] = '\n';
    return xmlNewDocTextLen(doc, BAD_CAST text, (int)(1 + depth * SPM_XML_INDENT));
}

static unsigned int
spm_xml_depth(xmlNodePtr node)
{
    unsigned int depth = 0;

    while (node->parent && node->parent->type == XML_ELEMENT_NODE) {
        node = node->parent;
        depth++;
    }
    return depth;
}

/* Indents a new subtree, whose elements contain either text or elements, as libvirt would at @depth. */
static void
spm_xml_indent(xmlNodePtr node, unsigned int depth)
{
    gboolean elements = FALSE;

    for (xmlNodePtr child = node->children; child; child = child->next) {
        if (child->type != XML_ELEMENT_NODE)
            continue;
        elements = TRUE;
        xmlAddPrevSibling(child, spm_xml_new_line(node->doc, depth + 1));
        spm_xml_indent(child, depth + 1);
    }
    if (elements)
        xmlAddChild(node, spm_xml_new_line(node->doc, depth));
}

/* TRUE for white space between elements. Nobody indents by a KiB, and longer text must not be searched again
 * for every element of a document. */
static gboolean
spm_xml_is_space(xmlNodePtr node)
{
    const char *content = (const char *)node->content;
    size_t length = 0;

    if (node->type != XML_TEXT_NODE || !content)
        return FALSE;
    while (length < 1024 && content[length] && strchr(" \t\r\n", content[length]))
        length++;
    return !content[length];
}

/**
 * spm_xml_append:
 * @parent: an element of the document
 * @node: (transfer full): a new subtree that becomes the last child of @parent, on lines of its own
 */
void
spm_xml_append(xmlNodePtr parent, xmlNodePtr node)
{
    unsigned int depth = spm_xml_depth(parent) + 1;
    xmlNodePtr last = parent->last;

    /* the white space before the end tag of @parent is made anew after @node; libxml2 would merge it
     * with white space that is put next to it */
    if (last && spm_xml_is_space(last)) {
        xmlUnlinkNode(last);
        xmlFreeNode(last);
    }
    spm_xml_indent(node, depth);
    xmlAddChild(parent, spm_xml_new_line(parent->doc, depth));
    xmlAddChild(parent, node);
    xmlAddChild(parent, spm_xml_new_line(parent->doc, depth - 1));
}

/**
 * spm_xml_insert_before:
 * @anchor: an element of the document
 * @node: (transfer full): a new subtree that is put before @anchor, on lines of its own
 */
void
spm_xml_insert_before(xmlNodePtr anchor, xmlNodePtr node)
{
    spm_xml_indent(node, spm_xml_depth(anchor));
    xmlAddPrevSibling(anchor, node);
    xmlAddPrevSibling(anchor, spm_xml_new_line(anchor->doc, spm_xml_depth(anchor)));
}

/**
 * spm_xml_insert:
 * @parent: an element of the document
 * @before: (nullable): one of its children, or NULL for the end
 * @node: (transfer full): a new subtree that is put there, on lines of its own
 */
void
spm_xml_insert(xmlNodePtr parent, xmlNodePtr before, xmlNodePtr node)
{
    if (before)
        spm_xml_insert_before(before, node);
    else
        spm_xml_append(parent, node);
}

/**
 * spm_xml_prepend:
 * @parent: an element of the document
 * @node: (transfer full): a new subtree that becomes the first child of @parent, on lines of its own
 */
void
spm_xml_prepend(xmlNodePtr parent, xmlNodePtr node)
{
    xmlNodePtr first = parent->children;

    if (first && spm_xml_is_space(first)) {
        xmlUnlinkNode(first);
        xmlFreeNode(first);
    }
    first = parent->children;
    if (!first) {
        spm_xml_append(parent, node);
        return;
    }
    spm_xml_insert_before(first, node);
    xmlAddPrevSibling(node, spm_xml_new_line(node->doc, spm_xml_depth(node)));
}

/**
 * spm_xml_replace:
 * @old: (transfer full): an element of the document, which is freed
 * @node: (transfer full): a new subtree that takes its place
 */
void
spm_xml_replace(xmlNodePtr old, xmlNodePtr node)
{
    spm_xml_indent(node, spm_xml_depth(old));
    xmlReplaceNode(old, node);
    xmlFreeNode(old);
}

/* Takes @node out of the tree together with the white space that led up to it. */
static void
spm_xml_unlink(xmlNodePtr node)
{
    xmlNodePtr before = node->prev;

    xmlUnlinkNode(node);
    if (before && spm_xml_is_space(before)) {
        xmlUnlinkNode(before);
        xmlFreeNode(before);
    }
}

/**
 * spm_xml_move_before:
 * @anchor: an element of the document
 * @node: another one, at the same depth, that is moved before @anchor
 */
void
spm_xml_move_before(xmlNodePtr anchor, xmlNodePtr node)
{
    spm_xml_unlink(node);
    xmlAddPrevSibling(anchor, node);
    xmlAddPrevSibling(anchor, spm_xml_new_line(anchor->doc, spm_xml_depth(anchor)));
}

/**
 * spm_xml_remove:
 * @node: (transfer full): an element of the document, which is freed with its line
 */
void
spm_xml_remove(xmlNodePtr node)
{
    xmlNodePtr parent = node->parent;

    spm_xml_unlink(node);
    xmlFreeNode(node);
    /* an element that has nothing but white space left is written as an empty one */
    if (parent && parent->children && !parent->children->next && spm_xml_is_space(parent->children)) {
        xmlNodePtr blank = parent->children;

        xmlUnlinkNode(blank);
        xmlFreeNode(blank);
    }
}

/**
 * spm_xml_clear:
 * @node: an element, whose content is freed
 */
void
spm_xml_clear(xmlNodePtr node)
{
    xmlNodeSetContent(node, NULL);
}

/**
 * spm_xml_set_content:
 * @node: an element
 * @format: printf-style text that replaces its content
 *
 * xmlNodeSetContent() would expand entities in the text, and write its complaints to standard error.
 */
void
spm_xml_set_content(xmlNodePtr node, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    spm_xml_clear(node);
    xmlAddChild(node, xmlNewDocText(node->doc, BAD_CAST text));
}
