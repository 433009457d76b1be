# SPDX-License-Identifier: LGPL-2.1-or-later
"""The monitors show specific purpose memory, and a running machine neither gets nor loses any."""

import pytest

from machine import QmpError, refusal

BASE = ["-machine", "q35", "-m", "256M,slots=4,maxmem=4G", "-smp", "1",
        "-object", "memory-backend-ram,id=ram0,size=256M",
        "-numa", "node,nodeid=0,cpus=0,memdev=ram0", "-numa", "node,nodeid=1"]
SPM = ["-object", "memory-backend-ram,id=memspm0,size=64M,reserve=off",
       "-device", "spm-memory,id=spm0,memdev=memspm0,node=1"]
DIMM = ["-object", "memory-backend-ram,id=memdimm0,size=128M,reserve=off",
        "-device", "pc-dimm,id=dimm0,memdev=memdimm0,node=0"]


def test_query_memory_devices(start):
    devices = start(*BASE, *SPM, *DIMM).qmp("query-memory-devices")
    assert [device["type"] for device in devices] == ["spm-memory", "dimm"]
    assert devices[0]["data"] == {"id": "spm0", "memaddr": 4 << 30, "size": 64 << 20, "node": 1,
                                  "memdev": "/objects/memspm0"}


def test_info_memory_devices(start):
    assert start(*BASE, *SPM).hmp("info memory-devices") == (
        'Memory device [spm-memory]: "spm0"\n'
        "  memaddr: 0x100000000\n"
        "  size: 67108864\n"
        "  node: 1\n"
        "  memdev: /objects/memspm0\n")


def test_info_numa_counts_it(start):
    lines = start(*BASE, *SPM, *DIMM).hmp("info numa").splitlines()
    assert "node 0 size: 384 MB" in lines
    assert "node 1 size: 64 MB" in lines
    assert "node 1 plugged: 64 MB" in lines


def test_memory_size_summary_counts_it(start):
    summary = start(*BASE, *SPM).qmp("query-memory-size-summary")
    assert summary == {"base-memory": 256 << 20, "plugged-memory": 64 << 20}


def test_info_ramblock_lists_it(start):
    blocks = [line.split()[0] for line in start(*BASE, *SPM).hmp("info ramblock").splitlines()]
    assert "memspm0" in blocks


def test_properties_are_in_the_object_tree(start):
    machine = start(*BASE, *SPM)
    path = "/machine/peripheral/spm0"
    assert machine.qmp("qom-get", path=path, property="addr") == 4 << 30
    assert machine.qmp("qom-get", path=path, property="node") == 1
    assert machine.qmp("qom-get", path=path, property="memdev") == "/objects/memspm0"
    assert machine.qmp("qom-get", path=path, property="hotpluggable") is False


def test_device_add_is_refused(start, version):
    # The refusal and its text are qdev's.
    text = "expects a pluggable device type" if version == "7.2" else "does not support hotplugging"
    machine = start(*BASE)
    machine.qmp("object-add", **{"qom-type": "memory-backend-ram", "id": "m", "size": 64 << 20})
    with pytest.raises(QmpError, match=text):
        machine.qmp("device_add", driver="spm-memory", id="spm0", memdev="m", node=1)
    assert machine.qmp("query-memory-devices") == []


def test_device_del_is_refused(start):
    machine = start(*BASE, *SPM)
    with pytest.raises(QmpError, match="does not support hot"):
        machine.qmp("device_del", id="spm0")
    assert len(machine.qmp("query-memory-devices")) == 1


def test_backend_in_use_is_not_deleted(start):
    machine = start(*BASE, *SPM)
    with pytest.raises(QmpError, match="in use"):
        machine.qmp("object-del", id="memspm0")


NOT_ANNOUNCED = {
    "microvm": ["-machine", "microvm", "-bios", "bios-256k.bin"],
    "none": ["-machine", "none"],
    "isapc": ["-machine", "isapc", "-bios", "bios-256k.bin", "-cpu", "486"],
    "acpi=off": ["-machine", "q35,acpi=off", *BASE[2:]],
    "pc,acpi=off": ["-machine", "pc,acpi=off", *BASE[2:]],
    # Newer machine types make a node by themselves where there may be memory devices.
    "no NUMA": ["-machine", "pc-q35-5.0", "-m", "256M,maxmem=4G"],
}


@pytest.mark.parametrize("name", NOT_ANNOUNCED)
def test_refused_where_nothing_announces_it(qemu, name):
    """The text that says why, without the name of the program and the option."""
    text = refusal(qemu, [*NOT_ANNOUNCED[name], SPM[0], SPM[1],
                          "-device", "spm-memory,id=spm0,memdev=memspm0"])
    reason = text.rpartition("memdev=memspm0: ")[2]
    if name in ("microvm", "none"):
        assert reason == f"machine '{name}' does not support specific purpose memory"
    elif name == "no NUMA":
        assert reason == ("the machine has no NUMA nodes to announce specific purpose memory in,"
                          " consider specifying '-numa node'")
    else:
        assert reason == ("specific purpose memory is announced by ACPI tables, which this machine"
                          " does not have or which are disabled")


def test_backend_named_as_other_ram_is_refused(qemu):
    text = refusal(qemu, [*BASE, "-object", "memory-backend-ram,id=pc.bios,size=64M,reserve=off",
                          "-device", "spm-memory,memdev=pc.bios,node=1"])
    assert text.endswith("memory backend 'pc.bios' has the name of other RAM of the machine, consider another id")


def test_read_only_backend_is_refused(qemu, version, tmp_path):
    # Since 8.2, it takes rom=on to get read-only memory; before, readonly=on was enough.
    rom = "" if version == "7.2" else ",rom=on"
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    text = refusal(qemu, [*BASE, "-object",
                          f"memory-backend-file,id=m,size=64M,mem-path={image},readonly=on,share=off"
                          f"{rom}", "-device", "spm-memory,memdev=m,node=1"])
    assert text.endswith("memory backend 'm' is read-only")
