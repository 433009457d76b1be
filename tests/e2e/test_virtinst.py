# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-install and virt-xml write spm devices into domains: the recipes of docs/formatdomain-spm.rst."""

import subprocess

from daemon import Daemon
from domains import memory_devices
from stack import Stack

# virtinst counts in MiB.
MEMDEV = "model=spm,target.size=256,target.node=1"


def virtinst(daemon: Daemon, program: str, *arguments: str) -> str:
    done = subprocess.run([program, "--connect", daemon.uri, *arguments], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def spm_of(daemon: Daemon, name: str) -> list[tuple[str | None, str | None]]:
    return [(device.findtext("target/size"), device.findtext("target/node"))
            for device in memory_devices(daemon.call("dumpxml", name)) if device.get("model") == "spm"]


def install(daemon: Daemon, stack: Stack, name: str, *arguments: str) -> None:
    """Define a domain as virt-install would make it."""
    xml = virtinst(
        daemon, "virt-install", "--print-xml", "--name", name, "--virt-type", "qemu", "--arch", "x86_64",
        "--machine", "q35", "--boot", f"emulator={stack.emulator}", "--osinfo", "generic", "--import",
        "--disk", "none", "--network", "none", "--graphics", "none", "--vcpus", "1",
        "--memory", "512,maxMemory=4194304,maxMemory.slots=4",
        "--cpu", "numa.cell0.id=0,numa.cell0.cpus=0,numa.cell0.memory=524288,numa.cell1.id=1,numa.cell1.memory=0",
        *arguments)
    daemon.call("define", "/dev/stdin", stdin=xml)


def test_virt_install(daemon: Daemon, stack: Stack) -> None:
    install(daemon, stack, "installed", "--memdev", MEMDEV)
    assert spm_of(daemon, "installed") == [("262144", "1")]
    daemon.call("undefine", "installed")


def test_virt_xml(daemon: Daemon, stack: Stack) -> None:
    install(daemon, stack, "edited")
    virtinst(daemon, "virt-xml", "edited", "--add-device", "--memdev", MEMDEV)
    assert spm_of(daemon, "edited") == [("262144", "1")]
    virtinst(daemon, "virt-xml", "edited", "--edit", "--memdev", "target.size=512")
    assert spm_of(daemon, "edited") == [("524288", "1")]
    virtinst(daemon, "virt-xml", "edited", "--remove-device", "--memdev", "1")
    assert spm_of(daemon, "edited") == []
    daemon.call("undefine", "edited")
