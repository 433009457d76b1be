# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents that are legal and odd: what libvirt takes is taken, nothing of it is lost, and none of its text reaches
stderr, which is a daemon's log."""

import xml.etree.ElementTree as ElementTree

import pytest
from documents import NEW_LIBVIRT, OLD_LIBVIRT, TRANSLATE, document

PLAIN = document("spm-single").read_text()
STOCK = (TRANSLATE / "spm-single.xml").read_text()
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
FORGED = "2026-01-01 00:00:00.000+0000: 1: error : a forged line"


@pytest.fixture
def translate(virt_spm):
    """Translate a document, in silence."""
    def call(text, *options):
        done = virt_spm("translate", *options, "-", text=text)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout
    return call


def behind(text, anchor, more):
    """A document with something more behind what stands in it once."""
    assert text.count(anchor) == 1
    return text.replace(anchor, anchor + more)


def in_metadata(content, text=PLAIN):
    return behind(text, "</uuid>\n", f"  <metadata>{content}</metadata>\n")


def same(one, other):
    """Whether documents are the same up to white space."""
    return ElementTree.canonicalize(one, strip_text=True, with_comments=True) == ElementTree.canonicalize(
        other, strip_text=True, with_comments=True)


# what a parser of references would write to stderr, and what it would make of the value
HOSTILE = [f"{text}&#10;{FORGED}" for text in ("&amp;bogus;", "&amp;#1;", "&amp;lt;&amp;", "&#38;#x26;")]


@pytest.mark.parametrize("value", HOSTILE)
def test_an_overridden_node_comes_out_to_the_letter(value, translate):
    property_ = f"<qemu:property name='node' type='unsigned' value='{value}'/>"
    anchor = "<qemu:property name='slot'"
    shown = translate(STOCK.replace(anchor, property_ + anchor), "--reverse")
    assert ElementTree.fromstring(shown).findtext("devices/memory/target/node") == ElementTree.fromstring(
        f"<a b='{value}'/>").get("b")


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("old,new", [
    ("0x0", "{}"), ("ua-spm0", "{}"), ("'driver'", "'{}'"), ("'remove'", "'{}'"), (">1<", ">{}<"),
    (">1048576<", ">{}<"), ("slot='8'", "slot='{}'"), ("slots='9'", "slots='{}'"), (">spm-single<", ">{}<"),
])
@pytest.mark.parametrize("direction", [[], ["--reverse"]])
def test_no_value_is_written_to_stderr(direction, old, new, value, virt_spm):
    text = STOCK.replace("slot='8'", "slot='8' base='0x0'").replace(old, new.format(value))
    done = virt_spm("translate", *direction, "-", text=text)
    for line in done.stderr.splitlines():
        assert line.startswith("-:")


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("old,new", [
    ("<node>1</node>", "<node>{}</node>"), ("</target>", "</target><alias name='{}'/>"), ("'GiB'>1<", "'{}'>1<"),
    ("<node>1</node>", "<node>1</node><address base='{}'/>"),
    ("<target>", "<source><nodemask>{}</nodemask></source><target>"),
    ("<target>", "<source><path>{}</path></source><target>"), ("<memory model", "<memory access='{}' model"),
])
def test_no_value_of_an_spm_element_is_written_by_libxml2(old, new, value, virt_spm):
    done = virt_spm("translate", "-", text=PLAIN.replace(old, new.format(value)))
    assert "error : Entity" not in done.stderr and "parser error" not in done.stderr and "Entity:" not in done.stderr
    assert not done.stderr or done.stderr.startswith("-:")


@pytest.mark.parametrize("kind", ["domainsnapshot", "domaincheckpoint"])
@pytest.mark.parametrize("version", [NEW_LIBVIRT, OLD_LIBVIRT])
@pytest.mark.parametrize("content,path", [
    ("<qemu:x/>", "{urn:other}x"), ("<qemu:x><qemu1:y qemu:z=''/></qemu:x>", "{urn:other}x"),
    (f"<qemu:x xmlns:qemu='{QEMU}'/>", f"{{{QEMU}}}x")])
def test_a_prefix_of_the_snapshot_keeps_its_meaning(content, path, version, kind, translate):
    start = f"<{kind} xmlns:qemu='urn:other' xmlns:qemu1='urn:another'>"
    stock = translate(f"{start}{in_metadata(content)}</{kind}>", "--libvirt-version", version)
    shown = translate(stock, "--reverse")
    for text in stock, shown:
        root = ElementTree.fromstring(text)
        assert len(root.findall(f"domain/metadata/{path}")) == 1
    assert ElementTree.fromstring(stock).find(f"domain/{{{QEMU}}}override") is not None
    assert shown.startswith(start) and QEMU not in shown.replace('"', "'").replace(content, "")
    assert same(translate(shown, "--libvirt-version", version), stock)


@pytest.mark.parametrize("content", ["<qemu:x xmlns='urn:a'/>", "<x xmlns='urn:a'><y qemu:z=''/></x>"])
def test_a_namespace_in_use_is_not_dropped(content, translate):
    shown = translate(in_metadata(content, STOCK), "--reverse")
    ElementTree.fromstring(shown)  # a prefix that is declared nowhere is an error
    assert f"xmlns:qemu='{QEMU}'" in shown
