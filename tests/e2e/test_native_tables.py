# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same guests on a libvirt that knows spm itself and on one with the plugin: what they see of their memory, and their
command lines.

The plugin's carriers take a slot each, so the native guests have as many slots more: the window is equally long."""

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

import pytest
from argv import Argv
from daemon import Daemon
from domains import memory_devices
from matrix import Row
from matrix_fixtures import LOGS
from matrix_guest import RowGuest, part, parts_folder
from matrix_layouts import LAYOUTS, SLOTS, layout_of, place
from matrix_run import GUESTS_AT_A_TIME
from report import Report
from stack import Stack

pytestmark = pytest.mark.stacks("native")

# Both machines occur with each backend.
ROWS = [Row("10.0", "seabios", ("q35", "pc")[number % 2], layout, ("ram", "memfd")[number // 2 % 2], "bookworm")
        for number, layout in enumerate(LAYOUTS)]
# The module's carrier of a path is an NVDIMM, for which libvirt switches the machine's support for them on. Firmware
# then reserves a page for it.
WITH_PATH = Row("10.0", "seabios", "q35", "single", "file", "bookworm")
NVDIMM = "nvdimm=on"
SIDES = ("native", "module")


@dataclass(frozen=True)
class Seen:
    """What there is to compare of a guest."""

    report: Report
    argv: list[tuple[str, str]]
    live_xml: str
    addresses: list[int]


def canonical(argv: list[tuple[str, str]], daemon: Daemon) -> list[tuple[str, str]]:
    """The options without what differs from one daemon to the next and without their order; aliases by their place."""
    options = [(option, "" if value.startswith("-") else value.replace(str(daemon.folder), "FOLDER"))
               for option, value in argv]
    devices = [json.loads(value) for option, value in options if option == "-device" and '"memdev"' in value]
    names = {}
    for number, device in enumerate(device for device in devices if device["driver"] == "spm-memory"):
        names[f'"{device["memdev"]}"'], names[f'"{device["id"]}"'] = f'"memspm{number}"', f'"spm{number}"'
    text = json.dumps(sorted((option, in_order(value)) for option, value in options))
    for name, ours in names.items():
        text = text.replace(json.dumps(name)[1:-1], json.dumps(ours)[1:-1])
    text = re.sub(r"domain-\d+-", "domain-N-", text)
    return [tuple(pair) for pair in json.loads(re.sub(r"\bfd=\d+", "fd=N", text))]


def in_order(value: str) -> str:
    """An option in JSON with its properties in alphabetical order."""
    return json.dumps(json.loads(value), sort_keys=True) if value.startswith("{") else value


def boot(daemon: Daemon, row: Row, side: str) -> Seen:
    guest = RowGuest(daemon, row, f"{row.layout}-{row.backend}")
    guest.xml = guest.xml.replace("</name>", f"</name><uuid>{uuid5(NAMESPACE_URL, str(row))}</uuid>", 1)
    if side == "native":
        more = SLOTS + len(layout_of(row.layout).spms)
        guest.xml = guest.xml.replace(f"<maxMemory slots='{SLOTS}'", f"<maxMemory slots='{more}'")
    try:
        with guest, guest.booted() as (_, report):
            addresses = [device["data"]["memaddr"] for device in guest.query("query-memory-devices")
                         if device["type"] == "spm-memory"]
            argv = Argv.parse(guest.process("cmdline")[:-1]).options
            return Seen(report, canonical(argv, daemon), guest.xml_now(), addresses)
    except Exception:
        guest.evidence.keep(LOGS / row.layout)
        raise


@pytest.fixture(scope="module")
def guests(stack: Stack, other_stacks: dict[str, Stack]) -> Iterator[dict[tuple[str, Row], "Future[Seen]"]]:
    """All guests, of which two boot at a time. A row's plugin is in the libvirtd of the distribution that the matrix
    has it in."""
    with ExitStack() as daemons, ThreadPoolExecutor(GUESTS_AT_A_TIME) as pool:
        native = daemons.enter_context(Daemon(stack, plugin=False))
        for row in (*ROWS, WITH_PATH):  # copied before the guests need them at the same time
            for axis in "emulator", "kernel", "firmware":
                part(axis, getattr(row, axis))
        hosts = {host: daemons.enter_context(Daemon(other)) for host, other in other_stacks.items()}
        yield {(side, row): pool.submit(boot, native if side == "native" else hosts[row.host], row, side)
               for row in (*ROWS, WITH_PATH) for side in SIDES}
        pool.shutdown(cancel_futures=True)
    shutil.rmtree(parts_folder())


@pytest.fixture(params=ROWS, ids=lambda row: row.layout)
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture
def both(guests: dict[tuple[str, Row], "Future[Seen]"], row: Row) -> list[Seen]:
    """The native guest and the module's."""
    return [guests[side, row].result() for side in SIDES]


def test_ten_layouts_are_compared() -> None:
    assert len({row.layout for row in ROWS}) == len(LAYOUTS) >= 10


def test_srat_is_the_same(both: list[Seen]) -> None:
    native, module = both
    assert native.report.srat == module.report.srat != []


def test_e820_is_the_same(both: list[Seen]) -> None:
    native, module = both
    assert native.report.e820 == module.report.e820 != []
    assert native.report.soft_reserved == module.report.soft_reserved != []


def test_distances_and_latencies_are_the_same(both: list[Seen]) -> None:
    native, module = both
    assert native.report.slit == module.report.slit
    assert native.report.hmat_latencies == module.report.hmat_latencies


def test_the_live_xml_has_the_addresses_that_qemu_chose(both: list[Seen], row: Row) -> None:
    native, _ = both
    addresses = [device.find("target/address").get("base") for device in memory_devices(native.live_xml)
                 if device.get("model") == "spm"]
    assert [int(address, 16) for address in addresses] == native.addresses == [
        placed.start for placed in place(layout_of(row.layout), row.machine) if placed.device.model == "spm"]


def test_command_line_is_the_same(both: list[Seen]) -> None:
    native, module = both
    assert native.argv == module.argv


def test_only_support_for_nvdimms_differs_where_there_is_a_path(guests: dict[tuple[str, Row], "Future[Seen]"]) -> None:
    native, module = (guests[side, WITH_PATH].result() for side in SIDES)
    assert native.argv != module.argv
    assert native.argv == [(option, value.replace(f",{NVDIMM}", "")) for option, value in module.argv]
    assert native.report.srat == module.report.srat
    assert native.report.soft_reserved == module.report.soft_reserved != []
