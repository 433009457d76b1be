/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the chosen emulator's device is called, and what the chosen libvirt can carry. */

#include "qemu_spm_caps.h"

#include <stdio.h>
#include <string.h>

/* The first libvirt that passes a cell of memory 0 on without a backend of size 0, which QEMU refuses. It
 * came with the NUMA affinity of PCI devices, whose test in libvirt has such cells. */
#define SPM_LIBVIRT_EMPTY_CELLS SPM_LIBVIRT_VERSION(11, 8, 0)

/* The one to prefer first. Nothing that reads the guest's memory as migration does finds that of sp-mem. */
static const struct {
    const char *name;
    gboolean moves_contents;
} spm_devices[] = {
    { "spm-memory", TRUE },
    { "sp-mem", FALSE },
};

/* Memory devices are compared in pairs, so a document must not have more of them than any domain can that
 * libvirt and QEMU start: QEMU has 256 slots (ACPI_MAX_RAM_SLOTS), of which a carrier takes one; 4095 ranges
 * of memory in an address space of x86 (phys_section_add(), which limits every device); and 128 NUMA nodes
 * (MAX_NODES). */
const SpmLimits spm_qemu_limits = {
    .spms = { 256, "QEMU has 256 slots for memory devices" },
    .memories = { 4096, "QEMU has no more ranges of memory" },
    .cells = { 128, "QEMU has 128 NUMA nodes" },
};

/**
 * spm_libvirt_version_of_file:
 * @file: what libvirt.so.0 is a link to: "libvirt.so.0.11003.0", in any folder
 *
 * Returns: the version that the name tells, 0 when it is another name
 */
unsigned long
spm_libvirt_version_of_file(const char *file)
{
    g_autofree char *name = g_path_get_basename(file);
    unsigned long version, release;

    if (sscanf(name, "libvirt.so.0.%lu.%lu", &version, &release) != 2)
        return 0;
    return version * 1000 + release;
}

/**
 * spm_libvirt_version_name:
 * @version: libvirt's own number
 *
 * Returns: (transfer full): "11.3.0"
 */
char *
spm_libvirt_version_name(unsigned long version)
{
    return g_strdup_printf("%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
}

static gssize
spm_qemu_device_index(const char *device)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_devices); i++) {
        if (strcmp(spm_devices[i].name, device) == 0)
            return (gssize)i;
    }
    return -1;
}

/**
 * spm_qemu_device_name:
 * @index: from 0
 *
 * Returns: (transfer none) (nullable): QEMU's name of a device that provides specific purpose memory, the
 *   one to prefer first; NULL after the last
 */
const char *
spm_qemu_device_name(gsize index)
{
    return index < G_N_ELEMENTS(spm_devices) ? spm_devices[index].name : NULL;
}

/**
 * spm_qemu_device_find:
 * @device: QEMU's name of a device
 *
 * Returns: (transfer none) (nullable): the same name as a constant when the device provides specific purpose
 *   memory; NULL otherwise
 */
const char *
spm_qemu_device_find(const char *device)
{
    gssize index = spm_qemu_device_index(device);

    return index >= 0 ? spm_devices[index].name : NULL;
}

/**
 * spm_qemu_set_no_device:
 * @error: where the error goes
 * @code: its code
 * @emulator: an emulator that has neither device
 */
void
spm_qemu_set_no_device(GError **error, SpmErrorCode code, const char *emulator)
{
    g_set_error(error, SPM_ERROR, (int)code,
                "<emulator> '%s' has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; "
                "install QEMU 11.1 or newer, or one with libvirt-spm's patches",
                emulator);
}

/**
 * spm_qemu_device_moves_contents:
 * @device: QEMU's name of a device that provides specific purpose memory
 *
 * Returns: TRUE when what the guest wrote is still there after migration, and after saving and restoring
 */
gboolean
spm_qemu_device_moves_contents(const char *device)
{
    return spm_devices[spm_qemu_device_index(device)].moves_contents;
}

/**
 * spm_qemu_stock_cells:
 * @def: a definition
 * @options: for which libvirt
 *
 * Returns: how many of the domain's NUMA cells, from the first, libvirt is given. The rest, which have
 *   no memory of their own, reach QEMU by another way (see spm_translate.c)
 */
guint
spm_qemu_stock_cells(const SpmDomainDef *def, const SpmQemuOptions *options)
{
    return options->libvirt_version >= SPM_LIBVIRT_EMPTY_CELLS ? def->cells->len
                                                               : spm_domain_def_filled_cells(def);
}
