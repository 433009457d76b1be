# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest is rebooted, saved, taken back to a snapshot and moved to another libvirtd: what it sees stays the same."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from daemon import Daemon
from guest import Guest
from matrix import Row
from matrix_guest import Evidence, RowGuest
from matrix_layouts import layout_of, place
from matrix_run import Job
from report import DaxDevice, Report
from test_use import SECONDS, SEED, claim

OTHER_SEED = 43
DISK = "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{file}'/>" \
       "<target dev='vda' bus='virtio'/></disk>"


@dataclass
class Gone:
    """A guest before and after it was away, and the pattern in its SPM then."""

    before: Report
    after: Report
    written: str
    read: str
    evidence: Evidence


def program(inside: Guest, what: str, device: DaxDevice, seed: int = SEED) -> str:
    return inside.run(f"spm-memory {what} /dev/{device.name} {device.size} {seed}", SECONDS)


def fill(guest: RowGuest, inside: Guest, report: Report) -> tuple[DaxDevice, str]:
    """Bind the first SPM to a driver, and fill it."""
    device = claim(inside, report, place(layout_of(guest.row.layout), guest.row.machine)[0].start)
    return device, program(inside, "fill", device)


def again(guest: RowGuest, daemon: Daemon) -> Guest:
    """The guest, which has booted before, from its new end of the serial line on."""
    return Guest(daemon.serial_path(guest.name), guest.daemon.folder / f"log/{guest.name}.serial")


def reboot(guest: RowGuest) -> Gone:
    with guest.booted() as (inside, before):
        after = inside.reboot()
        device, written = fill(guest, inside, after)
        return Gone(before, after, written, program(inside, "check", device), guest.evidence)


def save(guest: RowGuest) -> Gone:
    image = guest.daemon.folder / f"{guest.name}.memory.saved"
    with guest.booted() as (inside, before):
        device, written = fill(guest, inside, before)
        guest.daemon.call("save", guest.name, str(image))
    guest.daemon.call("restore", str(image))
    with again(guest, guest.daemon) as inside:
        return Gone(before, inside.report(), written, program(inside, "check", device), guest.evidence)


def snapshot(guest: RowGuest) -> Gone:
    """A snapshot with memory, which is inside a disk's image."""
    disk = guest.daemon.folder / f"{guest.name}.memory.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1M"], check=True)
    guest.daemon.call("define", "/dev/stdin",
                      stdin=guest.xml_now().replace("<serial ", DISK.format(file=disk) + "\n<serial ", 1))
    with guest.booted() as (inside, before):
        device, written = fill(guest, inside, before)
        guest.daemon.call("snapshot-create-as", guest.name, "moment")
        program(inside, "fill", device, OTHER_SEED)
    guest.daemon.call("snapshot-revert", guest.name, "moment")
    with again(guest, guest.daemon) as inside:
        gone = Gone(before, inside.report(), written, program(inside, "check", device), guest.evidence)
    guest.daemon.call("snapshot-delete", guest.name, "moment")
    return gone


def migrate(guest: RowGuest) -> Gone:
    with guest.booted() as (inside, before), Daemon(guest.daemon.stack) as target:
        device, written = fill(guest, inside, before)
        # The serial line moves: the emulator that ends removes the socket at the old place.
        moved = target.folder / "moved.xml"
        moved.write_text(guest.xml_now("--migratable").replace(
            str(guest.daemon.serial_path(guest.name)), str(target.serial_path(guest.name))))
        guest.daemon.call(
            "migrate", "--live", "--p2p", "--xml", str(moved), guest.name,
            target.uri.replace("qemu:", "qemu+unix:"), "--migrateuri", f"unix://{target.folder}/migration")
        try:
            with again(guest, target) as there:
                return Gone(before, there.report(), written, program(there, "check", device), guest.evidence)
        finally:
            target.virsh("destroy", guest.name)


SEABIOS = Row("10.0", "seabios", "q35", "four-on-three", "memfd", "bookworm")
OVMF = Row("10.0", "ovmf", "pc", "dimm", "ram", "forky")
WAYS: dict[Callable[[RowGuest], Gone], list[Row]] = {
    reboot: [SEABIOS, OVMF, Row("11.1", "ovmf", "q35", "two-nodes", "ram", "forky")],
    save: [SEABIOS, OVMF],
    # A snapshot inside a disk's image has no place for the variables of UEFI.
    snapshot: [SEABIOS],
    migrate: [SEABIOS, OVMF],
}
every_way = pytest.mark.parametrize(
    "facts", [Job(f"{way.__name__}-{row}", row, way) for way, rows in WAYS.items() for row in rows], indirect=True,
    ids=str)


@every_way
def test_contents(facts: Gone) -> None:
    assert facts.read == facts.written


@every_way
def test_tables(facts: Gone) -> None:
    for table in "SRAT", "SLIT", "HMAT":
        assert facts.after.table(table) == facts.before.table(table)
    assert facts.before.table("SRAT")


@every_way
def test_firmwares_map(facts: Gone) -> None:
    assert facts.after.e820 == facts.before.e820
    assert facts.after.memmap == facts.before.memmap


@every_way
def test_ram(facts: Gone) -> None:
    def ram(report: Report) -> list[object]:
        return [r for r in report.iomem if r.kind == "System RAM"]
    assert ram(facts.after) == ram(facts.before)


@every_way
def test_dax_devices(facts: Gone) -> None:
    assert facts.after.dax == facts.before.dax and facts.before.dax
