/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* threads COUNT FAKE FILE...: as many threads define domains at once, through the wrappers in front of FAKE,
 * the fake libvirt; the files in turn. Prints what libvirt was told by each thread in turn, or why it was
 * not, with a NUL behind each, and then what is left over. */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fake_libvirt.h"
#include "preload/plugin.h"

typedef struct {
    const char *xml;
    char *answer;
} Client;

static pthread_barrier_t start;
static _Thread_local Client *self;

static void
hear_told(const char *function, const char *text)
{
    (void)function;
    g_free(self->answer);
    self->answer = g_strdup(text);
}

static void
hear_asked(const char *function)
{
    (void)function;
}

static void
hear_refused(int code, const char *message)
{
    g_free(self->answer);
    self->answer = g_strdup_printf("refused %d: %s", code, message);
}

static void *
run_client(void *client)
{
    self = client;
    pthread_barrier_wait(&start);
    virDomainDefineXML((virConnectPtr)(void *)"QEMU", self->xml);
    return NULL;
}

static guint
count_descriptors(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint count = 0;

    while (g_dir_read_name(dir))
        count++;
    return count;
}

static char *
read_text(const char *path)
{
    g_autoptr(GError) error = NULL;
    char *text;

    if (!g_file_get_contents(path, &text, NULL, &error)) {
        fprintf(stderr, "threads: %s\n", error->message);
        exit(2);
    }
    return text;
}

/* Defines domains at once and prints the answers. */
static void
run_clients(guint count, char **texts)
{
    g_autofree Client *clients = g_new0(Client, count);
    g_autofree pthread_t *threads = g_new0(pthread_t, count);

    pthread_barrier_init(&start, NULL, count);
    for (guint i = 0; i < count; i++) {
        clients[i].xml = texts[i % g_strv_length(texts)];
        if (pthread_create(&threads[i], NULL, run_client, &clients[i]) != 0)
            exit(2);
    }
    for (guint i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        printf("%s%c", clients[i].answer ? clients[i].answer : "nothing", 0);
        g_free(clients[i].answer);
    }
    pthread_barrier_destroy(&start);
}

int
main(int argc, char **argv)
{
    void *library = argc > 3 ? dlopen(argv[2], RTLD_NOW | RTLD_LOCAL) : NULL;
    FakeLibvirt *libvirt = library ? dlsym(library, "fake_libvirt") : NULL;
    g_auto(GStrv) texts = NULL;
    guint before;

    if (!libvirt) {
        fprintf(stderr, "threads: %s\n", argc > 3 ? dlerror() : "usage");
        return 2;
    }
    *libvirt = (FakeLibvirt){ .told = hear_told, .asked = hear_asked, .refused = hear_refused };
    texts = g_new0(char *, (gsize)argc - 2);
    for (int i = 3; i < argc; i++)
        texts[i - 3] = read_text(argv[i]);
    before = count_descriptors();
    run_clients((guint)atoi(argv[1]), texts);
    printf("descriptors %u children %s", count_descriptors() - before,
           waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? "none" : "some");
    return 0;
}
