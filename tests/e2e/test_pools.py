# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools of devices, for which files stand: every start takes one that no other domain of the host has."""

import os
import select
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filled
import libvirt
import pytest
from daemon import QEMU_CONF, Daemon, kill_emulator
from domains import memory_devices, read_domain
from lxml import etree
from stack import Stack

pytestmark = pytest.mark.stacks("patched", "stock")

MIB = 1 << 20
SIZE = 32 * MIB
SETTINGS = "[spm]\ncontents_loss=allow\n"  # devices are meant here, and not their contents
POOL = "<source><pool>hbm</pool></source>"
DISK = ("<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{}'/>"
        "<target dev='vda' bus='virtio'/></disk>")
MISSING = "<disk type='file'><source file='/no/such/disk'/><target dev='vda' bus='virtio'/></disk>"


class Host:
    """A daemon with two devices in a pool."""

    def __init__(self, daemon: Daemon):
        self.daemon = daemon
        self.devices = [self.file(f"device{number}", SIZE) for number in range(2)]

    def file(self, name: str, size: int) -> Path:
        path = self.daemon.folder / name
        path.touch()
        os.truncate(path, size)
        return path

    def define(self, name: str, *sources: str, more: str = "") -> None:
        root = etree.fromstring(read_domain("small"))
        root.remove(root.find("uuid"))
        root.find("name").text = name
        devices, spm = root.find("devices"), root.find("devices/memory")
        root.find("memory").text = str(64 + 32 * len(sources))
        devices.remove(spm)
        for source in sources:
            devices.append(etree.fromstring(etree.tostring(spm)))
            devices[-1].insert(0, etree.fromstring(source))
        etree.SubElement(devices, "emulator").text = str(self.daemon.stack.emulator)
        if more:
            devices.append(etree.fromstring(more))
        self.daemon.call("define", "/dev/stdin", stdin=etree.tostring(root, encoding="unicode"))

    def start(self, *names: str) -> None:
        for name in names:
            self.daemon.call("start", "--paused", name)

    def refusal(self, name: str) -> str:
        done = self.daemon.virsh("start", "--paused", name)
        assert done.returncode != 0
        assert self.daemon.call("domstate", name).strip() == "shut off"
        return done.stderr

    def link(self, name: str, number: int = 0) -> Path:
        return self.daemon.folder / f"pools/hbm/{name}.ua-spm{number}"

    def device(self, name: str) -> Path:
        """The device of a running domain, as the link and the emulator's memory agree."""
        maps = Path(f"/proc/{self.daemon.emulator_pid(name)}/maps").read_text()
        target = Path(os.readlink(self.link(name)))
        # an emulator in a folder has the folder's name before it
        assert [device for device in self.devices if f"{device}\n" in maps] == [target]
        return target


def wait_until_off(daemon: Daemon, name: str) -> None:
    """Wait until libvirtd has noticed that the guest ended."""
    conn = libvirt.open(daemon.uri)
    try:
        while conn.lookupByName(name).isActive():
            select.select([], [], [], 0.05)
    finally:
        conn.close()


@pytest.fixture
def host(stack: Stack) -> Iterator[Host]:
    daemon = Daemon(stack)
    (daemon.folder / "etc/spm.conf").write_text(f"{SETTINGS}[pool hbm]\npaths={daemon.folder}/device*;/no/device\n")
    with daemon:
        yield Host(daemon)


@pytest.fixture
def three(host: Host) -> Host:
    """Three domains that share the pool."""
    for name in "a", "b", "c":
        host.define(name, POOL)
    return host


def test_each_start_takes_a_device_until_there_is_none(three: Host) -> None:
    three.start("a", "b")
    assert {three.device("a"), three.device("b")} == {*three.devices}
    one, other = three.devices
    has = {three.device(name): name for name in ("a", "b")}
    assert (f"pool 'hbm' has no free device of 32768 KiB for memory device 'ua-spm0' of domain 'c': domain '{has[one]}' has "
            f"'{one}', domain '{has[other]}' has '{other}', '/no/device' cannot be used (No such file or directory)"
            ) in three.refusal("c")
    three.daemon.call("destroy", "a")
    assert not three.link("a").is_symlink()
    three.start("c")
    assert {three.device("b"), three.device("c")} == {*three.devices}


