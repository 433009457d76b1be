# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stock libvirtd of our own, with or without the plugin, in directories of its own."""

import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from guest import Guest
from mounts import with_own_mounts
from stack import Stack, given

START_SECONDS = 60
STOP_SECONDS = 30

# Where libvirtd keeps things, and the part of our folder that it finds there.
DIRECTORIES = {
    "/etc/libvirt": "etc",
    "/var/lib/libvirt": "lib",
    "/var/cache/libvirt": "cache",
    "/var/log/libvirt": "log",
    "/run/libvirt": "run",
    "/dev/libvirt-spm": "pools",
}

LIBVIRTD_CONF = """\
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""

# No cgroups, security driver or namespaces: a sandbox has none of them. QEMU writes its log
# itself, so that no virtlogd is needed.
QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
seccomp_sandbox = 0
stdio_handler = "file"
"""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

# Runs as sh -c SCRIPT sh FOLDER HOST PRELOAD ROOT. libvirtd migrates to no other that has its own host's name, and to
# one whose name leads to it, as an address does. ROOT is empty, or a folder that becomes libvirtd's "/", in which
# FOLDER has the same name.
START_SCRIPT = "set -e\n" + "".join(
    f'mkdir -p "$4{place}"\nmount --bind "$1/{part}" "$4{place}"\n' for place, part in DIRECTORIES.items()
) + """echo "$2" >/proc/sys/kernel/hostname
if [ -n "$4" ]; then
    exec chroot "$4" env ${3:+LD_PRELOAD="$3"} libvirtd --pid-file /run/libvirt/libvirtd.pid
fi
exec env ${3:+LD_PRELOAD="$3"} libvirtd --pid-file /run/libvirt/libvirtd.pid
"""


class DaemonError(Exception):
    """libvirtd did not start or stop."""


