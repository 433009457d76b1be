/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading files that may be hostile. */

#define _GNU_SOURCE /* O_PATH */

#include "host/spm_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
spm_file_compare_paths(gconstpointer one, gconstpointer other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/**
 * spm_file_list:
 * @folder: a folder
 * @suffix: how the names of files end
 * @error: set when @folder cannot be read, #GFileError
 *
 * Returns: (transfer full): the paths of these files in @folder, sorted; empty on failure
 */
GPtrArray *
spm_file_list(const char *folder, const char *suffix, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_suffix(name, suffix))
            g_ptr_array_add(files, g_build_filename(folder, name, NULL));
    }
    g_ptr_array_sort(files, spm_file_compare_paths);
    return files;
}

static void
spm_file_set_error(GError **error, int number)
{
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(number), "%s", g_strerror(number));
}

/* Opens a regular file only: opening a file of another kind could block, or have an effect. */
static int
spm_file_open(const char *path, struct stat *status, GError **error)
{
    int handle = open(path, O_PATH | O_CLOEXEC);
    g_autofree char *again = g_strdup_printf("/proc/self/fd/%d", handle);
    int fd = -1;

    if (handle < 0 || fstat(handle, status) < 0)
        spm_file_set_error(error, errno);
    else if (!S_ISREG(status->st_mode))
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "it is not a regular file");
    else if ((fd = open(again, O_RDONLY | O_CLOEXEC)) < 0)
        spm_file_set_error(error, errno);
    if (handle >= 0)
        close(handle);
    return fd;
}

/**
 * spm_file_fill:
 * @fd: an open file
 * @buffer: (out): filled up to the end of the file
 * @len: its size in bytes
 *
 * Returns: how many bytes were read; -1 on failure, with errno set
 */
gssize
spm_file_fill(int fd, void *buffer, gsize len)
{
    gsize done = 0;

    while (done < len) {
        ssize_t count = read(fd, (char *)buffer + done, len - done);

        if (count == 0 || (count < 0 && errno != EINTR))
            return count < 0 ? -1 : (gssize)done;
        done += count > 0 ? (gsize)count : 0;
    }
    return (gssize)done;
}

/**
 * spm_file_read:
 * @path: a file
 * @max: the most bytes that it may have
 * @error: set on failure, #GFileError: the file cannot be read, is not a regular file, or is larger than @max
 *
 * Never blocks, and never opens a device or a pipe. Of a file without a size, such as those in /proc, it
 * reads the first @max bytes.
 *
 * Returns: (transfer full): the contents, or NULL
 */
GBytes *
spm_file_read(const char *path, gsize max, GError **error)
{
    struct stat status = { 0 };
    int fd = spm_file_open(path, &status, error);
    g_autofree guint8 *buffer = NULL;
    gssize len = -1;

    if (fd < 0)
        return NULL;
    if (status.st_size < 0 || (gsize)status.st_size > max) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "it is larger than %zu bytes", max);
    } else {
        gsize size = status.st_size ? (gsize)status.st_size : max;

        buffer = g_malloc(size);
        len = spm_file_fill(fd, buffer, size);
        if (len < 0)
            spm_file_set_error(error, errno);
    }
    close(fd);
    return len < 0 ? NULL : g_bytes_new_take(g_steal_pointer(&buffer), (gsize)len);
}
