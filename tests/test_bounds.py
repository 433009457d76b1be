# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents that are made to cost much: each is done with in bounded time and memory, and the message says what is
wrong with it."""

import re
import resource
import subprocess

import pytest
from documents import document
from programs import BUILD

MEMORY = 512 << 20
SECONDS = 10
SINGLE = document("spm-single").read_text()
SPM = "<memory model='spm'><target><size>2048</size><node>1</node></target></memory>"


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


@pytest.fixture
def bounded():
    """Call virt-spm with a document, with little memory and time."""
    def call(*arguments, text):
        done = subprocess.run([BUILD / "src" / "virt-spm", *arguments, "-"], input=text, capture_output=True, text=True,
                              preexec_fn=limit, timeout=120, check=False)
        assert done.returncode in (0, 1), f"{done.returncode} {done.stderr[-1000:]}"
        return done
    return call


def with_devices(devices, text=SINGLE):
    return text.replace("</devices>", f"{devices}</devices>")


# Faults


def test_a_hundred_faults_are_shown(bounded):
    text = with_devices("<memory model='spm' color='red'/>" * 60)
    lines = bounded("validate", text=text).stderr.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "-: and 20 more faults, which are not shown"


def test_an_error_says_how_many_faults_are_shown(bounded):
    text = with_devices(SPM.replace("</target>", "<color/>" * 200000 + "</target>"))
    done = bounded("validate", text=text)
    assert done.stderr.endswith("\n-: and 199900 more faults, which are not shown\n")


@pytest.mark.parametrize("value,shown", [
    ("x" * 100, "x" * 100),
    ("x" * 101, "x" * 100 + "..."),
    ("é" * (4 << 20), "?" * 100 + "..."),  # virt-spm writes ASCII
    ("a&#10;b&#13;c&#9;d", "a?b?c?d"),
    ("a&#x85;b&#x2028;c&#x202e;d", "a?b?c?d"),
], ids=["short", "cut", "long", "lines", "marks"])
def test_a_quoted_value_is_cut_and_stays_on_its_line(value, shown, bounded):
    done = bounded("validate", text=with_devices(f"<memory model='spm' access='{value}'/>"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].endswith(f" has access='{shown}'; allowed: 'shared', 'private'")


def test_each_value_of_many_is_cut(bounded):
    text = with_devices(f"<memory model='spm' {'n' * 3000}='{'v' * 3000}'/>")
    assert all(len(line) < 1000 for line in bounded("validate", text=text).stderr.splitlines())


# What is looked at in pairs

DIMM = "<memory model='dimm'><target><size>2048</size><node>0</node></target></memory>"
VIRTIO_MEM = DIMM.replace("dimm", "virtio-mem")
WITHOUT_MAXIMUM = SINGLE.replace("  <maxMemory slots='8' unit='GiB'>16</maxMemory>\n", "")


def with_cells(number):
    """The first of 128 or more cells has memory."""
    cells = "".join(f"<cell id='{cell}' memory='0'/>\n" for cell in range(2, number))
    return SINGLE.replace("    </numa>", f"{cells}    </numa>")


@pytest.mark.parametrize("text,message", [
    (with_devices(SPM * 256), "-:28: <memory model='spm'> is given 257 times; a domain with <memory model='spm'> may have at "
                              "most 256, because QEMU has 256 slots for memory devices\n"),
    (with_devices(SPM * 200000), "-:28: <memory model='spm'> is given 200001 times; a domain with <memory model='spm'> may "
                                 "have at most 256, because QEMU has 256 slots for memory devices\n"),
    (with_devices("\n" + DIMM * 4096), "-:29: <memory> in <devices> is given 4097 times; a domain with <memory model='spm'> "
                                       "may have at most 4096, because QEMU has no more ranges of memory\n"),
    (with_cells(129), "-:143: <cell> of <numa> is given 129 times; a domain with <memory model='spm'> may have at most "
                      "128, because QEMU has 128 NUMA nodes\n"),
], ids=["spm", "much spm", "memory", "cells"])
@pytest.mark.parametrize("command", ["validate", "translate"])
def test_more_than_qemu_could_have(command, text, message, bounded):
    done = bounded(command, text=text)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.parametrize("text", [
    with_devices(SPM * 255, WITHOUT_MAXIMUM), with_devices(VIRTIO_MEM * 4095, WITHOUT_MAXIMUM), with_cells(128),
], ids=["spm", "memory", "cells"])
def test_as_much_as_qemu_can_have(text, bounded):
    done = bounded("translate", text=text)
    assert done.returncode == 0, done.stderr


def test_without_spm_nothing_is_refused(bounded):
    text = with_devices(DIMM * 5000 + "<!-- spm -->", with_cells(200)).replace("model='spm'", "model='dimm'")
    assert bounded("translate", text=text).stdout == text
    assert bounded("validate", text=text).returncode == 0


def test_every_pair_is_a_fault(bounded):
    dimms = DIMM.replace("<node>0", "<node>1") * 3840
    done = bounded("validate", text=with_devices(SPM * 255 + dimms, WITHOUT_MAXIMUM))
    assert done.stderr.endswith(f"and {256 * 3840 + 1 - 100} more faults, which are not shown\n")


def test_a_base_for_all_but_one(bounded):
    """Mixed and overlapping bases, with much in an element in which faults are looked for."""
    base = "<address base='0x140000000'/>"
    spm = SPM.replace("</target>", f"{'<!---->' * 1000}{base}</target>")
    dimms = DIMM.replace("</memory>", "<address type='dimm' base='0x140000000'/></memory>") * 3000
    done = bounded("validate", text=with_devices(spm * 255 + dimms, WITHOUT_MAXIMUM))
    assert done.returncode == 1 and " more faults, which are not shown\n" in done.stderr


# Look-ups


def colliding(number):
    """Texts that have one hash in GLib's tables, and in most others that multiply by 33."""
    words = [""]
    while len(words) < number:
        words = [word + pair for word in words for pair in ("Ab", "BA")]
    return [f"ua-{word}" for word in words[:number]]


