/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-spm: what libvirt-spm makes of a domain document, on the command line. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <libxml/parser.h>

#include "qemu_spm.h"
#include "spm_config.h"
#include "host/spm_doctor.h"
#include "host/spm_firmware.h"
#include "layout/spm_layout.h"
#include "host/spm_probe.h"
#include "spm_translate.h"
#include "spm_xml.h"

enum {
    EXIT_REFUSED = 1, /* the input is refused */
    EXIT_USAGE = 2,
    EXIT_ENVIRONMENT = 3, /* something that is needed is not there, a readable file for one */
};

typedef struct {
    const char *file; /* as the user named it */
    char *xml;
    char *emulator;   /* --emulator, or that of probe, absolute, or NULL */
    const char *root; /* of doctor */
    SpmQemuOptions qemu;
    gboolean reverse;
    char *(*draw)(const SpmLayout *layout);
} SpmCall;

/* Gives an exit status, and the output when that is EXIT_SUCCESS. */
typedef struct {
    const char *name;
    const char *argument; /* what it is about, or NULL */
    int (*run)(const SpmCall *call, char **output);
} SpmCommand;

/* FILE:LINE: MESSAGE, as compilers and editors have it */
static void
spm_print_faults(const SpmCall *call, const SpmFaults *faults)
{
    const SpmFault *fault;

    for (guint i = 0; (fault = spm_faults_get(faults, i)); i++) {
        if (fault->line)
            g_printerr("%s:%u: %s\n", call->file, fault->line, fault->message);
        else
            g_printerr("%s: %s\n", call->file, fault->message);
    }
    if (spm_faults_left_out(faults))
        g_printerr("%s: and %u more faults, which are not shown\n", call->file, spm_faults_left_out(faults));
}

/* The document and its definition, or NULL when it was refused, and the reasons are on stderr. */
static SpmDomainDef *
spm_call_load(const SpmCall *call, xmlDocPtr *doc)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(SpmDomainDef) def = NULL;

    *doc = spm_xml_parse(call->xml, faults);
    if (*doc)
        def = spm_translate_load(*doc, &call->qemu, faults);
    spm_print_faults(call, faults);
    return faults->len ? NULL : g_steal_pointer(&def);
}

/* Not a fault of the document: another firmware, or the same with a patch, is all that it takes. */
static void
spm_warn_of_firmware(const SpmCall *call, const SpmDomainDef *def)
{
    g_autoptr(GPtrArray) images = spm_firmware_of_domain(def, call->emulator, spm_firmware_descriptor_dirs());
    xmlNodePtr os = spm_xml_find(def->root, "os");
    xmlNodePtr loader = spm_xml_find(os, "loader");
    g_autofree char *reason = NULL;

    if (spm_firmware_judge(images, &reason) != SPM_FIRMWARE_DROPS)
        return;
    g_printerr(
        "%s:%u: warning: the guest would boot without its <memory model='spm'>, which its firmware does "
        "not pass on: %s; use OVMF 2026.08 or newer, or SeaBIOS with libvirt-spm's patch\n",
        call->file, os ? spm_xml_line(loader ? loader : os) : spm_xml_line(def->root), reason);
}

static int
spm_validate(const SpmCall *call, char **output)
{
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(SpmDomainDef) def = spm_call_load(call, &doc);

    if (!def)
        return EXIT_REFUSED;
    if (def->spms->len)
        spm_warn_of_firmware(call, def);
    *output = g_strdup("");
    return EXIT_SUCCESS;
}

static int
spm_argv(const SpmCall *call, char **output)
{
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(SpmDomainDef) def = spm_call_load(call, &doc);
    g_auto(GStrv) argv = NULL;
    GString *text;

    if (!def)
        return EXIT_REFUSED;
    argv = spm_qemu_argv(def, &call->qemu);
    text = g_string_new(NULL);
    for (char **option = argv; *option; option += 2) {
        g_autofree char *value = g_shell_quote(option[1]);

        g_string_append_printf(text, "%s %s%s\n", option[0], value, option[2] ? " \\" : "");
    }
    *output = g_string_free(text, FALSE);
    return EXIT_SUCCESS;
}

