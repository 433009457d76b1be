# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at once: nobody gets an error or another's document, and the plugin keeps no memory."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
from daemon import Daemon
from domains import fit_domain, read_domain
from lab import small_domain
from programs import BUILD, ROOT, run
from stack import Stack

THREADS, CALLS = 20, 20_000
SANITIZED_CALLS = 1000
# What is freed goes back to the kernel at once, so that what stays is what is kept. Else it is how the areas of
# twenty threads happened to fill up, which differs by more from run to run.
FRUGAL = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "4096", "MALLOC_TOP_PAD_": "0",
          "MALLOC_MMAP_THRESHOLD_": "4096"}


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


def test_no_error_and_no_memory_kept(stack: Stack, documents: dict[str, list[Path]]) -> None:
    used = {}
    for name, plugin in ("without", False), ("with", True):
        with Daemon(stack, plugin=plugin, environment=FRUGAL) as daemon:
            sizes = []
            for _ in range(4):
                load(daemon, CALLS // 4, documents[name])
                sizes.append(resident(daemon))
            used[name] = sizes
    # What the plugin needs once, its tables and an emulator's answer, is there after the first quarter.
    kept = {name: sizes[-1] - sizes[0] for name, sizes in used.items()}
    assert kept["with"] < kept["without"] + used["without"][-1] * 0.02, used
    assert used["with"][-1] < used["without"][-1] * 1.05


@pytest.fixture(scope="module")
def sanitized(stack: Stack) -> Stack:
    """The plugin with AddressSanitizer in it."""
    build = BUILD / "sanitized"
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", "-Db_sanitize=address", "-Db_lundef=false", build, ROOT], check=True,
                       capture_output=True)
    subprocess.run(["ninja", "-C", build, "src/libvirt-spm.so"], check=True, capture_output=True)
    return dataclasses.replace(stack, plugin=build / "src/libvirt-spm.so")


def test_no_finding_of_the_sanitizer(sanitized: Stack, documents: dict[str, list[Path]]) -> None:
    """No bad access anywhere. Leaks are counted where the plugin has a part in them: libvirtd ends without freeing all
    of its own."""
    library = Path(run("gcc", "-print-file-name=libasan.so").stdout.strip()).resolve()
    # in the daemon's own place for logs
    options = "detect_leaks=1:exitcode=0:log_path=/var/log/libvirt/asan"
    with Daemon(sanitized, before=[library], environment={"ASAN_OPTIONS": options}) as daemon:
        load(daemon, SANITIZED_CALLS, documents["with"])
        wrong = documents["with"][0].read_text().replace(">1</node>", ">9</node>")
        assert "<node>" in daemon.virsh("define", "/dev/stdin", stdin=wrong).stderr
        with open(f"/proc/{daemon.pid}/maps", encoding="ascii") as maps:
            assert "libasan" in maps.read()
        daemon.stop()
        reports = [file.read_text() for file in (daemon.folder / "log").glob("asan*")]
    assert not [report for report in reports if "ERROR: AddressSanitizer" in report]
    assert not [leak for report in reports for leak in report.split("\n\n") if "libvirt-spm.so" in leak]
