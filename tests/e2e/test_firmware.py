# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-spm knows of firmware as distributions ship it what it does to a guest's SPM."""

import os
import subprocess
from pathlib import Path

import layouts
import pytest
from daemon import Daemon
from domains import Defined, fit_domain, read_domain, running
from mounts import with_own_mounts
from programs import BUILD
from report import merged
from stack import Stack, given

IMAGES = {"seabios": "usr/share/seabios/bios-256k.bin", "ovmf": "usr/share/OVMF/OVMF_CODE_4M.fd"}
DROPPING = ["seabios-bookworm", "seabios-trixie", "seabios-forky", "ovmf-bookworm", "ovmf-trixie"]
PASSING = ["ovmf-forky"]
PATCHED = {"ovmf-2022.11": "SPM_OVMF_2022_11"}
VIRT_SPM = BUILD / "src/virt-spm"

# Runs as sh -c SCRIPT sh FOLDER COMMAND...: with the descriptors of FOLDER as those of the host.
WITH_DESCRIPTORS = 'mount -t tmpfs tmpfs /usr/share/qemu && cp -r "$1" /usr/share/qemu/firmware && shift && exec "$@"'


@pytest.fixture(scope="session")
def packages(stack: Stack) -> dict[str, Path]:
    """Where the files of each package of firmware are."""
    words = os.environ.get("SPM_FIRMWARE", "").split()
    found = {name: Path(folder) for name, folder in (word.split("=") for word in words)}
    assert sorted(found) == sorted(DROPPING + PASSING), "SPM_FIRMWARE does not say where each package is"
    return found


def image_of(packages: dict[str, Path], name: str) -> Path:
    if name in PATCHED:
        return given(PATCHED[name]) / "OVMF_CODE_4M.fd"
    return packages[name] / IMAGES[name.split("-")[0]]


def warnings(*command: str | os.PathLike[str], text: str) -> list[str]:
    """What virt-spm validate says of a domain that is in order."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert all(line.startswith("-:") and ": warning: the guest would boot without " in line
               for line in done.stderr.splitlines())
    return done.stderr.splitlines()


def validate(stack: Stack, firmware: str) -> list[str]:
    return warnings(VIRT_SPM, "validate", "-", text=fit_domain(read_domain("single"), stack, firmware, Path("/serial")))


@pytest.mark.parametrize("name", [*DROPPING, *PASSING, *PATCHED])
def test_verdict_is_what_the_guest_sees(
        name: str, packages: dict[str, Path], daemon: Daemon, stack: Stack) -> None:
    image = image_of(packages, name)
    domain = Defined(daemon, stack, "single", str(image))
    try:
        with running(domain) as seen:
            passed = seen.report.soft_reserved == merged(layouts.soft_reserved("single"))
            assert passed or seen.report.soft_reserved == []
    finally:
        domain.undefine()
    assert passed == (name not in DROPPING)
    assert len(validate(stack, str(image))) == (0 if passed else 1)


def test_images_for_secure_boot(packages: dict[str, Path], stack: Stack) -> None:
    """They are built apart from the others."""
    for name in DROPPING + PASSING:
        for image in packages[name].glob("usr/share/OVMF/OVMF_CODE_4M.secboot*.fd"):
            assert len(validate(stack, str(image))) == (name in DROPPING), image


def test_seabios_of_the_emulator_passes_spm_on(stack: Stack) -> None:
    assert validate(stack, "seabios") == []


@pytest.mark.parametrize("name", ["ovmf-bookworm", "ovmf-trixie", "ovmf-forky"])
def test_firmware_that_libvirt_is_to_choose(
        name: str, packages: dict[str, Path], stack: Stack, tmp_path: Path) -> None:
    for descriptor in (packages[name] / "usr/share/qemu/firmware").glob("*x86_64*.json"):
        text = descriptor.read_text().replace("/usr/share/OVMF", str(packages[name] / "usr/share/OVMF"))
        (tmp_path / descriptor.name).write_text(text)
    domain = fit_domain(read_domain("single"), stack, "seabios", Path("/serial")).replace("<os>", "<os firmware='efi'>")
    assert "<os firmware='efi'>" in domain
    said = warnings(*with_own_mounts("sh", "-c", WITH_DESCRIPTORS, "sh", tmp_path, VIRT_SPM, "validate", "-"),
                    text=domain)
    assert len(said) == (name in DROPPING)
