/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked into a second build of the plugin and of the command: says on stderr what they parse and format, a
 * line each time, with a checksum of the text. */

#include <stdio.h>

#include "spm_xml.h"

/* The linker's names, given by --wrap: __real_X is X, and calls of X come to __wrap_X. */
xmlDocPtr __real_spm_xml_parse(const char *text, SpmFaults *faults);
xmlDocPtr __wrap_spm_xml_parse(const char *text, SpmFaults *faults);
xmlDocPtr __real_spm_xml_parse_dump(const char *text, SpmFaults *faults);
xmlDocPtr __wrap_spm_xml_parse_dump(const char *text, SpmFaults *faults);
char *__real_spm_xml_format(xmlDocPtr doc);
char *__wrap_spm_xml_format(xmlDocPtr doc);

static void
count(const char *what, const char *text)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_MD5, text, -1);

    fprintf(stderr, "%s %s\n", what, sum);
}

xmlDocPtr
__wrap_spm_xml_parse(const char *text, SpmFaults *faults)
{
    count("parse", text);
    return __real_spm_xml_parse(text, faults);
}

xmlDocPtr
__wrap_spm_xml_parse_dump(const char *text, SpmFaults *faults)
{
    count("parse", text);
    return __real_spm_xml_parse_dump(text, faults);
}

char *
__wrap_spm_xml_format(xmlDocPtr doc)
{
    char *text = __real_spm_xml_format(doc);

    count("format", text);
    return text;
}
