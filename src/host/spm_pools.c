/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain has which of the host's devices as its memory, and the pools from which they are chosen.
 *
 * Theory of operation
 *
 * A domain takes all of its devices when it starts and gives them back when it has ended
 * (preload/wrap_hook.c). In between they are in a table, by the name of the domain. Two starts at the same
 * time take one after the other, under a lock that is held neither while libvirt is asked nor while the
 * emulator starts. A daemon that is restarted reads the table from libvirt's own files on running domains.
 *
 * A domain that has a pool has the path of a link. When it starts, the link is made, and leads to the device.
 * So the XML of a domain does not change when its device does, and libvirt's labels, cgroups and namespaces
 * follow the link.
 *
 * A device has many names, so devices are compared, and not paths. Guests may share an ordinary file on
 * purpose; they never share a device, nor what is in a pool. */

#include "host/spm_pools.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/spm_file.h"
#include "spm_config.h"
#include "spm_memory_conf.h"
#include "spm_xml.h"

/* What a memory device of a domain has. */
typedef struct {
    char *alias;
    char *path;   /* as the domain or the pool names it */
    char *link;   /* to be removed in the end, or NULL */
    gboolean spm; /* the memory device is SPM */
    gboolean own; /* nobody may share it */
    struct stat status;
} SpmHold;

G_LOCK_DEFINE_STATIC(spm_pools);
/* By the name of each domain, a GPtrArray of SpmHold. */
static GHashTable *spm_pools_domains;

static void
spm_pools_hold_free(gpointer data)
{
    SpmHold *hold = data;

    if (hold->link)
        unlink(hold->link);
    g_free(hold->alias);
    g_free(hold->path);
    g_free(hold->link);
    g_free(hold);
}

static gboolean
spm_pools_is_device(const struct stat *status)
{
    return S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode);
}

