# SPDX-License-Identifier: LGPL-2.1-or-later
"""For the same set-up, spm-memory gives the guest the same tables as QEMU 11.1's sp-mem does."""

import json
from pathlib import Path

import pytest

from machine import refusal
from tables import e820, merged, srat_memory

SETUPS = json.loads(
    (Path(__file__).parent.parent / "reference" / "sp-mem-11.1.3.json").read_text(encoding="utf-8"))
DEVICE = "spm-memory"


def arguments(setup):
    return ["-machine", setup["machine"],
            *(arg.replace("@SPM@", DEVICE) for arg in setup["args"])]


def names(kind):
    return [name for name, setup in SETUPS.items() if kind in setup]


def test_all_setups_are_used():
    assert len(SETUPS) == 25
    assert sorted(names("srat") + names("error")) == sorted(SETUPS)


@pytest.mark.parametrize("name", names("srat"))
def test_tables(start, name):
    setup = SETUPS[name]
    machine = start(*arguments(setup))
    assert [list(entry) for entry in srat_memory(machine)] == setup["srat"]
    assert merged(e820(machine)) == merged(setup["e820"])


@pytest.mark.parametrize("name", names("error"))
def test_error(qemu, name):
    setup = SETUPS[name]
    assert refusal(qemu, arguments(setup)) == setup["error"].replace("sp-mem", DEVICE)
