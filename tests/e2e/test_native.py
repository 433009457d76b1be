# SPDX-License-Identifier: LGPL-2.1-or-later
"""A libvirt that knows <memory model='spm'> itself: define, live address, save and restore, refusals."""

import json
from collections.abc import Iterator
from pathlib import Path

import doors
import filled
import pytest
from daemon import Daemon
from domains import fit_domain, memory_devices, read_domain
from lab import small_domain
from lxml import etree
from stack import Stack

pytestmark = pytest.mark.stacks("native")

DIMM = """<memory model='dimm'><target><size unit='MiB'>128</size><node>{node}</node></target></memory>"""
NAME = "guest"


@pytest.fixture(scope="module")
def native(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd without the plugin that has the domain defined."""
    with Daemon(stack, plugin=False) as daemon:
        document = daemon.folder / "guest.xml"
        document.write_text(fit_domain(read_domain(NAME), stack, "seabios", daemon.serial_path(NAME)))
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


def reported(daemon: Daemon, name: str = NAME) -> list[int]:
    """The addresses that QEMU reports."""
    reply = json.loads(daemon.call("qemu-monitor-command", name, '{"execute": "query-memory-devices"}'))
    member = {"spm-memory": "memaddr", "sp-mem": "addr"}
    return [device["data"][member[device["type"]]] for device in reply["return"] if device["type"] in member]


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


def test_a_dimm_needs_a_slot_and_spm_none(native: Daemon, tmp_path: Path) -> None:
    """Four DIMMs find room in the four slots beside an spm; a fifth does not."""
    dimm = tmp_path / "dimm.xml"
    dimm.write_text(DIMM.format(node=0))
    try:
        for _ in range(4):
            native.call("attach-device", NAME, str(dimm), "--config")
        assert "no free memory device slot available" in native.virsh("attach-device", NAME, str(dimm), "--config").stderr
    finally:
        for _ in range(4):
            native.virsh("detach-device", NAME, str(dimm), "--config")
    assert len(memory_devices(native.call("dumpxml", "--inactive", NAME))) == 1


def test_contents_move_to_another_host(native: Daemon, stack: Stack) -> None:
    with Daemon(stack, plugin=False) as target:
        with filled.booted(native):
            pass
        before = bases(native.call("dumpxml", NAME))
        # The serial line moves: the emulator that ends removes the socket at the old place.
        xml = native.call("dumpxml", "--migratable", NAME).replace(
            str(native.serial_path(NAME)), str(target.serial_path(NAME)))
        native.call("migrate", "--live", "--p2p", "--persistent", "--xml", "/dev/stdin", NAME,
                    target.uri.replace("qemu:", "qemu+unix:"), "--migrateuri", f"unix://{target.folder}/migration",
                    stdin=xml)
        with filled.reconnected(target) as guest:
            filled.assert_pattern(guest)
        assert bases(target.call("dumpxml", NAME)) == before == reported(target)


def test_a_snapshot_brings_the_contents_back(stack: Stack) -> None:
    """An external one: upstream's 11.3.0 cannot load internal ones with QEMU 10.0, which Debian's has a patch for."""
    with Daemon(stack, plugin=False) as daemon:
        filled.define(daemon, stack, daemon.folder / "guest.qcow2")
        with filled.booted(daemon):
            pass
        before = bases(daemon.call("dumpxml", NAME))
        daemon.call("snapshot-create-as", NAME, "moment", "--memspec", f"{daemon.folder}/memory", "--diskspec",
                    f"vda,file={daemon.folder}/guest.more")
        stored = etree.fromstring(daemon.call("snapshot-dumpxml", NAME, "moment")).find("domain")
        assert bases(etree.tostring(stored, encoding="unicode")) == before
        with filled.reconnected(daemon) as guest:
            filled.spoil(guest)
        daemon.call("snapshot-revert", NAME, "moment")
        with filled.reconnected(daemon) as guest:
            filled.assert_pattern(guest)
        assert bases(daemon.call("dumpxml", NAME)) == before == reported(daemon)


# ---- QEMU 11.1's own device

# libvirtd is not in the folder in which this QEMU is at home. libvirt's own folders have their names there as well.
IN_ITS_ROOT = """#!/bin/sh
for folder in /var/lib/libvirt /run/libvirt {folder}; do
    mkdir -p "{root}$folder"
    mountpoint -q "{root}$folder" || mount --bind "$folder" "{root}$folder"
done
exec chroot "{root}" /usr/bin/qemu-system-x86_64 "$@"
"""


@pytest.fixture(scope="module")
def sp_mem(stack: Stack, other_stacks: dict[str, Stack]) -> Iterator[Daemon]:
    """A native libvirtd on which a guest runs, paused, with the sp-mem of an unpatched QEMU."""
    root = other_stacks["forky"].root
    with Daemon(stack, plugin=False) as daemon:
        emulator = daemon.folder / "qemu-system-x86_64"
        emulator.write_text(IN_ITS_ROOT.format(root=root, folder=daemon.folder))
        emulator.chmod(0o755)
        xml = small_domain(stack, None).replace(str(stack.emulator), str(emulator))
        daemon.call("define", "/dev/stdin", stdin=xml)
        daemon.call("start", "--paused", doors.NAME)
        yield daemon


def test_sp_mem_has_its_address_in_the_live_xml(sp_mem: Daemon) -> None:
    live = bases(sp_mem.call("dumpxml", doors.NAME))
    assert live == reported(sp_mem, doors.NAME) != []
    assert '"driver":"sp-mem"' in Path(f"/proc/{sp_mem.emulator_pid(doors.NAME)}/cmdline").read_text()


@pytest.mark.parametrize("command", [
    "save {name} {folder}/image", "managedsave {name}", "dump {name} {folder}/core",
    "snapshot-create-as {name} outside --memspec {folder}/memory",
    "migrate --live --p2p {name} qemu+unix:///system?socket={folder}/nowhere"], ids=lambda command: command.split()[0])
def test_sp_mem_is_neither_saved_nor_migrated(sp_mem: Daemon, command: str) -> None:
    result = sp_mem.virsh(*command.format(name=doors.NAME, folder=sp_mem.folder).split())
    assert result.returncode != 0
    assert "does not preserve the contents of specific purpose memory" in result.stderr
    assert sp_mem.call("domstate", doors.NAME).strip() == "paused"
