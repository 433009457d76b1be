/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether libvirt's daemons on a host have loaded the module, and how to make them load it. */

#define _GNU_SOURCE /* memmem */

#include "host/spm_daemons.h"

#include <string.h>

#include "spm_config.h"

#define SPM_MODULE_NAME "libvirt-spm.so"

static const char *const spm_daemons_names[] = { "libvirtd", "virtqemud", NULL };

typedef enum {
    SPM_PRELOADS_NOTHING,
    SPM_PRELOADS_OTHER,
    SPM_PRELOADS_MODULE,
} SpmPreload;

/* What systemd's drop-ins for a daemon preload. */
typedef struct {
    SpmPreload preload;
    GHashTable *paths;    /* the drop-ins that systemd reads, by file name */
    const char *deciding; /* the one of them that sets LD_PRELOAD last, or NULL */
    const char *hiding;   /* one of them that overrides one with the module, or NULL */
} SpmDropIns;

static void
spm_daemons_clear_drop_ins(SpmDropIns *drop_ins)
{
    g_clear_pointer(&drop_ins->paths, g_hash_table_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmDropIns, spm_daemons_clear_drop_ins)

static SpmPreload
spm_daemons_drop_in_preload(const SpmExam *exam, const char *path)
{
    g_autofree char *text = spm_exam_read(exam, path);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    SpmPreload preload = SPM_PRELOADS_NOTHING;

    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (g_str_has_prefix(*line, "Environment=") && strstr(*line, "LD_PRELOAD="))
            preload = strstr(*line, SPM_MODULE_NAME) ? SPM_PRELOADS_MODULE : SPM_PRELOADS_OTHER;
    }
    return preload;
}

/* Adds the drop-ins in @folder to @drop_ins, which already has those from folders of higher precedence. */
static void
spm_daemons_collect_drop_ins(const SpmExam *exam, const char *folder, SpmDropIns *drop_ins)
{
    g_autofree char *full = spm_exam_path(exam, folder);
    g_autoptr(GDir) dir = g_dir_open(full, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        const char *winner = g_hash_table_lookup(drop_ins->paths, name);

        if (!g_str_has_suffix(name, ".conf"))
            continue;
        if (!winner)
            g_hash_table_insert(drop_ins->paths, g_strdup(name), g_steal_pointer(&path));
        else if (spm_daemons_drop_in_preload(exam, path) == SPM_PRELOADS_MODULE &&
                 spm_daemons_drop_in_preload(exam, winner) != SPM_PRELOADS_MODULE)
            drop_ins->hiding = winner;
    }
}

/* systemd reads a file name once, from the first folder that has it, and sorts the files by name. */
static void
spm_daemons_read_drop_ins(const SpmExam *exam, const char *daemon, SpmDropIns *drop_ins)
{
    static const char *const folders[] = { "/etc/systemd/system", "/run/systemd/system",
                                           "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                           "/lib/systemd/system" };
    g_autoptr(GList) names = NULL;

    drop_ins->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *folder = g_strdup_printf("%s/%s.service.d", folders[i], daemon);

        spm_daemons_collect_drop_ins(exam, folder, drop_ins);
    }
    names = g_list_sort(g_hash_table_get_keys(drop_ins->paths), (GCompareFunc)strcmp);
    for (const GList *name = names; name; name = name->next) {
        const char *path = g_hash_table_lookup(drop_ins->paths, name->data);
        SpmPreload preload = spm_daemons_drop_in_preload(exam, path);

        if (preload == SPM_PRELOADS_NOTHING)
            continue;
        drop_ins->preload = preload;
        drop_ins->deciding = path;
    }
}

static void
spm_daemons_advise_drop_in(SpmExam *exam, const char *daemon)
{
    g_auto(SpmDropIns) drop_ins = { 0 };

    spm_daemons_read_drop_ins(exam, daemon, &drop_ins);
    if (drop_ins.preload == SPM_PRELOADS_MODULE) {
        spm_exam_report(exam, SPM_ADVICE, "restart it:");
    } else if (drop_ins.preload == SPM_PRELOADS_OTHER) {
        spm_exam_report(exam, SPM_ADVICE,
                        "%s preloads another library; make it preload both:", drop_ins.deciding);
        spm_exam_report(exam, SPM_COMMAND, "sed -i 's|LD_PRELOAD=|&%s:|' %s", SPM_MODULE, drop_ins.deciding);
    } else if (drop_ins.hiding) {
        spm_exam_report(exam, SPM_ADVICE, "%s overrides the module's drop-in; remove it:", drop_ins.hiding);
        spm_exam_report(exam, SPM_COMMAND, "rm %s", drop_ins.hiding);
    } else {
        spm_exam_report(exam, SPM_ADVICE, "add a drop-in that preloads the module:");
        spm_exam_report(exam, SPM_COMMAND, "mkdir -p /etc/systemd/system/%s.service.d", daemon);
        spm_exam_report(exam, SPM_COMMAND,
                        "printf '[Service]\\nEnvironment=LD_PRELOAD=%s\\n' "
                        ">/etc/systemd/system/%s.service.d/50-libvirt-spm.conf",
                        SPM_MODULE, daemon);
    }
    spm_exam_report(exam, SPM_COMMAND, "systemctl daemon-reload");
    spm_exam_report(exam, SPM_COMMAND, "systemctl restart %s", daemon);
}

