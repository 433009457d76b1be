# SPDX-License-Identifier: LGPL-2.1-or-later
"""hooks/kubevirt by sidecar-shim's contract: "onDefineDomain --vmi JSON --domain XML" prints the domain that virt-launcher
defines, and a status other than 0 keeps the VMI from starting."""

import json
import os
import re
import subprocess

import kubevirt
import pytest
from kubevirt import DOMAIN, QEMU, REQUEST, again, define, run_sidecar, vmi
from lxml import etree
from programs import ROOT, VIRT_SPM

FOLDER = kubevirt.SIDECAR.parent
GIB = {REQUEST: "1GiB"}


def carriers(text):
    """The memory devices of stock XML, as (model, KiB, node, alias)."""
    return [(device.get("model"), device.findtext("target/size"), device.findtext("target/node"), device.find("alias").get("name"))
            for device in etree.fromstring(text.encode()).findall("devices/memory")]


def drivers(text):
    """The front ends that the domain's override names."""
    root = etree.fromstring(text.encode())
    return [element.get("value") for element in root.iter(f"{{{QEMU}}}property") if element.get("name") == "driver"]


def test_a_vmi_without_a_request_is_left_as_it_is():
    for annotations in {}, {"other": "1"}:
        assert define(vmi(annotations), DOMAIN) == DOMAIN
    without = vmi()
    del without["metadata"]["annotations"]
    assert define(without, DOMAIN) == DOMAIN


def test_a_vmi_with_a_request_gets_stock_xml():
    text = define(vmi(), DOMAIN)
    assert carriers(text) == [("dimm", "131072", "1", "ua-spm-request0")]
    assert drivers(text) == ["sp-mem"]
    assert "model='spm'" not in text and 'model="spm"' not in text
    root = etree.fromstring(text.encode())
    assert [(cell.get("id"), cell.get("cpus"), cell.get("memory")) for cell in root.iter("cell")] == [
        ("0", "0-1", "327680"), ("1", None, "0")]


@pytest.mark.parametrize("request_text", ["128MiB", "64MiB;128MiB"])
@pytest.mark.parametrize("version", ["12.8.0", "11.5.0"])
def test_the_three_calls_of_a_start_give_the_same(request_text, version):
    document = vmi({REQUEST: request_text})
    results, domain = [], DOMAIN
    for _ in range(3):
        results.append(define(document, domain, SPM_LIBVIRT_VERSION=version))
        domain = again(results[-1])
    shapes = [(carriers(text), drivers(text), cells(text), sizes(text), command_line(text)) for text in results]
    assert shapes[1] == shapes[0] and shapes[2] == shapes[0]
    assert len(shapes[0][0]) == len(request_text.split(";"))
    assert define(document, results[-1], SPM_LIBVIRT_VERSION=version) == results[-1]


def cells(text):
    return [sorted(cell.items()) for cell in etree.fromstring(text.encode()).iter("cell")]


def sizes(text):
    root = etree.fromstring(text.encode())
    return root.findtext("memory"), root.findtext("maxMemory"), root.find("maxMemory").get("slots")


def command_line(text):
    return [element.get("value") for element in etree.fromstring(text.encode()).iter(f"{{{QEMU}}}arg")]


def test_the_struct_loses_what_it_must_in_these_tests():
    """Otherwise the calls above would show nothing."""
    left = again(define(vmi({REQUEST: "64MiB;128MiB"}), DOMAIN))
    assert "qemu:" not in left
    assert [size for _, size, *_ in carriers(left)] == ["131072"]
    assert [cell.get("memory") for cell in etree.fromstring(left.encode()).iter("cell")][1:] == [None, None]
    assert '<block unit="">0</block>' in left


def test_a_request_taken_away_takes_its_spm_away():
    """The sidecar is called with the VMI that now has a smaller one."""
    left = again(define(vmi({REQUEST: "64MiB;128MiB"}), DOMAIN))
    assert define(vmi(), left) == define(vmi(), again(define(vmi(), DOMAIN)))


def test_the_command_line_of_kubevirt_stays():
    """It is there in the first call, and gone in the second, which is virt-launcher's doing."""
    own = "<qemu:commandline>\n\t\t<qemu:arg value=\"-no-user-config\"></qemu:arg>\n\t</qemu:commandline>"
    for version in "12.8.0", "11.5.0":
        text = define(vmi(), DOMAIN.replace("<metadata>", f"{own}<metadata>"), SPM_LIBVIRT_VERSION=version)
        assert command_line(text)[0] == "-no-user-config" and drivers(text) == ["sp-mem"]


def test_the_device_of_a_patched_emulator():
    migrating = vmi(spec__evictionStrategy="LiveMigrate")
    assert drivers(define(migrating, DOMAIN, SPM_DEVICE="spm-memory")) == ["spm-memory"]


MASQUERADE = {"interfaces": [{"name": "default", "masquerade": {}}]}


@pytest.mark.parametrize("spec, message", [
    ({"spec__evictionStrategy": "LiveMigrate"}, "spec.evictionStrategy is LiveMigrate"),
    ({"spec__evictionStrategy": "LiveMigrateIfPossible"}, "spec.evictionStrategy is LiveMigrateIfPossible"),
    ({"spec__domain__devices": MASQUERADE}, "the VMI can migrate"),
    ({"spec__domain__devices": {}}, "the VMI can migrate"),
    ({"annotations": {**GIB, "kubevirt.io/allow-pod-bridge-network-live-migration": ""}}, "the VMI can migrate"),
])
def test_sp_mem_is_refused_where_the_vmi_may_migrate(spec, message):
    done = run_sidecar(vmi(**spec), DOMAIN)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr


