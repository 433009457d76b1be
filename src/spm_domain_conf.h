/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of a domain definition that specific purpose memory depends on. */

#pragma once

#include <glib.h>
#include <libxml/tree.h>

#include "spm_error.h"
#include "spm_number.h"

/* The widest physical address of x86 (Intel SDM, 3A, 4.1.4; AMD APM, 2, 5.3). */
#define SPM_ADDRESS_LIMIT (G_GUINT64_CONSTANT(1) << 52)

/* Two spellings of one choice; the third state is "not said". */
typedef enum {
    SPM_ACCESS_DEFAULT,
    SPM_ACCESS_SHARED,
    SPM_ACCESS_PRIVATE,
} SpmAccess;

typedef enum {
    SPM_TRISTATE_ABSENT,
    SPM_TRISTATE_YES,
    SPM_TRISTATE_NO,
} SpmTristate;

const char *spm_access_to_string(SpmAccess access);
const char *spm_tristate_to_string(SpmTristate value);

/* One <memory model='spm'>. */
typedef struct {
    xmlNodePtr node; /* borrowed from the document */
    unsigned int line;
    gboolean faulty; /* breaks the grammar: what follows is not complete */
    gboolean behind; /* another kind of memory device comes before it */

    SpmAccess access;
    SpmTristate discard;

    guint64 pagesize;  /* KiB, 0: not said */
    char *nodemask;    /* host NUMA nodes in libvirt's cpuset syntax, or NULL */
    char *path;        /* absolute, or NULL */
    guint64 alignsize; /* KiB, 0: not said */
    gboolean pmem;

    guint64 size; /* KiB */
    unsigned int cell;
    gboolean has_base;
    guint64 base; /* guest-physical, bytes */
    /* of <size>, <node> and <address> */
    unsigned int size_line, cell_line, base_line;

    char *alias; /* NULL until post-parse */
} SpmMemoryDef;

/* Any other <memory model='...'> of the domain. */
typedef struct {
    xmlNodePtr node;
    unsigned int line;
    char *model;
    guint64 size; /* KiB */
    gint64 cell;  /* -1: none */
    gboolean has_base;
    guint64 base;
} SpmOtherMemoryDef;

/* One <cell> of <cpu><numa>. */
typedef struct {
    xmlNodePtr node;
    unsigned int line;
    unsigned int id;
    guint64 memory; /* KiB */
    SpmAccess access;
    SpmTristate discard;
} SpmCellDef;

/* Who has an alias: the first device that is not spm, and the first that is; NULL for none. */
typedef struct {
    xmlNodePtr device;
    xmlNodePtr spm;
} SpmAliasUse;

typedef struct {
    xmlNodePtr root; /* <domain>, borrowed from the document */

    char *type; /* 'kvm', 'qemu', ... */
    char *name;
    char *arch;     /* NULL: the host's */
    char *machine;  /* NULL: the emulator's default */
    char *emulator; /* NULL: libvirt's default */
    gboolean acpi;

    gboolean has_max_memory;
    guint64 max_memory; /* KiB */
    unsigned int slots;

    GPtrArray *cells;  /* of SpmCellDef, by id */
    GPtrArray *spms;   /* of SpmMemoryDef, in document order */
    GPtrArray *others; /* of SpmOtherMemoryDef, in document order */
} SpmDomainDef;

void spm_domain_def_free(SpmDomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmDomainDef, spm_domain_def_free)

gboolean spm_memory_node_is_spm(xmlNodePtr node);
GPtrArray *spm_domain_nodes(xmlDocPtr doc);
SpmDomainDef *spm_domain_def_parse(xmlNodePtr domain, SpmFaults *faults);
void spm_domain_def_post_parse(SpmDomainDef *def);
void spm_domain_def_validate(const SpmDomainDef *def, SpmFaults *faults);
xmlNodePtr spm_memory_def_format(const SpmMemoryDef *spm);
void spm_domain_def_format(SpmDomainDef *def);

SpmMemoryDef *spm_memory_def_new(xmlNodePtr node);
guint64 spm_domain_def_total(const SpmDomainDef *def);
gboolean spm_other_memory_needs_slot(const SpmOtherMemoryDef *other);
GTree *spm_alias_tree_new(void);
GTree *spm_domain_def_aliases(const SpmDomainDef *def);
guint64 spm_read_size(xmlNodePtr node);
