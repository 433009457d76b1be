# SPDX-License-Identifier: LGPL-2.1-or-later
"""VDSM as far as a hook sees it: a domain of the engine, and how VDSM runs a hook (lib/vdsm/common/hooks.py)."""

import subprocess

from programs import ROOT, VIRT_SPM

HOOK = ROOT / "hooks/ovirt/before_vm_start"
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


def run_hook(text, folder, path=f"{VIRT_SPM.parent}:/usr/bin:/bin", **properties):
    """Run the hook for a VM with these custom properties; what it ended with, and the domain afterwards."""
    file = folder / "tmp.domxml"
    file.write_text(text)
    inode = file.stat().st_ino
    environment = {"PATH": path, "vmId": VM_ID, "_hook_domxml": str(file), **properties}
    done = subprocess.run([HOOK], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert file.stat().st_ino == inode
    after = file.read_text()
    file.unlink()
    assert not list(folder.iterdir())
    return done, after
