# SPDX-License-Identifier: LGPL-2.1-or-later
"""KubeVirt's hook sidecar and a libvirtd without the plugin, which is what a virt-launcher image has. libvirtd, QEMU, the
firmware and the guest are real; virt-launcher and sidecar-shim are not, see tests/kubevirt.py."""

from collections.abc import Iterator

import kubevirt
import pytest
from acpi import SRAT_ENABLED
from daemon import Daemon
from domains import fit_domain, memory_devices
from report import GIB, MIB, SOFT_RESERVED, Affinity, Range
from stack import Stack

NAME = "default_accelerated"
START = 4 * GIB  # device memory begins here in a guest with little RAM
END = START + 128 * MIB


@pytest.fixture(scope="module")
def launcher(managers: Stack) -> Iterator[Daemon]:
    """A libvirtd as virt-launcher starts it."""
    with Daemon(managers, plugin=False) as daemon:
        yield daemon


def define(launcher: Daemon, xml: str) -> None:
    file = launcher.folder / "domain.xml"
    file.write_text(xml)
    launcher.call("define", str(file))


@pytest.fixture(scope="module")
def defined(launcher: Daemon, managers: Stack) -> list[str]:
    """The domain after each of the three calls of a start, as libvirtd has it: with placeholders for interfaces, read back,
    and as it is started."""
    converted = fit_domain(kubevirt.DOMAIN.replace('type="kvm"', 'type="qemu"'), managers, "ovmf", launcher.serial_path(NAME))
    vmi, seen = kubevirt.vmi(), []
    for _ in range(3):
        result = kubevirt.define(vmi, converted, SPM_DEVICE=managers.device, SPM_LIBVIRT_VERSION="12.8.0")
        define(launcher, result)
        seen.append(launcher.call("dumpxml", "--inactive", NAME))
        converted = kubevirt.again(result, devices=seen[-1])
    return seen


def test_each_call_defines_the_same_domain(defined: list[str]) -> None:
    assert defined[1] == defined[0] and defined[2] == defined[0]
    assert [device.get("model") for device in memory_devices(defined[2])] == ["dimm"]
    assert "value='sp-mem'" in defined[2]


def test_the_guest_has_its_spm(launcher: Daemon, defined: list[str]) -> None:
    with launcher.boot(NAME) as guest:
        report = guest.boot()
        guest.power_off()
    assert report.soft_reserved == [Range(START, END, SOFT_RESERVED)]
    assert Affinity(START, END, 1, SRAT_ENABLED) in report.srat