def test_the_xml_keeps_the_pool(three: Host) -> None:
    before = three.daemon.call("dumpxml", "--inactive", "a")
    three.start("a")
    for xml in three.daemon.call("dumpxml", "a"), three.daemon.call("dumpxml", "--inactive", "a"):
        source = memory_devices(xml)[0].find("source")
        assert [(child.tag, child.text) for child in source] == [("pool", "hbm")]
    assert three.daemon.call("dumpxml", "--inactive", "a") == before
    assert "/dev/libvirt-spm/hbm/a.ua-spm0" in three.daemon.stored_xml("a")


def test_the_smallest_device_that_suffices(host: Host) -> None:
    os.truncate(host.devices[0], 2 * SIZE)
    small = host.file("device9", SIZE // 2)
    host.define("a", POOL)
    host.define("b", POOL, POOL)
    host.start("a")
    assert host.device("a") == host.devices[1]
    assert f"'{small}' has only 16384 KiB" in host.refusal("b")
    assert not host.link("b").is_symlink()


def test_starts_at_the_same_time(three: Host) -> None:
    names = [f"d{number}" for number in range(6)]
    for name in names:
        three.define(name, POOL)
    with ThreadPoolExecutor(len(names)) as threads:
        done = list(threads.map(lambda name: three.daemon.virsh("start", "--paused", name).returncode, names))
    running = [name for name, code in zip(names, done) if code == 0]
    assert len(running) == 2
    assert {three.device(name) for name in running} == {*three.devices}


@pytest.mark.parametrize("killed", [False, True])
def test_a_restarted_daemon_knows_what_is_taken(killed: bool, three: Host) -> None:
    three.start("a")
    taken = three.device("a")
    (three.daemon.kill if killed else three.daemon.stop)()
    three.daemon.start()
    three.start("b")
    assert {taken, three.device("b")} == {*three.devices}
    assert f"domain 'a' has '{taken}'" in three.refusal("c")
    three.daemon.call("destroy", "a")
    three.start("c")
    assert three.device("c") == taken


def test_the_plugin_is_removed_and_added(three: Host) -> None:
    three.start("a")
    for three.daemon.plugin in False, True:
        three.daemon.stop()
        three.daemon.start()
    three.start("b")
    assert {three.device("a"), three.device("b")} == {*three.devices}


def test_a_guest_that_ended_while_there_was_no_daemon(three: Host) -> None:
    three.start("a", "b")
    pid = three.daemon.emulator_pid("a")
    three.daemon.stop()
    kill_emulator(pid)
    three.daemon.start()
    wait_until_off(three.daemon, "a")
    three.start("c")
    assert {three.device("b"), three.device("c")} == {*three.devices}


def test_a_guest_that_ends(three: Host) -> None:
    three.start("a", "b")
    kill_emulator(three.daemon.emulator_pid("a"))
    wait_until_off(three.daemon, "a")
    three.start("c")


def test_domains_that_the_daemon_starts_itself(three: Host) -> None:
    for name in "a", "b":
        three.daemon.call("autostart", name)
    three.daemon.stop()
    # libvirtd starts them once after the host has booted
    for marker in (three.daemon.folder / "run").rglob("autostarted"):
        marker.unlink()
    three.daemon.start()
    assert sorted(three.daemon.call("list", "--name").split()) == ["a", "b"]
    assert {three.device("a"), three.device("b")} == {*three.devices}


def test_a_start_that_fails_gives_the_device_back(three: Host) -> None:
    three.define("broken", POOL, more=MISSING)
    three.start("a")
    assert "/no/such/disk" in three.refusal("broken")
    assert not three.link("broken").is_symlink()
    three.start("b")


def test_a_saved_domain_gets_another_device(three: Host) -> None:
    three.start("a")
    before = three.device("a")
    three.daemon.call("managedsave", "a")
    three.start("b")
    assert three.device("b") == before
    three.start("a")
    assert three.device("a") != before


def test_a_saved_domain_without_a_device(three: Host) -> None:
    image = three.daemon.folder / "image"
    three.start("a")
    three.daemon.call("save", "a", str(image))
    three.start("b", "c")
    done = three.daemon.virsh("restore", "--paused", str(image))
    assert done.returncode != 0 and "pool 'hbm' has no free device" in done.stderr
    three.daemon.call("destroy", "b")
    three.daemon.call("restore", "--paused", str(image))
    assert {three.device("a"), three.device("c")} == {*three.devices}


def test_a_snapshot_is_reverted_to(three: Host) -> None:
    disk = three.daemon.folder / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "16M"], check=True)
    three.define("disk", POOL, more=DISK.format(disk))
    three.start("disk")
    before = three.device("disk")
    three.daemon.call("snapshot-create-as", "disk", "moment")
    three.daemon.call("destroy", "disk")
    three.start("a")
    assert three.device("a") == before
    three.daemon.call("snapshot-revert", "disk", "moment", "--paused")
    assert {three.device("disk"), before} == {*three.devices}


