# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drive the test guest over its serial line: wait for its markers, take its report, command it."""

import select
import socket
import time
from collections import deque
from pathlib import Path

from report import Report

BOOT_SECONDS = 240  # on a busy machine; an idle one takes under 10


class GuestError(Exception):
    """The guest did not do what was waited for; the text ends with its last lines."""


class Guest:
    """The far end of a serial socket. All that comes over it is also written to a log file."""

    def __init__(self, path: Path, log: Path, pidfile: Path | None = None):
        """The socket's path, and the file that libvirtd removes when it is done with a guest that has ended."""
        self._pidfile = pidfile
        self._log = log.open("a", buffering=1)
        self._recent: deque[str] = deque(maxlen=20)
        self._partial = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._log.close()

    def boot(self, seconds: float = BOOT_SECONDS) -> Report:
        """Wait until the guest obeys commands; the report it gave before that."""
        return Report(self._between("@@report", "@@ready", seconds)[:-1])

    def boot_inside(self, command: str, seconds: float) -> Report:
        """Run a shell command in the guest that boots another one on the same line. The report of that one, which obeys
        commands from now on, until leave() powers it off."""
        self._send(f"sh {command}")
        return self.boot(seconds)

    def leave(self, seconds: float) -> None:
        """Power off the guest that boot_inside() booted, and wait until the outer one obeys commands again."""
        self._send("poweroff")
        deadline = time.monotonic() + seconds
        while not (line := self._line(deadline)).startswith("@@done "):
            pass
        if line != "@@done 0":
            raise self._error("the emulator in the guest failed")

    def report(self) -> Report:
        """A new report."""
        self._send("report")
        return Report(self._between("@@report", "@@end", 30))

    def run(self, command: str, seconds: float = 30) -> str:
        """Run a shell command in the guest; what it printed. Raises if its status is not zero."""
        self._send(f"sh {command}")
        output: list[str] = []
        while not (line := self._line(time.monotonic() + seconds)).startswith("@@done "):
            output.append(line)
        if line != "@@done 0":
            raise self._error(f"'{command}' ended with status {line.split()[1]}")
        return "\n".join(output)

    def reboot(self) -> Report:
        """Reboot the guest; the report it gives when it obeys commands again."""
        self._send("reboot")
        return self.boot()

    def power_off(self) -> None:
        """Power the guest off, and wait until the line is closed and libvirtd is done with it: asked to stop just then,
        libvirt 12.8 often waits 30 seconds for a thread that has ended (measured, without the plugin)."""
        self._send("poweroff")
        deadline = time.monotonic() + 30
        try:
            while True:
                self._line(deadline)
        except EOFError:
            pass
        while self._pidfile and self._pidfile.exists():
            if time.monotonic() > deadline:
                raise GuestError("the guest is off, but libvirtd does not notice it")
            time.sleep(0.05)

    def _send(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\n")

    def _between(self, begin: str, end: str, seconds: float) -> list[str]:
        deadline = time.monotonic() + seconds
        while self._line(deadline) != begin:
            pass
        lines = []
        while (line := self._line(deadline)) != end:
            lines.append(line)
        return lines

    def _line(self, deadline: float) -> str:
        while b"\n" not in self._partial:
            ready, _, _ = select.select([self._socket], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise self._error("nothing more came over the serial line in time")
            data = self._socket.recv(65536)
            if not data:
                raise EOFError(str(self._error("the serial line was closed")))
            self._partial += data
        line, self._partial = self._partial.split(b"\n", 1)
        text = line.decode(errors="replace").rstrip("\r")
        self._recent.append(text)
        self._log.write(text + "\n")
        return text

    def _error(self, what: str) -> GuestError:
        rest = self._partial.decode(errors="replace")
        return GuestError("\n".join([what, "last lines of the guest:", *self._recent, rest]))
