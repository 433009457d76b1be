# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads ACPI tables (ACPI 6.5, 5.2.16 SRAT, 5.2.17 SLIT, 5.2.28 HMAT), whoever has them: an emulator or a guest."""

import struct
from collections.abc import Iterator

SRAT_ENABLED, SRAT_HOTPLUGGABLE, SRAT_NON_VOLATILE = 1, 2, 4


def structures(table: bytes, start: int, header: str) -> Iterator[tuple[int, bytes]]:
    """The structures of a table from start on, each with its type."""
    while start < len(table):
        kind, length = struct.unpack_from(header, table, start)
        yield kind, table[start:start + length]
        start += length


def srat_memory(table: bytes) -> Iterator[tuple[int, int, int, int]]:
    """The memory affinity structures of an SRAT, in its order: node, address, length and flags."""
    for kind, data in structures(table, 48, "<BB"):
        if kind == 1:
            node, _, address, length, _, flags = struct.unpack_from("<IHQQII", data, 2)
            yield node, address, length, flags


def slit(table: bytes) -> list[list[int]]:
    """The distances from each proximity domain to each; none without a table."""
    if not table:
        return []
    (count,) = struct.unpack_from("<Q", table, 36)
    return [list(table[44 + row * count:44 + (row + 1) * count]) for row in range(count)]


def hmat_domains(table: bytes) -> dict[int, int | None]:
    """The memory proximity domains that an HMAT has attributes for, and the initiator of each."""
    domains: dict[int, int | None] = {}
    for kind, data in structures(table, 40, "<HxxI"):
        if kind == 0:
            flags, _, initiator, memory = struct.unpack_from("<HHII", data, 8)
            assert memory not in domains, f"domain {memory} is described twice"
            domains[memory] = initiator if flags & 1 else None
    return domains


def hmat_latencies(table: bytes) -> dict[tuple[int, int], int]:
    """Access latency of the memory itself in nanoseconds by initiator and target, where an HMAT has it."""
    result = {}
    for kind, data in structures(table, 40, "<HxxI"):
        # Byte 8 is 0 for the memory, the level of a cache otherwise.
        if kind != 1 or data[8] & 15 or data[9] != 0:
            continue
        initiators, targets, _, unit = struct.unpack_from("<IIIQ", data, 12)
        first = 32
        rows = struct.unpack_from(f"<{initiators}I", data, first)
        columns = struct.unpack_from(f"<{targets}I", data, first + 4 * initiators)
        entries = struct.unpack_from(f"<{initiators * targets}H", data, first + 4 * (initiators + targets))
        for number, entry in enumerate(entries):
            result[rows[number // targets], columns[number % targets]] = entry * unit // 1000
    return result


def hmat_caches(table: bytes) -> dict[int, list[tuple[int, int, int]]]:
    """By memory proximity domain, the level, the size in KiB and the line in bytes of each memory-side cache."""
    result: dict[int, list[tuple[int, int, int]]] = {}
    for kind, data in structures(table, 40, "<HxxI"):
        if kind == 2:
            node, _, size, attributes = struct.unpack_from("<IIQI", data, 8)
            result.setdefault(node, []).append((attributes >> 4 & 15, size // 1024, attributes >> 16))
    return result
