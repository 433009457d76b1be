/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks for everything on a host that keeps a guest from seeing the SPM in its domain XML.
 *
 * Each check reports lines that begin with "ok", "note" (it may matter) or "problem" (SPM does not work). The
 * next step is below each problem. */

#include "host/spm_doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu_spm_caps.h"
#include "spm_config.h"
#include "spm_error.h"
#include "host/spm_daemons.h"
#include "host/spm_file.h"
#include "host/spm_firmware.h"
#include "host/spm_probe.h"
#include "host/spm_profiles.h"
#include "host/spm_stored.h"

/* ---- libvirt ---- */

static unsigned long
spm_doctor_find_libvirt(const SpmExam *exam)
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
spm_doctor_examine_libvirt(SpmExam *exam)
{
    unsigned long version = spm_doctor_find_libvirt(exam);
    g_autofree char *name = spm_libvirt_version_name(version);

    if (!version) {
        spm_exam_report(exam, SPM_PROBLEM, "libvirt was not found");
        spm_exam_report(exam, SPM_ADVICE, "install libvirt 10.0 or newer with its QEMU driver");
    } else if (version < SPM_LIBVIRT_OLDEST) {
        spm_exam_report(exam, SPM_PROBLEM, "libvirt %s cannot start a domain that has SPM", name);
        spm_exam_report(exam, SPM_ADVICE,
                        "install libvirt 10.0 or newer; Debian 12 has it in bookworm-backports");
    } else if (version > SPM_LIBVIRT_NEWEST) {
        spm_exam_report(exam, SPM_NOTE, "libvirt %s is newer than any that was tested", name);
    } else {
        spm_exam_report(exam, SPM_OK, "libvirt %s", name);
    }
}

static void
spm_doctor_examine_settings(SpmExam *exam)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    g_autofree char *name = spm_settings_path(), *folder_name = spm_profiles_path();
    g_autofree char *path = spm_exam_path(exam, name), *folder = spm_exam_path(exam, folder_name);
    g_auto(SpmProfiles) profiles = { 0 };

    spm_settings_load(path, &exam->settings, faults);
    spm_profiles_load(folder, &profiles, faults);
    SPM_FOREACH(const SpmFault, fault, faults->list)
        spm_exam_report(exam, SPM_PROBLEM, "%s", fault->message);
    if (faults->len)
        spm_exam_report(exam, SPM_ADVICE,
                        "correct the file and restart the daemon; libvirt-spm(7) describes the settings");
    if (exam->settings.device)
        spm_exam_report(exam, SPM_NOTE, "%s gives every domain the device %s", path, exam->settings.device);
    if (exam->settings.allow_contents_loss)
        spm_exam_report(exam, SPM_NOTE, "%s allows save and migration of guests whose SPM loses its contents",
                        path);
}

/* ---- emulators and firmware ---- */

static void
spm_doctor_examine_image(SpmExam *exam, const char *image)
{
    g_autofree char *reason = NULL;
    SpmFirmwareVerdict verdict = spm_firmware_scan(image, &reason);

    if (verdict == SPM_FIRMWARE_UNKNOWN)
        return;
    spm_exam_report(exam, verdict == SPM_FIRMWARE_PASSES ? SPM_OK : SPM_NOTE, "%s %s", image, reason);
    exam->firmware_passes |= verdict == SPM_FIRMWARE_PASSES;
}

static void
spm_doctor_examine_emulator(SpmExam *exam, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) images = spm_firmware_of_emulator(path);
    const char *device = spm_probe_emulator(path, &error);

    if (!device) {
        spm_exam_report(exam, SPM_PROBLEM, "%s", error->message);
        return;
    }
    spm_exam_report(exam, SPM_OK, "%s has %s", path, device);
    if (!spm_qemu_device_moves_contents(device))
        spm_exam_report(exam, SPM_NOTE,
                        "%s loses its contents when a guest is saved or migrated, so both are refused",
                        device);
    for (guint i = 0; i < images->len; i++)
        spm_doctor_examine_image(exam, g_ptr_array_index(images, i));
}

static void
spm_doctor_examine_emulators(SpmExam *exam)
{
    static const char *const paths[] = { "/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm",
                                         "/usr/bin/qemu-kvm" };
    gboolean found = FALSE;

    if (exam->emulator) {
        spm_doctor_examine_emulator(exam, exam->emulator);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *path = spm_exam_path(exam, paths[i]);

        if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
            continue;
        spm_doctor_examine_emulator(exam, path);
        found = TRUE;
    }
    if (!found) {
        spm_exam_report(exam, SPM_PROBLEM, "no QEMU for x86_64 was found in the usual places");
        spm_exam_report(
            exam, SPM_ADVICE,
            "install QEMU 11.1 or newer, or one with libvirt-spm's patches; or name it with --emulator");
    }
}

