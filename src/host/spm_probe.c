/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which device for specific purpose memory an emulator has.
 *
 * Whoever may define a domain names the emulator, so that nothing is taken for granted of the program that is
 * run here. It has no standard input, no descriptors of ours, no environment but a path, a limited output, a
 * deadline, limits of its own, and not the rights of root.
 *
 * Nothing that it starts outlives the answer. It is the first process of a process namespace, with which the
 * kernel ends all others in it, whatever sessions and groups they made. What is forked here, the keeper,
 * waits outside of that namespace, with no descriptor open, until it is told to end it or the thread that
 * asked is gone. Only the keeper is a child of the program that we are loaded into, so that no other process
 * is ever hit in its place, even where children are collected by somebody else. Where the kernel grants no
 * such namespace, a process group has to do, which a program can leave. A pidfd would not reach descendants
 * either, and making the host program collect orphans (PR_SET_CHILD_SUBREAPER) would change what a daemon
 * gets to see of its own children. */

#define _GNU_SOURCE /* pipe2, syscall, unshare */

#include "host/spm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu_spm_caps.h"

#define SPM_PROBE_MAX_BYTES (1024 * 1024)

/* Where the program's process reports why it does not run. */
#define SPM_PROBE_FD 3

/* nobody, of every Linux: what the kernel shows for an id that has no other name */
#define SPM_PROBE_NOBODY 65534

/* The device to use by what "-device help" printed: spm-memory before sp-mem; NULL when there is neither. */
static const char *
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

/* What the program may use. QEMU 11.1 needs less than half a GiB of addresses to list its devices. */
static const struct {
    int resource;
    rlim_t max;
} spm_probe_limits[] = {
    { RLIMIT_CORE, 0 },
    { RLIMIT_FSIZE, 0 },
    { RLIMIT_CPU, SPM_PROBE_MILLISECONDS / 1000 },
    { RLIMIT_AS, 2UL * 1024 * 1024 * 1024 },
    /* of all that the user has, which for a user who is not nobody may be more already */
    { RLIMIT_NPROC, 512 },
};

/* All up to the next line of dashes runs between fork and exec: nothing but system calls. The C library's
 * functions for ids would call on the other threads, which are not here. */

