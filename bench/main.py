# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run the parts of the benchmark that are asked for; bench/run starts this inside scripts/sandbox."""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import libvirt
import part_api
import part_daemon
import part_document
import part_emulator
import part_guest
import plot
import shares
import table
from compare import Row
from bench import Bench

PARTS = {
    "control": part_api.control,
    "plain": part_api.plain,
    "spm": part_api.spm,
    "share": part_api.share,
    "floor": part_api.floor,
    "lifecycle": part_api.lifecycle,
    "emulator": part_emulator.emulator,
    "boot": part_guest.boot,
    "bandwidth": part_guest.bandwidth,
    "memory": part_daemon.memory,
    "growth": part_document.growth,
    "embedded": part_document.embedded,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Compare a libvirtd with the module to one without.",
        epilog="Parts: " + "; ".join(f"{name} - {first_sentence(part.__doc__)}" for name, part in PARTS.items()))
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help="measure this part; repeatable")
    parser.add_argument("--quick", action="store_true", help="a fifth of the repetitions")
    parser.add_argument("--profile", action="store_true",
                        help="print where the daemon's CPU time goes (needs perf), and measure nothing but --only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw all ratios to FILE")
    parser.add_argument("--rst", action="store_true",
                        help="print the table of docs/performance.rst; the other one goes to standard error")
    parser.add_argument("--read", type=Path, metavar="FILE",
                        help="show the numbers that an earlier run wrote with --json, and measure nothing")
    return parser.parse_args()


def first_sentence(text: str | None) -> str:
    return " ".join((text or "").split()).split(". ")[0].rstrip(".")


def machine() -> dict[str, str]:
    """What the numbers depend on."""
    version = libvirt.getVersion()
    return {"libvirt": f"{version // 1000000}.{version // 1000 % 1000}.{version % 1000}",
            "kernel": platform.release().split("-")[0], "cores": str(len(os.sched_getaffinity(0))),
            "accelerator": "KVM" if os.access("/dev/kvm", os.W_OK) else "TCG",
            "load": f"{os.getloadavg()[1]:.1f}"}


def report(rows: list[Row], machine: dict[str, str], options: argparse.Namespace) -> None:
    """Write what the options ask for."""
    if options.json:
        options.json.write_text(table.as_json(rows, machine))
    if options.svg:
        options.svg.write_text(plot.as_svg(rows))
    if options.rst:
        print(table.as_rst(rows, machine))


def measure(options: argparse.Namespace, show: Callable[[Row], None]) -> None:
    """Run the parts, and report what they measured even if one is interrupted."""
    conditions = machine()
    with Bench(options.quick, show) as bench:
        try:
            for name in options.only or ([] if options.profile else PARTS):
                PARTS[name](bench)
            if options.profile:
                shares.profile(bench)
        finally:
            report(bench.rows, conditions, options)


def main() -> int:
    options = arguments()
    output = sys.stderr if options.rst else sys.stdout

    def show(row: Row) -> None:
        print(table.line(table.cells(row)), file=output, flush=True)

    print(table.heading(), file=output, flush=True)
    if not options.read:
        measure(options, show)
        return 0
    rows, read_machine = table.from_json(options.read.read_text())
    for row in rows:
        show(row)
    report(rows, read_machine, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
