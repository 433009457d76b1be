# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest notices: how long it takes to boot, and how fast memory is in it."""

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import libvirt
from compare import in_turns, row
from domains import fit_domain
from guest import Guest
from bench import Bench, Side
from shapes import domain

HERE = Path(__file__).parent
BLOCK_MIB = 128  # Linux adds a DIMM in blocks of that size
BANDWIDTH_MIB = 64
MARKER = b"@@report"
BOOT_SECONDS = 240


def boot(bench: Bench) -> None:
    """Boot of a guest, from its first instruction until its first line on the serial port."""
    for number in (1, 8, 32):
        ours, stock = bench.guests
        spm, dimm = guest_domain(bench, ours, "spm", number), guest_domain(bench, stock, "dimm", number)
        bench.measure("boot", "until the guest's marker", number, lambda: boot_once(ours, spm),
                      lambda: boot_once(stock, dimm), times=7, warm_up=0, unit="s")


def guest_domain(bench: Bench, side: Side, model: str, number: int) -> str:
    """A domain of the test guest, whose memory devices Linux can use whole."""
    text = domain(bench.stack.emulator, "guest", model, number, BLOCK_MIB)
    text = re.sub("\\s*<emulator>.*</emulator>", "", text)
    return fit_domain(text, bench.stack, bench.stack.firmware, side.daemon.serial_path("guest"))


def boot_once(side: Side, text: str) -> float:
    """The seconds until the marker comes; the guest is ended then."""
    guest = side.conn.createXML(text, libvirt.VIR_DOMAIN_START_PAUSED)
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(BOOT_SECONDS)
            line.connect(str(side.daemon.serial_path("guest")))
            begin = time.perf_counter()
            guest.resume()
            await_marker(line)
            return time.perf_counter() - begin
    finally:
        guest.destroy()


def await_marker(line: socket.socket) -> None:
    """Wait until the guest sends MARKER."""
    seen = b""
    while MARKER not in seen:
        data = line.recv(65536)
        if not data:
            raise EOFError(f"the guest ended before it booted; its last words: {seen[-500:].decode(errors='replace')}")
        seen += data


def bandwidth(bench: Bench) -> None:
    """Memory of a dax device in a guest against its RAM."""
    with tempfile.TemporaryDirectory(prefix="bandwidth-") as folder:
        initrd = with_program(bench.stack.guest / "initrd", Path(folder))
        ours, _ = bench.guests
        text = guest_domain(bench, ours, "spm", 1).replace(f">{bench.stack.guest}/initrd<", f">{initrd}<")
        running = ours.conn.createXML(text, libvirt.VIR_DOMAIN_START_PAUSED)
        try:
            with Guest(ours.daemon.serial_path("guest"), Path(folder) / "serial") as guest:
                running.resume()
                guest.boot()
                # Linux would offer it to kmem first.
                guest.run("echo dax0.0 >/sys/bus/dax/drivers/device_dax/new_id")
                compare_memory(bench, guest)
        finally:
            running.destroy()


def with_program(initrd: Path, folder: Path) -> Path:
    """The guest's initramfs and after it another with the program of bench/guest: the kernel unpacks both."""
    root, result = folder / "root", folder / "initrd"
    (root / "bin").mkdir(parents=True)
    subprocess.run(["gcc", "-O2", "-static", "-s", "-o", root / "bin/bandwidth", HERE / "guest/bandwidth.c"],
                   check=True)
    archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=root, input=b"bin/bandwidth\n",
                             stdout=subprocess.PIPE, check=True).stdout
    shutil.copy(initrd, result)
    with result.open("ab") as file:
        file.write(b"\0" * (-file.tell() % 4) + archive)
    return result


def compare_memory(bench: Bench, guest: Guest) -> None:
    """Rows for filling, reading and copying. The CPU is emulated without KVM: only the ratio means something."""
    def taker(device: str) -> Callable[[], list[float]]:
        return lambda: [float(item) for item in guest.run(f"bandwidth {device} {BANDWIDTH_MIB}", 120).split()]

    [samples] = in_turns([(taker("/dev/dax0.0"), taker("-"))], bench.times(15), warm_up=1)
    for index, what in enumerate(("fill", "read", "copy")):
        columns = ([[sample[index] for sample in one]] for one in samples)
        bench.add(row("bandwidth", f"{what} {BANDWIDTH_MIB} MiB of /dev/dax", 1, *columns, against="RAM"))
