/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answers of emulators, remembered in memory and on disk.
 *
 * An answer is valid while the file at the path keeps its inode, size and times, so an emulator that was
 * replaced is asked again. Failures are not remembered, because an installation usually follows. */

#include "host/spm_probe_cache.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "qemu_spm_caps.h"
#include "spm_config.h"
#include "host/spm_scan.h"
#include "host/spm_settings.h"

#define SPM_CACHE_GROUP "emulator"

/* The maximum number of answers. All are forgotten when it is reached. */
#define SPM_CACHE_MAX 64

/* Text that changes when the file is replaced or written. NULL when there is no file. */
static char *
spm_cache_identity(const char *path)
{
    struct stat info;

    if (stat(path, &info) < 0)
        return NULL;
    return g_strdup_printf("inode %ju:%ju size %jd mtime %jd.%09ld ctime %jd.%09ld", (uintmax_t)info.st_dev,
                           (uintmax_t)info.st_ino, (intmax_t)info.st_size, (intmax_t)info.st_mtim.tv_sec,
                           info.st_mtim.tv_nsec, (intmax_t)info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
}

/* ---- in memory ---- */

static GMutex spm_cache_lock;
static GHashTable *spm_cache_answers; /* identity and path -> device */

static const char *
spm_cache_memory_find(const char *path, const char *identity)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spm_cache_lock);
    g_autofree char *key = g_strdup_printf("%s %s", identity, path);

    return spm_cache_answers ? g_hash_table_lookup(spm_cache_answers, key) : NULL;
}

static void
spm_cache_memory_store(const char *path, const char *identity, const char *device)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spm_cache_lock);

    /* a host has a few emulators; if a client names many files, they are only asked more often */
    if (spm_cache_answers && g_hash_table_size(spm_cache_answers) >= SPM_CACHE_MAX)
        g_hash_table_remove_all(spm_cache_answers);
    if (!spm_cache_answers)
        spm_cache_answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_insert(spm_cache_answers, g_strdup_printf("%s %s", identity, path), (gpointer)device);
}

/* ---- on disk: one file for each emulator, which may be removed at any time ---- */

static char *
spm_cache_disk_folder(void)
{
    return spm_settings_place("LIBVIRT_SPM_CACHE", SPM_LOCALSTATEDIR "/cache/libvirt/spm",
                              g_get_user_cache_dir(), "spm");
}

static char *
spm_cache_disk_file(const char *folder, const char *path)
{
    g_autofree char *name = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);

    return g_build_filename(folder, name, NULL);
}

static const char *
spm_cache_disk_find(const char *path, const char *identity)
{
    g_autofree char *folder = spm_cache_disk_folder();
    g_autofree char *name = spm_cache_disk_file(folder, path);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *stored_path = NULL;
    g_autofree char *stored_identity = NULL;
    g_autofree char *device = NULL;

    if (!g_key_file_load_from_file(file, name, G_KEY_FILE_NONE, NULL))
        return NULL;
    stored_path = g_key_file_get_string(file, SPM_CACHE_GROUP, "path", NULL);
    stored_identity = g_key_file_get_string(file, SPM_CACHE_GROUP, "identity", NULL);
    device = g_key_file_get_string(file, SPM_CACHE_GROUP, "device", NULL);
    if (!device || g_strcmp0(stored_path, path) != 0 || g_strcmp0(stored_identity, identity) != 0)
        return NULL;
    return spm_qemu_device_find(device);
}

/* Forgets all answers when their number has reached the maximum. */
static void
spm_cache_disk_bound(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        /* only what has a name that spm_cache_disk_file() makes */
        if (strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64)
            g_ptr_array_add(files, g_build_filename(folder, name, NULL));
    }
    for (guint i = 0; files->len >= SPM_CACHE_MAX && i < files->len; i++)
        g_unlink(g_ptr_array_index(files, i));
}

/* If the folder is not writable, the next process asks again. */
static void
spm_cache_disk_store(const char *path, const char *identity, const char *device)
{
    g_autofree char *folder = spm_cache_disk_folder();
    g_autofree char *name = spm_cache_disk_file(folder, path);
    g_autoptr(GKeyFile) file = g_key_file_new();

    g_key_file_set_string(file, SPM_CACHE_GROUP, "path", path);
    g_key_file_set_string(file, SPM_CACHE_GROUP, "identity", identity);
    g_key_file_set_string(file, SPM_CACHE_GROUP, "device", device);
    spm_cache_disk_bound(folder);
    if (g_mkdir_with_parents(folder, 0700) == 0)
        g_key_file_save_to_file(file, name, NULL);
}

/* The remembered answer for a file with that identity, or NULL. */
static const char *
spm_cache_recall(const char *emulator, const char *identity)
{
    const char *device = spm_cache_memory_find(emulator, identity);

    if (device)
        return device;
    device = spm_cache_disk_find(emulator, identity);
    if (device)
        spm_cache_memory_store(emulator, identity, device);
    return device;
}

/**
 * spm_probe_recall:
 * @emulator: the absolute path of a QEMU, without symbolic links (see realpath())
 *
 * Runs nothing. Several threads may call it.
 *
 * Returns: (transfer none) (nullable): its device, if spm_probe_cached() remembers it
 */
const char *
spm_probe_recall(const char *emulator)
{
    g_autofree char *identity = spm_cache_identity(emulator);

    return identity ? spm_cache_recall(emulator, identity) : NULL;
}

/**
 * spm_probe_cached:
 * @emulator: see spm_probe_recall()
 * @ask: finds the device. It is called once for an emulator, but each time for a script, because the program
 *   that a script starts may change while the script does not
 * @error: set by @ask on failure
 *
 * Several threads may call it; they do not wait for each other.
 *
 * Returns: (transfer none): the name of its device, or NULL
 */
const char *
spm_probe_cached(const char *emulator, SpmProbeAsk ask, GError **error)
{
    g_autofree char *identity = spm_cache_identity(emulator);
    g_autofree char *identity_after = NULL;
    const char *device = identity ? spm_cache_recall(emulator, identity) : NULL;

    if (device)
        return device;
    device = ask(emulator, error);
    identity_after = spm_cache_identity(emulator);
    /* if the file was replaced meanwhile, the answer may belong to either file */
    if (!device || !identity || g_strcmp0(identity, identity_after) != 0 || !spm_scan_is_program(emulator))
        return device;
    spm_cache_disk_store(emulator, identity, device);
    spm_cache_memory_store(emulator, identity, device);
    return device;
}