def stock(aliases, override="<q:device alias='{}'><q:frontend><q:property name='driver' type='string' "
                            "value='spm-memory'/></q:frontend></q:device>", more=""):
    """What libvirt stores of a domain with a carrier for each alias."""
    memories = "".join(f"<memory model='dimm'><target><size>2048</size><node>1</node></target><alias name='{alias}'/>"
                       "</memory>" for alias in aliases)
    overrides = "".join(override.format(alias) for alias in reversed(aliases))
    return ("<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>"
            f"<devices>{memories}</devices><q:override>{more}{overrides}</q:override></domain>")


def test_many_carriers_are_shown(bounded):
    shown = bounded("translate", "--reverse", text=stock(colliding(32768))).stdout
    assert shown.count("<memory model='spm'>") == 32768
    assert "q:" not in shown


@pytest.mark.parametrize("more", ["<![CDATA[]]>" * 300000, " " * 4000000 + "x", "<!---->" * 300000],
                         ids=["sections", "text", "comments"])
def test_many_carriers_behind_much_else(more, bounded):
    done = bounded("translate", "--reverse", text=stock(colliding(16384), more=more))
    assert done.stdout.count("<memory model='spm'>") == 16384


def test_many_devices_with_one_large_override(bounded):
    aliases = ["ua-a"] * 20000
    text = stock(aliases, override="").replace("<q:override>", "<q:override><q:device alias='ua-a'><q:frontend>" +
                                               "<q:property name='x' value='spm-memory'/>" * 100000 +
                                               "</q:frontend></q:device>")
    assert bounded("translate", "--reverse", text=text).stdout == text


def test_many_cells_are_restored(bounded):
    args = "".join(f"<q:arg value='-numa'/><q:arg value='node,nodeid={node}'/>" for node in range(1, 40001))
    override = ("<q:device alias='{}'><q:frontend><q:property name='driver' value='spm-memory'/>"
                "<q:property name='node' value='1'/></q:frontend></q:device>")
    numa = f"<cpu><numa><cell id='0' memory='1'/>{'<interconnects/>' * 100000}</numa></cpu>"
    text = stock(["ua-a"], override).replace("<devices>", numa + "<devices>", 1)
    text = text.replace("</domain>", f"<q:commandline>{args}</q:commandline></domain>")
    shown = bounded("translate", "--reverse", text=text).stdout
    assert shown.count("<cell ") == 40001 and "q:" not in shown
    assert shown.index("<cell id='40000'") < shown.index("<interconnects/>")


