# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program of scripts/demo: its options, the parts that it needs, and which guest it shows."""

import argparse
import os
import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
# The libvirtd and the guests are those of the end-to-end tests.
sys.path[:0] = [str(SCRIPTS.parent / "tests/e2e"), str(SCRIPTS.parent / "tests")]

from matrix_layouts import LAYOUTS

FIRMWARE = {"seabios": "patched SeaBIOS", "ovmf": "OVMF (UEFI)"}
PATCHED = ("7.2", "10.0", "10.2")
STOCK = "11.1"

# Runs functions of parts.sh, and writes the environment that they exported.
GET_PARTS = """
exec {result}>&1 >&2
source "$0/lib/common.sh"
source "$0/lib/parts.sh"
say "getting the parts ready"
"$0/setup"
for part in "$@"; do $part; done
say "all parts are there"
env -0 >&"$result"
"""


class Formatter(argparse.HelpFormatter):
    """Does not break the name of a layout at its hyphen."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


def parse_options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="demo", allow_abbrev=False, formatter_class=Formatter,
        description="Show the main job step by step, from a domain's XML to what its guest sees.",
        epilog="Without --layout and --emulator, the guest has a DIMM and two pieces of SPM on QEMU 10.0.")
    parser.add_argument("--firmware", choices=FIRMWARE, metavar="NAME",
                        help="seabios (patched) or ovmf; both unless given")
    parser.add_argument("--layout", choices=LAYOUTS, metavar="NAME",
                        help=f"what memory the guest has: {', '.join(LAYOUTS)}")
    parser.add_argument("--emulator", choices=(*PATCHED, STOCK), metavar="VERSION",
                        help="7.2, 10.0 or 10.2 with our patches, or 11.1 as Debian forky has it, with its libvirt")
    parser.add_argument("--keep", action="store_const", const=SCRIPTS.parent / "build/demo",
                        help="keep the domain's XML, QEMU's command line, the guest's log and its tables, and say where")
    return parser.parse_args(words)


def needed_parts(options: argparse.Namespace) -> list[str]:
    """Calls of functions of parts.sh."""
    parts = ["build_plugin", "find_emulator", "find_guest", "find_seabios"]
    if options.emulator in ("7.2", "10.2"):
        parts.append(f"find_version {options.emulator}")
    elif options.emulator == STOCK or options.layout == "hmat":
        parts.append("find_stock")
    return parts


def get_parts(parts: list[str]) -> None:
    """Build or fetch what is not there yet, and take over the variables that say where it is."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", GET_PARTS, SCRIPTS, *parts], stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        sys.exit(done.returncode)
    os.environ.update(entry.split("=", 1) for entry in done.stdout.split("\0") if entry.startswith("SPM_"))


def show(options: argparse.Namespace) -> int:
    # These need packages that setup has installed only now.
    import story
    import tour
    from daemon import DaemonError
    from guest import GuestError
    from show import NotProved, Show

    firmware = {name: title for name, title in FIRMWARE.items() if options.firmware in (None, name)}
    try:
        if options.emulator or options.layout:
            proved = tour.show_all(tour.choose_rows(options, firmware), firmware, options.keep)
        else:
            proved = story.show_all(firmware, options.keep)
    except (NotProved, DaemonError, GuestError, LookupError) as error:
        print(f"\nNOT PROVED: {error}", file=sys.stderr)
        return 1
    print(f"\nProved ({Show.checks} checks): {proved}.")
    return 0


def main() -> int:
    options = parse_options(sys.argv[1:])
    if "SPM_SANDBOX" not in os.environ:
        os.execv(SCRIPTS / "sandbox", [SCRIPTS / "sandbox", SCRIPTS / "demo", *sys.argv[1:]])
    get_parts(needed_parts(options))
    return show(options)


if __name__ == "__main__":
    sys.exit(main())
