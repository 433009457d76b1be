# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test guest that is a host: it has an emulator, virt-spm, and a guest of its own to boot."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from guest import Guest
from machine import Machine
from programs import VIRT_SPM
from stack import given

MIB = 1 << 20
RAM = 1280 * MIB
SIZE = 128 * MIB  # of each device: a block of memory, which kmem needs
BASES = 4 << 30, (4 << 30) + SIZE
# By the node: its distance from CPUs, nanoseconds, MiB/s.
FIGURES = {0: (10, 100, 20000), 1: (17, 50, 400000), 2: (28, 300, 10000)}
APPEND = "console=ttyS0 panic=-1 no_timer_check nokaslr mitigations=off memhp_default_state=online quiet"
QEMU, KERNEL, INITRD, INIT = "/qemu/bin/qemu-system-x86_64", "/inner/vmlinux", "/inner/initrd", "/nested-init"
ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass
class Host:
    """The outer guest, whose serial line is also the inner guest's while that runs."""

    guest: Guest
    files: list[Path]  # that hold its SPM


def uncompressed(kernel: bytes) -> bytes:
    """The kernel in an image. An emulator starts it at its PVH entry; to decompress it in there would take a minute."""
    return subprocess.run(["zstd", "-dcq"], input=kernel[kernel.index(ZSTD):], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False).stdout  # it minds what follows


def put(root: Path, source: Path, place: str) -> None:
    path = root / place.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, path)


def put_program(root: Path, source: Path, place: str) -> None:
    """A program with its libraries."""
    put(root, source, place)
    libraries = subprocess.run(["ldd", source], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", libraries):
        put(root, Path(library), library)


def archive(root: Path) -> bytes:
    """An initramfs, or more of one: Linux unpacks all that follow each other."""
    return subprocess.run("find . | cpio --quiet -o -H newc -R 0:0", shell=True, cwd=root, stdout=subprocess.PIPE,
                          check=True).stdout


def make_initrd(folder: Path) -> Path:
    """The test guest's initramfs with what a host has."""
    emulator, files = given("SPM_QEMU"), given("SPM_GUEST")
    root = folder / "root"
    put_program(root, emulator, QEMU)
    put_program(root, VIRT_SPM, "/bin/virt-spm")
    for file in (emulator.parent.parent / "share/qemu").iterdir():
        put(root, file, f"/qemu/share/qemu/{file.name}")
    initrd = (files / "initrd").read_bytes()
    put(folder / "inner", Path(__file__).with_name("nested-init"), INIT)
    (root / "inner").mkdir()
    (root / INITRD[1:]).write_bytes(initrd + archive(folder / "inner"))
    (root / KERNEL[1:]).write_bytes(uncompressed((files / "vmlinuz").read_bytes()))
    path = folder / "initrd"
    path.write_bytes(initrd + archive(root))
    shutil.rmtree(root)
    return path


def machine_arguments(files: list[Path]) -> list[str]:
    """Two CPUs on node 0, and a device on node 1 and on node 2."""
    options = ["-machine", "q35,hmat=on", "-smp", "2", "-m", f"{RAM // MIB}M,maxmem=8G",
               "-object", f"memory-backend-ram,id=ram,size={RAM}", "-numa", "node,nodeid=0,cpus=0-1,memdev=ram,initiator=0"]
    for node, file in enumerate(files, 1):
        options += ["-numa", f"node,nodeid={node},initiator=0",
                    "-object", f"memory-backend-file,id=mem{node},mem-path={file},share=on,size={SIZE}",
                    "-device", f"spm-memory,id=spm{node},memdev=mem{node},node={node}"]
    for node, (distance, latency, bandwidth) in FIGURES.items():
        if node:
            options += ["-numa", f"dist,src=0,dst={node},val={distance}"]
        way = f"hmat-lb,initiator=0,target={node},hierarchy=memory"
        options += ["-numa", f"{way},data-type=access-latency,latency={latency}",
                    "-numa", f"{way},data-type=access-bandwidth,bandwidth={bandwidth}M"]
    return [*options, "-numa", "dist,src=1,dst=2,val=38"]


@contextmanager
def booted(folder: Path) -> Iterator[Host]:
    """The outer guest, with its first device for guests and its second one for itself."""
    files = [folder / "spm0", folder / "spm1"]
    for file in files:
        with open(file, "wb") as empty:
            empty.truncate(SIZE)
    arguments = [*machine_arguments(files), "-kernel", str(given("SPM_GUEST") / "vmlinuz"), "-initrd",
                 str(make_initrd(folder)), "-append", APPEND, "-S", "-no-reboot",
                 "-serial", f"unix:{folder}/serial,server=on,wait=off"]
    with Machine(given("SPM_QEMU"), arguments, folder, accel="tcg,thread=multi") as machine, \
            Guest(folder / "serial", folder / "guest.log") as guest:
        machine.qmp("cont")
        guest.boot()
        guest.run("echo dax0.0 >/sys/bus/dax/drivers/device_dax/new_id")
        guest.run("modprobe kmem")
        yield Host(guest, files)
