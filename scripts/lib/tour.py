# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tour: a guest of the tests' matrix of one's own choice, from its XML to what it sees, each step checked."""

import os
import sys
from pathlib import Path

from daemon import Daemon, DaemonError
from demo import FIRMWARE_TITLES, NotProved, Show, excerpt, memory_options
from domains import FIRMWARE, memory_devices
from guest import GuestError
from matrix import Row
from matrix_guest import Facts, RowGuest, boot_and_look, part
from matrix_run import STACKS
from picture import draw
from report import SRAT_ENABLED, Range, merged


def choose_rows() -> list[Row]:
    """What the options of scripts/demo ask for."""
    firmware = os.environ.get("SPM_DEMO_FIRMWARE")
    return [Row(os.environ.get("SPM_DEMO_EMULATOR", "10.0"), name, "q35", os.environ.get("SPM_DEMO_LAYOUT", "dimm"),
                "ram", "bookworm") for name in ([firmware] if firmware else FIRMWARE)]


def show_row(row: Row, daemon: Daemon) -> None:
    guest = RowGuest(daemon, row, f"tour-{row.firmware}")
    try:
        Show.step(f"A domain of the layout '{row.layout}'")
        Show.lines(excerpt(guest.xml, "maxMemory", "memory", "numa"))
        with guest:
            show_libvirt(guest)
            Show.step(f"The guest on QEMU {row.emulator}, booted by {FIRMWARE_TITLES[row.firmware]}")
            show_guest(boot_and_look(guest))
    finally:
        keep(guest)


def keep(guest: RowGuest) -> None:
    folder = os.environ.get("SPM_DEMO_KEEP")
    if folder:
        guest.evidence.keep(Path(folder) / guest.name)
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


def main() -> int:
    try:
        rows = choose_rows()
        for row in rows:
            part("emulator", row.emulator)
        with Daemon(STACKS[rows[0].host]()) as daemon:
            for row in rows:
                show_row(row, daemon)
    except (NotProved, DaemonError, GuestError, LookupError) as error:
        print(f"\nNOT PROVED: {error}", file=sys.stderr)
        return 1
    print(f"\nProved ({Show.checks} checks): {', '.join(map(str, rows))}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
