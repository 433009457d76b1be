/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device for specific purpose memory an emulator has.
 *
 * Whoever may define a domain names the emulator, so that nothing is taken for granted of the program that is
 * run here: it has no standard input, no descriptors of ours, no environment but a path, a limited
 * output, a deadline, and not the rights of root. */

#define _GNU_SOURCE /* syscall */

#include "spm_probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu_spm_caps.h"

#define SPM_PROBE_MILLISECONDS 10000
#define SPM_PROBE_MAX_BYTES (1024 * 1024)

/* nobody, of every Linux: what the kernel shows for an id that has no other name */
#define SPM_PROBE_NOBODY 65534

/**
 * spm_probe_parse:
 * @help: what "-device help" printed
 *
 * Returns: (nullable): the device to use: spm-memory before sp-mem; NULL when there is neither
 */
const char *
spm_probe_parse(const char *help)
{
    const char *device;

    for (gsize i = 0; (device = spm_qemu_device_name(i)); i++) {
        g_autofree char *entry = g_strdup_printf("name \"%s\"", device);

        if (strstr(help, entry))
            return device;
    }
    return NULL;
}

/* Between fork and exec: nothing but system calls. The C library's functions for ids would call on the other
 * threads, which are not here.
 *
 * no_new_privs is not set: with it, SELinux and AppArmor refuse to let a confined daemon run an emulator
 * under rules of its own. libvirt runs any emulator that is named to it under the same conditions. */
static void
spm_probe_child_setup(gpointer as_root)
{
    const struct rlimit no_core = { 0, 0 };

    if (as_root && (syscall(SYS_setgroups, 0, NULL) < 0 ||
                    syscall(SYS_setresgid, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY) < 0 ||
                    syscall(SYS_setresuid, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY) < 0))
        _exit(126);
    /* a group of its own, so that what it starts can be ended with it; and it does not outlive us */
    if (setpgid(0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
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
                        "<emulator> '%s' did not answer within %d seconds", emulator,
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
 * spm_probe_run:
 * @emulator: the path of a QEMU
 * @option: an option that makes it print something and exit
 * @value: (nullable): the option's value
 * @error: set on failure, SPM_ERROR_CONFIG: it does not run or does not answer
 *
 * Blocks for up to ten seconds. Root runs it as nobody.
 *
 * Returns: (transfer full): what it printed, up to a MiB, or NULL
 */
char *
spm_probe_run(const char *emulator, const char *option, const char *value, GError **error)
{
    const char *const argv[] = { emulator, "-machine", "none", "-nodefaults", "-display",
                                 "none",   option,     value,  NULL };
    const char *const envp[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
    const GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL;
    g_autoptr(GString) output = g_string_new(NULL);
    g_autoptr(GError) spawn_error = NULL;
    gboolean answered;
    GPid pid;
    int fd;

    if (!g_spawn_async_with_pipes("/", (char **)argv, (char **)envp, flags, spm_probe_child_setup,
                                  GINT_TO_POINTER(geteuid() == 0), &pid, NULL, &fd, NULL, &spawn_error)) {
        g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG, "<emulator> '%s' does not run%s: %s%s", emulator,
                    geteuid() == 0 ? " as user nobody, as which it is asked for its device" : "",
                    spawn_error->message, geteuid() == 0 ? "; if that is meant, set device in spm.conf" : "");
        return NULL;
    }
    answered = spm_probe_read(fd, output, emulator, error);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(fd);
    return answered ? g_strdup(output->str) : NULL;
}

/**
 * spm_probe_emulator:
 * @emulator: the path of a QEMU
 * @error: set on failure, SPM_ERROR_CONFIG: it does not run, does not answer, or has no such device
 *
 * See spm_probe_run().
 *
 * Returns: (transfer none): the name of its device, or NULL
 */
const char *
spm_probe_emulator(const char *emulator, GError **error)
{
    g_autofree char *help = spm_probe_run(emulator, "-device", "help", error);
    const char *device = help ? spm_probe_parse(help) : NULL;

    if (help && !device)
        g_set_error(
            error, SPM_ERROR, SPM_ERROR_CONFIG,
            "<emulator> '%s' has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; "
            "install QEMU 11.1 or newer, or one with libvirt-spm's patches",
            emulator);
    return device;
}
