/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that save, dump or migrate a domain and take no document. */

#include "plugin.h"

static gboolean
spm_contents_move_from(virDomainPtr domain)
{
    g_auto(SpmLive) live = { .domain = domain };

    return spm_contents_move(&live);
}

SPM_EXPORT int
virDomainSave(virDomainPtr domain, const char *file)
{
    return spm_contents_move_from(domain) ? spm_libvirt()->virDomainSave(domain, file) : -1;
}

SPM_EXPORT int
virDomainManagedSave(virDomainPtr domain, unsigned int flags)
{
    return spm_contents_move_from(domain) ? spm_libvirt()->virDomainManagedSave(domain, flags) : -1;
}

/* A dump of the memory alone is not written by migration, and has the whole of it. */
SPM_EXPORT int
virDomainCoreDump(virDomainPtr domain, const char *to, unsigned int flags)
{
    return flags & VIR_DUMP_MEMORY_ONLY || spm_contents_move_from(domain)
               ? spm_libvirt()->virDomainCoreDump(domain, to, flags)
               : -1;
}

SPM_EXPORT int
virDomainCoreDumpWithFormat(virDomainPtr domain, const char *to, unsigned int dumpformat, unsigned int flags)
{
    return flags & VIR_DUMP_MEMORY_ONLY || spm_contents_move_from(domain)
               ? spm_libvirt()->virDomainCoreDumpWithFormat(domain, to, dumpformat, flags)
               : -1;
}

SPM_EXPORT virDomainPtr
virDomainMigrate(virDomainPtr domain, virConnectPtr dest, unsigned long flags, const char *name,
                 const char *uri, unsigned long bandwidth)
{
    return spm_contents_move_from(domain)
               ? spm_libvirt()->virDomainMigrate(domain, dest, flags, name, uri, bandwidth)
               : NULL;
}

SPM_EXPORT int
virDomainMigrateToURI(virDomainPtr domain, const char *dest, unsigned long flags, const char *name,
                      unsigned long bandwidth)
{
    return spm_contents_move_from(domain)
               ? spm_libvirt()->virDomainMigrateToURI(domain, dest, flags, name, bandwidth)
               : -1;
}

/* The protocols before the third, which no client of today speaks, and QEMU's driver still does. */
SPM_EXPORT int
virDomainMigratePerform(virDomainPtr domain, const char *cookie_in, int cookie_in_size, const char *uri,
                        unsigned long flags, const char *name, unsigned long resource)
{
    return spm_contents_move_from(domain) ? spm_libvirt()->virDomainMigratePerform(
                                                domain, cookie_in, cookie_in_size, uri, flags, name, resource)
                                          : -1;
}
