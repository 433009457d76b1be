# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done to a running guest with SPM, and to its libvirtd, while it runs."""

import json
from collections.abc import Iterator

import filled
import pytest
from daemon import Daemon
from domains import memory_devices
from filled import NAME, SIZE
from guest import Guest
from lxml import etree
from report import MIB, Range
from stack import Stack

pytestmark = pytest.mark.stacks("patched", "stock")

DIMM_SIZE = 128 * MIB
DIMM = """<memory model='dimm'>
  <target>
    <size unit='MiB'>128</size>
    <node>0</node>
  </target>
</memory>
"""


@pytest.fixture(scope="module")
def own(stack: Stack) -> Iterator[Daemon]:
    with Daemon(stack) as daemon:
        filled.define(daemon, stack)
        yield daemon


@pytest.fixture(scope="module")
def guest(own: Daemon) -> Iterator[Guest]:
    """One guest for all tests here; each leaves it running, with the pattern in its SPM."""
    with filled.booted(own) as guest:
        yield guest


def models(daemon: Daemon) -> list[str | None]:
    return [device.get("model") for device in memory_devices(daemon.call("dumpxml", NAME))]


def live_memory(daemon: Daemon) -> list[bytes]:
    """The memory devices of the live XML. Of other devices libvirt itself forgets an alias when it is restarted."""
    return [etree.tostring(device) for device in memory_devices(daemon.call("dumpxml", NAME))]


def seen(daemon: Daemon) -> tuple[list[bytes], str, int]:
    """The domain that runs and the one that will, and the emulator."""
    return live_memory(daemon), daemon.call("dumpxml", "--inactive", NAME), daemon.emulator_pid(NAME)


def memory_map(daemon: Daemon) -> list[tuple[int, int, str]]:
    """The memory devices as QEMU has them: where, how large, and what."""
    reply = json.loads(daemon.call("qemu-monitor-command", NAME, '{"execute":"query-memory-devices"}'))
    devices = [(device["data"], device["type"]) for device in reply["return"]]
    return sorted((data["memaddr" if "memaddr" in data else "addr"], data["size"], kind) for data, kind in devices)


def test_suspend_and_resume(own: Daemon, guest: Guest) -> None:
    before = models(own)
    own.call("suspend", NAME)
    assert own.call("domstate", NAME).strip() == "paused" and models(own) == before
    assert before[0] == "spm"
    own.call("resume", NAME)
    filled.assert_pattern(guest)


def test_core_dump_has_the_contents(own: Daemon, guest: Guest) -> None:
    core = own.folder / "core"
    own.call("dump", "--memory-only", NAME, str(core))
    assert filled.first_words(512) in core.read_bytes()
    core.unlink()
    filled.assert_pattern(guest)


def test_redefined_while_it_runs(own: Daemon, guest: Guest) -> None:
    changed = own.call("dumpxml", "--inactive", NAME).replace("</name>", "</name><title>next</title>")
    own.call("define", "/dev/stdin", stdin=changed)
    assert "<title>next</title>" in own.call("dumpxml", "--inactive", NAME)
    assert "<title>next</title>" not in own.call("dumpxml", NAME)
    assert models(own)[0] == "spm"


def test_killed_daemon_finds_its_guest_again(own: Daemon, guest: Guest) -> None:
    before = seen(own)
    own.kill()
    own.start()
    assert seen(own) == before
    filled.assert_pattern(guest)


def test_plugin_is_removed_and_added(own: Daemon, guest: Guest) -> None:
    before = seen(own)
    for own.plugin in False, True:
        own.stop()
        own.start()
        assert models(own)[0] == ("spm" if own.plugin else "dimm")
        filled.assert_pattern(guest)
    assert seen(own) == before


@pytest.fixture(scope="module")
def dimm(own: Daemon, guest: Guest) -> None:
    """A DIMM that is plugged in while the guest runs, for the tests below that ask for it; it stays."""
    own.call("attach-device", NAME, "/dev/stdin", "--live", stdin=DIMM)


@pytest.mark.usefixtures("dimm")
def test_hot_added_dimm_lies_above(own: Daemon, guest: Guest) -> None:
    (base, size, kind), (dimm_base, dimm_size, dimm_kind) = memory_map(own)
    assert (size, kind) == (SIZE, own.stack.device)
    assert (dimm_base, dimm_size, dimm_kind) == (base + SIZE, DIMM_SIZE, "dimm")
    assert models(own) == ["spm", "dimm"]
    filled.assert_pattern(guest)


@pytest.mark.usefixtures("dimm")
def test_guest_has_the_hot_added_dimm(own: Daemon, guest: Guest) -> None:
    (_, _, _), (base, size, _) = memory_map(own)
    assert Range(base, base + size, "System RAM") in guest.report().hot_added


@pytest.mark.usefixtures("dimm")
def test_daemon_is_restarted_after_that(own: Daemon, guest: Guest) -> None:
    before = seen(own)
    own.kill()
    own.start()
    assert seen(own) == before and models(own) == ["spm", "dimm"]
    assert len(memory_map(own)) == 2
    filled.assert_pattern(guest)


def test_reboot(own: Daemon, guest: Guest) -> None:
    report = guest.reboot()
    assert [entry.end - entry.start for entry in report.soft_reserved] == [SIZE]
    filled.fill(guest)
    filled.assert_pattern(guest)


def test_destroyed_and_undefined(stack: Stack) -> None:
    """On a daemon of its own, as the guest of the others goes on."""
    with Daemon(stack) as daemon:
        filled.define(daemon, stack)
        daemon.call("start", "--paused", NAME)
        assert daemon.call("list", "--all", "--name").split() == [NAME]
        daemon.call("destroy", NAME)
        daemon.call("undefine", "--nvram", NAME)
        assert daemon.call("list", "--all", "--name").split() == []
        assert not [path for path in (daemon.folder / "etc/qemu").rglob("*.xml") if path.stem == NAME]
