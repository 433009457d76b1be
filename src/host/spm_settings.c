/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The administrator's settings: spm.conf, next to libvirt's own configuration. */

#define _GNU_SOURCE /* secure_getenv */

#include "host/spm_settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu_spm_caps.h"
#include "spm_config.h"
#include "spm_memory_conf.h"

#define SPM_SETTINGS_GROUP "spm"
#define SPM_SETTINGS_POOL "pool "

static gboolean
spm_settings_set_device(SpmSettings *settings, const char *value)
{
    settings->device = spm_qemu_device_find(value);
    return settings->device || strcmp(value, "auto") == 0;
}

static gboolean
spm_settings_set_contents_loss(SpmSettings *settings, const char *value)
{
    settings->allow_contents_loss = strcmp(value, "allow") == 0;
    return settings->allow_contents_loss || strcmp(value, "refuse") == 0;
}

static const struct {
    const char *key;
    const char *values;
    gboolean (*set)(SpmSettings *settings, const char *value);
} spm_settings_table[] = {
    { "device", "auto, spm-memory or sp-mem", spm_settings_set_device },
    { "contents_loss", "refuse or allow", spm_settings_set_contents_loss },
};

/**
 * spm_settings_place:
 * @variable: an environment variable that overrides the rest
 * @system: the path for root
 * @folder: another user's folder for such files
 * @name: its name in the folder "libvirt" below @folder
 *
 * Returns: (transfer full): the path of our file or folder
 */
char *
spm_settings_place(const char *variable, const char *system, const char *folder, const char *name)
{
    const char *chosen = secure_getenv(variable);

    if (chosen)
        return g_strdup(chosen);
    return geteuid() == 0 ? g_strdup(system) : g_build_filename(folder, "libvirt", name, NULL);
}

/**
 * spm_settings_path:
 *
 * Returns: (transfer full): the file to load: the one that the environment variable LIBVIRT_SPM_CONF names,
 * or for root the one next to libvirt's own, or the user's
 */
char *
spm_settings_path(void)
{
    return spm_settings_place("LIBVIRT_SPM_CONF", SPM_SYSCONFDIR "/libvirt/spm.conf", g_get_user_config_dir(),
                              "spm.conf");
}

static void
spm_settings_set(SpmSettings *settings, const char *path, const char *key, const char *value,
                 SpmFaults *faults)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_settings_table); i++) {
        if (strcmp(spm_settings_table[i].key, key) != 0)
            continue;
        if (!spm_settings_table[i].set(settings, value))
            spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: invalid %s '%s'; expected %s", path, key, value,
                           spm_settings_table[i].values);
        return;
    }
    spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: unknown setting '%s'", path, key);
}

/* FALSE when a fault was added. */
static gboolean
spm_settings_check_pool(const char *path, const char *group, GStrv keys, GStrv devices, SpmFaults *faults)
{
    guint before = faults->len;

    if (!spm_memory_is_pool_name(group + strlen(SPM_SETTINGS_POOL)))
        spm_faults_add(faults, SPM_ERROR_CONFIG, 0,
                       "%s: invalid group [%s]; expected a name of letters, digits, '_' and '-' after 'pool'",
                       path, group);
    for (char **key = keys; key && *key; key++) {
        if (strcmp(*key, "paths") != 0)
            spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: unknown setting '%s' in [%s]", path, *key,
                           group);
    }
    if (!devices || !*devices)
        spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: [%s] has no paths", path, group);
    for (char **device = devices; device && *device; device++) {
        if (!g_path_is_absolute(*device))
            spm_faults_add(faults, SPM_ERROR_CONFIG, 0,
                           "%s: invalid paths '%s' in [%s]; expected absolute paths, separated by ';'", path,
                           *device, group);
    }
    return faults->len == before;
}

static void
spm_settings_read_pool(SpmSettings *settings, const char *path, GKeyFile *file, const char *group,
                       SpmFaults *faults)
{
    g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, NULL);
    g_auto(GStrv) devices = g_key_file_get_string_list(file, group, "paths", NULL, NULL);

    if (!spm_settings_check_pool(path, group, keys, devices, faults))
        return;
    if (!settings->pools)
        settings->pools = spm_alias_tree_new((GDestroyNotify)g_strfreev);
    g_tree_insert(settings->pools, g_strdup(group + strlen(SPM_SETTINGS_POOL)), g_steal_pointer(&devices));
}

static void
spm_settings_read(SpmSettings *settings, const char *path, GKeyFile *file, SpmFaults *faults)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    g_auto(GStrv) keys = g_key_file_get_keys(file, SPM_SETTINGS_GROUP, NULL, NULL);

    for (char **group = groups; *group; group++) {
        if (g_str_has_prefix(*group, SPM_SETTINGS_POOL))
            spm_settings_read_pool(settings, path, file, *group, faults);
        else if (strcmp(*group, SPM_SETTINGS_GROUP) != 0)
            spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: unknown group [%s]", path, *group);
    }
    for (char **key = keys; key && *key; key++) {
        g_autofree char *value = g_key_file_get_value(file, SPM_SETTINGS_GROUP, *key, NULL);

        spm_settings_set(settings, path, *key, value, faults);
    }
}

/**
 * spm_settings_load:
 * @path: the file; it sets nothing when it does not exist
 * @settings: (out): the defaults, except for what the file sets
 * @faults: gets a fault for each line that is wrong; such a line sets nothing
 */
void
spm_settings_load(const char *path, SpmSettings *settings, SpmFaults *faults)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;

    *settings = (SpmSettings){ 0 };
    if (g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error))
        spm_settings_read(settings, path, file, faults);
    else if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: %s", path, error->message);
}

/**
 * spm_settings_clear:
 * @settings: what spm_settings_load() set
 */
void
spm_settings_clear(SpmSettings *settings)
{
    g_clear_pointer(&settings->pools, g_tree_unref);
}
