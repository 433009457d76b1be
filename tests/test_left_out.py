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


@pytest.mark.parametrize("record", [
    "", ";;;", "cell", "cell 1", "cell 9 shared yes", "cell x y z", "cell 0 shared", "page 0", "page 7 0 1", "page 0 0 1 2", "page 0 x y",
    "page 0 1 2 3 4 5 6 7", "memnode", "memnode 0 1 0 -", "spm", "spm 0", "spm x access", "spm 4294967296 access", "spm 5 access", "a b c",
    "page 0 %zz %zz %zz 0", " ".join("x" * 10000), "memnode 0 1 0 - 0;" * 3000, "x" * 70000,
])
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
