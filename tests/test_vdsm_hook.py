# SPDX-License-Identifier: LGPL-2.1-or-later
"""hooks/ovirt by VDSM's protocol: custom properties in the environment, _hook_domxml names the file that the hook
rewrites, and the exit status tells what comes next (VDSM's lib/vdsm/common/hooks.py)."""

import os
import re
import shlex
import subprocess

import pytest
from lxml import etree
from programs import ROOT
from vdsm import HOOK, domain, run_hook

README = (HOOK.parent / "README").read_text()


@pytest.fixture
def vdsm(tmp_path):
    """Run the hook as VDSM does, which finds its file rewritten and no other."""
    def run(text, **options):
        done, after = run_hook(text, tmp_path, **options)
        assert done.stdout == ""
        return done, after
    return run


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


def test_the_profiles_are_those_of_the_host(vdsm, tmp_path_factory):
    """VDSM is not root, and virt-spm has other profiles for other users by default."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "virt-spm").write_text('#!/bin/sh\necho "$*"\n')
    (folder / "virt-spm").chmod(0o755)
    _, text = vdsm(domain(spm="512MiB"), path=f"{folder}:/usr/bin:/bin", spm="512MiB")
    assert text.startswith("expand --profiles /etc/libvirt/spm.d /")


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
