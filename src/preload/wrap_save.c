/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that save, dump or migrate a domain and take no document. */

#include "plugin.h"

SPM_WRAPPER_WITH(SPM_LIVE, int, virDomainSave, (virDomainPtr domain, const char *file),
                 spm_contents_move(&live), -1, domain, file)

SPM_WRAPPER_WITH(SPM_LIVE, int, virDomainManagedSave, (virDomainPtr domain, unsigned int flags),
                 spm_contents_move(&live), -1, domain, flags)

/* A dump of the memory alone is not written by migration, and has the whole of it. */
SPM_WRAPPER_WITH(SPM_LIVE, int, virDomainCoreDump, (virDomainPtr domain, const char *to, unsigned int flags),
                 (flags & VIR_DUMP_MEMORY_ONLY) || spm_contents_move(&live), -1, domain, to, flags)

SPM_WRAPPER_WITH(SPM_LIVE, int, virDomainCoreDumpWithFormat,
                 (virDomainPtr domain, const char *to, unsigned int dumpformat, unsigned int flags),
                 (flags & VIR_DUMP_MEMORY_ONLY) || spm_contents_move(&live), -1, domain, to, dumpformat,
                 flags)

SPM_WRAPPER_WITH(SPM_LIVE, virDomainPtr, virDomainMigrate,
                 (virDomainPtr domain, virConnectPtr dest, unsigned long flags, const char *name,
                  const char *uri, unsigned long bandwidth),
                 spm_contents_move(&live), NULL, domain, dest, flags, name, uri, bandwidth)

SPM_WRAPPER_WITH(SPM_LIVE, int, virDomainMigrateToURI,
                 (virDomainPtr domain, const char *dest, unsigned long flags, const char *name,
                  unsigned long bandwidth),
                 spm_contents_move(&live), -1, domain, dest, flags, name, bandwidth)

/* The protocols before the third, which no client of today speaks, and QEMU's driver still does. */
SPM_WRAPPER_WITH(SPM_LIVE, int, virDomainMigratePerform,
                 (virDomainPtr domain, const char *cookie_in, int cookie_in_size, const char *uri,
                  unsigned long flags, const char *name, unsigned long resource),
                 spm_contents_move(&live), -1, domain, cookie_in, cookie_in_size, uri, flags, name, resource)
