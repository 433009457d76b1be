/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into virsh, this mends a race of its save, managedsave, dump and migrate (libvirt 11.3): their
 * thread stops the main loop when the call is done, and if that is refused before the loop runs, virsh waits
 * for ever. */

#define _GNU_SOURCE /* RTLD_NEXT */

#include <dlfcn.h>
#include <glib.h>

static void (*real_quit)(GMainLoop *loop);

static gboolean
quit_now(gpointer loop)
{
    real_quit(loop);
    return G_SOURCE_REMOVE;
}

void
g_main_loop_quit(GMainLoop *loop)
{
    real_quit = (void (*)(GMainLoop *))dlsym(RTLD_NEXT, "g_main_loop_quit");
    if (g_main_loop_is_running(loop)) {
        real_quit(loop);
    } else {
        g_autoptr(GSource) source = g_idle_source_new();

        g_source_set_callback(source, quit_now, g_main_loop_ref(loop), (GDestroyNotify)g_main_loop_unref);
        g_source_attach(source, g_main_loop_get_context(loop));
    }
}
