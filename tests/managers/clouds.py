# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts with a libvirtd each, and a cloud in which Nova manages them. inside/ has what runs in the root folder."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from daemon import Daemon
from domains import KERNEL_ARGUMENTS
from programs import BUILD
from stack import Stack, given

LOGS = BUILD / "managers-logs"
HERE = Path(__file__).parent
SECONDS = 500
EMULATOR = Path("/opt/spm/qemu")
INSIDE = Path("/opt/spm/inside")
OLD = Path("/opt/spm/nova")
OLD_VERSIONS = ("26", "31")

# The servers' disks are where all hosts have them.
SHARED = f'shared_filesystems = ["{tempfile.gettempdir()}"]\n'

Record = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a host is to have."""

    device: str = "spm-memory"
    plugin: bool = True
    profiles: str = ""
    device_size: int = 0  # MiB, of the only device of the pool "few"


class Hosts:
    """The libvirtds of a cloud."""

    def __init__(self, stack: Stack, kinds: dict[str, Kind]):
        self.stack = stack
        self.folder = Path(tempfile.mkdtemp(prefix="cloud-"))
        self.folder.chmod(0o755)
        self.daemons: dict[str, Daemon] = {}
        self.kinds = kinds
        self._exit = ExitStack()

    def __enter__(self) -> "Hosts":
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder)
            for name, kind in self.kinds.items():
                self._start(name, kind, stack)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _start(self, name: str, kind: Kind, stack: ExitStack) -> None:
        programs = EMULATOR if kind.device == "spm-memory" else None
        daemon = Daemon(replace(self.stack, device=kind.device, programs=programs), plugin=kind.plugin)
        with open(daemon.folder / "etc/qemu.conf", "a", encoding="ascii") as settings:
            settings.write(SHARED)
        if kind.device_size:
            device = daemon.folder / "device"
            device.touch()
            os.truncate(device, kind.device_size << 20)
            (daemon.folder / "etc/spm.conf").write_text(f"[pool few]\npaths={device}\n")
        profiles = daemon.folder / "etc/spm.d"
        profiles.mkdir()
        (profiles / "test.conf").write_text(kind.profiles)
        stack.enter_context(daemon)
        self.daemons[name] = daemon
        (self.folder / daemon.host).symlink_to(daemon.folder)

    def run(self, scenario: str, run: Callable[..., subprocess.CompletedProcess[str]], providers: str,
            specs: dict[str, str]) -> "Outcome":
        """Run a scenario of inside/scenarios.py, with the guide's provider.yaml and flavor."""
        folder = self.folder
        (folder / "providers").mkdir()
        (folder / "providers/provider.yaml").write_text(providers)
        shutil.copy(given("SPM_NOVA_COMMON") / "api-paste.ini", folder)
        settings = folder / "settings.json"
        settings.write_text(json.dumps({
            "hosts": {name: {"folder": str(daemon.folder), "address": daemon.host} for name, daemon in self.daemons.items()},
            "links": str(folder),
            "providers": str(folder / "providers"), "paste": str(folder / "api-paste.ini"), "records": str(folder / "records"),
            "kernel": str(self.stack.guest / "vmlinuz"), "ramdisk": str(self.stack.guest / "initrd"),
            "arguments": KERNEL_ARGUMENTS, "flavor": specs}))
        done = run("python3", "-B", "-m", "unittest", "-v", f"scenarios.{scenario}", seconds=SECONDS, PYTHONPATH=str(INSIDE),
                   SPM_CLOUD=str(settings), TMPDIR=str(folder), HOME=str(folder))
        records = folder / "records"
        LOGS.mkdir(exist_ok=True)
        (LOGS / f"nova-{scenario}.log").write_text(done.stdout + done.stderr + "\n".join(
            daemon.errors() for daemon in self.daemons.values()))
        lines = records.read_text().splitlines() if records.exists() else []
        return Outcome(done.returncode == 0, done.stdout + done.stderr, [json.loads(line) for line in lines])


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario."""

    passed: bool
    output: str
    records: list[Record]

    def record(self, action: str) -> Record:
        """What was written down after an action."""
        for record in self.records:
            if record["action"] == action:
                return record
        raise AssertionError(f"the scenario did not come to '{action}', see {LOGS}:\n{self.output[-6000:]}")


def show_parts(stack: Stack) -> Stack:
    """Show our emulator, the scenarios and older versions of Nova in the root folder."""
    for source, place in ((given("SPM_QEMU").parent.parent, EMULATOR), (HERE / "inside", INSIDE),
                          *((given(f"SPM_NOVA_{version}"), OLD / version) for version in OLD_VERSIONS)):
        target = stack.outside(place)
        if not target.is_mount():
            target.mkdir(parents=True)
            subprocess.run(["mount", "--bind", source, target], check=True)
    return stack
