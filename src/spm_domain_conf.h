/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of a domain definition that specific purpose memory depends on.
 *
 * Parse reads every value from the document. The other files use these structs; only format and translation
 * use the nodes, because they change the document. */

#pragma once

#include <glib.h>
#include <libxml/tree.h>

#include "spm_cpuset.h"
#include "spm_error.h"
#include "spm_list.h"
#include "spm_number.h"

/* The widest physical address of x86 (Intel SDM, 3A, 4.1.4; AMD APM, 2, 5.3). */
#define SPM_ADDRESS_LIMIT (G_GUINT64_CONSTANT(1) << 52)

/* Two spellings of one choice; the third state is "not given". */
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

/* One <memory model='spm'>. Sizes are in KiB, and 0 when they are not given. */
typedef struct {
    xmlNodePtr node; /* borrowed from the document */
    unsigned int line;
    gboolean faulty; /* it breaks the grammar, so the rest may be incomplete */
    gboolean late;   /* a memory device of another model precedes it */

    SpmAccess access;
    SpmTristate discard;

    guint64 pagesize;
    char *nodemask; /* host NUMA nodes in libvirt's cpuset syntax, or NULL */
    char *path;     /* absolute, or NULL; post-parse sets the link of a pool */
    char *pool;     /* the name of a pool, or NULL */
    guint64 alignsize;
    gboolean pmem;

    guint64 size;
    unsigned int cell;
    gboolean has_base;
    guint64 base; /* guest-physical, bytes */
    /* of <size>, <node>, <address> and <alias> */
    unsigned int size_line, cell_line, base_line, alias_line;

    char *alias; /* NULL until post-parse */
} SpmMemoryDef;

/* Any other <memory model='...'> of the domain. Sizes are in KiB, and 0 when they are not given. */
typedef struct {
    xmlNodePtr node; /* borrowed from the document */
    unsigned int line;
    char *model; /* NULL for none, as is the rest */
    char *alias;
    char *path;
    guint64 size;
    guint64 label;
    guint64 block;
    guint64 pagesize;
    guint64 alignsize;
    gint64 cell; /* -1: none */
    gboolean has_base;
    guint64 base; /* guest-physical, bytes */
} SpmOtherMemoryDef;

/* A size that cannot be read, as the document has it; NULL when it can be read. */
typedef struct {
    char *value;
    char *unit;
} SpmBadSize;

/* The host nodes for memory: <memory> or <memnode> of <numatune>. */
typedef struct {
    char *mode;      /* NULL: the default */
    char *nodeset;   /* in libvirt's cpuset syntax, or NULL */
    SpmCpuset nodes; /* those of @nodeset */
    unsigned int line;
} SpmNumaPolicy;

/* An attribute or a child of a <cell> that carries more than its id and its memory. */
typedef struct {
    const char *name; /* borrowed from the document */
    gboolean element;
    unsigned int line;
} SpmCellExtra;

/* One <cell> of <cpu><numa>. */
typedef struct {
    xmlNodePtr node; /* borrowed from the document; NULL: format adds it */
    unsigned int line;
    unsigned int id;
    char *bad_id; /* an id that is not a number, or NULL */
    gboolean has_memory;
    guint64 memory; /* KiB */
    SpmBadSize bad_memory;
    SpmAccess access;
    SpmTristate discard;
    GPtrArray *extras; /* of SpmCellExtra */
    gboolean plain;    /* it has an id, no memory, and perhaps memAccess, discard, and what SpmNumaDef has */
    gboolean bare;     /* it has an id and no memory, and nothing else */
    gboolean has_cpus; /* also if libvirt gives it those that no cell names */
    gboolean has_policy;
    SpmNumaPolicy policy;  /* of its <memnode> */
    gboolean has_pagesize; /* a <page> of <hugepages> names it */
    guint64 pagesize;      /* KiB */
    /* what sets one of these a second time, which libvirt refuses: borrowed from the document, or NULL */
    const char *repeated;
    unsigned int repeated_line;
} SpmCellDef;

/* A <cache> of a <cell>. */
typedef struct {
    unsigned int cell;
    unsigned int level;
    unsigned int associativity; /* an index of spm_numa_associativity_names */
    unsigned int policy;        /* an index of spm_numa_policy_names */
    guint64 size;               /* KiB */
    unsigned int line;          /* bytes */
    unsigned int row;           /* its line in the document */
} SpmNumaCache;

