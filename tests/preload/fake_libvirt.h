/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program that has loaded the fake libvirt says and hears in place of environment and output. */

#pragma once

#include <glib.h>

/**
 * FakeLibvirt:
 * @told: a function was told to do something with a document, a file or a name; when it is set, the rest
 *   is meant
 * @asked: a function was asked for something
 * @refused: an error was reported
 * @readonly: (nullable): the connection may change nothing
 * @uri: (nullable): its URI
 * @denied: (nullable): the error number for which no emulator's capabilities are told
 * @saved: (nullable): the XML of what is saved
 * @active: whether domains are active
 */
typedef struct {
    void (*told)(const char *function, const char *text);
    void (*asked)(const char *function);
    void (*refused)(int code, const char *message);
    const char *readonly;
    const char *uri;
    const char *denied;
    const char *saved;
    gboolean active;
} FakeLibvirt;

extern FakeLibvirt fake_libvirt;