@pytest.mark.parametrize("spec", [
    {"spec__evictionStrategy": None},
    {"spec__domain__devices": MASQUERADE, "status__conditions": [{"type": "LiveMigratable", "status": "False"}]},
    {"spec__domain__devices": MASQUERADE, "spec__evictionStrategy": "LiveMigrate",
     "annotations": {REQUEST: "128MiB", "spm.libvirt-spm.io/contents-loss": "allow"}},
])
def test_sp_mem_is_accepted_where_nothing_is_lost_or_the_loss_is_accepted(spec):
    assert drivers(define(vmi(**spec), DOMAIN)) == ["sp-mem"]


@pytest.mark.parametrize("alias, refused", [("ua-gpu-gpu1", False), ("ua-hostdevice-card", False), ("ua-sriov-net1", True)])
def test_a_passed_through_pci_device_keeps_a_vmi_from_migrating(alias, refused):
    device = f'<hostdev type="pci" managed="no" mode="subsystem"><source></source><alias name="{alias}"></alias></hostdev>'
    done = run_sidecar(vmi(spec__domain__devices=MASQUERADE), DOMAIN.replace("</devices>", f"{device}</devices>"))
    assert done.returncode == refused, done.stderr


def test_the_profiles_are_those_of_the_image(tmp_path):
    """The sidecar is not root, and virt-spm has other profiles for other users by default."""
    (tmp_path / "virt-spm").write_text('#!/bin/sh\necho "$*" >&2\nexit 1\n')
    (tmp_path / "virt-spm").chmod(0o755)
    done = run_sidecar(vmi(), DOMAIN, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert "--profiles /etc/libvirt/spm.d " in done.stderr
    assert "COPY hooks/kubevirt/spm.d/ /etc/libvirt/spm.d/\n" in (FOLDER / "Containerfile").read_text()


def test_memory_hotplug_is_refused():
    memory = {"guest": "1Gi", "maxGuest": "4Gi"}
    done = run_sidecar(vmi(spec__domain__memory=memory), DOMAIN, SPM_DEVICE="spm-memory")
    assert (done.returncode, done.stdout) == (1, "")
    assert "spec.domain.memory.maxGuest" in done.stderr and "vmRolloutStrategy: Stage" in done.stderr
    assert define(vmi({}, spec__domain__memory=memory), DOMAIN) == DOMAIN


@pytest.mark.parametrize("request_text", ["", "lots", "128MiB,profile=nowhere"])
def test_a_request_that_cannot_be_met_is_refused(request_text):
    done = run_sidecar(vmi({REQUEST: request_text}), DOMAIN)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("onDefineDomain: virt-spm expand ended with status ")


def test_the_reason_is_in_the_containers_log(tmp_path):
    """sidecar-shim takes the program's stderr and says only "exit status 1"."""
    log = tmp_path / "log"
    shim = ("import subprocess, sys\n"
            "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
            "sys.exit(done.returncode)\n")
    with log.open("w") as stderr:
        done = subprocess.run(
            ["/usr/bin/python3", "-c", shim, kubevirt.SIDECAR, "--vmi", json.dumps(vmi({REQUEST: "lots"})), "--domain", DOMAIN],
            stderr=stderr, env={**os.environ, "PATH": f"{VIRT_SPM.parent}:{os.environ['PATH']}"}, timeout=60, check=False)
    assert done.returncode == 1
    assert "'lots'" in log.read_text()


@pytest.mark.parametrize("vmi_text, domain, path, message", [
    ("{", DOMAIN, "/usr/bin:/bin", "onDefineDomain: Expecting property name"),
    (json.dumps(vmi(spec__domain__devices={})), "<domain", "/usr/bin:/bin", "onDefineDomain: unclosed token"),
    (json.dumps(vmi()), DOMAIN, "/nonexistent", "onDefineDomain: [Errno 2] No such file or directory: 'virt-spm'"),
])
def test_what_cannot_be_done_is_said(vmi_text, domain, path, message):
    done = subprocess.run([kubevirt.SIDECAR, "--vmi", vmi_text, "--domain", domain], env={"PATH": path}, capture_output=True,
                          text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)


def test_the_containerfile_copies_what_is_there():
    text = (FOLDER / "Containerfile").read_text()
    sources = re.findall(r"^COPY (?!--from)(\S+) ", text, re.M)
    assert "hooks/kubevirt/onDefineDomain" in sources
    assert all((ROOT / source).exists() for source in sources)
    assert set(re.findall(r"\bSPM_[A-Z_]+", text)) == set(re.findall(r"\bSPM_[A-Z_]+", kubevirt.SIDECAR.read_text()))


def test_the_manifests_name_what_the_sidecar_reads():
    example, cluster = ((FOLDER / name).read_text() for name in ("vmi.yaml", "kubevirt.yaml"))
    assert f"{REQUEST}: 16GiB" in example and "evictionStrategy: None" in example and "bridge: {}" in example
    sidecars = json.loads(re.search(r"hooks\.kubevirt\.io/hookSidecars: '(.*)'", example)[1])
    assert sidecars[0]["args"] == ["--version", "v1alpha3"]
    assert "- Sidecar\n" in cluster and "vmRolloutStrategy: Stage" in cluster
