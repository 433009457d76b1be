# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain that is started gets the device that its emulator has, in front of a libvirt that prints what it is called with
(preload/fake_libvirt.c)."""

import re

import pytest
from documents import TRANSLATE
from symbols import STARTS

STOCK = (TRANSLATE / "spm-single.old.xml").read_text()
PLAIN = "<domain type='qemu'><name>plain</name></domain>"
EMULATOR = "/usr/bin/qemu-system-x86_64"
FORCE_BOOT = "8"
SECURE, INACTIVE = 1, 2
VIR_ERR_OPERATION_DENIED = "29"
VIR_ERR_CONFIG_UNSUPPORTED = 67
VIR_ERR_OPERATION_FAILED = 9
VIR_ERR_OPERATION_UNSUPPORTED = 84
OTHER = {"spm-memory": "sp-mem", "sp-mem": "spm-memory"}


@pytest.fixture
def start(call, tmp_path):
    """Start a domain with this XML. Returns what libvirt was told, and what it was asked."""
    def starter(xml, function="virDomainCreate", **options):
        file = tmp_path / "domain.xml"
        file.write_text(xml)
        done = call(function, "-", domain=[file], **options)
        return done.stdout, re.findall("asked: (.*)", done.stderr)
    return starter


@pytest.fixture
def with_emulator(emulator):
    """A domain of an emulator, which lists these devices."""
    def make(stored, *devices):
        path = emulator("".join(f"echo 'name \"{device}\"'\n" for device in devices))
        return STOCK.replace("'spm-memory'", f"'{stored}'").replace(EMULATOR, str(path))
    return make


def devices(output):
    return re.findall("name='driver' type='string' value='([^']*)'", output)


def started(function, output):
    return f"{function}:\nstarted\n" in output and "result: 0" in output


def refused(function, output):
    return f"{function}:\n" not in output and "result: -1" in output


@pytest.mark.parametrize("stored", OTHER)
@pytest.mark.parametrize("function", STARTS)
def test_a_device_that_the_emulator_has_is_left_alone(function, stored, start, with_emulator):
    output, _ = start(with_emulator(stored, stored), function, settings="")
    assert started(function, output) and "virDomainDefineXML" not in output


@pytest.mark.parametrize("stored", OTHER)
@pytest.mark.parametrize("function", STARTS)
def test_a_domain_gets_the_device_of_a_replaced_emulator(function, stored, start, with_emulator):
    xml = with_emulator(stored, "pc-dimm", OTHER[stored])
    output, asked = start(xml, function, settings="")
    assert f"virDomainDefineXML:\n{xml.replace(stored, OTHER[stored])}{function}:\nstarted\n" in output
    assert started(function, output) and asked[-1] == "virDomainFree"


def test_the_settings_say_which_device(start):
    output, _ = start(STOCK, settings="device=sp-mem")
    assert f"virDomainDefineXML:\n{STOCK.replace('spm-memory', 'sp-mem')}" in output and started("virDomainCreate", output)


def test_nothing_secret_is_lost(start):
    secret = "<!-- the password -->"
    xml = STOCK.replace("</devices>", f"{secret}</devices>")
    output, _ = start(xml, settings="device=sp-mem", FAKE_SECRET=secret)
    assert f"virDomainDefineXML:\n{xml.replace('spm-memory', 'sp-mem')}" in output


def test_an_emulator_with_neither_device(start, with_emulator):
    output, _ = start(with_emulator("spm-memory", "pc-dimm"), settings="")
    assert refused("virDomainCreate", output) and "virDomainDefineXML" not in output
    assert re.search(f"code={VIR_ERR_CONFIG_UNSUPPORTED} <emulator> '.*' has no device for <memory model='spm'>, neither "
                     "'spm-memory' nor 'sp-mem'; install QEMU 11.1 or newer, or one with libvirt-spm's patches\n", output)


@pytest.mark.parametrize("function", STARTS)
def test_other_domains_cost_two_questions(function, start):
    output, asked = start(PLAIN, function, settings="", program="libvirtd")
    assert started(function, output)
    assert asked == ["virDomainDefineXML", "virDomainHasManagedSaveImage", "virDomainGetXMLDesc"]


@pytest.mark.parametrize("fault", [{"FAKE_DENIED": VIR_ERR_OPERATION_DENIED}, {"FAKE_DENIED": "1"},
                                   {"FAKE_URI": "qemu+ssh://there/system"}, {"FAKE_UNREADABLE": str(INACTIVE)}])
def test_what_cannot_be_known_is_left_to_libvirt(fault, start, with_emulator):
    output, _ = start(with_emulator("sp-mem", "spm-memory"), settings="", **fault)
    assert started("virDomainCreate", output) and "virDomainDefineXML" not in output and "error domain" not in output


@pytest.mark.parametrize("xml", [
    STOCK.replace("'spm-memory'", "'sp-mem'").replace(EMULATOR, "/there/is/none"), STOCK.replace("</devices>", ""),
    STOCK.replace("<domain ", "<domain id='1' ")])
def test_what_cannot_be_mended_is_left_to_libvirt(xml, start):
    settings = "" if "none" in xml else "device=sp-mem"
    output, _ = start(xml, settings=settings)
    assert started("virDomainCreate", output) and "virDomainDefineXML" not in output and "error domain" not in output


@pytest.mark.parametrize("answer", ["does not run", "exit 1", "echo no list"])
def test_an_emulator_that_does_not_answer_keeps_nothing_from_starting(answer, start, with_emulator, emulator):
    xml = with_emulator("sp-mem")
    program = emulator(answer)
    if answer == "does not run":
        program.write_text("")
    output, _ = start(xml, settings="")
    assert started("virDomainCreate", output) and "error domain" not in output


def test_who_may_not_read_secrets_gets_libvirts_error(start):
    output, _ = start(STOCK, settings="device=sp-mem", FAKE_UNREADABLE=str(INACTIVE | SECURE))
    assert refused("virDomainCreate", output) and "virDomainDefineXML" not in output and "error domain" not in output


def test_what_another_client_defined_meanwhile_stays(start):
    output, _ = start(STOCK, settings="device=sp-mem", FAKE_CHANGING="1")
    assert refused("virDomainCreate", output) and "virDomainDefineXML" not in output
    assert (f"code={VIR_ERR_OPERATION_FAILED} the domain was changed by another client while libvirt-spm changed its device "
            "for <memory model='spm'>; start it again\n") in output


def test_a_domain_that_cannot_be_defined_any_more_says_why(start):
    output, _ = start(STOCK.replace("<address type='dimm' slot='8'/>", "<address type='dimm' slot='8' base='0x1'/>"),
                      settings="device=sp-mem")
    assert refused("virDomainCreate", output) and "virDomainDefineXML" not in output
    assert f"code={VIR_ERR_CONFIG_UNSUPPORTED} " in output


@pytest.fixture
def saved(tmp_path):
    """A saved state of a domain."""
    def make(xml):
        path = tmp_path / "saved.xml"
        path.write_text(xml)
        return str(path)
    return make


SAVED_ELSEWHERE = ("the saved state of this domain has QEMU's device 'spm-memory' for <memory model='spm'>, which its emulator "
                   "lacks (it has 'sp-mem'); start it with an emulator that has 'spm-memory', or discard the saved state "
                   "(virsh managedsave-remove)\n")


@pytest.mark.parametrize("function", STARTS)
def test_a_saved_state_of_another_device_is_refused(function, start, saved):
    output, _ = start(STOCK, function, settings="device=sp-mem", FAKE_SAVED=saved(STOCK))
    assert refused(function, output) and "virDomainDefineXML" not in output
    assert f"code={VIR_ERR_OPERATION_UNSUPPORTED} {SAVED_ELSEWHERE}" in output


def test_a_saved_state_has_an_emulator_of_its_own(start, saved, with_emulator):
    state = with_emulator("spm-memory", "sp-mem")
    output, _ = start(PLAIN, settings="", FAKE_SAVED=saved(state))
    assert refused("virDomainCreate", output) and SAVED_ELSEWHERE in output


@pytest.mark.parametrize("state", [STOCK.replace("spm-memory", "sp-mem"), PLAIN])
def test_a_saved_state_that_the_emulator_takes_is_started(state, start, saved):
    """Whatever the domain is defined with by now."""
    output, _ = start(STOCK, settings="device=sp-mem", FAKE_SAVED=saved(state))
    assert started("virDomainCreate", output) and "virDomainDefineXML" not in output


@pytest.mark.parametrize("function", STARTS[1:])
def test_a_saved_state_that_is_passed_over_does_not_count(function, start, saved):
    output, _ = start(STOCK, function, flags=FORCE_BOOT, settings="device=sp-mem", FAKE_SAVED=saved(STOCK))
    assert started(function, output) and devices(output) == ["sp-mem"]
