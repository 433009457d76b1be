# SPDX-License-Identifier: LGPL-2.1-or-later
"""Snapshots with memory bring back what SPM held."""

from collections.abc import Iterator

import filled
import pytest
from daemon import Daemon
from domains import memory_devices
from filled import NAME
from lab import assert_shown
from stack import Stack


@pytest.fixture(scope="module", autouse=True)
def guest(daemon: Daemon, stack: Stack) -> Iterator[None]:
    """A guest that lasts, though its emulator may not."""
    filled.define(daemon, stack, daemon.folder / "guest.qcow2")
    try:
        with filled.booted(daemon):
            pass
        yield
    finally:
        filled.remove(daemon)


@pytest.mark.parametrize("options", [
    ["internal"], ["external", "--memspec", "{folder}/memory", "--diskspec", "vda,file={folder}/guest.more"]],
    ids=["internal", "external"])
def test_revert_brings_the_contents_back(daemon: Daemon, options: list[str]) -> None:
    name = options[0]
    daemon.call("snapshot-create-as", NAME, *(option.format(folder=daemon.folder) for option in options))
    assert_shown(daemon.call("snapshot-dumpxml", NAME, name))
    with filled.reconnected(daemon) as guest:
        filled.spoil(guest)
    daemon.call("snapshot-revert", NAME, name)
    with filled.reconnected(daemon) as guest:
        filled.assert_pattern(guest)
    assert [device.get("model") for device in memory_devices(daemon.call("dumpxml", NAME))] == ["spm"]


def test_snapshot_is_kept_as_stock_xml_and_redefined_from_its_dump(daemon: Daemon) -> None:
    daemon.call("snapshot-create-as", NAME, "kept")
    file = daemon.folder / f"lib/qemu/snapshot/{NAME}/kept.xml"
    kept, dumped = file.read_text(), daemon.call("snapshot-dumpxml", NAME, "kept")
    assert "spm-memory" in kept and "model='spm'" not in kept
    daemon.call("snapshot-create", "--redefine", NAME, "/dev/stdin", stdin=dumped)
    assert (daemon.call("snapshot-dumpxml", NAME, "kept"), file.read_text()) == (dumped, kept)
