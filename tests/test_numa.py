# SPDX-License-Identifier: LGPL-2.1-or-later
"""Distances and HMAT of cells that an old libvirt is not given: what of them is refused, and how they come back."""

import re

import pytest
from documents import NEW_LIBVIRT, OLD_LIBVIRT, TRANSLATE, document, faults

CACHES = document("spm-hmat-caches").read_text()
STOCK = (TRANSLATE / "spm-hmat-caches.old.xml").read_text()
NEXT = "<qemu:arg value='-numa'/>\n    "


def arguments(text):
    return re.findall(r"<qemu:arg value='([^']*)'/>", text)


@pytest.fixture
def translate(virt_spm):
    def call(text, *options):
        done = virt_spm("translate", *options, "-", text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return call


@pytest.fixture
def stored(translate):
    return lambda text: translate(text, "--libvirt-version", OLD_LIBVIRT)


@pytest.fixture
def shown(translate):
    return lambda text: translate(text, "--reverse")


@pytest.mark.parametrize("old,new,message", [
    ("<sibling id='1' value='17'/>", "", None),
    ("<sibling id='1' value='17'/>", "<sibling id='2' value='17'/>",
     "<sibling> of <numa> has id='2'; it must be a whole number from 0 to 1"),
    ("id='1' value='17'", "value='17'", "<sibling> of <numa> has id=''; it must be a whole number from 0 to 1"),
    ("value='17'", "value='9'", "<sibling> of <numa> has value='9'; it must be a whole number from 10 to 255"),
    ("value='17'", "value='256'", "<sibling> of <numa> has value='256'; it must be a whole number from 10 to 255"),
    ("value='17'", "value='10'", "<sibling id='1'> of <cell id='0'> has value='10'; a cell has the distance 10 to itself, "
                                 "and a larger one to any other cell"),
    ("<sibling id='0' value='10'/>", "<sibling id='0' value='11'/>",
     "<sibling id='0'> of <cell id='0'> has value='11'; a cell has the distance 10 to itself, and a larger one to any "
     "other cell"),
    ("<distances>", "<distances/><distances>", "<distances> of <cell id='0'> has no <sibling>"),
    ("level='2'", "level='4'", "<cache> of <numa> has level='4'; it must be a whole number from 1 to 3"),
    ("level='2'", "level='1'", "<cache> of <cell id='1'> has level='1', which another <cache> of that cell has"),
    ("associativity='full'", "associativity='complex'",
     "<cache> of <numa> has associativity='complex'; allowed: 'none', 'direct', 'full'"),
    ("policy='writethrough'", "", "<cache> of <numa> has policy=''; allowed: 'none', 'writeback', 'writethrough'"),
    ("<size value='1024' unit='KiB'/>", "", "<size> of <cache> has value='' with unit 'KiB'; it must be from 1 to "
                                            "4398046510080 bytes"),
    ("value='1024' unit='KiB'", "value='1024' unit='x'", "<size> of <cache> has value='1024' with unit 'x'; it must be "
                                                         "from 1 to 4398046510080 bytes"),
    ("<line value='128' unit='B'/>", "", "<line> of <cache> has value='' with unit 'bytes'; it must be from 1 to 65535 "
                                         "bytes"),
    ("<line value='128' unit='B'/>", "<line value='64' unit='KiB'/>",
     "<line> of <cache> has value='64' with unit 'KiB'; it must be from 1 to 65535 bytes"),
    ("initiator='0' target='1' type='read'", "initiator='2' target='1' type='read'",
     "<latency> of <numa> has initiator='2'; it must be a whole number from 0 to 1"),
    ("initiator='0' target='1' type='read'", "initiator='0' target='2' type='read'",
     "<latency> of <numa> has target='2'; it must be a whole number from 0 to 1"),
    ("initiator='0' target='1' type='read'", "initiator='1' target='1' type='read'",
     "<latency> of <numa> has initiator='1', but that cell has no CPUs"),
    ("type='read'", "type='touch'", "<latency> of <numa> has type='touch'; allowed: 'access', 'read', 'write'"),
    ("type='read'", "type='write'", "<latency> of <numa> from cell 0 to cell 1 is given twice, or in both directions"),
    ("value='20'", "value='20ns'", "<latency> of <numa> has value='20ns'; it must be a whole number from 0 to "
                                   "18446744073709551615"),
    ("cache='1'", "cache='3'", "<latency> of <numa> has cache='3', but cell 1 has no <cache> of that level"),
    ("cache='2'", "cache='4'", "<bandwidth> of <numa> has cache='4'; it must be a whole number from 0 to 3"),
    ("value='819200' unit='KiB'", "value='819200' unit='KiB/s'",
     "<bandwidth> of <numa> has value='819200' with unit 'KiB/s'; expected a whole number and a unit such as 'MiB'"),
    ("</interconnects>", "</interconnects><interconnects/>", "<interconnects> is given 2 times; put everything into one"),
    ("</interconnects>", "x </interconnects>", "<interconnects> must not contain the text 'x'"),
    ("</numa>", "x </numa>", "<numa> must not contain the text 'x'"),
    ("</distances>", "</distances><![CDATA[x]]>", "<cell> must not contain the text 'x'"),
    ("<cpu>", "<cpu><numa/></cpu><cpu>", "<numa> is given 2 times; put everything into one"),
])
def test_what_libvirt_would_refuse_is_refused_if_it_does_not_get_it(old, new, message, virt_spm):
    text = CACHES.replace(old, new, 1)
    assert text != CACHES
    done = virt_spm("validate", "--libvirt-version", OLD_LIBVIRT, "-", text=text)
    assert [line.split(": ", 1)[1] for line in faults(done.stderr)[:1]] == ([message] if message else [])
    if "numa/" not in new:
        assert virt_spm("translate", "--libvirt-version", NEW_LIBVIRT, "-", text=text).returncode == 0


def test_each_direction_once(virt_spm):
    text = document("spm-hmat-no-cpus").read_text()
    text = text.replace("cpus='0-1'", "cpus='0'").replace("'1' memory=", "'1' cpus='1' memory=")
    text = text.replace("</interconnects>", "<bandwidth initiator='1' target='0' type='read' value='1' unit='GiB'/></interconnects>")
    done = virt_spm("validate", "--libvirt-version", OLD_LIBVIRT, "-", text=text)
    assert "<bandwidth> of <numa> from cell 1 to cell 0 is given twice, or in both directions" in done.stderr


@pytest.mark.parametrize("old,new", [
    ("dst=1,val=17", "dst=1,val=017"),
    (f"{NEXT}<qemu:arg value='hmat-cache,node-id=1,size=2048K", f"{NEXT}<qemu:arg value='x'/>{NEXT}<qemu:arg "
     "value='hmat-cache,node-id=1,size=2048K"),
    ("dist,src=0,dst=1,val=17", "dist,src=0,dst=1,val=17,x=1"),
    (f"{NEXT}<qemu:arg value='dist,src=1,dst=1,val=10'/>\n    ", ""),
    ("val=17", "val=256"),
    ("dst=0,val=28", "dst=2,val=28"),
    ("node,nodeid=1,initiator=0", "node,nodeid=1,initiator=1"),
    ("node,nodeid=1,initiator=0", "node,nodeid=1,cpus=0"),
    (f"{NEXT}<qemu:arg value='dist,src=0,dst=0", "<qemu:arg value='-machine'/>\n    <qemu:arg value='hmat=on'/>\n    "
     f"{NEXT}<qemu:arg value='dist,src=0,dst=0"),
    ("target=1,hierarchy=memory,data-type=read", "target=0,hierarchy=memory,data-type=read"),
    ("target=1,hierarchy=memory,data-type=read", "target=2,hierarchy=memory,data-type=read"),
    ("hierarchy=first-level", "hierarchy=fourth-level"),
    ("data-type=read-latency", "data-type=read-bandwidth"),
    ("data-type=write-latency", "data-type=read-latency"),
    ("associativity=complex", "associativity=full"),
    ("node-id=1,size=1024K", "node-id=0,size=1024K"),
    ("size=2048K,level=2", "size=2048K,level=0"),
    ("size=2048K,level=2", "size=2048K,level=4"),
    ("</numa>", "<interconnects/></numa>"),
    ("<cache level='1'", "<distances><sibling id='0' value='10'/></distances><cache level='1'"),
])
def test_what_translation_did_not_write_stays_as_it_is(old, new, shown):
    text = STOCK.replace(old, new, 1)
    assert text != STOCK
    result = shown(text)
    assert "<memory model='spm'>" in result and arguments(result) == arguments(text)
    assert result[result.index("<numa>"):result.index("</numa>")] == text[text.index("<numa>"):text.index("</numa>")]


def test_of_cells_alone_the_rest_stays(shown):
    """As before there were distances and HMAT."""
    text = (TRANSLATE / "spm-distances.old.xml").read_text().replace("val=28", "val=29").replace("src=1,dst=1,val=10", "x")
    result = shown(text)
    assert "<cell id='1' memory='0' unit='KiB'/>" in result and "<distances>" not in result
    assert arguments(result) == arguments(text)[2:]


def test_the_users_own_arguments_come_first(stored, shown):
    own = ["-numa", "node,nodeid=1,initiator=0", "-numa", "dist,src=0,dst=0,val=10", "-machine", "hmat=on", "-numa"]
    wrapper = "<qemu:commandline>" + "".join(f"<qemu:arg value='{value}'/>" for value in own) + "</qemu:commandline>"
    text = CACHES.replace("<domain ", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ")
    stock = stored(text.replace("</domain>", wrapper + "</domain>"))
    assert arguments(stock) == own + arguments(STOCK)
    result = shown(stock)
    assert arguments(result) == own and result.count("<cache ") == 3 and result.count("<latency ") == 4


def test_a_domain_of_an_older_version_is_shown(shown, stored):
    """It had nothing but the cells, even if libvirt got an HMAT."""
    text = document("spm-interconnects-of-the-first").read_text()
    stock = stored(text)
    assert "node,nodeid=1,initiator=0" in stock
    assert shown(stock.replace(",initiator=0", "")) == shown(stock)


def test_a_distance_that_is_not_given_has_a_default(stored):
    text = document("spm-distances-of-the-first").read_text()
    found = dict(re.fullmatch(r"dist,(?:val=(?P<default>\d+),)?(src=\d,dst=\d)(?:,val=(?P<val>\d+))?", value).group(2, 1)
                 for value in arguments(stored(text)) if value.startswith("dist,"))
    assert found == {"src=0,dst=0": None, "src=0,dst=1": None, "src=0,dst=2": "20", "src=1,dst=0": None,
                     "src=1,dst=1": None, "src=1,dst=2": "20", "src=2,dst=0": "20", "src=2,dst=1": "20",
                     "src=2,dst=2": "10"}


def test_a_size_has_any_unit(stored):
    text = CACHES.replace("value='819200' unit='KiB'", "value='800' unit='MiB'")
    text = text.replace("value='1024' unit='KiB'", "value='1' unit='MiB'").replace("value='64' unit='B'", "value='64' unit='bytes'")
    assert arguments(stored(text)) == arguments(STOCK)
