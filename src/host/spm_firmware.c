/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a firmware image passes specific purpose memory on to the operating system.
 *
 * QEMU describes the memory to the firmware by E820 ranges of type SOFT_RESERVED. Firmware that does not know
 * the type drops the ranges. The image itself shows what it does. Its version is not enough: it does not name
 * patches, and an OVMF need not contain one.
 *
 *   SeaBIOS  logs each range that it takes from QEMU, with one format string for each type that it knows
 *   OVMF     compares the type of each range in its module PlatformPei, in a volume compressed with LZMA; a
 *            module that does not contain the type's number cannot know the type
 *
 * This was measured with Debian's SeaBIOS 1.16.2, 1.16.3 and 1.17.0, with Debian's OVMF 2022.11, 2025.02 and
 * 2026.08, and with those of patches/seabios and patches/edk2. The verdict on any other image is "unknown".
 * Images may be hostile; they are read and never run. */

#define _GNU_SOURCE /* memmem() */

#include "host/spm_firmware.h"

#include <string.h>

#include <lzma.h>

#include "host/spm_file.h"

/* QEMU never maps more than this below 4 GiB (max-fw-size in hw/i386/pc.c). */
#define SPM_FIRMWARE_MAX_BYTES (16 * 1024 * 1024)
/* The volume with OVMF's PlatformPei is the first in its compressed section and has 896 KiB. */
#define SPM_FIRMWARE_MAX_UNPACKED (4 * 1024 * 1024)
/* An OVMF has one compressed section, or a few. The bound limits the time that a hostile image can cost. */
#define SPM_FIRMWARE_MAX_SECTIONS 8
/* The memory for LZMA, mostly its dictionary: EDK2 uses 2^24 bytes. */
#define SPM_FIRMWARE_MAX_LZMA (32 * 1024 * 1024)

#define SPM_SEABIOS_RANGE "qemu/e820: addr 0x%016llx len 0x%016llx ["
/* The newest known SeaBIOS. A newer one could pass the type on without our patch. */
#define SPM_SEABIOS_MAJOR 1
#define SPM_SEABIOS_MINOR 17

/* The type SOFT_RESERVED, 0xefffffff, in little-endian order */
static const guint8 spm_firmware_soft_reserved[] = { 0xff, 0xff, 0xff, 0xef };

#define SPM_GUID_BYTES 16
/* The GUID of sections compressed with LZMA: ee4e5898-3914-4259-9d6e-dc7bd79403cf */
static const guint8 spm_firmware_lzma_guid[SPM_GUID_BYTES] = {
    0x98, 0x58, 0x4e, 0xee, 0x14, 0x39, 0x59, 0x42, 0x9d, 0x6e, 0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf,
};
/* The GUID of OVMF's module PlatformPei: 222c386d-5abc-4fb4-b124-fbb82488acf4 */
static const guint8 spm_firmware_platform_guid[SPM_GUID_BYTES] = {
    0x6d, 0x38, 0x2c, 0x22, 0xbc, 0x5a, 0xb4, 0x4f, 0xb1, 0x24, 0xfb, 0xb8, 0x24, 0x88, 0xac, 0xf4,
};

/* UEFI PI specification, volume 3: a GUID-defined section is its size in 3 bytes, its type, the GUID, and the
 * offset of its data; a file is its GUID, a checksum, its type, attributes, and its size in 3 bytes. */
#define SPM_SECTION_GUID_OFFSET 4
#define SPM_SECTION_TYPE_OFFSET 3
#define SPM_SECTION_DATA_OFFSET 20
#define SPM_SECTION_HEADER 24
#define SPM_SECTION_GUID_DEFINED 0x02
#define SPM_FILE_TYPE_OFFSET 18
#define SPM_FILE_SIZE_OFFSET 20
#define SPM_FILE_HEADER 24
#define SPM_FILE_PEIM 0x06

typedef struct {
    const guint8 *data;
    gsize len;
} SpmSpan;

/* The part of @span that begins with the first @what in it; without data when there is none. */
static SpmSpan
spm_firmware_span_find(SpmSpan span, const void *what, gsize len)
{
    /* memmem() does not accept NULL, which is the data of an empty file */
    SpmSpan rest = { span.len >= len ? memmem(span.data, span.len, what, len) : NULL, 0 };

    if (rest.data)
        rest.len = span.len - (gsize)(rest.data - span.data);
    return rest;
}

