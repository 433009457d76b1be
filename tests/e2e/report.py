# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest reported of its memory, decoded: the firmware's E820, ACPI's SRAT, /proc/iomem."""

import re
import struct
from dataclasses import dataclass

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
SOFT_RESERVED = "soft reserved"
SRAT_ENABLED, SRAT_HOTPLUGGABLE = 1, 2


@dataclass(frozen=True, order=True)
class Range:
    """Guest-physical memory from start up to, not including, end; kind as its source names it."""

    start: int
    end: int
    kind: str = ""

    @property
    def size(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.start:#x}-{self.end - 1:#x} {self.kind}".rstrip()


@dataclass(frozen=True)
class Block:
    """One block of memory that Linux has added, online or not, and the node it is in."""

    start: int
    end: int
    node: str
    state: str


@dataclass(frozen=True, order=True)
class Affinity:
    """One memory affinity entry of the SRAT."""

    start: int
    end: int
    node: int
    flags: int

    def __str__(self) -> str:
        names = ["enabled", "hotpluggable"]
        flags = [name for bit, name in enumerate(names) if self.flags & 1 << bit]
        return f"{self.start:#x}-{self.end - 1:#x} node {self.node} {' '.join(flags)}"


def merged(ranges: list[Range]) -> list[Range]:
    """The same memory with touching ranges of one kind made one, as firmware may do."""
    result: list[Range] = []
    for item in sorted(ranges):
        if result and result[-1].end == item.start and result[-1].kind == item.kind:
            item = Range(result.pop().start, item.end, item.kind)
        result.append(item)
    return result


def parse_e820(lines: list[str]) -> list[Range]:
    """The firmware's map from the boot log, which no hot-added memory joins later."""
    form = re.compile(r"BIOS-e820: \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\] (.*)")
    found = (form.search(line) for line in lines)
    return [Range(int(m[1], 16), int(m[2], 16) + 1, m[3]) for m in found if m]


def parse_srat(table: bytes) -> list[Affinity]:
    """The enabled memory affinity entries (type 1), in the table's order."""
    entries, offset = [], 48
    while offset < len(table):
        kind, length = table[offset], table[offset + 1]
        if kind == 1:
            node, _, start, size, _, flags = struct.unpack_from("<IHQQII", table, offset + 2)
            if flags & SRAT_ENABLED:
                entries.append(Affinity(start, start + size, node, flags))
        offset += length
    return entries


def parse_iomem(lines: list[str]) -> list[Range]:
    """All resources, also the nested ones, in the guest's order."""
    found = (re.match(r" *([0-9a-f]+)-([0-9a-f]+) : (.*)", line) for line in lines)
    return [Range(int(m[1], 16), int(m[2], 16) + 1, m[3]) for m in found if m]


def parse_blocks(lines: list[str]) -> list[Block]:
    """The memory blocks: first the size of all, then "NUMBER NODE STATE ZONES" of each."""
    size = int(lines[0].split()[1], 16)
    words = (line.split() for line in lines[1:])
    return [Block(int(w[0]) * size, (int(w[0]) + 1) * size, w[1], w[2]) for w in words]


class Report:
    """One report of the guest, cut into its sections."""

    def __init__(self, lines: list[str]):
        self.sections: dict[str, list[str]] = {}
        for line in lines:
            if line.startswith("@@ "):
                section = self.sections.setdefault(line[3:], [])
            else:
                section.append(line)

    def table(self, name: str) -> bytes:
        """An ACPI table by its signature; empty when the guest has none."""
        return bytes.fromhex("".join(self.sections.get(name, [])))

    @property
    def e820(self) -> list[Range]:
        return parse_e820(self.sections["dmesg"])

    @property
    def srat(self) -> list[Affinity]:
        return parse_srat(self.table("SRAT"))

    @property
    def iomem(self) -> list[Range]:
        return parse_iomem(self.sections["iomem"])

    @property
    def soft_reserved(self) -> list[Range]:
        """What firmware announced as soft reserved, touching ranges merged."""
        return merged([r for r in self.e820 if r.kind == SOFT_RESERVED])

    @property
    def hot_added(self) -> list[Range]:
        """System RAM that firmware did not announce: the DIMMs, by ACPI."""
        usable = [r for r in self.e820 if r.kind == "usable"]
        return [
            r for r in self.iomem
            if r.kind == "System RAM" and not any(u.start < r.end and r.start < u.end for u in usable)
        ]

    def blocks_of(self, memory: Range) -> list[Block]:
        """The blocks of this memory."""
        return [b for b in parse_blocks(self.sections["blocks"]) if b.start < memory.end and memory.start < b.end]

    @property
    def hmem(self) -> dict[str, int]:
        """Linux's hmem devices, one a soft-reserved range, and the node each belongs to."""
        return {
            path.rsplit("/", 1)[1]: int(node)
            for path, node in (line.split() for line in self.sections["hmem"])
        }
