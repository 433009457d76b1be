# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU 11.1 saves and migrates a guest without the contents of its sp-mem. That is refused before anything is
written, by default; what moves no contents is not."""

from collections.abc import Iterator

import libvirt
import pytest
from daemon import Daemon
from doors import DOORS, NAME
from lab import Lab, through_python, through_virsh, world
from stack import Stack

pytestmark = pytest.mark.stacks("stock")

LOSING = [name for name, door in DOORS.items() if door.state == "paused"]
INTERNAL = "<domainsnapshot><name>inside</name></domainsnapshot>"
EXTERNAL = """<domainsnapshot>
  <name>outside</name>
  <memory snapshot='external' file='{folder}/memory'/>
</domainsnapshot>
"""
DISK_ONLY = """<domainsnapshot>
  <name>disk</name>
  <memory snapshot='no'/>
  <disks><disk name='vda' snapshot='external'><source file='{folder}/disk.more'/></disk></disks>
</domainsnapshot>
"""


@pytest.fixture(scope="module")
def target(stack: Stack) -> Iterator[Daemon]:
    with Daemon(stack) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def lab(daemon: Daemon, target: Daemon, stack: Stack) -> Iterator[Lab]:
    """A guest that has a disk, and a daemon with the settings that it comes with."""
    lab = Lab(daemon, target, stack)
    try:
        lab.reach("off")
        lab.call("start", "--paused", NAME)
        yield lab
    finally:
        lab.clean()


@pytest.fixture
def untouched(lab: Lab) -> Iterator[Lab]:
    """What is tried leaves all files as they are, and the guest."""
    before = world(lab), lab.call("domstate", NAME), lab.call("domid", NAME)
    yield lab
    assert (world(lab), lab.call("domstate", NAME), lab.call("domid", NAME)) == before


@pytest.mark.parametrize("function", LOSING)
def test_what_loses_contents_is_refused(untouched: Lab, function: str) -> None:
    outcome = through_python(untouched, function, untouched.document(function))
    assert (outcome.domain, outcome.code) == (libvirt.VIR_FROM_DOMAIN, libvirt.VIR_ERR_OPERATION_UNSUPPORTED)
    for word in "sp-mem", "lost", "contents_loss=allow", str(untouched.source.folder / "etc/spm.conf"):
        assert word in outcome.error


@pytest.mark.parametrize("function", ["virDomainSave", "virDomainManagedSave", "virDomainMigrateToURI3"])
def test_virsh_says_why(untouched: Lab, function: str) -> None:
    outcome = through_virsh(untouched, function, untouched.document(function))
    assert "whose contents are lost" in outcome.error and "shut the domain down instead" in outcome.error


@pytest.mark.parametrize("xml", [INTERNAL, EXTERNAL], ids=["internal", "external"])
def test_a_snapshot_with_memory_is_refused(untouched: Lab, xml: str) -> None:
    conn = libvirt.open(untouched.uri)
    with pytest.raises(libvirt.libvirtError, match="whose contents are lost") as caught:
        conn.lookupByName(NAME).snapshotCreateXML(xml.format(folder=untouched.source.folder))
    assert caught.value.get_error_code() == libvirt.VIR_ERR_OPERATION_UNSUPPORTED
    assert not (untouched.source.folder / "memory").exists()
    conn.close()


def test_a_snapshot_of_the_disk_is_not(lab: Lab) -> None:
    conn = libvirt.open(lab.uri)
    snapshot = conn.lookupByName(NAME).snapshotCreateXML(DISK_ONLY.format(folder=lab.source.folder),
                                                             libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY)
    assert "model='spm'" in snapshot.getXMLDesc()
    assert (lab.source.folder / "disk.more").exists()
    conn.close()


def test_a_guest_without_spm_is_saved(lab: Lab) -> None:
    image = lab.source.folder / "plain"
    start, end = (lab.domain("absent").index(tag) for tag in ("<memory model", "<memballoon"))
    text = lab.domain("absent")
    plain = (text[:start] + text[end:]).replace(NAME, "plain").replace("00a0<", "00a1<").replace(
        '<cell id="1" memory="0" unit="KiB"/>', "")
    lab.call("create", "--paused", "/dev/stdin", stdin=plain)
    lab.call("save", "plain", str(image))
    assert image.exists()