@pytest.mark.stacks("patched")
def test_contents_are_restored_into_another_device(host: Host) -> None:
    daemon = host.daemon
    for device in host.devices:
        os.truncate(device, filled.SIZE)
    filled.define(daemon, daemon.stack)
    xml = daemon.call("dumpxml", "--inactive", filled.NAME)
    daemon.call("define", "/dev/stdin", stdin=xml.replace("<memory model='spm'>", f"<memory model='spm'>{POOL}"))
    with filled.booted(daemon):
        before = host.device(filled.NAME)
        daemon.call("managedsave", filled.NAME)
    host.define("a", POOL)
    host.start("a")
    assert host.device("a") == before
    before.write_bytes(b"\xff" * filled.SIZE)
    daemon.call("start", filled.NAME)
    assert host.device(filled.NAME) != before
    with filled.reconnected(daemon) as guest:
        filled.assert_pattern(guest)


def test_a_domain_that_is_created(three: Host) -> None:
    xml = three.daemon.call("dumpxml", "--inactive", "a")
    three.daemon.call("undefine", "a")
    three.daemon.call("create", "--paused", "/dev/stdin", stdin=xml)
    assert three.device("a") in three.devices
    three.daemon.call("destroy", "a")
    assert not three.link("a").is_symlink()


def test_a_pool_that_is_not_there(host: Host) -> None:
    host.define("a", POOL.replace("hbm", "other"))
    assert ("memory device 'ua-spm0' of domain 'a' has <pool> 'other', and "
            f"{host.daemon.folder}/etc/spm.conf has no group [pool other]") in host.refusal("a")


def test_a_path_that_another_domain_has(three: Host) -> None:
    three.start("a")
    device = three.device("a")
    hard, soft = three.daemon.folder / "hard", three.daemon.folder / "soft"
    hard.hardlink_to(device)
    soft.symlink_to(device)
    for path in device, hard, soft:
        three.define(path.name, f"<source><path>{path}</path></source>")
        assert (f"memory device 'ua-spm0' of domain '{path.name}' cannot have '{path}', which memory device 'ua-spm0' of "
                f"domain 'a' has as '{device}'; they would read each other's memory") in three.refusal(path.name)
    three.daemon.call("destroy", "a")
    three.start("soft", "a")
    assert three.device("a") != device
    assert f"domain 'soft' has '{device}'" in three.refusal("b")


