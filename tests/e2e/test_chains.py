# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wherever on the way from client to hypervisor the plugin is, and however often, the result is the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from doors import DOORS, VIRSH
from lab import Lab, assert_done, through_preloaded_python, through_python, through_virsh
from stack import Stack

# Private functions are called in daemons alone.
OF_CLIENTS = [name for name in DOORS
              if DOORS[name].where == "client" or not name.startswith("virDomainMigrate")]


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


# One of each kind, through a daemon that hands on what it is asked to the daemon of the hypervisor, as virtproxyd
# does: libvirt's remote driver is its back end. Debian builds no virtproxyd; libvirtd does the same for a URI that
# names another socket.
HANDED_ON = ["virDomainDefineXML", "virDomainCreateXML", "virConnectDomainXMLToNative", "virDomainGetXMLDesc",
             "virDomainSaveImageGetXMLDesc", "virDomainSaveFlags", "virDomainSnapshotCreateXML",
             "virDomainAttachDeviceFlags", "virDomainDetachDeviceAlias"]
# Which daemons have the plugin: the proxy and the one behind it.
CHAINS = {"proxy": ("traced_target", "plain_daemon"), "behind": ("plain_target", "traced"),
          "both": ("traced_target", "traced")}


@pytest.fixture
def chain(stack: Stack, function: str, where: str, request: pytest.FixtureRequest) -> Iterator[Lab]:
    proxy, behind = (request.getfixturevalue(name) for name in CHAINS[where])
    name = f"qemu+unix:///system?socket={behind.folder}/run/libvirt-sock"
    lab = Lab(behind, proxy, stack, [stack.plugin],
              f"qemu+unix:///system?socket={proxy.folder}/run/libvirt-sock&name={quote(name, safe='')}")
    try:
        lab.reach(DOORS[function].state)
        yield lab
    finally:
        lab.clean()


@pytest.mark.parametrize("where", CHAINS)
@pytest.mark.parametrize("function", HANDED_ON)
def test_plugin_in_a_proxy(function: str, where: str, chain: Lab) -> None:
    outcome = through_python(chain, function, chain.document(function))
    first = chain.source if where == "behind" else chain.target
    assert function in first.called()
    assert_done(chain, function, outcome)
