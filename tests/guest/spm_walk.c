/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spm-walk DOMAIN: find memory by its proximity domain as a driver does, in the test guest.
 *
 * Takes the first memory affinity entry of the ACPI table SRAT that is enabled and of the proximity domain
 * DOMAIN, and prints where that memory begins and its size. Exit: 0 found, 1 there is none, 2 the table
 * cannot be read. The layout is that of ACPI 6.5, 5.2.16: a header of 48 bytes, then structures that begin
 * with their type and length. */

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE "/sys/firmware/acpi/tables/SRAT"
#define TABLE_MAX 65536
#define HEADER_SIZE 48
#define MEMORY_AFFINITY 1
#define MEMORY_AFFINITY_SIZE 40
#define ENABLED 1

static uint32_t
get32(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static uint64_t
get64(const unsigned char *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

/* The first entry of @domain that is enabled, or NULL. */
static const unsigned char *
find(const unsigned char *table, size_t size, uint32_t domain)
{
    size_t at = HEADER_SIZE;

    while (at + 2 <= size && table[at + 1] >= 2 && at + table[at + 1] <= size) {
        const unsigned char *entry = table + at;

        if (entry[0] == MEMORY_AFFINITY && entry[1] == MEMORY_AFFINITY_SIZE && get32(entry + 2) == domain &&
            (get32(entry + 28) & ENABLED) != 0)
            return entry;
        at += entry[1];
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    static unsigned char table[TABLE_MAX];
    const unsigned char *entry;
    size_t size;
    FILE *file;

    if (argc != 2) {
        fprintf(stderr, "usage: spm-walk DOMAIN\n");
        return 2;
    }
    file = fopen(TABLE, "rb");
    size = file ? fread(table, 1, sizeof(table), file) : 0;
    if (size < HEADER_SIZE) {
        perror(TABLE);
        return 2;
    }
    entry = find(table, size, strtoul(argv[1], NULL, 0));
    if (!entry) {
        fprintf(stderr, "spm-walk: no memory in proximity domain %s\n", argv[1]);
        return 1;
    }
    printf("%#" PRIx64 " %#" PRIx64 "\n", get64(entry + 8), get64(entry + 16));
    return 0;
}
