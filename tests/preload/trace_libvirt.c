/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded before the plugin, this writes down which functions of the table a program calls, one a line, in
 * the file that SPM_TRACE names, and goes on to the plugin. It is how a test knows that a door was used. */

#define _GNU_SOURCE /* RTLD_NEXT */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The functions take all kinds of arguments, so these are kept as they are: what the x86-64 ABI passes in
 * registers is saved, the rest is left on the stack, and the function is jumped to. */
__asm__(".text\n"
        "spm_trace:\n"
        "  push %rdi\n  push %rsi\n  push %rdx\n  push %rcx\n  push %r8\n  push %r9\n"
        "  sub $8, %rsp\n"
        "  mov %rax, %rdi\n"
        "  call spm_trace_next\n"
        "  add $8, %rsp\n"
        "  pop %r9\n  pop %r8\n  pop %rcx\n  pop %rdx\n  pop %rsi\n  pop %rdi\n"
        "  jmp *%rax\n");

#define SPM_INTERPOSED(type, name, parameters)                                                               \
    __asm__(".section .rodata\n"                                                                             \
            "spm_name_" #name ": .asciz \"" #name "\"\n"                                                     \
            ".text\n"                                                                                        \
            ".globl " #name "\n"                                                                             \
            ".type " #name ", @function\n" #name ":\n"                                                       \
            "  lea spm_name_" #name "(%rip), %rax\n"                                                         \
            "  jmp spm_trace\n");
#include "preload/symbols.h"

void *spm_trace_next(const char *name) __attribute__((visibility("hidden"), used));

void *
spm_trace_next(const char *name)
{
    const char *path = getenv("SPM_TRACE");
    int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;

    if (file >= 0) {
        dprintf(file, "%s\n", name);
        close(file);
    }
    return dlsym(RTLD_NEXT, name);
}
