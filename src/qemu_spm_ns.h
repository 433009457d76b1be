/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's namespace for QEMU in a domain document: <qemu:commandline>, <qemu:override>. */

#pragma once

#include "spm_domain_conf.h"

/* Properties of a memory device that are looked up by name. */
typedef enum {
    SPM_QEMU_DRIVER,
    SPM_QEMU_SLOT,
    SPM_QEMU_NODE,
    SPM_QEMU_ADDR,
    SPM_QEMU_PROPERTIES,
} SpmQemuProperty;

/* The overrides of one device. Only translation uses the nodes, because it changes the document. NULL stands
 * for what is not there. */
typedef struct {
    gboolean filled;     /* the front end has properties */
    xmlNodePtr device;   /* the first <qemu:device> */
    xmlNodePtr frontend; /* the first <qemu:frontend> with properties, else the first one */
    xmlNodePtr properties[SPM_QEMU_PROPERTIES]; /* the first <qemu:property> of each name */
} SpmQemuOverride;

/* Gets one <qemu:property>, as libvirt reads it; NULL stands for an attribute that is not there. */
typedef void (*SpmQemuSettingFunc)(const char *name, const char *type, const char *value, gpointer data);

/* The variable of QEMU's environment in which translation keeps what libvirt is not given (spm_left_out.c).
 */
#define SPM_QEMU_CELLS_VARIABLE "LIBVIRT_SPM_CELLS"

/* What QEMU calls each property. */
extern const char *const spm_qemu_property_names[SPM_QEMU_PROPERTIES];

/* QEMU's namespace, to compare with: an element may declare it itself. */
extern const xmlNs spm_qemu_ns;

xmlNsPtr spm_qemu_ns_ensure(xmlNodePtr domain);
void spm_qemu_ns_drop(xmlNodePtr domain);
GTree *spm_qemu_ns_overrides(xmlNodePtr domain);
GPtrArray *spm_qemu_ns_find_in_commandlines(xmlNodePtr domain, const char *name);

void spm_qemu_ns_parse(SpmDomainDef *def);
const SpmQemuOverride *spm_qemu_ns_override(const SpmDomainDef *def, const char *alias);
gboolean spm_qemu_ns_has_argument(const SpmDomainDef *def, const char *const *options);
unsigned int spm_qemu_ns_variable_line(const SpmDomainDef *def, const char *name);
unsigned int spm_qemu_override_line(const SpmQemuOverride *override, SpmQemuProperty property);
char *spm_qemu_override_value(const SpmQemuOverride *override, SpmQemuProperty property);
void spm_qemu_override_foreach(const SpmQemuOverride *override, SpmQemuSettingFunc func, gpointer data);