static gboolean
spm_pools_is_same(const struct stat *one, const struct stat *other)
{
    if ((one->st_mode & S_IFMT) != (other->st_mode & S_IFMT))
        return FALSE;
    if (spm_pools_is_device(one))
        return one->st_rdev == other->st_rdev;
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* What is at the path of a memory device. libvirt reports a path that leads to nothing. */
static SpmHold *
spm_pools_hold_new(const SpmSource *source)
{
    SpmHold *hold = g_new0(SpmHold, 1);

    hold->alias = g_strdup(source->alias);
    hold->path = g_strdup(source->path);
    hold->spm = source->spm;
    if (stat(source->path, &hold->status) < 0)
        memset(&hold->status, 0, sizeof(hold->status));
    hold->own = spm_pools_is_device(&hold->status);
    return hold;
}

/* Finds who has a link, or without @link, who has a device. */
static const SpmHold *
spm_pools_find(const struct stat *status, const char *link, const char **domain)
{
    GHashTableIter iter;
    gpointer name, holds;

    g_hash_table_iter_init(&iter, spm_pools_domains);
    while (g_hash_table_iter_next(&iter, &name, &holds)) {
        for (guint i = 0; i < ((GPtrArray *)holds)->len; i++) {
            const SpmHold *hold = g_ptr_array_index((GPtrArray *)holds, i);

            *domain = name;
            if (link ? g_strcmp0(link, hold->link) == 0 : spm_pools_is_same(status, &hold->status))
                return hold;
        }
    }
    return NULL;
}

/* The paths of a pool, with its patterns replaced by what they match. What matches nothing stays. */
static GPtrArray *
spm_pools_members(GStrv patterns)
{
    GPtrArray *members = g_ptr_array_new_with_free_func(g_free);

    for (char **pattern = patterns; *pattern; pattern++) {
        glob_t found = { 0 };

        glob(*pattern, GLOB_NOCHECK, NULL, &found);
        for (gsize i = 0; i < found.gl_pathc; i++)
            g_ptr_array_add(members, g_strdup(found.gl_pathv[i]));
        globfree(&found);
    }
    return members;
}

/* A GTraverseFunc: whether a pool has what @data, a SpmHold, has. */
static gboolean
spm_pools_mark_member(gpointer name, gpointer patterns, gpointer data)
{
    g_autoptr(GPtrArray) members = spm_pools_members(patterns);
    SpmHold *hold = data;
    struct stat status;

    (void)name;
    for (guint i = 0; !hold->own && i < members->len; i++)
        hold->own =
            stat(g_ptr_array_index(members, i), &status) == 0 && spm_pools_is_same(&status, &hold->status);
    return hold->own;
}

/* The size of a file or a devdax device, in KiB; 0 when it is neither. */
static guint64
spm_pools_size(const struct stat *status)
{
    g_autofree char *file =
        g_strdup_printf("/sys/dev/char/%u:%u/size", major(status->st_rdev), minor(status->st_rdev));
    g_autofree char *text = NULL;

    if (S_ISREG(status->st_mode))
        return (guint64)status->st_size / 1024;
    if (!S_ISCHR(status->st_mode) || !g_file_get_contents(file, &text, NULL, NULL))
        return 0;
    return g_ascii_strtoull(text, NULL, 10) / 1024;
}

/* Why a domain cannot have a member of a pool, or NULL. */
static char *
spm_pools_objection(const char *path, guint64 size, struct stat *status)
{
    const char *domain;

    if (stat(path, status) < 0)
        return g_strdup_printf("'%s' cannot be used (%s)", path, g_strerror(errno));
    if (spm_pools_find(status, NULL, &domain))
        return g_strdup_printf("domain '%s' has '%s'", domain, path);
    if (spm_pools_size(status) < size)
        return g_strdup_printf("'%s' has only %" G_GUINT64_FORMAT " KiB", path, spm_pools_size(status));
    return NULL;
}

/* The path of the smallest member that is free and suffices, or NULL; @why tells of the others. */
static char *
spm_pools_choose(GStrv patterns, guint64 size, struct stat *chosen, GString *why)
{
    g_autoptr(GPtrArray) members = spm_pools_members(patterns);
    const char *best = NULL;

    for (guint i = 0; i < members->len; i++) {
        const char *path = g_ptr_array_index(members, i);
        struct stat status;
        g_autofree char *objection = spm_pools_objection(path, size, &status);

        if (objection) {
            g_string_append_printf(why, "%s %s", why->len ? "," : ":", objection);
        } else if (!best || spm_pools_size(&status) < spm_pools_size(chosen)) {
            best = path;
            *chosen = status;
        }
    }
    return g_strdup(best);
}

/* The other domain that uses @link or, being defined, is to use it; NULL when there is none. A domain that
 * was renamed has the link of its old name, which is nobody's. */
static char *
spm_pools_link_owner(const char *link, const char *domain)
{
    g_autofree char *folder = spm_settings_place("LIBVIRT_SPM_DOMAINS", SPM_SYSCONFDIR "/libvirt/qemu",
                                                 g_get_user_config_dir(), "qemu");
    const char *name = strrchr(link, '/') + 1, *user;

    if (spm_pools_find(NULL, link, &user))
        return g_strdup(user);
    for (const char *end = strstr(name, ".ua-"); end; end = strstr(end + 1, ".ua-")) {
        g_autofree char *owner = g_strndup(name, (gsize)(end - name));
        g_autofree char *file = g_strdup_printf("%s/%s.xml", folder, owner);

        if (strcmp(owner, domain) != 0 && g_file_test(file, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&owner);
    }
    return NULL;
}

/* Makes the link of a domain lead to its device. */
static gboolean
spm_pools_link(SpmHold *hold, const char *link, const char *domain, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(link), *other = spm_pools_link_owner(link, domain);

    if (other) {
        g_set_error(error, SPM_ERROR, SPM_ERROR_BUSY,
                    "memory device '%s' of domain '%s' has the link '%s', as has domain '%s'; define the one "
                    "again whose "
                    "name is not in the link",
                    hold->alias, domain, link, other);
        return FALSE;
    }
    if (g_mkdir_with_parents(folder, 0755) == 0 && (unlink(link) == 0 || errno == ENOENT) &&
        symlink(hold->path, link) == 0) {
        hold->link = g_strdup(link);
        return TRUE;
    }
    g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                "memory device '%s' of domain '%s' needs the link '%s', which cannot be made: %s",
                hold->alias, domain, link, g_strerror(errno));
    return FALSE;
}

static gboolean
spm_pools_take_of_pool(const SpmSettings *settings, const char *domain, const SpmSource *source,
                       const char *pool, SpmHold *hold, GError **error)
{
    GStrv patterns = settings->pools ? g_tree_lookup(settings->pools, pool) : NULL;
    g_autofree char *conf = spm_settings_path();
    g_autoptr(GString) why = g_string_new(NULL);

    if (!patterns) {
        g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                    "memory device '%s' of domain '%s' has <pool> '%s', and %s has no group [pool %s]",
                    source->alias, domain, pool, conf, pool);
        return FALSE;
    }
    g_free(hold->path);
    hold->path = spm_pools_choose(patterns, source->size, &hold->status, why);
    hold->own = TRUE;
    if (hold->path)
        return spm_pools_link(hold, source->path, domain, error);
    g_set_error(error, SPM_ERROR, SPM_ERROR_BUSY,
                "pool '%s' has no free device of %" G_GUINT64_FORMAT
                " KiB for memory device '%s' of domain '%s'%s",
                pool, source->size, source->alias, domain, why->str);
    return FALSE;
}

static gboolean
spm_pools_take_path(const SpmSettings *settings, const char *domain, const SpmSource *source, SpmHold *hold,
                    GError **error)
{
    const SpmHold *other;
    const char *other_domain;

    if (!hold->own && settings->pools)
        g_tree_foreach(settings->pools, spm_pools_mark_member, hold);
    other = hold->status.st_mode ? spm_pools_find(&hold->status, NULL, &other_domain) : NULL;
    /* memory devices that are not SPM are libvirt's own business */
    if (!other || !(hold->own || other->own) || !(hold->spm || other->spm))
        return TRUE;
    g_set_error(
        error, SPM_ERROR, SPM_ERROR_BUSY,
        "memory device '%s' of domain '%s' cannot have '%s', which memory device '%s' of domain '%s' has "
        "as '%s'; they would read each other's memory",
        source->alias, domain, source->path, other->alias, other_domain, other->path);
    return FALSE;
}

