# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest uses its SPM: as a device that a driver maps, as RAM of its own node, or as plain RAM."""

import re
from dataclasses import dataclass

import pytest
from acpi import SRAT_ENABLED, SRAT_HOTPLUGGABLE
from guest import Guest
from matrix import Row
from matrix_guest import Evidence, Facts, RowGuest, boot_and_look, walk
from matrix_layouts import layout_of, place
from matrix_run import Job
from programs import BUILD, run
from report import Affinity, DaxDevice, Range, Report, merged

SEED = 42
SECONDS = 240  # to write all of it, on a busy machine
DRIVERS = "/sys/bus/dax/drivers"

USERS = [
    Row("10.0", "seabios", "q35", "single", "ram", "bookworm"),
    Row("10.0", "ovmf", "pc", "dimm", "memfd", "forky"),
    Row("11.1", "seabios", "pc", "dimm", "memfd", "forky"),
    Row("11.1", "ovmf", "q35", "single", "ram", "bookworm"),
]


@dataclass
class Used:
    """A guest that wrote and read all of its SPM through device_dax, and then gave it to the page allocator."""

    device: DaxDevice
    written: str
    read: str
    other_seed: str
    claimed: Report
    online: Report
    evidence: Evidence

    @property
    def memory(self) -> Range:
        return Range(self.device.start, self.device.start + self.device.size)


def claim(inside: Guest, report: Report, start: int) -> DaxDevice:
    """Bind the dax device of the memory from start on to device_dax: Linux would offer it to kmem."""
    device = next(device for device in report.dax if device.start == start)
    inside.run(f"echo {device.name} >{DRIVERS}/device_dax/new_id")
    return device


def use(guest: RowGuest) -> Used:
    spm = place(layout_of(guest.row.layout), guest.row.machine)[0]
    with guest.booted() as (inside, report):
        device = claim(inside, report, spm.start)
        words = f"/dev/{device.name} {device.size}"
        written = inside.run(f"spm-memory fill {words} {SEED}", SECONDS)
        read = inside.run(f"spm-memory check {words} {SEED}", SECONDS)
        other_seed = inside.run(f"spm-memory check {words} {SEED + 1} 2>&1; true", SECONDS)
        claimed = inside.report()
        inside.run(f"echo {device.name} >{DRIVERS}/device_dax/unbind")
        inside.run(f"echo {device.name} >{DRIVERS}/device_dax/remove_id")
        # It takes what no other driver has.
        inside.run("modprobe kmem")
        return Used(device, written, read, other_seed, claimed, inside.report(), guest.evidence)


every_user = pytest.mark.parametrize("facts", [Job(f"use-{row}", row, use) for row in USERS], indirect=True, ids=str)


@every_user
def test_driver_writes_and_reads_back_all_of_it(facts: Used) -> None:
    assert re.fullmatch(rf"{facts.device.size} bytes, checksum [0-9a-f]{{16}}", facts.written)
    assert facts.read == facts.written


@every_user
def test_reading_back_would_notice_other_contents(facts: Used) -> None:
    assert facts.other_seed == "spm-memory: byte 0 differs"


@every_user
def test_driver_has_it_for_itself(facts: Used) -> None:
    owner = [r for r in facts.claimed.iomem if r.kind == facts.device.name]
    assert [Range(r.start, r.end) for r in owner] == [facts.memory]


@every_user
def test_kmem_makes_it_ram_of_its_own_node(facts: Used) -> None:
    node = facts.online.nodes_of_domains[1]
    blocks = facts.online.blocks_of(facts.memory)
    assert sum(block.end - block.start for block in blocks) == facts.device.size
    assert {(block.node, block.state) for block in blocks} == {(f"node{node}", "online")}
    assert facts.online.node_list("has_memory") == {0, node}


@every_user
def test_kmem_names_it(facts: Used) -> None:
    ram = merged([r for r in facts.online.iomem if r.kind == "System RAM (kmem)"])
    assert [Range(r.start, r.end) for r in ram] == [facts.memory]


# ---- a kernel that is told to treat it as any other memory; UEFI's loader alone has that option

PLAIN = [Job(f"plain-{row}", row, boot_and_look, "efi=nosoftreserve") for row in USERS if row.firmware == "ovmf"]


@pytest.mark.parametrize("facts", PLAIN, indirect=True, ids=str)
def test_nosoftreserve_makes_it_plain_ram(facts: Facts) -> None:
    [spm] = facts.spms
    assert facts.report.soft_reserved == []
    assert any(r.start <= spm.start and spm.end <= r.end for r in facts.report.iomem if r.kind == "System RAM")


