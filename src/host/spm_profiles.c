/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The administrator's profiles: the files in spm.d, next to spm.conf.
 *
 * A mistake in a profile must not weaken it: a request for SPM from one host node would get it from any. So a
 * profile with a mistake is kept with the mistake, and a request for it is refused. A file that cannot be
 * read may have any profile, so a request that finds none is refused then. */

#include "host/spm_profiles.h"

#include <string.h>

#include "host/spm_file.h"
#include "host/spm_settings.h"
#include "spm_config.h"
#include "spm_cpuset.h"
#include "spm_memory_conf.h"

/* The most bytes that a file may have. */
#define SPM_PROFILES_MAX (1024 * 1024)

static gboolean
spm_profiles_set_text(gpointer field, const char *value)
{
    g_free(*(char **)field);
    *(char **)field = g_strdup(value);
    return *value != '\0';
}

/* "1GiB" in KiB */
static gboolean
spm_profiles_set_size(gpointer field, const char *value)
{
    gsize digits = strspn(value, G_CSET_DIGITS);
    g_autofree char *number = g_strndup(value, digits), *unit = g_strstrip(g_strdup(value + digits));

    return *unit && spm_parse_size(number, unit, field) && *(guint64 *)field;
}

static gboolean
spm_profiles_set_nodes(gpointer field, const char *value)
{
    return spm_profiles_set_text(field, value) && spm_cpuset_is_valid(value);
}

static gboolean
spm_profiles_set_pool(gpointer field, const char *value)
{
    return spm_profiles_set_text(field, value) && spm_memory_is_pool_name(value);
}

static gboolean
spm_profiles_set_access(gpointer field, const char *value)
{
    *(SpmAccess *)field = spm_choice_from_string(spm_access_names, value);
    return *(SpmAccess *)field != SPM_ACCESS_DEFAULT;
}

static gboolean
spm_profiles_set_requests(gpointer field, const char *value)
{
    g_autoptr(GPtrArray) requests = g_ptr_array_new_with_free_func(spm_request_free);
    g_autoptr(SpmFaults) faults = spm_faults_new();

    spm_request_parse(value, "", requests, faults);
    return spm_profiles_set_text(field, value) && !faults->len;
}

static const struct {
    const char *kind;
    const char *name;
    gsize offset;
    gboolean (*set)(gpointer field, const char *value);
    const char *expected;
} spm_profiles_keys[] = {
    { SPM_PROFILE, "pagesize", G_STRUCT_OFFSET(SpmProfile, pagesize), spm_profiles_set_size,
      "a size such as 2MiB" },
    { SPM_PROFILE, "nodemask", G_STRUCT_OFFSET(SpmProfile, nodemask), spm_profiles_set_nodes,
      "host NUMA nodes such as 0 or 0-1,3" },
    { SPM_PROFILE, "access", G_STRUCT_OFFSET(SpmProfile, access), spm_profiles_set_access,
      "shared or private" },
    { SPM_PROFILE, "pool", G_STRUCT_OFFSET(SpmProfile, pool), spm_profiles_set_pool, "the name of a pool" },
    { SPM_FLAVOR, "size", G_STRUCT_OFFSET(SpmProfile, size), spm_profiles_set_requests,
      "a request such as 1GiB" },
    { SPM_FLAVOR, "profile", G_STRUCT_OFFSET(SpmProfile, profile), spm_profiles_set_text,
      "the name of a profile" },
};

static void
spm_profiles_free(gpointer data)
{
    SpmProfile *profile = data;

    g_free(profile->fault);
    g_free(profile->nodemask);
    g_free(profile->pool);
    g_free(profile->size);
    g_free(profile->profile);
    g_free(profile);
}

/* ---- files ---- */

/* A group of a file. */
typedef struct {
    const char *path;
    const char *name;
    GKeyFile *file;
    SpmProfile *profile; /* to which it adds, or NULL */
    SpmFaults *faults;
} SpmProfilesGroup;