class Daemon:
    """One libvirtd. It may be stopped and started again, with other settings, on the same state."""

    alive: ClassVar[list["Daemon"]] = []
    hosts: ClassVar[Iterator[str]] = (f"127.0.1.{number}" for number in range(1, 255))

    def __init__(self, stack: Stack, plugin: bool = True, traced: bool = False, settings: str = "",
                 before: Sequence[Path] = (), environment: Mapping[str, str] = MappingProxyType({})):
        """With the plugin and its settings, and before it what writes down which functions of the table are called, or
        other libraries."""
        if "SPM_SANDBOX" not in os.environ:
            raise DaemonError("not inside scripts/sandbox")
        self.stack, self.plugin, self.traced = stack, plugin, traced
        self._before, self._environment = before, environment
        self.host = next(Daemon.hosts)
        # A short path: a unix socket's may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="libvirt-"))
        self.folder.chmod(0o755)
        for part in DIRECTORIES.values():
            (self.folder / part).mkdir()
        (self.folder / "etc/libvirtd.conf").write_text(LIBVIRTD_CONF.format(uuid=uuid.uuid4()))
        (self.folder / "etc/qemu.conf").write_text(QEMU_CONF)
        (self.folder / "etc/spm.conf").write_text(settings)
        self._process: subprocess.Popen[bytes] | None = None
        Daemon.alive.append(self)

    def __enter__(self) -> "Daemon":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def uri(self) -> str:
        return f"qemu:///system?socket={self.folder}/run/libvirt-sock"

    @property
    def ro_uri(self) -> str:
        """For read-only connections, which libvirtd takes on a socket of their own."""
        return f"qemu:///system?socket={self.folder}/run/libvirt-sock-ro"

    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    @property
    def client_trace(self) -> Path:
        return self.folder / "client-trace"

    def called(self) -> list[str]:
        """The functions of the table that were called since the last time, where there is a tracer."""
        names = self.trace.read_text().split() if self.trace.exists() else []
        self.trace.unlink(missing_ok=True)
        return names

    @property
    def pid(self) -> int:
        assert self._process is not None, "libvirtd does not run"
        return self._process.pid

    def start(self) -> None:
        """Start libvirtd and wait until it says that it is ready."""
        notify = self.folder / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            with open(self.folder / "log/stderr", "ab") as stderr:
                self._process = subprocess.Popen(
                    with_own_mounts("sh", "-c", START_SCRIPT, "sh", self.folder, self.host, self._preload(),
                                    self.stack.root or "", own_host=True),
                    stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                    env={**ENVIRONMENT, "PATH": self._path(), **self._environment, "NOTIFY_SOCKET": str(notify), "SPM_TRACE": str(self.trace),
                         "LIBVIRT_SPM_CONF": str(self.folder / "etc/spm.conf"),
                         "LIBVIRT_SPM_PROFILES": str(self.folder / "etc/spm.d"),
                         "LIBVIRT_SPM_CACHE": str(self.folder / "cache/spm")})
            self._wait_ready(ready)

    def _path(self) -> str:
        """Where libvirtd and what it runs are looked for."""
        programs = self.stack.programs
        return f"{programs}/sbin:{programs}/bin:{ENVIRONMENT['PATH']}" if programs else ENVIRONMENT["PATH"]

    def _preload(self) -> str:
        parts = [*self._before, *[self.stack.tracer] * self.traced, *[self.stack.plugin] * self.plugin]
        return ":".join(map(str, parts))

    def _wait_ready(self, ready: socket.socket) -> None:
        with os.fdopen(os.pidfd_open(self.pid)) as process:
            readable, _, _ = select.select([ready, process], [], [], START_SECONDS)
        if ready not in readable:
            raise DaemonError(f"libvirtd did not start:\n{self.errors()}")

    def stop(self) -> None:
        """Stop libvirtd; its guests go on."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise DaemonError("libvirtd did not stop when asked to") from None
        finally:
            self._process = None

    def kill(self) -> None:
        """End libvirtd as if it had crashed; its guests go on."""
        assert self._process is not None, "libvirtd does not run"
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stop libvirtd and its guests, and remove its folder."""
        try:
            self.stop()
        finally:
            for pidfile in (self.folder / "run/qemu").glob("*.pid"):
                kill_emulator(int(pidfile.read_text()))
            shutil.rmtree(self.folder)
            Daemon.alive.remove(self)

    def virsh(self, *arguments: str, stdin: str | None = None,
              preload: Sequence[Path] = ()) -> subprocess.CompletedProcess[str]:
        """Run virsh here, in the C locale, with libraries of our own before libvirt."""
        mend = given("SPM_BUILD") / "tests/virsh-quit.so"
        return subprocess.run(
            ["virsh", "--quiet", "--connect", self.uri, *arguments], env=self.client_environment([mend, *preload]),
            input=stdin, capture_output=True, text=True, timeout=120, check=False)

    def client_environment(self, preload: Sequence[Path]) -> dict[str, str]:
        """For a client of this daemon, whose tracer, if it has one, does not write where the daemon's does."""
        return {**os.environ, "LD_PRELOAD": ":".join(map(str, preload)), "SPM_TRACE": str(self.client_trace)}

    def call(self, *arguments: str, stdin: str | None = None, preload: Sequence[Path] = ()) -> str:
        """Run virsh, which must not fail; its output."""
        result = self.virsh(*arguments, stdin=stdin, preload=preload)
        if result.returncode != 0:
            raise DaemonError(f"virsh {' '.join(arguments)}: {result.stderr}\n{self.errors()}")
        return result.stdout

    def boot(self, name: str) -> Guest:
        """Start a defined domain; its guest, from the first character it sends."""
        self.call("start", "--paused", name)
        guest = Guest(self.serial_path(name), self.folder / f"log/{name}.serial", self._pidfile(name))
        self.call("resume", name)
        return guest

    def emulator_pid(self, name: str) -> int:
        return int(self._pidfile(name).read_text())

    def _pidfile(self, name: str) -> Path:
        """Where libvirtd keeps the emulator's process id until it is done with the guest."""
        return self.folder / f"run/qemu/{name}.pid"

    def stored_xml(self, name: str) -> str:
        """The domain as libvirtd keeps it on disk."""
        return (self.folder / f"etc/qemu/{name}.xml").read_text()

    def serial_path(self, name: str) -> Path:
        """Where the domain's serial socket is to be."""
        return self.folder / f"{name}.serial"

    def errors(self) -> str:
        """The end of what libvirtd and its QEMUs had to say."""
        logs = [self.folder / "log/stderr", self.folder / "log/libvirtd.log",
                *(self.folder / "log/qemu").glob("*.log")]
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-2000:]}"
                         for log in logs if log.exists())

    def keep_logs(self, folder: Path) -> None:
        """Copy all logs, where QEMU's hold its command lines, to a folder that stays."""
        shutil.copytree(self.folder / "log", folder, dirs_exist_ok=True)


def kill_emulator(pid: int) -> None:
    """End a QEMU that outlived its libvirtd, and wait until it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        # A pidfd becomes readable when its process has ended.
        select.select([descriptor], [], [], STOP_SECONDS)
