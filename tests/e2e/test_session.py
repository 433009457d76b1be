# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin where there is no system daemon: in that of a user, and in a program with the hypervisor inside."""

import re
import subprocess
from pathlib import Path

import pytest
from advice import advice
from daemon import ENVIRONMENT, QEMU_CONF
from domains import memory_devices
from lab import NAME, assert_shown, small_domain
from session import Session, entering, home
from stack import Stack

# What is imported for pytest to find it here.
__all__ = ["home"]

pytestmark = pytest.mark.stacks("patched", "stock")

# A program that runs a guest without a daemon, and prints what it is shown of it, what its emulator inherited, and
# what it is told of wrong SPM.
EMBEDDED = """
import sys, threading, libvirt
libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
root = sys.argv[1]
conn = libvirt.open("qemu:///embed?root=" + root)
domain = conn.createXML(sys.stdin.read(), libvirt.VIR_DOMAIN_START_PAUSED)
try:
    print(domain.XMLDesc(), "@@")
    print(open("/proc/%s/cmdline" % open(root + "/run/qemu/small.pid").read()).read(), "@@")
    conn.defineXML(domain.XMLDesc().replace("<node>1<", "<node>9<"))
except libvirt.libvirtError as error:
    print(error.get_error_domain(), error.get_error_code(), error.get_error_message())
finally:
    domain.destroy()
"""


# a client of the stock stack would be this host's, and its plugin the other's
@pytest.mark.parametrize("place", ["daemon", pytest.param("client", marks=pytest.mark.stacks("patched"))])
def test_session(stack: Stack, home: Path, place: str) -> None:
    preload = [stack.plugin] if place == "client" else []
    with Session(stack, home, place == "daemon") as session:
        session.virsh("define", "/dev/stdin", stdin=small_domain(stack, None), preload=preload)
        stored = (home / f"config/libvirt/qemu/{NAME}.xml").read_text()
        assert stored.count(f"value='{stack.device}'") == 1 and "model='spm'" not in stored
        session.virsh("start", "--paused", NAME)
        try:
            assert_shown(session.virsh("dumpxml", NAME, preload=preload))
            pidfile, = home.rglob(f"{NAME}.pid")
            process = Path("/proc") / pidfile.read_text()
            assert f'"driver":"{stack.device}"' in (process / "cmdline").read_text()
            assert "LD_PRELOAD=" not in (process / "environ").read_text()
        finally:
            session.virsh("destroy", NAME)


@pytest.mark.stacks("patched")
def test_client_of_the_manual(stack: Stack, home: Path) -> None:
    """Its command, with this plugin and this user's socket."""
    command, = advice("docs/man/libvirt-spm.rst", "-c qemu:///session")
    (home / "guest.xml").write_text(small_domain(stack, None))
    with Session(stack, home, plugin=False) as session:
        module = re.match("LD_PRELOAD=(.*) virsh ", command)[1]
        assert Path(module).name == stack.plugin.name
        assert command.count("qemu:///session") == 1
        command = command.replace(module, str(stack.plugin)).replace("qemu:///session", f"'{session.uri}'")
        subprocess.run(["sh", "-euc", command], cwd=home, check=True, timeout=120, stdout=subprocess.DEVNULL)
        stored = (home / f"config/libvirt/qemu/{NAME}.xml").read_text()
        assert stored.count(f"value='{stack.device}'") == 1 and "model='spm'" not in stored
        assert_shown(session.virsh("dumpxml", NAME, preload=[stack.plugin]))


def test_embedded(stack: Stack, home: Path) -> None:
    (home / "etc").mkdir()
    (home / "etc/qemu.conf").write_text(QEMU_CONF)
    done = subprocess.run(
        [*entering(stack), "env", f"LD_PRELOAD={home}/libvirt-spm.so", "/usr/bin/python3", "-c", EMBEDDED, str(home)],
        input=small_domain(stack, None), capture_output=True, text=True, timeout=120, check=False,
        env={**ENVIRONMENT, "LIBVIRT_SPM_CACHE": str(home / "answers")})
    assert done.returncode == 0, done.stderr
    shown, words, refused = done.stdout.split("@@")
    assert [device.get("model") for device in memory_devices(shown)] == ["spm"]
    assert f'"driver":"{stack.device}"' in words
    assert refused.split()[:2] == ["20", "67"] and "<node>" in refused