static void spm_profiles_fault(const SpmProfilesGroup *group, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
spm_profiles_fault(const SpmProfilesGroup *group, const char *format, ...)
{
    g_autofree char *where = g_strdup_printf("%s: [%s]:", group->path, group->name);
    va_list args;

    va_start(args, format);
    spm_faults_add_va(group->faults, SPM_ERROR_CONFIG, 0, where, format, args);
    va_end(args);
}

static void
spm_profiles_set(const SpmProfilesGroup *group, const char *key)
{
    g_autofree char *value = g_key_file_get_value(group->file, group->name, key, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(spm_profiles_keys); i++) {
        if (!g_str_has_prefix(group->name, spm_profiles_keys[i].kind) ||
            strcmp(key, spm_profiles_keys[i].name) != 0)
            continue;
        if (!spm_profiles_keys[i].set((char *)group->profile + spm_profiles_keys[i].offset, value))
            spm_profiles_fault(group, "invalid %s '%s'; expected %s", key, value,
                               spm_profiles_keys[i].expected);
        return;
    }
    spm_profiles_fault(group, "unknown setting '%s' with the value '%s'", key, value);
}

static void
spm_profiles_read_group(const SpmProfilesGroup *group)
{
    g_auto(GStrv) keys = g_key_file_get_keys(group->file, group->name, NULL, NULL);
    SpmProfile *profile = group->profile;
    guint before = group->faults->len;
    const SpmFault *fault;

    for (char **key = keys; *key; key++)
        spm_profiles_set(group, *key);
    if (profile->pool && (profile->pagesize || profile->nodemask))
        spm_profiles_fault(group, "pool='%s' cannot be combined with pagesize and nodemask", profile->pool);
    if (g_str_has_prefix(group->name, SPM_FLAVOR) && !profile->size)
        spm_profiles_fault(group, "it has no size");
    fault = spm_faults_get(group->faults, before);
    if (group->faults->len > before && !profile->fault)
        profile->fault = g_strdup(fault ? fault->message : "it has a mistake");
}

static void
spm_profiles_read_file(const char *path, SpmProfiles *profiles, SpmFaults *faults)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GBytes) bytes = spm_file_read(path, SPM_PROFILES_MAX, &error);
    g_auto(GStrv) groups = NULL;

    if (!bytes || !g_key_file_load_from_bytes(file, bytes, G_KEY_FILE_NONE, &error)) {
        spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: %s", path, error->message);
        profiles->incomplete = TRUE;
        return;
    }
    groups = g_key_file_get_groups(file, NULL);
    for (char **name = groups; *name; name++) {
        gboolean is_flavor = g_str_has_prefix(*name, SPM_FLAVOR);
        SpmProfilesGroup group = { path, *name, file, g_hash_table_lookup(profiles->groups, *name), faults };

        if (!is_flavor && !g_str_has_prefix(*name, SPM_PROFILE)) {
            spm_profiles_fault(&group, "unknown group; expected [profile NAME] or [flavor NAME]");
            continue;
        }
        if (!group.profile)
            g_hash_table_insert(profiles->groups, g_strdup(*name), group.profile = g_new0(SpmProfile, 1));
        spm_profiles_read_group(&group);
        profiles->has_flavors |= is_flavor;
    }
}

/**
 * spm_profiles_path:
 *
 * Returns: (transfer full): the folder to load: the one that the environment variable LIBVIRT_SPM_PROFILES
 * names, or for root the one next to libvirt's own files, or the user's
 */
char *
spm_profiles_path(void)
{
    return spm_settings_place("LIBVIRT_SPM_PROFILES", SPM_SYSCONFDIR "/libvirt/spm.d",
                              g_get_user_config_dir(), "spm.d");
}

/**
 * spm_profiles_load:
 * @folder: of which the files *.conf are read, in the order of their names; there are none if it does not
 * exist
 * @profiles: (out): what the files say; free it with spm_profiles_clear()
 * @faults: gets a fault for each mistake
 */
void
spm_profiles_load(const char *folder, SpmProfiles *profiles, SpmFaults *faults)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) files = spm_file_list(folder, ".conf", &error);

    profiles->folder = g_strdup(folder);
    profiles->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, spm_profiles_free);
    profiles->incomplete = error && !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    if (profiles->incomplete)
        spm_faults_add(faults, SPM_ERROR_CONFIG, 0, "%s: %s", folder, error->message);
    SPM_FOREACH(const char, file, files)
        spm_profiles_read_file(file, profiles, faults);
}

/**
 * spm_profiles_clear:
 * @profiles: what spm_profiles_load() filled
 */
void
spm_profiles_clear(SpmProfiles *profiles)
{
    g_free(profiles->folder);
    g_clear_pointer(&profiles->groups, g_hash_table_unref);
}
