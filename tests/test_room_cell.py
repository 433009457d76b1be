# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cell that a new domain gets for free hotplug space below SPM of the last cell, and where none is added."""

import re

import pytest
from documents import ARGV, EXPAND, NEW_LIBVIRT, OLD_LIBVIRT, TRANSLATE, XML2XML, document
from symbols import TAKES_XML
from test_laws import indent
from test_requests import NEW

DOMAIN = document("spm-room-cell").read_text()
SHOWN = (XML2XML / "spm-room-cell.xml").read_text()
STOCK = (TRANSLATE / "spm-room-cell.old.xml").read_text()
CELL = "      <cell id='3' memory='0' unit='KiB'/>\n"
REFUSAL = "but free hotplug space below it (0x110000000) is reported on the same node"
ADVICE = "; set <address> or add <cell id='3' memory='0'/>"


@pytest.mark.parametrize("function", NEW)
def test_a_new_domain_gets_it(function, call):
    assert f"{function}:\n{STOCK}" in call(function, DOMAIN).stdout


@pytest.mark.parametrize("function", sorted({*TAKES_XML} - {*NEW}))
def test_what_is_saved_migrated_or_part_of_a_snapshot_does_not_get_it(function, call):
    output = call(function, DOMAIN).stdout
    assert REFUSAL in output and ADVICE in output and f"{function}:\n" not in output


@pytest.mark.parametrize("function", sorted({*TAKES_XML} - {*NEW}))
def test_what_is_saved_or_migrated_keeps_it(function, call):
    assert f"{function}:\n{STOCK}" in call(function, SHOWN).stdout


@pytest.mark.parametrize("function", NEW)
@pytest.mark.parametrize("text", [SHOWN, STOCK], ids=["shown", "stock"])
def test_a_second_definition_changes_nothing(function, text, call):
    assert f"{function}:\n{STOCK}" in call(function, text).stdout


def test_a_start_does_not_add_it(call, tmp_path):
    """Where a domain that was defined without the module lacks it, and its emulator has got the other device."""
    file = tmp_path / "domain.xml"
    file.write_text(re.sub(r" *<qemu:arg value='-numa'/>\n *<qemu:arg value='node,nodeid=3'/>\n", "", STOCK))
    output = call("virDomainCreate", "-", domain=[file], settings="device=sp-mem").stdout
    assert REFUSAL in output and "virDomainDefineXML" not in output and "started" not in output


@pytest.mark.parametrize("kind", ["domainsnapshot", "domaincheckpoint"])
def test_a_snapshot_does_not_get_it(kind, virt_spm):
    done = virt_spm("translate", "-", text=f"<{kind}>\n  <name>s</name>\n{indent(DOMAIN)}</{kind}>\n")
    assert (done.returncode, done.stdout) == (1, "") and REFUSAL in done.stderr


def test_a_running_domain_keeps_its_layout(virt_spm):
    """Its document has an id."""
    done = virt_spm("layout", document("room-below-live-unsupported"))
    assert done.returncode == 1 and REFUSAL in done.stderr
    assert virt_spm("layout", "-", text=SHOWN.replace("<domain ", "<domain id='7' ")).returncode == 0


def test_the_map_has_it(virt_spm):
    """The same for the document and for what is shown of it."""
    maps = {virt_spm("layout", "-", text=text).stdout for text in (DOMAIN, SHOWN)}
    text, = maps
    assert re.findall(r"room for hotplug +\S+ \S+ (node \d)", text) == ["node 3", "node 3"]


def test_pages_of_1_gib_need_it_too(virt_spm):
    pages = "<pagesize unit='GiB'>1</pagesize>"
    text = re.sub("<path>.*</alignsize>", pages, DOMAIN, flags=re.S)
    backing = DOMAIN.replace("<vcpu>", "<memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages></memoryBacking><vcpu>")
    for domain in text, re.sub("<source>.*</source>", "", backing, flags=re.S).replace(">256<", ">1024<"):
        done = virt_spm("translate", "-", text=domain)
        assert done.returncode == 0, done.stderr
        assert (CELL in done.stdout) == (domain is text)


