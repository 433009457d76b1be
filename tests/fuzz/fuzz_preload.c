/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: the plugin's wrappers in front of the fake libvirt.
 *
 * An input is four bytes (which function of the table, who calls it, and its flags), then texts that a NUL
 * ends: the document or alias, the XML that the domain has, and that of what is saved. No emulator is run, as
 * the fake libvirt runs none for anybody. */

#define _GNU_SOURCE /* program_invocation_short_name */

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "preload/plugin.h"
#include "spm_translate.h"

#define CALL_FIND(name) name
#include "../preload/call.h"
#include "../preload/fake_libvirt.h"

#define HEADER_SIZE 4

/* What a message may be long: libvirt's protocol has room for 4 MiB, a log for less. */
#define MESSAGE_MAX 4096

enum {
    MODE_DAEMON = 1 << 0,
    MODE_READONLY = 1 << 1,
    MODE_ACTIVE = 1 << 2,
    MODE_REMOTE = 1 << 3,
    MODE_OTHER = 1 << 4,
    MODE_DENIED = 1 << 5,
};

static const char *const functions[] = {
#define SPM_INTERPOSED(type, name, parameters) #name,
#include "preload/symbols.h"
};

/* These start, save, dump or migrate a domain as it is. */
static const char *const without_document[] = {
    "virDomainCreate",
    "virDomainCreateWithFlags",
    "virDomainCreateWithFiles",
    "virDomainSave",
    "virDomainManagedSave",
    "virDomainCoreDump",
    "virDomainCoreDumpWithFormat",
    "virDomainMigrate",
    "virDomainMigrateToURI",
    "virDomainMigratePerform",
    NULL,
};

/* What the fake libvirt heard of one call. */
typedef struct {
    const Call *call;
    GPtrArray *told;
    guint gates;     /* how often it was asked whether the connection may change something */
    guint questions; /* how often for anything else */
    gboolean denied; /* libvirt has left an error of its own */
    guint refusals;
} Heard;

static Heard heard;

static void
hear_told(const char *function, const char *text)
{
    /* what is started may be defined first, with the device that there is */
    gboolean starts = g_str_has_prefix(heard.call->function, "virDomainCreate") &&
                      g_strv_contains(without_document, heard.call->function);

    if (strcmp(function, heard.call->function) != 0 &&
        !(starts && strcmp(function, "virDomainDefineXML") == 0))
        spm_fuzz_fail("libvirt is told to do what was asked for, and nothing else");
    g_ptr_array_add(heard.told, g_strdup(text));
}

static void
hear_asked(const char *function)
{
    if (strcmp(function, "virDomainDefineXML") == 0)
        heard.gates++;
    else
        heard.questions++;
    heard.denied |= strcmp(function, "virConnectGetDomainCapabilities") == 0;
}

static void
hear_refused(int code, const char *message)
{
    gsize length = strlen(message);

    if (code == VIR_ERR_OK || !length || length > MESSAGE_MAX || !g_utf8_validate(message, -1, NULL))
        spm_fuzz_fail("a refusal has a code and a message, of text that is not long");
    for (gsize i = 0; i < length; i++) {
        if (g_ascii_iscntrl(message[i]))
            spm_fuzz_fail("a message is one line");
    }
    heard.refusals++;
}

/* Loads the fake libvirt, which is beside this program, so that the plugin finds it. */
static FakeLibvirt *
fake(void)
{
    static FakeLibvirt *found;
    g_autofree char *program = NULL;
    g_autofree char *folder = NULL;
    g_autofree char *path = NULL;
    void *library;

    if (found)
        return found;
    program = g_file_read_link("/proc/self/exe", NULL);
    folder = g_path_get_dirname(program);
    path = g_build_filename(folder, "libvirt-fake.so", NULL);
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    found = library ? dlsym(library, "fake_libvirt") : NULL;
    if (!found)
        spm_fuzz_fail("the fake libvirt is beside the program");
    g_setenv("LIBVIRT_SPM_CONF", "/nonexistent/spm.conf", TRUE);
    g_setenv("LIBVIRT_SPM_PROFILES", "/nonexistent/spm.d", TRUE);
    g_setenv("LIBVIRT_SPM_CACHE", "/nonexistent/cache", TRUE);
    *found = (FakeLibvirt){ .told = hear_told, .asked = hear_asked, .refused = hear_refused };
    return found;
}