@pytest.mark.parametrize("facts", PLAIN, indirect=True, ids=str)
def test_plain_ram_is_still_of_its_own_node(facts: Facts) -> None:
    [spm] = facts.spms
    node = facts.report.nodes_of_domains[spm.device.node]
    assert facts.report.node_list("has_memory") == {0, node}
    assert {block.node for block in facts.report.blocks_of(Range(spm.start, spm.end))} == {f"node{node}"}


# ---- why nothing may lie below SPM of the last cell: what validation refuses, forced past it


@dataclass
class Forced:
    """A guest in which something else lies below the SPM of the last cell, and what a driver finds in its place."""

    below: Range
    spm: Range
    walked: Range | None
    report: Report
    # The same as spm elements.
    xml: str
    evidence: Evidence


def force(guest: RowGuest) -> Forced:
    """Move SPM up, to where the DIMM is that the layout may have, which then takes its place. The module looks at spm
    elements alone, and lets stock XML pass."""
    spm = place(layout_of(guest.row.layout), guest.row.machine)[0]
    low, high = (f"base='{base:#x}'" for base in (spm.start, spm.end))

    def swapped(xml: str) -> str:
        return xml.replace(high, "@").replace(low, high).replace("@", low)

    stock = guest.evidence.files["forced.xml"] = swapped(guest.daemon.stored_xml(guest.name))
    guest.daemon.call("define", "/dev/stdin", stdin=stock)
    with guest.booted() as (inside, report):
        return Forced(Range(spm.start, spm.end), Range(spm.end, spm.end + spm.device.size),
                      walk(inside, spm.device.node), report, swapped(guest.xml), guest.evidence)


FORCED = {layout: [Job(f"forced-{emulator}-{layout}", Row(emulator, "seabios", "q35", layout, "ram", "bookworm"), force)
                   for emulator in ("10.0", "11.1")]
          for layout in ("dimm-with-base", "spm-with-base")}
every_forced = pytest.mark.parametrize("facts", [job for jobs in FORCED.values() for job in jobs], indirect=True,
                                       ids=str)


def verdict(facts: Forced) -> str:
    """What virt-spm says of it."""
    done = run(BUILD / "src" / "virt-spm", "validate", "-", text=facts.xml)
    assert done.returncode == 1
    return done.stderr


@every_forced
def test_driver_misses_spm_above_something_else(facts: Forced) -> None:
    assert facts.report.soft_reserved == [Range(facts.spm.start, facts.spm.end, "soft reserved")]
    assert facts.walked == facts.below


@pytest.mark.parametrize("facts", FORCED["dimm-with-base"], indirect=True, ids=str)
def test_spm_above_a_dimm_is_refused(facts: Forced) -> None:
    assert (f"<address> of <memory model='spm'> has base='{facts.spm.start:#x}', which is above base "
            f"{facts.below.start:#x} of <memory model='dimm'>") in verdict(facts)


@pytest.mark.parametrize("facts", FORCED["spm-with-base"], indirect=True, ids=str)
def test_room_below_spm_of_the_last_cell_is_refused(facts: Forced) -> None:
    assert f"but free hotplug space below it ({facts.below.start:#x}) is reported on the same node" in verdict(facts)


# ---- the room that an alignment leaves, for which the module adds a cell

ALIGNED = Job("aligned", Row("10.0", "seabios", "q35", "aligned", "file", "bookworm"), boot_and_look)
every_aligned = pytest.mark.parametrize("facts", [ALIGNED], indirect=True, ids=str)


@every_aligned
def test_room_below_spm_is_of_a_cell_of_its_own(facts: Facts) -> None:
    lower, upper = facts.spms
    assert lower.end < upper.start
    hotplug = SRAT_ENABLED | SRAT_HOTPLUGGABLE
    assert sorted(entry for entry in facts.report.srat if entry.start >= facts.window.start) == [
        lower.affinity, Affinity(lower.end, upper.start, 3, hotplug),
        upper.affinity, Affinity(upper.end, facts.window.end, 3, hotplug)]


@every_aligned
def test_driver_finds_spm_above_such_room(facts: Facts) -> None:
    assert facts.walks == {spm.device.node: Range(spm.start, spm.end) for spm in facts.spms}


@every_aligned
def test_dumpxml_shows_the_cell(facts: Facts) -> None:
    """It was not in the document that was defined, and what is shown of the running guest has it."""
    assert "<cell id='3'" not in facts.evidence.files["domain.xml"]
    assert "<cell id='3' memory='0' unit='KiB'/>" in facts.live_xml
    done = run(BUILD / "src" / "virt-spm", "validate", "--libvirt-version", "11.3.0", "-", text=facts.live_xml)
    assert done.returncode == 0, done.stderr
