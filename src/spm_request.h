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
 * @profile: (nullable): the name of a profile, a GRefString; NULL: the profile "default", if there is one
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

/* What the groups of profiles are called, before their name. */
#define SPM_PROFILE "profile "
#define SPM_FLAVOR "flavor "

/**
 * SpmProfile: how SPM is made on this host, or what a flavor of OpenStack requests. NULL and 0 stand for what
 * is not given.
 * @fault: what is wrong with it; a request for it is refused
 * @pagesize: in KiB
 * @nodemask: host NUMA nodes
 * @access: how it is mapped
 * @pool: the pool of devices that it comes from
 * @size: of a flavor: requests as text
 * @profile: of a flavor: the profile of requests that name none
 */
typedef struct {
    char *fault;
    guint64 pagesize;
    char *nodemask;
    SpmAccess access;
    char *pool;
    char *size;
    char *profile;
} SpmProfile;

/**
 * SpmProfiles:
 * @folder: where they were read
 * @groups: of SpmProfile, by the whole names of their groups
 * @has_flavors: TRUE: some are flavors
 * @incomplete: TRUE: a file could not be read, which may have had any of them
 */
typedef struct {
    char *folder;
    GHashTable *groups;
    gboolean has_flavors;
    gboolean incomplete;
} SpmProfiles;

const SpmProfile *spm_profiles_find(const SpmProfiles *profiles, const char *kind, const char *name);
void spm_request_free(gpointer data);
void spm_request_parse(const char *text, const char *where, GPtrArray *requests, SpmFaults *faults);
GPtrArray *spm_requests_read(xmlNodePtr domain, const SpmProfiles *profiles, SpmFaults *faults);
void spm_requests_store(xmlNodePtr domain, const GPtrArray *requests);
