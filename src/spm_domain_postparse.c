/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill in the defaults of a domain's spm elements. */

#include "spm_domain_postparse.h"

#include "spm_memory_conf.h"

static void
spm_post_parse_aliases(SpmDomainDef *def)
{
    unsigned int number = 0;

    SPM_FOREACH(SpmMemoryDef, spm, def->spms) {
        while (!spm->alias) {
            g_autofree char *alias = g_strdup_printf("ua-spm%u", number++);

            if (!g_tree_lookup(def->aliases, alias))
                spm->alias = g_steal_pointer(&alias);
        }
    }
}

static void
spm_post_parse_pools(SpmDomainDef *def)
{
    for (guint i = 0; i < def->spms->len; i++) {
        SpmMemoryDef *spm = g_ptr_array_index(def->spms, i);

        if (!spm->pool || spm->path)
            continue;
        spm->path = spm_memory_pool_link(spm->pool, def->name, spm->alias);
        /* a devdax device cannot be mapped otherwise */
        if (!spm->access)
            spm->access = SPM_ACCESS_SHARED;
    }
}

static void
spm_post_parse_max_memory(SpmDomainDef *def)
{
    /* the models of memory devices that take a slot */
    static const char *const models[] = { "dimm", "nvdimm", NULL };

    if (def->has_max_memory)
        return;

    def->has_max_memory = TRUE;
    def->max_memory = spm_domain_def_total(def);
    SPM_FOREACH(const SpmOtherMemoryDef, other, def->others)
        def->slots += other->model && g_strv_contains(models, other->model);
}

/**
 * spm_domain_def_post_parse:
 * @def: a parsed definition
 *
 * Gives every spm element an alias and one of a pool its path and access, and the domain a <maxMemory> with
 * just the room and the slots that its memory takes.
 */
void
spm_domain_def_post_parse(SpmDomainDef *def)
{
    if (def->spms->len == 0)
        return;
    spm_post_parse_aliases(def);
    spm_post_parse_pools(def);
    spm_post_parse_max_memory(def);
}
