# SPDX-License-Identifier: LGPL-2.1-or-later
"""hooks/ovirt by VDSM's protocol: custom properties in the environment, _hook_domxml names the file that the hook
rewrites, and the exit status tells what comes next (VDSM's lib/vdsm/common/hooks.py)."""

import os
import re
import shlex
import subprocess

import pytest
from lxml import etree
from programs import ROOT, VIRT_SPM

HOOK = ROOT / "hooks/ovirt/before_vm_start"
README = (HOOK.parent / "README").read_text()
VM_ID = "9f8c2f0e-6a2e-4c6d-9f65-3f4a1c6f5b11"

# As the engine writes it and VDSM passes it on: room for hotplug, one cell, metadata at the end.
DOMAIN = f"""<?xml version='1.0' encoding='UTF-8'?>
<domain xmlns:ovirt-tune="http://ovirt.org/vm/tune/1.0" xmlns:ovirt-vm="http://ovirt.org/vm/1.0" type="kvm">
  <name>accelerated</name>
  <uuid>{VM_ID}</uuid>
  <memory>1048576</memory>
  <currentMemory>1048576</currentMemory>
  <iothreads>1</iothreads>
  <maxMemory slots="16">4194304</maxMemory>
  <vcpu current="2">16</vcpu>
  <clock offset="variable" adjustment="0">
    <timer name="rtc" tickpolicy="catchup"/>
  </clock>
  <features>
    <acpi/>
    <vmcoreinfo/>
  </features>
  <cpu match="exact">
    <model>EPYC</model>
    <topology cores="1" threads="1" sockets="16"/>
    <numa>
      <cell id="0" cpus="0-15" memory="1048576"/>
    </numa>
  </cpu>
  <cputune/>
  <devices>
    <controller type="usb" model="qemu-xhci" index="0" ports="8"/>
    <memballoon model="virtio">
      <alias name="ua-7d2b6c1e-7c45-4c2b-8c0f-0d7b2f3f9a10"/>
    </memballoon>
  </devices>
  <pm>
    <suspend-to-disk enabled="no"/>
    <suspend-to-mem enabled="no"/>
  </pm>
  <os>
    <type arch="x86_64" machine="pc-q35-rhel9.4.0">hvm</type>
    <smbios mode="sysinfo"/>
  </os>
  <metadata>
    <ovirt-tune:qos/>
    <ovirt-vm:vm>
      <ovirt-vm:minGuaranteedMemoryMb type="int">1024</ovirt-vm:minGuaranteedMemoryMb>
      <ovirt-vm:clusterVersion>4.8</ovirt-vm:clusterVersion>
      <ovirt-vm:custom>@CUSTOM@</ovirt-vm:custom>
      <ovirt-vm:launchPaused>false</ovirt-vm:launchPaused>
      <ovirt-vm:resumeBehavior>auto_resume</ovirt-vm:resumeBehavior>
    </ovirt-vm:vm>
  </metadata>
</domain>
"""


def domain(**properties):
    """The domain of a VM with these custom properties."""
    return DOMAIN.replace("@CUSTOM@", "".join(
        f"<ovirt-vm:{name}>{value}</ovirt-vm:{name}>" for name, value in properties.items()))


