# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each guest of the matrix sees of its memory: one boot a row, and one behaviour a test."""

import shutil
from dataclasses import astuple
from itertools import combinations, product
from pathlib import Path

import pytest
from acpi import SRAT_ENABLED, SRAT_HOTPLUGGABLE, SRAT_NON_VOLATILE
from domains import memory_devices
from matrix import AXES, ROWS
from matrix_guest import DISTANCE, LATENCY, Facts, RowGuest, boot_and_look
from matrix_run import Job, MatrixRun
from matrix_table import DOCUMENT
from report import Range, last_report, merged


def rows_where(**values: str) -> pytest.MarkDecorator:
    """The rows that have these values."""
    chosen = [row for row in ROWS if all(getattr(row, axis) == value for axis, value in values.items())]
    return pytest.mark.parametrize("facts", [Job(str(row), row, boot_and_look) for row in chosen], indirect=True,
                                   ids=str)


every_row = rows_where()


def soft_reserved(facts: Facts, kind: str) -> list[Range]:
    """The memory that must be soft reserved, in the words of the source that is asked."""
    return merged([Range(spm.start, spm.end, kind) for spm in facts.spms])


# ---- the choice of rows


def test_every_two_values_meet_in_a_row() -> None:
    """Counted in the rows themselves, not with what chose them."""
    rows = [astuple(row) for row in ROWS]
    for one, other in combinations(range(len(AXES)), 2):
        wanted = {*product(list(AXES.values())[one], list(AXES.values())[other])}
        assert {(row[one], row[other]) for row in rows} == wanted


def test_rows_are_few_and_each_is_needed() -> None:
    sizes = sorted((len(values) for values in AXES.values()), reverse=True)
    assert sizes[0] * sizes[1] <= len(ROWS) < sizes[0] * sizes[1] * 1.5
    for left_out in ROWS:
        others = {pair for row in ROWS if row != left_out for pair in row.pairs()}
        assert not others.issuperset(left_out.pairs()), left_out


def test_documentation_has_the_rows() -> None:
    lines = [tuple(line.split()[:6]) for line in DOCUMENT.read_text().splitlines()]
    assert [line for line in lines if line and line[0] in AXES["emulator"]] == [astuple(row) for row in ROWS]


# ---- what stays of a guest that fails


def fail_inside(guest: RowGuest) -> Facts:
    with guest.booted() as (inside, _):
        inside.run("false")


@pytest.mark.parametrize("job", [Job("fails-on-purpose", ROWS[0], fail_inside)], ids=str)
def test_guest_that_fails_leaves_all_that_was_seen_of_it(matrix: MatrixRun, job: Job) -> None:
    _, error = matrix.result(job)
    assert "'false' ended with status 1" in str(error)
    folder = Path(str(error).rpartition("all that was seen of it is in ")[2])
    kept = {file.name: file.read_text() for file in folder.iterdir()}
    shutil.rmtree(folder)
    assert sorted(kept) == ["argv", "domain.xml", "serial.log", "stock.xml", "tables.txt"]
    assert "model='spm'" in kept["domain.xml"] and "model='spm'" not in kept["stock.xml"]
    assert "spm-memory" in kept["argv"] and "SRAT" in kept["tables.txt"]
    assert "\n".join(last_report(kept["serial.log"]).summary()) + "\n" == kept["tables.txt"]


# ---- what firmware says


@every_row
def test_firmware_announces_spm_as_soft_reserved(facts: Facts) -> None:
    assert facts.report.soft_reserved == soft_reserved(facts, "soft reserved")


@every_row
def test_sysfs_has_firmwares_map(facts: Facts) -> None:
    assert merged([r for r in facts.report.memmap if r.kind == "Soft Reserved"]) == soft_reserved(
        facts, "Soft Reserved")


@every_row
def test_srat_has_one_entry_for_each_spm(facts: Facts) -> None:
    window = [entry for entry in facts.report.srat if entry.start >= facts.window.start]
    assert sorted(entry for entry in window if entry.flags == SRAT_ENABLED) == [spm.affinity for spm in facts.spms]


@every_row
def test_driver_finds_spm_first_in_its_proximity_domain(facts: Facts) -> None:
    first = {}
    for spm in facts.spms:
        first.setdefault(spm.device.node, Range(spm.start, spm.end))
    assert facts.walks == first


@every_row
def test_rest_of_the_window_is_room_for_hotplug_at_the_last_node(facts: Facts) -> None:
    window = sorted(entry for entry in facts.report.srat
                    if entry.start >= facts.window.start and not entry.flags & SRAT_NON_VOLATILE)
    rest = [entry for entry in window if entry.flags != SRAT_ENABLED]
    assert {(entry.node, entry.flags) for entry in rest} == {
        (facts.layout.cells - 1, SRAT_ENABLED | SRAT_HOTPLUGGABLE)}
    assert window[0].start == facts.window.start
    assert all(one.end == following.start for one, following in zip(window, window[1:]))
    assert window[-1].end == facts.window.end


@every_row
def test_srat_has_all_ram_at_node_0(facts: Facts) -> None:
    ram = [entry for entry in facts.report.srat if entry.start < facts.window.start]
    assert {entry.node for entry in ram} == {0}
    # Without the hole below 1 MiB, which is the PC's.
    assert sum(entry.end - entry.start for entry in ram) == facts.layout.ram - 384 * 1024


