/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which firmware images a domain may boot.
 *
 * A document may name the image. It may name the kind of firmware; libvirt then chooses an image by the
 * descriptors on the host (QEMU's docs/interop/firmware.json). If it names neither, QEMU loads the SeaBIOS
 * that was installed with it. This file does not repeat the choice that libvirt or QEMU makes. It finds all
 * images that they could choose; the verdict is known if it is the same for all of them. */

#include "host/spm_firmware.h"

#include <stdlib.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "host/spm_file.h"
#include "qemu_spm_ns.h"
#include "spm_xml.h"

#define SPM_DESCRIPTOR_MAX_BYTES (64 * 1024)

/* libvirt starts this one if the document names no emulator. */
#define SPM_DEFAULT_EMULATOR "/usr/bin/qemu-system-x86_64"

/* Where QEMU may have its SeaBIOS, relative to the parent of its folder. */
static const char *const spm_firmware_seabios_paths[] = {
    "share/qemu/bios-256k.bin",
    "share/qemu-firmware/bios-256k.bin",
    "share/qemu-kvm/bios-256k.bin",
    "share/seabios/bios-256k.bin",
};

/* Where a descriptor names its image, for each kind of mapping. */
static const char *const spm_firmware_image_paths[] = { "$.mapping.executable.filename",
                                                        "$.mapping.filename" };

/* With these options the user chooses the firmware, and libvirt does not know it. */
static const char *const spm_firmware_options[] = { "-bios", "-L", "-pflash", "-drive", "-blockdev", NULL };

const char *const spm_firmware_descriptor_dirs[] = { "/etc/qemu/firmware", "/usr/share/qemu/firmware", NULL };

/* ---- images of a kind, from descriptors ---- */

/* The strings that @path finds below @root. */
static GPtrArray *
spm_firmware_json_strings(JsonNode *root, const char *path)
{
    GPtrArray *strings = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(JsonNode) found = json_path_query(path, root, NULL);
    JsonArray *array = found ? json_node_get_array(found) : NULL;

    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);

        if (json_node_get_value_type(node) == G_TYPE_STRING)
            g_ptr_array_add(strings, json_node_dup_string(node));
    }
    return strings;
}

static gboolean
spm_firmware_json_has(JsonNode *root, const char *path, const char *text)
{
    g_autoptr(GPtrArray) strings = spm_firmware_json_strings(root, path);

    return g_ptr_array_find_with_equal_func(strings, text, g_str_equal, NULL);
}

/* Adds the image of a descriptor if it is for x86_64 and @interface. */
static void
spm_firmware_add_described(GPtrArray *images, const char *file, const char *interface)
{
    g_autoptr(GBytes) text = spm_file_read(file, SPM_DESCRIPTOR_MAX_BYTES, NULL);
    g_autoptr(JsonParser) parser = json_parser_new();
    gsize size = text ? g_bytes_get_size(text) : 0;
    JsonNode *root;

    if (size == 0 || !json_parser_load_from_data(parser, g_bytes_get_data(text, NULL), (gssize)size, NULL))
        return;
    root = json_parser_get_root(parser);
    if (!root || !spm_firmware_json_has(root, "$['interface-types'][*]", interface) ||
        !spm_firmware_json_has(root, "$.targets[*].architecture", "x86_64"))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(spm_firmware_image_paths); i++)
        g_ptr_array_extend_and_steal(images, spm_firmware_json_strings(root, spm_firmware_image_paths[i]));
}

/**
 * spm_firmware_described:
 * @interface: "uefi" or "bios"
 * @dirs: folders of descriptors, NULL-terminated
 *
 * Returns: (transfer full): the paths of all images for x86_64 that descriptors in @dirs offer as @interface.
 *   An image occurs once for each descriptor
 */
GPtrArray *
spm_firmware_described(const char *interface, const char *const *dirs)
{
    GPtrArray *images = g_ptr_array_new_with_free_func(g_free);

    for (; *dirs; dirs++) {
        g_autoptr(GPtrArray) files = spm_file_list(*dirs, ".json", NULL);

        SPM_FOREACH(const char, file, files)
            spm_firmware_add_described(images, file, interface);
    }
    return images;
}

/* ---- QEMU's default image ---- */

/**
 * spm_firmware_of_emulator:
 * @emulator: the path of a QEMU
 *
 * Returns: (transfer full): the paths of the SeaBIOS images that it may load by default
 */
GPtrArray *
spm_firmware_of_emulator(const char *emulator)
{
    GPtrArray *images = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *real = realpath(emulator, NULL);
    g_autofree char *bin = g_path_get_dirname(real ? real : "/");
    g_autofree char *prefix = g_path_get_dirname(bin);

    for (gsize i = 0; real && i < G_N_ELEMENTS(spm_firmware_seabios_paths); i++) {
        g_autofree char *image = g_build_filename(prefix, spm_firmware_seabios_paths[i], NULL);

        if (g_file_test(image, G_FILE_TEST_EXISTS))
            g_ptr_array_add(images, g_steal_pointer(&image));
    }
    return images;
}

/* ---- images of a domain ---- */

/**
 * spm_firmware_of_domain:
 * @def: a definition after spm_qemu_ns_parse()
 * @emulator: (nullable): the path of the QEMU that will run it; NULL: the one that @def names, or libvirt's
 *   default
 * @dirs: folders of descriptors, NULL-terminated
 *
 * Returns: (transfer full): the paths of all images that it may boot; empty when they are not known
 */
GPtrArray *
spm_firmware_of_domain(const SpmDomainDef *def, const char *emulator, const char *const *dirs)
{
    g_autofree char *loader = spm_xml_content(spm_xml_find(def->root, "os/loader"));
    g_autofree char *kind = spm_xml_attr(spm_xml_find(def->root, "os"), "firmware");
    GPtrArray *images = g_ptr_array_new_with_free_func(g_free);

    if (!emulator)
        emulator = def->emulator;
    if (spm_qemu_ns_has_argument(def, spm_firmware_options))
        return images;
    if (loader && *loader)
        g_ptr_array_add(images, g_steal_pointer(&loader));
    else if (kind)
        g_ptr_array_extend_and_steal(images,
                                     spm_firmware_described(strcmp(kind, "efi") ? kind : "uefi", dirs));
    else
        g_ptr_array_extend_and_steal(images,
                                     spm_firmware_of_emulator(emulator ? emulator : SPM_DEFAULT_EMULATOR));
    return images;
}

/**
 * spm_firmware_judge:
 * @images: paths of images, one of which will be booted
 * @reason: (out) (transfer full) (nullable): a sentence on the first image: "'/path' is ..."; NULL without
 *   images
 *
 * Returns: the verdict on all of them; unknown when they differ
 */
SpmFirmwareVerdict
spm_firmware_judge(const GPtrArray *images, char **reason)
{
    SpmFirmwareVerdict all = SPM_FIRMWARE_UNKNOWN;

    *reason = NULL;
    for (guint i = 0; i < images->len; i++) {
        const char *image = g_ptr_array_index(images, i);
        g_autofree char *why = NULL;
        SpmFirmwareVerdict verdict = spm_firmware_scan(image, &why);

        if (i > 0 && verdict != all)
            return SPM_FIRMWARE_UNKNOWN;
        all = verdict;
        if (i == 0)
            *reason = g_strdup_printf("'%s' %s", image, why);
    }
    return all;
}
