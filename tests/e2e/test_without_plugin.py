# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain with SPM outlives the plugin: stock libvirtd alone has all it needs."""

from collections.abc import Iterator

import layouts
import pytest
from daemon import Daemon
from domains import Defined, memory_devices
from stack import Stack

NAME = "single"


@pytest.fixture(scope="module")
def orphaned(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd that had the plugin when the domain was defined, and was restarted without."""
    with Daemon(stack) as daemon:
        Defined(daemon, stack, NAME)
        daemon.stop()
        daemon.plugin = False
        daemon.start()
        yield daemon


def test_domain_is_listed(orphaned: Daemon) -> None:
    assert orphaned.call("list", "--all", "--name").split() == [NAME]


def test_domain_is_dumped_as_stock_xml(orphaned: Daemon) -> None:
    xml = orphaned.call("dumpxml", NAME)
    assert [device.get("model") for device in memory_devices(xml)] == ["dimm", "dimm"]
    assert "<qemu:override>" in xml


def test_guest_starts_and_sees_its_spm(orphaned: Daemon) -> None:
    with orphaned.boot(NAME) as guest:
        report = guest.boot()
        guest.power_off()
    assert report.soft_reserved == layouts.soft_reserved(NAME)
    assert layouts.spm_entries(NAME)[0] in report.srat
