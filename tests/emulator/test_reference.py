# SPDX-License-Identifier: LGPL-2.1-or-later
"""For the same set-up, spm-memory gives the guest the same tables as QEMU 11.1's sp-mem does."""

import json
from pathlib import Path

import pytest

from machine import refusal
from tables import Affinity, Range, e820, merged, srat_memory

SETUPS = json.loads(
    (Path(__file__).parent.parent / "reference" / "sp-mem-11.1.3.json").read_text(encoding="utf-8"))
DEVICE = "spm-memory"

# Texts that come from QEMU's core code, not from the device, and that older versions have otherwise:
# version and set-up, the reference's text, the text of that version. Everything else is as the reference.
OLDER_TEXTS = {
    ("7.2", "err-no-maxmem"): (
        "the configuration is not prepared for memory devices (e.g., for memory hotplug),"
        " consider specifying the maxmem option",
        "memory devices (e.g. for memory hotplug) are not enabled, please specify the maxmem option"),
}


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
    """sp-mem merges no ranges, spm-memory merges those of one node that touch; there is no other difference."""
    setup = SETUPS[name]
    machine = start(*arguments(setup))
    affinities = [Affinity(*entry) for entry in setup["srat"]]
    assert srat_memory(machine) == affinities
    assert sorted(e820(machine)) == merged((Range(*entry) for entry in setup["e820"]), affinities)


@pytest.mark.parametrize("name", names("error"))
def test_error(qemu, version, name):
    setup = SETUPS[name]
    expected = setup["error"].replace("sp-mem", DEVICE)
    if (version, name) in OLDER_TEXTS:
        text, older = OLDER_TEXTS[version, name]
        assert text in expected
        expected = expected.replace(text, older)
    assert refusal(qemu, arguments(setup)) == expected
