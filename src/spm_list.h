/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Going through an array of pointers. */

#pragma once

#include <glib.h>

/**
 * SPM_FOREACH:
 * @type: what the elements point to
 * @item: the name of a variable, which is each element in turn
 * @array: a #GPtrArray without NULLs, which must not change meanwhile
 */
#define SPM_FOREACH(type, item, array)                                                                       \
    for (type **item##_at = (type **)(array)->pdata, *item;                                                  \
         (array)->len && item##_at != (type **)(array)->pdata + (array)->len && (item = *item##_at);         \
         item##_at++)
