/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spm-memory fill|check DEVICE SIZE SEED: use a dax device as its driver does, in the test guest.
 *
 * fill maps SIZE bytes of DEVICE and writes a pattern over all of them that depends on SEED and on the
 * place; check maps them anew and compares. Both print how many bytes that was and their checksum, which fill
 * takes of what it writes and check of what it reads. Exit: 0 fine, 1 the contents differ, 2 it cannot be
 * used. */

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* splitmix64 of Steele, Lea and Flood: every word differs from its neighbours and from other seeds'. */
static uint64_t
pattern(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A step of a checksum that depends on the order, as FNV-1a's, but of words. */
static uint64_t
add(uint64_t sum, uint64_t word)
{
    return (sum ^ word) * UINT64_C(0x100000001b3);
}

static uint64_t
fill(uint64_t *words, uint64_t count, uint64_t seed)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t word = pattern(seed, i);

        words[i] = word;
        sum = add(sum, word);
    }
    return sum;
}

/* FALSE when a word differs. */
static bool
check(const uint64_t *words, uint64_t count, uint64_t seed, uint64_t *sum)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t word = words[i];

        if (word != pattern(seed, i)) {
            fprintf(stderr, "spm-memory: byte %#" PRIx64 " differs\n", i * sizeof(*words));
            return false;
        }
        *sum = add(*sum, word);
    }
    return true;
}

int
main(int argc, char **argv)
{
    uint64_t size, seed, count, sum = 0;
    uint64_t *words;
    int fd;

    if (argc != 5 || (strcmp(argv[1], "fill") != 0 && strcmp(argv[1], "check") != 0)) {
        fprintf(stderr, "usage: spm-memory fill|check DEVICE SIZE SEED\n");
        return 2;
    }
    size = strtoull(argv[3], NULL, 0);
    seed = strtoull(argv[4], NULL, 0);
    fd = open(argv[2], O_RDWR);
    words = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (words == MAP_FAILED) {
        perror(argv[2]);
        return 2;
    }
    count = size / sizeof(*words);
    if (strcmp(argv[1], "fill") == 0)
        sum = fill(words, count, seed);
    else if (!check(words, count, seed, &sum))
        return 1;
    printf("%" PRIu64 " bytes, checksum %016" PRIx64 "\n", count * sizeof(*words), sum);
    return 0;
}
