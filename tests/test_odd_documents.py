# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents that are legal and odd: what libvirt takes is taken, nothing of it is lost, and none of its text reaches
stderr, which is a daemon's log."""

import xml.etree.ElementTree as ElementTree

import pytest
from documents import NEW_LIBVIRT, OLD_LIBVIRT, TRANSLATE, XML2XML, document

PLAIN = document("spm-single").read_text()
STOCK = (TRANSLATE / "spm-single.xml").read_text()
SHOWN = (XML2XML / "spm-single.xml").read_text()
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


ODD = {
    "instructions and comments around": "<?xml version='1.0'?>\n<?a b?>\n<!-- c -->\n" + PLAIN + "<?d?>\n<!-- e -->\n",
    "a declared encoding": "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" standalone='yes'?>\n"
                           + behind(PLAIN, "</uuid>", "<title>caf&#233;</title>"),
    "instructions and comments between": behind(PLAIN, "</emulator>", "<?a b?><!--c--><?d?>"),
    "instructions and comments inside": behind(
        behind(PLAIN, "</size>", "<!-- a --><?b c?>"), "<memory model='spm'>", "<!-- d --><?e?>"),
    "a referenced model": PLAIN.replace("'spm'", "'&#115;&#x70;&#x06D;'"),
    "references everywhere": PLAIN.replace("'spm'", "'&#115;pm'").replace(">1<", ">&#49;<").replace("GiB", "&#71;iB"),
    "double quotes": PLAIN.replace("'", '"'),
    "white space": PLAIN.replace("='", " =\n'").replace("'>", "'\n>").replace("'/>", "'\t/>").replace(
        "</size", "\n</size"),
    "no white space": "".join(line.strip() for line in PLAIN.splitlines()),
    "character data": PLAIN.replace(">1</node>", "><![CDATA[1]]></node>").replace(
        "<name>spm-single", "<name><![CDATA[spm]]>-single"),
    "default namespaces inside": in_metadata(
        "<a xmlns='urn:a'><b xmlns='urn:b'><memory model='spm' xmlns=''/></b></a>"),
    "a default namespace of QEMU's": PLAIN.replace(
        "</domain>", f"<commandline xmlns='{QEMU}'><arg value='-no-user-config'/></commandline></domain>"),
    "an override that declares its namespace": PLAIN.replace(
        "</domain>", f"<q:override xmlns:q='{QEMU}'><q:device alias='video0'><q:frontend><q:property name='a' "
                     "type='string' value='b'/></q:frontend></q:device></q:override></domain>"),
    "a foreign device": behind(PLAIN, "</emulator>", "<f:memory xmlns:f='urn:f' model='spm'/>"),
    "several of everything": behind(PLAIN, "</uuid>", "<name>b</name><uuid/><metadata><a xmlns='urn:a'/></metadata>"
                                                     "<metadata><b xmlns='urn:b'/></metadata>"),
    "values that are references": in_metadata("<a xmlns='urn:a' b='&amp;bogus;&amp;#1;'>&amp;bogus; &amp;amp;</a>"),
}


@pytest.mark.parametrize("word", ["&#115;pm", "s&#0112;m", "sp&#x6d;", "&#x0073;&#x70;&#x6D;"])
def test_a_model_that_is_referenced(word, translate):
    """The only "spm" of the document is one that libvirt would read, and refuse."""
    text = PLAIN.replace("'spm'", f"'{word}'").replace("spm-single", "single")
    assert "spm" not in text
    assert translate(text) == translate(text.replace(word, "spm")) != text


@pytest.mark.parametrize("word", ["s&#112;-mem", "sp&#45;mem", "&#115;p-mem"])
def test_a_device_that_is_referenced(word, translate):
    text = STOCK.replace("'spm-memory'", f"'{word}'").replace("spm-single", "single").replace("ua-spm0", "ua-a")
    assert "<memory model='spm'>" in translate(text, "--reverse")


def test_a_referenced_model_reaches_libvirt_as_stock(call):
    text = PLAIN.replace("'spm'", "'s&#112;m'").replace("spm-single", "single")
    assert "value='spm-memory'" in call("virDomainDefineXML", text).stdout