static gboolean
was_told(const char *text)
{
    return g_ptr_array_find_with_equal_func(heard.told, text, g_str_equal, NULL);
}

/* A connection that may change nothing, in a daemon. */
static void
check_untouched(const Call *call)
{
    gboolean takes_text = !g_strv_contains(without_document, call->function);

    if (heard.questions || heard.refusals)
        spm_fuzz_fail("nothing but the gate is asked for who may change nothing");
    if (!heard.told->len || (takes_text && !was_told(call->xml)))
        spm_fuzz_fail("the call of who may change nothing goes on as it came");
}

static void
check_answered(const char *result)
{
    gboolean done = result && strcmp(result, "-1") != 0;

    if (done && !heard.told->len)
        spm_fuzz_fail("what libvirt was not told has not been done");
    if (!done && !heard.told->len && !heard.refusals && !heard.denied)
        spm_fuzz_fail("what is not done is refused with a message");
    if (heard.told->len && heard.refusals)
        spm_fuzz_fail("what is refused does not reach libvirt");
}

/* What was translated on its way in comes out as spm. */
static void
check_shown(const Call *call)
{
    for (guint i = 0; i < heard.told->len; i++) {
        const char *text = g_ptr_array_index(heard.told, i);
        char *shown;

        if (!spm_translate_out_concerns(text) || strcmp(text, call->xml) == 0)
            continue;
        shown = virDomainGetXMLDesc((virDomainPtr)text, 0);
        if (!strstr(shown, "model='spm'") && !strstr(shown, "model=\"spm\""))
            spm_fuzz_fail("what goes in as stock comes out as spm");
        free(shown);
    }
}

static void
check_call(Call *call, guint8 mode)
{
    const char *result = call_function(call);

    if (g_str_has_suffix(call->function, "GetXMLDesc")) {
        if (!result || heard.told->len || heard.refusals)
            spm_fuzz_fail("what libvirt gives is given");
        return;
    }
    if (mode & MODE_DAEMON && mode & MODE_READONLY) {
        check_untouched(call);
        return;
    }
    if (heard.gates && !(mode & MODE_DAEMON))
        spm_fuzz_fail("a client asks nothing for itself");
    if (!(mode & MODE_READONLY))
        check_answered(result);
    check_shown(call);
}

/* Sets the stage for an input. @texts are its texts, with two NULs more than there were. */
static void
set_call(Call *call, const uint8_t *header, const char *texts)
{
    static char *const names[] = { (char *)"fuzz-preload", (char *)"libvirtd" };
    FakeLibvirt *libvirt = fake();
    guint8 mode = header[1];

    call->function = functions[header[0] % G_N_ELEMENTS(functions)];
    call->conn = mode & MODE_OTHER ? "LXC" : "QEMU";
    call->flags = header[2] | (unsigned int)header[3] << 8;
    call->xml = texts;
    call->domain = call->xml + strlen(call->xml) + 1;
    program_invocation_short_name = names[(mode & MODE_DAEMON) != 0];
    libvirt->saved = call->domain + strlen(call->domain) + 1;
    if (!*libvirt->saved)
        libvirt->saved = NULL;
    libvirt->readonly = mode & MODE_READONLY ? "1" : NULL;
    libvirt->active = (mode & MODE_ACTIVE) != 0;
    libvirt->uri = mode & MODE_REMOTE ? "qemu+ssh://host/system" : "qemu:///system";
    /* VIR_ERR_OPERATION_DENIED, VIR_ERR_INTERNAL_ERROR */
    libvirt->denied = mode & MODE_DENIED ? "29" : "1";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *texts = NULL;
    g_autoptr(GPtrArray) told = g_ptr_array_new_with_free_func(g_free);
    Call call = { 0 };

    if (size < HEADER_SIZE)
        return 0;
    texts = g_malloc0(size - HEADER_SIZE + 3);
    memcpy(texts, data + HEADER_SIZE, size - HEADER_SIZE);
    set_call(&call, data, texts);
    heard = (Heard){ .call = &call, .told = told };
    check_call(&call, data[1]);
    free(call.text);
    return 0;
}
