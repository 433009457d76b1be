# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package's life on a machine. Each step of it is a fixture that needs the step before, so that a test can run
alone; a machine does not go back to an earlier step."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from advice import advice
from debian_machine import ROOT, Machine
from domains import FIRMWARE, fit_domain, memory_devices, read_domain
from guest import Guest
from report import MIB, Report
from stack import Stack
from suites import Suite, need

DOMAIN = "single"
MODULE = "/usr/lib/x86_64-linux-gnu/libvirt-spm/libvirt-spm.so"
SIZE = 256 * MIB
# Of each suite: the emulator, that of Debian or ours, which no package has; firmware that passes SPM on; the device.
STACKS = {
    "bookworm": ("/opt/spm/bin/qemu-system-x86_64", FIRMWARE[0], "spm-memory"),
    "forky": ("/usr/bin/qemu-system-x86_64", FIRMWARE[1], "sp-mem"),
}


@pytest.fixture(scope="module")
def domain(suite: Suite, machine: Machine) -> str:
    """The file of a domain with SPM, on the machine."""
    emulator, firmware, device = STACKS[suite.name]
    if suite.name == "bookworm":
        machine.lend(need("SPM_QEMU").parents[1], "/opt/spm")
    guest = need("SPM_GUEST")
    for file in ("vmlinuz", "initrd"):
        machine.copy(guest / file, f"/var/lib/libvirt/images/{file}")
    stack = Stack(Path(emulator), Path(MODULE), Path("/var/lib/libvirt/images"), Path("/usr/share/OVMF"), device)
    text = fit_domain(read_domain(DOMAIN), stack, firmware, Path(machine.serial(DOMAIN)))
    (machine.root / "root/domain.xml").write_text(text)
    return "/root/domain.xml"


@pytest.fixture(scope="module")
def installed(suite: Suite, machine: Machine) -> None:
    """The package is installed as the README has it, in the folder below that of the package."""
    machine.copy(suite.deb, "/root/libvirt-spm.deb")
    build, install, _ = advice("README.md", "dpkg-buildpackage")
    assert build.endswith("&& dpkg-buildpackage -us -uc -b")  # scripts/build-deb ran it
    package = machine.copy(suite.deb, f"/root/{install.split('/')[-1]}")
    assert Path(package).name == suite.deb.name
    machine.paste([f"{install.replace(' ../', f' --yes --no-install-recommends ./')}"])


@pytest.fixture(scope="module")
def restarted(machine: Machine, installed: None) -> str:
    """libvirtd is restarted as the manual has it; what that printed."""
    return machine.paste(advice("docs/man/libvirt-spm.rst", "virt-spm doctor"))


@pytest.fixture(scope="module")
def defined(machine: Machine, domain: str, restarted: str) -> None:
    """The domain is defined."""
    machine.domain("define", domain)


@pytest.fixture(scope="module")
def booted(machine: Machine, defined: None) -> Iterator[tuple[Guest, Report]]:
    """The running guest, and what it saw when it booted."""
    with machine.boot(DOMAIN) as guest:
        yield guest, guest.boot()


@pytest.fixture(scope="module")
def removed(machine: Machine, booted: tuple[Guest, Report]) -> set[str]:
    """The package is removed while the guest runs; what is left of its files."""
    listed = machine.call("dpkg-query", "--listfiles", "libvirt-spm").splitlines()
    machine.call("apt-get", "remove", "--yes", "libvirt-spm")
    return {file for file in listed if (machine.root / file.lstrip("/")).is_file()}


@pytest.fixture(scope="module")
def stock_again(machine: Machine, removed: set[str]) -> None:
    """libvirtd is restarted without the package."""
    machine.restart("libvirtd")


@pytest.fixture(scope="module")
def installed_again(machine: Machine, stock_again: None) -> None:
    """The package is there once more, and in libvirtd."""
    machine.call("apt-get", "install", "--yes", "--no-install-recommends", "/root/libvirt-spm.deb")
    machine.restart("libvirtd")


def carriers(machine: Machine, *options: str) -> list[str | None]:
    """The models of the domain's memory devices, as libvirtd shows them."""
    return [memory.get("model") for memory in memory_devices(machine.domain("dumpxml", DOMAIN, *options))]


def examination(machine: Machine) -> str:
    """What the doctor says, about problems on standard error."""
    result = machine.run("virt-spm", "doctor")
    return result.stdout or result.stderr


def test_lintian_finds_no_error(suite: Suite) -> None:
    """forky's lintian judges both: it is the stricter."""
    machine = Machine(need("SPM_BUILD_ROOT_FORKY"))
    try:
        for file in suite.package.iterdir():
            machine.copy(file, f"/package/{file.name}")
        machine.call("lintian", "--allow-root", "--fail-on", "error", *(
            f"/package/{file.name}" for file in suite.package.glob("*.changes")))
    finally:
        machine.close()


def test_a_build_by_hand(suite: Suite) -> None:
    """As the README has it, and with what the package is built with."""
    machine = Machine(suite.build_root)
    try:
        source = machine.lend(ROOT, "/lent")
        machine.call("cp", "-r", *(f"{source}/{name.name}" for name in ROOT.iterdir()
                                   if not name.name.startswith((".", "build"))), "/root")
        build, _, _ = advice("README.md", "dpkg-buildpackage")
        assert "0 newly installed" in machine.call("sh", "-c", "cd /root && " + build.split("&&")[0].replace(
            "build-dep", "build-dep --simulate"))
        machine.paste(advice("README.md", "meson setup"))
        assert (machine.root / MODULE.lstrip("/")).exists()
        drop_in = machine.root / "usr/lib/systemd/system/libvirtd.service.d/50-libvirt-spm.conf"
        assert f"\nEnvironment=LD_PRELOAD={MODULE}\n" in drop_in.read_text()
    finally:
        machine.close()


