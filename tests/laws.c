/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* laws [X.Y.Z | expand] < DOCUMENTS: check documents, each ended by a NUL byte, against the laws of
 * translation for that libvirt, against those of expansion, or against those of parse and format; a line for
 * each. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "check_laws.h"
#include "qemu_spm_caps.h"

static const char *const spm_verdict_names[] = {
    [SPM_VERDICT_OK] = "ok",           [SPM_VERDICT_SPACED] = "spaced", [SPM_VERDICT_UNCHANGED] = "unchanged",
    [SPM_VERDICT_REFUSED] = "refused", [SPM_VERDICT_BROKEN] = "broken",
};

static void
check(const char *text, unsigned long version, gboolean expand)
{
    g_autofree char *detail = NULL;
    SpmVerdict verdict = expand    ? spm_check_expand(text, &detail)
                         : version ? spm_check_translate(text, version, &detail)
                                   : spm_check_format(text, &detail);

    if (detail)
        g_strdelimit(detail, "\n\r", ' ');
    printf("%s %s\n", spm_verdict_names[verdict], detail ? detail : "");
    fflush(stdout); /* when the next one crashes it is known which it was */
}

int
main(int argc, char **argv)
{
    gboolean expand = argc == 2 && strcmp(argv[1], "expand") == 0;
    unsigned int major = 0, minor = 0, release = 0;
    char *text = NULL;
    size_t room = 0;

    if (argc > 2 || (argc == 2 && !expand && sscanf(argv[1], "%u.%u.%u", &major, &minor, &release) != 3)) {
        fprintf(stderr, "laws: at most the version of a libvirt is needed\n");
        return 2;
    }
    xmlInitParser();
    while (getdelim(&text, &room, '\0', stdin) >= 0)
        check(text, SPM_LIBVIRT_VERSION(major, minor, release), expand);
    free(text);
    return 0;
}
