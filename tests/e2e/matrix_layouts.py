# SPDX-License-Identifier: LGPL-2.1-or-later
"""The memory of the matrix's guests: what their XML asks for, and where it must be in the guest."""

from dataclasses import dataclass

from acpi import SRAT_ENABLED
from report import GIB, MIB, Affinity

SLOTS = 4  # that the XML asks for; each SPM adds one
MAX_MEMORY = 8 * GIB


@dataclass(frozen=True)
class Device:
    """A memory device. Its offset is from the start of the device memory; None leaves the place to QEMU."""

    model: str
    node: int
    size: int = 128 * MIB
    offset: int | None = None
    # Of its host memory, which must be a file.
    alignment: int = 1


@dataclass(frozen=True)
class Layout:
    """The memory devices of a guest in the order of its XML, and its other memory, which is all in cell 0."""

    devices: tuple[Device, ...]
    ram: int = GIB
    # More cells than its devices need.
    spare_cells: int = 0
    # Still more, which its XML does not have and the module adds.
    added_cells: int = 0
    hmat: bool = False

    @property
    def cells(self) -> int:
        return 1 + max(device.node for device in self.devices) + self.spare_cells + self.added_cells

    @property
    def spms(self) -> list[Device]:
        return [device for device in self.devices if device.model == "spm"]

    @property
    def others(self) -> list[Device]:
        return [device for device in self.devices if device.model != "spm"]

    @property
    def total(self) -> int:
        return self.ram + sum(device.size for device in self.devices)


def spm(node: int, offset: int | None = None) -> Device:
    return Device("spm", node, offset=offset)


# Other devices stand before SPM, which must nevertheless be placed below them.
LAYOUTS = {
    "single": Layout((spm(1),)),
    "two-nodes": Layout((spm(1), spm(2))),
    "four-on-three": Layout((spm(1), spm(1), spm(2), spm(3))),
    "dimm": Layout((Device("dimm", 0, 256 * MIB), spm(1))),
    "nvdimm": Layout((Device("nvdimm", 0), spm(1))),
    "virtio-mem": Layout((Device("virtio-mem", 0, 256 * MIB), spm(1))),
    # The room below SPM is in the last cell's proximity domain, which must not be that of an SPM.
    "gap": Layout((Device("dimm", 0, 256 * MIB, GIB), spm(1, 128 * MIB), spm(2, 512 * MIB)), spare_cells=1),
    "small-ram": Layout((spm(1),), ram=512 * MIB),
    "large-ram": Layout((spm(1), Device("dimm", 0, 256 * MIB)), ram=5 * GIB),
    "hmat": Layout((spm(1), spm(2)), hmat=True),
}

# Those that tests of their own are about.
MORE_LAYOUTS = {
    "dimm-with-base": Layout((Device("dimm", 0, offset=128 * MIB), spm(1, 0))),
    "spm-with-base": Layout((spm(1, 0),)),
    "aligned": Layout((spm(1), Device("spm", 2, 256 * MIB, alignment=256 * MIB)), added_cells=1),
}


def layout_of(name: str) -> Layout:
    return {**LAYOUTS, **MORE_LAYOUTS}[name]


# From which size on QEMU moves RAM above 4 GiB, and how much then stays below: hw/i386/pc_piix.c, pc_q35.c.
LOW_RAM = {"pc": (0xE0000000, 3 * GIB), "q35": (0xB0000000, 2 * GIB)}


def window_start(layout: Layout, machine: str) -> int:
    """Where the device memory begins: at the first whole GiB above all RAM, but not below 4 GiB."""
    limit, low = LOW_RAM[machine]
    above = layout.ram - low if layout.ram >= limit else 0
    return 4 * GIB + -(-above // GIB) * GIB


def window_end(layout: Layout, machine: str) -> int:
    """Where it ends: room for all that <maxMemory> allows, and a GiB a slot to align by."""
    return window_start(layout, machine) + MAX_MEMORY - layout.ram + (SLOTS + len(layout.spms)) * GIB


@dataclass(frozen=True)
class Placed:
    """A device and the memory it must have in the guest."""

    device: Device
    start: int
    end: int

    @property
    def affinity(self) -> Affinity:
        return Affinity(self.start, self.end, self.device.node, SRAT_ENABLED)


def place(layout: Layout, machine: str) -> list[Placed]:
    """All devices, SPM first. No size needs a gap to be aligned, only an alignment that the XML asks for."""
    at = window = window_start(layout, machine)
    placed = []
    for device in [*layout.spms, *layout.others]:
        start = -(-at // device.alignment) * device.alignment if device.offset is None else window + device.offset
        at = start + device.size
        placed.append(Placed(device, start, at))
    return placed
