# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin where there is no system daemon: in that of a user, and in a program with the hypervisor inside."""

import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from advice import advice
from daemon import ENVIRONMENT, QEMU_CONF, START_SECONDS, STOP_SECONDS, kill_emulator
from domains import memory_devices
from lab import NAME, assert_shown, small_domain
from stack import Stack

pytestmark = pytest.mark.stacks("patched", "stock")

NOBODY = 65534
USERS_CONF = 'security_driver = "none"\nseccomp_sandbox = 0\nstdio_handler = "file"\n'

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


def entering(stack: Stack) -> list[str]:
    """What goes before a command that is to run where libvirtd does."""
    return ["chroot", str(stack.root)] if stack.root else []


@pytest.fixture
def home(stack: Stack) -> Iterator[Path]:
    """A folder of nobody's, with a copy of the plugin that he may read, and a short path for sockets."""
    home = Path(tempfile.mkdtemp(prefix="user-"))
    shutil.copy(stack.outside(stack.plugin), home / "libvirt-spm.so")
    home.chmod(0o755)
    yield home
    for pidfile in home.rglob("run/*.pid"):
        kill_emulator(int(pidfile.read_text()))
    shutil.rmtree(home)


class Session:
    """A user's libvirtd."""

    def __init__(self, stack: Stack, home: Path, plugin: bool):
        self.home = home
        folders = {"HOME": home, "XDG_CONFIG_HOME": home / "config", "XDG_CACHE_HOME": home / "cache",
                   "XDG_RUNTIME_DIR": home / "runtime", "NOTIFY_SOCKET": home / "notify"}
        (home / "config/libvirt").mkdir(parents=True)
        (home / "config/libvirt/qemu.conf").write_text(USERS_CONF)
        (home / "runtime").mkdir()
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", home], check=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(home / "stderr", "wb") as stderr:
            ready.bind(str(home / "notify"))
            (home / "notify").chmod(0o777)
            self._process = subprocess.Popen(
                [*entering(stack), "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env",
                 *([f"LD_PRELOAD={home}/libvirt-spm.so"] if plugin else []), "libvirtd"],
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                env={**ENVIRONMENT, **{name: str(path) for name, path in folders.items()}})
            with os.fdopen(os.pidfd_open(self._process.pid)) as process:
                readable, _, _ = select.select([ready, process], [], [], START_SECONDS)
            assert ready in readable, (home / "stderr").read_text()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    @property
    def uri(self) -> str:
        return f"qemu:///session?socket={self.home}/runtime/libvirt/libvirt-sock"

    def virsh(self, *arguments: str, stdin: str | None = None, preload: Sequence[Path] = ()) -> str:
        done = subprocess.run(["virsh", "--quiet", "--connect", self.uri, *arguments], input=stdin, capture_output=True,
                              text=True, timeout=120, check=False,
                              env={**os.environ, "LD_PRELOAD": ":".join(map(str, preload))})
        assert done.returncode == 0, done.stderr
        return done.stdout


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
        command = command.replace(module, str(stack.plugin)).replace("qemu:///session", f"'{session.uri}'")
        subprocess.run(["sh", "-euc", command], cwd=home, check=True, timeout=120, stdout=subprocess.DEVNULL)
        assert f"value='{stack.device}'" in (home / f"config/libvirt/qemu/{NAME}.xml").read_text()


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
