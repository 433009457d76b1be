/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bandwidth DEVICE|- MIB: how long a guest takes to fill, read and copy memory of a dax device, or RAM.
 *
 * Maps MIB of DEVICE, or of anonymous memory, and touches all of it. Prints the milliseconds that it then
 * takes to write each word, to read each word, and to copy one half to the other. Exit: 0 fine, 2 it cannot
 * be used. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void
fill(volatile uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        words[i] = i;
}

static void
look(volatile uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)words[i];
}

/* The memory, or MAP_FAILED. A dax device is mapped by pages of 2 MiB, so RAM should be as well. */
static void *
map(const char *device, size_t size)
{
    void *memory;
    int fd;

    if (strcmp(device, "-") != 0) {
        fd = open(device, O_RDWR);
        return fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED)
        madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

int
main(int argc, char **argv)
{
    double begin, filled, read;
    size_t size;
    char *memory;

    if (argc != 3) {
        fprintf(stderr, "usage: bandwidth DEVICE|- MIB\n");
        return 2;
    }
    size = strtoul(argv[2], NULL, 10) << 20;
    memory = map(argv[1], size);
    if (memory == MAP_FAILED) {
        perror(argv[1]);
        return 2;
    }
    fill((uint64_t *)memory, size / sizeof(uint64_t));
    begin = now();
    fill((uint64_t *)memory, size / sizeof(uint64_t));
    filled = now();
    look((uint64_t *)memory, size / sizeof(uint64_t));
    read = now();
    memcpy(memory + size / 2, memory, size / 2);
    printf("%.3f %.3f %.3f\n", filled - begin, read - filled, now() - read);
    return 0;
}
