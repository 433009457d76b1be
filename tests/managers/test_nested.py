# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest with SPM is a host with dax devices: virt-spm host describes it, and a guest in it has such a device."""

import json
import os
import shlex
import xml.etree.ElementTree as etree

import pytest
from nested import BASES, FIGURES, INIT, INITRD, KERNEL, MIB, QEMU, SIZE, booted
from report import SOFT_RESERVED, Affinity

BOOT_SECONDS = 900  # on a busy machine; an idle one takes under 120
RAM = 192  # MiB, of the inner guest
APPEND = f"console=ttyS0 panic=-1 no_timer_check lpj=1000000 nokaslr mitigations=off tsc=reliable quiet rdinit={INIT}"
FILLED = SIZE // 4
SEED = 7
MASK = (1 << 64) - 1
DEVICE = "/dev/dax0.0"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The outer guest, whose node 1 has a device for guests, and whose node 2 has one that is RAM."""
    try:
        with booted(tmp_path_factory.mktemp("nested")) as host:
            yield host
    except LookupError as error:
        if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def test_host_tells_what_the_machine_has(host):
    found = json.loads(host.guest.run("virt-spm host --json 2>&1"))
    assert found["soft_reserved"] == [{"start": base, "size": SIZE} for base in BASES]
    assert found["devices"] == [
        {"path": f"/dev/dax{number}.0", "size": SIZE, "align": 2 * MIB, "numa_node": 0, "target_node": number + 1,
         "driver": driver, "domains": []} for number, driver in enumerate(["device_dax", "kmem"])]
    # Node 1 is offline.
    assert {node["id"]: (node["cpulist"], node["distances"]) for node in found["nodes"]} == {
        0: ("0-1", {"0": 10, "2": FIGURES[2][0]}), 2: ("", {"0": FIGURES[2][0], "2": 10})}
    for node in found["nodes"]:
        _, latency, bandwidth = FIGURES[node["id"]]
        assert node["access1"] == {"initiators": [0], "read_bandwidth": bandwidth, "write_bandwidth": bandwidth,
                                   "read_latency": latency, "write_latency": latency}
        assert [pages["size"] for pages in node["hugepages"]] == [2 * MIB]


def pattern(seed, index):
    """The word that tests/guest/spm_memory.c writes there."""
    z = (seed + (index + 1) * 0x9e3779b97f4a7c15) & MASK
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & MASK
    z = (z ^ z >> 27) * 0x94d049bb133111eb & MASK
    return z ^ z >> 31


def inner_command(host):
    """An emulator with what virt-spm makes of the domain that it proposes."""
    domain = etree.fromstring(host.guest.run("virt-spm host --xml"))
    assert [path.text for path in domain.findall("devices/memory/source/path")] == [DEVICE]
    options = host.guest.run("virt-spm host --xml | virt-spm argv -").replace("\\\n", "")
    return " ".join([QEMU, "-nodefaults -display none -accel tcg -machine q35 -smp 1", f"-m {RAM}M,maxmem=4G",
                     f"-object memory-backend-ram,id=ram,size={RAM}M -numa node,nodeid=0,cpus=0,memdev=ram",
                     "-numa node,nodeid=1", options, f"-kernel {KERNEL} -initrd {INITRD}",
                     f"-append {shlex.quote(APPEND)} -no-reboot -serial stdio"])


@pytest.mark.parametrize("options,reason", [
    (f"share=off,align={2 * MIB}", "attempted private mapping"), ("share=on", "unaligned vma")])
def test_an_emulator_needs_what_the_domain_says(options, reason, host):
    """A shared mapping, and the device's alignment."""
    done = host.guest.run(f"{QEMU} -nodefaults -display none -machine none -object "
                          f"memory-backend-file,id=mem,mem-path={DEVICE},size={SIZE},{options} 2>&1; dmesg | tail -n 1", 120)
    assert "unable to map backing store for guest RAM: Invalid argument" in done and reason in done


def test_a_guest_in_the_guest_has_the_device(host):
    command = inner_command(host)
    assert f'"mem-path":"{DEVICE}","share":true' in command and f'"align":{2 * MIB}' in command
    assert not any(host.files[0].read_bytes())
    report = host.guest.boot_inside(command, BOOT_SECONDS)
    assert [(r.start, r.size) for r in report.e820 if r.kind == SOFT_RESERVED] == [(BASES[0], SIZE)]
    assert Affinity(BASES[0], BASES[0] + SIZE, 1, 1) in report.srat
    wrote = host.guest.run(f"/bin/spm-memory fill {DEVICE} {FILLED} {SEED}", 300)
    host.guest.leave(120)
    # The outer guest has it in its device, and we have it in the file behind that.
    assert host.guest.run(f"spm-memory check {DEVICE} {FILLED} {SEED}", 120) == wrote
    words = memoryview(host.files[0].read_bytes()).cast("Q")
    assert all(words[index] == pattern(SEED, index) for index in range(0, FILLED // 8, 511))
    assert not any(words[FILLED // 8:])
