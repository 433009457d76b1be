# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the reference does not have: HMAT, many devices, large ones, tables without SPM."""

from acpi import SRAT_ENABLED, SRAT_HOTPLUGGABLE
from tables import E820_SOFT_RESERVED, Affinity, acpi_table, e820, hmat_domains, srat_memory

GIB = 1 << 30
WINDOW = 4 * GIB


def nodes(count):
    """Arguments for nodes of which the first has the CPU and the RAM."""
    args = ["-smp", "1", "-object", "memory-backend-ram,id=ram0,size=256M",
            "-numa", "node,nodeid=0,cpus=0,memdev=ram0"]
    for node in range(1, count):
        args += ["-numa", f"node,nodeid={node}"]
    return args


def spm(number, node, size="64M", **properties):
    extra = "".join(f",{name}={value}" for name, value in properties.items())
    return ["-object", f"memory-backend-ram,id=mem{number},size={size},reserve=off",
            "-device", f"spm-memory,id=spm{number},memdev=mem{number},node={node}{extra}"]


def soft_reserved(machine):
    return [(r.address, r.length) for r in e820(machine) if r.type == E820_SOFT_RESERVED]


def test_touching_ranges_of_one_node_are_one_in_e820(start):
    args = ["-machine", "q35", "-m", "256M,maxmem=4G", *nodes(3)]
    machine = start(*args, *spm(0, 1), *spm(1, 1), *spm(2, 2))
    assert soft_reserved(machine) == [(WINDOW, 128 << 20), (WINDOW + (128 << 20), 64 << 20)]
    assert [(entry.node, entry.flags) for entry in srat_memory(machine)[-4:]] == [
        (1, SRAT_ENABLED), (1, SRAT_ENABLED), (2, SRAT_ENABLED),
        (2, SRAT_ENABLED | SRAT_HOTPLUGGABLE)]


def test_order_of_devices_does_not_matter(start):
    args = ["-machine", "q35", "-m", "256M,maxmem=4G", *nodes(3)]
    machine = start(*args, *spm(0, 1, addr="0x108000000"), *spm(1, 2, addr="0x104000000"))
    assert soft_reserved(machine) == [(0x104000000, 64 << 20), (0x108000000, 64 << 20)]
    assert [entry.node for entry in srat_memory(machine)[-4:]] == [2, 2, 1, 2]


def test_node_with_memory_of_its_own_is_told(start):
    args = ["-machine", "q35", "-m", "256M,maxmem=8G", *nodes(2)]
    assert start(*args, *spm(0, 1)).log() == ""
    # Node 0 is also the default.
    assert start(*args, *spm(0, 0)).log().endswith(
        "warning: NUMA node 0 of specific purpose memory has RAM, which a driver in the guest finds first;"
        " consider giving 'node' a node without memory\n")


def test_256_devices(start):
    args = ["-machine", "q35", "-m", "256M,maxmem=8G", *nodes(2)]
    for number in range(256):
        args += spm(number, 1, "4M")
    machine = start(*args)
    assert soft_reserved(machine) == [(WINDOW, GIB)]
    entries = [entry for entry in srat_memory(machine) if entry.flags == SRAT_ENABLED][-256:]
    assert entries == [Affinity(1, WINDOW + (n << 22), 4 << 20, SRAT_ENABLED) for n in range(256)]


def apart(count):
    """Devices with a gap after each."""
    return [arg for number in range(count)
            for arg in spm(number, 1, "2M", addr=f"{WINDOW + (number << 22):#x}")]


def test_more_entries_than_firmware_takes_are_told(start):
    args = ["-machine", "q35", "-m", "256M,maxmem=8G", *nodes(2)]
    few, many = start(*args, *apart(34)), start(*args, *apart(35))
    assert [len(e820(machine)) for machine in (few, many)] == [36, 37]
    assert few.log() == ""
    assert many.log().endswith(
        "warning: specific purpose memory makes 37 entries in the E820 map, of which firmware may lose"
        " some, or hang; let devices of one node follow each other without a gap\n")


def test_one_tib(start):
    args = ["-machine", "q35", "-cpu", "qemu64,phys-bits=46", "-m", "256M,maxmem=2T", *nodes(2)]
    machine = start(*args, *spm(0, 1, "1T"))
    [(address, length)] = soft_reserved(machine)
    assert length == 1 << 40
    assert Affinity(1, address, length, SRAT_ENABLED) in srat_memory(machine)


HMAT = ["-numa", "hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,latency=10"]


def test_hmat_describes_nodes_with_spm(start):
    args = ["-machine", "q35,hmat=on", "-m", "256M,maxmem=4G", "-smp", "1",
            "-object", "memory-backend-ram,id=ram0,size=256M",
            "-numa", "node,nodeid=0,cpus=0,memdev=ram0", "-numa", "node,nodeid=1,initiator=0",
            "-numa", "node,nodeid=2,initiator=0", *HMAT]
    machine = start(*args, *spm(0, 1), *spm(1, 1), *spm(2, 2))
    assert hmat_domains(machine) == {0: 0, 1: 0, 2: 0}


def test_no_hmat_unless_asked_for(start):
    args = ["-machine", "q35", "-m", "256M,maxmem=4G", *nodes(2)]
    assert acpi_table(start(*args, *spm(0, 1)), "HMAT") is None


def test_without_spm_the_window_is_one_entry(start):
    machine = start("-machine", "q35", "-m", "256M,maxmem=4G", *nodes(2))
    assert soft_reserved(machine) == []
    entries = [entry for entry in srat_memory(machine) if entry.address >= WINDOW]
    assert [(entry.node, entry.flags) for entry in entries] == [
        (1, SRAT_ENABLED | SRAT_HOTPLUGGABLE)]
