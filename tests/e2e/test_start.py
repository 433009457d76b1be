# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain outlives its emulator: it is started with the device that the emulator has by then."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import libvirt
import pytest
from daemon import Daemon
from domains import memory_devices
from doors import NAME
from lab import small_domain
from stack import Stack, given

LOSSY = "[spm]\ncontents_loss=allow\n"
OTHER = {"spm-memory": "sp-mem", "sp-mem": "spm-memory"}
STARTS = {
    "virDomainCreate": lambda domain: domain.create(),
    "virDomainCreateWithFlags": lambda domain: domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED),
}


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Domain:
    """The small domain with an emulator that is replaced."""

    def __init__(self, daemon: Daemon):
        self.daemon, self.stack = daemon, daemon.stack
        self.path = daemon.folder / "emulator"

    def replace(self, emulator: Path) -> None:
        """The emulator's path leads to another program."""
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(emulator)

    def pretend(self, device: str) -> None:
        """The emulator has this device, by all that can be seen of it."""
        self.stack.pretend(self.path, device)

    def define(self) -> None:
        text = small_domain(self.stack, None).replace(str(self.stack.emulator), str(self.path))
        self.daemon.call("define", "/dev/stdin", stdin=text)

    @property
    def stored(self) -> list[str]:
        """The devices that libvirt has stored."""
        return re.findall("name='driver' type='string' value='([^']*)'", self.daemon.stored_xml(NAME))

    def shown(self) -> list[str | None]:
        return [device.get("model") for options in ([], ["--inactive"])
                for device in memory_devices(self.daemon.call("dumpxml", NAME, *options))]

    def arguments(self) -> str:
        return Path(f"/proc/{self.daemon.emulator_pid(NAME)}/cmdline").read_text()

    def program(self) -> str:
        return os.readlink(f"/proc/{self.daemon.emulator_pid(NAME)}/exe")


@contextmanager
def domain_on(daemon: Daemon) -> Iterator[Domain]:
    try:
        yield Domain(daemon)
    finally:
        daemon.virsh("destroy", NAME)
        daemon.virsh("undefine", NAME, "--managed-save")


@pytest.fixture(scope="module")
def lossy(stack: Stack) -> Iterator[Daemon]:
    with Daemon(stack, settings=LOSSY) as daemon:
        yield daemon


@pytest.fixture
def domain(lossy: Daemon) -> Iterator[Domain]:
    with domain_on(lossy) as domain:
        yield domain


def test_defined_on_ours_started_on_11_1_and_back(new_daemon: Daemon, both_emulators: dict[str, Path]) -> None:
    """By one path in turn, on a new distribution's libvirt."""
    with domain_on(new_daemon) as domain:
        domain.replace(both_emulators["spm-memory"])
        domain.define()
        assert domain.stored == ["spm-memory"]
        for device in "spm-memory", "sp-mem", "spm-memory":
            domain.replace(both_emulators[device])
            assert domain.shown() == ["spm", "spm"]
            new_daemon.call("start", NAME)
            assert domain.stored == [device] and domain.shown() == ["spm", "spm"]
            assert domain.program().endswith(str(both_emulators[device]))
            assert f"ua-spm0 (child<{device}>)" in new_daemon.call(
                "qemu-monitor-command", NAME, "--hmp", "qom-list /machine/peripheral")
            new_daemon.call("destroy", NAME)
            assert domain.shown() == ["spm", "spm"]


@pytest.mark.stacks("patched", "stock")
@pytest.mark.parametrize("function", STARTS)
def test_every_start_looks(function: str, domain: Domain, stack: Stack) -> None:
    domain.pretend(OTHER[stack.device])
    domain.define()
    assert domain.stored == [OTHER[stack.device]]
    before = domain.daemon.stored_xml(NAME)
    domain.replace(stack.emulator)
    conn = libvirt.open(domain.daemon.uri)
    try:
        STARTS[function](conn.lookupByName(NAME))
    finally:
        conn.close()
    assert domain.stored == [stack.device] and f'"driver":"{stack.device}"' in domain.arguments()
    assert domain.daemon.stored_xml(NAME) == before.replace(f"'{OTHER[stack.device]}'", f"'{stack.device}'")


@pytest.mark.stacks("patched", "stock")
def test_autostart_stays(domain: Domain, stack: Stack) -> None:
    domain.pretend(OTHER[stack.device])
    domain.define()
    domain.daemon.call("autostart", NAME)
    domain.replace(stack.emulator)
    domain.daemon.call("start", "--paused", NAME)
    assert domain.stored == [stack.device]
    assert (domain.daemon.folder / f"etc/qemu/autostart/{NAME}.xml").is_symlink()


