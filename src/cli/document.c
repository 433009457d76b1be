/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command's document: reading it, and reporting its faults as compilers do. */

#include "cli/document.h"

#include <string.h>

#include <gio/gio.h>
#include <gio/gunixinputstream.h>

#include "host/spm_probe.h"
#include "spm_number.h"
#include "spm_translate.h"

/* The values of the options. A process runs one command once. */
static struct {
    char *device;
    char *emulator;
    char *libvirt_version;
} spm_cli_document_options;

const GOptionEntry spm_cli_document_entries[] = {
    { "device", 0, 0, G_OPTION_ARG_STRING, &spm_cli_document_options.device,
      "QEMU's device: spm-memory (default) or sp-mem (QEMU 11.1)", "NAME" },
    { "emulator", 0, 0, G_OPTION_ARG_FILENAME, &spm_cli_document_options.emulator,
      "Ask this QEMU which device it has", "PATH" },
    { "libvirt-version", 0, 0, G_OPTION_ARG_STRING, &spm_cli_document_options.libvirt_version,
      "The libvirt that will carry the domain (default: the newest)", "X.Y.Z" },
    G_OPTION_ENTRY_NULL,
};

/* "X.Y.Z" or "X.Y" as libvirt's number */
static gboolean
spm_cli_document_parse_version(const char *text, unsigned long *version)
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

/* Checks the values of the options, and asks the emulator for its device. */
static gboolean
spm_cli_document_set_options(SpmCliDocument *document, GError **error)
{
    const char *device = spm_cli_document_options.device;
    const char *emulator = spm_cli_document_options.emulator;
    const char *version = spm_cli_document_options.libvirt_version;

    document->qemu.device = device ? spm_qemu_device_find(device) : spm_qemu_device_name(0);
    document->qemu.libvirt_version = SPM_LIBVIRT_NEWEST;
    document->qemu.is_new = TRUE;
    if (!document->qemu.device)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "unknown device '%s'; expected spm-memory or sp-mem", device);
    else if (version && !spm_cli_document_parse_version(version, &document->qemu.libvirt_version))
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "invalid version '%s'; expected a version such as 11.3.0", version);
    else if (device && emulator)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--device and --emulator exclude each other");
    else if (emulator)
        document->emulator = g_canonicalize_filename(emulator, NULL);
    else
        return TRUE;
    if (document->emulator)
        document->qemu.device = spm_probe_emulator(document->emulator, error);
    return document->emulator && document->qemu.device;
}

static char *
spm_cli_document_read_stdin(GError **error)
{
    g_autoptr(GInputStream) input = g_unix_input_stream_new(0, FALSE);
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();

    if (g_output_stream_splice(memory, input, G_OUTPUT_STREAM_SPLICE_NONE, NULL, error) < 0 ||
        !g_output_stream_write_all(memory, "", 1, NULL, NULL, error) ||
        !g_output_stream_close(memory, NULL, error))
        return NULL;
    return g_memory_output_stream_steal_data(G_MEMORY_OUTPUT_STREAM(memory));
}

/**
 * spm_cli_document_read:
 * @file: the document's file; "-" is standard input
 * @document: (out): filled with the document's text and with what the options ask for
 * @error: set on failure: G_OPTION_ERROR when an option has a wrong value; SPM_ERROR when the emulator does
 *   not run or has no device; G_FILE_ERROR or G_IO_ERROR when @file cannot be read
 *
 * Returns: FALSE on failure
 */
gboolean
spm_cli_document_read(const char *file, SpmCliDocument *document, GError **error)
{
    *document = (SpmCliDocument){ .file = file };
    if (!spm_cli_document_set_options(document, error))
        return FALSE;
    if (strcmp(file, "-") == 0)
        document->text = spm_cli_document_read_stdin(error);
    else
        g_file_get_contents(file, &document->text, NULL, error);
    if (!document->text)
        g_prefix_error(error, "cannot read '%s': ", file);
    return document->text != NULL;
}

/**
 * spm_cli_document_print_faults:
 * @document: the document
 * @faults: its faults
 *
 * Prints FILE:LINE: MESSAGE for each, as compilers do, to stderr.
 */
void
spm_cli_document_print_faults(const SpmCliDocument *document, const SpmFaults *faults)
{
    SPM_FOREACH(const SpmFault, fault, faults->list) {
        if (fault->line)
            g_printerr("%s:%u: %s\n", document->file, fault->line, fault->message);
        else
            g_printerr("%s: %s\n", document->file, fault->message);
    }
    if (spm_faults_left_out(faults))
        g_printerr("%s: and %u more faults, which are not shown\n", document->file,
                   spm_faults_left_out(faults));
}

/**
 * spm_cli_document_load:
 * @file: see spm_cli_document_read()
 * @document: (out): filled as by that. Its tree is set as well; carriers in it are spm elements
 * @error: set when @document cannot be read
 *
 * Prints the faults to stderr.
 *
 * Returns: (transfer full) (nullable): the valid definition of its domain; it refers to @document. NULL,
 *   without @error set, when the document is refused
 */
SpmDomainDef *
spm_cli_document_load(const char *file, SpmCliDocument *document, GError **error)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autoptr(SpmDomainDef) def = NULL;

    if (!spm_cli_document_read(file, document, error))
        return NULL;
    document->doc = spm_xml_parse(document->text, faults);
    if (document->doc)
        def = spm_translate_load(document->doc, &document->qemu, faults);
    spm_cli_document_print_faults(document, faults);
    return faults->len ? NULL : g_steal_pointer(&def);
}

/**
 * spm_cli_document_clear:
 * @document: a document that spm_cli_document_read() has read
 */
void
spm_cli_document_clear(SpmCliDocument *document)
{
    g_free(document->text);
    g_free(document->emulator);
    g_clear_pointer(&document->doc, xmlFreeDoc);
}
