# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain without spm elements requests SPM in its metadata, and libvirtd with the plugin gives it some."""

import re
import shlex
from collections.abc import Iterator

import pytest
from advice import advice
from daemon import Daemon
from domains import fit_domain, memory_devices
from lxml import etree
from report import MIB, SOFT_RESERVED
from stack import Stack

pytestmark = pytest.mark.stacks("patched", "stock")

NAME = "wanting"
URI = "urn:libvirt-spm:request:1.0"
NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"
PROFILES = "[profile hbm]\naccess=shared\n[profile two]\nnodemask=0\n[flavor m1.spm]\nsize=64MiB;32MiB\n"

DOMAIN = """<domain type='qemu'>
  <name>wanting</name>
  <uuid>5b0f1d3e-9a66-4c7c-8f0b-0000000000b0</uuid>
  <memory unit='MiB'>512</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""

OWN = f"<spm:requests xmlns:spm='{URI}'><spm:request size='96' unit='MiB'/></spm:requests>"


def nova(flavor: str, specs: str = "") -> str:
    """What Nova writes into <metadata>."""
    return (f"<nova:instance xmlns:nova='{NOVA}'><nova:flavor name='{flavor}'><nova:memory>512</nova:memory>{specs}"
            "</nova:flavor></nova:instance>")


def extra_specs(**specs: str) -> str:
    return "<nova:extraSpecs>" + "".join(f"<nova:extraSpec name='{name.replace('__', ':')}'>{value}</nova:extraSpec>"
                                         for name, value in specs.items()) + "</nova:extraSpecs>"


# What is in <metadata>, and the sizes of the SPM in MiB.
SOURCES = {
    "own": (OWN, [96]),
    "nova-26": (nova("m1.spm"), [64, 32]),
    "nova-31": (nova("m1.spm").replace("<nova:memory>", "<nova:ephemeral>0</nova:ephemeral><nova:memory>"), [64, 32]),
    "nova-33": (nova("m1.any", extra_specs(spm__size="96MiB", spm__profile="hbm")), [96]),
    "nova-33-resources": (nova("m1.any", extra_specs(resources__CUSTOM_SPM_MIB="96", trait__CUSTOM_SPM="required")), [96]),
    "ovirt": ("<ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'><ovirt-vm:custom><ovirt-vm:spm>64MiB;32MiB,profile=two"
              "</ovirt-vm:spm></ovirt-vm:custom></ovirt-vm:vm>", [64, 32]),
}


@pytest.fixture(scope="module")
def host(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd with profiles."""
    daemon = Daemon(stack)
    folder = daemon.folder / "etc/spm.d"
    folder.mkdir()
    (folder / "host.conf").write_text(PROFILES)
    with daemon:
        yield daemon


@pytest.fixture
def clean(host: Daemon) -> Iterator[Daemon]:
    yield host
    host.virsh("destroy", NAME)
    host.virsh("undefine", NAME)


def domain(daemon: Daemon, stack: Stack, metadata: str = "") -> str:
    text = fit_domain(DOMAIN, stack, "seabios", daemon.serial_path(NAME))
    return text.replace("</name>", f"</name><metadata>{metadata}</metadata>") if metadata else text


