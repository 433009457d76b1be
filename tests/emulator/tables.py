# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the tables that an emulator hands to the firmware: E820, SRAT, HMAT."""

import struct
from typing import NamedTuple

import acpi

E820_RAM = 1
E820_RESERVED = 2
E820_SOFT_RESERVED = 0xEFFFFFFF


class Range(NamedTuple):
    """A range of the E820 map."""

    address: int
    length: int
    type: int


class Affinity(NamedTuple):
    """A memory affinity structure of the SRAT."""

    node: int
    address: int
    length: int
    flags: int


def e820(machine):
    """The E820 entries, in the table's order."""
    data = machine.firmware_file("etc/e820")
    return [Range(*entry) for entry in struct.iter_unpack("<QQI", data)]


def merged(ranges, affinities):
    """Sort ranges; soft-reserved ones that touch become one where they are of one node."""
    nodes = {entry.address: entry.node for entry in affinities}
    result, last = [], None
    for entry in sorted(ranges):
        node = nodes.get(entry.address) if entry.type == E820_SOFT_RESERVED else None
        if node is not None and node == last and result[-1].address + result[-1].length == entry.address:
            result[-1] = result[-1]._replace(length=result[-1].length + entry.length)
        else:
            result.append(entry)
        last = node
    return result


def acpi_table(machine, signature):
    """The bytes of an ACPI table, or None if there is none of that name."""
    data = machine.firmware_file("etc/acpi/tables")
    at = 0
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        if not name.strip(b"\0"):
            break
        if name == signature.encode():
            return data[at:at + length]
        # The FACS comes first and says its length like any other table.
        at += length
    return None


def srat_memory(machine):
    """The memory entries of the SRAT that are not empty, in the table's order."""
    return [Affinity(*entry) for entry in acpi.srat_memory(acpi_table(machine, "SRAT")) if Affinity(*entry).length]


def hmat_domains(machine):
    """The memory proximity domains that the HMAT has attributes for: {domain: initiator or None}."""
    return acpi.hmat_domains(acpi_table(machine, "HMAT"))