static gboolean
spm_probe_limit(gboolean as_root)
{
    for (gsize i = 0; i < G_N_ELEMENTS(spm_probe_limits); i++) {
        struct rlimit limit;

        if (spm_probe_limits[i].resource == RLIMIT_NPROC && !as_root)
            continue;
        if (getrlimit((__rlimit_resource_t)spm_probe_limits[i].resource, &limit) < 0)
            return FALSE;
        limit.rlim_max = MIN(limit.rlim_max, spm_probe_limits[i].max);
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit((__rlimit_resource_t)spm_probe_limits[i].resource, &limit) < 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
spm_probe_become_nobody(void)
{
    return syscall(SYS_setgroups, 0, NULL) == 0 &&
           syscall(SYS_setresgid, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY) == 0 &&
           syscall(SYS_setresuid, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY, SPM_PROBE_NOBODY) == 0;
}

/* Closes all descriptors from @first on. */
static void
spm_probe_close_from(int first)
{
    const int most = 65536; /* where the kernel is older than 5.9 */

    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return;
    for (int fd = first; fd < most; fd++)
        close(fd);
}

/* Waits for SIGTERM, which is blocked, and ends the program, with it all of its namespace, and its group. */
static void G_GNUC_NORETURN
spm_probe_keep(pid_t program, const sigset_t *terminate)
{
    /* what is open here as well would keep those waiting who read from it */
    spm_probe_close_from(0);
    while (sigwaitinfo(terminate, NULL) < 0)
        ;
    kill(program, SIGKILL);
    while (waitpid(program, NULL, 0) < 0 && errno == EINTR)
        ;
    kill(0, SIGKILL);
    _exit(0);
}

/* Puts the descriptors where the program has them: only @output stays, and @failure until it runs. */
static gboolean
spm_probe_redirect(int output, int failure)
{
    int null = open("/dev/null", O_RDWR);
    int out = fcntl(output, F_DUPFD, SPM_PROBE_FD + 1);
    int fail = fcntl(failure, F_DUPFD, SPM_PROBE_FD + 1);

    if (null < 0 || out < 0 || fail < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0 || dup2(fail, SPM_PROBE_FD) < 0 ||
        fcntl(SPM_PROBE_FD, F_SETFD, FD_CLOEXEC) < 0)
        return FALSE;
    spm_probe_close_from(SPM_PROBE_FD + 1);
    return TRUE;
}

/* Ends the process, whose reason, errno, goes to the descriptor @failure. */
static void G_GNUC_NORETURN
spm_probe_fail(int failure)
{
    int number = errno;

    if (write(failure, &number, sizeof(number)) < 0)
        _exit(126);
    _exit(127);
}

/* Runs the program, as nobody if that is root. no_new_privs is not set: with it, SELinux and AppArmor refuse
 * to let a confined daemon run an emulator under rules of its own. libvirt runs any emulator under the same
 * conditions. */
static void G_GNUC_NORETURN
spm_probe_exec(const char *const *argv, int output, int failure)
{
    static const char *const environment[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
    const gboolean as_root = geteuid() == 0;
    sigset_t none;

    sigemptyset(&none);
    /* the signals of a program that was just started */
    if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ||
        !spm_probe_redirect(output, failure))
        spm_probe_fail(failure);
    /* it does not outlive its keeper */
    if (chdir("/") == 0 && spm_probe_limit(as_root) && (!as_root || spm_probe_become_nobody()) &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        execve(argv[0], (char *const *)argv, (char *const *)environment);
    spm_probe_fail(SPM_PROBE_FD);
}

/* Starts the program in a namespace of its own, and becomes its keeper. */
static void G_GNUC_NORETURN
spm_probe_start(const char *const *argv, int output, int failure)
{
    const int user = geteuid() == 0 ? 0 : CLONE_NEWUSER;
    sigset_t terminate;
    long program;

    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    if (setpgid(0, 0) < 0 || sigprocmask(SIG_SETMASK, &terminate, NULL) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        spm_probe_fail(failure);
    /* refused in a container, for one; then the group is all there is */
    if (unshare(user | CLONE_NEWPID) < 0)
        errno = 0;
    program = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
    if (program == 0)
        spm_probe_exec(argv, output, failure);
    if (program < 0)
        spm_probe_fail(failure);
    spm_probe_keep((pid_t)program, &terminate);
}

/* ---------------------------------------------------------------------------------- */

/* Reads @fd to its end, to the deadline, or to as much as is ever wanted. */
static gboolean
spm_probe_read(int fd, GString *output, const char *emulator, int milliseconds, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + milliseconds * G_TIME_SPAN_MILLISECOND;
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
                        "<emulator> '%s' did not answer within %g seconds", emulator, milliseconds / 1000.0);
            return FALSE;
        }
        count = read(fd, buffer, sizeof(buffer));
        if (count > 0)
            g_string_append_len(output, buffer, count);
        else if (count == 0 || errno != EINTR)
            return TRUE;
    }
    return TRUE;
}

/* Starts the program. Returns its keeper, or -1; @reader, which the caller closes, has what it prints, and
 * @failure the error number for which it does not run. */
static pid_t
spm_probe_spawn(const char *const *argv, int *reader, int *failure)
{
    int output[2], failures[2];
    pid_t keeper;

    if (pipe2(output, O_CLOEXEC) < 0) {
        *failure = errno;
        return -1;
    }
    if (pipe2(failures, O_CLOEXEC) < 0) {
        *failure = errno;
        close(output[0]);
        close(output[1]);
        return -1;
    }
    keeper = fork();
    if (keeper == 0)
        spm_probe_start(argv, output[1], failures[1]);
    *failure = keeper < 0 ? errno : 0;
    close(output[1]);
    close(failures[1]);
    *reader = output[0];
    /* nothing comes when it runs, as this end closes then */
    while (keeper > 0 && read(failures[0], failure, sizeof(*failure)) < 0 && errno == EINTR)
        ;
    close(failures[0]);
    return keeper;
}

static void
spm_probe_end(pid_t keeper)
{
    if (keeper < 0)
        return;
    kill(keeper, SIGTERM);
    while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
        ;
}

/**
 * spm_probe_run:
 * @emulator: the path of a QEMU
 * @option: an option that makes it print something and exit
 * @value: (nullable): the option's value
 * @milliseconds: how long to wait for the end of what it prints: SPM_PROBE_MILLISECONDS
 * @error: set on failure, SPM_ERROR_CONFIG: it does not run or does not answer
 *
 * Root runs it as nobody. What it started has ended on return.
 *
 * Returns: (transfer full): what it printed, up to a MiB, or NULL
 */
char *
spm_probe_run(const char *emulator, const char *option, const char *value, int milliseconds, GError **error)
{
    const char *const argv[] = { emulator, "-machine", "none", "-nodefaults", "-display",
                                 "none",   option,     value,  NULL };
    g_autoptr(GString) output = g_string_new(NULL);
    int reader = -1, failure = 0;
    pid_t keeper = spm_probe_spawn(argv, &reader, &failure);
    gboolean answered = FALSE;

    if (keeper < 0 || failure)
        g_set_error(error, SPM_ERROR, SPM_ERROR_CONFIG, "<emulator> '%s' does not run%s: %s%s", emulator,
                    geteuid() == 0 ? " as user nobody, as which it is asked for its device" : "",
                    g_strerror(failure), geteuid() == 0 ? "; if that is meant, set device in spm.conf" : "");
    else
        answered = spm_probe_read(reader, output, emulator, milliseconds, error);
    spm_probe_end(keeper);
    if (reader >= 0)
        close(reader);
    return answered ? g_strdup(output->str) : NULL;
}

/**
 * spm_probe_emulator:
 * @emulator: the path of a QEMU
 * @error: set on failure. SPM_ERROR_CONFIG: it does not run or lists no device at all; SPM_ERROR_DEVICE: it
 * has no such device
 *
 * See spm_probe_run().
 *
 * Returns: (transfer none): the name of its device, or NULL
 */
const char *
spm_probe_emulator(const char *emulator, GError **error)
{
    g_autofree char *help = spm_probe_run(emulator, "-device", "help", SPM_PROBE_MILLISECONDS, error);
    const char *device = help ? spm_probe_parse(help) : NULL;

    if (help && !device)
        spm_qemu_set_no_device(error, strstr(help, "name \"") ? SPM_ERROR_DEVICE : SPM_ERROR_CONFIG,
                               emulator);
    return device;
}