/* FALSE when the document was refused, and the reasons are on stderr. */
static gboolean
spm_call_check(const SpmCall *call)
{
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(SpmDomainDef) def = spm_call_load(call, &doc);

    return def != NULL;
}

static int
spm_translate(const SpmCall *call, char **output)
{
    g_autoptr(GError) error = NULL;

    if (call->reverse) {
        *output = spm_translate_out(call->xml, &error);
        if (!*output)
            g_printerr("%s: %s\n", call->file, error->message);
    } else {
        /* the load has changed its tree: the text is translated from the start */
        if (spm_call_check(call))
            *output = spm_translate_in(call->xml, &call->qemu, NULL);
    }
    return *output ? EXIT_SUCCESS : EXIT_REFUSED;
}

static int
spm_layout(const SpmCall *call, char **output)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(SpmDomainDef) def = spm_call_load(call, &doc);
    g_autoptr(SpmLayout) layout = def ? spm_layout_new(def, &call->qemu, faults) : NULL;

    spm_print_faults(call, faults);
    if (!layout)
        return EXIT_REFUSED;
    *output = call->draw(layout);
    return EXIT_SUCCESS;
}

/* The lines of "-device NAME,help" that name a property. */
static char *
spm_probe_properties(const char *emulator, const char *device, GError **error)
{
    g_autofree char *value = g_strdup_printf("%s,help", device);
    g_autofree char *help = spm_probe_run(emulator, "-device", value, error);
    g_auto(GStrv) lines = help ? g_strsplit(help, "\n", -1) : NULL;
    GString *text;

    if (!help)
        return NULL;
    text = g_string_new(NULL);
    for (char **line = lines; *line; line++) {
        if (g_str_has_prefix(*line, "  "))
            g_string_append_printf(text, "property: %s\n", g_strchug(*line));
    }
    return g_string_free(text, FALSE);
}

static int
spm_probe(const SpmCall *call, char **output)
{
    g_autoptr(GError) error = NULL;
    const char *device = spm_probe_emulator(call->emulator, &error);
    g_autofree char *version = device ? spm_probe_run(call->emulator, "-version", NULL, &error) : NULL;
    g_autofree char *properties = version ? spm_probe_properties(call->emulator, device, &error) : NULL;

    if (!properties) {
        g_printerr("virt-spm: %s\n", error->message);
        return EXIT_ENVIRONMENT;
    }
    version[strcspn(version, "\n")] = '\0';
    *output = g_strdup_printf("version:  %s\ndevice:   %s\n%scontents: %s\n", version, device, properties,
                              spm_qemu_device_moves_contents(device)
                                  ? "kept by migration, saving and snapshots"
                                  : "lost by migration, saving and snapshots, which are refused therefore");
    return EXIT_SUCCESS;
}

static int
spm_doctor(const SpmCall *call, char **output)
{
    g_autoptr(GString) report = g_string_new(NULL);

    if (!spm_doctor_examine(call->root ? call->root : "/", call->emulator, report)) {
        g_printerr("%s", report->str);
        return EXIT_ENVIRONMENT;
    }
    *output = g_strdup(report->str);
    return EXIT_SUCCESS;
}

#define SPM_DOCUMENT "document"
#define SPM_EMULATOR "emulator"

static const SpmCommand spm_commands[] = {
    { "validate", SPM_DOCUMENT, spm_validate },   { "argv", SPM_DOCUMENT, spm_argv },
    { "translate", SPM_DOCUMENT, spm_translate }, { "layout", SPM_DOCUMENT, spm_layout },
    { "probe", SPM_EMULATOR, spm_probe },         { "doctor", NULL, spm_doctor },
};

static gboolean
spm_takes_document(const SpmCommand *command)
{
    return g_strcmp0(command->argument, SPM_DOCUMENT) == 0;
}

/* How a layout can be drawn, by --format; the first is the default. */
static const struct {
    const char *name;
    char *(*draw)(const SpmLayout *layout);
} spm_formats[] = {
    { "text", spm_layout_to_text },
    { "svg", spm_layout_to_svg },
};

