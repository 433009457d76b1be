# SPDX-License-Identifier: LGPL-2.1-or-later
"""The README's three commands on a new Debian 12 and 13, what they lead to, and Debian's next update of QEMU.

The first command takes an hour, so its result was made before, and unless SPM_FULL is set, with stand-ins that have the same
names and versions: Debian's packages with the emulator and the firmware that all tests use. test_packages.py has what the
command would build."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from advice import advice, blocks
from debian_machine import Machine
from domains import FIRMWARE, fit_domain
from matrix_guest import CPU_7_2
from report import MIB
from stack import Stack
from suites import need

SUITES = ("bookworm", "trixie")
REPOSITORY = "srv/libvirt-spm"
UPDATE = "srv/update"
PACKAGES = ("libvirt-spm", "libvirt-daemon-system", "qemu-system-x86", "seabios", "ovmf")
EMULATOR = "/usr/bin/qemu-system-x86_64"
NAME = "hbm"
SPM = 16 * 64 * MIB  # a sixteenth of the example's
EMULATED = (
    ("type='kvm'", "type='qemu'"),
    ("memory='8' unit='GiB'", "memory='512' unit='MiB'"),
    (r"'GiB'>(\d+)<", lambda size: f"'MiB'>{64 * int(size[1])}<"),
    ("<vcpu>4<", "<vcpu>1<"),
    ("cpus='0-3'", "cpus='0'"),
    ("<cpu>", f"<cpu mode='custom' match='exact' check='none'>{CPU_7_2}"),
)
# A person answers apt's questions.
ANSWERS = 'APT::Get::Assume-Yes "true";\n'


class Host:
    """A new host of a suite, on which libvirtd runs once it is installed."""

    def __init__(self, suite: str):
        self.suite = suite
        self.machine = Machine(need(f"SPM_HOST_ROOT_{suite}".upper()))
        (self.machine.root / "etc/apt/apt.conf.d/answers").write_text(ANSWERS)
        shutil.copy("/etc/resolv.conf", self.machine.root / "etc/resolv.conf")

    def place(self, variable: str, target: str) -> Path:
        """Copy a folder of packages to the host."""
        return shutil.copytree(need(f"{variable}_{self.suite}".upper()), self.machine.root / target)

    def version(self, package: str) -> str:
        return self.machine.call("dpkg-query", "-W", "-f", "${Version}", package)

    def define(self, firmware: str) -> None:
        """Define the README's example so that it can be emulated, which takes minutes for all its memory, and with a
        kernel that says what memory it finds."""
        (small,) = [block for block in blocks("README.md") if block.startswith("<domain")]
        for pattern, replacement in EMULATED:
            small, count = re.subn(pattern, replacement, small)
            assert count, pattern
        stack = Stack(Path(EMULATOR), Path(), Path("/var/lib/libvirt/images"), Path("/usr/share/OVMF"), Path())
        text = fit_domain(small, stack, firmware, Path(self.machine.serial(NAME)))
        (self.machine.root / "root/domain.xml").write_text(text)
        self.machine.domain("define", "/root/domain.xml")


@pytest.fixture(scope="module", params=SUITES)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    host = Host(request.param)
    try:
        yield host
    finally:
        host.machine.close()


@pytest.fixture(scope="module")
def installed(host: Host) -> str:
    """The README's commands were run; what they printed."""
    build, *commands = advice("README.md", "scripts/build-repository")
    assert build == f"scripts/build-repository /{REPOSITORY}"
    host.place("SPM_REPOSITORY", REPOSITORY)
    assert len(commands) == 2
    return host.machine.paste(commands)


@pytest.fixture(scope="module")
def started(host: Host, installed: str) -> None:
    """libvirtd runs, as systemd would start it for the first client."""
    host.machine.configure_libvirt()
    for name in ("virtlogd", "libvirtd"):
        host.machine.start(name)
    guest = need("SPM_GUEST")
    for file in ("vmlinuz", "initrd"):
        host.machine.copy(guest / file, f"/var/lib/libvirt/images/{file}")


@pytest.fixture(scope="module")
def updated(host: Host, started: None) -> str:
    """Debian has a newer QEMU, and the host's administrator installs updates; what that printed. A domain was defined
    before."""
    host.define("seabios")
    folder = host.place("SPM_UPDATE", UPDATE)
    index = subprocess.run(["dpkg-scanpackages", "."], cwd=folder, check=True, stdout=subprocess.PIPE)
    (folder / "Packages").write_bytes(index.stdout)
    (host.machine.root / "etc/apt/sources.list.d/update.list").write_text(f"deb [trusted=yes] file:/{UPDATE} ./\n")
    return host.machine.paste(["apt-get update && apt-get upgrade"])


def test_the_commands_install_all_that_is_needed(host: Host, installed: str) -> None:
    status = {package: host.machine.run("dpkg-query", "-W", "-f", "${Status}", package).stdout for package in PACKAGES}
    assert status == dict.fromkeys(PACKAGES, "install ok installed"), installed[-2000:]


def test_emulator_and_firmware_are_ours(host: Host, installed: str) -> None:
    assert [package for package in PACKAGES[2:] if not host.version(package).endswith("+spm1")] == []
    assert '"spm-memory"' in host.machine.call(EMULATOR, "-device", "help")


def test_the_files_are_those_of_the_packages(host: Host, installed: str) -> None:
    assert host.machine.call("dpkg", "--verify", "libvirt-spm", "qemu-system-x86", "seabios", "ovmf") == ""


def test_the_doctor_has_nothing_to_say(host: Host, started: None) -> None:
    result = host.machine.run("virt-spm", "doctor")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("firmware", FIRMWARE)
def test_the_example_boots_with_spm(host: Host, firmware: str, started: None) -> None:
    host.define(firmware)
    try:
        with host.machine.boot(NAME) as guest:
            assert [memory.size for memory in guest.boot().soft_reserved] == [SPM]
        assert '"driver":"spm-memory"' in host.machine.emulator(NAME)
    finally:
        host.machine.virsh("destroy", NAME)
        host.machine.virsh("undefine", "--nvram", NAME)


def test_debians_update_takes_the_place_of_our_emulator(host: Host, updated: str) -> None:
    assert not host.version("qemu-system-x86").endswith("+spm1"), updated[-2000:]
    assert host.version("seabios").endswith("+spm1")


def test_the_doctor_says_that_the_device_is_gone(host: Host, updated: str) -> None:
    result = host.machine.run("virt-spm", "doctor")
    assert result.returncode == 3
    assert f"<emulator> '{EMULATOR}' has no device for <memory model='spm'>" in result.stderr


@pytest.mark.parametrize("command", [("start", NAME), ("define", "/root/domain.xml")], ids=lambda command: command[0])
def test_the_domain_is_refused_without_the_device(host: Host, command: tuple[str, str], updated: str) -> None:
    result = host.machine.virsh(*command)
    assert result.returncode == 1
    assert f"<emulator> '{EMULATOR}' has no device for <memory model='spm'>" in result.stderr
