# SPDX-License-Identifier: LGPL-2.1-or-later
"""SPM goes with its domain: saved, restored, migrated, and changed in its configuration."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from domains import Defined, memory_devices
from guest import Guest
from programs import BUILD, run
from stack import Stack

NAME = "single"
SIZE = 256 << 20  # of the SPM in domains/single.xml
SEED = 42

ONE_MORE = """<memory model='spm'>
  <target>
    <size unit='MiB'>64</size>
    <node>1</node>
  </target>
  <alias name='ua-more'/>
</memory>
"""


def models(xml: str) -> list[str | None]:
    return [device.get("model") for device in memory_devices(xml)]


@pytest.fixture
def single(daemon: Daemon, stack: Stack) -> Iterator[Defined]:
    domain = Defined(daemon, stack, NAME)
    yield domain
    daemon.virsh("destroy", NAME)
    daemon.virsh("undefine", "--nvram", "--managed-save", "--snapshots-metadata", NAME)


@pytest.fixture
def filled(single: Defined) -> Iterator[Guest]:
    """The running guest, whose SPM holds a pattern."""
    with single.daemon.boot(NAME) as guest:
        guest.boot()
        # Linux offers it to kmem, which would make it system RAM; a driver of its own would take it so.
        guest.run("echo dax0.0 >/sys/bus/dax/drivers/device_dax/new_id")
        guest.run(f"spm-memory fill /dev/dax0.0 {SIZE} {SEED}", 60)
        yield guest


def assert_filled(daemon: Daemon, name: str = NAME) -> None:
    """The guest goes on, and its SPM holds the pattern still."""
    with Guest(daemon.serial_path(name), daemon.folder / f"log/{name}.serial") as guest:
        guest.run(f"spm-memory check /dev/dax0.0 {SIZE} {SEED}", 60)


def test_save_and_restore(single: Defined, filled: Guest) -> None:
    image = single.daemon.folder / "saved"
    single.daemon.call("save", NAME, str(image))
    assert models(single.daemon.call("save-image-dumpxml", str(image))) == ["spm", "dimm"]
    single.daemon.call("restore", str(image))
    assert_filled(single.daemon)
    assert models(single.xml()) == ["spm", "dimm"]


def test_restore_with_changed_xml(single: Defined, filled: Guest) -> None:
    image = single.daemon.folder / "saved"
    single.daemon.call("save", NAME, str(image))
    changed = single.daemon.folder / "changed.xml"
    changed.write_text(single.daemon.call("save-image-dumpxml", str(image)).replace(
        "</name>", "</name><title>restored</title>"))
    single.daemon.call("restore", str(image), "--xml", str(changed))
    assert_filled(single.daemon)
    assert "<title>restored</title>" in single.xml()


def test_save_image_is_edited_as_spm(single: Defined, filled: Guest) -> None:
    image, changed = single.daemon.folder / "saved", single.daemon.folder / "changed.xml"
    single.daemon.call("save", NAME, str(image))
    text = single.daemon.call("save-image-dumpxml", str(image)).replace(
        "</name>", "</name><title>edited</title>")
    changed.write_text(text)
    single.daemon.call("save-image-define", str(image), str(changed))
    assert "<title>edited</title>" in single.daemon.call("save-image-dumpxml", str(image))
    changed.write_text(text.replace("<node>1</node>", "<node>9</node>"))
    refused = single.daemon.virsh("save-image-define", str(image), str(changed))
    assert refused.returncode != 0 and "<node> of <memory model='spm'> is '9'" in refused.stderr


def test_managed_save(single: Defined, filled: Guest) -> None:
    single.daemon.call("managedsave", NAME)
    assert models(single.daemon.call("managedsave-dumpxml", NAME)) == ["spm", "dimm"]
    single.daemon.call("start", NAME)
    assert_filled(single.daemon)


def test_reboot(single: Defined, filled: Guest) -> None:
    report = filled.reboot()
    assert report.soft_reserved and models(single.xml()) == ["spm", "dimm"]


def test_devices_of_the_configuration(single: Defined) -> None:
    device = single.daemon.folder / "device.xml"
    device.write_text(ONE_MORE)
    single.daemon.call("attach-device", NAME, str(device), "--config")
    assert models(single.xml()) == ["spm", "spm", "dimm"]
    device.write_text(ONE_MORE.replace("64", "128"))
    single.daemon.call("update-device", NAME, str(device), "--config")
    assert "131072" in single.xml()
    single.daemon.call("detach-device-alias", NAME, "ua-more", "--config")
    assert models(single.xml()) == ["spm", "dimm"]


def test_a_running_guest_is_refused(single: Defined, filled: Guest) -> None:
    device = single.daemon.folder / "device.xml"
    device.write_text(ONE_MORE)
    for call in (["attach-device", NAME, str(device), "--live"],
                 ["detach-device-alias", NAME, "ua-spm0", "--live"]):
        refused = single.daemon.virsh(*call)
        assert refused.returncode != 0 and "cannot be attached, updated or detached" in refused.stderr
    assert models(single.xml()) == ["spm", "dimm"]


@pytest.fixture
def target(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A second libvirtd, which believes to be on another host."""
    with Daemon(stack, plugin=request.param) as daemon:
        yield daemon


@pytest.mark.parametrize("target", [True, False], indirect=True, ids=["plugin-there", "no-plugin-there"])
@pytest.mark.parametrize("extra", [False, True], ids=["plain", "dest-xml"])
def test_migration(single: Defined, filled: Guest, target: Daemon, extra: bool, tmp_path: Path) -> None:
    options = []
    if extra:
        # The migratable document is stock, as any host must understand it; here it comes back as spm. The serial
        # line moves: the emulator that ends removes the socket at the old place.
        migratable = single.daemon.call("dumpxml", "--migratable", NAME).replace(
            str(single.daemon.serial_path(NAME)), str(target.serial_path(NAME)))
        xml = tmp_path / "dest.xml"
        xml.write_text(run(BUILD / "src" / "virt-spm", "translate", "--reverse", "-", text=migratable).stdout)
        assert "model='spm'" not in migratable and "model='spm'" in xml.read_text()
        options = ["--xml", str(xml), "--persistent-xml", str(xml)]
    source = single.daemon
    socket = target.folder / "migration"
    source.call("migrate", "--live", "--p2p", "--persistent", *options, NAME,
                target.uri.replace("qemu:", "qemu+unix:"), "--migrateuri", f"unix://{socket}")
    seen = target.call("dumpxml", NAME)
    assert models(seen) == (["spm", "dimm"] if target.plugin else ["dimm", "dimm"])
    if extra:
        assert_filled(target)
    target.call("destroy", NAME)
