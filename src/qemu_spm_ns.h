/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's namespace for QEMU in a domain document: <qemu:commandline>, <qemu:override>. */

#pragma once

#include <glib.h>
#include <libxml/tree.h>

/* Properties of a memory device that are looked for. */
typedef enum {
    SPM_QEMU_DRIVER,
    SPM_QEMU_SLOT,
    SPM_QEMU_NODE,
    SPM_QEMU_ADDR,
    SPM_QEMU_PROPERTIES,
} SpmQemuProperty;

/* What overrides one device: its first <qemu:device>, the <qemu:frontend> to add to, which is the first one
 * with properties, if any has some, and of each property the first <qemu:property>; NULL for what is not
 * there. */
typedef struct {
    gboolean filled; /* the front end has properties */
    xmlNodePtr device;
    xmlNodePtr frontend;
    xmlNodePtr properties[SPM_QEMU_PROPERTIES];
} SpmQemuOverride;

const xmlNs *spm_qemu_ns(void);
xmlNsPtr spm_qemu_ns_need(xmlNodePtr domain);
void spm_qemu_ns_drop(xmlNodePtr domain);
const char *spm_qemu_property_name(SpmQemuProperty property);
GTree *spm_qemu_ns_overrides(xmlNodePtr domain);
GPtrArray *spm_qemu_ns_arguments(xmlNodePtr domain);
gboolean spm_qemu_ns_has_argument(xmlNodePtr domain, const char *const *options);
