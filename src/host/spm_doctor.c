/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be wrong on a host between domain XML and a guest that sees SPM.
 *
 * Each check writes lines: "ok" for what is as it should be, "note" for what may matter, "problem" for what
 * keeps SPM from working, with the next step below it. */

#define _GNU_SOURCE /* memmem */

#include "host/spm_doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu_spm_caps.h"
#include "spm_config.h"
#include "spm_error.h"
#include "host/spm_firmware.h"
#include "host/spm_probe.h"
#include "host/spm_settings.h"
#include "host/spm_stored.h"

#define SPM_MODULE_NAME "libvirt-spm.so"

typedef struct {
    const char *root;     /* where the host's file system begins */
    const char *emulator; /* the only one to look at, or NULL */
    SpmSettings settings;
    GHashTable *devices; /* of emulators that domains have, by path */
    GString *report;
    gboolean problem;
    gboolean firmware_passes; /* some image does */
} SpmExam;

typedef enum {
    SPM_OK,
    SPM_NOTE,
    SPM_PROBLEM,
} SpmFinding;

static void spm_find(SpmExam *exam, SpmFinding finding, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void spm_advise(SpmExam *exam, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void spm_command(SpmExam *exam, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void spm_find_in_domain(SpmExam *exam, SpmFinding finding, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
spm_find(SpmExam *exam, SpmFinding finding, const char *format, ...)
{
    static const char *const words[] = { "ok", "note", "problem" };
    va_list args;

    exam->problem |= finding == SPM_PROBLEM;
    g_string_append_printf(exam->report, "%-8s ", words[finding]);
    va_start(args, format);
    g_string_append_vprintf(exam->report, format, args);
    va_end(args);
    g_string_append_c(exam->report, '\n');
}

static void
spm_report_line(SpmExam *exam, const char *before, const char *format, va_list args)
{
    g_string_append(exam->report, before);
    g_string_append_vprintf(exam->report, format, args);
    g_string_append_c(exam->report, '\n');
}

/* The next step, below what was found. */
static void
spm_advise(SpmExam *exam, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    spm_report_line(exam, "           -> ", format, args);
    va_end(args);
}

/* A command of the step above, in a line that may be pasted into root's shell. */
static void
spm_command(SpmExam *exam, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    spm_report_line(exam, "                ", format, args);
    va_end(args);
}

static char *
spm_path(const SpmExam *exam, const char *path)
{
    return g_build_filename(exam->root, path, NULL);
}

static char *
spm_read_file(const SpmExam *exam, const char *path)
{
    g_autofree char *full = spm_path(exam, path);
    char *text = NULL;

    g_file_get_contents(full, &text, NULL, NULL);
    return text;
}

/* ---- libvirt ---- */

static unsigned long
spm_find_libvirt(const SpmExam *exam)
{
    static const char *const folders[] = { "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib" };

    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *link = g_build_filename(exam->root, folders[i], "libvirt.so.0", NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        unsigned long version = target ? spm_libvirt_version_of_file(target) : 0;

        if (version)
            return version;
    }
    return 0;
}

static void
spm_examine_libvirt(SpmExam *exam)
{
    unsigned long version = spm_find_libvirt(exam);
    g_autofree char *name = spm_libvirt_version_name(version);

    if (!version) {
        spm_find(exam, SPM_PROBLEM, "libvirt was not found");
        spm_advise(exam, "install libvirt 10.0 or newer with its QEMU driver");
    } else if (version < SPM_LIBVIRT_OLDEST) {
        spm_find(exam, SPM_PROBLEM, "libvirt %s cannot start a domain that has SPM", name);
        spm_advise(exam, "install libvirt 10.0 or newer; Debian 12 has it in bookworm-backports");
    } else if (version > SPM_LIBVIRT_NEWEST) {
        spm_find(exam, SPM_NOTE, "libvirt %s is newer than any that was tested", name);
    } else {
        spm_find(exam, SPM_OK, "libvirt %s", name);
    }
}

/* ---- the module in the daemons ---- */

static const char *const spm_daemons[] = { "libvirtd", "virtqemud", NULL };

typedef enum {
    SPM_PRELOADS_NOTHING,
    SPM_PRELOADS_OTHER,
    SPM_PRELOADS_MODULE,
} SpmPreload;

/* What systemd's drop-ins for a daemon come to. */
typedef struct {
    SpmPreload preload;
    char *deciding; /* path of the one that sets LD_PRELOAD last, or NULL */
    char *hiding;   /* path of one that replaces a drop-in with the module, or NULL */
} SpmDropIns;

static void
spm_drop_ins_clear(SpmDropIns *drop_ins)
{
    g_free(drop_ins->deciding);
    g_free(drop_ins->hiding);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpmDropIns, spm_drop_ins_clear)

static SpmPreload
spm_drop_in_preload(const SpmExam *exam, const char *path)
{
    g_autofree char *text = spm_read_file(exam, path);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    SpmPreload preload = SPM_PRELOADS_NOTHING;

    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (g_str_has_prefix(*line, "Environment=") && strstr(*line, "LD_PRELOAD="))
            preload = strstr(*line, SPM_MODULE_NAME) ? SPM_PRELOADS_MODULE : SPM_PRELOADS_OTHER;
    }
    return preload;
}

/* Add the drop-ins of FOLDER to PATHS, which has those of folders that win over it, by file name. */
static void
spm_collect_drop_ins(const SpmExam *exam, const char *folder, GHashTable *paths, SpmDropIns *drop_ins)
{
    g_autofree char *full = spm_path(exam, folder);
    g_autoptr(GDir) dir = g_dir_open(full, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        const char *winner = g_hash_table_lookup(paths, name);

        if (!g_str_has_suffix(name, ".conf"))
            continue;
        if (!winner) {
            g_hash_table_insert(paths, g_strdup(name), g_steal_pointer(&path));
        } else if (spm_drop_in_preload(exam, path) == SPM_PRELOADS_MODULE &&
                   spm_drop_in_preload(exam, winner) != SPM_PRELOADS_MODULE) {
            g_free(drop_ins->hiding);
            drop_ins->hiding = g_strdup(winner);
        }
    }
}

/* systemd reads each name once, from the first folder that has it, and all in the order of their names. */
static void
spm_read_drop_ins(const SpmExam *exam, const char *daemon, SpmDropIns *drop_ins)
{
    static const char *const folders[] = { "/etc/systemd/system", "/run/systemd/system",
                                           "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                                           "/lib/systemd/system" };
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GList) names = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *folder = g_strdup_printf("%s/%s.service.d", folders[i], daemon);

        spm_collect_drop_ins(exam, folder, paths, drop_ins);
    }
    names = g_list_sort(g_hash_table_get_keys(paths), (GCompareFunc)strcmp);
    for (const GList *name = names; name; name = name->next) {
        const char *path = g_hash_table_lookup(paths, name->data);
        SpmPreload preload = spm_drop_in_preload(exam, path);

        if (preload == SPM_PRELOADS_NOTHING)
            continue;
        drop_ins->preload = preload;
        g_free(drop_ins->deciding);
        drop_ins->deciding = g_strdup(path);
    }
}

static void
spm_advise_drop_in(SpmExam *exam, const char *daemon)
{
    g_auto(SpmDropIns) drop_ins = { 0 };

    spm_read_drop_ins(exam, daemon, &drop_ins);
    if (drop_ins.preload == SPM_PRELOADS_MODULE) {
        spm_advise(exam, "restart it:");
    } else if (drop_ins.preload == SPM_PRELOADS_OTHER) {
        spm_advise(exam, "%s preloads something else; let it preload both:", drop_ins.deciding);
        spm_command(exam, "sed -i 's|LD_PRELOAD=|&%s:|' %s", SPM_MODULE, drop_ins.deciding);
    } else if (drop_ins.hiding) {
        spm_advise(exam, "%s takes the place of the module's drop-in; remove it:", drop_ins.hiding);
        spm_command(exam, "rm %s", drop_ins.hiding);
    } else {
        spm_advise(exam, "give it a drop-in that preloads the module:");
        spm_command(exam, "mkdir -p /etc/systemd/system/%s.service.d", daemon);
        spm_command(exam,
                    "printf '[Service]\\nEnvironment=LD_PRELOAD=%s\\n' "
                    ">/etc/systemd/system/%s.service.d/50-libvirt-spm.conf",
                    SPM_MODULE, daemon);
    }
    spm_command(exam, "systemctl daemon-reload");
    spm_command(exam, "systemctl restart %s", daemon);
}

static void
spm_advise_loading(SpmExam *exam, const char *daemon, gboolean told)
{
    g_autofree char *enforce = spm_read_file(exam, "/sys/fs/selinux/enforce");

    if (!told) {
        spm_advise_drop_in(exam, daemon);
    } else if (enforce && *enforce == '1') {
        spm_advise(exam,
                   "SELinux drops LD_PRELOAD where a daemon starts: install the policy of libvirt-spm(7)");
    } else {
        spm_advise(exam, "the dynamic linker did not load it; see what it lacks, and AppArmor's messages:");
        spm_command(exam, "ldd %s", SPM_MODULE);
        spm_command(exam, "dmesg | grep DENIED");
    }
}

static void
spm_examine_process(SpmExam *exam, const char *pid, const char *daemon)
{
    g_autofree char *maps_path = g_build_filename(exam->root, "proc", pid, "maps", NULL);
    g_autofree char *environ_path = g_build_filename(exam->root, "proc", pid, "environ", NULL);
    g_autofree char *maps = NULL;
    g_autofree char *environment = NULL;
    gsize length = 0;

    if (!g_file_get_contents(maps_path, &maps, NULL, NULL)) {
        spm_find(exam, SPM_PROBLEM, "%s (process %s) cannot be looked into", daemon, pid);
        spm_advise(exam, "run virt-spm doctor as root");
    } else if (strstr(maps, SPM_MODULE_NAME " (deleted)")) {
        spm_find(exam, SPM_PROBLEM, "%s (process %s) has a module that was replaced since", daemon, pid);
        spm_advise(exam, "restart it:");
        spm_command(exam, "systemctl restart %s", daemon);
    } else if (strstr(maps, SPM_MODULE_NAME)) {
        spm_find(exam, SPM_OK, "%s (process %s) has the module", daemon, pid);
    } else {
        /* the environment that the process was started with, strings with a zero behind each */
        g_file_get_contents(environ_path, &environment, &length, NULL);
        spm_find(exam, SPM_PROBLEM, "%s (process %s) runs without the module", daemon, pid);
        spm_advise_loading(exam, daemon,
                           environment &&
                               memmem(environment, length, SPM_MODULE_NAME, strlen(SPM_MODULE_NAME)));
    }
}

/* Returns how many processes of daemons there are. */
static guint
spm_examine_processes(SpmExam *exam)
{
    g_autofree char *proc = spm_path(exam, "/proc");
    g_autoptr(GDir) dir = g_dir_open(proc, 0, NULL);
    const char *pid;
    guint count = 0;

    while (dir && (pid = g_dir_read_name(dir))) {
        g_autofree char *comm_path = g_build_filename("/proc", pid, "comm", NULL);
        g_autofree char *comm = g_ascii_isdigit(*pid) ? spm_read_file(exam, comm_path) : NULL;

        if (!comm || !g_strv_contains(spm_daemons, g_strchomp(comm)))
            continue;
        spm_examine_process(exam, pid, comm);
        count++;
    }
    return count;
}

static void
spm_examine_module(SpmExam *exam)
{
    g_autofree char *module = spm_path(exam, SPM_MODULE);
    gboolean dropped_in = FALSE;

    if (!g_file_test(module, G_FILE_TEST_EXISTS)) {
        spm_find(exam, SPM_PROBLEM, "there is no %s", SPM_MODULE);
        spm_advise(exam, "install libvirt-spm anew");
    }
    if (spm_examine_processes(exam))
        return;
    for (const char *const *daemon = spm_daemons; *daemon; daemon++) {
        g_auto(SpmDropIns) drop_ins = { 0 };

        spm_read_drop_ins(exam, *daemon, &drop_ins);
        dropped_in |= drop_ins.preload == SPM_PRELOADS_MODULE;
    }
    if (dropped_in) {
        spm_find(exam, SPM_OK, "no libvirtd or virtqemud runs; it gets the module when it is started");
    } else {
        spm_find(exam, SPM_PROBLEM, "no libvirtd or virtqemud runs, and nothing gives it the module");
        spm_advise_loading(exam, "libvirtd", FALSE);
    }
}

static void
spm_examine_settings(SpmExam *exam)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autofree char *name = spm_settings_path();
    g_autofree char *path = spm_path(exam, name);
    const SpmFault *fault;

    spm_settings_load(path, &exam->settings, faults);
    for (guint i = 0; (fault = spm_faults_get(faults, i)); i++)
        spm_find(exam, SPM_PROBLEM, "%s", fault->message);
    if (faults->len)
        spm_advise(exam, "correct it, and restart the daemon; libvirt-spm(7) has the settings");
    if (exam->settings.device)
        spm_find(exam, SPM_NOTE, "every domain gets the device %s, by %s", exam->settings.device, path);
    if (exam->settings.allow_contents_loss)
        spm_find(exam, SPM_NOTE, "guests whose SPM loses its contents may be saved and migrated, by %s",
                 path);
}

/* ---- emulators and firmware ---- */

static void
spm_examine_image(SpmExam *exam, const char *image)
{
    g_autofree char *reason = NULL;
    SpmFirmwareVerdict verdict = spm_firmware_scan(image, &reason);

    if (verdict == SPM_FIRMWARE_UNKNOWN)
        return;
    spm_find(exam, verdict == SPM_FIRMWARE_PASSES ? SPM_OK : SPM_NOTE, "%s %s", image, reason);
    exam->firmware_passes |= verdict == SPM_FIRMWARE_PASSES;
}

static void
spm_examine_emulator(SpmExam *exam, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) images = spm_firmware_of_emulator(path);
    const char *device = spm_probe_emulator(path, &error);

    if (!device) {
        spm_find(exam, SPM_PROBLEM, "%s", error->message);
        return;
    }
    spm_find(exam, SPM_OK, "%s has %s", path, device);
    if (!spm_qemu_device_moves_contents(device))
        spm_find(exam, SPM_NOTE,
                 "%s loses its contents when a guest is saved or migrated, which is refused therefore",
                 device);
    for (guint i = 0; i < images->len; i++)
        spm_examine_image(exam, g_ptr_array_index(images, i));
}

