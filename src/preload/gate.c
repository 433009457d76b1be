/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gate: would libvirt allow what a connection asks for?
 *
 * libvirt checks permissions inside the very functions that the plugin wraps. A daemon runs as root and
 * anybody may open its read-only socket, so nothing that a client sent is parsed, opened or run before
 * libvirt was asked. virDomainDefineXML() without a document answers: it looks at the connection first, at
 * the document next, and reaches no driver with either answer. (virDomainCreateXML() and
 * virDomainSaveImageDefineXML() look at the document first, which is why this one is asked for all of them.)
 *
 * A client may also name another daemon, its own for one, for this one to pass calls on to. What that one
 * says about permissions and emulators counts for nothing here, and the call is passed on as it came.
 *
 * A client that preloads the plugin acts with its own rights; the daemon that it talks to has the last word.
 * It is not asked here, as libvirt hands each error to the program's error handler, and most print it. */

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* libvirt's VIR_LOG_DEBUG, which is private: what daemons leave out of their logs by default. */
#define SPM_LOG_DEBUG 1

/* TRUE while this thread asks: the answer is an error, and no news for the log. */
static _Thread_local gboolean spm_asking;

/* Set by a daemon as it starts, before it has threads. */
static SpmErrorPriority spm_daemon_priority;

static int
spm_gate_error_priority(virErrorPtr error, int priority)
{
    if (spm_asking)
        return SPM_LOG_DEBUG;
    return spm_daemon_priority ? spm_daemon_priority(error, priority) : priority;
}

SPM_EXPORT void
virSetErrorLogPriorityFunc(SpmErrorPriority function)
{
    spm_daemon_priority = function;
    if (spm_libvirt()->virSetErrorLogPriorityFunc)
        spm_libvirt()->virSetErrorLogPriorityFunc(spm_gate_error_priority);
}

/**
 * spm_is_passed_on:
 * @conn: the connection of the call
 *
 * Returns: TRUE when a daemon passes calls of @conn on to another one: the URI, by which a client opened it,
 * names a host, a way of getting there, or a socket
 */
gboolean
spm_is_passed_on(virConnectPtr conn)
{
    char *uri = spm_is_daemon() ? spm_libvirt()->virConnectGetURI(conn) : NULL;
    g_autofree char *plain = uri ? g_uri_unescape_string(uri, NULL) : NULL;
    const char *query = plain ? strchr(plain, '?') : NULL;

    free(uri);
    return spm_is_daemon() &&
           (!plain || !g_str_has_prefix(plain, "qemu:///") || (query && strstr(query, "socket")));
}

/**
 * spm_gate:
 * @conn: the connection of the call
 *
 * Returns: FALSE when libvirt refuses every change through @conn, or passes it on to another daemon. The call
 * then goes to libvirt unchanged, and libvirt reports the error. TRUE outside a daemon
 */
gboolean
spm_gate(virConnectPtr conn)
{
    int answer;

    if (!spm_is_daemon())
        return TRUE;
    if (spm_is_passed_on(conn))
        return FALSE;
    spm_asking = TRUE;
    spm_libvirt()->virDomainDefineXML(conn, NULL);
    answer = spm_libvirt()->virGetLastErrorCode();
    spm_asking = FALSE;
    spm_libvirt()->virResetLastError();
    return answer == VIR_ERR_INVALID_ARG;
}