@pytest.mark.parametrize("text", [
    "&#10;&#xE9;", "&#x1F600;", "&#55555555555555555555;", "&#;", "&#x;", "&#", "<?xml",
    "<?xml encoding='utf-8'", "\u00ef"])
def test_other_references_are_not_looked_into(text, translate):
    """Not even whether the document is well-formed."""
    assert translate(text, "--reverse") == text


def without_spm(text):
    """A document without its memory device, its overrides of it and the white space in between."""
    root = ElementTree.fromstring(text.encode())
    devices = root.find("devices")
    devices.remove(next(node for node in devices if node.tag == "memory"))
    return ElementTree.canonicalize(ElementTree.tostring(root), strip_text=True, with_comments=True)


def same(one, other):
    """Whether documents are the same up to white space."""
    return ElementTree.canonicalize(one, strip_text=True, with_comments=True) == ElementTree.canonicalize(
        other, strip_text=True, with_comments=True)


@pytest.mark.parametrize("version", [NEW_LIBVIRT, OLD_LIBVIRT])
@pytest.mark.parametrize("name", ODD)
def test_nothing_is_lost(name, version, translate):
    stock = translate(ODD[name], "--libvirt-version", version)
    shown = translate(stock, "--reverse")
    assert [node.get("model") for node in ElementTree.fromstring(stock).findall("devices/memory")] == ["dimm"]
    assert [node.get("model") for node in ElementTree.fromstring(shown).findall("devices/memory")] == ["spm"]
    for element in "override", "commandline":
        assert len(ElementTree.fromstring(stock).findall(f"{{{QEMU}}}{element}")) <= 1
    assert stock.count("'spm-memory'") == 1 and "spm-memory" not in shown
    assert without_spm(shown) == without_spm(ODD[name])
    assert same(translate(shown, "--libvirt-version", version), stock)
    assert translate(stock, "--libvirt-version", version) == stock


@pytest.mark.parametrize("direction", [[], ["--reverse"]])
@pytest.mark.parametrize("name", ODD)
def test_a_dimm_in_its_place_is_left_alone(name, direction, translate):
    device = PLAIN[PLAIN.index("<memory model"):PLAIN.index("  </devices>")]
    text = ODD[name].replace(device, "<memory model='dimm'/>")
    text = text.replace("'&#115;&#x70;&#x06D;'", "'dim&#109;'").replace("'&#115;pm'", "'&#100;imm'")
    text = text.replace('"spm"', '"dimm"').replace("'spm'", "'dimm'")
    assert translate(text, *direction) == text


def test_an_encoding_of_its_own(translate):
    """Whether an encoding that text of ASCII declares is heeded depends on libxml2, and so for libvirt."""
    text = f"<?xml version='1.0' encoding='UTF-7'?>\n{PLAIN.replace('spm', '+AHMAcABt-')}"
    assert translate(text) in (STOCK, text)


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


def test_metadata_does_not_grow(translate):
    quotes = in_metadata("<a xmlns=\"urn:a\">" + "\"'" * 500000 + "</a>", STOCK)
    shown = translate(quotes, "--reverse")
    assert len(shown) < len(quotes)
    assert translate(shown) == quotes


def test_metadata_is_written_as_libvirt_writes_it(translate):
    """What libvirt 11.3 shows of a document with all that XML has."""
    metadata = (
        '  <metadata xmlns:o="urn:o" x="y" o:z="w">\n'
        '    <a:b xmlns:a="urn:a" c="&quot;\'&#10;&#9;&#13;&gt;&lt;">te"xt\' &gt; &#13; \u00e9 '
        '<![CDATA[<x>"]]><?pi a  b?><!-- c " --></a:b>\n'
        '    <x xmlns="urn:default">\n      <y xmlns=""/>\n      <u:ndeclared u:at="1"/>\n    </x>\n'
        '  </metadata>\n')
    stock = behind(STOCK, "</uuid>\n", f"  <title>&quot;caf\u00e9&apos;&quot;</title>\n{metadata}")
    shown = translate(stock, "--reverse")
    assert shown == behind(SHOWN, "</uuid>\n", f"  <title>&quot;caf\u00e9&apos;&quot;</title>\n{metadata}")
    assert translate(shown) == stock


