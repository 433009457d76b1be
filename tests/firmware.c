/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* firmware DOMAIN.xml DIR...: the images that the domain may boot with, where descriptors are in each DIR,
 * and what is known of them all. */

#include <stdio.h>

#include "host/spm_firmware.h"
#include "qemu_spm_caps.h"
#include "qemu_spm_ns.h"
#include "spm_xml.h"

int
main(int argc, char **argv)
{
    static const char *const verdicts[] = { "unknown", "passes", "drops" };
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *reason = NULL;
    g_autoptr(SpmDomainDef) def = NULL;
    g_autoptr(GPtrArray) images = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    if (argc < 2 || !g_file_get_contents(argv[1], &text, NULL, &error) ||
        !(doc = spm_xml_parse(text, faults))) {
        fprintf(stderr, "firmware: a document is needed\n");
        return 2;
    }
    def = spm_domain_def_parse(xmlDocGetRootElement(doc), &spm_qemu_limits, faults);
    spm_qemu_ns_parse(def);
    images = spm_firmware_of_domain(def, NULL, (const char *const *)argv + 2);
    for (guint i = 0; i < images->len; i++)
        printf("%s\n", (const char *)g_ptr_array_index(images, i));
    printf("%s: ", verdicts[spm_firmware_judge(images, &reason)]);
    printf("%s\n", reason ? reason : "");
    return 0;
}
