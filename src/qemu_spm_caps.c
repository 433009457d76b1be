/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the chosen emulator's device is called, and what the chosen libvirt can carry. */

#include "qemu_spm_caps.h"

/* The first libvirt that passes a cell of memory 0 on without a backend of size 0, which QEMU refuses.
 * 11.3 does not, 12.8 does; where between them it changed is not known. */
#define SPM_LIBVIRT_EMPTY_CELLS SPM_LIBVIRT_VERSION(12, 8, 0)

static const char *const spm_devices[] = { "spm-memory", "sp-mem", NULL };

/**
 * spm_qemu_devices:
 *
 * Returns: (transfer none): QEMU's names of the devices that provide specific purpose memory, the one to
 *   prefer first, NULL-terminated
 */
const char *const *
spm_qemu_devices(void)
{
    return spm_devices;
}

/**
 * spm_qemu_device_is_known:
 * @device: QEMU's name of a device
 *
 * Returns: TRUE when it is one of those that provide specific purpose memory
 */
gboolean
spm_qemu_device_is_known(const char *device)
{
    return g_strv_contains(spm_devices, device);
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
    guint count = def->cells->len;

    if (options->libvirt_version >= SPM_LIBVIRT_EMPTY_CELLS)
        return count;
    while (count && ((const SpmCellDef *)g_ptr_array_index(def->cells, count - 1))->memory == 0)
        count--;
    return count;
}

/**
 * spm_qemu_carrier_cell:
 * @def: a definition
 * @spm: one of its spm elements
 * @options: for which libvirt
 *
 * Returns: the cell that libvirt is told for @spm, whose memory policy it applies: that of @spm, or 0
 *   when libvirt is not given that cell
 */
unsigned int
spm_qemu_carrier_cell(const SpmDomainDef *def, const SpmMemoryDef *spm, const SpmQemuOptions *options)
{
    return spm->cell < spm_qemu_stock_cells(def, options) ? spm->cell : 0;
}
