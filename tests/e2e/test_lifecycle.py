# SPDX-License-Identifier: LGPL-2.1-or-later
"""SPM keeps its contents wherever its domain goes: into a file, to another host, and back."""

from collections.abc import Iterator
from pathlib import Path

import filled
import pytest
from daemon import Daemon
from domains import memory_devices
from filled import NAME
from programs import BUILD, run
from stack import Stack


def models(xml: str) -> list[str | None]:
    return [device.get("model") for device in memory_devices(xml)]


@pytest.fixture(scope="module")
def defined(stack: Stack) -> Iterator[Daemon]:
    with Daemon(stack) as daemon:
        filled.define(daemon, stack)
        yield daemon


@pytest.fixture
def source(defined: Daemon) -> Daemon:
    """A daemon whose guest runs with the pattern in its SPM: that of the last test, if it is there still."""
    if defined.call("domstate", NAME).strip() != "running":
        with filled.booted(defined):
            pass
    return defined


def assert_goes_on(daemon: Daemon) -> None:
    with filled.reconnected(daemon) as guest:
        filled.assert_pattern(guest)


@pytest.fixture
def image(source: Daemon) -> Iterator[Path]:
    """The guest, saved."""
    image = source.folder / "guest.saved"
    source.call("save", NAME, str(image))
    yield image
    image.unlink()


@pytest.mark.stacks("patched", "native")
def test_save_and_restore(source: Daemon, image: Path) -> None:
    assert models(source.call("save-image-dumpxml", str(image))) == ["spm"]
    source.call("restore", str(image))
    assert_goes_on(source)
    assert models(source.call("dumpxml", NAME)) == ["spm"]


@pytest.mark.stacks("patched", "native")
def test_restore_with_changed_xml(source: Daemon, image: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.xml"
    changed.write_text(source.call("save-image-dumpxml", str(image)).replace("</name>", "</name><title>new</title>"))
    source.call("restore", str(image), "--xml", str(changed))
    assert_goes_on(source)
    assert "<title>new</title>" in source.call("dumpxml", NAME)


def test_save_with_changed_xml_and_edited_as_spm(source: Daemon, tmp_path: Path) -> None:
    image, changed = source.folder / "guest.saved", tmp_path / "changed.xml"
    text = source.call("dumpxml", "--inactive", NAME)
    changed.write_text(text.replace("</name>", "</name><title>saved</title>"))
    source.call("save", NAME, str(image), "--xml", str(changed))
    text = source.call("save-image-dumpxml", str(image))
    changed.write_text(text.replace("saved</title>", "edited</title>"))
    source.call("save-image-define", str(image), str(changed))
    assert "<title>edited</title>" in source.call("save-image-dumpxml", str(image))
    source.call("restore", str(image))
    assert_goes_on(source)
    assert "<title>edited</title>" in source.call("dumpxml", NAME)


@pytest.mark.stacks("patched", "native")
def test_managed_save(source: Daemon) -> None:
    source.call("managedsave", NAME)
    assert models(source.call("managedsave-dumpxml", NAME)) == ["spm"]
    source.call("start", NAME)
    assert_goes_on(source)


def test_managed_save_outlives_the_plugin(stack: Stack, source: Daemon) -> None:
    """What was saved with the plugin is restored without."""
    source.call("managedsave", NAME)
    for source.plugin in False, True:
        source.stop()
        source.start()
        if not source.plugin:
            source.call("start", NAME)
            assert models(source.call("dumpxml", NAME)) == ["dimm"]
            assert_goes_on(source)
    assert models(source.call("dumpxml", NAME)) == ["spm"]


@pytest.fixture
def target(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A second libvirtd, which believes to be on another host."""
    with Daemon(stack, plugin=request.param) as daemon:
        yield daemon


@pytest.mark.parametrize("target", [True, False], indirect=True, ids=["plugin-there", "no-plugin-there"])
def test_migration_with_xml_for_the_destination(source: Daemon, target: Daemon, tmp_path: Path) -> None:
    # The migratable document is stock, as any host must understand it; here it comes back as spm. The serial
    # line moves: the emulator that ends removes the socket at the old place.
    migratable = source.call("dumpxml", "--migratable", NAME).replace(
        str(source.serial_path(NAME)), str(target.serial_path(NAME)))
    xml = tmp_path / "dest.xml"
    xml.write_text(run(BUILD / "src" / "virt-spm", "translate", "--reverse", "-", text=migratable).stdout)
    assert "model='spm'" not in migratable and "model='spm'" in xml.read_text()
    source.call("migrate", "--live", "--p2p", "--persistent", "--xml", str(xml), "--persistent-xml", str(xml), NAME,
                target.uri.replace("qemu:", "qemu+unix:"), "--migrateuri", f"unix://{target.folder}/migration")
    assert models(target.call("dumpxml", NAME)) == ["spm" if target.plugin else "dimm"]
    assert_goes_on(target)
    target.call("destroy", NAME)