static gboolean
spm_format_find(const char *name, SpmCall *call)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_formats); i++) {
        if (!name || strcmp(spm_formats[i].name, name) == 0) {
            call->draw = spm_formats[i].draw;
            return TRUE;
        }
    }
    return FALSE;
}

static const SpmCommand *
spm_command_find(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_commands); i++) {
        if (strcmp(spm_commands[i].name, name) == 0)
            return &spm_commands[i];
    }
    return NULL;
}

static int spm_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);

static int
spm_usage(const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    g_printerr("virt-spm: %s\nTry 'virt-spm --help'.\n", message);
    return EXIT_USAGE;
}

/* "X.Y.Z" or "X.Y" as libvirt's number */
static gboolean
spm_parse_version(const char *text, unsigned long *version)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", 3);
    guint64 numbers[3] = { 0 };

    if (g_strv_length(parts) < 2)
        return FALSE;
    for (guint i = 0; parts[i]; i++) {
        if (!spm_parse_number(parts[i], 10, 999, &numbers[i]))
            return FALSE;
    }
    *version = SPM_LIBVIRT_VERSION(numbers[0], numbers[1], numbers[2]);
    return TRUE;
}

static char *
spm_read_stdin(GError **error)
{
    g_autoptr(GInputStream) input = g_unix_input_stream_new(0, FALSE);
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();

    if (g_output_stream_splice(memory, input, G_OUTPUT_STREAM_SPLICE_NONE, NULL, error) < 0 ||
        !g_output_stream_write_all(memory, "", 1, NULL, NULL, error) ||
        !g_output_stream_close(memory, NULL, error))
        return NULL;
    return g_memory_output_stream_steal_data(G_MEMORY_OUTPUT_STREAM(memory));
}

static char *
spm_read(const char *file, GError **error)
{
    char *text = NULL;

    if (strcmp(file, "-") == 0)
        return spm_read_stdin(error);
    g_file_get_contents(file, &text, NULL, error);
    return text;
}

/* Reads the document and asks the emulator, as far as the command needs them. */
static gboolean
spm_prepare(const SpmCommand *command, SpmCall *call, GError **error)
{
    if (!spm_takes_document(command))
        return TRUE;
    if (call->emulator && !(call->qemu.device = spm_probe_emulator(call->emulator, error)))
        return FALSE;
    call->xml = spm_read(call->file, error);
    if (!call->xml)
        g_prefix_error(error, "cannot read '%s': ", call->file);
    return call->xml != NULL;
}

static int
spm_run(const SpmCommand *command, SpmCall *call)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    int code;

    if (!spm_prepare(command, call, &error)) {
        g_printerr("virt-spm: %s\n", error->message);
        return EXIT_ENVIRONMENT;
    }
    code = command->run(call, &output);
    g_free(call->xml);
    if (code == EXIT_SUCCESS && (fputs(output, stdout) == EOF || fflush(stdout) == EOF)) {
        g_printerr("virt-spm: cannot write the output\n");
        return EXIT_ENVIRONMENT;
    }
    return code;
}

static const char spm_summary[] =
    "Commands:\n"
    "  validate DOMAIN.xml              Check; print nothing, or FILE:LINE: MESSAGE per fault\n"
    "  argv DOMAIN.xml                  Print QEMU's options for the SPM\n"
    "  translate [--reverse] DOMAIN.xml Print the XML that stock libvirt carries, or the reverse\n"
    "  layout DOMAIN.xml                Draw the guest-physical map: RAM, SPM, DIMMs, room for hotplug\n"
    "  probe EMULATOR                   Print which device a QEMU has, and what becomes of its contents\n"
    "  doctor                           Look for what keeps SPM from working on this host\n"
    "\n"
    "'-' reads the document from standard input.\n"
    "Exit status: 0 fine, 1 the document is refused, 2 usage, 3 something needed is not there.";

/* What stands on the command line, beside the command and its argument. */
typedef struct {
    char *device;
    char *emulator;
    char *libvirt_version;
    char *format;
    char *root;
    gboolean reverse;
    gboolean version;
} SpmOptions;

static void
spm_options_clear(SpmOptions *options)
{
    g_free(options->device);
    g_free(options->emulator);
    g_free(options->libvirt_version);
    g_free(options->format);
    g_free(options->root);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmOptions, spm_options_clear)

