# SPDX-License-Identifier: LGPL-2.1-or-later
"""Generated set-ups of memory devices: the tables describe the window without gap or overlap."""

import os
import random
import re

import pytest

from acpi import SRAT_ENABLED, SRAT_HOTPLUGGABLE
from tables import E820_SOFT_RESERVED, Affinity, Range, e820, merged, srat_memory

MIB = 1 << 20
GIB = 1 << 30
SETUPS = 200
# Another seed tries other set-ups: SPM_SEED=12345 pytest -k random
SEED = int(os.environ.get("SPM_SEED", "1"))

FRONT_ENDS = {
    "spm": "spm-memory,node={node}{addr}",
    "dimm": "pc-dimm,node={node}{addr}",
    "nvdimm": "nvdimm,node={node}{addr}",
    "virtio-mem": "virtio-mem-pci,node={node}{memaddr}",
}


def generate(rng):
    """Arguments of a machine with up to ten memory devices, at least one of them SPM."""
    nodes = rng.randint(2, 6)
    ram = rng.choice([256, 1024, 3072, 5120])
    kinds = ["spm"] + rng.choices(list(FRONT_ENDS), weights=[4, 2, 1, 1], k=rng.randint(0, 9))
    rng.shuffle(kinds)
    args = ["-machine", rng.choice(["q35", "pc"]) + ",nvdimm=on",
            "-m", f"{ram}M,slots=16,maxmem=32G", "-smp", "1",
            "-object", f"memory-backend-ram,id=ram0,size={ram}M,reserve=off",
            "-numa", "node,nodeid=0,cpus=0,memdev=ram0"]
    for node in range(1, nodes):
        args += ["-numa", f"node,nodeid={node}"]
    # Those with an address lie in the upper half of the window, so that QEMU's choice for the others
    # is never in their way.
    start = (16 + 8) * GIB
    for number, kind in enumerate(kinds):
        size = rng.choice([128, 256, 384, 1024]) * MIB
        place = {"addr": "", "memaddr": ""}
        if rng.random() < 0.4:
            start += rng.choice([0, 0, 2 * MIB, 128 * MIB, GIB])
            aligned = -(-start // (128 * MIB)) * (128 * MIB) if kind != "spm" else start
            place = {name: f",{name}={aligned:#x}" for name in place}
            start = aligned + size
        front = FRONT_ENDS[kind].format(node=rng.randrange(nodes), **place)
        args += ["-object", f"memory-backend-ram,id=mem{number},size={size},reserve=off",
                 "-device", f"{front},id=dev{number},memdev=mem{number}"]
    return nodes, args


def check(machine, nodes):
    spms = [device["data"] for device in machine.qmp("query-memory-devices")
            if device["type"] == "spm-memory"]
    affinities = [Affinity(spm["node"], spm["memaddr"], spm["size"], SRAT_ENABLED) for spm in spms]
    assert [entry for entry in e820(machine) if entry.type == E820_SOFT_RESERVED] == merged(
        (Range(spm["memaddr"], spm["size"], E820_SOFT_RESERVED) for spm in spms), affinities)

    first, last = (int(number, 16) for number in re.search(
        r"([0-9a-f]+)-([0-9a-f]+) \(prio .*\): device-memory$", machine.hmp("info mtree"),
        re.MULTILINE).groups())
    entries = [entry for entry in srat_memory(machine)
               if entry.address >= first and entry.flags in (
                   SRAT_ENABLED, SRAT_ENABLED | SRAT_HOTPLUGGABLE)]
    at = first
    for entry in entries:
        assert entry.address == at, "a gap, an overlap, or not sorted"
        at += entry.length
    assert at == last + 1, "the window is not covered to its end"
    assert [entry for entry in entries if entry.flags == SRAT_ENABLED] == affinities
    assert all(entry.node == nodes - 1 for entry in entries if entry.flags != SRAT_ENABLED)


@pytest.mark.parametrize("block", range(SETUPS // 20))
def test_random(start, block):
    for number in range(block * 20, (block + 1) * 20):
        nodes, args = generate(random.Random(f"{SEED}-{number}"))
        machine = start(*args)
        try:
            check(machine, nodes)
        except AssertionError as error:
            raise AssertionError(f"SPM_SEED={SEED}, set-up {number}: {' '.join(args)}") from error
        machine.close()
