# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin gives a domain that is defined or created what it requests, in front of the fake libvirt."""

import re

import pytest
from documents import EXPAND, OLD_LIBVIRT
from symbols import TAKES_XML
from test_parse_once import COUNTING, counted

NEW = ["virDomainDefineXML", "virDomainDefineXMLFlags", "virDomainCreateXML", "virDomainCreateXMLWithFiles",
       "virDomainCreateLinux", "virConnectDomainXMLToNative"]
VIR_ERR_XML_ERROR, VIR_ERR_CONFIG_UNSUPPORTED = 27, 67


def source(name):
    return (EXPAND / f"{name}.xml").read_text()


def result(name):
    return (EXPAND / f"{name}.out.xml").read_text()


@pytest.fixture
def ask(call):
    """Call a function of a host with the profiles of expanddata."""
    return lambda function, text, **options: call(
        function, text, **{"LIBVIRT_SPM_PROFILES": str(EXPAND / "spm.d"), **options})


@pytest.fixture
def stock(virt_spm):
    """What libvirt is to get for a document with spm elements."""
    return lambda text: virt_spm("translate", "--libvirt-version", OLD_LIBVIRT, "-", text=text).stdout


@pytest.mark.parametrize("function", NEW)
def test_a_request_is_met(function, ask, stock):
    assert f"{function}:\n{stock(result('own-profile'))}" in ask(function, source("own-profile")).stdout


@pytest.mark.parametrize("name", ["nova-26", "nova-33-size", "nova-33-resources", "ovirt", "own-pool"])
def test_requests_of_managers_are_met(name, ask, stock):
    assert f"virDomainDefineXML:\n{stock(result(name))}" in ask("virDomainDefineXML", source(name)).stdout


def test_a_request_may_have_character_references(ask):
    text = source("nova-33-resources").replace("CUSTOM_SPM", "CUSTOM&#95;SPM")
    output = ask("virDomainDefineXML", text, LIBVIRT_SPM_PROFILES="/no/such/folder").stdout
    assert "CUSTOM_SPM" not in text and "model='dimm'" in output


@pytest.mark.parametrize("function", sorted({*TAKES_XML} - {*NEW}))
def test_what_is_saved_or_migrated_is_not_expanded(function, ask):
    assert f"{function}:\n{source('own')}" in ask(function, source("own")).stdout


@pytest.mark.parametrize("function", NEW)
def test_a_second_definition_changes_nothing(function, ask, stock, virt_spm):
    text = stock(result("own-profile"))
    shown = virt_spm("translate", "--reverse", "-", text=text).stdout
    assert f"{function}:\n{text}" in ask(function, shown).stdout
    assert f"{function}:\n{text}" in ask(function, text).stdout


def test_a_request_that_is_gone_takes_its_memory_away(ask, stock):
    text = re.sub(" *<spm:requests.*</spm:requests>\n", "", stock(result("own-cells")), flags=re.S)
    output = ask("virDomainDefineXML", text).stdout
    assert "ua-spm" not in output and "qemu" not in output.replace("/usr/bin/qemu-system-x86_64", "")
    assert "<memory unit='KiB'>1048576</memory>" in output and "maxMemory" not in output


@pytest.mark.parametrize("name,message", [
    ("profile-unknown", "line 5: a request for SPM has the profile 'cxl', which this host does not have; "),
    ("size-not-aligned", "<size> of <memory model='spm'> is 3072 KiB; it must be a multiple of 2 MiB"),
    ("nova-nvdimm", "line 33: <memory model='nvdimm'> cannot be combined with a request for SPM of OpenStack, ")])
@pytest.mark.parametrize("function", NEW)
def test_a_request_that_cannot_be_met_is_refused(function, name, message, ask):
    output = ask(function, source(name)).stdout
    assert f"code={VIR_ERR_CONFIG_UNSUPPORTED} {message}" in output and f"{function}:\n" not in output


@pytest.mark.parametrize("program", ["libvirtd", "call-libvirt"])
def test_a_host_without_profiles(program, ask, stock):
    output = ask("virDomainDefineXML", source("own"), program=program, LIBVIRT_SPM_PROFILES="/no/such/folder")
    assert f"virDomainDefineXML:\n{stock(result('own'))}" in output.stdout and "spm.d" not in output.stderr


def test_a_flavor_that_no_profile_names_is_left_alone(ask):
    text = source("nova-26").replace("spm.large", "m1.large")
    assert f"virDomainDefineXML:\n{text}" in ask("virDomainDefineXML", text).stdout


def test_mistakes_in_profiles_are_logged(ask):
    done = ask("virDomainDefineXML", "<domain/>")
    assert f"libvirt-spm: {EXPAND}/spm.d/30-wrong.conf: [profile wrong]: invalid nodemask 'all'; " in done.stderr


@pytest.mark.parametrize("name", ["own", "nova-26", "nova-33-resources", "size-zero"])
def test_a_reader_gets_nothing_done(name, ask):
    done = ask("virDomainDefineXML", source(name), program="libvirtd", FAKE_READONLY="1", plugin=COUNTING)
    assert f"virDomainDefineXML:\n{source(name)}" in done.stdout and "error domain" not in done.stdout
    assert counted(done) == ({}, {})


@pytest.mark.parametrize("function", NEW)
def test_a_request_is_parsed_and_formatted_once(function, ask):
    parsed, formatted = counted(ask(function, source("nova-33-both"), plugin=COUNTING))
    assert set(parsed.values()) == set(formatted.values()) == {1}


@pytest.mark.parametrize("connection", ["LXC", "Test"])
def test_other_hypervisors_are_left_alone(connection, ask):
    assert f"virDomainDefineXML:\n{source('own')}" in ask("virDomainDefineXML", source("own"), connection=connection).stdout
