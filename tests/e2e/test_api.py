# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each function of the plugin's table, driven on real daemons through python3-libvirt and through virsh.

A tracer before the plugin tells that the function was really called where the table of doors says."""

from collections.abc import Iterator

import pytest
from daemon import Daemon
from doors import DOORS, PYTHON, VIRSH
from lab import CLIENTS, Lab, assert_done, through_python, through_virsh
from stack import Stack
from symbols import INTERPOSED

pytestmark = pytest.mark.stacks("patched", "stock")


@pytest.fixture
def lab(traced: Daemon, traced_target: Daemon, stack: Stack, function: str) -> Iterator[Lab]:
    lab = Lab(traced, traced_target, stack)
    try:
        lab.reach(DOORS[function].state)
        yield lab
    finally:
        lab.clean()


def test_every_function_of_the_table_is_driven() -> None:
    assert sorted(DOORS) == sorted(PYTHON) == sorted(VIRSH) == sorted(INTERPOSED)


@pytest.mark.parametrize("function,client", [(f, c) for f, c in CLIENTS if DOORS[f].where != "client"])
def test_door_of_the_daemon(function: str, client: str, lab: Lab) -> None:
    drive = through_python if client == "python" else through_virsh
    outcome = drive(lab, function, lab.document(function))
    assert function in (lab.target if DOORS[function].where == "target" else lab.source).called()
    assert_done(lab, function, outcome)