static gboolean
spm_options_parse(SpmOptions *options, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        { "device", 0, 0, G_OPTION_ARG_STRING, &options->device,
          "The emulator's device: spm-memory (default) or sp-mem (QEMU 11.1)", "NAME" },
        { "emulator", 0, 0, G_OPTION_ARG_FILENAME, &options->emulator, "Ask this QEMU for its device",
          "PATH" },
        { "libvirt-version", 0, 0, G_OPTION_ARG_STRING, &options->libvirt_version,
          "The libvirt that is to carry the domain (default: the newest)", "X.Y.Z" },
        { "reverse", 0, 0, G_OPTION_ARG_NONE, &options->reverse, "translate: from stock XML to spm", NULL },
        { "format", 0, 0, G_OPTION_ARG_STRING, &options->format, "layout: text (default) or svg", "FORMAT" },
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &options->root,
          "doctor: where the host's files are (default: /)", "DIR" },
        { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version", NULL },
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new("COMMAND [DOMAIN.xml|EMULATOR]");

    g_option_context_set_summary(context, spm_summary);
    g_option_context_add_main_entries(context, entries, NULL);
    return g_option_context_parse(context, argc, argv, error);
}

/* Refuses options that would do nothing. */
static int
spm_options_check(const SpmOptions *options, const SpmCommand *command)
{
    if (options->reverse && command->run != spm_translate)
        return spm_usage("--reverse goes with 'translate'");
    if (options->format && command->run != spm_layout)
        return spm_usage("--format goes with 'layout'");
    if (options->root && command->run != spm_doctor)
        return spm_usage("--root goes with 'doctor'");
    if (options->emulator && command->run == spm_probe)
        return spm_usage("--emulator does not go with 'probe', whose argument it is");
    if ((options->device || options->libvirt_version) && !spm_takes_document(command))
        return spm_usage("--device and --libvirt-version do not go with '%s'", command->name);
    if (options->device && options->emulator)
        return spm_usage("--device and --emulator exclude each other");
    return EXIT_SUCCESS;
}

/* Fills the call in, as far as the values have a meaning. */
static int
spm_call_fill(SpmCall *call, const SpmOptions *options, const SpmCommand *command, const char *argument)
{
    gboolean with_document = spm_takes_document(command);

    if (!spm_format_find(options->format, call))
        return spm_usage("there is no format '%s'; it may be text or svg", options->format);
    if (options->device && !(call->qemu.device = spm_qemu_device_find(options->device)))
        return spm_usage("there is no device '%s'; it may be spm-memory or sp-mem", options->device);
    if (options->libvirt_version && !spm_parse_version(options->libvirt_version, &call->qemu.libvirt_version))
        return spm_usage("'%s' is no version; it must be like 11.3.0", options->libvirt_version);
    call->file = with_document ? argument : NULL;
    if (options->emulator || (argument && !with_document))
        call->emulator = g_canonicalize_filename(options->emulator ? options->emulator : argument, NULL);
    call->root = options->root;
    call->reverse = options->reverse;
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    SpmCall call = { .qemu = { .device = "spm-memory", .libvirt_version = SPM_LIBVIRT_NEWEST } };
    g_auto(SpmOptions) options = { 0 };
    g_autoptr(GError) error = NULL;
    const SpmCommand *command;
    int code;

    if (!spm_options_parse(&options, &argc, &argv, &error))
        return spm_usage("%s", error->message);
    if (options.version) {
        g_print("virt-spm %s\n", SPM_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc < 2)
        return spm_usage("a command is needed");
    command = spm_command_find(argv[1]);
    if (!command)
        return spm_usage("there is no command '%s'", argv[1]);
    if (argc != (command->argument ? 3 : 2))
        return spm_usage("'%s' takes %s%s", command->name, command->argument ? "one " : "no argument",
                         command->argument ? command->argument : "");
    code = spm_options_check(&options, command);
    if (code == EXIT_SUCCESS)
        code = spm_call_fill(&call, &options, command, argv[2]);
    if (code != EXIT_SUCCESS)
        return code;

    xmlInitParser();
    code = spm_run(command, &call);
    g_free(call.emulator);
    return code;
}
