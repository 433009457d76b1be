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
#include "spm_firmware.h"
#include "spm_layout.h"
#include "spm_probe.h"
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
    const char *emulator; /* --emulator, or NULL */
    SpmQemuOptions qemu;
    gboolean reverse;
    char *(*draw)(const SpmLayout *layout);
} SpmCall;

typedef struct {
    const char *name;
    int (*run)(const SpmCall *call, char **output);
} SpmCommand;

/* FILE:LINE: MESSAGE, as compilers and editors have it */
static void
spm_print_faults(const SpmCall *call, const SpmFaults *faults)
{
    for (guint i = 0; i < faults->len; i++) {
        const SpmFault *fault = g_ptr_array_index(faults, i);

        if (fault->line)
            g_printerr("%s:%u: %s\n", call->file, fault->line, fault->message);
        else
            g_printerr("%s: %s\n", call->file, fault->message);
    }
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

static int
spm_translate(const SpmCall *call, char **output)
{
    g_autoptr(GError) error = NULL;

    if (call->reverse) {
        *output = spm_translate_out(call->xml, &error);
        if (!*output)
            g_printerr("%s: %s\n", call->file, error->message);
    } else {
        g_autoptr(xmlDoc) doc = NULL;
        g_autoptr(SpmDomainDef) def = spm_call_load(call, &doc);

        /* the load has changed its tree: the text is translated from the start */
        if (def)
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

static const SpmCommand spm_commands[] = {
    { "validate", spm_validate },
    { "argv", spm_argv },
    { "translate", spm_translate },
    { "layout", spm_layout },
};

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

static int
spm_run(const SpmCommand *command, SpmCall *call)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = spm_read(call->file, &error);
    g_autofree char *output = NULL;
    int code;

    if (!xml) {
        g_printerr("virt-spm: cannot read '%s': %s\n", call->file, error->message);
        return EXIT_ENVIRONMENT;
    }
    call->xml = xml;
    code = command->run(call, &output);
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
    "\n"
    "'-' reads the document from standard input.\n"
    "Exit status: 0 fine, 1 the document is refused, 2 usage, 3 something needed is not there.";

int
main(int argc, char **argv)
{
    SpmCall call = { .qemu = { .device = "spm-memory", .libvirt_version = SPM_LIBVIRT_NEWEST } };
    g_autofree char *device = NULL;
    g_autofree char *emulator = NULL;
    g_autofree char *libvirt_version = NULL;
    g_autofree char *format = NULL;
    gboolean version = FALSE;
    const GOptionEntry entries[] = {
        { "device", 0, 0, G_OPTION_ARG_STRING, &device,
          "The emulator's device: spm-memory (default) or sp-mem (QEMU 11.1)", "NAME" },
        { "emulator", 0, 0, G_OPTION_ARG_FILENAME, &emulator, "Ask this QEMU for its device", "PATH" },
        { "libvirt-version", 0, 0, G_OPTION_ARG_STRING, &libvirt_version,
          "The libvirt that is to carry the domain (default: the newest)", "X.Y.Z" },
        { "reverse", 0, 0, G_OPTION_ARG_NONE, &call.reverse, "translate: from stock XML to spm", NULL },
        { "format", 0, 0, G_OPTION_ARG_STRING, &format, "layout: text (default) or svg", "FORMAT" },
        { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new("COMMAND DOMAIN.xml");
    g_autoptr(GError) error = NULL;
    const SpmCommand *command;

    g_option_context_set_summary(context, spm_summary);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error))
        return spm_usage("%s", error->message);
    if (version) {
        g_print("virt-spm %s\n", SPM_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc != 3)
        return spm_usage("a command and one document are needed");
    command = spm_command_find(argv[1]);
    if (!command)
        return spm_usage("there is no command '%s'", argv[1]);
    if (call.reverse && command->run != spm_translate)
        return spm_usage("--reverse goes with 'translate'");
    if (format && command->run != spm_layout)
        return spm_usage("--format goes with 'layout'");
    if (!spm_format_find(format, &call))
        return spm_usage("there is no format '%s'; it may be text or svg", format);
    if (device && !spm_qemu_device_find(device))
        return spm_usage("there is no device '%s'; it may be spm-memory or sp-mem", device);
    if (device && emulator)
        return spm_usage("--device and --emulator exclude each other");
    if (libvirt_version && !spm_parse_version(libvirt_version, &call.qemu.libvirt_version))
        return spm_usage("'%s' is no version; it must be like 11.3.0", libvirt_version);

    xmlInitParser();
    call.file = argv[2];
    call.emulator = emulator;
    if (device)
        call.qemu.device = device;
    if (emulator && !(call.qemu.device = spm_probe_emulator(emulator, &error))) {
        g_printerr("virt-spm: %s\n", error->message);
        return EXIT_ENVIRONMENT;
    }
    return spm_run(command, &call);
}