def test_defaults_of_aliases_that_are_taken(bounded):
    disks = "".join(f"<disk><alias name='ua-spm{number}'/></disk>" for number in range(200000))
    stored = bounded("translate", text=with_devices(disks + SPM * 100, WITHOUT_MAXIMUM)).stdout
    assert all(f"<qemu:device alias='ua-spm{200000 + number}'>" in stored for number in range(101))


def test_many_overrides_of_other_devices(bounded):
    devices = "".join(f"<q:device alias='{alias}'><q:frontend/></q:device>" for alias in colliding(131072))
    text = with_devices(SPM * 255, WITHOUT_MAXIMUM)
    text = text.replace("<domain ", "<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0' ")
    text = text.replace("</domain>", f"<q:override>{devices}</q:override></domain>")
    assert bounded("translate", text=text).stdout.count("value='spm-memory'") == 256
    assert bounded("validate", text=text).returncode == 0


@pytest.mark.parametrize("child", ["<target/>", "<color/>", "text<a/>"], ids=["duplicate", "unknown", "text"])
def test_an_element_with_many_children(child, bounded):
    done = bounded("validate", text=with_devices(f"<memory model='spm'>{child * 200000}</memory>"))
    assert done.stderr.endswith(" more faults, which are not shown\n")


def test_many_pages_for_many_cells(bounded):
    pages = "<page size='2048' nodeset='0-16383'/>" * 100000
    text = with_cells(128).replace("<vcpu>", f"<memoryBacking><hugepages>{pages}</hugepages></memoryBacking><vcpu>")
    done = bounded("validate", "--libvirt-version", "11.3.0", text=text)
    assert done.stderr.endswith(" more faults, which are not shown\n")
    assert bounded("validate", text=text).returncode == 0


@pytest.mark.parametrize("old,new", [
    ("<vcpu>", "<memoryBacking><hugepages>{}</hugepages></memoryBacking><vcpu>".format(
        "<page size='2048' nodeset='0'/>" * 200000 + "<page size='2048' nodeset='1'/>")),
    ("<vcpu>", "<numatune>{}</numatune><vcpu>".format(
        "<memnode cellid='0' mode='strict' nodeset='0'/>" * 200000 +
        "<memnode cellid='1' mode='strict' nodeset='0'/>")),
], ids=["pages", "memnodes"])
def test_the_place_of_what_an_old_libvirt_is_not_given(old, new, bounded):
    text = SINGLE.replace(old, new, 1)
    stored = bounded("translate", "--libvirt-version", "11.3.0", text=text).stdout
    assert " 200000 " in stored
    shown = bounded("translate", "--reverse", text=stored).stdout
    assert shown.count("<page ") + shown.count("<memnode ") == 200001


def test_many_nodes_of_many_policies(bounded):
    """Carriers are compared with all cells that libvirt is given."""
    cells = "".join(f"<cell id='{cell}' memory='2' unit='MiB'/>\n" for cell in range(1, 127))
    memnodes = "".join(f"<memnode cellid='{cell}' mode='preferred' nodeset='0'/>" for cell in range(127))
    text = SINGLE.replace("<cell id='1' memory='0' unit='KiB'/>", cells + "<cell id='127' memory='0' unit='KiB'/>")
    text = text.replace("<vcpu>", f"<numatune><memory mode='strict' nodeset='{'0,' * 2000000}0'/>{memnodes}</numatune><vcpu>", 1)
    text = re.sub(" *<maxMemory.*\n", "", text).replace("<node>1<", "<node>127<")
    spm = SPM.replace("<node>1<", "<node>127<")
    done = bounded("translate", "--libvirt-version", "11.3.0", text=with_devices(spm * 255, text))
    assert done.returncode == 0, done.stderr[-500:]


