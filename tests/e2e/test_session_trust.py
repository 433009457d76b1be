# SPDX-License-Identifier: LGPL-2.1-or-later
"""What test_trust.py says of libvirtd, for a user's own and for its clients."""

import ctypes
import json
import re
import shutil
import subprocess
from pathlib import Path

import doors
import libvirt
import pytest
from daemon import ENVIRONMENT
from doors import ALIAS, DEVICE, DOORS, NAME, PYTHON, Call
from lab import GIVING, assert_shown, assert_stock, small_domain, titled
from session import AS_NOBODY, Session, home
from stack import Stack
from symbols import DEVICE as DEVICE_FUNCTIONS

# What is imported for pytest to find it here.
__all__ = ["home"]

pytestmark = pytest.mark.stacks("patched", "stock")

LOSSY = "[spm]\ncontents_loss=allow\n"
CHANGING = [name for name in DOORS if name not in GIVING and DOORS[name].where == "daemon"]
OTHER = {"spm-memory": "sp-mem", "sp-mem": "spm-memory"}

# A program of the user's, which calls functions with the documents that it reads, and writes which errors it got.
CLIENT = """
import json, pathlib, sys, doors, libvirt
libvirt.registerErrorHandler(lambda *_: None, None)
how, uri = sys.argv[1:]
conn = getattr(libvirt, how)(uri)
codes = {}
for function, document in json.load(sys.stdin).items():
    try:
        doors.PYTHON[function](doors.Call(conn, document, pathlib.Path(doors.__file__).parent, uri))
        codes[function] = 0
    except libvirt.libvirtError as error:
        codes[function] = error.get_error_code()
print(json.dumps(codes))
"""


def trap(stack: Stack, home: Path) -> Path:
    """An emulator that nobody is to run."""
    path = home / "trap"
    path.write_text(f'#!/bin/sh\nmktemp {home}/sprung.XXXXXX >/dev/null\nexec {stack.emulator} "$@"\n')
    path.chmod(0o755)
    return path


def documents(stack: Stack, home: Path) -> dict[str, str]:
    """For each function that changes something: SPM, and an emulator that is a trap."""
    domain = small_domain(stack, None).replace(str(stack.emulator), str(trap(stack, home)))
    wrappers = {"snapshot": doors.SNAPSHOT, "checkpoint": doors.CHECKPOINT}
    texts = {name: wrappers.get(DOORS[name].held, "{domain}").format(domain=domain) for name in CHANGING}
    return texts | {name: ALIAS if name.endswith("Alias") else DEVICE.format(node=1, alias=ALIAS)
                    for name in DEVICE_FUNCTIONS}


def forget_that_it_reads(conn: libvirt.virConnect) -> None:
    """The client's own libvirt would refuse all, and the daemon not be asked. A struct _virConnect begins with a
    GObject and a lock; the flags follow."""
    flags = ctypes.c_uint.from_address(doors.pointer(conn).value + 24 + 40)
    assert flags.value == libvirt.VIR_CONNECT_RO
    flags.value = 0


@pytest.mark.parametrize("honest", [True, False], ids=["client", "daemon"])
def test_a_reader_gets_no_door_open(stack: Stack, home: Path, honest: bool) -> None:
    """There is one socket, and a client says itself that it only reads."""
    with Session(stack, home, plugin=True, settings=LOSSY) as session:
        session.virsh("define", "/dev/stdin", stdin=small_domain(stack, None))
        texts = documents(stack, home)
        answers = {path: path.read_bytes() for path in (home / "cache").rglob("spm/*")}
        conn = libvirt.openReadOnly(session.uri)
        if not honest:
            forget_that_it_reads(conn)
        codes = {}
        for name in CHANGING:
            with pytest.raises(libvirt.libvirtError) as refused:
                PYTHON[name](Call(conn, texts[name], home, session.uri))
            codes[name] = refused.value.get_error_code()
        conn.close()
        assert codes == dict.fromkeys(CHANGING, libvirt.VIR_ERR_OPERATION_DENIED)
        assert [*home.glob("sprung.*")] == []
        assert answers == {path: path.read_bytes() for path in (home / "cache").rglob("spm/*")} != {}


