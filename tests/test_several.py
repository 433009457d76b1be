# SPDX-License-Identifier: LGPL-2.1-or-later
"""Elements that libvirt reads although a document has several of them: all of <devices>, the first <maxMemory>.

What it reads is its XPath: "./devices/memory" goes through every <devices>, "./cpu/numa[1]/cell" through the first
<numa> of every <cpu>."""

import re

import pytest
from documents import NEW_LIBVIRT, OLD_LIBVIRT, document
from programs import BUILD, run

SINGLE = document("spm-single").read_text()
QEMU = "xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'"
SPM = "<memory model='spm'><target><size>2048</size><node>1</node></target>{}</memory>"
DIMM = "<memory model='dimm'><target><size>2048</size><node>0</node></target>{}</memory>"
PROPERTY = "<q:override><q:device alias='{}'><q:frontend><q:property name='{}' value='{}'/></q:frontend></q:device></q:override>"


def with_more(elements, text=SINGLE):
    return text.replace("<domain ", f"<domain {QEMU} ", 1).replace("</domain>", f"{elements}</domain>")


@pytest.fixture
def refused(virt_spm):
    """What validate says of a document."""
    def call(text, version=NEW_LIBVIRT):
        done = virt_spm("validate", "--libvirt-version", version, "-", text=text)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr
    return call


def test_spm_of_each_devices_is_translated(virt_spm):
    text = with_more(f"<devices>{SPM.format('')}</devices><devices>{SPM.format('')}</devices>")
    stored = virt_spm("translate", "-", text=text)
    assert stored.returncode == 0, stored.stderr
    assert "model='spm'" not in stored.stdout and stored.stdout.count("<memory model='dimm'>") == 3
    shown = virt_spm("translate", "--reverse", "-", text=stored.stdout)
    assert shown.stdout.count("<memory model='spm'>") == 3


def test_spm_in_the_second_devices_alone(virt_spm):
    text = SINGLE.replace("<!-- HBM", "</devices><devices><!-- HBM")
    assert "<memory model='dimm'>" in virt_spm("translate", "-", text=text).stdout


def test_spm_comes_before_memory_of_an_earlier_devices(virt_spm):
    text = SINGLE.replace("  <devices>", f"<devices><!-- a -->{DIMM.format('')}</devices>\n  <devices>")
    text = with_more(f"<devices>{SPM.format('')}</devices>", text)
    stored = virt_spm("translate", "-", text=text).stdout
    memories = re.findall("<memory model='dimm'>.*?</memory>", stored, re.DOTALL)
    assert ["<alias name='ua-spm" in memory for memory in memories] == [True, True, False]
    assert virt_spm("translate", "-", text=stored).stdout == stored


def test_an_alias_of_another_devices(refused):
    text = with_more(f"<devices>{SPM.format('''<alias name='ua-a'/>''')}</devices>",
                     SINGLE.replace("<!-- HBM", "<disk><alias name='ua-a'/></disk><!-- HBM"))
    assert "has name='ua-a', which <disk> on line 21 already has" in refused(text)


def test_memory_of_another_devices_is_in_the_cell(refused):
    assert "uses the same cell" in refused(with_more(f"<devices>{DIMM.replace('>0<', '>1<').format('')}</devices>"))


def test_the_first_emulator_counts(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "qemu").touch()
        (tmp_path / name / "share" / "qemu").mkdir(parents=True)
        (tmp_path / name / "share" / "qemu" / "bios-256k.bin").touch()
    emulators = "".join(f"<devices><emulator>{tmp_path}/{name}/bin/qemu</emulator></devices>" for name in ("a", "b"))
    domain = tmp_path / "domain.xml"
    domain.write_text(f"<domain><os/><devices/>{emulators}</domain>")
    assert run(BUILD / "tests" / "firmware", domain).stdout.startswith(f"{tmp_path}/a/share/qemu/bios-256k.bin\nunknown")


def test_a_feature_of_another_features(virt_spm):
    text = SINGLE.replace("<acpi/>", "").replace("</domain>", "<features><acpi/></features></domain>")
    assert virt_spm("validate", "-", text=text).returncode == 0


def test_a_cell_of_another_cpu(virt_spm):
    text = SINGLE.replace("<cell id='1'", "</numa></cpu><cpu><numa><cell id='1'")
    assert virt_spm("validate", "-", text=text).returncode == 0


def test_a_cell_of_a_second_numa_is_none(refused):
    text = SINGLE.replace("<cell id='1'", "</numa><numa><cell id='1'")
    assert "but <numa> of <cpu> has no such cell" in refused(text)