/* Examines UEFI firmware. A guest may use any image on the host, so one that passes SPM on is enough. */
static void
spm_doctor_examine_uefi(SpmExam *exam)
{
    g_autofree char *etc = spm_exam_path(exam, "/etc/qemu/firmware");
    g_autofree char *usr = spm_exam_path(exam, "/usr/share/qemu/firmware");
    const char *const dirs[] = { etc, usr, NULL };
    g_autoptr(GPtrArray) images = spm_firmware_described("uefi", dirs);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    SPM_FOREACH(char, image, images) {
        g_autofree char *path = spm_exam_path(exam, image);

        if (g_hash_table_add(seen, image))
            spm_doctor_examine_image(exam, path);
    }
    if (exam->firmware_passes)
        return;
    spm_exam_report(exam, SPM_PROBLEM, "no firmware is known to pass SPM on; a guest would boot without it");
    spm_exam_report(exam, SPM_ADVICE,
                    "install OVMF 2026.08 or newer, or OVMF or SeaBIOS with libvirt-spm's patches");
}

/* ---- domains whose emulator was replaced ---- */

/* Reports a line that quotes a client's words, which a fault's message shortens and makes printable. */
static void G_GNUC_PRINTF(3, 4)
    spm_doctor_report_domain(SpmExam *exam, SpmFinding finding, const char *format, ...)
{
    g_autoptr(SpmFaults) faults = spm_faults_new();
    va_list args;

    va_start(args, format);
    spm_faults_add_va(faults, SPM_ERROR_CONFIG, 0, NULL, format, args);
    va_end(args);
    spm_exam_report(exam, finding, "%s", spm_faults_get(faults, 0)->message);
}

static gboolean
spm_doctor_same_file(const char *one, const char *other)
{
    struct stat first, second;

    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* The real path of the domain's emulator. NULL when it cannot run, or when another one is examined. */
static char *
spm_doctor_find_domain_emulator(const SpmExam *exam, const SpmStoredDomain *domain)
{
    g_autofree char *path = domain->emulator ? spm_exam_path(exam, domain->emulator) : NULL;
    g_autofree char *real = path ? realpath(path, NULL) : NULL;

    if (!real || !g_file_test(real, G_FILE_TEST_IS_REGULAR) ||
        !g_file_test(real, G_FILE_TEST_IS_EXECUTABLE) ||
        (exam->emulator && !spm_doctor_same_file(real, exam->emulator)))
        return NULL;
    return g_steal_pointer(&real);
}

/* The device of an emulator. Each emulator is asked once; "" when that failed, which was reported then. */
static const char *
spm_doctor_device_of(SpmExam *exam, const char *emulator)
{
    g_autoptr(GError) error = NULL;
    const char *device = g_hash_table_lookup(exam->devices, emulator);

    if (device)
        return device;
    device = spm_probe_emulator(emulator, &error);
    if (!device) {
        spm_exam_report(exam, SPM_PROBLEM, "a domain's %s", error->message);
        device = "";
    }
    g_hash_table_insert(exam->devices, g_strdup(emulator), (gpointer)device);
    return device;
}

static void
spm_doctor_examine_domain(SpmExam *exam, const char *path)
{
    g_auto(SpmStoredDomain) domain = { 0 };
    g_autoptr(GError) error = NULL;
    g_autofree char *emulator = NULL;
    const char *device = exam->settings.device;

    if (!spm_stored_domain_load(path, &domain, &error)) {
        spm_doctor_report_domain(exam, SPM_NOTE, "cannot read the domain in %s: %s", path, error->message);
        return;
    }
    emulator = domain.device ? spm_doctor_find_domain_emulator(exam, &domain) : NULL;
    if (!emulator)
        return;
    if (!device)
        device = spm_doctor_device_of(exam, emulator);
    if (!*device || strcmp(device, domain.device) == 0)
        return;
    spm_doctor_report_domain(
        exam, SPM_PROBLEM,
        "the domain '%s' has the device %s, but its emulator has %s; libvirtd cannot autostart it",
        domain.name, domain.device, device);
    spm_exam_report(exam, SPM_ADVICE,
                    "start it by hand once, or define it again; both give it the emulator's device:");
    spm_exam_report(exam, SPM_COMMAND,
                    "virsh dumpxml --inactive --security-info %s | virsh define /dev/stdin", domain.uuid);
}

/* Examines the domains of the system's libvirt. */
static void
spm_doctor_examine_domains(SpmExam *exam)
{
    g_autofree char *folder = spm_exam_path(exam, SPM_SYSCONFDIR "/libvirt/qemu");
    g_autoptr(GPtrArray) files = spm_file_list(folder, ".xml", NULL);

    exam->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < files->len; i++)
        spm_doctor_examine_domain(exam, g_ptr_array_index(files, i));
    g_clear_pointer(&exam->devices, g_hash_table_unref);
}

/**
 * spm_doctor_examine:
 * @root: the folder that holds the host's files, usually "/"
 * @emulator: (nullable): the only QEMU to examine
 * @report: the findings are appended to it, one on each line
 *
 * Runs emulators (see spm_probe_run()) and changes nothing.
 *
 * Returns: TRUE when nothing was found that keeps SPM from working
 */
gboolean
spm_doctor_examine(const char *root, const char *emulator, GString *report)
{
    static void (*const checks[])(SpmExam *) = { spm_doctor_examine_libvirt,  spm_daemons_examine,
                                                 spm_doctor_examine_settings, spm_doctor_examine_emulators,
                                                 spm_doctor_examine_uefi,     spm_doctor_examine_domains };
    SpmExam exam = { .root = root, .emulator = emulator, .report = report };

    for (gsize i = 0; i < G_N_ELEMENTS(checks); i++)
        checks[i](&exam);
    spm_settings_clear(&exam.settings);
    return !exam.problem;
}
