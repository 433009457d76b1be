/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests: how much specific purpose memory a domain wants, and the host's profiles, which say how it is
 * made. */

#pragma once

#include "spm_domain_conf.h"

/* The namespace of <requests> in <metadata>. */
#define SPM_REQUEST_NAMESPACE "urn:libvirt-spm:request:1.0"

/**
 * SpmRequest:
 * @size: in KiB
 * @profile: (nullable): the name of a profile; NULL: the profile "default", if there is one
 * @named: TRUE: it names its cell
 * @cell: the guest's NUMA cell; -1: expansion chooses it
 * @line: of the document, 0: none
 * @nova: TRUE: OpenStack Nova wrote it
 */
typedef struct {
    guint64 size;
    char *profile;
    gboolean named;
    gint64 cell;
    unsigned int line;
    gboolean nova;
} SpmRequest;

/**
 * SpmProfile: how SPM is made on this host. What is not given is the domain's own default.
 * @fault: (nullable): what is wrong with it; a request for it is refused
 * @pagesize: in KiB, 0: not given
 * @nodemask: (nullable): host NUMA nodes
 * @access: how it is mapped
 * @pool: (nullable): the pool of devices that it comes from
 */
typedef struct {
    char *fault;
    guint64 pagesize;
    char *nodemask;
    SpmAccess access;
    char *pool;
} SpmProfile;

/**
 * SpmFlavor: what a flavor of OpenStack requests if its extra specs request nothing.
 * @fault: (nullable): what is wrong with it; a domain of the flavor is refused
 * @size: (nullable): requests as text
 * @profile: (nullable): of those that name none
 */
typedef struct {
    char *fault;
    char *size;
    char *profile;
} SpmFlavor;

/**
 * SpmProfiles:
 * @folder: where they were read
 * @profiles: of SpmProfile, by name
 * @flavors: of SpmFlavor, by name
 */
typedef struct {
    char *folder;
    GHashTable *profiles;
    GHashTable *flavors;
} SpmProfiles;

void spm_request_free(gpointer data);
void spm_request_parse(const char *text, const char *where, unsigned int line, GPtrArray *requests,
                       SpmFaults *faults);
GPtrArray *spm_requests_read(xmlNodePtr domain, const SpmProfiles *profiles, SpmFaults *faults);
void spm_requests_store(xmlNodePtr domain, const GPtrArray *requests);
