# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the plugin is in the client, in the hypervisor's daemon or in both, the result is the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import libvirt
import pytest
from doors import ALIAS, DOORS, VIRSH
from lab import (GIVING, Lab, Outcome, assert_done, assert_stock, through_preloaded_python, through_python, through_virsh,
                 titled)
from lxml import etree
from stack import Stack

# Private functions are called in daemons alone.
OF_CLIENTS = [name for name in DOORS
              if DOORS[name].where == "client" or not name.startswith("virDomainMigrate")]

# Without a document, which the daemon behind would not take.
ALIASES = ["virDomainDetachDeviceAlias"]


@dataclass(frozen=True)
class Place:
    function: str
    client: str
    daemon_too: bool


@pytest.fixture
def lab(stack: Stack, place: Place, request: pytest.FixtureRequest) -> Iterator[Lab]:
    source, target = ("traced", "traced_target") if place.daemon_too else ("plain_daemon", "plain_target")
    lab = Lab(request.getfixturevalue(source), request.getfixturevalue(target), stack, [stack.plugin])
    try:
        lab.reach(DOORS[place.function].state)
        yield lab
    finally:
        lab.clean()


# Once more with the plugin in the daemon as well, where documents have been translated before.
@pytest.mark.parametrize("place", [
    *(Place(name, "virsh" if VIRSH[name] else "python", False) for name in OF_CLIENTS),
    *(Place(name, "python", True) for name in OF_CLIENTS)],
    ids=lambda place: f"{place.function}-{place.client}{'-and-daemon' * place.daemon_too}")
def test_plugin_in_the_client(place: Place, lab: Lab) -> None:
    drive = through_preloaded_python if place.client == "python" else through_virsh
    outcome = drive(lab, place.function, lab.document(place.function), [lab.stack.tracer, lab.stack.plugin])
    assert place.function in lab.source.client_trace.read_text().split()
    assert_done(lab, place.function, outcome)


# One of each kind, through a libvirtd that passes calls on to the daemon that a client names to it.
PASSED_ON = ["virDomainDefineXML", "virDomainCreateXML", "virConnectDomainXMLToNative", "virDomainGetXMLDesc",
             "virDomainSaveImageGetXMLDesc", "virDomainSaveFlags", "virDomainSnapshotCreateXML",
             "virDomainAttachDeviceFlags", "virDomainDetachDeviceAlias"]
# Which daemons have the plugin: the first one and the one behind it.
CHAINS = {"first": ("traced_target", "plain_daemon"), "behind": ("plain_target", "traced"),
          "both": ("traced_target", "traced")}


@pytest.fixture
def chain(stack: Stack, function: str, where: str, request: pytest.FixtureRequest) -> Iterator[Lab]:
    first, behind = (request.getfixturevalue(name) for name in CHAINS[where])
    name = f"qemu+unix:///system?socket={behind.folder}/run/libvirt-sock"
    lab = Lab(behind, first, stack, [stack.plugin],
              f"qemu+unix:///system?socket={first.folder}/run/libvirt-sock&name={quote(name, safe='')}")
    try:
        lab.reach(DOORS[function].state)
        yield lab
    finally:
        lab.clean()


def passed(chain: Lab, function: str, where: str) -> Outcome:
    outcome = through_python(chain, function, chain.document(function))
    first = chain.source if where == "behind" else chain.target
    assert function in first.called()
    return outcome


@pytest.mark.parametrize("where", ["behind", "both"])
@pytest.mark.parametrize("function", PASSED_ON)
def test_plugin_in_the_daemon_behind(function: str, where: str, chain: Lab) -> None:
    assert_done(chain, function, passed(chain, function, where))


@pytest.mark.parametrize("where", ["first"])
@pytest.mark.parametrize("function", [name for name in PASSED_ON if name in GIVING])
def test_plugin_in_the_first_daemon_shows_what_it_gets(function: str, where: str, chain: Lab) -> None:
    shown = passed(chain, function, where).output
    assert_stock(titled(shown), chain.stack, function)


@pytest.mark.parametrize("where", ["first"])
@pytest.mark.parametrize("function", [name for name in PASSED_ON if name not in [*GIVING, *ALIASES]])
def test_plugin_in_the_first_daemon_translates_nothing(function: str, where: str, chain: Lab) -> None:
    """Nobody has looked there at what the client may do, and the daemon behind is whichever it likes."""
    outcome = passed(chain, function, where)
    assert outcome.code == libvirt.VIR_ERR_XML_ERROR and "'spm'" in outcome.error


@pytest.mark.parametrize("where", ["first"])
@pytest.mark.parametrize("function", ALIASES)
def test_plugin_in_the_first_daemon_refuses_nothing(function: str, where: str, chain: Lab) -> None:
    assert passed(chain, function, where).error == ""
    assert ALIAS not in etree.fromstring(chain.held("stored")).xpath("devices/memory/alias/@name")
