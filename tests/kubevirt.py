# SPDX-License-Identifier: LGPL-2.1-or-later
"""KubeVirt as far as a hook sidecar sees it: a VMI, the domain that virt-launcher makes of it, and what is left of the
sidecar's result when virt-launcher has read it into its own structs. From KubeVirt's sources: DomainSpec in
pkg/virt-launcher/virtwrap/api/schema.go, SetDomainSpecStrWithHooks in pkg/virt-launcher/virtwrap/util/libvirt_helper.go,
allocateHotplugPorts in pkg/virt-launcher/virtwrap/manager.go."""

import copy
import json
import os
import subprocess

from lxml import etree
from programs import ROOT, VIRT_SPM

SIDECAR = ROOT / "hooks/kubevirt/onDefineDomain"
REQUEST = "spm.libvirt-spm.io/request"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"

DOMAIN = """<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
	<name>default_accelerated</name>
	<uuid>6d8f2f6e-3c1b-5b0a-9a51-0f6f6c1f7f10</uuid>
	<memory unit="b">335544320</memory>
	<os>
		<type arch="x86_64" machine="q35">hvm</type>
		<smbios mode="sysinfo"></smbios>
	</os>
	<sysinfo type="smbios">
		<system>
			<entry name="manufacturer">KubeVirt</entry>
		</system>
		<bios></bios>
		<baseBoard></baseBoard>
		<chassis></chassis>
	</sysinfo>
	<devices>
		<controller type="usb" index="0" model="none"></controller>
		<memballoon model="none"></memballoon>
	</devices>
	<clock offset="utc"></clock>
	<metadata>
		<kubevirt xmlns="http://kubevirt.io">
			<uid></uid>
		</kubevirt>
	</metadata>
	<features>
		<acpi></acpi>
	</features>
	<cpu>
		<topology sockets="1" cores="2" threads="1"></topology>
	</cpu>
	<vcpu placement="static">2</vcpu>
</domain>"""

KEEP = object()  # the structs have all that our documents have there
# What the structs have: attributes, those with a text always written, and elements, those with "always" written even where
# they were absent. A number that is 0 may be left out ("no zero").
SIZE = {"attributes": {"unit": KEEP}}
EMPTY_SIZE = {"attributes": {"unit": ""}, "always": "0"}
TARGET = {"children": {"size": SIZE, "requested": EMPTY_SIZE, "current": EMPTY_SIZE, "node": {}, "block": EMPTY_SIZE,
                       "address": {"attributes": {"base": KEEP}}}}
MEMORY = {"attributes": {"model": KEEP}, "children": {
    "target": TARGET, "alias": {"attributes": {"name": KEEP}}, "address": {"attributes": {"type": KEEP, "slot": KEEP}}}}
CELL = {"attributes": {"id": "", "cpus": "", "memory": KEEP, "unit": KEEP, "memAccess": KEEP}, "no zero": ["memory"]}
CPU = {"attributes": {"mode": KEEP}, "children": {
    "model": {}, "feature": KEEP, "topology": KEEP, "numa": {"children": {"cell": CELL}}}}
SPEC = {"attributes": {"type": KEEP}, "children": {
    "name": {}, "uuid": {}, "memory": SIZE, "currentMemory": SIZE, "maxMemory": {"attributes": {"unit": KEEP, "slots": ""}},
    "memoryBacking": KEEP, "os": KEEP, "sysinfo": KEEP, "devices": KEEP, "clock": KEEP, "resource": KEEP, "metadata": {"children": {"{http://kubevirt.io}kubevirt": KEEP}},
    "features": KEEP, "cpu": CPU, "vcpu": KEEP, "vcpus": KEEP, "cputune": KEEP, "numatune": KEEP, "iothreads": KEEP}}


def vmi(annotations=None, **spec):
    """A VMI that asks for 128 MiB of SPM and that KubeVirt does not migrate; other annotations and parts of the spec."""
    document = {
        "kind": "VirtualMachineInstance", "apiVersion": "kubevirt.io/v1",
        "metadata": {"name": "accelerated", "namespace": "default", "uid": "1c5d66a8-4a27-4a3c-8f4f-5b4c6b0d5d4a",
                     "annotations": {REQUEST: "128MiB"} if annotations is None else annotations},
        "spec": {
            "domain": {"cpu": {"cores": 2}, "memory": {"guest": "320Mi"}, "machine": {"type": "q35"},
                       "resources": {"requests": {"memory": "448Mi"}},
                       "devices": {"interfaces": [{"name": "default", "bridge": {}}]}},
            "evictionStrategy": "None", "networks": [{"name": "default", "pod": {}}]},
        "status": {"phase": "Scheduled", "conditions": []}}
    for path, value in spec.items():
        *parents, name = path.split("__")
        place = document
        for parent in parents:
            place = place[parent]
        place[name] = value
    return document


def run_sidecar(document, domain, **environment):
    """Run the sidecar as sidecar-shim does."""
    path = f"{VIRT_SPM.parent}:{os.environ['PATH']}"
    return subprocess.run([SIDECAR, "--vmi", json.dumps(document), "--domain", domain], text=True, capture_output=True,
                          env={"PATH": path, "LC_ALL": "C.UTF-8", **environment}, timeout=60, check=False)


def define(document, domain, **environment):
    """Run the sidecar, which must not fail; the domain."""
    done = run_sidecar(document, domain, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def again(domain, devices=None):
    """The domain with which virt-launcher calls the sidecar the next time, with the devices of another one, where
    virt-launcher has read them back from libvirt."""
    root = through_struct(etree.fromstring(domain.encode()), SPEC)
    if devices:
        old = root.find("devices")
        old.getparent().replace(old, etree.fromstring(devices.encode()).find("devices"))
    one_memory_device(root.find("devices"))
    for element in root.iter():
        element.text = element.text or ""  # Go's encoder writes no <acpi/>
    etree.indent(root, "\t")
    return etree.tostring(root, encoding="unicode")


def through_struct(element, struct):
    """What Go's decoder and encoder leave of an element. Names of another namespace, such as qemu:override, match no
    field."""
    if struct is KEEP:
        return copy.deepcopy(element)
    result = etree.Element(element.tag)
    for name, value in struct.get("attributes", {}).items():
        value = element.get(name) if value is KEEP else element.get(name, value)
        if value is not None and not (name in struct.get("no zero", []) and value == "0"):
            result.set(name, value)
    children = struct.get("children", {})
    if not children:
        result.text = element.text
    for name, inner in children.items():
        found = element.findall(name)
        if not found and inner is not KEEP and "always" in inner:
            found = [etree.fromstring(f"<{name}>{inner['always']}</{name}>")]
        result.extend(through_struct(child, inner) for child in found)
    return result


def one_memory_device(devices):
    found = devices.findall("memory")
    for element in found:
        devices.remove(element)
    if found:
        devices.append(through_struct(found[-1], MEMORY))
