# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest sees its SPM: soft reserved, at its own proximity domain, first in the device memory."""

import layouts
import pytest
from domains import FIRMWARE, Seen, memory_devices
from layouts import SPM_NODES
from report import SRAT_ENABLED, SRAT_HOTPLUGGABLE, merged

CASES = [(name, firmware) for name in SPM_NODES for firmware in FIRMWARE]

all_guests = pytest.mark.parametrize("booted", CASES, indirect=True, ids="-".join)


@all_guests
def test_firmware_announces_spm_as_soft_reserved(booted: Seen) -> None:
    assert booted.report.soft_reserved == merged(layouts.soft_reserved(booted.name))


@all_guests
def test_spm_is_first_of_its_proximity_domain(booted: Seen) -> None:
    for spm in layouts.spm_entries(booted.name):
        assert next(entry for entry in booted.report.srat if entry.node == spm.node) == spm


@all_guests
def test_rest_of_the_window_is_hotpluggable(booted: Seen) -> None:
    window = sorted(entry for entry in booted.report.srat if entry.start >= layouts.WINDOW)
    spm = layouts.spm_entries(booted.name)
    rest = [entry for entry in window if entry not in spm]
    assert {entry.flags for entry in rest} == {SRAT_ENABLED | SRAT_HOTPLUGGABLE}
    assert {entry.node for entry in rest} == {max(SPM_NODES[booted.name])}
    # No gap, no overlap, and room for all that <maxMemory> allows.
    assert window[0].start == layouts.WINDOW
    assert all(one.end == next_one.start for one, next_one in zip(window, window[1:]))
    assert window[-1].end >= layouts.WINDOW + layouts.MAX_MEMORY - layouts.RAM


@all_guests
def test_dimm_lies_above_spm_and_is_usable(booted: Seen) -> None:
    assert merged(booted.report.hot_added) == [layouts.dimm(booted.name)]


@all_guests
def test_dimm_is_online_in_its_own_node(booted: Seen) -> None:
    blocks = booted.report.blocks_of(layouts.dimm(booted.name))
    assert {(block.node, block.state) for block in blocks} == {("node0", "online")}
    assert sum(block.end - block.start for block in blocks) == layouts.SIZE


@all_guests
def test_linux_keeps_spm_out_of_the_page_allocator(booted: Seen) -> None:
    kernel = [r for r in booted.report.iomem if r.kind == "Soft Reserved"]
    assert merged(kernel) == [
        type(r)(r.start, r.end, "Soft Reserved") for r in merged(layouts.soft_reserved(booted.name))]


@all_guests
def test_emulator_was_started_with_spm_before_the_dimm(booted: Seen) -> None:
    spm_count = len(SPM_NODES[booted.name])
    assert booted.argv.memory_order() == ["spm-memory"] * 2 * spm_count + ["pc-dimm"] * 2


@all_guests
def test_emulator_does_not_inherit_the_preload(booted: Seen) -> None:
    assert any(entry.startswith("PATH=") for entry in booted.environment)
    assert not [entry for entry in booted.environment if entry.startswith("LD_PRELOAD=")]


@all_guests
def test_live_dump_shows_spm(booted: Seen) -> None:
    models = [device.get("model") for device in memory_devices(booted.live_xml)]
    assert models == ["spm"] * len(SPM_NODES[booted.name]) + ["dimm"]