@pytest.mark.stacks("stock")
def test_passwords_stay(domain: Domain, stack: Stack) -> None:
    """Our emulator is built without VNC."""
    domain.pretend(OTHER[stack.device])
    domain.define()
    text = domain.daemon.call("dumpxml", NAME).replace(
        "<devices>", "<devices><graphics type='vnc' port='-1' autoport='yes' passwd='secret'/>")
    domain.daemon.call("define", "/dev/stdin", stdin=text)
    domain.replace(stack.emulator)
    domain.daemon.call("start", "--paused", NAME)
    assert "passwd='secret'" in domain.daemon.stored_xml(NAME) and domain.stored == [stack.device]
    assert "passwd" not in domain.daemon.call("dumpxml", NAME)


@pytest.mark.stacks("patched", "stock")
def test_an_emulator_without_any_device(domain: Domain, stack: Stack) -> None:
    domain.replace(stack.emulator)
    domain.define()
    domain.pretend("pc-dimm")
    done = domain.daemon.virsh("start", NAME)
    assert done.returncode == 1 and f"<emulator> '{domain.path}' has no device for <memory model='spm'>" in done.stderr
    assert domain.stored == [stack.device]


@pytest.mark.stacks("patched", "stock")
def test_a_saved_state_keeps_its_emulator(domain: Domain, stack: Stack) -> None:
    domain.replace(stack.emulator)
    domain.define()
    domain.daemon.call("start", NAME)
    domain.daemon.call("managedsave", NAME)
    domain.pretend(OTHER[stack.device])
    done = domain.daemon.virsh("start", NAME)
    assert done.returncode == 1 and domain.stored == [stack.device]
    assert (f"the saved state of this domain has QEMU's device '{stack.device}' for <memory model='spm'>, which its emulator "
            f"lacks (it has '{OTHER[stack.device]}')") in done.stderr
    # Both ways that the message names.
    domain.replace(stack.emulator)
    domain.daemon.call("start", NAME)
    domain.daemon.call("managedsave", NAME)
    domain.pretend(OTHER[stack.device])
    command = re.search(r"\(virsh ([^)]*)\)", done.stderr)
    assert command
    domain.daemon.call(command[1], NAME)
    domain.daemon.virsh("start", NAME)
    assert domain.stored == [OTHER[stack.device]]


def test_libvirtd_itself_starts_what_is_stored(domain: Domain, stack: Stack) -> None:
    """At boot, of which a file of its own tells libvirtd; a start by a client mends it."""
    domain.pretend(OTHER[stack.device])
    domain.define()
    domain.daemon.call("autostart", NAME)
    domain.replace(stack.emulator)
    domain.daemon.stop()
    (domain.daemon.folder / "run/qemu/autostarted").unlink(missing_ok=True)
    domain.daemon.start()
    log = domain.daemon.folder / "log/libvirtd.log"
    wait_for(lambda: f"Failed to autostart VM '{NAME}'" in log.read_text())
    assert domain.stored == [OTHER[stack.device]]
    domain.daemon.call("start", "--paused", NAME)
    assert domain.stored == [stack.device]


def test_the_doctor_mends_domains(domain: Domain, stack: Stack, tmp_path: Path) -> None:
    """Its commands, in a shell."""
    domain.pretend(OTHER[stack.device])
    domain.define()
    domain.replace(stack.emulator)
    root = tmp_path / "root"
    for place, target in (("/etc/libvirt/qemu", domain.daemon.folder / "etc/qemu"), (str(domain.path), stack.emulator)):
        (root / place[1:]).parent.mkdir(parents=True)
        (root / place[1:]).symlink_to(target)
    program = given("SPM_BUILD") / "src/virt-spm"

    def examine() -> str:
        done = subprocess.run([program, "doctor", "--root", root, "--emulator", stack.emulator], capture_output=True,
                              text=True, timeout=60, check=False, env={**os.environ, "LIBVIRT_SPM_CONF": "/none"})
        return done.stdout + done.stderr

    report = examine()
    assert f"the domain '{NAME}' has the device {OTHER[stack.device]}, but its emulator has {stack.device}" in report
    commands = re.findall(r"^ {16}(virsh .*)$", report, re.M)
    assert len(commands) == 1 and shutil.which("virsh")
    subprocess.run(["sh", "-ec", "\n".join(commands)], check=True, timeout=60,
                   env={**os.environ, "LIBVIRT_DEFAULT_URI": domain.daemon.uri})
    assert domain.stored == [stack.device] and domain.shown() == ["spm", "spm"]
    assert f"the domain '{NAME}'" not in examine()
