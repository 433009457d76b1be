# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a document says of cells that an old libvirt is not given: what of it is refused, and what of a record in a stored
domain is believed. What is carried is in the golden documents."""

import re

import pytest
from documents import OLD_LIBVIRT, XML2XML, document

MODES = document("spm-memnode-modes").read_text()
JOINT = document("spm-hugepages-joint").read_text()
OF_SPM = document("spm-hugepages-of-spm").read_text()
ACCESS = document("spm-cell-access").read_text()
RECORD = re.compile(r"(<qemu:env name='LIBVIRT_SPM_CELLS' value=')([^']*)'")


@pytest.fixture
def refused(virt_spm):
    """The only thing that validate finds wrong with a document."""
    def call(text):
        assert virt_spm("validate", "-", text=text).returncode == 0, "a new libvirt refuses it, or leaves it to libvirt"
        done = virt_spm("validate", "--libvirt-version", OLD_LIBVIRT, "-", text=text)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        return done.stderr
    return call


@pytest.mark.parametrize("old,new,message", [
    ("cellid='3' mode='strict' nodeset='0'", "cellid='3' mode='strict' nodeset='0-'",
     ":11: <memnode> of <cell id='3'> has nodeset='0-'; expected a set of host NUMA nodes such as '0' or '0-1,3'\n"),
    ("cellid='3' mode='strict' nodeset='0'", "cellid='3'",
     ":11: <memnode> of <cell id='3'> has nodeset=''; expected a set of host NUMA nodes such as '0' or '0-1,3'\n"),
    ("<node>2</node>", "<node>3</node>", None),  # nothing uses the cell of the next one
    ("cellid='2' mode='preferred'", "cellid='2' mode='prefer'",
     ":10: <memnode> of <cell id='2'> has mode='prefer'; expected 'strict', 'preferred', 'interleave' or 'restrictive'\n"),
])
def test_a_memnode_that_libvirt_does_not_see_is_checked(old, new, message, virt_spm, refused):
    text = MODES.replace("<node>2</node>", "<node>3</node>").replace(old, new)
    if message:
        assert refused(text).endswith(message)
    else:
        assert virt_spm("validate", "--libvirt-version", OLD_LIBVIRT, "-", text=text).returncode == 0


def test_two_of_a_kind_for_one_cell(refused):
    twice = MODES.replace("<memnode cellid='3'", "<memnode cellid='2' mode='preferred' nodeset='0'/>\n    <memnode cellid='3'")
    assert ":11: <memnode> names <cell id='2'>, which another <memnode> names as well; only one" in refused(twice)
    pages = JOINT.replace("nodeset='2'", "nodeset='1-2'")
    assert ":9: <page> names <cell id='1'>, which another <page> names as well; only one" in refused(pages)


@pytest.mark.parametrize("old,new,message", [
    ("memAccess='shared'", "memAccess='public'", "<cell id='1'> has an invalid memAccess; expected 'shared' or 'private'"),
    ("discard='yes'", "discard='on'", "<cell id='1'> has an invalid discard; expected 'yes' or 'no'"),
    ("discard='yes'", "color='red'", "has the attribute 'color', which libvirt before 11.8.0 cannot give to a cell"),
])
def test_attributes_of_a_cell(old, new, message, refused):
    assert message in refused(ACCESS.replace(old, new))


@pytest.mark.parametrize("origin,old,line,element", [(MODES, "cellid='3' mode='strict' nodeset='0", 11, "memnode"),
                                                     (JOINT, "nodeset='2", 9, "page")])
def test_nodesets_that_do_not_fit_into_one_variable(origin, old, line, element, virt_spm, refused):
    others = 1 if origin is MODES else len("0-1")

    def text(length):
        return origin.replace(old, old + " " * (length - 1 - others))

    longest = virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=text(16384))
    assert longest.returncode == 0
    assert virt_spm("translate", "--reverse", "-", text=longest.stdout).stdout.count(" " * (16384 - 1 - others)) == 1
    assert (f":{line}: <{element}> is one of those that name cells without memory, and their nodesets have more than 16384 "
            "characters, which libvirt before 11.8.0 cannot pass to QEMU; shorten") in refused(text(16385))


def test_a_size_with_endless_blanks_is_left_to_libvirt(virt_spm):
    text = JOINT.replace("size='1048576'", f"size='{' ' * 20}1048576'")
    assert f"<page size='{' ' * 20}1048576' unit='KiB' nodeset='2'/>" in virt_spm(
        "translate", "--libvirt-version", OLD_LIBVIRT, "-", text=text).stdout


@pytest.fixture
def stored(virt_spm):
    """What an old libvirt is given."""
    def call(text):
        done = virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=text)
        assert done.returncode == 0, done.stderr
        assert RECORD.search(done.stdout)
        return done.stdout
    return call


@pytest.fixture
def shown(virt_spm):
    def call(text):
        done = virt_spm("translate", "--reverse", "-", text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return call


def normal(name):
    return (XML2XML / f"{name}.xml").read_text()


def test_what_libvirt_drops_is_made_again(stored, shown):
    """libvirt has no empty <memoryBacking> and <numatune>."""
    text = stored(OF_SPM)
    assert "  <memoryBacking/>\n" in text
    assert shown(text.replace("  <memoryBacking/>\n", "")) == normal("spm-hugepages-of-spm")
    text = stored(document("spm-memnode").read_text())
    assert "  <numatune/>\n" in text
    expected = normal("spm-memnode")
    numatune = re.search("  <numatune>.*</numatune>\n", expected, re.DOTALL)[0]
    # libvirt writes it after <vcpu>
    expected = expected.replace(numatune, "").replace("  <os>", f"{numatune}  <os>")
    assert shown(text.replace("  <numatune/>\n", "")) == expected


@pytest.mark.parametrize("number", range(5))
def test_what_goes_back_goes_between_the_same_elements(number, stored, shown):
    """Also where one is unknown, which libvirt drops when it stores the domain."""
    lines = normal("spm-memnode-modes").splitlines(keepends=True)
    lines.insert(lines.index("  <numatune>\n") + 1 + number, "    <unknown/>\n")
    text = stored("".join(lines))
    assert shown(text) == "".join(lines)
    assert shown(text.replace("    <unknown/>\n", "")) == normal("spm-memnode-modes")


def test_a_page_that_was_changed_meanwhile(stored, shown):
    text = stored(JOINT)
    assert "<page size='2048' unit='KiB' nodeset='0'/>" in text
    assert shown(text) == normal("spm-hugepages-joint")
    assert "nodeset='1,5'" in shown(text.replace("nodeset='0'/>", "nodeset='5'/>"))


@pytest.mark.parametrize("old,new", [("<numatune>", "<numatune/><numatune>"), ("<numatune>", "<numatune><x/></numatune><numatune>")])
def test_one_element_of_several_in_what_libvirt_stores(old, new, stored, shown):
    """libvirt has no empty ones, and makes one of several."""
    text = stored(document("spm-memnode").read_text().replace(old, new))
    text = re.sub(r" *<numatune>.*</numatune>\n| *<numatune/>\n", "", text, flags=re.S)
    assert "<memnode cellid='1' mode='strict' nodeset='0'/>" in shown(text)


PAGES = ["<page size='2048' unit='KiB' nodeset='0-1'/>", "<page size='1048576' unit='KiB' nodeset='2'/>"]


@pytest.mark.parametrize("between", ["</hugepages>\n<hugepages>", "</hugepages></memoryBacking>\n<memoryBacking><hugepages>",
                                     "</hugepages></memoryBacking>\n<memoryBacking/><memoryBacking><hugepages>"])
@pytest.mark.parametrize("merged", [False, True])
def test_pages_keep_their_sizes_whatever_they_are_in(between, merged, stored, shown):
    text = stored(re.sub("(nodeset='0-1'/>)", rf"\1{between}", JOINT))
    if merged:
        text = re.sub(r"</?hugepages/?>|</?memoryBacking/?>", "", text)
        text = re.sub(r"(<page .*/>\n)", r"<memoryBacking><hugepages>\1</hugepages></memoryBacking>", text)
    assert re.findall("<page.*/>", shown(text)) == PAGES
    assert RECORD.search(stored(shown(text)))[2] == RECORD.search(text)[2]


def test_a_page_that_a_client_removed_takes_its_cells_along(stored, shown):
    """Those of another size stay as they are."""
    text = stored(JOINT)
    (page,) = re.findall(" *<page .*/>\n", text)
    assert re.findall("<page.*/>", shown(text.replace(page, ""))) == PAGES[1:]
    larger = page.replace("2048", "1048576")
    assert re.findall("<page.*/>", shown(text.replace(page, larger))) == [larger.strip(), PAGES[1]]
    twice = shown(text.replace(page, larger + page))
    assert PAGES[0] in twice and larger.strip() in twice


TWO = document("spm-memnode").read_text().replace("</devices>", """  <memory model='spm'>
      <source>
        <nodemask>1</nodemask>
      </source>
      <target>
        <size unit='MiB'>128</size>
        <node>1</node>
      </target>
    </memory>
  </devices>""")


def test_an_element_keeps_what_it_says_when_a_client_removed_another(stored, shown):
    text = stored(TWO)
    first = re.search(" *<memory model='(dimm|nvdimm)'.*?</memory>\n", text, re.S)[0]
    assert "<nodemask>0</nodemask>" in first and "<nodemask>1</nodemask>" not in first
    assert shown(text.replace(first, "")).count("<nodemask>1</nodemask>") == 1


@pytest.mark.parametrize("old,new,kept", [("<nodemask>0<", "<nodemask>3<", "3"), ("ua-spm0", "ua-other", "0")], ids=["nodemask", "alias"])
def test_a_carrier_that_a_client_changed_keeps_what_it_says(old, new, kept, stored, shown):
    text = stored(document("spm-memnode").read_text())
    assert "<nodemask>" not in shown(text)
    assert f"<nodemask>{kept}</nodemask>" in shown(text.replace(old, new))


def test_a_nodemask_that_libvirt_wrote_anew_is_the_same(stored, shown):
    text = stored(document("spm-memnode").read_text().replace("nodeset='0'", "nodeset='0,1'"))
    assert "<nodemask>0,1</nodemask>" in text
    assert "<nodemask>" not in shown(text.replace("<nodemask>0,1<", "<nodemask>0-1<"))


@pytest.mark.parametrize("old,new", [
    ("      <cell id='0'", "      <cell id='1' memory='1048576' unit='KiB'/>\n      <cell id='0'"),
    ("node,nodeid=1", "node,nodeid=1,foo=1"), ("node,nodeid=1", "node,nodeid=2"),
], ids=["cell", "value", "id"])
def test_without_its_cell_a_record_is_the_users(old, new, stored, shown):
    """A client added a cell, or changed the argument."""
    for origin in ACCESS, document("spm-memnode").read_text():
        text = stored(origin).replace(old, new)
        result = shown(text)
        assert RECORD.search(result)[0] == RECORD.search(text)[0]
        assert "memAccess" not in result and "<memnode" not in result


@pytest.mark.parametrize("word", ["%01", "%ff", "%c3%28", "%ef%bf%bf", "%ed%a0%80"])
def test_a_record_puts_nothing_into_a_document_that_xml_does_not_have(word, stored, shown, virt_spm):
    for origin in JOINT, document("spm-memnode").read_text():
        odd = RECORD.sub(lambda match: f"{match[1]}{re.sub('(?<= )(0|strict|2048|1048576)(?=[ ;]|$)', word, match[2])}'", stored(origin))
        assert word in odd
        assert virt_spm("validate", "-", text=shown(odd)).returncode == 0


def test_the_longest_record(virt_spm):
    """Of all cells and elements that there may be, with texts that are escaped."""
    cells = range(1, 128)
    pages = "".join(f"<page size='{' ' * 16}2048' unit='KiB' nodeset='{cell}'/>\n" for cell in cells)
    memnodes = "".join(f"<memnode cellid='{cell}' mode='strict' nodeset='{' ' * 125}0'/>\n" for cell in cells)
    text = document("spm-memnode").read_text()
    text = re.sub(" *<numatune>.*</numatune>\n", f"<memoryBacking><hugepages>{pages}</hugepages></memoryBacking>"
                  f"<numatune>{memnodes}</numatune>", text, flags=re.S)
    text = text.replace("<cell id='1' memory='0' unit='KiB'/>", "".join(
        f"<cell id='{cell}' memory='0' unit='KiB' memAccess='private' discard='yes'/>\n" for cell in cells))
    text = re.sub("    <memory model='spm'>.*</memory>\n", "".join(
        f"<memory model='spm'><target><size unit='MiB'>2</size><node>{index % 127 + 1}</node></target>"
        f"<alias name='ua-{'long' * 20}-{index}'/></memory>\n" for index in range(256)), text, flags=re.S)
    text = text.replace("slots='8' unit='GiB'>16", "unit='GiB'>64").replace("<memory unit='GiB'>2", "<memory unit='MiB'>1024")
    done = virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=text)
    assert done.returncode == 0, done.stderr
    assert 70000 < len(RECORD.search(done.stdout)[2]) < 127 * 1024
    shown = virt_spm("translate", "--reverse", "-", text=done.stdout).stdout
    assert (shown.count("<memnode"), shown.count("<page"), shown.count("memAccess='private'")) == (127, 127, 127)
    assert "<pagesize" not in shown and "<nodemask" not in shown and not RECORD.search(shown)


@pytest.mark.parametrize("record", [
    "", ";;;", "cell", "cell 1", "cell 9 shared yes", "cell x y z", "cell 0 shared", "cell 0 shared yes", "page 0", "page 7 0 1",
    "page 0 0 1 2", "page 0 x y z", "page 0 1 2 3 4 5 6 7", "part 0 0 1", "part 0 0 1 0", "part 9 x 1 x", "part 0 x y 2048",
    "part 0 - 0-9 2048", "part x 0 1 99999999999999999999", "memnode", "memnode 0 1 0", "memnode 0 9 0 -", "memnode 0 x 0 -", "spm",
    "spm 0", "spm x access", "spm access", "a b c", "page 0 %zz %zz %zz", " ".join("x" * 10000), "memnode 0 0 0 -;" * 3000,
    "x" * 140000,
], ids=lambda record: record[:30])
def test_a_record_that_is_none(record, stored, shown):
    """Whoever may define domains can write one. Nothing of it is believed but that there are cells."""
    for text in ACCESS, JOINT, MODES:
        odd = RECORD.sub(lambda match: f"{match[1]}{record}'", stored(text))
        result = shown(odd)
        assert result.count("<memory model='spm'") == text.count("<memory model='spm'")
        assert result.count("<cell ") == text.count("<cell ")


def test_a_record_without_cells_is_the_users(virt_spm):
    """Without a carrier, the variable is one like any other."""
    text = RECORD.sub(r"\1cell 1 shared yes'", virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=ACCESS).stdout)
    plain = text.replace("value='spm-memory'", "value='other'")
    assert virt_spm("translate", "--reverse", "-", text=plain).stdout == plain