static gboolean
spm_pools_take_one(const SpmSettings *settings, const char *domain, const SpmSource *source, SpmHold *hold,
                   GPtrArray *holds, GError **error)
{
    g_autofree char *pool = NULL;
    gboolean taken = spm_memory_pool_of_link(source->path, &pool)
                         ? spm_pools_take_of_pool(settings, domain, source, pool, hold, error)
                         : spm_pools_take_path(settings, domain, source, hold, error);

    if (taken)
        g_ptr_array_add(holds, hold);
    else
        spm_pools_hold_free(hold);
    return taken;
}

/* The holds of a domain that has none any more. */
static GPtrArray *
spm_pools_domain_new(const char *domain)
{
    GPtrArray *holds = g_ptr_array_new_with_free_func(spm_pools_hold_free);

    if (!spm_pools_domains)
        spm_pools_domains =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    g_hash_table_replace(spm_pools_domains, g_strdup(domain), holds);
    return holds;
}

/**
 * spm_pools_take:
 * @settings: has the pools
 * @domain: the name of a domain that is about to start
 * @sources: its memory devices, see spm_translate_sources()
 * @error: set on failure: SPM_ERROR_BUSY when another domain has a device, SPM_ERROR_CONFIG
 *
 * Gives the domain a device for each memory device that has a pool, and notes what the others have.
 *
 * Returns: FALSE on failure; the domain then has nothing
 */
gboolean
spm_pools_take(const SpmSettings *settings, const char *domain, const GPtrArray *sources, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(spm_pools_hold_free);
    gboolean taken = TRUE;
    GPtrArray *holds;

    /* a path may be on a server that does not answer, for which the starts of other domains must not wait */
    for (guint i = 0; i < sources->len; i++)
        g_ptr_array_add(found, spm_pools_hold_new(g_ptr_array_index(sources, i)));
    G_LOCK(spm_pools);
    holds = spm_pools_domain_new(domain);
    for (guint i = 0; taken && i < sources->len; i++)
        taken = spm_pools_take_one(settings, domain, g_ptr_array_index(sources, i),
                                   g_ptr_array_steal_index(found, 0), holds, error);
    if (!taken)
        g_hash_table_remove(spm_pools_domains, domain);
    G_UNLOCK(spm_pools);
    return taken;
}

/* Notes what a running domain has. */
static void
spm_pools_note(const char *domain, const GPtrArray *sources)
{
    GPtrArray *holds = spm_pools_domain_new(domain);

    for (guint i = 0; i < sources->len; i++) {
        const SpmSource *source = g_ptr_array_index(sources, i);
        SpmHold *hold = spm_pools_hold_new(source);

        if (spm_memory_pool_of_link(source->path, NULL)) {
            hold->own = TRUE;
            hold->link = g_strdup(source->path);
        }
        g_ptr_array_add(holds, hold);
    }
}

/* Reads one of libvirt's files on running domains. */
static void
spm_pools_note_status(const char *file)
{
    g_autofree char *xml = NULL, *name = g_path_get_basename(file);
    g_autoptr(SpmFaults) faults = spm_faults_new();
    gboolean read = g_file_get_contents(file, &xml, NULL, NULL);
    g_autoptr(xmlDoc) doc = read ? spm_xml_parse_dump(xml, faults) : NULL;
    xmlNodePtr domain = doc ? spm_xml_first(xmlDocGetRootElement(doc), NULL, "domain") : NULL;
    g_autoptr(GPtrArray) sources = domain ? spm_translate_sources(domain) : g_ptr_array_new();

    name[strlen(name) - strlen(".xml")] = '\0';
    spm_pools_note(name, sources);
}

/**
 * spm_pools_adopt_running:
 *
 * Notes, once, what the domains have that ran before the daemon. libvirt finds them again one by one, and may
 * take its time; until then no other domain may take what they have.
 */
void
spm_pools_adopt_running(void)
{
    static gboolean done;
    g_autofree char *folder =
        spm_settings_place("LIBVIRT_SPM_STATUS", "/run/libvirt/qemu", g_get_user_runtime_dir(), "qemu/run");

    G_LOCK(spm_pools);
    if (!done) {
        g_autoptr(GPtrArray) files = spm_file_list(folder, ".xml", NULL);

        for (guint i = 0; i < files->len; i++)
            spm_pools_note_status(g_ptr_array_index(files, i));
        done = TRUE;
    }
    G_UNLOCK(spm_pools);
}

/**
 * spm_pools_release:
 * @domain: the name of a domain that has ended
 *
 * Takes back what the domain has.
 */
void
spm_pools_release(const char *domain)
{
    G_LOCK(spm_pools);
    if (spm_pools_domains)
        g_hash_table_remove(spm_pools_domains, domain);
    G_UNLOCK(spm_pools);
}