static void
spm_daemons_advise_loading(SpmExam *exam, const char *daemon, gboolean told)
{
    g_autofree char *enforce = spm_exam_read(exam, "/sys/fs/selinux/enforce");

    if (!told) {
        spm_daemons_advise_drop_in(exam, daemon);
    } else if (enforce && *enforce == '1') {
        spm_exam_report(exam, SPM_ADVICE,
                        "SELinux removes LD_PRELOAD when a daemon starts; install the policy described in "
                        "libvirt-spm(7)");
    } else {
        spm_exam_report(
            exam, SPM_ADVICE,
            "the dynamic linker did not load it; look for missing libraries and for AppArmor's denials:");
        spm_exam_report(exam, SPM_COMMAND, "ldd %s", SPM_MODULE);
        spm_exam_report(exam, SPM_COMMAND, "dmesg | grep DENIED");
    }
}

static void
spm_daemons_examine_process(SpmExam *exam, const char *pid, const char *daemon)
{
    g_autofree char *maps_path = g_build_filename(exam->root, "proc", pid, "maps", NULL);
    g_autofree char *environ_path = g_build_filename(exam->root, "proc", pid, "environ", NULL);
    g_autofree char *maps = NULL;
    g_autofree char *environment = NULL;
    gsize length = 0;

    if (!g_file_get_contents(maps_path, &maps, NULL, NULL)) {
        spm_exam_report(exam, SPM_PROBLEM, "%s (process %s) cannot be inspected", daemon, pid);
        spm_exam_report(exam, SPM_ADVICE, "run virt-spm doctor as root");
    } else if (strstr(maps, SPM_MODULE_NAME " (deleted)")) {
        spm_exam_report(exam, SPM_PROBLEM, "%s (process %s) uses a module that has been replaced on disk",
                        daemon, pid);
        spm_exam_report(exam, SPM_ADVICE, "restart it:");
        spm_exam_report(exam, SPM_COMMAND, "systemctl restart %s", daemon);
    } else if (strstr(maps, SPM_MODULE_NAME)) {
        spm_exam_report(exam, SPM_OK, "%s (process %s) has the module", daemon, pid);
    } else {
        /* the environment at the start of the process, as NUL-terminated strings */
        g_file_get_contents(environ_path, &environment, &length, NULL);
        spm_exam_report(exam, SPM_PROBLEM, "%s (process %s) runs without the module", daemon, pid);
        spm_daemons_advise_loading(exam, daemon,
                                   environment &&
                                       memmem(environment, length, SPM_MODULE_NAME, strlen(SPM_MODULE_NAME)));
    }
}

/* Returns the number of running daemons. */
static guint
spm_daemons_examine_processes(SpmExam *exam)
{
    g_autofree char *proc = spm_exam_path(exam, "/proc");
    g_autoptr(GDir) dir = g_dir_open(proc, 0, NULL);
    const char *pid;
    guint count = 0;

    while (dir && (pid = g_dir_read_name(dir))) {
        g_autofree char *comm_path = g_build_filename("/proc", pid, "comm", NULL);
        g_autofree char *comm = g_ascii_isdigit(*pid) ? spm_exam_read(exam, comm_path) : NULL;

        if (!comm || !g_strv_contains(spm_daemons_names, g_strchomp(comm)))
            continue;
        spm_daemons_examine_process(exam, pid, comm);
        count++;
    }
    return count;
}

/**
 * spm_daemons_examine:
 * @exam: the exam to report to
 */
void
spm_daemons_examine(SpmExam *exam)
{
    g_autofree char *module = spm_exam_path(exam, SPM_MODULE);
    gboolean dropped_in = FALSE;

    if (!g_file_test(module, G_FILE_TEST_EXISTS)) {
        spm_exam_report(exam, SPM_PROBLEM, "%s is missing", SPM_MODULE);
        spm_exam_report(exam, SPM_ADVICE, "reinstall libvirt-spm");
    }
    if (spm_daemons_examine_processes(exam))
        return;
    for (const char *const *daemon = spm_daemons_names; *daemon; daemon++) {
        g_auto(SpmDropIns) drop_ins = { 0 };

        spm_daemons_read_drop_ins(exam, *daemon, &drop_ins);
        dropped_in |= drop_ins.preload == SPM_PRELOADS_MODULE;
    }
    if (dropped_in) {
        spm_exam_report(
            exam, SPM_OK,
            "neither libvirtd nor virtqemud is running; a drop-in preloads the module when one starts");
    } else {
        spm_exam_report(exam, SPM_PROBLEM,
                        "neither libvirtd nor virtqemud is running, and no drop-in preloads the module");
        spm_daemons_advise_loading(exam, "libvirtd", FALSE);
    }
}
