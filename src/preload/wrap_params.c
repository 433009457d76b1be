/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrappers of functions that take documents among typed parameters. */

#include <string.h>

#include "plugin.h"

/* Parameters that hold a domain. */
static const char *const spm_param_names[] = {
    VIR_MIGRATE_PARAM_DEST_XML,
    VIR_MIGRATE_PARAM_PERSIST_XML,
    VIR_DOMAIN_SAVE_PARAM_DXML,
    NULL,
};

/* A copy of the caller's parameters, with documents of our own in place of some of them. */
typedef struct {
    virTypedParameterPtr params;
    GPtrArray *documents;
} SpmParams;

static void
spm_params_clear(SpmParams *params)
{
    g_free(params->params);
    g_clear_pointer(&params->documents, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmParams, spm_params_clear)

static gboolean
spm_param_is_document(const virTypedParameter *param)
{
    return param->type == VIR_TYPED_PARAM_STRING && g_strv_contains(spm_param_names, param->field);
}

/* The subject of a call: a domain, or a file with a saved one, or neither. */
typedef struct {
    virConnectPtr conn;
    SpmLive *live;
    const char *file;
} SpmSubject;

static gboolean
spm_params_in_subject(const SpmSubject *subject, SpmIncoming *incoming)
{
    if (subject->live)
        return spm_in_domain(subject->live, incoming);
    return subject->file ? spm_in_image(subject->conn, subject->file, incoming)
                         : spm_in(subject->conn, incoming);
}

/* Translates every document among @params, which is replaced by a copy when one of them changes. The caller's
 * own are left as they are. */
static gboolean
spm_params_in(const SpmSubject *subject, virTypedParameterPtr *params, int nparams, SpmParams *stock)
{
    for (int i = 0; *params && i < nparams; i++) {
        g_auto(SpmIncoming) incoming = { .xml = (*params)[i].value.s };

        if (!spm_param_is_document(&(*params)[i]))
            continue;
        if (!spm_params_in_subject(subject, &incoming))
            return FALSE;
        if (!incoming.stock)
            continue;
        if (!stock->params) {
            stock->params = g_memdup2(*params, (gsize)nparams * sizeof(**params));
            stock->documents = g_ptr_array_new_with_free_func(g_free);
            *params = stock->params;
        }
        (*params)[i].value.s = incoming.stock;
        g_ptr_array_add(stock->documents, g_steal_pointer(&incoming.stock));
    }
    return TRUE;
}

/* The value of the first parameter of that name, as libvirt takes it. */
static const char *
spm_param_text(virTypedParameterPtr params, int nparams, const char *name)
{
    for (int i = 0; params && i < nparams; i++) {
        if (params[i].type == VIR_TYPED_PARAM_STRING && strcmp(params[i].field, name) == 0)
            return params[i].value.s;
    }
    return NULL;
}

#define SPM_STOCK g_auto(SpmParams) stock = { 0 }
#define SPM_LIVE_STOCK                                                                                       \
    SPM_LIVE;                                                                                                \
    SPM_STOCK

/* For documents that are saved or sent with the contents of @domain. */
#define SPM_LIVE_WRAPPER(type, name, parameters, failure, ...)                                               \
    SPM_WRAPPER_WITH(SPM_LIVE_STOCK, type, name, parameters,                                                 \
                     spm_contents_move(&live) &&                                                             \
                         spm_params_in(&(SpmSubject){ .live = &live }, &params, (int)nparams, &stock),       \
                     failure, __VA_ARGS__)

SPM_LIVE_WRAPPER(int, virDomainSaveParams,
                 (virDomainPtr domain, virTypedParameterPtr params, int nparams, unsigned int flags), -1,
                 domain, params, nparams, flags)

#define SPM_RESTORED spm_param_text(params, nparams, VIR_DOMAIN_SAVE_PARAM_FILE)

SPM_WRAPPER_WITH(SPM_STOCK, int, virDomainRestoreParams,
                 (virConnectPtr conn, virTypedParameterPtr params, int nparams, unsigned int flags),
                 spm_params_in(&(SpmSubject){ .conn = conn, .file = SPM_RESTORED }, &params, nparams, &stock),
                 -1, conn, params, nparams, flags)

SPM_LIVE_WRAPPER(virDomainPtr, virDomainMigrate3,
                 (virDomainPtr domain, virConnectPtr dest, virTypedParameterPtr params, unsigned int nparams,
                  unsigned int flags),
                 NULL, domain, dest, params, nparams, flags)

SPM_LIVE_WRAPPER(int, virDomainMigrateToURI3,
                 (virDomainPtr domain, const char *dest, virTypedParameterPtr params, unsigned int nparams,
                  unsigned int flags),
                 -1, domain, dest, params, nparams, flags)

SPM_LIVE_WRAPPER(char *, virDomainMigrateBegin3Params,
                 (virDomainPtr domain, virTypedParameterPtr params, int nparams, char **cookie_out,
                  int *cookie_out_size, unsigned int flags),
                 NULL, domain, params, nparams, cookie_out, cookie_out_size, flags)

/* The domain's own document comes from the source, and the others from a client. */
#define SPM_SENT spm_param_text(params, nparams, VIR_MIGRATE_PARAM_DEST_XML)
#define SPM_SENT_STOCK                                                                                       \
    const char *sent = SPM_SENT;                                                                             \
    SPM_STOCK

SPM_WRAPPER_WITH(SPM_SENT_STOCK, int, virDomainMigratePrepare3Params,
                 (virConnectPtr conn, virTypedParameterPtr params, int nparams, const char *cookie_in,
                  int cookie_in_size, char **cookie_out, int *cookie_out_size, char **uri_out,
                  unsigned int flags),
                 spm_params_in(&(SpmSubject){ .conn = conn }, &params, nparams, &stock) &&
                     spm_may_arrive(conn, flags, SPM_SENT != sent),
                 -1, conn, params, nparams, cookie_in, cookie_in_size, cookie_out, cookie_out_size, uri_out,
                 flags)

SPM_LIVE_WRAPPER(int, virDomainMigratePerform3Params,
                 (virDomainPtr domain, const char *dest, virTypedParameterPtr params, int nparams,
                  const char *cookie_in, int cookie_in_size, char **cookie_out, int *cookie_out_size,
                  unsigned int flags),
                 -1, domain, dest, params, nparams, cookie_in, cookie_in_size, cookie_out, cookie_out_size,
                 flags)
