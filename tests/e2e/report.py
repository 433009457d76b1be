# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest reported of its memory, decoded: the firmware's E820, ACPI's SRAT, /proc/iomem."""

import re
from dataclasses import dataclass

import acpi

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
SOFT_RESERVED = "soft reserved"
# What newer Linux calls types of the E820 map, and what it called them before.
NEW_NAMES = {"System RAM": "usable", "device reserved": "reserved"}


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
        names = ["enabled", "hotpluggable", "non-volatile"]
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
    form = re.compile(r"BIOS-e820: \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\] +(.*)")
    found = (form.search(line) for line in lines)
    return [Range(int(m[1], 16), int(m[2], 16) + 1, NEW_NAMES.get(m[3], m[3])) for m in found if m]


def parse_domains(lines: list[str]) -> dict[int, int]:
    """Linux's number of each proximity domain that has memory, from the boot log: it counts in the SRAT's order."""
    found = (re.search(r"SRAT: Node (\d+) PXM (\d+) \[mem", line) for line in lines)
    return {int(m[2]): int(m[1]) for m in found if m}


def parse_srat(table: bytes) -> list[Affinity]:
    """The enabled memory affinity entries, in the table's order."""
    return [Affinity(start, start + size, node, flags) for node, start, size, flags in acpi.srat_memory(table)
            if flags & acpi.SRAT_ENABLED]


def parse_iomem(lines: list[str]) -> list[Range]:
    """All resources, also the nested ones, in the guest's order."""
    found = (re.match(r" *([0-9a-f]+)-([0-9a-f]+) : (.*)", line) for line in lines)
    return [Range(int(m[1], 16), int(m[2], 16) + 1, m[3]) for m in found if m]


def parse_blocks(lines: list[str]) -> list[Block]:
    """The memory blocks: first the size of all, then "NUMBER NODE STATE ZONES" of each."""
    size = int(lines[0].split()[1], 16)
    words = (line.split() for line in lines[1:])
    return [Block(int(w[0]) * size, (int(w[0]) + 1) * size, w[1], w[2]) for w in words]


def parse_memmap(lines: list[str]) -> list[Range]:
    """The firmware's map as sysfs has it: "START END TYPE"."""
    words = (line.split(maxsplit=2) for line in lines)
    return [Range(int(w[0], 16), int(w[1], 16) + 1, w[2]) for w in words]


@dataclass(frozen=True)
class DaxDevice:
    """A dax device of Linux: memory that one driver has for itself."""

    name: str
    start: int
    size: int
    node: int


def parse_dax(lines: list[str]) -> list[DaxDevice]:
    """The devices of the dax bus, from lines "PATH VALUE"."""
    values: dict[str, dict[str, str]] = {}
    for line in lines:
        path, value = line.split(maxsplit=1)
        name, attribute = path.split("/")[-2:]
        values.setdefault(name, {})[attribute] = value
    return [DaxDevice(name, int(value["resource"], 16), int(value["size"]), int(value["target_node"]))
            for name, value in sorted(values.items())]


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
    def memmap(self) -> list[Range]:
        """The firmware's map as sysfs has it; DIMMs join it."""
        return parse_memmap(self.sections["memmap"])

    @property
    def slit(self) -> list[list[int]]:
        """Distances; empty when firmware gave none."""
        return acpi.slit(self.table("SLIT"))

    @property
    def hmat_domains(self) -> dict[int, int | None]:
        """The memory proximity domains that the HMAT has attributes for, and the initiator of each."""
        return acpi.hmat_domains(self.table("HMAT"))

    @property
    def hmat_latencies(self) -> dict[tuple[int, int], int]:
        """Access latency in nanoseconds by initiator and target."""
        return acpi.hmat_latencies(self.table("HMAT"))

    @property
    def dax(self) -> list[DaxDevice]:
        return parse_dax(self.sections["dax"])

    @property
    def firmware_version(self) -> str:
        """The firmware's own name for its version."""
        return next(m[1] for m in (re.search(r"DMI: .*, BIOS (\S+)", line) for line in self.sections["dmesg"]) if m)

    @property
    def nodes_of_domains(self) -> dict[int, int]:
        """Linux's number of each proximity domain."""
        return parse_domains(self.sections["dmesg"])

    def node_list(self, name: str) -> set[int]:
        """The nodes of a list of Linux, like "has_memory"."""
        text = next(line for line in self.sections["nodes"] if line.split()[0].endswith(f"/{name}")).partition(" ")[2]
        spans = (part.split("-") for part in text.split(",") if part)
        return {node for span in spans for node in range(int(span[0]), int(span[-1]) + 1)}

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

    def summary(self) -> list[str]:
        """All of it that is about memory, decoded, for people."""
        parts = {
            "E820, as firmware gave it": self.e820, "SRAT": self.srat, "SLIT": self.slit,
            "HMAT: memory domain, initiator": list(self.hmat_domains.items()),
            "HMAT: initiator, target, latency": list(self.hmat_latencies.items()),
            "/proc/iomem": self.iomem, "dax devices": self.dax, "nodes": self.sections["nodes"],
        }
        return [line for title, items in parts.items() for line in [f"{title}:", *(f"    {item}" for item in items)]]

    @property
    def hmem(self) -> dict[str, int]:
        """Linux's hmem devices, one a soft-reserved range, and the node each belongs to."""
        return {
            path.rsplit("/", 1)[1]: int(node)
            for path, node in (line.split() for line in self.sections["hmem"])
        }


def last_report(log: str) -> Report | None:
    """The last whole report in the log of a guest's serial line, if there is one."""
    whole = re.findall(r"^@@report\n(.*?)^@@end$", log, re.DOTALL | re.MULTILINE)
    return Report(whole[-1].splitlines()) if whole else None
