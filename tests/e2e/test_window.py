# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-spm refuses the bases with which QEMU would not start, and no others."""

import subprocess
from pathlib import Path

import pytest
from daemon import Daemon
from programs import BUILD
from report import GIB, MIB
from stack import Stack

VIRT_SPM = BUILD / "src/virt-spm"
LIBVIRT = "11.3.0"
SIZE = 256 * MIB
MAX_MEMORY = 16 * GIB
SLOTS = 2
REFUSALS = ("usable range for memory devices", "address must be aligned", "backend memory size must be multiple of")

# The last cell is for the room for other memory devices, which may then lie below the SPM.
DOMAIN = """<domain type='qemu'>
  <name>window</name>
  <maxMemory slots='{slots}' unit='KiB'>{max_memory}</maxMemory>
  <memory unit='KiB'>{memory}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <cpu{cpu}
    <numa>
      <cell id='0' cpus='0' memory='{ram}' unit='KiB'/>
      <cell id='1' memory='0' unit='KiB'/>
      <cell id='2' memory='0' unit='KiB'/>
    </numa>
  </cpu>
  <devices>
    <emulator>{emulator}</emulator>
    <memory model='spm'>
      {source}
      <target>
        <size unit='KiB'>{size}</size>
        <node>1</node>
        <address base='{base:#x}'/>
      </target>
    </memory>
  </devices>
</domain>
"""


def window(machine: str, ram: int) -> tuple[int, int]:
    """Where it must be, by the machines' rules. One slot more is for the SPM."""
    split, low = (0xB0000000, 0x80000000) if machine == "q35" else (0xE0000000, 0xC0000000)
    above = 4 * GIB + (ram - low if ram >= split else 0)
    start = -(-above // GIB) * GIB
    return start, start + MAX_MEMORY - ram + (SLOTS + 1) * GIB


def call(command: str, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([VIRT_SPM, command, "--libvirt-version", LIBVIRT, "-"], input=text, capture_output=True,
                          text=True, check=False, timeout=60)


def start(daemon: Daemon, stock: str) -> str:
    """What QEMU says when it does not start; nothing when it does."""
    result = daemon.virsh("create", "--paused", "/dev/stdin", stdin=stock)
    if result.returncode == 0:
        daemon.call("destroy", "window")
        return ""
    assert any(text in result.stderr for text in REFUSALS), result.stderr
    return result.stderr


def fill(stack: Stack, base: int, machine: str = "q35", ram: int = GIB, size: int = SIZE, source: str = "",
         max_memory: int = MAX_MEMORY, cpu: str = ">") -> str:
    return DOMAIN.format(slots=SLOTS, max_memory=max_memory >> 10, memory=(ram + size) >> 10, machine=machine, cpu=cpu,
                         ram=ram >> 10, emulator=stack.emulator, size=size >> 10, source=source, base=base)


def judge(daemon: Daemon, fine: str, base: int, wanted: int) -> tuple[bool, bool]:
    """Whether virt-spm refuses a base, and whether QEMU does. What QEMU is given is a domain that is fine, with the
    base put into its stock XML."""
    refused = call("validate", fine.replace(f"{base:#x}", f"{wanted:#x}")).returncode == 1
    stock = call("translate", fine)
    assert stock.returncode == 0, stock.stderr
    assert f"base='{base:#x}'" in stock.stdout
    return refused, start(daemon, stock.stdout.replace(f"base='{base:#x}'", f"base='{wanted:#x}'")) != ""


@pytest.mark.parametrize("ram", [GIB, 0xB0000000 - MIB, 0xB0000000, 0xE0000000, 5 * GIB + MIB],
                         ids=lambda ram: f"{ram // MIB}M")
@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_bases_at_the_ends_of_the_window(machine: str, ram: int, plain_daemon: Daemon, stack: Stack) -> None:
    begin, end = window(machine, ram)
    fine = fill(stack, begin, machine, ram)
    last = (end - SIZE) // (2 * MIB) * 2 * MIB
    for base, outside in [(begin, False), (begin - 2 * MIB, True), (last, False), (last + 2 * MIB, True)]:
        assert judge(plain_daemon, fine, begin, base) == (outside, outside), hex(base)


def file_source(folder: Path, alignsize: int) -> str:
    (folder / "file").touch()
    return f"<source><path>{folder}/file</path><alignsize unit='KiB'>{alignsize >> 10}</alignsize></source>"


def test_base_is_a_multiple_of_the_files_alignment(plain_daemon: Daemon, stack: Stack, tmp_path: Path) -> None:
    fine = fill(stack, 4 * GIB, size=32 * MIB, source=file_source(tmp_path, 32 * MIB))
    assert judge(plain_daemon, fine, 4 * GIB, 4 * GIB + 32 * MIB) == (False, False)
    assert judge(plain_daemon, fine, 4 * GIB, 4 * GIB + 16 * MIB) == (True, True)


def test_size_is_a_multiple_of_the_files_alignment(plain_daemon: Daemon, stack: Stack, tmp_path: Path) -> None:
    fine = fill(stack, 4 * GIB, size=16 * MIB, source=file_source(tmp_path, 16 * MIB))
    assert "it must be a multiple of its <alignsize>" in call("validate", fine.replace(">16384<", ">32768<", 1)).stderr
    stock = call("translate", fine).stdout
    assert start(plain_daemon, stock) == ""
    assert "backend memory size must be multiple of" in start(plain_daemon, stock.replace(">16384<", ">32768<", 1))


@pytest.mark.parametrize("cpu,moved", [
    (" mode='maximum'><maxphysaddr mode='emulate' bits='48'/>", True),  # one of AMD's
    (" mode='custom' match='exact' check='none'><model fallback='forbid'>Westmere</model>"
     "<maxphysaddr mode='emulate' bits='48'/>", False),
], ids=["AMD", "Intel"])
def test_bases_where_the_window_may_be_moved(cpu: str, moved: bool, plain_daemon: Daemon, stack: Stack) -> None:
    """virt-spm does not know the CPU, and accepts both places. QEMU has it in one of them."""
    low, high = 4 * GIB, 1024 * GIB
    fine = fill(stack, low, max_memory=1000 * GIB, cpu=cpu)
    assert judge(plain_daemon, fine, low, low) == (False, moved)
    assert judge(plain_daemon, fine, low, high) == (False, not moved)
    # behind the lower place, and in the way of AMD's HyperTransport
    assert judge(plain_daemon, fine, low, 1010 * GIB) == (True, True)