def test_many_records_of_one_long_page(bounded):
    text = SINGLE.replace("<vcpu>", "<memoryBacking><hugepages><page size='2048' nodeset='0-1'/></hugepages></memoryBacking><vcpu>", 1)
    stored = bounded("translate", "--libvirt-version", "11.3.0", text=text).stdout
    assert "'part 0 0-1 1 2048" in stored
    many = stored.replace("'part 0 0-1 1 2048", "'" + "part 0 0-1 1 2048;" * 1000).replace(
        "size='2048' nodeset='0'", f"size='2048' nodeset='{'0,' * 2000000}x'")
    assert bounded("translate", "--reverse", text=many).stdout.count(",x'") == 1


SIBLINGS = "<distances>" + "<sibling id='1' value='17'/>" * 200000 + "</distances>"
CACHE = ("<cache level='1' associativity='full' policy='none'><size value='8' unit='KiB'/><line value='64' unit='B'/>"
         "</cache>")
LINKS = "<interconnects>" + "<latency initiator='0' target='1' type='read' value='5'/>" * 200000 + "</interconnects>"


@pytest.mark.parametrize("old,new", [
    ("<cell id='1' memory='0' unit='KiB'/>", f"<cell id='1' memory='0' unit='KiB'>{CACHE * 60000}</cell>"),
    ("    </numa>", f"{LINKS}</numa>"),
], ids=["caches", "links"])
def test_many_figures_of_a_cell(old, new, bounded):
    text = SINGLE.replace(old, new)
    assert text != SINGLE and bounded("validate", text=text).returncode == 0
    done = bounded("validate", "--libvirt-version", "11.3.0", text=text)
    assert done.stderr.endswith(" more faults, which are not shown\n")


def test_many_distances_of_many_cells(bounded):
    """QEMU wants each pair, and gets it once."""
    text = with_cells(128).replace("<cell id='1' memory='0' unit='KiB'/>",
                                   f"<cell id='1' memory='0' unit='KiB'>{SIBLINGS.replace('17', '10')}</cell>")
    stored = bounded("translate", "--libvirt-version", "11.3.0", text=text).stdout
    assert stored.count("<qemu:arg value='dist,") == 128 * 128
    assert bounded("translate", "--reverse", text=stored).stdout.count("<distances>") == 1


@pytest.mark.parametrize("more", ["dist,src=0,dst=1,val=17", "hmat-lb,initiator=0,target=1,hierarchy=memory,"
                                  "data-type=read-latency,latency=5", "node,nodeid=1,initiator=0"], ids=lambda more: more[:4])
def test_many_arguments_that_look_like_ours(more, bounded):
    stored = bounded("translate", "--libvirt-version", "11.3.0", text=SINGLE).stdout
    text = stored.replace("</qemu:commandline>", f"<qemu:arg value='-numa'/><qemu:arg value='{more}'/>" * 100000
                          + "</qemu:commandline>")
    assert bounded("translate", "--reverse", text=text).stdout.count(more) == 100000


# Sets of nodes and names


def with_nodemask(nodemask):
    return with_devices(SPM.replace("<target>", f"<source><nodemask>{nodemask}</nodemask></source><target>"))


@pytest.mark.parametrize("nodemask", ["0", "0-3", "0-3,^2", "^0", "00,3-1", "16384", "0-99999999999999999999",
                                      ",".join(["0-16383"] * 500000), ",".join(["1"] * 4000000), "1" * 9000000],
                         ids=lambda value: value[:20])
def test_set_of_nodes(nodemask, bounded):
    assert bounded("validate", text=with_nodemask(nodemask)).returncode == 0
    assert f"<nodemask>{nodemask}</nodemask>" in bounded("translate", text=with_nodemask(nodemask)).stdout


@pytest.mark.parametrize("nodemask", ["", ",", "0,", ",0", "0,,1", "-1", "0-", "0-1-2", "^", "^0-1", "^^0", "0 -1", "0, 1",
                                      "0&#10;,1", "a", "0x1", "+1", "0.5", "٣", "0," * 2000000, "0-1," * 1000000 + "x"],
                         ids=lambda value: ascii(value[:20]))
def test_what_is_no_set_of_nodes(nodemask, bounded):
    done = bounded("validate", text=with_nodemask(nodemask))
    assert done.returncode == 1
    assert "it must be a set of host NUMA nodes such as '0' or '0-1,3'" in done.stderr
    assert len(done.stderr) < 400


