# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains with SPM go into stock libvirtd and come back."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from argv import Argv
from daemon import Daemon
from domains import Defined, fit_domain, memory_devices, read_domain
from lab import NAME, small_domain
from layouts import SPM_NODES
from stack import Stack

all_domains = pytest.mark.parametrize("defined", SPM_NODES, indirect=True)
only_single = pytest.mark.parametrize("defined", ["single"], indirect=True)


@all_domains
def test_spm_comes_back_first_among_memory_devices(defined: Defined) -> None:
    devices = memory_devices(defined.xml())
    nodes = SPM_NODES[defined.name]
    assert [device.get("model") for device in devices] == ["spm"] * len(nodes) + ["dimm"]
    assert [int(device.findtext("target/node", "")) for device in devices] == [*nodes, 0]


@all_domains
def test_dump_shows_nothing_of_the_carrier(defined: Defined) -> None:
    assert "qemu:" not in defined.xml()


@all_domains
def test_stored_domain_is_stock_xml(defined: Defined) -> None:
    stored = defined.daemon.stored_xml(defined.name)
    assert "model='spm'" not in stored
    assert "spm-memory" in stored


@all_domains
@pytest.mark.parametrize("from_file", [False, True], ids=["from-domain", "from-file"])
def test_native_argv_has_spm_before_the_dimm(defined: Defined, from_file: bool) -> None:
    source = ["--xml", str(defined.file)] if from_file else ["--domain", defined.name]
    argv = Argv.from_native(defined.daemon.call("domxml-to-native", "qemu-argv", *source))
    nodes = SPM_NODES[defined.name]
    assert [device["node"] for device in argv.drivers("spm-memory")] == nodes
    assert argv.memory_order() == ["spm-memory"] * 2 * len(nodes) + ["pc-dimm"] * 2


@all_domains
def test_defining_the_dump_again_changes_nothing(defined: Defined) -> None:
    dumped, stored = defined.xml(), defined.daemon.stored_xml(defined.name)
    defined.daemon.call("define", "/dev/stdin", stdin=dumped)
    assert defined.xml() == dumped
    assert defined.daemon.stored_xml(defined.name) == stored


@only_single
def test_libvirtd_really_has_the_plugin(defined: Defined, stack: Stack) -> None:
    with open(f"/proc/{defined.daemon.pid}/maps", encoding="ascii") as maps:
        assert stack.plugin.name in maps.read()


@only_single
def test_read_only_connection_is_shown_the_same(defined: Defined) -> None:
    """One socket takes no changes."""
    def read_only(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["virsh", "--quiet", "--connect", defined.daemon.ro_uri, "--readonly", *arguments],
                              env=defined.daemon.client_environment(()), capture_output=True, text=True, timeout=60,
                              check=False)

    assert read_only("dumpxml", defined.name).stdout == defined.daemon.call("dumpxml", defined.name)
    refused = read_only("undefine", defined.name)
    assert refused.returncode != 0 and "read only" in refused.stderr


@pytest.mark.parametrize("name", ["plain", "own-override", "mentions-spm"])
def test_domain_without_spm_comes_back_the_same(
        daemon: Daemon, plain_daemon: Daemon, stack: Stack, name: str) -> None:
    text = fit_domain(read_domain(name), stack, "seabios", daemon.serial_path(name))
    seen = []
    for each in daemon, plain_daemon:
        each.call("define", "/dev/stdin", stdin=text)
        seen.append([
            each.call("dumpxml", name), each.call("dumpxml", "--migratable", name), each.stored_xml(name),
            each.call("domxml-to-native", "qemu-argv", "--domain", name)])
        each.call("undefine", name)
    assert seen[0] == seen[1]


both_stacks = pytest.mark.stacks("patched", "stock")


@pytest.fixture
def small(daemon: Daemon, stack: Stack) -> Iterator[str]:
    """A small domain, and libvirt's own file of it."""
    daemon.call("define", "/dev/stdin", stdin=small_domain(stack, None))
    yield daemon.stored_xml(NAME)
    daemon.virsh("undefine", NAME)


@both_stacks
def test_edit(daemon: Daemon, stack: Stack, small: str, tmp_path: Path) -> None:
    """An editor is shown spm, and what it writes is taken as such."""
    editor, seen = tmp_path / "editor", tmp_path / "seen.xml"
    editor.write_text(f'#!/bin/sh\ncp "$1" {seen}\nsed -i "s/32768/65536/" "$1"\n')
    editor.chmod(0o755)
    subprocess.run(["virsh", "--quiet", "--connect", daemon.uri, "edit", NAME], check=True, timeout=60,
                   env={**daemon.client_environment(()), "EDITOR": str(editor)})
    assert [device.get("model") for device in memory_devices(seen.read_text())] == ["spm"]
    stored = daemon.stored_xml(NAME)
    assert stored.count(f"value='{stack.device}'") == 1 and "65536</size>" in stored
    assert [device.findtext("target/size") for device in memory_devices(daemon.call("dumpxml", NAME))] == ["65536"]


@both_stacks
def test_an_edit_that_changes_nothing(daemon: Daemon, small: str) -> None:
    done = subprocess.run(["virsh", "--connect", daemon.uri, "edit", NAME], check=True, timeout=60,
                          capture_output=True, text=True,
                          env={**daemon.client_environment(()), "EDITOR": "true"})
    assert "not changed" in done.stdout
    assert daemon.stored_xml(NAME) == small


@both_stacks
def test_undefine_leaves_nothing(daemon: Daemon, small: str) -> None:
    daemon.call("undefine", NAME)
    assert NAME not in daemon.call("list", "--all", "--name").split()
    assert not [path for path in (daemon.folder / "etc/qemu").rglob("*") if NAME in path.name]


@both_stacks
@pytest.mark.parametrize("plugin", [True, False], ids=["with-plugin", "without-plugin"])
def test_autostart(stack: Stack, plugin: bool) -> None:
    """When the host boots, libvirtd starts it by itself, plugin or not."""
    with Daemon(stack) as daemon:
        daemon.call("define", "/dev/stdin", stdin=small_domain(stack, None))
        daemon.call("autostart", NAME)
        daemon.stop()
        for path in (daemon.folder / "run").iterdir():  # as after a boot
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        daemon.plugin = plugin
        daemon.start()
        assert daemon.call("domstate", NAME).strip() == "running"
        assert [device.get("model") for device in memory_devices(daemon.call("dumpxml", NAME))] == [
            "spm" if plugin else "dimm"]
