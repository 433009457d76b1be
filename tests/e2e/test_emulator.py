# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulator's device is looked for when a domain comes in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from domains import fit_domain, read_domain
from stack import Stack


@pytest.fixture
def emulator(daemon: Daemon) -> Iterator[Path]:
    """Where a test puts an emulator of its own."""
    path = daemon.folder / "qemu-system-x86_64"
    yield path
    daemon.virsh("undefine", "single")


def define(daemon: Daemon, stack: Stack, emulator: Path, device: str):
    """Define a domain with an emulator that has this device."""
    stack.pretend(emulator, device)
    return define_with(daemon, stack, emulator)


def define_with(daemon: Daemon, stack: Stack, emulator: Path):
    file = daemon.folder / "single.xml"
    text = fit_domain(read_domain("single"), stack, "seabios", daemon.serial_path("single"))
    file.write_text(text.replace(str(stack.emulator), str(emulator)))
    return daemon.virsh("define", str(file))


@pytest.mark.parametrize("device", ["spm-memory", "sp-mem"])
def test_the_domain_gets_the_device(device: str, daemon: Daemon, stack: Stack, emulator: Path) -> None:
    assert define(daemon, stack, emulator, device).returncode == 0
    assert f"name='driver' type='string' value='{device}'" in daemon.stored_xml("single")
    assert "model='spm'" in daemon.call("dumpxml", "single")


def test_an_emulator_without_a_device_is_refused(daemon: Daemon, stack: Stack, emulator: Path) -> None:
    result = define(daemon, stack, emulator, "pc-dimm")
    assert result.returncode == 1
    assert f"<emulator> '{emulator}' has no device for <memory model='spm'>" in result.stderr
    assert "install QEMU 11.1 or newer" in result.stderr


def test_a_replaced_emulator_is_looked_at_again(daemon: Daemon, stack: Stack, emulator: Path) -> None:
    for device in ["sp-mem", "spm-memory"]:
        assert define(daemon, stack, emulator, device).returncode == 0
        assert f"value='{device}'" in daemon.stored_xml("single")


def test_a_script_is_refused(daemon: Daemon, stack: Stack, emulator: Path) -> None:
    emulator.write_text(f'#!/bin/sh\nexec {stack.emulator} "$@"\n')
    emulator.chmod(0o755)
    result = define_with(daemon, stack, emulator)
    assert result.returncode == 1
    assert f"<emulator> '{emulator}' is not an ELF program" in result.stderr
    assert "name the emulator that it starts, or set device in spm.conf" in result.stderr
