# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user's own libvirtd, in a home of its own."""

import os
import select
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from daemon import ENVIRONMENT, START_SECONDS, STOP_SECONDS, kill_emulator
from stack import Stack

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
USERS_CONF = 'security_driver = "none"\nseccomp_sandbox = 0\nstdio_handler = "file"\n'


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
    """A user's libvirtd. Another one may go on with what it left in its home."""

    def __init__(self, stack: Stack, home: Path, plugin: bool, settings: str = ""):
        self.home = home
        folders = {"HOME": home, "XDG_CONFIG_HOME": home / "config", "XDG_CACHE_HOME": home / "cache",
                   "XDG_RUNTIME_DIR": home / "runtime", "NOTIFY_SOCKET": home / "notify"}
        (home / "config/libvirt").mkdir(parents=True, exist_ok=True)
        (home / "config/libvirt/qemu.conf").write_text(USERS_CONF)
        (home / "config/libvirt/spm.conf").write_text(settings)
        (home / "runtime").mkdir(exist_ok=True)
        (home / "notify").unlink(missing_ok=True)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", home], check=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, open(home / "stderr", "wb") as stderr:
            ready.bind(str(home / "notify"))
            (home / "notify").chmod(0o777)
            self._process = subprocess.Popen(
                [*entering(stack), *AS_NOBODY, "env",
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