static SpmSpan
spm_firmware_span_skip(SpmSpan span, gsize bytes)
{
    return (SpmSpan){ span.data + bytes, span.len - bytes };
}

static gsize
spm_firmware_read_le(const guint8 *data, guint bytes)
{
    gsize value = 0;

    while (bytes-- > 0)
        value = value << 8 | data[bytes];
    return value;
}

/* Returns @verdict, with its reason. */
static SpmFirmwareVerdict G_GNUC_PRINTF(3, 4)
    spm_firmware_say(SpmFirmwareVerdict verdict, char **reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *reason = g_strdup_vprintf(format, args);
    va_end(args);
    return verdict;
}

/* ---- SeaBIOS ---- */

/* The version is a string of its own: printable, after an unprintable byte, and NUL-terminated, such as
 * "1.16.3-debian-1.16.3-2" or "rel-1.16.3-0-g...". A longer one is not accepted. */
#define SPM_SEABIOS_VERSION                                                                                  \
    "(?<![ -~])(?:rel-)?(?=[ -~]{5,70}\\0)(\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}(?!\\d)[ -~]*)\\0"

/* Returns the version without "rel-", or NULL. */
static char *
spm_firmware_seabios_version(SpmSpan image, guint64 *major, guint64 *minor)
{
    g_autoptr(GRegex) regex = g_regex_new(SPM_SEABIOS_VERSION, G_REGEX_RAW, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    char *version, *rest;

    if (!g_regex_match_full(regex, (const char *)image.data, (gssize)image.len, 0, 0, &match, NULL))
        return NULL;
    version = g_match_info_fetch(match, 1);
    *major = g_ascii_strtoull(version, &rest, 10);
    *minor = g_ascii_strtoull(rest + 1, NULL, 10);
    return version;
}

static SpmFirmwareVerdict
spm_firmware_scan_seabios(SpmSpan image, char **reason)
{
    guint64 major = 0, minor = 0;
    g_autofree char *version = spm_firmware_seabios_version(image, &major, &minor);

    if (!version)
        return spm_firmware_say(SPM_FIRMWARE_UNKNOWN, reason, "is a SeaBIOS without a version");
    if (spm_firmware_span_find(image, SPM_SEABIOS_RANGE "type", strlen(SPM_SEABIOS_RANGE "type")).data)
        return spm_firmware_say(SPM_FIRMWARE_PASSES, reason,
                                "is SeaBIOS %s with a patch that passes on all ranges", version);
    if (major != SPM_SEABIOS_MAJOR || minor > SPM_SEABIOS_MINOR)
        return spm_firmware_say(SPM_FIRMWARE_UNKNOWN, reason,
                                "is SeaBIOS %s, which is newer than the known versions", version);
    return spm_firmware_say(SPM_FIRMWARE_DROPS, reason,
                            "is SeaBIOS %s, which drops all ranges but RAM and reserved", version);
}

/* ---- OVMF ---- */

/* Unpacks the beginning of @packed into @out, and returns the number of bytes. */
static gsize
spm_firmware_lzma_unpack(SpmSpan packed, guint8 *out, gsize max)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    gsize len;

    if (lzma_alone_decoder(&stream, SPM_FIRMWARE_MAX_LZMA) != LZMA_OK)
        return 0;
    stream.next_in = packed.data;
    stream.avail_in = packed.len;
    stream.next_out = out;
    stream.avail_out = max;
    while (stream.avail_out && lzma_code(&stream, LZMA_RUN) == LZMA_OK)
        ;
    len = max - stream.avail_out;
    lzma_end(&stream);
    return len;
}

/* The whole module PlatformPei in @volume; without data when there is none. */
static SpmSpan
spm_firmware_find_platform(SpmSpan volume)
{
    SpmSpan file = spm_firmware_span_find(volume, spm_firmware_platform_guid, SPM_GUID_BYTES);

    while (file.data) {
        gsize size =
            file.len >= SPM_FILE_HEADER ? spm_firmware_read_le(file.data + SPM_FILE_SIZE_OFFSET, 3) : 0;

        if (size > SPM_FILE_HEADER && size <= file.len && file.data[SPM_FILE_TYPE_OFFSET] == SPM_FILE_PEIM)
            return (SpmSpan){ file.data, size };
        file = spm_firmware_span_find(spm_firmware_span_skip(file, 1), spm_firmware_platform_guid,
                                      SPM_GUID_BYTES);
    }
    return file;
}

