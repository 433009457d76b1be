/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Translation between domain XML with <memory model='spm'> and XML that stock libvirt carries. */

#pragma once

#include "qemu_spm_caps.h"

/**
 * SpmSource:
 * @alias: of the memory device, or its model if libvirt has not given it an alias yet
 * @path: the file or device of the host that is its memory
 * @size: of the memory device, in KiB
 * @spm: TRUE: it is a carrier, or an spm element of a libvirt that knows them
 */
typedef struct {
    char *alias;
    char *path;
    guint64 size;
    gboolean spm;
} SpmSource;

gboolean spm_translate_in_concerns(const char *xml);
gboolean spm_translate_out_concerns(const char *xml);

SpmDomainDef *spm_translate_load(xmlDocPtr doc, const SpmQemuOptions *options, SpmFaults *faults);
guint spm_translate_in_doc(xmlDocPtr doc, const SpmQemuOptions *options, SpmFaults *faults);
guint spm_translate_out_doc(xmlDocPtr doc);
void spm_translate_restore_cells(xmlNodePtr domain);
const char *spm_translate_device(xmlDocPtr doc);
const char *spm_translate_choose(xmlDocPtr doc, const SpmQemuOptions *options, GError **error);
gboolean spm_translate_has_carrier(xmlDocPtr doc, const char *alias);
GPtrArray *spm_translate_sources(xmlNodePtr domain);

char *spm_translate_in(const char *xml, const SpmQemuOptions *options, GError **error);
char *spm_translate_out(const char *xml, GError **error);
xmlDocPtr spm_translate_read(const char *xml, GError **error);
