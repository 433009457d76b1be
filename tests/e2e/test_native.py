# SPDX-License-Identifier: LGPL-2.1-or-later
"""A libvirt that knows <memory model='spm'> itself: define, live address, save and restore, refusals."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from domains import fit_domain, memory_devices, read_domain
from stack import Stack

pytestmark = pytest.mark.stacks("native")

DIMM = """<memory model='dimm'><target><size unit='MiB'>128</size><node>{node}</node></target></memory>"""
NAME = "guest"


@pytest.fixture(scope="module")
def native(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd without the plugin that has the domain defined."""
    with Daemon(stack, plugin=False) as daemon:
        document = daemon.folder / "guest.xml"
        document.write_text(fit_domain(read_domain(NAME), stack, "seabios", daemon.folder / "serial"))
        daemon.call("define", "--validate", str(document))
        yield daemon


@pytest.fixture
def running(native: Daemon) -> Iterator[Daemon]:
    native.call("start", "--paused", NAME)
    yield native
    native.virsh("destroy", NAME)


def bases(xml: str) -> list[int]:
    """The addresses of the spm elements, in the order of the domain."""
    addresses = [device.find("target/address") for device in memory_devices(xml) if device.get("model") == "spm"]
    return [int(address.get("base"), 16) for address in addresses if address is not None]


def reported(daemon: Daemon) -> list[int]:
    """The addresses that QEMU reports."""
    reply = json.loads(daemon.call("qemu-monitor-command", NAME, '{"execute": "query-memory-devices"}'))
    return [device["data"]["memaddr"] for device in reply["return"] if device["type"] == "spm-memory"]


def test_the_definition_is_kept(native: Daemon) -> None:
    (device,) = memory_devices(native.call("dumpxml", "--inactive", NAME))
    assert (device.get("model"), device.findtext("target/node")) == ("spm", "1")


def test_the_live_address_is_the_one_that_qemu_reports(running: Daemon) -> None:
    live = bases(running.call("dumpxml", NAME))
    assert len(live) == 1
    assert live == reported(running)


def test_save_and_restore(running: Daemon, tmp_path: Path) -> None:
    before = bases(running.call("dumpxml", NAME))
    image = tmp_path / "image"
    running.call("save", NAME, str(image))
    running.call("restore", "--paused", str(image))
    assert bases(running.call("dumpxml", NAME)) == before == reported(running)


@pytest.mark.parametrize("node, refused", [(0, False), (1, True)])
def test_a_dimm_is_plugged_only_into_a_cell_without_spm(running: Daemon, tmp_path: Path, node: int,
                                                       refused: bool) -> None:
    dimm = tmp_path / "dimm.xml"
    dimm.write_text(DIMM.format(node=node))
    result = running.virsh("attach-device", NAME, str(dimm), "--live")
    assert (result.returncode != 0) is refused, result.stderr
    assert ("must have no other memory device" in result.stderr) is refused


def test_spm_is_neither_plugged_nor_unplugged(running: Daemon, tmp_path: Path) -> None:
    device = tmp_path / "spm.xml"
    # With an address, as the one that is there has one while the guest runs: that is checked first.
    device.write_text(DIMM.format(node=1).replace("dimm", "spm").replace(
        "</node>", "</node><address base='0x180000000'/>"))
    plugged = running.virsh("attach-device", NAME, str(device), "--live")
    assert "hotplug is not supported for the spm device" in plugged.stderr
    unplugged = running.virsh("detach-device-alias", NAME, "spm0", "--live")
    assert "hotunplug is not supported for the spm device" in unplugged.stderr


def test_the_address_stays_when_the_daemon_is_restarted(running: Daemon) -> None:
    before = bases(running.call("dumpxml", NAME))
    running.stop()
    running.start()
    assert bases(running.call("dumpxml", NAME)) == before == reported(running)
