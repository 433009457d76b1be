# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain of oVirt on a real libvirtd with the plugin: the custom property alone suffices, and VDSM's hook makes the same of
it. VDSM itself is in no distribution that the tests use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from domains import fit_domain
from report import GIB, MIB, SOFT_RESERVED, Range
from stack import Stack
from vdsm import domain, run_hook

NAME = "accelerated"
START = 4 * GIB  # device memory begins here in a guest with little RAM


@pytest.fixture(scope="module")
def daemon(managers: Stack) -> Iterator[Daemon]:
    with Daemon(managers) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def xml(daemon: Daemon, managers: Stack) -> str:
    """The VM with a kernel of ours, and without what only its hosts have."""
    text = domain(spm="128MiB").replace("1048576", "327680").replace(' type="kvm"', ' type="qemu"')
    for host, here in (("pc-q35-rhel9.4.0", "q35"), ("<model>EPYC</model>", "<model>qemu64</model>"),
                       ('<smbios mode="sysinfo"/>', "")):
        assert host in text
        text = text.replace(host, here)
    return fit_domain(text.partition("?>\n")[2], managers, "ovmf", daemon.serial_path(NAME))


def define(daemon: Daemon, text: str) -> str:
    file = daemon.folder / "domain.xml"
    file.write_text(text)
    daemon.call("define", str(file))
    return daemon.call("dumpxml", NAME)


def test_the_hook_and_the_module_make_the_same(daemon: Daemon, xml: str, tmp_path: Path) -> None:
    shown = define(daemon, xml)
    assert shown.count("<memory model='spm'>") == 1
    done, rewritten = run_hook(xml, tmp_path, spm="128MiB")
    assert done.returncode == 0, done.stderr
    assert "<memory model='spm'>" in rewritten
    daemon.call("undefine", "--nvram", NAME)
    assert define(daemon, rewritten) == shown


def test_the_guest_has_its_spm(daemon: Daemon, xml: str) -> None:
    define(daemon, xml)
    with daemon.boot(NAME) as guest:
        report = guest.boot()
        guest.power_off()
    assert report.soft_reserved == [Range(START, START + 128 * MIB, SOFT_RESERVED)]


def test_a_property_taken_away_takes_the_spm_away(daemon: Daemon, xml: str) -> None:
    shown = define(daemon, xml)
    assert "<memory model='spm'>" not in define(daemon, shown.replace("<ovirt-vm:spm>128MiB</ovirt-vm:spm>", ""))
