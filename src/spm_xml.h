/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing whole domain documents: libxml2's trees, and text as libvirt writes it. */

#pragma once

#include <glib.h>
#include <libxml/tree.h>

#include "spm_error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

xmlDocPtr spm_xml_parse(const char *text, SpmFaults *faults);
xmlDocPtr spm_xml_parse_dump(const char *text, SpmFaults *faults);
gboolean spm_xml_hides_words(const char *text);
char *spm_xml_format(xmlDocPtr doc);

unsigned int spm_xml_line(xmlNodePtr node);
gboolean spm_xml_is_text(const char *text);
gboolean spm_xml_is(xmlNodePtr node, const xmlNs *ns, const char *name);
xmlNodePtr spm_xml_first(xmlNodePtr parent, const xmlNs *ns, const char *name);
xmlNodePtr spm_xml_next(xmlNodePtr node, const xmlNs *ns, const char *name);
xmlNodePtr spm_xml_find(xmlNodePtr node, const char *path);
GPtrArray *spm_xml_find_all(xmlNodePtr node, const char *path);
xmlNodePtr spm_xml_walk(xmlNodePtr node, xmlNodePtr top);
char *spm_xml_attr(xmlNodePtr node, const char *name);
char *spm_xml_content(xmlNodePtr node);

void spm_xml_set_attr(xmlNodePtr node, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
void spm_xml_add_attr(xmlNodePtr node, const char *name, const char *value);
xmlNodePtr spm_xml_new(xmlDocPtr doc, xmlNsPtr ns, const char *name);
xmlNodePtr spm_xml_add(xmlNodePtr parent, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
void spm_xml_append(xmlNodePtr parent, xmlNodePtr node);
void spm_xml_prepend(xmlNodePtr parent, xmlNodePtr node);
void spm_xml_insert_before(xmlNodePtr anchor, xmlNodePtr node);
void spm_xml_insert(xmlNodePtr parent, xmlNodePtr before, xmlNodePtr node);
void spm_xml_replace(xmlNodePtr old, xmlNodePtr node);
void spm_xml_move_before(xmlNodePtr anchor, xmlNodePtr node);
void spm_xml_remove(xmlNodePtr node);
void spm_xml_clear(xmlNodePtr node);
void spm_xml_set_content(xmlNodePtr node, const char *format, ...) G_GNUC_PRINTF(2, 3);
