# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory comes and goes beside SPM while the guest runs, and SPM stays what and where it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from guest import Guest, GuestError
from lxml import etree
from matrix import Row
from matrix_guest import Evidence, RowGuest
from matrix_layouts import Placed, layout_of, place, window_end
from matrix_run import Job
from report import MIB, Range, Report
from test_use import SECONDS, SEED, claim

SIZE = 128 * MIB
# What is plugged must be free of what cannot move, or the guest could not give it back.
MOVABLE = "memhp_default_state=online_movable"
DIMM = f"""<memory model='dimm'>
<target><size unit='MiB'>{SIZE // MIB}</size><node>0</node></target>
{{address}}
</memory>
"""


def wait_until(inside: Guest, holds: Callable[[Report], bool]) -> Report:
    """The first report of which that holds."""
    deadline = time.monotonic() + SECONDS
    while not holds(report := inside.report()):
        if time.monotonic() > deadline:
            raise GuestError("the guest's memory did not become what was waited for:\n" + "\n".join(report.summary()))
    return report


def ram_in(report: Report, memory: Range) -> int:
    """How much of this memory Linux has as RAM of the page allocator."""
    return sum(r.size for r in report.iomem
               if r.kind.startswith("System RAM") and memory.start <= r.start and r.end <= memory.end)


@dataclass
class Plugged:
    """A guest with a pattern in its SPM, into which memory was plugged, and taken out again."""

    spm: Placed
    memory: Range
    steps: dict[str, Report]
    patterns: set[str]
    evidence: Evidence


class Beside:
    """The SPM of a guest, filled with a pattern, and what was seen of it at each step."""

    def __init__(self, guest: RowGuest, inside: Guest, report: Report):
        self.inside = inside
        self.spm = place(layout_of(guest.row.layout), guest.row.machine)[0]
        self.device = claim(inside, report, self.spm.start)
        self.patterns = {self._program("fill")}
        self.steps: dict[str, Report] = {}

    def step(self, name: str, holds: Callable[[Report], bool]) -> None:
        """Wait until that holds, and read all of SPM."""
        self.steps[name] = wait_until(self.inside, holds)
        self.patterns.add(self._program("check"))

    def _program(self, what: str) -> str:
        return self.inside.run(f"spm-memory {what} /dev/{self.device.name} {self.device.size} {SEED}", SECONDS)


def attach_dimm(guest: RowGuest, address: str = "") -> None:
    file = guest.daemon.folder / f"{guest.name}.memory.xml"
    file.write_text(DIMM.format(address=address))
    guest.daemon.call("attach-device", guest.name, str(file), "--live")


def alias_of(guest: RowGuest, model: str) -> str:
    return etree.fromstring(guest.xml_now()).find(f"devices/memory[@model='{model}']/alias").get("name")


def plug_dimm(guest: RowGuest) -> Plugged:
    with guest.booted() as (inside, report):
        beside = Beside(guest, inside, report)
        memory = Range(beside.spm.end, beside.spm.end + SIZE)
        attach_dimm(guest)
        beside.step("plugged", lambda seen: ram_in(seen, memory) == SIZE)
        # By its name: for old libvirt it is a DIMM as the carrier of SPM is.
        guest.daemon.call("detach-device-alias", guest.name, alias_of(guest, "dimm"), "--live")
        beside.step("unplugged", lambda seen: ram_in(seen, memory) == 0)
        return Plugged(beside.spm, memory, beside.steps, beside.patterns, guest.evidence)


def plug_at_the_end(guest: RowGuest) -> Plugged:
    end = window_end(layout_of(guest.row.layout), guest.row.machine)
    memory = Range(end - SIZE, end)
    with guest.booted() as (inside, report):
        beside = Beside(guest, inside, report)
        attach_dimm(guest, f"<address type='dimm' slot='0' base='{memory.start:#x}'/>")
        beside.step("plugged", lambda seen: ram_in(seen, memory) == SIZE)
        return Plugged(beside.spm, memory, beside.steps, beside.patterns, guest.evidence)


def resize_virtio_mem(guest: RowGuest) -> Plugged:
    device = place(layout_of(guest.row.layout), guest.row.machine)[-1]
    memory = Range(device.start, device.end)
    with guest.booted() as (inside, report):
        beside = Beside(guest, inside, report)
        alias = alias_of(guest, "virtio-mem")
        for name, size in ("grown", memory.size), ("shrunk", memory.size // 2):
            guest.daemon.call("update-memory-device", guest.name, "--alias", alias, "--requested-size", f"{size}B")
            beside.step(name, lambda seen, size=size: ram_in(seen, memory) == size)
        return Plugged(beside.spm, memory, beside.steps, beside.patterns, guest.evidence)


def jobs(work: Callable[[RowGuest], Plugged], *rows: Row) -> list[Job]:
    return [Job(f"{work.__name__.replace('_', '-')}-{row}", row, work, MOVABLE) for row in rows]


DIMMS = jobs(plug_dimm,
             Row("10.0", "seabios", "q35", "single", "ram", "bookworm"),
             Row("11.1", "ovmf", "pc", "single", "memfd", "forky"))
AT_THE_END = jobs(plug_at_the_end,
                  Row("10.0", "ovmf", "pc", "single", "memfd", "bookworm"),
                  Row("11.1", "seabios", "q35", "single", "ram", "forky"))
VIRTIO_MEMS = jobs(resize_virtio_mem,
                   Row("10.0", "ovmf", "q35", "virtio-mem", "ram", "forky"),
                   Row("11.1", "seabios", "pc", "virtio-mem", "ram", "bookworm"))

dimm = pytest.mark.parametrize("facts", DIMMS, indirect=True, ids=str)
at_the_end = pytest.mark.parametrize("facts", AT_THE_END, indirect=True, ids=str)
virtio_mem = pytest.mark.parametrize("facts", VIRTIO_MEMS, indirect=True, ids=str)
each = pytest.mark.parametrize("facts", [*DIMMS, *AT_THE_END, *VIRTIO_MEMS], indirect=True, ids=str)


@dimm
def test_dimm_comes_online_beside_spm(facts: Plugged) -> None:
    blocks = facts.steps["plugged"].blocks_of(facts.memory)
    assert {(block.node, block.state) for block in blocks} == {("node0", "online")}


@dimm
def test_dimm_goes_again(facts: Plugged) -> None:
    assert facts.steps["unplugged"].blocks_of(facts.memory) == []


@at_the_end
def test_room_for_hotplug_reaches_to_where_it_was_announced(facts: Plugged) -> None:
    blocks = facts.steps["plugged"].blocks_of(facts.memory)
    assert {(block.node, block.state) for block in blocks} == {("node0", "online")}
    assert facts.steps["plugged"].srat[-1].end == facts.memory.end


@virtio_mem
def test_virtio_mem_grows_and_shrinks_beside_spm(facts: Plugged) -> None:
    assert ram_in(facts.steps["grown"], facts.memory) == facts.memory.size
    assert ram_in(facts.steps["shrunk"], facts.memory) == facts.memory.size // 2


@each
def test_spm_keeps_its_contents(facts: Plugged) -> None:
    assert len(facts.patterns) == 1


@each
def test_spm_keeps_its_place(facts: Plugged) -> None:
    for report in facts.steps.values():
        assert [(device.start, device.size) for device in report.dax if device.start == facts.spm.start] == [
            (facts.spm.start, facts.spm.device.size)]
        assert ram_in(report, Range(facts.spm.start, facts.spm.end)) == 0
