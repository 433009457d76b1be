/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of virt-spm. Each has its own file. */

#pragma once

#include <glib.h>

/* Exit statuses beside EXIT_SUCCESS. */
enum {
    SPM_CLI_REFUSED = 1, /* the document is refused */
    SPM_CLI_USAGE = 2,
    SPM_CLI_ENVIRONMENT = 3, /* something needed is missing, such as a readable file */
};

/**
 * SpmCliCommand:
 * @name: the word on the command line
 * @argument: (nullable): the name of its one argument in a usage line; NULL: it takes none
 * @summary: one line for `virt-spm --help`
 * @description: for `virt-spm NAME --help`, below the summary
 * @tables: the tables of the options that it takes, up to a NULL
 * @run: does the work on @argument, which is as the user gave it, and returns the exit status. With
 *   EXIT_SUCCESS it sets @output, the text for stdout. When it fails it either reports why on stderr or sets
 *   @error, from which the exit status follows: SPM_CLI_USAGE for G_OPTION_ERROR, else SPM_CLI_ENVIRONMENT
 */
typedef struct {
    const char *name;
    const char *argument;
    const char *summary;
    const char *description;
    const GOptionEntry *tables[3];
    int (*run)(const char *argument, char **output, GError **error);
} SpmCliCommand;

extern const SpmCliCommand spm_cli_validate;
extern const SpmCliCommand spm_cli_argv;
extern const SpmCliCommand spm_cli_translate;
extern const SpmCliCommand spm_cli_expand;
extern const SpmCliCommand spm_cli_layout;
extern const SpmCliCommand spm_cli_probe;
extern const SpmCliCommand spm_cli_doctor;
extern const SpmCliCommand spm_cli_host;