# a client of the stock stack would be this host's, and its plugin the other's
@pytest.mark.stacks("patched")
@pytest.mark.parametrize("how", ["openReadOnly", "open"])
def test_a_program_of_the_users(stack: Stack, home: Path, how: str) -> None:
    """The plugin is in the client alone. What a device is refused for does not depend on the connection there."""
    def call(how: str, texts: dict[str, str]) -> dict[str, int]:
        done = subprocess.run(
            [*AS_NOBODY, "env", f"LD_PRELOAD={home}/libvirt-spm.so", "/usr/bin/python3", "-B", "-c", CLIENT, how,
             session.uri], input=json.dumps(texts), capture_output=True, text=True, timeout=120, check=False,
            env={**ENVIRONMENT, "HOME": str(home), "XDG_CACHE_HOME": str(home / "own"), "PYTHONPATH": str(home)})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    shutil.copy(doors.__file__, home)
    with Session(stack, home, plugin=False) as session:
        texts = documents(stack, home)
        if how == "open":
            assert call(how, {"virDomainDefineXML": titled(texts["virDomainDefineXML"])}) == {"virDomainDefineXML": 0}
            stored = (home / f"config/libvirt/qemu/{NAME}.xml").read_text()
            assert_stock(stored, stack, "virDomainDefineXML")
            assert [*home.glob("sprung.*")] != []
            return
        # one that lives, for what is done to domains
        assert call("open", {"virDomainDefineXML": small_domain(stack, None)}) == {"virDomainDefineXML": 0}
        session.virsh("start", "--paused", NAME)
        session.virsh("managedsave", NAME)
        refused = call(how, texts)
        assert refused == {name: libvirt.VIR_ERR_OPERATION_UNSUPPORTED if name in DEVICE_FUNCTIONS
                           else libvirt.VIR_ERR_OPERATION_DENIED for name in CHANGING}
        assert [*home.glob("sprung.*")] == []


def test_devices_are_changed_by_definition_alone(stack: Stack, home: Path) -> None:
    with Session(stack, home, plugin=True) as session:
        session.virsh("define", "/dev/stdin", stdin=small_domain(stack, None))
        before = (home / f"config/libvirt/qemu/{NAME}.xml").read_text()
        conn = libvirt.open(session.uri)
        for name, text in documents(stack, home).items():
            if name not in DEVICE_FUNCTIONS:
                continue
            with pytest.raises(libvirt.libvirtError) as refused:
                PYTHON[name](Call(conn, text, home, ""))
            assert refused.value.get_error_code() == libvirt.VIR_ERR_OPERATION_UNSUPPORTED
        conn.close()
        assert (home / f"config/libvirt/qemu/{NAME}.xml").read_text() == before


def test_a_saved_domain_keeps_its_device(stack: Stack, home: Path) -> None:
    """What is shown of an image and written back has the device of the day it was made, not that of now."""
    with Session(stack, home, plugin=True, settings=LOSSY) as session:
        session.virsh("define", "/dev/stdin", stdin=small_domain(stack, None))
        session.virsh("start", "--paused", NAME)
        session.virsh("save", NAME, f"{home}/saved")
    with Session(stack, home, plugin=True, settings=f"{LOSSY}device={OTHER[stack.device]}\n") as session:
        shown = session.virsh("save-image-dumpxml", f"{home}/saved")
        assert_shown(shown)
        edited = shown.replace("</name>", "</name><description>d</description>", 1)
        session.virsh("save-image-define", f"{home}/saved", "/dev/stdin", stdin=edited)
    held = re.search(rb"<domain .*?</domain>", (home / "saved").read_bytes(), re.S)
    assert held and b"<description>d<" in held[0]
    assert f"value='{stack.device}'".encode() in held[0] and OTHER[stack.device].encode() not in held[0]