/* The compressed data of the section whose GUID is at @offset of @image; without data when it is not a
 * section. */
static SpmSpan
spm_firmware_lzma_section(SpmSpan image, gsize offset)
{
    SpmSpan none = { NULL, 0 };
    SpmSpan section;
    gsize size, start;

    if (offset < SPM_SECTION_GUID_OFFSET)
        return none;
    section = spm_firmware_span_skip(image, offset - SPM_SECTION_GUID_OFFSET);
    if (section.len < SPM_SECTION_HEADER || section.data[SPM_SECTION_TYPE_OFFSET] != SPM_SECTION_GUID_DEFINED)
        return none;
    size = spm_firmware_read_le(section.data, 3);
    start = spm_firmware_read_le(section.data + SPM_SECTION_DATA_OFFSET, 2);
    if (start < SPM_SECTION_HEADER || start >= size || size > section.len)
        return none;
    return (SpmSpan){ section.data + start, size - start };
}

static SpmFirmwareVerdict
spm_firmware_scan_platform(SpmSpan platform, char **reason)
{
    if (spm_firmware_span_find(platform, spm_firmware_soft_reserved, sizeof(spm_firmware_soft_reserved)).data)
        return spm_firmware_say(SPM_FIRMWARE_PASSES, reason,
                                "is an OVMF that knows soft-reserved memory, as 2026.08 does");
    return spm_firmware_say(SPM_FIRMWARE_DROPS, reason,
                            "is an OVMF that does not know soft-reserved memory, like those before 2026.08");
}

static SpmFirmwareVerdict
spm_firmware_scan_ovmf(SpmSpan image, char **reason)
{
    g_autofree guint8 *buffer = g_malloc(SPM_FIRMWARE_MAX_UNPACKED);
    SpmSpan found = spm_firmware_span_find(image, spm_firmware_lzma_guid, SPM_GUID_BYTES);
    guint sections = 0;

    while (found.data) {
        SpmSpan packed = spm_firmware_lzma_section(image, (gsize)(found.data - image.data));
        SpmSpan volume = { buffer, packed.data
                                       ? spm_firmware_lzma_unpack(packed, buffer, SPM_FIRMWARE_MAX_UNPACKED)
                                       : 0 };
        SpmSpan platform = spm_firmware_find_platform(volume);

        if (platform.data)
            return spm_firmware_scan_platform(platform, reason);
        sections += packed.data != NULL;
        if (sections == SPM_FIRMWARE_MAX_SECTIONS)
            return spm_firmware_say(SPM_FIRMWARE_UNKNOWN, reason,
                                    "has more compressed sections than any known OVMF");
        found =
            spm_firmware_span_find(spm_firmware_span_skip(found, 1), spm_firmware_lzma_guid, SPM_GUID_BYTES);
    }
    return spm_firmware_say(SPM_FIRMWARE_UNKNOWN, reason, "is not an image of a known SeaBIOS or OVMF");
}

/**
 * spm_firmware_scan:
 * @path: a firmware image
 * @reason: (out) (transfer full): a clause on the image: "is SeaBIOS 1.16.3, which ..."
 *
 * Returns: what the image does
 */
SpmFirmwareVerdict
spm_firmware_scan(const char *path, char **reason)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = spm_file_read(path, SPM_FIRMWARE_MAX_BYTES, &error);
    SpmSpan image = { NULL, 0 };

    if (!bytes)
        return spm_firmware_say(SPM_FIRMWARE_UNKNOWN, reason, "cannot be read: %s", error->message);
    image.data = g_bytes_get_data(bytes, &image.len);
    if (spm_firmware_span_find(image, SPM_SEABIOS_RANGE, strlen(SPM_SEABIOS_RANGE)).data)
        return spm_firmware_scan_seabios(image, reason);
    return spm_firmware_scan_ovmf(image, reason);
}