def test_metadata_is_not_escaped_more_than_by_libvirt(translate):
    """libxml2 before 2.14 writes such a reference for libvirt, and newer ones the character."""
    shown = translate(in_metadata('<a xmlns="urn:a" b="&#xE9;"/>', STOCK), "--reverse")
    assert ' b="&#xE9;"' in shown or ' b="\u00e9"' in shown
    assert "<?xml" not in translate("<?xml version='1.0' encoding='ISO-8859-1'?>" + shown)


UNDECLARED = ['<a xmlns="urn:a">\n      <u:b u:c="d"/>\n    </a>', '<a xmlns="urn:a">\n      <qemu:b/>\n    </a>',
              '<a xmlns="urn:a" qemu:b="c"/>']


@pytest.mark.parametrize("version", [NEW_LIBVIRT, OLD_LIBVIRT])
@pytest.mark.parametrize("content", UNDECLARED)
def test_an_undeclared_prefix_stays_undeclared(content, version, translate):
    prefix = "qemu1" if "qemu" in content else "qemu"
    text = in_metadata(f"\n    {content}\n  ")
    stock = translate(text, "--libvirt-version", version)
    assert content in stock and f"xmlns:{prefix}='{QEMU}'" in stock and stock.count("xmlns:qemu") == 1
    shown = translate(stock, "--reverse")
    assert content in shown and "model='spm'" in shown and "xmlns:qemu" not in shown
    assert translate(shown, "--libvirt-version", version) == stock


def test_an_undeclared_command_line_does_not_come_to_life(translate):
    text = PLAIN.replace("</domain>", "<qemu:commandline><qemu:arg value='-S'/></qemu:commandline></domain>")
    stock = translate(text)
    assert f"xmlns:qemu1='{QEMU}'" in stock and "xmlns:qemu=" not in stock and "<qemu:arg value='-S'/>" in stock


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


def test_a_dump_larger_than_what_is_read(translate):
    """Metadata is set piece by piece, each no larger than a message."""
    text = in_metadata(f'<a xmlns="urn:a">{"x" * (12 << 20)}</a><b xmlns="urn:b">{"<c/>" * (2 << 20)}</b>', STOCK)
    shown = translate(text, "--reverse")
    assert len(text) > 20 << 20 and "<memory model='spm'>" in shown and len(shown) < len(text)


@pytest.mark.parametrize("levels", [260, 2000])
@pytest.mark.parametrize("place", ["</uuid>\n", "</emulator>\n"])
def test_a_dump_deeper_than_what_is_read(place, levels, translate):
    """libvirt reads 256 levels of metadata by itself, and shows them some levels deeper in a snapshot."""
    nested = "<b>" * (levels - 1) + "<b/>" + "</b>" * (levels - 1) + "\n"
    assert nested in translate(behind(STOCK, place, nested), "--reverse")


def test_what_is_given_is_as_deep_as_libvirt_reads(virt_spm):
    done = virt_spm("translate", "-", text=behind(PLAIN, "</uuid>\n", "<b>" * 300 + "</b>" * 300))
    assert done.returncode == 1 and "Excessive depth in document: 256" in done.stderr


@pytest.mark.parametrize("direction", [[], ["--reverse"]])
def test_a_document_type_is_not_read(direction, virt_spm):
    """Ten entities, each ten times the one before."""
    entities = "".join(f"<!ENTITY e{i + 1} '{f'&e{i};' * 10}'>" for i in range(10))
    text = f"<!DOCTYPE domain [<!ENTITY e0 'spm-memory'>{entities}]>\n<domain a='&e10;'>&e10;</domain>"
    done = virt_spm("translate", *direction, "-", text=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "-: the document has a document type declaration (DTD), which is not supported\n"
