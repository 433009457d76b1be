# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest whose SPM holds a pattern, as a driver would have written it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon import Daemon
from domains import fit_domain, read_domain
from guest import Guest
from lxml import etree
from stack import Stack

NAME = "guest"  # domains/guest.xml
SIZE = 128 << 20  # of its SPM; Linux takes hot-added memory in blocks of this size
SEED = 42


def define(daemon: Daemon, stack: Stack, disk: Path | None = None) -> None:
    """Define the domain, with a new qcow2 disk if its place is given."""
    root = etree.fromstring(fit_domain(read_domain(NAME), stack, stack.firmware, daemon.serial_path(NAME)))
    if disk:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
        root.find("devices").append(etree.fromstring(
            f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>"
            "<target dev='vda' bus='virtio'/></disk>"))
    daemon.call("define", "/dev/stdin", stdin=etree.tostring(root, encoding="unicode"))


def remove(daemon: Daemon) -> None:
    """End the domain and all that libvirt keeps of it."""
    daemon.virsh("destroy", NAME)
    daemon.virsh("undefine", "--nvram", "--managed-save", "--snapshots-metadata", NAME)


@contextmanager
def booted(daemon: Daemon) -> Iterator[Guest]:
    """Start the domain and write the pattern; the guest, which goes on when the serial line is closed."""
    with daemon.boot(NAME) as guest:
        guest.boot()
        fill(guest)
        yield guest


def fill(guest: Guest) -> None:
    """Write the pattern."""
    # Linux offers it to kmem, which would make it system RAM; a driver of its own would take it so.
    guest.run("echo dax0.0 >/sys/bus/dax/drivers/device_dax/new_id")
    guest.run(f"spm-memory fill /dev/dax0.0 {SIZE} {SEED}", 60)


def assert_pattern(guest: Guest) -> None:
    """The guest goes on, and its SPM holds the pattern still."""
    guest.run(f"spm-memory check /dev/dax0.0 {SIZE} {SEED}", 60)


def spoil(guest: Guest) -> None:
    """Write another pattern over the first."""
    guest.run(f"spm-memory fill /dev/dax0.0 {SIZE} {SEED + 1}", 60)


@contextmanager
def reconnected(daemon: Daemon) -> Iterator[Guest]:
    """The guest, when another emulator took it over."""
    with Guest(daemon.serial_path(NAME), daemon.folder / f"log/{NAME}.serial") as guest:
        yield guest


def first_words(count: int) -> bytes:
    """How the pattern begins: tests/guest/spm_memory.c."""
    words = []
    for index in range(count):
        z = (SEED + (index + 1) * 0x9e3779b97f4a7c15) % 2**64
        z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) % 2**64
        words.append((z ^ (z >> 31)).to_bytes(8, "little"))
    return b"".join(words)
