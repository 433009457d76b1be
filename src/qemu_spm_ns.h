/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's namespace for QEMU in a domain document: <qemu:commandline>, <qemu:override>. */

#pragma once

#include <glib.h>
#include <libxml/tree.h>

xmlNsPtr spm_qemu_ns_find(xmlNodePtr domain);
xmlNsPtr spm_qemu_ns_need(xmlNodePtr domain);
xmlNodePtr spm_qemu_ns_find_frontend(xmlNodePtr domain, const char *alias);
xmlNodePtr spm_qemu_ns_find_property(xmlNodePtr frontend, const char *name);
gboolean spm_qemu_ns_has_argument(xmlNodePtr domain, const char *const *options);