def test_a_path_twice(host: Host) -> None:
    path = f"<source><path>{host.devices[0]}</path></source>"
    host.define("a", path, path)
    assert "memory device 'ua-spm1' of domain 'a' cannot have" in host.refusal("a")
    host.define("b", path)
    host.define("c", path)
    host.start("b")
    assert "memory device 'ua-spm0' of domain 'b' has as" in host.refusal("c")


def test_ordinary_files_may_be_shared(host: Host) -> None:
    path = f"<source><path>{host.file('shared', SIZE)}</path></source>"
    for name in "a", "b":
        host.define(name, path)
    host.start("a", "b")


@pytest.fixture
def devices() -> Iterator[list[Path]]:
    """Two names of a character device, which has the memory of /dev/zero, and of which Linux tells a size."""
    names = [Path("/dev/dax0.0"), Path("/dev/dax0")]
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/sys/dev/char"], check=True)
    Path("/sys/dev/char/1:5").mkdir()
    Path("/sys/dev/char/1:5/size").write_text(f"{SIZE}\n")
    for name in names:
        os.mknod(name, 0o20600, os.makedev(1, 5))
    yield names
    subprocess.run(["umount", "/sys/dev/char"], check=True)
    for name in names:
        name.unlink()


@pytest.mark.stacks("patched")
def test_the_emulators_user_owns_the_device(devices: list[Path], stack: Stack) -> None:
    """In the host's /dev: libvirt fills one of the emulator's own in a process that leaves a plain chroot, so not there."""
    daemon = Daemon(stack)
    conf = daemon.folder / "etc/qemu.conf"
    conf.write_text(QEMU_CONF.replace('"root"', '"nobody"', 1).replace("dynamic_ownership = 0", "dynamic_ownership = 1"))
    (daemon.folder / "etc/spm.conf").write_text(f"[pool hbm]\npaths={devices[0]}\n")
    with daemon:
        host = Host(daemon)
        host.define("a", POOL)
        host.define("b", f"<source><path>{devices[1]}</path></source>")
        host.start("a")
        assert os.readlink(host.link("a")) == str(devices[0]) and devices[0].owner() == "nobody"
        assert f"cannot have '{devices[1]}', which memory device 'ua-spm0' of domain 'a' has as '{devices[0]}'" in host.refusal("b")
        daemon.call("destroy", "a")
        assert devices[0].owner() == "root"


HOOK = """#!/bin/sh
cat >/dev/null
echo "$1 $2" >>/var/lib/libvirt/hooked
[ "$1 $2" != "a prepare" ]
"""


def test_the_hooks_of_the_administrator_are_called(three: Host) -> None:
    daemon = three.daemon
    daemon.stop()
    (daemon.folder / "etc/hooks").mkdir()
    hook = daemon.folder / "etc/hooks/qemu"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    daemon.start()
    assert "Hook script execution failed" in three.refusal("a")
    assert not three.link("a").is_symlink()
    three.start("b", "c")
    daemon.call("destroy", "b")
    called = (daemon.folder / "lib/hooked").read_text().splitlines()
    assert called == ["a prepare", "a stopped", "a release", "b prepare", "b start", "b started", "c prepare", "c start",
                      "c started", "b stopped", "b release"]


def test_migration_takes_a_device_of_the_other_host(three: Host) -> None:
    target = Daemon(three.daemon.stack)
    (target.folder / "etc/spm.conf").write_text(f"{SETTINGS}[pool hbm]\npaths={target.folder}/device*\n")
    with target:
        other = Host(target)
        other.define("holder", POOL)
        other.start("holder")
        three.start("a")
        three.daemon.call("migrate", "a", "--live", "--migrateuri", f"tcp://{target.host}", "--desturi", target.uri)
        assert {other.device("holder"), other.device("a")} == {*other.devices}
        assert not three.link("a").is_symlink()
        three.start("b")
        # no device is left
        done = three.daemon.virsh("migrate", "b", "--live", "--migrateuri", f"tcp://{target.host}", "--desturi", target.uri)
        assert done.returncode != 0 and "pool 'hbm' has no free device" in done.stderr
        assert three.device("b") in three.devices
