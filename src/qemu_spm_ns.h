/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's namespace for QEMU in a domain document: <qemu:commandline>, <qemu:override>. */

#pragma once

#include <libxml/tree.h>

xmlNsPtr spm_qemu_ns_find(xmlDocPtr doc);
xmlNsPtr spm_qemu_ns_need(xmlDocPtr doc);
xmlNodePtr spm_qemu_ns_find_frontend(xmlDocPtr doc, const char *alias);
xmlNodePtr spm_qemu_ns_find_property(xmlNodePtr frontend, const char *name);
