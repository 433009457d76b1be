# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulator is asked for its device when a domain comes in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from domains import fit_domain, read_domain
from stack import Stack

# Lists its devices under other names, and is the emulator under test otherwise.
WRAPPER = """#!/bin/sh
case "$*" in
*"-device help") {emulator} "$@" | sed 's/"spm-memory"/"{device}"/' ;;
*) exec {emulator} "$@" ;;
esac
"""


@pytest.fixture
def wrapper(daemon: Daemon) -> Iterator[Path]:
    """Where a test puts an emulator of its own."""
    path = daemon.folder / "qemu-system-x86_64"
    yield path
    daemon.virsh("undefine", "single")


def define(daemon: Daemon, stack: Stack, wrapper: Path, device: str):
    """Define a domain with an emulator that lists this device."""
    wrapper.unlink(missing_ok=True)
    wrapper.write_text(WRAPPER.format(emulator=stack.emulator, device=device))
    wrapper.chmod(0o755)
    file = daemon.folder / "single.xml"
    text = fit_domain(read_domain("single"), stack, "seabios", daemon.serial_path("single"))
    file.write_text(text.replace(str(stack.emulator), str(wrapper)))
    return daemon.virsh("define", str(file))


@pytest.mark.parametrize("device", ["spm-memory", "sp-mem"])
def test_the_domain_gets_the_device(device: str, daemon: Daemon, stack: Stack, wrapper: Path) -> None:
    assert define(daemon, stack, wrapper, device).returncode == 0
    assert f"name='driver' type='string' value='{device}'" in daemon.stored_xml("single")
    assert "model='spm'" in daemon.call("dumpxml", "single")


def test_an_emulator_without_a_device_is_refused(daemon: Daemon, stack: Stack, wrapper: Path) -> None:
    result = define(daemon, stack, wrapper, "pc-dimm")
    assert result.returncode == 1
    assert f"<emulator> '{wrapper}' has no device for <memory model='spm'>" in result.stderr
    assert "install QEMU 11.1 or newer" in result.stderr


def test_a_replaced_emulator_is_asked_again(daemon: Daemon, stack: Stack, wrapper: Path) -> None:
    for device in ["sp-mem", "spm-memory"]:
        assert define(daemon, stack, wrapper, device).returncode == 0
        assert f"value='{device}'" in daemon.stored_xml("single")
