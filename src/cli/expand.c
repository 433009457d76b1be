/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm expand: give a domain the SPM that it requests. */

#include "spm_expand.h"

#include <stdlib.h>

#include "cli/command.h"
#include "cli/document.h"
#include "host/spm_profiles.h"
#include "spm_translate.h"

static struct {
    char **requests;
    char *profiles;
    gboolean leftovers;
} spm_cli_expand_options;

static const GOptionEntry spm_cli_expand_entries[] = {
    { "request", 0, 0, G_OPTION_ARG_STRING_ARRAY, &spm_cli_expand_options.requests,
      "Request SIZE[,profile=NAME][,cell=N], and store it in <metadata>; may be repeated", "TEXT" },
    { "profiles", 0, 0, G_OPTION_ARG_FILENAME, &spm_cli_expand_options.profiles,
      "Read the host's profiles in this folder", "DIR" },
    { "leftovers", 0, 0, G_OPTION_ARG_NONE, &spm_cli_expand_options.leftovers,
      "First remove what other tools kept of an earlier result", NULL },
    G_OPTION_ENTRY_NULL,
};

/* Puts the requests of the command line into the document, in place of its own. */
static gboolean
spm_cli_expand_store(const SpmCliDocument *document, SpmFaults *faults)
{
    g_autoptr(GPtrArray) requests = g_ptr_array_new_with_free_func(spm_request_free);
    xmlNodePtr root = xmlDocGetRootElement(document->doc);

    for (char **text = spm_cli_expand_options.requests; text && *text; text++)
        spm_request_parse(*text, "--request", requests, faults);
    if (requests->len && !faults->len && spm_xml_is(root, NULL, "domain"))
        spm_requests_store(root, requests);
    return requests->len;
}

/* Expands the document, and validates the result as translation does. Returns FALSE when it is unchanged. */
static gboolean
spm_cli_expand_document(SpmCliDocument *document, const SpmProfiles *profiles, SpmFaults *faults)
{
    g_autoptr(SpmDomainDef) def = NULL;
    gboolean changed;

    document->doc = spm_xml_parse(document->text, faults);
    if (!document->doc)
        return FALSE;
    changed = spm_cli_expand_store(document, faults);
    if (!faults->len)
        changed |= spm_expand_doc(document->doc, profiles, &document->qemu, spm_cli_expand_options.leftovers,
                                  faults);
    if (changed && !faults->len)
        def = spm_translate_load(document->doc, &document->qemu, faults);
    return changed;
}

static int
spm_cli_expand_run(const char *argument, char **output, GError **error)
{
    g_auto(SpmCliDocument) document = { 0 };
    g_auto(SpmProfiles) profiles = { 0 };
    g_autoptr(SpmFaults) mistakes = spm_faults_new(), faults = spm_faults_new();
    g_autofree char *folder =
        spm_cli_expand_options.profiles ? g_strdup(spm_cli_expand_options.profiles) : spm_profiles_path();
    gboolean changed;

    if (!spm_cli_document_read(argument, &document, error))
        return SPM_CLI_ENVIRONMENT;
    spm_profiles_load(folder, &profiles, mistakes);
    SPM_FOREACH(const SpmFault, mistake, mistakes->list)
        g_printerr("virt-spm: %s\n", mistake->message);
    changed = spm_cli_expand_document(&document, &profiles, faults);
    spm_cli_document_print_faults(&document, faults);
    if (faults->len)
        return SPM_CLI_REFUSED;
    *output = changed ? spm_xml_format(document.doc) : g_strdup(document.text);
    return EXIT_SUCCESS;
}

const SpmCliCommand spm_cli_expand = {
    .name = "expand",
    .argument = SPM_CLI_DOCUMENT,
    .summary = "Print the domain with the SPM that it requests",
    .description =
        "A request is in the domain's <metadata>, or given with --request. A domain without a request is\n"
        "printed as it is.",
    .tables = { spm_cli_expand_entries, spm_cli_document_entries },
    .run = spm_cli_expand_run,
};