def test_advice_that_is_followed_adds_no_other(virt_spm):
    own = (XML2XML / "spm-room-cell-own.xml").read_text()
    assert own.count("<cell ") == SHOWN.count("<cell ") == 4


def test_a_domain_that_has_all_cells_is_told_to_give_an_address(virt_spm):
    cells = "".join(f"      <cell id='{cell}' memory='0' unit='KiB'/>\n" for cell in range(3, 128))
    text = DOMAIN.replace("    </numa>", f"{cells}    </numa>").replace("<node>2<", "<node>127<")
    done = virt_spm("validate", "-", text=text)
    assert done.returncode == 1 and done.stderr.endswith("and a driver would pick that first; set <address>\n")
    last = text.replace(CELL.replace("'3'", "'127'"), "").replace("<node>127<", "<node>126<")
    assert "<cell id='127' memory='0' unit='KiB'/>" in virt_spm("translate", "-", text=last).stdout


def test_following_the_advice_helps_where_none_is_added(virt_spm):
    """Where a document has distances, the cell must be in them."""
    text = document("room-below-distances-unsupported").read_text()
    assert ADVICE in (ARGV / "room-below-distances-unsupported.err").read_text()
    done = virt_spm("translate", "-", text=text.replace("    </numa>", f"{CELL}    </numa>"))
    assert done.returncode == 0, done.stderr


# ---- requests

REQUESTED = (EXPAND / "own-room.out.xml").read_text()
ONE_MORE = "<spm:request size=\"2\" unit=\"MiB\"/>\n"


@pytest.fixture
def expand(virt_spm):
    def expander(text, *options):
        done = virt_spm("expand", "--profiles", EXPAND / "spm.d", *options, "-", text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return expander


def cells(text):
    return re.findall(r"<cell id='(\d+)'", text)


@pytest.mark.parametrize("version", [OLD_LIBVIRT, NEW_LIBVIRT])
def test_it_goes_with_the_requests(version, expand, virt_spm):
    """libvirt before 11.8 starts no domain that has cells without memory and no SPM."""
    stock = virt_spm("translate", "--libvirt-version", version, "-", text=REQUESTED).stdout
    for text in REQUESTED, stock:
        assert cells(expand(re.sub(" *<spm:requests.*</spm:requests>\n", "", text, flags=re.S))) == ["0"]


def test_it_goes_where_other_requests_leave_no_room(expand):
    other = expand(REQUESTED.replace(" profile=\"hbm\"", ""))
    assert cells(other) == ["0", "1", "2"]
    assert expand(other.replace("<spm:request size=\"1\" unit=\"GiB\"/>",
                                "<spm:request size=\"1\" unit=\"GiB\" profile=\"hbm\"/>")) == REQUESTED


def test_it_comes_last_after_one_more_request(expand):
    text = expand(REQUESTED.replace("      <spm:request size=\"256\"", f"      {ONE_MORE}      <spm:request size=\"256\""))
    assert cells(text) == ["0", "1", "2", "3", "4"] and expand(text) == text
    assert re.findall(r"<node>(\d)</node>", text) == ["1", "2", "3"]


def test_a_cell_of_the_users_own_stays(expand):
    """One that no room needs, after the cells of requests."""
    text = REQUESTED.replace(" profile=\"hbm\"", "")
    assert cells(expand(text.replace(CELL, ""))) == ["0", "1", "2"]
    text = expand(text.replace(CELL, "")).replace("    </numa>", f"{CELL}    </numa>")
    assert expand(text) == text and cells(text) == ["0", "1", "2", "3"]


def test_a_request_takes_its_cell_where_it_leaves_no_room(expand):
    """SPM of a request comes first, so of the domain's own SPM none is in the last cell any more."""
    text = expand(SHOWN, "--request", "1GiB")
    assert cells(text) == ["0", "1", "2", "3"] and re.findall(r"<node>(\d)</node>", text) == ["3", "1", "2"]
    assert expand(text) == text
    bare = expand(re.sub(" *<metadata>.*</metadata>\n", "", text, flags=re.S))
    assert cells(bare) == ["0", "1", "2", "3"] and re.findall(r"<node>(\d)</node>", bare) == ["1", "2"]