static void
spm_examine_emulators(SpmExam *exam)
{
    static const char *const paths[] = { "/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm",
                                         "/usr/bin/qemu-kvm" };
    gboolean found = FALSE;

    if (exam->emulator) {
        spm_examine_emulator(exam, exam->emulator);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *path = spm_path(exam, paths[i]);

        if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
            continue;
        spm_examine_emulator(exam, path);
        found = TRUE;
    }
    if (!found) {
        spm_find(exam, SPM_PROBLEM, "there is no QEMU for x86_64 in its usual places");
        spm_advise(exam,
                   "install QEMU 11.1 or newer, or one with libvirt-spm's patches; or name it: --emulator");
    }
}

/* The rest of the firmware; guests choose among all of it. */
static void
spm_examine_uefi(SpmExam *exam)
{
    g_autofree char *etc = spm_path(exam, "/etc/qemu/firmware");
    g_autofree char *usr = spm_path(exam, "/usr/share/qemu/firmware");
    const char *const dirs[] = { etc, usr, NULL };
    g_autoptr(GPtrArray) images = spm_firmware_described("uefi", dirs);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < images->len; i++) {
        char *image = g_ptr_array_index(images, i);
        g_autofree char *path = spm_path(exam, image);

        if (g_hash_table_add(seen, image))
            spm_examine_image(exam, path);
    }
    if (exam->firmware_passes)
        return;
    spm_find(exam, SPM_PROBLEM, "no firmware is known to pass SPM on; a guest would boot without it");
    spm_advise(exam, "install OVMF 2026.08 or newer, or SeaBIOS with libvirt-spm's patch");
}

