# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wherever on the way from client to hypervisor the plugin is, and however often, the result is the same."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from conftest import TRACER
from daemon import Daemon
from doors import DOORS, VIRSH
from lab import Lab, assert_done, through_preloaded_python, through_virsh
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
    outcome = drive(lab, place.function, lab.document(place.function), [TRACER, lab.stack.plugin])
    assert place.function in lab.source.client_trace.read_text().split()
    assert_done(lab, place.function, outcome)
