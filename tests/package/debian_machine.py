# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Debian in a folder: commands in it, packages, and services started as systemd would start them."""

import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from daemon import kill_emulator
from guest import Guest
from units import Service, read_service

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
STOP_SECONDS = 60
COMMAND_SECONDS = 300

# A sandbox has no cgroups, and in a chroot libvirt cannot give QEMU a mount namespace. All else is as
# Debian has it: QEMU's user, its log through virtlogd, and so on.
QEMU_CONF = "namespaces = []\ncgroup_controllers = []\n"

VIRSH = ("virsh", "--quiet", "--connect", "qemu:///system")


class MachineError(Exception):
    """A command failed, or a service did not start or stop."""


class Machine:
    """A copy of one of scripts/build-root's folders, that goes when it is closed."""

    def __init__(self, source: Path):
        if "SPM_SANDBOX" not in os.environ:
            raise MachineError("not inside scripts/sandbox")
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.root = self.folder / "root"
        self.services: dict[str, subprocess.Popen[bytes]] = {}
        self.log = self.folder / "log"
        subprocess.run([ROOT / "scripts/mount-root", source, self.folder], check=True)
        if (self.root / "etc/libvirt").exists():
            self.configure_libvirt()

    def configure_libvirt(self) -> None:
        """Settings without which the installed libvirt could not start a guest here."""
        (self.root / "etc/libvirt/qemu.conf").write_text(QEMU_CONF)

    def close(self) -> None:
        """End all that runs, and remove the folder."""
        try:
            for name in [*self.services]:
                self.stop(name)
            for pidfile in (self.root / "run/libvirt/qemu").glob("*.pid"):
                kill_emulator(int(pidfile.read_text()))
        finally:
            subprocess.run([self.folder / "unmount"], check=True)
            shutil.rmtree(self.folder)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the root."""
        return subprocess.run(
            ["chroot", str(self.root), "env", "-i", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)

    def call(self, *command: str) -> str:
        """Run a command in the root, which must not fail; its output."""
        result = self.run(*command)
        if result.returncode:
            raise MachineError(f"{' '.join(command)}: {result.stdout}{result.stderr}\n{self.errors()}")
        return result.stdout

    def virsh(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the root's virsh, for the system's daemon."""
        return self.run(*VIRSH, *arguments)

    def domain(self, *arguments: str) -> str:
        """Run virsh, which must not fail; its output."""
        return self.call(*VIRSH, *arguments)

    def copy(self, source: Path, target: str) -> str:
        """Copy a file into the root, where everybody may read it; target, its path there."""
        place = self.root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
        place.chmod(0o644)
        return target

    def lend(self, source: Path, target: str) -> str:
        """Show a folder in the root; target, its path there."""
        place = self.root / target.lstrip("/")
        place.mkdir(parents=True)
        subprocess.run(["mount", "--bind", source, place], check=True)
        return target

    def service(self, name: str) -> Service:
        """What a service would be started with now."""
        return read_service(self.root, name)

    def start(self, name: str) -> None:
        """Start a service by its unit, and wait until it says that it is ready."""
        service = self.service(name)
        notify = self.root / f"run/{name}.notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, self.log.open("ab") as log:
            ready.bind(str(notify))
            process = subprocess.Popen(
                ["chroot", str(self.root), *service.command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**service.environment, "NOTIFY_SOCKET": f"/run/{name}.notify"})
            self.services[name] = process
            with os.fdopen(os.pidfd_open(process.pid)) as ended:
                readable, _, _ = select.select([ready, ended], [], [], START_SECONDS)
        if ready not in readable:
            raise MachineError(f"{name} did not start:\n{self.errors()}")

    def stop(self, name: str) -> None:
        """Stop a service as KillMode=process has it: what it started goes on."""
        process = self.services.pop(name)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise MachineError(f"{name} did not stop when asked to:\n{self.errors()}") from None

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def paste(self, lines: list[str]) -> str:
        """Run commands as root's shell would, and do what systemctl would make systemd do: in a chroot it ignores what
        it is told. What they print, with the errors."""
        output = ""
        for line in lines:
            result = self.run("sh", "-c", f"cd /root && {{ {line}\n}} 2>&1")
            restarted = re.match(r"systemctl restart (\w+)", line)
            if restarted:
                self.restart(restarted[1])
            output += result.stdout
        return output

    def paths(self, name: str) -> set[str]:
        """The files that a service has in its memory."""
        maps = Path(f"/proc/{self.services[name].pid}/maps").read_text()
        # The path as the root has it, or as the folder's mount has it.
        return {path.removeprefix(str(self.root)) for path in re.findall(r" (/.*)$", maps, re.MULTILINE)}

    def emulator(self, domain: str, file: str = "cmdline") -> str:
        """What /proc has of a running domain's QEMU; its words are separated by blanks."""
        pid = (self.root / f"run/libvirt/qemu/{domain}.pid").read_text().strip()
        return Path(f"/proc/{pid}/{file}").read_text().replace("\0", " ")

    def serial(self, domain: str) -> str:
        """Where a domain's serial socket is to be."""
        return f"/run/libvirt/{domain}.serial"

    def boot(self, domain: str) -> Guest:
        """Start a defined domain; its guest, from the first character it sends."""
        self.domain("start", "--paused", domain)
        guest = Guest(self.root / self.serial(domain).lstrip("/"), self.folder / f"{domain}.serial")
        self.domain("resume", domain)
        return guest

    def errors(self) -> str:
        """The end of what the services and QEMU had to say."""
        logs = [self.log, *(self.root / "var/log/libvirt/qemu").glob("*.log")]
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs if log.exists())