/* ---- domains that outlived their emulator ---- */

static gboolean
spm_is_same_file(const char *one, const char *other)
{
    struct stat first, second;

    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* Leaves domains of other emulators than the only one to look at. */
static char *
spm_find_domain_emulator(const SpmExam *exam, const SpmStoredDomain *domain)
{
    g_autofree char *path = domain->emulator ? spm_path(exam, domain->emulator) : NULL;
    g_autofree char *real = path ? realpath(path, NULL) : NULL;

    if (!real || !g_file_test(real, G_FILE_TEST_IS_REGULAR) ||
        !g_file_test(real, G_FILE_TEST_IS_EXECUTABLE) ||
        (exam->emulator && !spm_is_same_file(real, exam->emulator)))
        return NULL;
    return g_steal_pointer(&real);
}

/* The device of an emulator, each of which is asked once; "" when it cannot be told, as was said then. */
static const char *
spm_device_of(SpmExam *exam, const char *emulator)
{
    g_autoptr(GError) error = NULL;
    const char *device = g_hash_table_lookup(exam->devices, emulator);

    if (device)
        return device;
    device = spm_probe_emulator(emulator, &error);
    if (!device) {
        spm_find(exam, SPM_PROBLEM, "a domain's %s", error->message);
        device = "";
    }
    g_hash_table_insert(exam->devices, g_strdup(emulator), (gpointer)device);
    return device;
}

/* A line that quotes what a client named. */
static void
spm_find_in_domain(SpmExam *exam, SpmFinding finding, const char *format, ...)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    va_list args;

    va_start(args, format);
    spm_faults_add_va(faults, SPM_ERROR_CONFIG, 0, NULL, format, args);
    va_end(args);
    spm_find(exam, finding, "%s", spm_faults_get(faults, 0)->message);
}

