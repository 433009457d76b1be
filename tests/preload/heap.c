/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into libvirtd, this tells how much memory of malloc's is in use: in bytes, to whoever connects to
 * the abstract socket "spm-heap-" and the process id. Other than resident memory, that does not depend on
 * where blocks happened to be. */

#define _GNU_SOURCE /* program_invocation_short_name */

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void *
answer(void *data)
{
    int listener = (int)(ptrdiff_t)data, client;

    while ((client = accept(listener, NULL, NULL)) >= 0) {
        struct mallinfo2 info = mallinfo2();

        /* blocks, and those that have a mapping of their own */
        dprintf(client, "%zu", info.uordblks + info.hblkhd);
        close(client);
    }
    return NULL;
}

static void __attribute__((constructor)) listen_for_readers(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "spm-heap-%d", (int)getpid());
    sigset_t all, before;
    pthread_t thread;
    int listener;

    if (strcmp(program_invocation_short_name, "libvirtd") != 0)
        return;
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) != 0 ||
        listen(listener, 1) != 0) {
        perror("heap");
        return;
    }
    /* signals are for the daemon's own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&thread, NULL, answer, (void *)(ptrdiff_t)listener);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
