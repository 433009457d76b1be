/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: expand, and again with other requests and without any. */

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *detail = NULL;

    if (spm_check_expand(text, &detail) == SPM_VERDICT_BROKEN)
        spm_fuzz_fail(detail);
    return 0;
}
