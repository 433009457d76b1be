# SPDX-License-Identifier: LGPL-2.1-or-later
"""In a daemon nothing is done for a connection that libvirt lets change nothing: the call goes on as it came."""

import re

import pytest
from documents import TRANSLATE, document
from symbols import DEVICE, GIVES_XML, NO_XML, STARTS, TAKES_XML, wrappers

SPM = document("spm-single").read_text()
STOCK = (TRANSLATE / "spm-single.old.xml").read_text()
LOST = (TRANSLATE / "spm-single.old.xml").read_text().replace("spm-memory", "sp-mem")
DAEMONS = ["libvirtd", "virtqemud", "virtproxyd"]
VIR_ERR_OPERATION_DENIED = 29
VIR_ERR_CONFIG_UNSUPPORTED = 67
VIR_ERR_ACCESS_DENIED = 88
QUESTION = "asked: virDomainDefineXML\n"


@pytest.fixture
def traps(emulator, tmp_path):
    """An emulator, a cache and a saved document that say when somebody used them."""
    path = emulator('mktemp -d "$0.runs.XXXXXX"')

    class Traps:
        domain = SPM.replace("/usr/bin/qemu-system-x86_64", str(path))
        active = tmp_path / "active.xml"

        @staticmethod
        def sprung():
            return [*path.parent.glob("*.runs.*"), *tmp_path.glob("cache")]

    Traps.active.write_text(LOST.replace("<domain ", "<domain id='1' "))
    return Traps


def call_of(function, text, traps):
    """The document that a function of the table is called with."""
    if function in DEVICE:
        return "ua-spm0" if function.endswith("Alias") else "<memory model='spm'><alias name='ua-spm0'/></memory>"
    return "-" if function in NO_XML + STARTS else text


@pytest.mark.parametrize("program", DAEMONS)
@pytest.mark.parametrize("function", TAKES_XML + DEVICE + NO_XML + STARTS)
def test_nothing_is_done_before_libvirt_would_let_it(function, program, call, traps):
    text = call_of(function, traps.domain, traps)
    done = call(function, text, program=program, settings="", FAKE_READONLY="1", domain=[traps.active])
    assert done.stderr.replace(QUESTION, "").count("asked:") == 0
    assert traps.sprung() == [] and "error domain" not in done.stdout and "capabilities:" not in done.stdout
    assert f"{function}:\n" in done.stdout
    if function in TAKES_XML:
        assert f"{function}:\n{text}" in done.stdout


@pytest.mark.parametrize("function", ["virDomainDefineXML", "virDomainCreateXML", "virDomainRestoreFlags"])
def test_hostile_documents_of_a_reader_cost_nothing(function, call):
    """What is read at all would be refused."""
    text = document("several-invalid").read_text()
    output = call(function, text, program="libvirtd", FAKE_READONLY="1").stdout
    assert f"{function}:\n{text}" in output and "error domain" not in output


@pytest.mark.parametrize("function", TAKES_XML)
def test_who_may_write_passes(function, call):
    done = call(function, SPM, program="libvirtd")
    assert QUESTION in done.stderr and "value='spm-memory'" in done.stdout


ELSEWHERE = ["qemu+unix:///session?socket=/tmp/mine", "qemu+ssh://other/system", "qemu://other/system",
             "qemu:///system?socket=/tmp/mine", "qemu:///system?%73ocket=/tmp/mine", "qemu://me@:1234/system", "qemu+ext:///system?command=/tmp/mine", "no URI"]


@pytest.mark.parametrize("uri", ELSEWHERE)
@pytest.mark.parametrize("function", TAKES_XML + DEVICE + NO_XML)
def test_nothing_is_done_for_who_has_a_daemon_pass_on_calls(function, uri, call, traps):
    """The other daemon may be the client's own, and say what the client likes."""
    text = call_of(function, traps.domain, traps)
    done = call(function, text, program="libvirtd", settings="", FAKE_URI=uri, domain=[traps.active])
    assert "asked:" not in done.stderr and f"{function}:\n" in done.stdout
    assert traps.sprung() == [] and "error domain" not in done.stdout and "capabilities:" not in done.stdout


@pytest.mark.parametrize("uri", ELSEWHERE)
@pytest.mark.parametrize("function", GIVES_XML)
def test_answers_of_other_daemons_are_not_looked_at(function, uri, call):
    assert f"result: {STOCK}" in call(function, STOCK, program="libvirtd", FAKE_URI=uri).stdout


@pytest.mark.parametrize("uri", ["qemu:///system", "qemu:///session", "qemu:///system?no_verify=1"])
def test_a_daemon_serves_its_own_connections(uri, call):
    assert "value='spm-memory'" in call("virDomainDefineXML", SPM, program="libvirtd", FAKE_URI=uri).stdout
    assert "model='spm'" in call("virDomainGetXMLDesc", STOCK, program="libvirtd", FAKE_URI=uri).stdout


def test_ordinary_documents_ask_nothing(call):
    assert "asked:" not in call("virDomainDefineXML", "<domain type='qemu'/>", program="libvirtd").stderr


def test_a_client_acts_with_its_own_rights(call):
    assert QUESTION not in call("virDomainDefineXML", SPM).stderr


@pytest.mark.parametrize("program", ["libvirtd", "call-libvirt"])
@pytest.mark.parametrize("code", [VIR_ERR_OPERATION_DENIED, VIR_ERR_ACCESS_DENIED])
def test_an_emulator_that_a_client_may_not_have_run_is_not_run(code, program, call, traps):
    done = call("virDomainDefineXML", traps.domain, program=program, settings="", FAKE_DENIED=str(code))
    assert "result: (null)" in done.stdout and "virDomainDefineXML:" not in done.stdout
    assert "error domain" not in done.stdout, "libvirt has reported it already"
    assert traps.sprung() == []


def test_an_emulator_that_libvirt_cannot_run_is_not_run(call, traps):
    done = call("virDomainDefineXML", traps.domain, settings="", FAKE_DENIED="1")
    assert "result: (null)" in done.stdout and "virDomainDefineXML:" not in done.stdout
    assert re.search(f"code={VIR_ERR_CONFIG_UNSUPPORTED} line [0-9]+: <emulator> '.*' cannot be asked for its device, as "
                     "libvirt cannot run it: an error of libvirt's\n", done.stdout)
    assert traps.sprung() == []


def test_libvirt_is_asked_about_the_program_that_is_run(call, emulator, tmp_path):
    """And not about a link, which may lead elsewhere when the program is run."""
    path = emulator("echo 'name \"sp-mem\"'")
    link = tmp_path / "link"
    link.symlink_to(path)
    done = call("virDomainDefineXML", SPM.replace("/usr/bin/qemu-system-x86_64", str(link)), settings="")
    assert f"capabilities: {path} " in done.stdout and "value='sp-mem'" in done.stdout
    assert f"<emulator>{link}<" in done.stdout


def test_the_gate_is_in_front_of_all_that_changes_something():
    """By the source: a wrapper calls a function that asks before it calls libvirt's."""
    asks = r"spm_(in|in_\w+|params_in|contents_move\w*|device_may|device_alias_may|start_may)\("
    bodies = wrappers()
    assert set(TAKES_XML + DEVICE + NO_XML + STARTS) <= set(bodies)
    assert [name for name in TAKES_XML + DEVICE + NO_XML + STARTS if not re.search(asks, bodies[name])] == []
