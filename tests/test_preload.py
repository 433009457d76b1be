# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin in front of a libvirt that prints what it is called with (preload/fake_libvirt.c)."""

import os
import re

import pytest
from programs import PLUGIN, run
from documents import ARGV, TRANSLATE, XML2XML, document
from symbols import DEVICE, EXPORTED, GIVES_XML, NO_XML, TAKES_XML

LIVE, CONFIG, MIGRATABLE = "1", "2", "8"

SPM = document("spm-single").read_text()
STOCK = (TRANSLATE / "spm-single.old.xml").read_text()
PLAIN = '<domain type="qemu" ><name>spm</name></domain>'


def test_exports_are_the_table_and_nothing_else():
    symbols = run("nm", "-D", "--defined-only", PLUGIN).stdout.split()[2::3]
    assert sorted(symbols) == sorted(EXPORTED)


def test_the_plugin_links_no_more_than_it_needs():
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", PLUGIN).stdout)
    assert {name.split(".so")[0] for name in needed} <= {"libglib-2.0", "libxml2", "libc", "libdl", "ld-linux-x86-64"}


@pytest.mark.parametrize("function", TAKES_XML)
def test_spm_goes_in_as_stock(function, call):
    assert f"{function}:\n{STOCK}" in call(function, SPM).stdout


@pytest.mark.parametrize("function", TAKES_XML)
def test_plain_documents_go_in_byte_for_byte(function, call):
    assert f"{function}:\n{PLAIN}" in call(function, PLAIN).stdout


@pytest.mark.parametrize("connection", ["LXC", "Test"])
def test_other_hypervisors_are_left_alone(connection, call):
    assert SPM in call("virDomainDefineXML", SPM, connection=connection).stdout


def test_other_documents_are_left_alone(call):
    text = "<network><devices><memory model='spm'/></devices></network>"
    assert f"virDomainDefineXML:\n{text}" in call("virDomainDefineXML", text).stdout


def test_malformed_xml_is_left_to_libvirt(call):
    text = "<domain><memory model='spm'></domain>"
    assert f"virDomainDefineXML:\n{text}" in call("virDomainDefineXML", text).stdout


@pytest.mark.parametrize("function", [name for name in TAKES_XML if re.search("Params|Migrate3|URI3", name)])
def test_every_document_among_parameters_is_translated(function, call):
    output = call(function, SPM).stdout
    assert output.count(f"{function}:\n{STOCK}") == 3
    assert "bandwidth:\n" in output and "(spm)\n" in output


@pytest.mark.parametrize("function", GIVES_XML)
def test_carriers_come_out_as_spm(function, call):
    assert f"result: {(XML2XML / 'spm-single.xml').read_text()}" in call(function, STOCK).stdout


def test_migratable_xml_stays_stock(call):
    assert f"result: {STOCK}" in call("virDomainGetXMLDesc", STOCK, flags=MIGRATABLE).stdout


@pytest.mark.parametrize("function", GIVES_XML)
def test_plain_documents_come_out_byte_for_byte(function, call):
    assert f"result: {PLAIN}" in call(function, PLAIN).stdout


VIR_FROM_DOMAIN = 20
VIR_ERR_XML_ERROR = 27
VIR_ERR_CONFIG_UNSUPPORTED = 67
VIR_ERR_OPERATION_UNSUPPORTED = 84


@pytest.mark.parametrize("name,code", [("unknown-attribute-invalid", VIR_ERR_XML_ERROR),
                                       ("node-missing-cell-unsupported", VIR_ERR_CONFIG_UNSUPPORTED)])
@pytest.mark.parametrize("function", TAKES_XML)
def test_a_refusal_is_an_error_of_libvirt(function, name, code, call):
    line, message = re.match(r"[^:]*:(\d+): (.*)", (ARGV / f"{name}.err").read_text()).groups()
    output = call(function, document(name).read_text()).stdout
    assert f"error domain={VIR_FROM_DOMAIN} code={code} line {line}: {message}\ndispatched\n" in output
    assert "result: (null)" in output or "result: -1" in output
    assert f"{function}:" not in output


def test_several_faults_are_counted(call):
    output = call("virDomainDefineXML", document("several-invalid").read_text()).stdout
    assert "(and 2 more; 'virt-spm validate' shows all)" in output


@pytest.mark.parametrize("function", ["virDomainDefineXML", "virConnectDomainXMLToNative"])
def test_a_missing_symbol_leaves_it_inert(function, call):
    done = call(function, SPM, fake="fake-incomplete")
    assert f"{function}:\n{SPM}" in done.stdout
    assert done.stderr == ("libvirt-spm: libvirt has no virDomainCreateLinux; <memory model='spm'> is not "
                           "available\n")


