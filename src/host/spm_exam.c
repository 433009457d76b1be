/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exam of a host: writing the report, and reading the host's files. */

#include "host/spm_exam.h"

/**
 * spm_exam_report:
 * @exam: an exam
 * @finding: what kind of line it is
 * @format: the line, a sentence without its full stop
 */
void
spm_exam_report(SpmExam *exam, SpmFinding finding, const char *format, ...)
{
    static const char *const before[] = {
        [SPM_OK] = "ok       ",          [SPM_NOTE] = "note     ",           [SPM_PROBLEM] = "problem  ",
        [SPM_ADVICE] = "           -> ", [SPM_COMMAND] = "                ",
    };
    va_list args;

    exam->problem |= finding == SPM_PROBLEM;
    g_string_append(exam->report, before[finding]);
    va_start(args, format);
    g_string_append_vprintf(exam->report, format, args);
    va_end(args);
    g_string_append_c(exam->report, '\n');
}

/**
 * spm_exam_path:
 * @exam: an exam
 * @path: a path on the host
 *
 * Returns: (transfer full): its path below @root
 */
char *
spm_exam_path(const SpmExam *exam, const char *path)
{
    return g_build_filename(exam->root, path, NULL);
}

/**
 * spm_exam_read:
 * @exam: an exam
 * @path: a file on the host
 *
 * Returns: (transfer full) (nullable): its text; NULL when it cannot be read
 */
char *
spm_exam_read(const SpmExam *exam, const char *path)
{
    g_autofree char *full = spm_exam_path(exam, path);
    char *text = NULL;

    g_file_get_contents(full, &text, NULL, NULL);
    return text;
}
