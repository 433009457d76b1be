# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tour: a guest of the tests' matrix of one's own choice, from its XML to what it sees, each step checked."""

from argparse import Namespace
from pathlib import Path

from acpi import SRAT_ENABLED
from daemon import Daemon
from domains import memory_devices
from matrix import Row
from matrix_guest import Facts, RowGuest, boot_and_look, part
from matrix_run import STACKS
from picture import draw
from report import Range, merged
from show import Show, excerpt, memory_options


def choose_rows(options: Namespace, firmware: dict[str, str]) -> list[Row]:
    """What the options of scripts/demo ask for."""
    return [Row(options.emulator or "10.0", name, "q35", options.layout or "dimm", "ram", "bookworm") for name in firmware]


def show_row(row: Row, daemon: Daemon, firmware: str, folder: Path | None) -> None:
    guest = RowGuest(daemon, row, f"tour-{row.firmware}")
    try:
        Show.step(f"A domain of the layout '{row.layout}'")
        Show.lines(excerpt(guest.xml, "maxMemory", "memory", "numa"))
        with guest:
            show_libvirt(guest)
            Show.step(f"The guest on QEMU {row.emulator}, booted by {firmware}")
            show_guest(boot_and_look(guest))
    finally:
        if folder:
            guest.evidence.keep(folder / guest.name)
            print(f"  kept in {folder}/{guest.name}: {', '.join(sorted(guest.evidence.files))}", flush=True)


def show_libvirt(guest: RowGuest) -> None:
    Show.step("What libvirt keeps of it: nothing but its own XML")
    stock = guest.evidence.files["stock.xml"]
    Show.lines(excerpt(stock, "numa", "memory", "qemu:commandline", "qemu:override"))
    Show.check("what libvirt keeps is stock XML", "model='spm'" not in stock)
    models = [device.get("model") for device in memory_devices(guest.xml_now())]
    Show.check("its dump has SPM again, ahead of other memory devices", models == sorted(models, key="spm".__ne__))


def show_guest(facts: Facts) -> None:
    print("  QEMU's options for it:")
    Show.lines(memory_options(facts.argv))
    print("  what firmware and Linux say:")
    Show.lines(facts.report.summary())
    print("  the map that follows from these:")
    print("\n".join(draw(facts.report)), flush=True)
    check_guest(facts)


def check_guest(facts: Facts) -> None:
    spms = merged([Range(spm.start, spm.end, "soft reserved") for spm in facts.spms])
    Show.check("firmware announced exactly the SPM as soft reserved", facts.report.soft_reserved == spms)
    for node, found in sorted(facts.walks.items()):
        first = next(spm for spm in facts.spms if spm.device.node == node)
        Show.check(f"a driver that looks for proximity domain {node} finds {found}, its SPM",
                   found == Range(first.start, first.end))
    entries = [e for e in facts.report.srat if e.start >= facts.window.start and e.flags == SRAT_ENABLED]
    Show.check("each SPM has its own entry in the SRAT", sorted(entries) == [spm.affinity for spm in facts.spms])


def show_all(rows: list[Row], firmware: dict[str, str], folder: Path | None) -> str:
    """Show each guest. Its firmware's title is given, and what was seen of it is kept in the folder, if there is one.
    Tell what that proves."""
    for row in rows:
        part("emulator", row.emulator)
    with Daemon(STACKS[rows[0].host]()) as daemon:
        for row in rows:
            show_row(row, daemon, firmware[row.firmware], folder)
    return ", ".join(map(str, rows))
