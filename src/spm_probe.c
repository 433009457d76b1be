/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device for specific purpose memory an emulator has.
 *
 * The emulator is asked ("-device help"), in a process that is kept short in every way: no standard
 * input, no descriptors, no environment but a path, a limited output and a deadline. It runs with the
 * caller's rights: a daemon must not ask an emulator that a client has named. */

#include "spm_probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu_spm_caps.h"

#define SPM_PROBE_MILLISECONDS 10000
#define SPM_PROBE_MAX_BYTES (1024 * 1024)

/**
 * spm_probe_parse:
 * @help: what "-device help" printed
 *
 * Returns: (nullable): the device to use: spm-memory before sp-mem; NULL when there is neither
 */
const char *
spm_probe_parse(const char *help)
{
    for (const char *const *device = spm_qemu_devices(); *device; device++) {
        g_autofree char *entry = g_strdup_printf("name \"%s\"", *device);

        if (strstr(help, entry))
            return *device;
    }
    return NULL;
}

/* Between fork and exec: nothing but system calls. It must not outlive us. */
static void
spm_probe_child_setup(gpointer data)
{
    (void)data;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        _exit(126);
}

/* Reads @fd to its end, to the deadline, or to as much as is ever wanted. */
static gboolean
spm_probe_read(int fd, GString *output, const char *emulator, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + SPM_PROBE_MILLISECONDS * G_TIME_SPAN_MILLISECOND;
    struct pollfd poller = { .fd = fd, .events = POLLIN };
    char buffer[4096];

    while (output->len < SPM_PROBE_MAX_BYTES) {
        gint64 left = (deadline - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;
        int ready = left > 0 ? poll(&poller, 1, (int)left) : 0;
        ssize_t count;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG,
                        "<emulator> '%s' did not list its devices within %d seconds", emulator,
                        SPM_PROBE_MILLISECONDS / 1000);
            return FALSE;
        }
        count = read(fd, buffer, sizeof(buffer));
        if (count == 0)
            return TRUE;
        if (count > 0)
            g_string_append_len(output, buffer, count);
        else if (errno != EINTR)
            return TRUE;
    }
    return TRUE;
}

/**
 * spm_probe_emulator:
 * @emulator: the path of a QEMU
 * @error: set on failure, SPM_ERROR_CONFIG: it does not run, does not answer, or has no such device
 *
 * Blocks for up to ten seconds.
 *
 * Returns: (transfer none): the name of its device, or NULL
 */
const char *
spm_probe_emulator(const char *emulator, GError **error)
{
    char *const argv[] = { (char *)emulator,      (char *)"-machine", (char *)"none",
                           (char *)"-nodefaults", (char *)"-display", (char *)"none",
                           (char *)"-device",     (char *)"help",     NULL };
    char *const envp[] = { (char *)"PATH=/usr/bin:/bin", (char *)"LC_ALL=C", NULL };
    const GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL;
    g_autoptr(GString) output = g_string_new(NULL);
    g_autoptr(GError) spawn_error = NULL;
    const char *device;
    gboolean answered;
    GPid pid;
    int fd;

    if (!g_spawn_async_with_pipes("/", (char **)argv, (char **)envp, flags, spm_probe_child_setup, NULL, &pid,
                                  NULL, &fd, NULL, &spawn_error)) {
        g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG, "<emulator> '%s' does not run: %s", emulator,
                    spawn_error->message);
        return NULL;
    }
    answered = spm_probe_read(fd, output, emulator, error);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(fd);
    if (!answered)
        return NULL;

    device = spm_probe_parse(output->str);
    if (!device)
        g_set_error(
            error, SPM_ERROR, SPM_ERROR_CONFIG,
            "<emulator> '%s' has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; "
            "install QEMU 11.1 or newer, or one with libvirt-spm's patches",
            emulator);
    return device;
}