def test_stock_libvirt_refuses_the_domain(machine: Machine, domain: str) -> None:
    assert "spm" in machine.virsh("define", domain).stderr


def test_the_package_installs_beside_stock_libvirt(machine: Machine, installed: None) -> None:
    assert machine.call("dpkg-query", "-W", "-f", "${Status}", "libvirt-spm") == "install ok installed"
    assert machine.call("dpkg", "--verify", "libvirt-spm") == ""


def test_a_running_libvirtd_is_left_alone(machine: Machine, domain: str, installed: None) -> None:
    assert machine.services["libvirtd"].poll() is None
    assert "spm" in machine.virsh("define", domain).stderr


def test_the_doctor_says_what_is_to_be_done(machine: Machine, installed: None) -> None:
    assert re.search(r"libvirtd \(process \d+\) runs without the module\n.*restart it:\n +systemctl daemon-reload\n"
                     r" +systemctl restart libvirtd\n", examination(machine))


def test_libvirtd_has_the_module_after_its_restart(machine: Machine, restarted: str) -> None:
    assert "50-libvirt-spm.conf" in machine.service("libvirtd").drop_ins
    assert MODULE in machine.paths("libvirtd")
    assert re.search(r"libvirtd \(process \d+\) has the module", restarted)


def test_the_doctor_sees_the_module(machine: Machine, restarted: str) -> None:
    assert re.search(r"libvirtd \(process \d+\) has the module", examination(machine))


def test_the_module_is_in_no_other_service(machine: Machine, restarted: str) -> None:
    assert MODULE not in machine.paths("virtlogd")


def test_the_domain_is_defined_and_shown(machine: Machine, defined: None) -> None:
    assert carriers(machine) == ["spm", "dimm"]


def test_the_command_accepts_the_domain(machine: Machine, domain: str, installed: None) -> None:
    machine.call("virt-spm", "validate", domain)


def test_the_schema_accepts_the_domain(machine: Machine, domain: str, installed: None) -> None:
    """With libvirt's own schema beside it, where the package put it."""
    program = "import sys; from lxml import etree; " \
        "etree.RelaxNG(file=sys.argv[1]).assertValid(etree.parse(sys.argv[2]))"
    machine.call("python3", "-c", program, "/usr/share/libvirt/schemas/spm.rng", domain)


def test_the_guest_has_its_memory(booted: tuple[Guest, Report]) -> None:
    _, report = booted
    assert [memory.size for memory in report.soft_reserved] == [SIZE]


@pytest.mark.usefixtures("booted")
def test_the_device_is_the_one_that_the_emulator_has(suite: Suite, machine: Machine) -> None:
    assert f'"driver":"{STACKS[suite.name][2]}"' in machine.emulator(DOMAIN)


@pytest.mark.usefixtures("booted")
def test_the_emulator_does_not_get_the_module(machine: Machine) -> None:
    assert "LD_PRELOAD" not in machine.emulator(DOMAIN, "environ")


def test_a_masked_drop_in_keeps_the_module_out_until_the_doctor_is_obeyed(machine: Machine, restarted: str) -> None:
    machine.paste(advice("debian/README.Debian", "ln -s /dev/null"))
    assert MODULE not in machine.paths("libvirtd")
    machine.paste(re.findall(r"^ {16}(.*)$", examination(machine), re.MULTILINE))
    assert MODULE in machine.paths("libvirtd")
    shutil.rmtree(machine.root / "etc/systemd/system/libvirtd.service.d")


def test_removal_leaves_only_the_settings(removed: set[str]) -> None:
    assert removed == {"/etc/libvirt/spm.conf"}


def test_libvirtd_starts_without_the_module(machine: Machine, stock_again: None) -> None:
    assert MODULE not in machine.paths("libvirtd")


def test_the_guest_went_on(machine: Machine, stock_again: None, booted: tuple[Guest, Report]) -> None:
    guest, report = booted
    assert machine.domain("domstate", DOMAIN).strip() == "running"
    assert guest.report().soft_reserved == report.soft_reserved


def test_the_domain_is_a_stock_one(suite: Suite, machine: Machine, stock_again: None) -> None:
    assert carriers(machine, "--inactive") == ["dimm", "dimm"]
    assert re.search(f"<qemu:property name='driver' type='string' value='{STACKS[suite.name][2]}'/>",
                     machine.domain("dumpxml", DOMAIN, "--inactive"))


def test_the_domain_starts_again(machine: Machine, stock_again: None, booted: tuple[Guest, Report]) -> None:
    _, report = booted
    machine.domain("destroy", DOMAIN)
    with machine.boot(DOMAIN) as guest:
        assert guest.boot().soft_reserved == report.soft_reserved
    machine.domain("destroy", DOMAIN)


def test_installed_again_it_shows_the_memory_again(machine: Machine, installed_again: None) -> None:
    assert carriers(machine) == ["spm", "dimm"]


def test_purging_leaves_nothing(machine: Machine, installed_again: None) -> None:
    machine.call("apt-get", "purge", "--yes", "libvirt-spm")
    assert not list((machine.root / "etc/libvirt").glob("spm*"))
    assert not (machine.root / "var/cache/libvirt/spm").exists()
