/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exam of a host: writing the report, and reading the host's files. */

#pragma once

#include "host/spm_settings.h"

/**
 * SpmExam:
 * @root: the folder that holds the host's files
 * @emulator: (nullable): the only emulator to examine
 * @settings: the host's settings
 * @devices: the device of each emulator that a domain names, by its path
 * @report: the lines written so far
 * @problem: TRUE once a problem was reported
 * @firmware_passes: TRUE once an image was found that passes SPM on
 */
typedef struct {
    const char *root;
    const char *emulator;
    SpmSettings settings;
    GHashTable *devices;
    GString *report;
    gboolean problem;
    gboolean firmware_passes;
} SpmExam;

/**
 * SpmFinding:
 * @SPM_OK: as it should be
 * @SPM_NOTE: may matter
 * @SPM_PROBLEM: keeps SPM from working
 * @SPM_ADVICE: the next step, which follows a problem
 * @SPM_COMMAND: a command of that step, which root can paste into a shell
 */
typedef enum {
    SPM_OK,
    SPM_NOTE,
    SPM_PROBLEM,
    SPM_ADVICE,
    SPM_COMMAND,
} SpmFinding;

void spm_exam_report(SpmExam *exam, SpmFinding finding, const char *format, ...) G_GNUC_PRINTF(3, 4);

char *spm_exam_path(const SpmExam *exam, const char *path);
char *spm_exam_read(const SpmExam *exam, const char *path);
