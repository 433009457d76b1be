# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin in front of a fake libvirt that knows <memory model='spm'> itself."""

import re

import pytest
from documents import TRANSLATE, document
from symbols import GIVES_XML, TAKES_XML

SPM = document("spm-single").read_text()
STOCK = (TRANSLATE / "spm-single.old.xml").read_text()
DEVICE = "<memory model='spm'><target><size unit='GiB'>1</size><node>1</node></target></memory>"
LIVE = "0"

# What a daemon is called, and a client. A client asks the daemon for its capabilities, which needs an emulator.
PROGRAMS = {"daemon": "libvirtd", "client": "call-libvirt"}
# These replace what a domain has that is saved or runs.
REPLACES = [name for name in TAKES_XML if re.search("Save|Restore|Snapshot|Checkpoint|Migrate(2|3|ToURI|Begin|Perform)",
                                                    name)]

everybody = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)


@pytest.fixture
def carriers(tmp_path):
    """A file with a domain that has carriers."""
    path = tmp_path / "carriers.xml"
    path.write_text(STOCK)
    return path


@everybody
@pytest.mark.parametrize("function", TAKES_XML)
def test_a_new_definition_goes_in_byte_for_byte(function, program, call):
    done = call(function, SPM, program=program, FAKE_NATIVE="1", FAKE_EMULATOR="/usr/bin/true")
    assert f"{function}:\n{SPM}" in done.stdout
    assert STOCK not in done.stdout


@everybody
@pytest.mark.parametrize("function", TAKES_XML)
def test_pools_go_in_with_carriers(function, program, call):
    """libvirt's own parser takes no notice of a pool."""
    stock = (TRANSLATE / "spm-pool.old.xml").read_text()
    xml = document("spm-pool").read_text()
    done = call(function, xml, program=program, FAKE_NATIVE="1", FAKE_EMULATOR="/usr/bin/true")
    assert f"{function}:\n{stock}" in done.stdout


@everybody
@pytest.mark.parametrize("function", REPLACES)
def test_what_replaces_carriers_goes_in_with_carriers(function, program, call, carriers):
    done = call(function, SPM, program=program, domain=[carriers], FAKE_SAVED=str(carriers), FAKE_NATIVE="1",
                FAKE_EMULATOR="/usr/bin/true")
    assert f"{function}:\n{STOCK}" in done.stdout


@everybody
@pytest.mark.parametrize("function", GIVES_XML)
def test_carriers_come_out_as_spm(function, program, call):
    assert "<memory model='spm'" in call(function, STOCK, program=program, FAKE_NATIVE="1").stdout


@everybody
def test_libvirt_decides_about_its_own_device(program, call):
    done = call("virDomainAttachDeviceFlags", DEVICE, program=program, FAKE_NATIVE="1", FAKE_EMULATOR="/usr/bin/true")
    assert f"virDomainAttachDeviceFlags:\n{DEVICE}" in done.stdout


@everybody
def test_no_domain_gets_a_native_device_beside_carriers(program, call, carriers):
    done = call("virDomainAttachDeviceFlags", DEVICE, program=program, domain=[carriers], FAKE_NATIVE="1",
                FAKE_EMULATOR="/usr/bin/true")
    assert "cannot be attached" in done.stdout and "virDomainAttachDeviceFlags:" not in done.stdout


@pytest.mark.parametrize("function", ["virDomainMigratePrepare3", "virDomainMigratePrepare3Params"])
def test_a_running_guest_of_a_native_libvirt_is_refused(function, call):
    done = call(function, SPM, flags=LIVE)
    assert "the source's libvirt has <memory model='spm'> itself" in done.stdout
    assert "result: -1" in done.stdout and f"{function}:" not in done.stdout


@pytest.mark.parametrize("function", ["virDomainMigratePrepare3", "virDomainMigratePrepare3Params"])
def test_a_running_guest_migrates_from_one_native_libvirt_to_another(function, call):
    done = call(function, SPM, flags=LIVE, program="libvirtd", FAKE_NATIVE="1")
    assert f"{function}:\n{SPM}" in done.stdout
