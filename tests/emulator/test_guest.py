# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux in the guest sees all of its specific purpose memory, at the right nodes."""

import os
import re

import pytest
from acpi import SRAT_ENABLED
from guest import Guest
from report import MIB, SOFT_RESERVED, Affinity, Range

WINDOW = 4 << 30


@pytest.fixture(scope="session")
def boot_files():
    """The guest's kernel and initramfs, as options."""
    folder = required("SPM_GUEST", "vmlinuz", "scripts/build-guest builds one")
    return ["-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd",
            "-append", "console=ttyS0 panic=-1 no_timer_check efi=debug"]


# Where a folder with OVMF is, and what provides it.
OVMF = {"ovmf": ("SPM_OVMF", "scripts/fetch-package forky ovmf-generic has it"),
        "ovmf-2022.11": ("SPM_OVMF_2022_11", "scripts/build-edk2 2022.11 builds it")}


@pytest.fixture(params=["seabios", *OVMF])
def firmware(request):
    """Options for a firmware that passes the type on: the emulator's own SeaBIOS, or OVMF."""
    return [] if request.param == "seabios" else ovmf(request.param)


def ovmf(name):
    variable, hint = OVMF[name]
    folder = required(variable, "OVMF_CODE_4M.fd", hint)
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={folder}/OVMF_CODE_4M.fd",
            "-drive", f"if=pflash,format=raw,snapshot=on,file={folder}/OVMF_VARS_4M.fd"]


def required(variable, file, hint):
    folder = os.environ.get(variable, "")
    if os.access(f"{folder}/{file}", os.R_OK):
        return folder
    reason = f"{variable}={folder} names no folder with {file} ({hint})"
    if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def boot(start, version, boot_files, tmp_path):
    """A function that boots Linux with the arguments and returns the report it gives."""
    def booter(*args):
        # TCG of 7.2 miscalculates the flags of CMPXCHG16B, which kills Linux 6.5 and newer now and then.
        cpu = ["-cpu", "qemu64,-cx16"] if version == "7.2" else []
        # Not started before somebody reads what it says: the line is not buffered.
        machine = start(*args, *cpu, *boot_files, "-S", "-no-reboot",
                        "-serial", f"unix:{tmp_path}/serial,server=on,wait=off", accel="tcg")
        with Guest(tmp_path / "serial", tmp_path / "guest.log") as guest:
            machine.qmp("cont")
            return guest.boot()

    return booter


def nodes(count, *properties):
    args = ["-m", "1G,maxmem=8G", "-smp", "1", "-object", "memory-backend-ram,id=ram0,size=1G",
            "-numa", "node,nodeid=0,cpus=0,memdev=ram0"]
    for node in range(1, count):
        args += ["-numa", ",".join(["node", f"nodeid={node}", *properties])]
    return args


def spm(number, node, mib):
    return ["-object", f"memory-backend-ram,id=mem{number},size={mib}M",
            "-device", f"spm-memory,id=spm{number},memdev=mem{number},node={node}"]


def test_256_devices(boot, firmware):
    # With room for Linux's page tables of all of it, and not all of one size; on four nodes.
    sizes = [(1 + number % 3) * 2 for number in range(256)]
    devices = [arg for number, mib in enumerate(sizes) for arg in spm(number, 1 + number // 64, mib)]
    report = boot("-machine", "q35", *nodes(5), *devices, *firmware)
    assert sum(r.size for r in report.soft_reserved) == sum(sizes) * MIB
    assert [((r.end - r.start) // MIB, r.node, r.flags) for r in report.srat if r.start >= WINDOW][:256] == [
        (mib, 1 + number // 64, SRAT_ENABLED) for number, mib in enumerate(sizes)]
    assert sum(r.size for r in report.iomem if r.kind == "Soft Reserved") == sum(sizes) * MIB


def test_many_separate_ranges(boot):
    """The series for OVMF takes as many as QEMU has slots for; OVMF 2026.08 takes about 40."""
    count = 250
    devices = [arg for number in range(count) for arg in spm(number, 1, 2)]
    for number in range(count):
        devices[4 * number + 3] += f",addr={WINDOW + number * 4 * MIB:#x}"
    report = boot("-machine", "q35", *nodes(2), *devices, *ovmf("ovmf-2022.11"))
    wanted = [(WINDOW + number * 4 * MIB, WINDOW + (number * 4 + 2) * MIB) for number in range(count)]
    # Not in the boot log, which has lost its first lines by the time of the report.
    assert [(r.start, r.end) for r in report.memmap if r.kind == "Soft Reserved"] == wanted
    assert [(r.start, r.end) for r in report.iomem if r.kind == "Soft Reserved"] == wanted


def dax_devices(report):
    """What Linux made of it: the ranges of its DAX devices with their target nodes."""
    values = dict(line.split(" ", 1) for line in report.sections["dax"])
    found = []
    for path in values:
        match = re.fullmatch(r"(.*/dax\d+\.\d+)/resource", path)
        if match:
            device = match[1]
            start = int(values[path], 16)
            found.append((Range(start, start + int(values[f"{device}/size"])),
                          int(values[f"{device}/target_node"])))
    return sorted(found)


def test_touching_devices_of_two_nodes(boot, firmware):
    """Without an HMAT, Linux makes one device of each range that firmware gives it, at the node of its first byte.
    SeaBIOS keeps the ranges of two nodes apart, as QEMU has them. OVMF makes one of them in the memory map of UEFI,
    which knows no nodes: the memory of the second is then found at the first."""
    report = boot("-machine", "q35", *nodes(3), *spm(0, 1, 64), *spm(1, 2, 128), *firmware)
    ranges = [Range(WINDOW, WINDOW + 64 * MIB), Range(WINDOW + 64 * MIB, WINDOW + 192 * MIB)]
    assert [entry for entry in report.srat if entry.start >= WINDOW][:2] == [
        Affinity(r.start, r.end, node, SRAT_ENABLED) for r, node in zip(ranges, [1, 2])]
    if firmware:
        [descriptor] = [line for line in report.sections["dmesg"] if re.search(r"efi: mem\d+: .*\|SP\|", line)]
        assert f"range=[{WINDOW:#018x}-{WINDOW + 192 * MIB - 1:#018x}]" in descriptor
        assert dax_devices(report) == [(Range(WINDOW, WINDOW + 192 * MIB), 1)]
    else:
        assert [(r.start, r.end) for r in report.e820 if r.kind == SOFT_RESERVED] == [(r.start, r.end) for r in ranges]
        assert dax_devices(report) == list(zip(ranges, [1, 2]))


HMAT = ["-numa", "hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,latency=10"]


def test_touching_devices_are_one_each(boot, firmware):
    """With an HMAT, touching ranges stay apart even where they share a node."""
    report = boot("-machine", "q35,hmat=on", *nodes(3, "initiator=0"), *HMAT,
                  *spm(0, 1, 64), *spm(1, 1, 128), *spm(2, 2, 64), *firmware)
    ranges = [Range(WINDOW + start * MIB, WINDOW + end * MIB) for start, end in [(0, 64), (64, 192), (192, 256)]]
    assert [(r.start, r.end) for r in report.soft_reserved] == [(WINDOW, WINDOW + 256 * MIB)]
    assert [entry for entry in report.srat if entry.start >= WINDOW][:3] == [
        Affinity(r.start, r.end, node, SRAT_ENABLED) for r, node in zip(ranges, [1, 1, 2])]
    assert dax_devices(report) == list(zip(ranges, [1, 1, 2]))
    assert len(report.hmem) == 3
