# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin beside a libvirt that knows <memory model='spm'> itself: it leaves new definitions to libvirt, and goes on
with what libvirt has stored for it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from argv import Argv
from daemon import Daemon
from domains import memory_devices
from doors import ALIAS, DEVICE, NAME
from lab import small_domain
from programs import VIRT_SPM, run
from stack import Stack

pytestmark = pytest.mark.stacks("native")


@pytest.fixture(scope="module")
def beside(stack: Stack) -> Iterator[Daemon]:
    """A native libvirtd with the plugin."""
    with Daemon(stack) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def native(stack: Stack) -> Iterator[Daemon]:
    """A native libvirtd without the plugin."""
    with Daemon(stack, plugin=False) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def module(stack: Stack) -> Iterator[Daemon]:
    """A stock libvirtd with the plugin."""
    with Daemon(replace(stack, programs=None)) as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """No domain outlives its test."""
    yield
    for name in {"beside", "native", "module"} & set(request.fixturenames):
        daemon = request.getfixturevalue(name)
        daemon.virsh("destroy", NAME)
        daemon.virsh("undefine", NAME, "--managed-save", "--snapshots-metadata")


def carriers(stack: Stack) -> str:
    """The small domain as the plugin gives it to a libvirt that does not know spm."""
    done = run(VIRT_SPM, "translate", "--device", stack.device, "--libvirt-version", "11.3.0", "-",
               text=small_domain(stack, None))
    assert done.returncode == 0, done.stderr
    return done.stdout


def models(xml: str) -> list[str]:
    return [device.get("model") for device in memory_devices(xml)]


def shown(daemon: Daemon, *options: str) -> list[str]:
    return models(daemon.call("dumpxml", NAME, *options))


def live(daemon: Daemon) -> list[str]:
    """The memory devices of the running domain as libvirtd itself has them."""
    text = (daemon.folder / f"run/qemu/{NAME}.xml").read_text()
    return models(text[text.index("<domain "):text.index("</domain>")] + "</domain>")


def slots(daemon: Daemon) -> str:
    """What QEMU was told about its slots, each of which makes the window longer."""
    words = Path(f"/proc/{daemon.emulator_pid(NAME)}/cmdline").read_text().split("\0")
    (memory,) = [value for option, value in Argv.parse(words).options if option == "-m"]
    return memory.split("slots=")[1].split(",")[0]


def define(daemon: Daemon, xml: str, preload: tuple[Path, ...] = ()) -> None:
    daemon.call("define", "/dev/stdin", stdin=xml, preload=preload)


def test_a_new_domain_is_libvirts_own(beside: Daemon, stack: Stack) -> None:
    define(beside, small_domain(stack, None))
    assert models(beside.stored_xml(NAME)) == ["spm"] == shown(beside)
    assert "qemu:" not in beside.stored_xml(NAME)
    beside.call("start", "--paused", NAME)
    assert live(beside) == ["spm"]


def test_a_client_with_the_plugin_leaves_it_to_the_daemon(native: Daemon, stack: Stack) -> None:
    define(native, small_domain(stack, None), preload=(stack.plugin,))
    assert models(native.stored_xml(NAME)) == ["spm"]


def test_command_line_of_a_new_domain_is_libvirts_own(beside: Daemon, native: Daemon, stack: Stack) -> None:
    xml = small_domain(stack, None)
    texts = [daemon.call("domxml-to-native", "qemu-argv", "/dev/stdin", stdin=xml) for daemon in (beside, native)]
    devices = [Argv.from_native(text).drivers(stack.device) for text in texts]
    assert devices[0] == devices[1] != []


def test_the_first_definition_moves_a_domain(beside: Daemon, stack: Stack) -> None:
    define(beside, carriers(stack))
    assert (models(beside.stored_xml(NAME)), shown(beside)) == (["dimm"], ["spm"])
    define(beside, beside.call("dumpxml", "--inactive", NAME))
    assert (models(beside.stored_xml(NAME)), shown(beside)) == (["spm"], ["spm"])
    assert "qemu:override" not in beside.stored_xml(NAME)