@pytest.fixture
def vdsm(tmp_path):
    """Run the hook as VDSM does; what it ended with, and the domain afterwards."""
    file = tmp_path / "tmp.domxml"

    def run_hook(text, path=f"{VIRT_SPM.parent}:/usr/bin:/bin", **properties):
        file.write_text(text)
        inode = file.stat().st_ino
        environment = {"PATH": path, "vmId": VM_ID, "_hook_domxml": str(file), **properties}
        done = subprocess.run([HOOK], env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout == ""
        assert file.stat().st_ino == inode
        assert sorted(tmp_path.iterdir()) == [file]
        return done, file.read_text()

    return run_hook


def memory(text):
    """The SPM of a domain, as (KiB, cell)."""
    return [(element.findtext("target/size"), element.find("target/size").get("unit"), element.findtext("target/node"))
            for element in etree.fromstring(text.encode()).findall("devices/memory[@model='spm']")]


def test_a_vm_without_the_property_is_left_as_it_is(vdsm):
    done, text = vdsm(domain(other="1"), other="1")
    assert (done.returncode, done.stderr, text) == (0, "", domain(other="1"))


def test_a_vm_with_the_property_gets_spm(vdsm):
    done, text = vdsm(domain(spm="512MiB"), spm="512MiB")
    assert (done.returncode, done.stderr) == (0, "")
    root = etree.fromstring(text.encode())
    assert memory(text) == [("524288", "KiB", "1")]
    assert [(cell.get("id"), cell.get("memory")) for cell in root.iter("cell")] == [("0", "1048576"), ("1", "0")]
    assert root.findtext("memory") == "1572864"


def test_the_metadata_of_ovirt_stays(vdsm):
    done, text = vdsm(domain(spm="512MiB"), spm="512MiB")
    assert (done.returncode, len(memory(text))) == (0, 1)
    before, after = (etree.tostring(etree.fromstring(xml.encode()).find("metadata"), method="c14n")
                     for xml in (domain(spm="512MiB"), text))
    assert before == after


def test_the_result_is_what_the_module_makes_of_the_property(vdsm, virt_spm):
    """The module reads it out of the metadata, so a host may have both."""
    _, text = vdsm(domain(spm="512MiB,cell=1"), spm="512MiB,cell=1")
    assert virt_spm("expand", "-", text=domain(spm="512MiB,cell=1")).stdout == text
    assert virt_spm("expand", "-", text=text).stdout == text
    assert virt_spm("validate", "-", text=text).returncode == 0


def test_the_hook_may_run_twice(vdsm):
    _, text = vdsm(domain(spm="512MiB"), spm="512MiB")
    assert len(memory(text)) == 1
    assert vdsm(text, spm="512MiB")[1] == text


@pytest.mark.parametrize("request_text", ["0MiB", "lots", "512MiB,cell=0", "512MiB,profile=nowhere", "9999999TiB"])
def test_a_request_that_cannot_be_met_is_refused(vdsm, request_text):
    """Status 1: VDSM runs the other hooks, and does not start the VM."""
    done, text = vdsm(domain(spm=request_text), spm=request_text)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"spm: the custom property spm='{request_text}' is refused"
    assert len(done.stderr.splitlines()) > 1
    assert text == domain(spm=request_text)


def test_a_host_without_virt_spm_is_refused(vdsm, tmp_path_factory):
    """Status 2: VDSM runs no other hook."""
    tools = tmp_path_factory.mktemp("bin")
    for tool in "mktemp", "cat", "rm", "sh":
        (tools / tool).symlink_to(f"/bin/{tool}")
    done, text = vdsm(domain(spm="1GiB"), path=str(tools), spm="1GiB")
    assert (done.returncode, done.stderr) == (2, "spm: virt-spm is not installed on this host\n")
    assert text == domain(spm="1GiB")


def test_the_hook_says_when_nothing_called_it_as_vdsm_does():
    done = subprocess.run([HOOK], env={"PATH": os.environ["PATH"], "spm": "1GiB"}, capture_output=True, text=True, check=False)
    assert (done.returncode, "_hook_domxml" in done.stderr) == (2, True)


def definitions():
    """What the README gives to engine-config, by property."""
    lines = [shlex.split(line) for line in README.splitlines() if "engine-config -s" in line]
    return [dict([words[3].partition("=")[2].split("=", 1)]) for words in lines]


def test_the_readme_defines_the_property():
    full, less = (re.compile(definition["spm"]) for definition in definitions())
    for text in "512MiB", "16GiB", "1TiB,profile=hbm", "16GiB,cell=2", "16GiB,profile=hbm.2-x,cell=1":
        assert full.fullmatch(text)
        assert bool(less.fullmatch(text)) == (re.fullmatch("[0-9]+[MG]iB", text) is not None)
    for text in "", "GiB", "16", "16GB", "16GiB,path=/etc/shadow", "16GiB;1GiB", "16GiB,cell=1,profile=hbm":
        assert not full.fullmatch(text) and not less.fullmatch(text)
    for definition in definitions():  # the engine separates properties by it
        assert ";" not in definition["spm"]


def test_the_readme_installs_the_hook_where_vdsm_looks():
    spec = (ROOT / "packaging/libvirt-spm.spec").read_text()
    assert "vdsm/hooks/before_vm_start/50_spm" in README and "vdsm/hooks/before_vm_start/50_spm" in spec
    assert os.access(HOOK, os.X_OK)
