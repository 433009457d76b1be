# SPDX-License-Identifier: LGPL-2.1-or-later
"""What virt-spm says that libvirt emits is what a real libvirt emits, for every good document."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from daemon import Daemon
from documents import ARGV, GOOD_OLD, document
from lxml import etree
from stack import Stack

# Not to be asked of a real libvirt here. It looks up in the emulator what need not be there: libpmem, SGX,
# another distribution's machines. And it cannot take an ampersand in the name of a namespace, though XML can.
UNASKED = re.compile(r"<pmem/>|model='sgx-epc'|machine='ubuntu|xmlns:\w+='[^']*&")


def objects_and_devices(words: list[str]) -> list[tuple[str, str]]:
    return [(option, value) for option, value in zip(words, words[1:]) if option in ("-object", "-device")]


def identifier(value: str) -> str:
    return json.loads(value)["id"] if value.startswith("{") else ""


@pytest.mark.parametrize(
    "name", [name for name in GOOD_OLD if not UNASKED.search(document(name).read_text())])
def test_argv_is_libvirts(name: str, daemon: Daemon, stack: Stack, tmp_path: Path) -> None:
    domain = etree.fromstring(document(name).read_text())
    domain.set("type", "qemu")
    devices = domain.find("devices")
    emulator = devices.find("emulator")
    if emulator is None:
        emulator = etree.SubElement(devices, "emulator")
    emulator.text = os.fspath(stack.emulator)
    fitted = tmp_path / f"{name}.xml"
    fitted.write_bytes(etree.tostring(domain))

    native = daemon.call("domxml-to-native", "qemu-argv", os.fspath(fitted))
    expected = objects_and_devices(shlex.split((ARGV / f"{name}.old.args").read_text().replace("\\\n", "")))
    ours = {identifier(value) for _, value in expected}
    assert [(option, value) for option, value in objects_and_devices(shlex.split(native))
            if identifier(value) in ours] == expected
