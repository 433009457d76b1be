/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the wrappers: libvirt's own functions, and translation that sets libvirt's errors. */

#pragma once

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "qemu_spm_caps.h"
#include "host/spm_profiles.h"
#include "host/spm_settings.h"

#define SPM_EXPORT __attribute__((visibility("default")))

/**
 * SPM_WRAPPER:
 * @allowed: FALSE, with libvirt's error set, when libvirt's own function must not be called
 * @failure: what is returned then
 * @...: the arguments for libvirt's own function
 *
 * Defines the wrapper of a function of libvirt's. SPM_WRAPPER_WITH() also declares variables, which @allowed
 * and the arguments may use.
 */
#define SPM_WRAPPER(...) SPM_WRAPPER_WITH(, __VA_ARGS__)
#define SPM_WRAPPER_WITH(variables, type, name, parameters, allowed, failure, ...)                           \
    SPM_EXPORT type name parameters                                                                          \
    {                                                                                                        \
        variables;                                                                                           \
        return (allowed) ? spm_libvirt()->name(__VA_ARGS__) : (failure);                                     \
    }
#define SPM_LIVE g_auto(SpmLive) live = { .domain = domain }
#define SPM_INCOMING g_auto(SpmIncoming) incoming = { .xml = xml }
#define SPM_LIVE_INCOMING                                                                                    \
    SPM_LIVE;                                                                                                \
    SPM_INCOMING

/* libvirt's virErrorLogPriorityFunc, which no header that is installed declares. */
typedef int (*SpmErrorPriority)(virErrorPtr error, int priority);

/* The compiler checks the table against the functions that libvirt's headers declare. */
#define SPM_INTERPOSED(type, name, parameters) type name parameters;
#define SPM_INTERPOSED_OPTIONAL SPM_INTERPOSED
#include "symbols.h"

typedef struct {
    gboolean armed; /* every symbol that is needed was found */
    SpmSettings settings;
    SpmProfiles profiles;
#define SPM_INTERPOSED(type, name, parameters) type(*name) parameters;
#define SPM_INTERPOSED_OPTIONAL SPM_INTERPOSED
#define SPM_CALLED SPM_INTERPOSED
#define SPM_OPTIONAL SPM_INTERPOSED
#include "symbols.h"
} SpmLibvirt;

const SpmLibvirt *spm_libvirt(void);
gboolean spm_is_daemon(void);
gboolean spm_is_passed_on(virConnectPtr conn);
gboolean spm_gate(virConnectPtr conn);

/* Returns libvirt's XML of the snapshot or checkpoint with that name, to be freed with free(); NULL when it
 * does not exist. */
typedef char *(*SpmMomentReader)(virDomainPtr domain, const char *name);

/* A document that a client sent. Its text is replaced by stock XML if it has spm elements. */
typedef struct {
    const char *xml;   /* NULL: the client sent none */
    gboolean is_new;   /* the domain gets the SPM that it requests */
    char *stock;       /* owns the replacement */
    SpmFaults *faults; /* NULL until it is parsed, which happens at most once */
    xmlDocPtr doc;
} SpmIncoming;

void spm_incoming_clear(SpmIncoming *incoming);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmIncoming, spm_incoming_clear)

/* The domain of a call, whose XML is read and parsed at most once. */
typedef struct {
    virDomainPtr domain;
    gboolean read;
    gboolean given;     /* libvirt gave its XML; otherwise libvirt's error is set */
    const char *device; /* of its carriers, see spm_translate_device() */
    GError *error;      /* set when its XML cannot be parsed */
} SpmLive;

void spm_live_read(SpmLive *live);
void spm_live_clear(SpmLive *live);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmLive, spm_live_clear)

void spm_report(virConnectPtr conn, int code, const char *message);
void spm_report_error(virConnectPtr conn, const GError *error);
virConnectPtr spm_connection(virDomainPtr domain);
gboolean spm_options(virConnectPtr conn, SpmQemuOptions *options);
gboolean spm_concerns(virConnectPtr conn, const char *xml, SpmQemuOptions *options);
xmlDocPtr spm_incoming_doc(SpmIncoming *incoming);
gboolean spm_native(virConnectPtr conn, SpmIncoming *incoming);
gboolean spm_native_lacks(xmlDocPtr doc);
gboolean spm_in(virConnectPtr conn, SpmIncoming *incoming);
gboolean spm_in_new(virConnectPtr conn, SpmIncoming *incoming);
gboolean spm_may_arrive(virConnectPtr conn, unsigned long flags, gboolean spm);
gboolean spm_in_domain(SpmLive *live, SpmIncoming *incoming);
gboolean spm_in_managed_save(virDomainPtr domain, SpmIncoming *incoming);
gboolean spm_in_image(virConnectPtr conn, const char *file, SpmIncoming *incoming);
gboolean spm_in_moment(SpmLive *live, SpmMomentReader read_moment, SpmIncoming *incoming);
char *spm_out(virConnectPtr conn, char *xml);
const char *spm_emulator_ask(const SpmDomainDef *def, virConnectPtr conn, const char *unasked,
                             GError **error);
const char *spm_emulator_device(const SpmDomainDef *def, gpointer data, GError **error);
gboolean spm_contents_move(SpmLive *live);
gboolean spm_contents_move_in_snapshot(SpmLive *live, SpmIncoming *incoming, unsigned int flags);
