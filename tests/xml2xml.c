/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xml2xml DOMAIN.xml: parse, post-parse and format, with nothing in between. */

#include <stdio.h>

#include "qemu_spm_ns.h"
#include "qemu_spm_postparse.h"
#include "spm_domain_format.h"
#include "spm_domain_postparse.h"
#include "spm_xml.h"

int
main(int argc, char **argv)
{
    const SpmQemuOptions options = { .libvirt_version = SPM_LIBVIRT_NEWEST, .is_new = TRUE };
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *output = NULL;
    g_autoptr(SpmDomainDef) def = NULL;
    g_autoptr(xmlDoc) doc = NULL;

    if (argc != 2 || !g_file_get_contents(argv[1], &text, NULL, &error) ||
        !(doc = spm_xml_parse(text, faults))) {
        fprintf(stderr, "xml2xml: one document is needed\n");
        return 2;
    }
    def = spm_domain_def_parse(xmlDocGetRootElement(doc), &spm_qemu_limits, faults);
    if (!spm_faults_to_error(faults, &error)) {
        fprintf(stderr, "xml2xml: %s\n", error->message);
        return 1;
    }
    spm_qemu_ns_parse(def);
    spm_domain_def_post_parse(def);
    spm_qemu_post_parse(def, &options);
    spm_domain_def_format(def);
    output = spm_xml_format(doc);
    return fputs(output, stdout) == EOF;
}
