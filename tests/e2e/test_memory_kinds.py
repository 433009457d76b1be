# SPDX-License-Identifier: LGPL-2.1-or-later
"""SPM backed by each kind of host memory that libvirt's memory devices have starts, with libvirt doing the rest."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from argv import Argv
from daemon import Daemon
from domains import memory_devices
from lab import NAME, small_domain
from stack import Stack

pytestmark = pytest.mark.stacks("patched", "stock")

PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
WANTED = 16  # pages of 2 MiB: the SPM
SIZE = 32 << 20

MEMFD = "<memoryBacking><source type='memfd'/></memoryBacking>"


@pytest.fixture
def hugepages() -> Iterator[None]:
    """Enough huge pages, given back afterwards. On a machine that has none to spare that is a failure."""
    pool, free = PAGES / "nr_hugepages", int((PAGES / "free_hugepages").read_text())
    before = pool.read_text()
    pool.write_text(str(int(before) + max(0, WANTED - free)))
    try:
        assert int((PAGES / "free_hugepages").read_text()) >= WANTED, "the kernel has no memory in one piece"
        yield
    finally:
        pool.write_text(before)


@pytest.fixture
def started(daemon: Daemon, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Argv]:
    """The command line of the domain whose SPM has the source that the parameter gives."""
    source, backing = request.param
    text = small_domain(stack, None).replace("<target>", source.format(folder=daemon.folder) + "<target>", 1)
    daemon.call("define", "/dev/stdin", stdin=text.replace("<vcpu>", f"{backing}<vcpu>"))
    try:
        daemon.call("start", "--paused", NAME)
        process = Path("/proc") / str(daemon.emulator_pid(NAME))
        yield Argv.parse((process / "cmdline").read_text().split("\0"))
    finally:
        daemon.virsh("destroy", NAME)
        daemon.virsh("undefine", NAME)


def backend(argv: Argv) -> dict[str, object]:
    return next(item for item in argv.objects if item["id"] == "memua-spm0")


def assert_shown_live(daemon: Daemon, *wanted: str) -> None:
    """The live XML has the source as it was given."""
    device, = memory_devices(daemon.call("dumpxml", NAME))
    assert device.get("model") == "spm"
    for path in wanted:
        assert device.find(path) is not None


@pytest.mark.parametrize("started", [("<source><pagesize unit='MiB'>2</pagesize></source>", "")], indirect=True)
def test_huge_pages(hugepages: None, daemon: Daemon, stack: Stack, started: Argv) -> None:
    assert backend(started)["qom-type"] == "memory-backend-file"
    assert str(backend(started)["mem-path"]).startswith("/dev/hugepages/libvirt/qemu/")
    assert_shown_live(daemon, "source/pagesize")
    pages = re.findall(r"^Private_Hugetlb: +(\d+) kB|^Shared_Hugetlb: +(\d+) kB", (
        Path("/proc") / str(daemon.emulator_pid(NAME)) / "smaps").read_text(), re.M)
    assert backend(started)["size"] == SIZE == sum(int(a or b) for a, b in pages) << 10


@pytest.mark.parametrize("started", [("", MEMFD)], indirect=True)
def test_memfd(daemon: Daemon, started: Argv) -> None:
    assert backend(started)["qom-type"] == "memory-backend-memfd"
    assert_shown_live(daemon)


@pytest.mark.parametrize("started", [("<source><nodemask>0</nodemask></source>", "")], indirect=True)
def test_host_nodes(daemon: Daemon, started: Argv) -> None:
    assert backend(started)["host-nodes"] == [0] and backend(started)["policy"] == "bind"
    assert_shown_live(daemon, "source/nodemask")


@pytest.mark.parametrize("started", [("<source><path>{folder}/spm.raw</path></source>", "")], indirect=True)
def test_plain_file(daemon: Daemon, stack: Stack, started: Argv) -> None:
    assert backend(started)["mem-path"] == f"{daemon.folder}/spm.raw"
    assert started.drivers(stack.device)[0]["memdev"] == "memua-spm0"
    assert (daemon.folder / "spm.raw").stat().st_size == SIZE
    assert_shown_live(daemon, "source/path")
