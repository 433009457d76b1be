# SPDX-License-Identifier: LGPL-2.1-or-later
"""What virt-spm says that libvirt emits is what a real libvirt emits, for every good document.

What libvirt emits depends on what it knows of the emulator, and the one at hand has no SGX, perhaps no libpmem, and
none of Ubuntu's machines. What libvirt knows is in its cache of capabilities, where it is once an emulator was probed.
There it is told of the rest, before it is asked for the command line of domains that nobody starts. The code of
libvirt's that makes these command lines is the same, and it is that which is compared."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from daemon import Daemon
from documents import ARGV, GOOD, GOOD_OLD, document
from stack import Stack

SGX = """<sgx supported='yes'><flc>yes</flc><sgx1>yes</sgx1><sgx2>no</sgx2><section_size unit='KiB'>262144</section_size>
<sections><section node='0' size='262144' unit='KiB'/></sections></sgx>"""
FLAGS = ("sgx-epc", "memory-backend-file.pmem")


def tell_more(capabilities: str) -> str:
    """Capabilities of an emulator with SGX, with libpmem, and with one of Ubuntu's machines, which is like q35."""
    flags = "".join(f"<flag name='{flag}'/>" for flag in FLAGS if f"<flag name='{flag}'/>" not in capabilities)
    q35 = re.search(r"<machine [^>]* alias='q35'[^>]*/>", capabilities)
    assert q35, capabilities
    ubuntu = re.sub(r"name='[^']*' alias='q35'", "name='pc-q35-noble' alias='ubuntu-q35'", q35[0])
    sgx = "" if "<sgx " in capabilities else SGX
    return capabilities.replace(q35[0], f"{flags}{q35[0]}{ubuntu}{sgx}")


@contextmanager
def informed_daemon(stack: Stack, plugin: bool = True) -> Iterator[Daemon]:
    """A libvirtd that knows of all that the documents have."""
    with Daemon(stack, plugin=plugin) as daemon:
        daemon.call("domcapabilities", "--emulatorbin", os.fspath(stack.emulator))
        daemon.stop()
        (cache,) = (daemon.folder / "cache/qemu/capabilities").glob("*.xml")
        told = tell_more(cache.read_text())
        cache.write_text(told)
        daemon.start()
        yield daemon
        assert cache.read_text() == told, "libvirtd did not take what it was told, and asked the emulator again"


@pytest.fixture(scope="module")
def informed(stack: Stack) -> Iterator[Daemon]:
    """One with the plugin."""
    with informed_daemon(stack) as daemon:
        yield daemon


def fitted(name: str, stack: Stack) -> str:
    """The document for the emulator that is there, which runs without KVM. It stays as it is otherwise."""
    text = re.sub(r"<emulator>.*?</emulator>", "", document(name).read_text())
    text = text.replace("<devices>", f"<devices><emulator>{stack.emulator}</emulator>")
    return re.sub(r"(<domain\s[^>]*type=['\"])kvm", r"\1qemu", text)


def objects_and_devices(words: list[str]) -> list[tuple[str, str]]:
    return [(option, value) for option, value in zip(words, words[1:]) if option in ("-object", "-device")]


def identifier(value: str) -> str:
    return json.loads(value)["id"] if value.startswith("{") else ""


@pytest.mark.parametrize("name", GOOD_OLD)
def test_argv_is_libvirts(name: str, informed: Daemon, stack: Stack) -> None:
    native = informed.call("domxml-to-native", "qemu-argv", "/dev/stdin", stdin=fitted(name, stack))
    expected = objects_and_devices(shlex.split((ARGV / f"{name}.old.args").read_text().replace("\\\n", "")))
    ours = {identifier(value) for _, value in expected}
    assert [(option, value) for option, value in objects_and_devices(shlex.split(native))
            if identifier(value) in ours] == expected


@pytest.mark.parametrize("name", sorted(set(GOOD) - set(GOOD_OLD)))
def test_what_libvirt_cannot_carry_is_refused(name: str, informed: Daemon, stack: Stack) -> None:
    """These need a newer libvirt than the one at hand, which is not given them."""
    result = informed.virsh("domxml-to-native", "qemu-argv", "/dev/stdin", stdin=fitted(name, stack))
    first, *_ = (ARGV / f"{name}.old.err").read_text().splitlines()
    assert result.returncode != 0
    assert re.sub(r"^[^:]*:(\d+)", r"line \1", first) in result.stderr
