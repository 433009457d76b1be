# SPDX-License-Identifier: LGPL-2.1-or-later
"""Distances and HMAT of cells without memory, on a libvirt that cannot have such cells and on one that can: the same
document, emulator and firmware give the guest the same tables, and libvirt's clients see the same XML."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import acpi
import pytest
from argv import Argv
from daemon import Daemon
from lxml import etree
from matrix import Row
from matrix_fixtures import LOGS
from matrix_guest import RowGuest
from report import Report
from stack import Stack

ROW = Row("10.0", "seabios", "q35", "two-nodes", "ram", "bookworm")
NAME = "tables"
# One pair has another distance in each direction, and one has none.
NUMA = """<numa>
<cell id='0' cpus='0' memory='1024' unit='MiB'>
<distances><sibling id='0' value='10'/><sibling id='1' value='17'/></distances>
<cache level='1' associativity='direct' policy='writeback'><size value='8' unit='KiB'/><line value='64' unit='B'/></cache>
</cell>
<cell id='1' memory='0' unit='KiB'>
<distances><sibling id='0' value='28'/><sibling id='1' value='10'/></distances>
<cache level='1' associativity='full' policy='writethrough'><size value='16' unit='KiB'/><line value='128' unit='B'/></cache>
</cell>
<cell id='2' memory='0' unit='KiB'/>
<interconnects>
<latency initiator='0' target='0' type='access' value='5'/>
<bandwidth initiator='0' target='0' type='access' value='204800' unit='KiB'/>
<latency initiator='0' target='1' type='access' value='20'/>
<latency initiator='0' target='1' cache='1' type='access' value='10'/>
<bandwidth initiator='0' target='1' type='access' value='819200' unit='KiB'/>
<latency initiator='0' target='2' type='read' value='30'/>
</interconnects>
</numa>"""
SLIT = [[10, 17, 20], [28, 10, 20], [20, 20, 10]]
LATENCIES = {(0, 0): 5, (0, 1): 20, (0, 2): 0}  # 0: not told
CACHES = {0: [(1, 8, 64)], 1: [(1, 16, 128)]}


@dataclass(frozen=True)
class Seen:
    report: Report
    options: list[str]
    live: str
    inactive: str


def numa(xml: str) -> str:
    """<numa> without white space."""
    return re.sub(r">\s+<", "><", etree.tostring(etree.fromstring(xml).find("cpu/numa"), encoding="unicode")).strip()


def numa_options(guest: RowGuest, daemon: Daemon | None = None) -> list[str]:
    """What the emulator is told of its nodes; the first one's memory has the same name everywhere. Each option's
    properties are sorted: their order says nothing to it."""
    guest.daemon, own = daemon or guest.daemon, guest.daemon
    options = Argv.parse(guest.process("cmdline")[:-1]).options
    guest.daemon = own
    return sorted(",".join(sorted(value.split(","))) for option, value in options if option == "-numa")


@contextmanager
def defined(daemon: Daemon) -> Iterator[RowGuest]:
    guest = RowGuest(daemon, ROW, NAME)
    guest.xml = re.sub("<numa>.*</numa>", NUMA, guest.xml, flags=re.S)
    with guest:
        yield guest


@pytest.fixture(scope="module")
def daemons(other_stacks: dict[str, Stack]) -> Iterator[dict[str, Daemon]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Daemon(parts)) for name, parts in other_stacks.items()}


@pytest.fixture(scope="module")
def both(daemons: dict[str, Daemon]) -> tuple[Seen, Seen]:
    """The guest on libvirt 11.3 and on 12.8."""
    def boot(daemon: Daemon) -> Seen:
        with defined(daemon) as guest:
            try:
                with guest.booted() as (_, report):
                    return Seen(report, numa_options(guest), guest.xml_now(), guest.xml_now("--inactive"))
            except Exception:
                guest.evidence.keep(LOGS / NAME)
                raise

    return boot(daemons["bookworm"]), boot(daemons["forky"])


def test_the_old_libvirt_is_not_given_these_cells(daemons: dict[str, Daemon]) -> None:
    for name, cells in ("bookworm", 1), ("forky", 3):
        with defined(daemons[name]):
            assert daemons[name].stored_xml(NAME).count("<cell ") == cells


def test_slit(both: tuple[Seen, Seen]) -> None:
    old, new = both
    assert old.report.slit == new.report.slit == SLIT


def test_hmat(both: tuple[Seen, Seen]) -> None:
    old, new = both
    assert old.report.table("HMAT") == new.report.table("HMAT")
    for report in old.report, new.report:
        assert report.hmat_domains == {0: 0, 1: 0, 2: 0}
        assert report.hmat_latencies == LATENCIES
        assert acpi.hmat_caches(report.table("HMAT")) == CACHES


def test_the_emulator_is_told_the_same(both: tuple[Seen, Seen]) -> None:
    old, new = both
    assert old.options == new.options != []


def test_clients_see_the_same(both: tuple[Seen, Seen]) -> None:
    old, new = both
    assert numa(old.live) == numa(old.inactive) == numa(new.live) == numa(new.inactive)


def test_save_and_migration_keep_them(daemons: dict[str, Daemon], other_stacks: dict[str, Stack]) -> None:
    old = daemons["bookworm"]
    with defined(old) as guest, Daemon(other_stacks["bookworm"]) as target:
        old.call("start", NAME)
        options, shown = numa_options(guest), numa(guest.xml_now())
        image = old.folder / f"{NAME}.saved"
        old.call("save", NAME, str(image))
        assert numa(old.call("save-image-dumpxml", str(image))) == shown
        old.call("restore", str(image))
        image.unlink()
        assert numa(guest.xml_now()) == shown and numa_options(guest) == options
        old.call("migrate", "--live", "--p2p", "--persistent", NAME, target.uri.replace("qemu:", "qemu+unix:"),
                 "--migrateuri", f"unix://{target.folder}/migration")
        try:
            assert numa_options(guest, target) == options
            assert numa(target.call("dumpxml", NAME)) == numa(target.call("dumpxml", "--inactive", NAME)) == shown
        finally:
            target.virsh("destroy", NAME)
            target.virsh("undefine", NAME)