def test_a_running_guest_keeps_its_carriers(beside: Daemon, stack: Stack) -> None:
    define(beside, carriers(stack))
    beside.call("start", "--paused", NAME)
    assert (slots(beside), live(beside), shown(beside)) == ("5", ["dimm"], ["spm"])
    define(beside, beside.call("dumpxml", "--inactive", NAME))
    assert (live(beside), shown(beside)) == (["dimm"], ["spm"])
    assert models(beside.stored_xml(NAME)) == ["spm"]
    # What is saved with XML of the client's own is what it was; it only looks like spm. Not the live XML, where libvirt
    # notes about the CPU what it does not take back.
    image, migratable = beside.folder / "image", beside.call("dumpxml", "--migratable", NAME)
    ours = run(VIRT_SPM, "translate", "--reverse", "-", text=migratable).stdout
    assert models(ours) == ["spm"]
    beside.call("save", NAME, str(image), "--xml", "/dev/stdin", "--paused", stdin=ours)
    assert models(beside.call("save-image-dumpxml", str(image))) == ["spm"]
    beside.call("restore", str(image))
    assert (slots(beside), live(beside)) == ("5", ["dimm"])
    # From its next start on, the guest has libvirt's own.
    beside.call("destroy", NAME)
    beside.call("start", "--paused", NAME)
    assert (slots(beside), live(beside)) == ("4", ["spm"])


def test_a_saved_guest_keeps_its_carriers(beside: Daemon, stack: Stack) -> None:
    define(beside, carriers(stack))
    beside.call("start", "--paused", NAME)
    beside.call("managedsave", NAME)
    define(beside, beside.call("dumpxml", "--inactive", NAME))
    beside.call("managedsave-define", NAME, "/dev/stdin", stdin=beside.call("managedsave-dumpxml", NAME))
    beside.call("start", NAME)
    assert (slots(beside), live(beside)) == ("5", ["dimm"])


def test_no_domain_gets_both_kinds(beside: Daemon, stack: Stack) -> None:
    define(beside, carriers(stack))
    device = DEVICE.format(node=1, alias="ua-more")
    refused = beside.virsh("attach-device", NAME, "/dev/stdin", "--config", stdin=device)
    assert "cannot be attached, updated or detached" in refused.stderr
    assert "cannot be attached, updated or detached" in beside.virsh(
        "detach-device-alias", NAME, ALIAS, "--config").stderr
    define(beside, beside.call("dumpxml", "--inactive", NAME))
    beside.call("attach-device", NAME, "/dev/stdin", "--config", stdin=device)
    assert shown(beside) == ["spm", "spm"]


# ---- from one host to another


def move(source: Daemon, target: Daemon, *options: str) -> str:
    """What virsh says that migrates the domain."""
    return source.virsh("migrate", "--p2p", *options, NAME, target.uri.replace("qemu:", "qemu+unix:"), "--migrateuri",
                        f"unix://{target.folder}/migration").stderr


def test_a_running_guest_moves_between_native_hosts(beside: Daemon, native: Daemon, stack: Stack) -> None:
    define(native, small_domain(stack, None))
    native.call("start", "--paused", NAME)
    before = native.call("dumpxml", NAME)
    assert move(native, beside, "--live", "--persistent") == ""
    assert live(beside) == ["spm"] == models(beside.stored_xml(NAME))
    address = memory_devices(before)[0].find("target/address").get("base")
    assert memory_devices(beside.call("dumpxml", NAME))[0].find("target/address").get("base") == address


def test_a_running_native_guest_is_refused_by_a_host_with_the_module(native: Daemon, module: Daemon,
                                                                     stack: Stack) -> None:
    define(native, small_domain(stack, None))
    native.call("start", "--paused", NAME)
    assert "gives the guest another window for memory devices than this host" in move(native, module, "--live")
    assert shown(native) == ["spm"]
    assert module.call("list", "--all", "--name").split() == []
    # Its configuration moves.
    native.call("destroy", NAME)
    define(module, native.call("dumpxml", "--inactive", NAME))
    assert (models(module.stored_xml(NAME)), shown(module)) == (["dimm"], ["spm"])


def test_a_running_guest_with_carriers_moves_to_a_native_host_with_them(beside: Daemon, module: Daemon,
                                                                        stack: Stack) -> None:
    define(module, small_domain(stack, None))
    module.call("start", "--paused", NAME)
    assert move(module, beside, "--live", "--persistent") == ""
    assert (slots(beside), live(beside), shown(beside)) == ("5", ["dimm"], ["spm"])
    define(beside, beside.call("dumpxml", "--inactive", NAME))
    assert models(beside.stored_xml(NAME)) == ["spm"]


def test_configuration_moves_from_the_module_to_a_native_host(native: Daemon, module: Daemon, stack: Stack) -> None:
    define(module, small_domain(stack, None))
    define(native, module.call("dumpxml", "--inactive", NAME))
    assert models(native.stored_xml(NAME)) == ["spm"]
