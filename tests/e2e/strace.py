# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a libvirtd does with files and processes, as strace sees it."""

import itertools
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon import Daemon

CALL = re.compile(r"^(\d+) +(\w+)\((.*)")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)")


@contextmanager
def traced(daemon: Daemon, log: Path) -> Iterator[None]:
    """Write down what the daemon does with files and processes. What it loads when it starts is over by then."""
    tracer = subprocess.Popen(["strace", "-f", "-b", "execve", "-s", "4096", "-e", "trace=%file,%process",
                               "-o", str(log), "-p", str(daemon.pid)], stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None and "attached" in tracer.stderr.readline()
        # The threads are taken one by one, and each is known to be seen when it has opened this.
        deadline = time.monotonic() + 30
        for number in itertools.count():
            mark(daemon, f"begin{number}")
            if number and f"/mark-begin{number}" in log.read_text():
                break
            assert time.monotonic() < deadline, "strace does not see what libvirtd does"
        yield
        mark(daemon, "end")
    finally:
        tracer.terminate()
        tracer.communicate(timeout=60)


def mark(daemon: Daemon, name: str) -> None:
    """Let the daemon look for a file that is not there."""
    assert daemon.virsh("save-image-dumpxml", f"/mark-{name}").returncode != 0


def calls(log: Path) -> Iterator[tuple[str, str, str]]:
    """Thread, system call and its text, of which strace writes two parts when others come between."""
    begun: dict[tuple[str, str], str] = {}
    for line in log.read_text(errors="replace").splitlines():
        if match := RESUMED.match(line):
            if first := begun.pop((match[1], match[2]), ""):
                yield match[1], match[2], first + match[3]
        elif match := CALL.match(line):
            # a program that is started is let go of, so that there is no second part
            if line.endswith("<unfinished ...>") and match[2] != "execve":
                begun[match[1], match[2]] = match[3].removesuffix("<unfinished ...>")
            else:
                yield match[1], match[2], match[3]


def general(path: str, daemon: Daemon) -> str:
    """The path without what differs from daemon to daemon and from time to time."""
    return re.sub(r"\d+", "N", path.replace(str(daemon.folder), "@"))


def done_by(daemon: Daemon, log: Path) -> set[tuple[str, str]]:
    """The files that the daemon's own threads opened, and the programs that were started. Not how often: libvirtd
    looks again and again for what it waits for."""
    others: set[str] = set()
    done: set[tuple[str, str]] = set()
    for thread, call, text in calls(log):
        path = re.search(r'"([^"]*)"', text)
        if path and path[1].startswith("/mark-begin"):
            done.clear()
        if path and path[1] == "/mark-end":
            break
        if call in ("clone", "clone3", "fork", "vfork") and "CLONE_THREAD" not in text:
            others.update(re.findall(r"= (\d+)$", text))
        elif path and call == "execve":
            done.add(("program", general(path[1], daemon)))
        elif path and call in ("open", "openat", "openat2", "creat") and thread not in others:
            done.add(("file", general(path[1], daemon)))
    return done
