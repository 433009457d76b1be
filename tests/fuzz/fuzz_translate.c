/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: translate in, out and in again, for libvirt old and new. */

#include "fuzz.h"
#include "qemu_spm_caps.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned long versions[] = { SPM_LIBVIRT_VERSION(11, 3, 0), SPM_LIBVIRT_NEWEST };
    g_autofree char *text = g_strndup((const char *)data, size);

    for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
        g_autofree char *detail = NULL;

        if (spm_check_translate(text, versions[i], &detail) == SPM_VERDICT_BROKEN)
            spm_fuzz_fail(detail);
    }
    return 0;
}