def test_inert_shows_stock_xml(call):
    assert f"result: {STOCK}" in call("virDomainGetXMLDesc", STOCK, fake="fake-incomplete").stdout


def test_children_do_not_inherit_the_plugin(call, request):
    output = call("virDomainGetXMLDesc", PLAIN, others=["libm.so.6"]).stdout
    inherited = output.splitlines()[-1]
    if "linked" in request.node.name:
        assert "libvirt-spm.so" not in inherited and "libm.so.6" in inherited
    else:
        assert "libvirt-spm.so" in inherited  # changing the environment of a running program is not safe


def test_a_program_without_libvirt_is_left_alone():
    env = {**os.environ, "LD_PRELOAD": str(PLUGIN)}
    done = run("/bin/sh", "-c", "echo $LD_PRELOAD", env=env)
    assert (done.stdout.strip(), done.stderr) == (str(PLUGIN), "")


BY_ALIAS = "<memory model='spm'><alias name='ua-spm0'/></memory>"


@pytest.fixture
def stock_domain(tmp_path):
    """A file with an inactive domain, or an active one, as libvirt has it."""
    def make(active=False, xml=STOCK):
        path = tmp_path / "domain.xml"
        path.write_text(xml.replace("<domain ", "<domain id='1' ") if active else xml)
        return [path]
    return make


@pytest.mark.parametrize("flags", ["0", LIVE, CONFIG, "3"])
@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("function", DEVICE)
def test_spm_comes_and_goes_with_the_definition_alone(function, active, flags, call, stock_domain):
    device = "ua-spm0" if function.endswith("Alias") else BY_ALIAS
    output = call(function, device, flags=flags, domain=stock_domain(active)).stdout
    assert (f"code={VIR_ERR_OPERATION_UNSUPPORTED} <memory model='spm'> cannot be attached, updated or detached on "
            "its own, because a guest keeps it from boot to shutdown; change the domain's definition (virsh edit, or "
            "virt-xml --edit), and restart the domain if it is running\n") in output
    assert "result: -1" in output and "virDomainDefineXML" not in output and f"{function}:" not in output


@pytest.mark.parametrize("function", DEVICE)
@pytest.mark.parametrize("device", ["<memory model='dimm'/>", "<disk name='spm'/>", "ua-other", "spm"])
def test_other_devices_are_left_to_libvirt(function, device, call, stock_domain):
    output = call(function, device, flags=CONFIG, domain=stock_domain()).stdout
    assert f"{function}:\n{device}" in output and "result: 0" in output


MEMORY_ONLY = "16"


@pytest.mark.parametrize("function", ["virDomainCoreDump", "virDomainCoreDumpWithFormat"])
def test_a_dump_of_the_memory_alone_has_it(function, call, stock_domain):
    domain = stock_domain(True, STOCK.replace("spm-memory", "sp-mem"))
    assert f"{function}:\nfile" in call(function, "-", flags=MEMORY_ONLY, domain=domain).stdout


@pytest.mark.parametrize("function", NO_XML)
def test_a_domain_that_cannot_be_read_is_not_saved(function, call, stock_domain):
    domain = stock_domain(True, STOCK.replace("spm-memory", "sp-mem").replace("</devices>", ""))
    output = call(function, "-", domain=domain).stdout
    assert (f"code={VIR_ERR_OPERATION_UNSUPPORTED} the domain's XML cannot be read (line 43: the document is not "
            "well-formed XML: ") in output
    assert ("result: -1" in output or "result: (null)" in output) and f"{function}:" not in output


REDEFINED = {
    "virDomainSaveImageDefineXML": SPM,
    "virDomainRestoreFlags": SPM,
    "virDomainRestoreParams": SPM,
    "virDomainManagedSaveDefineXML": SPM,
    "virDomainSnapshotCreateXML": f"<domainsnapshot><name>x</name>{SPM}</domainsnapshot>",
    "virDomainCheckpointCreateXML": f"<domaincheckpoint><name>x</name>{SPM}</domaincheckpoint>",
}


@pytest.mark.parametrize("now", ["spm-memory", "sp-mem"])
@pytest.mark.parametrize("saved", ["spm-memory", "sp-mem"])
@pytest.mark.parametrize("function", REDEFINED)
def test_what_is_saved_keeps_its_device(function, saved, now, call, stock_domain, tmp_path):
    stored = tmp_path / "saved.xml"
    stored.write_text(STOCK.replace("spm-memory", saved))
    redefine = "1" if "Snapshot" in function or "Checkpoint" in function else "0"
    output = call(function, REDEFINED[function], flags=redefine, settings=f"device={now}", FAKE_SAVED=str(stored),
                  domain=stock_domain(xml=STOCK.replace("spm-memory", now))).stdout
    assert set(re.findall("name='driver' type='string' value='([^']*)'", output)) == {saved}
