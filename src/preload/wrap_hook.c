/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of the functions by which libvirt's QEMU driver runs the administrator's hook scripts.
 *
 * The driver calls a hook with the domain's XML whenever a domain starts, for any reason: a client starts,
 * creates or restores it, it arrives by migration, a snapshot is reverted to, or the daemon starts it itself.
 * It calls another when the domain has ended or could not be started. So the plugin takes devices for the
 * domain, and gives them back, where hooks do. The domain's object is locked then, so libvirt must not be
 * asked for any domain. */

#include <string.h>

#include "plugin.h"
#include "host/spm_pools.h"
#include "spm_xml.h"

/* libvirt's own numbers (src/util/virhook.h), which are private. Numbers are only ever added. */
#define SPM_HOOK_DRIVER_QEMU 1
#define SPM_HOOK_PREPARE 2
#define SPM_HOOK_RELEASE 3

static gboolean
spm_hook_concerns(int driver)
{
    return driver == SPM_HOOK_DRIVER_QEMU && spm_libvirt()->armed && spm_libvirt()->virHookCall &&
           spm_libvirt()->virHookPresent;
}

/* What the domain has in libvirt's XML. libvirt wrote the XML, so it can be read. */
static GPtrArray *
spm_hook_sources(const char *xml)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    gboolean has_memory = xml && strstr(xml, "<memory model=");
    g_autoptr(xmlDoc) doc = has_memory ? spm_xml_parse_dump(xml, faults) : NULL;

    return doc ? spm_translate_sources(xmlDocGetRootElement(doc)) : g_ptr_array_new();
}

/* Returns FALSE, with libvirt's error set, when the domain must not start. */
static gboolean
spm_hook_run(const char *domain, int op, const char *xml)
{
    g_autoptr(GPtrArray) sources = op == SPM_HOOK_PREPARE ? spm_hook_sources(xml) : NULL;
    g_autoptr(GError) error = NULL;

    /* a domain that starts has nothing from before, even if libvirt lost sight of its end */
    if (op == SPM_HOOK_RELEASE || (sources && !sources->len))
        spm_pools_release(domain);
    else if (sources && !spm_pools_take(&spm_libvirt()->settings, domain, sources, &error))
        spm_report_error(NULL, error);
    return !error;
}

SPM_EXPORT int
virHookPresent(int driver)
{
    const SpmLibvirt *libvirt = spm_libvirt();

    /* the driver's first question, before it starts a domain or finds one again */
    if (spm_hook_concerns(driver))
        spm_pools_adopt_running();
    return spm_hook_concerns(driver) || (libvirt->virHookPresent && libvirt->virHookPresent(driver));
}

SPM_EXPORT int
virHookCall(int driver, const char *id, int op, int sub_op, const char *extra, const char *input,
            char **output)
{
    const SpmLibvirt *libvirt = spm_libvirt();

    if (output)
        *output = NULL;
    if (spm_hook_concerns(driver) && !spm_hook_run(id, op, input))
        return -1;
    /* without a script, the driver would not have called, and libvirt's answer is 1 */
    if (!libvirt->virHookCall || (driver == SPM_HOOK_DRIVER_QEMU && !libvirt->virHookPresent(driver)))
        return 1;
    return libvirt->virHookCall(driver, id, op, sub_op, extra, input, output);
}
