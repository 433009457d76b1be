# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at once: nobody gets an error or another's document, and the plugin keeps no memory."""

import dataclasses
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest
from daemon import Daemon
from domains import fit_domain, read_domain
from lab import small_domain
from programs import BUILD, ROOT, run
from stack import Stack

LEAK = BUILD / "tests/leak.so"  # makes the plugin leak
FORGET = BUILD / "tests/forget.so"  # keeps what is preloaded from emulators
HEAP = BUILD / "tests/heap.so"  # tells how much memory of malloc's is in use
THREADS, CALLS = 20, 20_000
SANITIZED_CALLS = 1000
KEPT = 64 << 10  # bytes, four for each call; a table that libvirt once makes larger takes 5 KiB
COST = 1536  # KiB of resident memory for the plugin: a twentieth of the daemon's
# No thread keeps what it frees for itself, so that what is in use is what is kept, and what is freed goes back to the
# kernel. Else it is how the caches of twenty threads happened to fill up, which differs by more from run to run.
FRUGAL = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "G_SLICE": "always-malloc", "MALLOC_ARENA_MAX": "1",
          "MALLOC_TRIM_THRESHOLD_": "4096", "MALLOC_TOP_PAD_": "0", "MALLOC_MMAP_THRESHOLD_": "4096"}


@pytest.fixture(scope="module")
def documents(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """A domain with SPM and one without, as clients have them, and both as stock libvirt has them."""
    folder = tmp_path_factory.mktemp("documents")
    for name, text in (("spm", small_domain(stack, None)),
                       ("plain", fit_domain(read_domain("plain"), stack, stack.firmware, Path("/nowhere")))):
        (folder / name).write_text(text)
    stock = run(BUILD / "src/virt-spm", "translate", "--libvirt-version", "11.3.0", folder / "spm").stdout
    (folder / "stock").write_text(stock)
    assert "spm-memory" in stock
    return {"with": [folder / "spm", folder / "plain"], "without": [folder / "stock", folder / "plain"]}


def load(daemon: Daemon, calls: int, documents: list[Path]) -> None:
    done = subprocess.run([sys.executable, "-B", ROOT / "bench/load.py", daemon.uri, str(THREADS), str(calls), *documents],
                          capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{calls} calls, 0 errors")


def resident(daemon: Daemon) -> int:
    """The daemon's memory, in KiB, without the pages of the plugin's own file."""
    smaps = Path(f"/proc/{daemon.pid}/smaps").read_text()
    maps = re.findall(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)\n(?:.*\n)*?Rss: +(\d+)", smaps, re.M)
    assert len(maps) > 100
    return sum(int(size) for file, size in maps if Path(file).name != daemon.stack.plugin.name)


def in_use(daemon: Daemon) -> int:
    """How much of malloc's memory the daemon uses, in bytes. Other than the resident memory, this has no steps from
    where a block happens to be, and a leak cannot hide in what was free before."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0spm-heap-{daemon.pid}")
        return int(connection.recv(100))


@dataclasses.dataclass
class Memory:
    """A daemon's memory after each quarter of the calls."""

    in_use: list[int]
    resident: list[int]

    @property
    def growth(self) -> int:
        return self.in_use[-1] - self.in_use[0]


def measure(stack: Stack, documents: list[Path], plugin: bool = True, before: Sequence[Path] = ()) -> Memory:
    memory = Memory([], [])
    with Daemon(stack, plugin=plugin, before=[*before, HEAP], environment=FRUGAL) as daemon:
        for _ in range(4):
            load(daemon, CALLS // 4, documents)
            memory.in_use.append(in_use(daemon))
            memory.resident.append(resident(daemon))
    return memory


def keeps_memory(used: Memory, plain: Memory) -> bool:
    """Whether the daemon grew by more than one without the plugin. What the plugin needs once, its tables and an
    emulator's answer, is there after the first quarter."""
    return used.growth >= plain.growth + KEPT


@pytest.fixture(scope="module")
def plain(stack: Stack, documents: dict[str, list[Path]]) -> Memory:
    """The memory of a daemon without the plugin."""
    return measure(stack, documents["without"], plugin=False)


def test_no_error_and_no_memory_kept(stack: Stack, documents: dict[str, list[Path]], plain: Memory) -> None:
    used = measure(stack, documents["with"])
    assert not keeps_memory(used, plain), (used, plain)
    assert median(used.resident) < median(plain.resident) + COST, (used, plain)


def test_a_small_leak_would_be_noticed(stack: Stack, documents: dict[str, list[Path]], plain: Memory) -> None:
    used = measure(stack, documents["with"], before=[LEAK])
    assert keeps_memory(used, plain), (used, plain)


@pytest.fixture(scope="module")
def sanitized(stack: Stack) -> Stack:
    """The plugin with AddressSanitizer in it."""
    build = BUILD / "sanitized"
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", "-Db_sanitize=address", "-Db_lundef=false", build, ROOT], check=True,
                       capture_output=True)
    subprocess.run(["ninja", "-C", build, "src/libvirt-spm.so"], check=True, capture_output=True)
    return dataclasses.replace(stack, plugin=build / "src/libvirt-spm.so")


def findings(sanitized: Stack, documents: list[Path], before: Sequence[Path] = ()) -> tuple[list[str], list[str]]:
    """What the sanitizer reports of a daemon: bad accesses anywhere, and leaks where the plugin has a part in them, as
    libvirtd ends without freeing all of its own."""
    library = Path(run("gcc", "-print-file-name=libasan.so").stdout.strip()).resolve()
    # In the daemon's own place for logs. Each line of a stack names the library, which it does not where it knows the
    # line of the source.
    options = "detect_leaks=1:exitcode=0:log_path=/var/log/libvirt/asan:stack_trace_format=#%n|%f|%m"
    with Daemon(sanitized, before=[library, FORGET, *before], environment={"ASAN_OPTIONS": options}) as daemon:
        load(daemon, SANITIZED_CALLS, documents)
        wrong = documents[0].read_text().replace(">1</node>", ">9</node>")
        assert "<node>" in daemon.virsh("define", "/dev/stdin", stdin=wrong).stderr
        with open(f"/proc/{daemon.pid}/maps", encoding="ascii") as maps:
            assert "libasan" in maps.read()
        daemon.stop()
        reports = [file.read_text() for file in (daemon.folder / "log").glob("asan*")]
    return ([report for report in reports if "ERROR: AddressSanitizer" in report],
            [leak for report in reports for leak in report.split("\n\n") if "libvirt-spm.so" in leak])


def test_no_finding_of_the_sanitizer(sanitized: Stack, documents: dict[str, list[Path]]) -> None:
    assert findings(sanitized, documents["with"]) == ([], [])


def test_the_sanitizer_would_find_a_leak(sanitized: Stack, documents: dict[str, list[Path]]) -> None:
    errors, leaks = findings(sanitized, documents["with"], [LEAK])
    assert not errors and any("xmlFreeDoc" in leak for leak in leaks)
