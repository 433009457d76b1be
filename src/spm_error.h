/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error domain, and the list in which a document's faults are collected. */

#pragma once

#include <glib.h>

#define SPM_ERROR (spm_error_quark())

/**
 * SpmErrorCode:
 * @SPM_ERROR_DOCUMENT: not well-formed XML, or XML that is never read (a DTD, an outsized document)
 * @SPM_ERROR_XML: an spm element breaks its grammar
 * @SPM_ERROR_CONFIG: the grammar is fine, the domain could not work
 * @SPM_ERROR_DEVICE: the emulator was asked, and has no device for specific purpose memory
 * @SPM_ERROR_BUSY: another domain has what this one needs
 * @SPM_ERROR_REPORTED: who was asked has reported the failure already
 */
typedef enum {
    SPM_ERROR_DOCUMENT,
    SPM_ERROR_XML,
    SPM_ERROR_CONFIG,
    SPM_ERROR_DEVICE,
    SPM_ERROR_BUSY,
    SPM_ERROR_REPORTED,
} SpmErrorCode;

GQuark spm_error_quark(void);

typedef struct {
    SpmErrorCode code;
    unsigned int line; /* of the document, from 1; 0: no particular line */
    char *message;     /* one whole sentence without its full stop */
} SpmFault;

/* How many faults of a document are kept; further ones are only counted. */
#define SPM_FAULTS_KEPT 100

/**
 * SpmFaults:
 * @list: of SpmFault: the first SPM_FAULTS_KEPT
 * @len: how many were added in all
 */
typedef struct {
    GPtrArray *list;
    guint len;
} SpmFaults;

SpmFaults *spm_faults_new(void);
void spm_faults_free(SpmFaults *faults);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpmFaults, spm_faults_free)

void spm_faults_add(SpmFaults *faults, SpmErrorCode code, unsigned int line, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
void spm_faults_add_va(SpmFaults *faults, SpmErrorCode code, unsigned int line, const char *element,
                       const char *format, va_list args) G_GNUC_PRINTF(5, 0);
void spm_faults_add_all(SpmFaults *faults, const SpmFaults *more);
const SpmFault *spm_faults_get(const SpmFaults *faults, guint index);
guint spm_faults_left_out(const SpmFaults *faults);
gboolean spm_faults_to_error(const SpmFaults *faults, GError **error);