/* A <latency> or <bandwidth> of <interconnects>. */
typedef struct {
    xmlNodePtr node; /* borrowed from the document; NULL: not there yet */
    unsigned int line;
    gboolean bandwidth;
    unsigned int initiator;
    unsigned int target;
    unsigned int cache;  /* a level, 0: the memory itself */
    unsigned int access; /* an index of spm_numa_access_names */
    guint64 value;       /* nanoseconds, or KiB a second */
} SpmNumaLink;

/* How the cells are to each other. */
typedef struct {
    guint cells;       /* how many there are */
    guint8 *distances; /* cells * cells, from each to each; 0: not given. NULL: none is given */
    GPtrArray *caches; /* of SpmNumaCache, by cell */
    GPtrArray *links;  /* of SpmNumaLink, in document order */
    SpmFaults *faults; /* what libvirt would refuse, if it got it */
} SpmNumaDef;

/* Another element that names a cell: in <interconnects>, in <numatune>, or a <page> of <hugepages>. */
typedef struct {
    const char *element; /* borrowed from the document */
    char *nodeset;       /* of a <page>, else NULL */
    unsigned int cell;   /* of a <page>, the highest id of a cell among them */
    unsigned int line;
} SpmCellReference;

/* <memoryBacking>. */
typedef struct {
    SpmAccess access;
    SpmTristate discard;
    char *source;       /* its type, or NULL */
    gboolean immediate; /* allocation */
    guint32 threads;    /* of the allocation, 0: not given */
    gboolean hugepages;
    gboolean has_pages; /* <hugepages> has a <page> */
    guint64 pagesize;   /* KiB, of the last <page> that names no cells; 0: none */
} SpmBackingDef;

/* The first device with an alias that is not spm, and the first that is. */
typedef struct {
    const char *device; /* its element, borrowed from the document, or NULL */
    unsigned int line;
    const SpmMemoryDef *spm;
} SpmAliasUse;

typedef struct {
    xmlNodePtr root; /* <domain>, borrowed from the document */
    unsigned int line;

    char *type; /* 'kvm', 'qemu', ... */
    char *name;
    char *arch;     /* NULL: the host's */
    char *machine;  /* NULL: the emulator's default */
    char *emulator; /* NULL: libvirt's default */
    gboolean acpi;
    gboolean fixed; /* a running domain, or one of a snapshot or checkpoint, whose layout must stay */
    unsigned int os_line, emulator_line, numa_line;

    guint64 memory; /* <memory>, KiB */
    gboolean has_max_memory;
    guint64 max_memory; /* KiB */
    unsigned int slots;
    unsigned int max_memory_line;
    SpmBadSize bad_max_memory;
    char *bad_slots; /* NULL when it can be read */

    SpmBackingDef backing;
    SpmNumaPolicy policy; /* of all cells without one of their own */

    GPtrArray *cells;      /* of SpmCellDef, by id */
    SpmNumaDef numa;       /* empty if the cells' ids are not 0, 1 and so on */
    GPtrArray *spms;       /* of SpmMemoryDef, in document order */
    GPtrArray *others;     /* of SpmOtherMemoryDef, in document order */
    GPtrArray *references; /* of SpmCellReference, <page> last */
    gboolean has_tables;   /* <distances>, <cache> or <interconnects>, which have to name every cell */
    gboolean names_next;   /* an element names the cell after the last, which is not there */
    GTree *aliases;        /* of SpmAliasUse, by the aliases of all devices */

    gpointer ns_data; /* of the hypervisor's own namespace */
    GDestroyNotify ns_data_free;
} SpmDomainDef;

void spm_domain_def_free(SpmDomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmDomainDef, spm_domain_def_free)

/* How many spm elements, memory devices and cells a domain with SPM may have, and why no more. */
typedef struct {
    guint max;
    const char *why;
} SpmLimit;

typedef struct {
    SpmLimit spms, memories, cells;
} SpmLimits;

GPtrArray *spm_domain_nodes(xmlDocPtr doc);
SpmDomainDef *spm_domain_def_parse(xmlNodePtr domain, const SpmLimits *limits, SpmFaults *faults);
void spm_domain_def_add_cell(SpmDomainDef *def);
guint spm_domain_def_filled_cells(const SpmDomainDef *def);
const SpmCellDef *spm_domain_def_cell(const SpmDomainDef *def, unsigned int id);
guint64 spm_domain_def_total(const SpmDomainDef *def);
GTree *spm_alias_tree_new(GDestroyNotify free_value);
