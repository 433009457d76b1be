# SPDX-License-Identifier: LGPL-2.1-or-later
"""The laws of translation, for every good golden document and for documents without spm."""

import pytest
from documents import GOOD, GOOD_OLD, NEW_LIBVIRT, OLD_LIBVIRT, XML2XML, document

CASES = [(name, NEW_LIBVIRT) for name in GOOD] + [(name, OLD_LIBVIRT) for name in GOOD_OLD]

WITHOUT_SPM = {
    "no spm at all": "<domain type='kvm'><name>a</name></domain>",
    "double quotes and odd white space": '<domain  type="kvm" ><name>spm</name></domain  >\n\n',
    "a dimm": "<domain><devices><memory model='dimm'/></devices><!-- spm --></domain>",
    "an override of another device": "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
                                     "<devices><memory model='dimm'><alias name='ua-a'/></memory></devices>"
                                     "<qemu:override><qemu:device alias='ua-b'><qemu:frontend>"
                                     "<qemu:property name='driver' type='string' value='spm-memory'/>"
                                     "</qemu:frontend></qemu:device></qemu:override></domain>",
}


def translate(virt_spm, text, *options):
    done = virt_spm("translate", *options, "-", text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name,version", CASES)
def test_out_of_in_is_the_formatted_document(name, version, virt_spm):
    stock = translate(virt_spm, document(name).read_text(), "--libvirt-version", version)
    assert translate(virt_spm, stock, "--reverse") == (XML2XML / f"{name}.xml").read_text()


@pytest.mark.parametrize("name,version", CASES)
def test_in_is_idempotent(name, version, virt_spm):
    stock = translate(virt_spm, document(name).read_text(), "--libvirt-version", version)
    assert translate(virt_spm, stock, "--libvirt-version", version) == stock


@pytest.mark.parametrize("name,version", CASES)
def test_in_of_out_is_the_same(name, version, virt_spm):
    stock = translate(virt_spm, document(name).read_text(), "--libvirt-version", version)
    shown = translate(virt_spm, stock, "--reverse")
    assert translate(virt_spm, shown, "--libvirt-version", version) == stock


@pytest.mark.parametrize("device", ["spm-memory", "sp-mem"])
def test_out_knows_both_devices(device, virt_spm):
    text = document("spm-single").read_text()
    stock = translate(virt_spm, text, "--device", device)
    assert f"value='{device}'" in stock
    assert translate(virt_spm, stock, "--reverse") == (XML2XML / "spm-single.xml").read_text()


@pytest.mark.parametrize("direction", [[], ["--reverse"]])
@pytest.mark.parametrize("case", WITHOUT_SPM)
def test_without_spm_nothing_changes(case, direction, virt_spm):
    assert translate(virt_spm, WITHOUT_SPM[case], *direction) == WITHOUT_SPM[case]


def indent(text):
    """A document two levels deeper, as the domain of a snapshot."""
    return "".join(f"  {line}" for line in text.splitlines(keepends=True))


@pytest.mark.parametrize("kind", ["domainsnapshot", "domaincheckpoint"])
@pytest.mark.parametrize("version", [NEW_LIBVIRT, OLD_LIBVIRT])
def test_domains_inside_snapshots(kind, version, virt_spm):
    def snapshot(text):
        inactive = text.replace("<domain ", "<inactiveDomain ").replace("</domain>", "</inactiveDomain>")
        return f"<{kind}>\n  <name>s</name>\n{indent(text)}{indent(inactive)}</{kind}>\n"

    text = document("spm-two-nodes").read_text()
    stock = translate(virt_spm, text, "--libvirt-version", version)
    assert translate(virt_spm, snapshot(text), "--libvirt-version", version) == snapshot(stock)
    assert translate(virt_spm, snapshot(stock), "--reverse") == snapshot(
        (XML2XML / "spm-two-nodes.xml").read_text())