@every_row
def test_distances(facts: Facts) -> None:
    nodes = range(facts.layout.cells)
    assert facts.report.slit == ([[10 if one == other else DISTANCE for other in nodes] for one in nodes]
                                 if facts.layout.hmat else [])


@rows_where(layout="hmat")
def test_hmat_has_the_latency_of_each_node(facts: Facts) -> None:
    assert facts.report.hmat_latencies == {(0, node): LATENCY + node for node in range(facts.layout.cells)}


# ---- what Linux makes of it


@every_row
def test_linux_keeps_spm_out_of_the_page_allocator(facts: Facts) -> None:
    ram = [r for r in facts.report.iomem if r.kind.startswith("System RAM")]
    assert ram
    assert not [r for r in ram for spm in facts.spms if r.start < spm.end and spm.start < r.end]


@rows_where(kernel="bookworm")
def test_linux_lists_spm_as_soft_reserved(facts: Facts) -> None:
    """Newer Linux lists it under the name of the driver that takes it, and not before."""
    kept = merged([r for r in facts.report.iomem if r.kind == "Soft Reserved"])
    assert kept == soft_reserved(facts, "Soft Reserved")


@every_row
def test_nodes_of_spm_have_no_memory_but_may_get_some(facts: Facts) -> None:
    assert facts.report.node_list("has_memory") == {0}
    assert facts.report.node_list("possible") == set(range(facts.layout.cells))


@every_row
def test_linux_makes_dax_devices_of_spm(facts: Facts) -> None:
    devices = [device for device in facts.report.dax if device.start >= facts.window.start]
    assert merged([Range(device.start, device.start + device.size) for device in devices]) == soft_reserved(facts, "")
    nodes = {spm.start: facts.report.nodes_of_domains[spm.device.node] for spm in facts.spms}
    assert all(nodes[device.start] == device.node for device in devices)


@every_row
def test_bounce_buffer_is_there_where_memory_may_come(facts: Facts) -> None:
    """The guest has little RAM, but a range for hotplug above 4 GiB: devices of 32 bits need it."""
    assert any("software IO TLB: mapped" in line for line in facts.report.sections["dmesg"])


# ---- the other memory devices


@every_row
def test_other_memory_lies_above_spm(facts: Facts) -> None:
    lowest = min((placed.start for placed in facts.others), default=facts.window.end)
    assert max(spm.end for spm in facts.spms) <= lowest


@rows_where(layout="dimm")
def test_dimm_is_online_at_its_own_node(facts: Facts) -> None:
    [dimm] = facts.others
    assert merged(facts.report.hot_added) == [Range(dimm.start, dimm.end, "System RAM")]
    blocks = facts.report.blocks_of(Range(dimm.start, dimm.end))
    assert {(block.node, block.state) for block in blocks} == {("node0", "online")}


@rows_where(layout="nvdimm")
def test_nvdimm_is_persistent_memory(facts: Facts) -> None:
    [nvdimm] = facts.others
    assert any(r.start >= nvdimm.start and r.end <= nvdimm.end for r in facts.report.iomem
               if r.kind == "Persistent Memory")


@rows_where(layout="virtio-mem")
def test_virtio_mem_has_plugged_what_was_requested(facts: Facts) -> None:
    [device] = facts.others
    inside = [r for r in facts.report.iomem if device.start <= r.start and r.end <= device.end
              and r.kind == "System RAM (virtio_mem)"]
    assert sum(r.size for r in inside) == device.device.size // 2
    assert {block.node for block in facts.report.blocks_of(Range(device.start, device.end))} == {"node0"}


# ---- the emulator and libvirt


@every_row
def test_emulator_has_spm_before_all_other_memory_devices(facts: Facts) -> None:
    order = facts.argv.memory_order()
    count = 2 * len(facts.spms)
    assert order[:count] == [facts.device] * count and facts.device not in order[count:]


BACKENDS = {"ram": "memory-backend-ram", "memfd": "memory-backend-memfd", "hugepages": "memory-backend-file",
            "file": "memory-backend-file"}


@every_row
def test_spm_has_the_backend_that_was_asked_for(facts: Facts) -> None:
    backends = {backend["id"]: backend for backend in facts.argv.objects}
    of_spm = [backends[device["memdev"]] for device in facts.argv.drivers(facts.device)]
    assert {backend["qom-type"] for backend in of_spm} == {BACKENDS[facts.row.backend]}
    on_hugepages = {"/hugepages" in str(backend.get("mem-path")) for backend in of_spm}
    assert on_hugepages == {facts.row.backend == "hugepages"}


@every_row
def test_monitor_says_where_spm_is(facts: Facts) -> None:
    devices = [device["data"] for device in facts.memory_devices if device["type"] == facts.device]
    address = "addr" if facts.device == "sp-mem" else "memaddr"
    assert sorted((device[address], device["size"], device["node"]) for device in devices) == [
        (spm.start, spm.device.size, spm.device.node) for spm in facts.spms]


@every_row
def test_emulator_does_not_inherit_the_preload(facts: Facts) -> None:
    assert any(entry.startswith("PATH=") for entry in facts.environment)
    assert not [entry for entry in facts.environment if entry.startswith("LD_PRELOAD=")]


@every_row
def test_live_dump_shows_spm_first(facts: Facts) -> None:
    models = [device.get("model") for device in memory_devices(facts.live_xml)]
    assert models == [placed.device.model for placed in facts.placed]
