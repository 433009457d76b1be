# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every example of the README and the manual works, and the manual names all that the grammar has."""

import re

import pytest
from documents import faults, literal_blocks
from programs import ROOT, run

SKELETON = """<domain type='kvm'>
  <maxMemory slots='8' unit='GiB'>256</maxMemory>
  <memory unit='GiB'>64</memory>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <cpu>
{numa}
  </cpu>
{devices}
</domain>
"""
# so much RAM that the window begins at the base of the example
CELLS = """<numa>
  <cell id='0' cpus='0-1' memory='7' unit='GiB'/>
  <cell id='1' memory='0' unit='KiB'/>
  <cell id='2' memory='0' unit='KiB'/>
</numa>"""

MANUAL = (ROOT / "docs" / "formatdomain-spm.rst").read_text()
README = (ROOT / "README.md").read_text()


def element(text, pattern):
    match = re.search(pattern, text, re.S)
    return match[0] if match else None


EXAMPLES = [block for block in literal_blocks(MANUAL) if "<memory model='spm'" in block]


def fill(example):
    """A fragment of the manual as a whole domain."""
    devices = element(example, "<devices>.*</devices>") or "<devices>\n" + "\n".join(
        re.findall(r"<memory .*?</memory>", example, re.S)) + "\n</devices>"
    return SKELETON.format(numa=element(example, "<numa>.*</numa>") or CELLS, devices=devices)


def test_the_manual_has_examples():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_manual(example, virt_spm):
    done = virt_spm("argv", "-", text=fill(example))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count('"driver":"spm-memory"') == example.count("<memory model='spm'")


def test_the_readmes_example(virt_spm):
    text = element(README, r"(?<=```xml\n).*?(?=```)")
    for version in ["11.3.0", "12.8.0"]:
        done = virt_spm("validate", "--libvirt-version", version, "-", text=text)
        assert (done.returncode, faults(done.stderr)) == (0, [])


def test_the_manual_explains_every_element_and_attribute():
    grammar = (ROOT / "schemas" / "spm.rng").read_text()
    names = set(re.findall(r'<(?:element|attribute) name="(\w+)"', grammar))
    names |= {"pagesize", "nodemask", "path", "alignsize", "pmem"}  # of libvirt's memorydev-source
    assert not [name for name in names if f"``{name}``" not in MANUAL]


@pytest.mark.parametrize("page", ["docs/formatdomain-spm.rst", "docs/design.rst", "docs/security.rst",
                                  "docs/man/virt-spm.rst", "docs/man/libvirt-spm.rst", "docs/performance.rst",
                                  "docs/sp-mem.rst", "patches/README.rst",
                                  "patches/qemu/README.rst", "hooks/kubevirt/README.rst", "docs/managers.rst"])
def test_documents_are_well_formed(page):
    done = run("/usr/bin/python3", "-m", "docutils", "--halt=info", "--report=info", ROOT / page, "/dev/null")
    assert done.returncode == 0, done.stderr


def test_paths_in_the_readme_exist():
    for path in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (ROOT / path).exists(), path
