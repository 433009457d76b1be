/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The exam of a host: writing the report, and reading the host's files. */

#include "host/spm_exam.h"

/* Writes a line that begins with @before. */
static void
spm_exam_line(SpmExam *exam, const char *before, const char *format, va_list args)
{
    g_string_append(exam->report, before);
    g_string_append_vprintf(exam->report, format, args);
    g_string_append_c(exam->report, '\n');
}

/**
 * spm_exam_report:
 * @exam: an exam
 * @finding: how serious it is
 * @format: what was found, as a sentence without its full stop
 */
void
spm_exam_report(SpmExam *exam, SpmFinding finding, const char *format, ...)
{
    static const char *const words[] = { "ok       ", "note     ", "problem  " };
    va_list args;

    exam->problem |= finding == SPM_PROBLEM;
    va_start(args, format);
    spm_exam_line(exam, words[finding], format, args);
    va_end(args);
}

/**
 * spm_exam_advise:
 * @exam: an exam
 * @format: the next step, which follows a problem
 */
void
spm_exam_advise(SpmExam *exam, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    spm_exam_line(exam, "           -> ", format, args);
    va_end(args);
}

/**
 * spm_exam_command:
 * @exam: an exam
 * @format: a command of that step, which root can paste into a shell
 */
void
spm_exam_command(SpmExam *exam, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    spm_exam_line(exam, "                ", format, args);
    va_end(args);
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