def sizes(xml: str) -> list[int]:
    """The sizes of the spm elements in MiB, which are all memory devices and each have a cell of their own."""
    devices = memory_devices(xml)
    assert [device.get("model") for device in devices] == ["spm"] * len(devices)
    assert [device.findtext("target/node") for device in devices] == [str(number + 1) for number in range(len(devices))]
    return [int(device.findtext("target/size", "")) // 1024 for device in devices]


def define(daemon: Daemon, xml: str) -> None:
    daemon.call("define", "/dev/stdin", stdin=xml)


@pytest.mark.parametrize("source", SOURCES)
def test_a_definition_gets_what_it_requests(source: str, clean: Daemon, stack: Stack) -> None:
    metadata, wanted = SOURCES[source]
    define(clean, domain(clean, stack, metadata))
    shown, stored = clean.call("dumpxml", NAME), clean.stored_xml(NAME)
    assert sizes(shown) == wanted
    assert etree.fromstring(shown).findtext("memory") == etree.fromstring(shown).findtext("currentMemory") == str(608 * 1024)
    assert "model='spm'" not in stored and stored.count(f"value='{stack.device}'") == len(wanted)
    define(clean, shown)
    assert (clean.call("dumpxml", NAME), clean.stored_xml(NAME)) == (shown, stored)


def test_a_request_that_virsh_sets_counts_with_the_next_definition(clean: Daemon, stack: Stack) -> None:
    define(clean, domain(clean, stack))
    command, = advice("docs/formatdomain-spm.rst", "virsh metadata")
    virsh, *words = shlex.split(command)
    clean.call(*(NAME if word == "guest" else word for word in words))
    assert virsh == "virsh" and sizes(clean.call("dumpxml", NAME)) == []
    define(clean, clean.call("dumpxml", NAME))
    assert sizes(clean.call("dumpxml", NAME)) == [16 * 1024]
    clean.call("metadata", NAME, "--config", "--uri", URI, "--remove")
    define(clean, clean.call("dumpxml", NAME))
    shown = etree.fromstring(clean.call("dumpxml", NAME))
    assert sizes(etree.tostring(shown, encoding="unicode")) == []
    assert shown.findtext("memory") == shown.findtext("currentMemory") == str(512 * 1024)
    assert shown.find("maxMemory") is None and len(shown.findall("cpu/numa/cell")) == 1
    assert "qemu:" not in clean.stored_xml(NAME)


def test_virsh_edit_changes_the_size(clean: Daemon, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    define(clean, domain(clean, stack, OWN))
    monkeypatch.setenv("EDITOR", "sed -i s/size=.96./size=\\'32\\'/")
    clean.call("edit", NAME)
    assert sizes(clean.call("dumpxml", NAME)) == [32]


def test_what_is_created_and_what_would_be_are_the_same(clean: Daemon, stack: Stack) -> None:
    text = domain(clean, stack, OWN)
    file = clean.folder / "wanting.xml"
    file.write_text(text)
    assert clean.call("domxml-to-native", "qemu-argv", str(file)).count(f'"driver":"{stack.device}"') == 1
    clean.call("create", "--paused", str(file))
    assert sizes(clean.call("dumpxml", NAME)) == [96]


@pytest.mark.stacks("patched")  # whose SeaBIOS passes the range on
def test_the_guest_has_the_memory_and_keeps_it_when_its_manager_defines_it_again(clean: Daemon, stack: Stack) -> None:
    define(clean, domain(clean, stack, OWN))
    with clean.boot(NAME) as guest:
        report = guest.boot()
        assert [found.size for found in report.iomem if found.kind.lower() == SOFT_RESERVED] == [96 * MIB]
        live = clean.call("dumpxml", NAME)
        before = clean.call("dumpxml", "--inactive", NAME)
        # what Nova does in a migration, and when it rescues an instance
        define(clean, live)
        assert sizes(clean.call("dumpxml", "--inactive", NAME)) == sizes(before) == [96]
        assert clean.call("dumpxml", NAME) == live
        guest.power_off()


@pytest.mark.parametrize("request_,message", [
    ("size='1' unit='MiB'", "<size> of <memory model='spm'> is 1024 KiB; it must be a multiple of 2 MiB"),
    ("size='64' unit='MiB' profile='cxl'", "has the profile 'cxl', which this host does not have")])
def test_a_request_that_cannot_be_met_is_refused(request_: str, message: str, clean: Daemon, stack: Stack) -> None:
    refused = clean.virsh("define", "/dev/stdin", stdin=domain(clean, stack, re.sub("size='96' unit='MiB'", request_, OWN)))
    assert refused.returncode == 1 and message in refused.stderr
    assert NAME not in clean.call("list", "--all", "--name").split()
