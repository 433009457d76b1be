/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device for specific purpose memory an emulator has, without running it.
 *
 * QEMU registers a type by its name, which is a separate string in the program: NUL-terminated, and preceded
 * by the NUL of another string. QAPI names the kinds of all memory devices, so a QEMU for another
 * architecture, or one built without the device, may contain the name as well. QEMU then reports the error
 * when the domain starts. A script does not contain these strings, and nobody knows which program it starts.
 */

#define _GNU_SOURCE /* memmem */

#include "host/spm_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/spm_file.h"
#include "qemu_spm_caps.h"

#define SPM_SCAN_BYTES 65536
/* How many bytes are kept before the next ones are read. It is more than a name with the NULs around it. */
#define SPM_SCAN_KEEP 32

/* TRUE when @name is a separate string in the bytes. */
static gboolean
spm_scan_has(const char *bytes, gsize len, const char *name)
{
    gsize size = strlen(name) + 1;
    const char *found = bytes;

    while ((found = memmem(found, len - (gsize)(found - bytes), name, size))) {
        if (found > bytes && found[-1] == '\0')
            return TRUE;
        found++;
    }
    return FALSE;
}

/* Opens a regular file that is a program (elf(5)) and not a script that starts one, or sets errno, to ENOEXEC
 * for any other file. It does not wait for a pipe. */
static int
spm_scan_open(const char *path)
{
    static const char magic[] = { 0x7f, 'E', 'L', 'F' };
    char start[sizeof(magic)] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int number = ENOEXEC;
    struct stat info;

    if (fd < 0)
        return -1;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && spm_file_fill(fd, start, sizeof(start)) < 0)
        number = errno;
    if (memcmp(start, magic, sizeof(magic)) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    close(fd);
    errno = number;
    return -1;
}

/* The lowest index of a device whose name is in the file. G_MAXSSIZE when there is none; -1, with errno set,
 * when the file cannot be read. */
static gssize
spm_scan_file(int fd)
{
    g_autofree char *bytes = g_malloc(SPM_SCAN_KEEP + SPM_SCAN_BYTES);
    gssize best = G_MAXSSIZE, count;

    memset(bytes, 0, SPM_SCAN_KEEP);
    while ((count = spm_file_fill(fd, bytes + SPM_SCAN_KEEP, SPM_SCAN_BYTES)) > 0) {
        const char *name;

        for (gsize i = 0; (gssize)i < best && (name = spm_qemu_device_name(i)); i++) {
            if (spm_scan_has(bytes, SPM_SCAN_KEEP + (gsize)count, name))
                best = (gssize)i;
        }
        memmove(bytes, bytes + count, SPM_SCAN_KEEP);
    }
    return count < 0 ? -1 : best;
}

/**
 * spm_scan_is_program:
 * @path: a file
 *
 * Returns: TRUE for a program, FALSE for a script and for a file that cannot be read
 */
gboolean
spm_scan_is_program(const char *path)
{
    int fd = spm_scan_open(path);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/**
 * spm_scan_emulator:
 * @emulator: the path of a QEMU
 * @error: set on failure. SPM_ERROR_CONFIG: it cannot be read, or is a script; SPM_ERROR_DEVICE: it has no
 *   such device
 *
 * Reads the file once, a part at a time.
 *
 * Returns: (transfer none): the name of its device, or NULL
 */
const char *
spm_scan_emulator(const char *emulator, GError **error)
{
    int fd = spm_scan_open(emulator);
    gssize index = fd < 0 ? -1 : spm_scan_file(fd);
    int number = errno;

    if (fd >= 0)
        close(fd);
    if (index < 0 && number == ENOEXEC)
        g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                    "<emulator> '%s' is not an ELF program, so its device is not known; name the emulator "
                    "that it starts, or set device in spm.conf",
                    emulator);
    else if (index < 0)
        g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                    "<emulator> '%s' cannot be read: %s; set device in spm.conf", emulator,
                    g_strerror(number));
    else if (!spm_qemu_device_name((gsize)index))
        spm_qemu_set_no_device(error, SPM_ERROR_DEVICE, emulator);
    return index < 0 ? NULL : spm_qemu_device_name((gsize)index);
}