@pytest.mark.parametrize("alias", ["ua-x&#10;", "ua-&#10;", "ua-x&#10;y", "&#10;ua-x", "ua-x&#0009;", "ua-é"])
def test_what_is_no_alias(alias, bounded):
    done = bounded("validate", text=with_devices(SPM.replace("</memory>", f"<alias name='{alias}'/></memory>")))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "it must be 'ua-' followed by letters, digits, '_' or '-'" in done.stderr


def test_what_an_override_says_is_text(bounded):
    text = stock(["ua-a"], "<q:device alias='{}'><q:frontend><q:property name='driver' value='spm-memory'/>"
                           "<q:property name='node' value='&amp;x;&amp;&#10;forged'/></q:frontend></q:device>")
    done = bounded("translate", "--reverse", text=text)
    assert done.stderr == ""
    assert "<node>&amp;x;&amp;\nforged</node>" in done.stdout


def test_the_options_of_many_elements(bounded):
    """What a document says of all spm elements is read once."""
    backing = ("<memoryBacking><source/></memoryBacking>" * 40000 +
               "<memoryBacking><source type='memfd'/></memoryBacking>")
    tune = f"<numatune>{'<memnode cellid=$1$ mode=$strict$ nodeset=$0$/>' * 100000}</numatune>".replace("$", "'")
    text = with_devices(SPM * 255, WITHOUT_MAXIMUM).replace("<vcpu>", f"{backing}{tune}<vcpu>")
    done = bounded("argv", text=text.replace("spm-single", "n" * 4000000))
    assert done.stdout.count('"qom-type":"memory-backend-memfd"') == 256
    assert done.stdout.count('"host-nodes":[0],"policy":"bind"') == 256


# Requests

REQUEST = "<spm:request size='2' unit='MiB'/>"


def with_requests(requests, text=SINGLE):
    return text.replace("</domain>", "<metadata><spm:requests xmlns:spm='urn:libvirt-spm:request:1.0'>"
                                     f"{requests}</spm:requests></metadata></domain>")


def test_many_requests(bounded):
    done = bounded("expand", text=with_requests(REQUEST * 400000))
    assert "has 400000 requests; it may have at most 256" in done.stderr


def test_many_references_to_many_cells(bounded):
    cells = "".join(f"<cell id='{number}' memory='0'><distances/></cell>" for number in range(2, 120))
    text = with_requests(REQUEST * 100).replace("</numa>", f"{cells}</numa>", 1)
    text = text.replace("<distances/>", f"<distances>{'<sibling id=%r/>' % '1' * 600000}</distances>", 1)
    done = bounded("expand", text=text)
    assert (done.returncode, done.stdout.count("<alias name='ua-spm-request")) == (0, 100), done.stderr[-500:]


def test_many_words_in_a_request(bounded):
    text = with_requests("").replace("<metadata>", "<metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:custom><o:spm>"
                                     + "1," * 1000000 + ";" * 1000000 + "</o:spm></o:custom></o:vm>")
    assert "faults, which are not shown" in bounded("expand", text=text).stderr


def with_extra_specs(**specs):
    text = "".join(f"<n:extraSpec name='spm:{name}'>{value}</n:extraSpec>" for name, value in specs.items())
    return with_requests("").replace("<metadata>", "<metadata><n:instance xmlns:n='http://openstack.org/xmlns/libvirt/nova/1.1'>"
                                     f"<n:flavor><n:extraSpecs>{text}</n:extraSpecs></n:flavor></n:instance>")


def test_many_requests_of_one_long_profile(bounded):
    done = bounded("expand", text=with_extra_specs(size=";".join(["2MiB"] * 200000), profile="p" * 2000000))
    assert "has 200000 requests; it may have at most 256" in done.stderr


def test_the_name_of_an_extra_spec_is_cut_and_in_one_line(bounded):
    done = bounded("expand", text=with_extra_specs(**{"a&#10;b" + "c" * 1000000: 1}))
    assert "extra spec 'spm:a?bccc" in done.stderr and "ccc... is unknown" in done.stderr
    assert len(done.stderr) < 1000