static void
spm_examine_domain(SpmExam *exam, const char *path)
{
    g_auto(SpmStoredDomain) domain = { 0 };
    g_autoptr(GError) error = NULL;
    g_autofree char *emulator = NULL;
    const char *device = exam->settings.device;

    if (!spm_stored_domain_load(path, &domain, &error)) {
        spm_find_in_domain(exam, SPM_NOTE, "%s is not understood: %s", path, error->message);
        return;
    }
    emulator = domain.device ? spm_find_domain_emulator(exam, &domain) : NULL;
    if (!emulator)
        return;
    if (!device)
        device = spm_device_of(exam, emulator);
    if (!*device || strcmp(device, domain.device) == 0)
        return;
    spm_find_in_domain(
        exam, SPM_PROBLEM,
        "the domain '%s' has the device %s, and its emulator has %s: libvirtd cannot start it by itself, as "
        "it does at boot",
        domain.name, domain.device, device);
    spm_advise(exam, "start it by hand once, or define it again, which both give it the other device:");
    spm_command(exam, "virsh dumpxml --inactive --security-info %s | virsh define /dev/stdin", domain.uuid);
}

/* Those of the system's libvirt. */
static void
spm_examine_domains(SpmExam *exam)
{
    g_autofree char *folder = spm_path(exam, SPM_SYSCONFDIR "/libvirt/qemu");
    g_autoptr(GPtrArray) files = spm_stored_domain_files(folder);

    exam->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < files->len; i++)
        spm_examine_domain(exam, g_ptr_array_index(files, i));
    g_clear_pointer(&exam->devices, g_hash_table_unref);
}

/**
 * spm_doctor_examine:
 * @root: where the host's file system begins, "/" most often
 * @emulator: (nullable): the path of the only QEMU to look at
 * @report: where the findings are written, a line each
 *
 * Runs emulators, see spm_probe_run(); changes nothing.
 *
 * Returns: TRUE when nothing was found that keeps SPM from working
 */
gboolean
spm_doctor_examine(const char *root, const char *emulator, GString *report)
{
    static void (*const checks[])(SpmExam *) = { spm_examine_libvirt,  spm_examine_module,
                                                 spm_examine_settings, spm_examine_emulators,
                                                 spm_examine_uefi,     spm_examine_domains };
    SpmExam exam = { .root = root, .emulator = emulator, .report = report };

    for (gsize i = 0; i < G_N_ELEMENTS(checks); i++)
        checks[i](&exam);
    return !exam.problem;
}