@pytest.mark.parametrize("second", [
    "<memoryBacking><hugepages><page size='2048' nodeset='1'/></hugepages></memoryBacking>",
    "<numatune><memnode cellid='1' mode='strict' nodeset='0'/></numatune>",
], ids=["page", "memnode"])
def test_what_is_put_back_where_it_was(second, virt_spm):
    text = with_more("<memoryBacking/><numatune/>" + second)
    stored = virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=text).stdout
    assert "nodeset='1'" not in stored and "cellid='1'" not in stored and "<memory model='dimm'>" in stored
    shown = virt_spm("translate", "--reverse", "-", text=stored).stdout
    assert re.sub(r">\s+<", "><", shown).count(f"<memoryBacking/><numatune/>{second}</domain>") == 1


def test_hugepages_of_cells_that_old_libvirt_is_not_given_are_not_for_all(virt_spm):
    """<hugepages> without a <page> would be."""
    backing = "<memoryBacking><hugepages/></memoryBacking><memoryBacking><hugepages><page size='2048' nodeset='1'/></hugepages></memoryBacking>"
    text = with_more(backing)
    stored = virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=text).stdout
    assert "hugepages" not in stored and "<pagesize unit='KiB'>2048</pagesize>" in stored
    shown = virt_spm("translate", "--reverse", "-", text=stored).stdout
    assert shown.count("<hugepages>") == 1 and shown.count("<page ") == 1 and "<pagesize" not in shown


def test_the_users_own_override(refused):
    text = with_more(PROPERTY.format("ua-x", "a", "b") + PROPERTY.format("ua-a", "x", "b") + PROPERTY.format("ua-a", "slot", "1"),
                     SINGLE.replace("</target>", "</target><alias name='ua-a'/>"))
    assert "<property> of <override> sets 'slot' of <memory model='spm'> with alias 'ua-a'" in refused(text)


def test_an_override_is_used_that_is_there(virt_spm):
    text = with_more("<q:override/>" + PROPERTY.format("ua-a", "x", "b"),
                     SINGLE.replace("</target>", "</target><alias name='ua-a'/>"))
    assert virt_spm("translate", "-", text=text).stdout.count("<q:device alias='ua-a'>") == 1


def test_of_two_overrides_that_with_properties_is_used(virt_spm):
    empty = "<q:override><q:device alias='ua-a'><q:frontend/></q:device></q:override>"
    text = with_more(empty + PROPERTY.format("ua-a", "x", "b"), SINGLE.replace("</target>", "</target><alias name='ua-a'/>"))
    stored = virt_spm("translate", "-", text=text).stdout
    shown = virt_spm("translate", "--reverse", "-", text=stored).stdout
    assert virt_spm("translate", "-", text=shown).stdout == stored and empty in stored


def test_a_carrier_of_any_override_is_shown(virt_spm):
    stored = with_more(PROPERTY.format("ua-x", "a", "b") + PROPERTY.format("ua-a", "x", "b") +
                       PROPERTY.format("ua-a", "driver", "spm-memory"),
                       SINGLE.replace("spm'", "dimm'").replace("</target>", "</target><alias name='ua-a'/>"))
    shown = virt_spm("translate", "--reverse", "-", text=stored).stdout
    assert "<memory model='spm'>" in shown and shown.count("<q:override>") == 2 and "driver" not in shown


def test_cells_of_any_command_line_are_restored(virt_spm):
    stored = virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=SINGLE).stdout
    assert "<cell id='1'" not in stored
    stored = stored.replace("<qemu:commandline>", "<qemu:commandline/><qemu:commandline>")
    assert "<cell id='1'" in virt_spm("translate", "--reverse", "-", text=stored).stdout


@pytest.mark.parametrize("argument,code", [("-M", 0), ("-no-shutdown", 1)])
def test_an_argument_of_any_command_line(argument, code, virt_spm):
    text = with_more(f"<q:commandline/><q:commandline><q:arg value='{argument}'/></q:commandline>",
                     SINGLE.replace("<node>1</node>", "<node>1</node><address base='0x8000000000'/>"))
    assert virt_spm("validate", "-", text=text).returncode == code


def test_the_first_attribute_of_memory_backing(virt_spm):
    text = with_more("<memoryBacking><access/><source/></memoryBacking>"
                     "<memoryBacking><access mode='shared'/><source type='memfd'/></memoryBacking>")
    assert '"qom-type":"memory-backend-memfd"' in virt_spm("argv", "-", text=text).stdout
    assert '"share":true' in virt_spm("argv", "-", text=text).stdout


@pytest.mark.parametrize("command", ["validate", "translate"])
@pytest.mark.parametrize("old,new", [("<domain ", "<domain xmlns='urn:x' "), ("domain", "x:domain")])
def test_a_domain_in_a_namespace(old, new, command, virt_spm):
    text = SINGLE.replace(old, new).replace("<x:domain", "<x:domain xmlns:x='urn:x'")
    done = virt_spm(command, "-", text=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("-:1: the document's <domain> is in the namespace 'urn:x'; libvirt accepts only a <domain> without "
                           "a namespace\n")
