/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm: find the command and run it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "cli/command.h"
#include "spm_config.h"

static const SpmCliCommand *const spm_cli_commands[] = {
    &spm_cli_validate, &spm_cli_argv,  &spm_cli_translate, &spm_cli_expand,
    &spm_cli_layout,   &spm_cli_probe, &spm_cli_doctor,    &spm_cli_host,
};

static gboolean spm_cli_help;
static gboolean spm_cli_version;

/* The options that every command takes, and virt-spm without a command. */
static const GOptionEntry spm_cli_entries[] = {
    { "help", 'h', 0, G_OPTION_ARG_NONE, &spm_cli_help, "Print this help", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &spm_cli_version, "Print the version", NULL },
    G_OPTION_ENTRY_NULL,
};

static const SpmCliCommand *
spm_cli_find(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_cli_commands); i++) {
        if (strcmp(spm_cli_commands[i]->name, name) == 0)
            return spm_cli_commands[i];
    }
    return NULL;
}

static char *
spm_cli_list_commands(void)
{
    GString *text = g_string_new("Commands:\n");

    for (gsize i = 0; i < G_N_ELEMENTS(spm_cli_commands); i++) {
        const SpmCliCommand *command = spm_cli_commands[i];

        g_string_append_printf(text, "  %-9s %-10s  %s\n", command->name,
                               command->argument ? command->argument : "", command->summary);
    }
    g_string_append(text,
                    "\n"
                    "'virt-spm COMMAND --help' describes a command and its options.\n"
                    "A DOMAIN.xml of '-' is standard input.\n"
                    "Exit status: 0 success, 1 the document is refused, 2 wrong usage, 3 something needed is "
                    "missing.");
    return g_string_free(text, FALSE);
}

/* The options and the help of @command, or of virt-spm itself when it is NULL. */
static GOptionContext *
spm_cli_context_new(const SpmCliCommand *command)
{
    GOptionContext *context = g_option_context_new(command ? command->argument : "COMMAND [ARGUMENT]");
    g_autofree char *summary = command ? g_strdup_printf("%s.\n%s", command->summary, command->description)
                                       : spm_cli_list_commands();

    g_option_context_set_summary(context, summary);
    for (gsize i = 0; command && command->tables[i]; i++)
        g_option_context_add_main_entries(context, command->tables[i], NULL);
    g_option_context_add_main_entries(context, spm_cli_entries, NULL);
    g_option_context_set_help_enabled(context, FALSE);
    return context;
}

/* TRUE when @option is an option of any command and the next word is its value. */
static gboolean
spm_cli_takes_value(const char *option)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_cli_commands); i++) {
        for (const GOptionEntry *const *table = spm_cli_commands[i]->tables; *table; table++) {
            for (const GOptionEntry *entry = *table; entry->long_name; entry++) {
                if (g_str_has_prefix(option, "--") && strcmp(option + 2, entry->long_name) == 0)
                    return entry->arg != G_OPTION_ARG_NONE;
            }
        }
    }
    return FALSE;
}

/* Removes the command's name from @argv, where options may precede it. NULL when there is none. */
static char *
spm_cli_take_name(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        char *word = argv[i];

        if (*word != '-') {
            memmove(&argv[i], &argv[i + 1], (gsize)(*argc - i) * sizeof(*argv));
            (*argc)--;
            return word;
        }
        i += spm_cli_takes_value(word);
    }
    return NULL;
}

/* Returns the exit status. */
static int
spm_cli_fail(const GError *error)
{
    if (error->domain != G_OPTION_ERROR) {
        g_printerr("virt-spm: %s\n", error->message);
        return SPM_CLI_ENVIRONMENT;
    }
    g_printerr("%s: %s\nTry '%s --help'.\n", g_get_prgname(), error->message, g_get_prgname());
    return SPM_CLI_USAGE;
}

static int
spm_cli_write(const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
        g_printerr("virt-spm: cannot write the output\n");
        return SPM_CLI_ENVIRONMENT;
    }
    return EXIT_SUCCESS;
}

/* GLib's usage line has the character for an ellipsis, which is not in every character set. */
static int
spm_cli_write_help(GOptionContext *context)
{
    g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
    g_auto(GStrv) parts = g_strsplit(help, "\xe2\x80\xa6", -1);
    g_autofree char *ascii = g_strjoinv("...", parts);

    return spm_cli_write(ascii);
}

static int
spm_cli_run(const SpmCliCommand *command, const char *argument)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    int status;

    xmlInitParser();
    status = command->run(argument, &output, &error);
    if (error)
        return spm_cli_fail(error);
    return status == EXIT_SUCCESS ? spm_cli_write(output) : status;
}

/* FALSE when the options or the number of arguments are wrong. */
static gboolean
spm_cli_parse(GOptionContext *context, const SpmCliCommand *command, int *argc, char ***argv, GError **error)
{
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (spm_cli_help || spm_cli_version)
        return TRUE;
    if (!command)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "a command is needed");
    else if (*argc == (command->argument ? 2 : 1))
        return TRUE;
    else if (command->argument)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "exactly one %s is needed",
                    command->argument);
    else
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "unexpected argument '%s'", (*argv)[1]);
    return FALSE;
}

int
main(int argc, char **argv)
{
    const char *name = spm_cli_take_name(&argc, argv);
    const SpmCliCommand *command = name ? spm_cli_find(name) : NULL;
    g_autoptr(GOptionContext) context = spm_cli_context_new(command);
    g_autofree char *program = command ? g_strdup_printf("virt-spm %s", name) : g_strdup("virt-spm");
    g_autoptr(GError) error = NULL;

    /* this begins the usage line and the messages on wrong usage */
    g_set_prgname(program);
    if (name && !command)
        g_set_error(&error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "unknown command '%s'", name);
    if (error || !spm_cli_parse(context, command, &argc, &argv, &error))
        return spm_cli_fail(error);
    if (spm_cli_help)
        return spm_cli_write_help(context);
    if (spm_cli_version)
        return spm_cli_write("virt-spm " SPM_VERSION "\n");
    return spm_cli_run(command, argv[1]);
}
