# SPDX-License-Identifier: LGPL-2.1-or-later
"""The contents of specific purpose memory move, and a destination that differs is refused."""

import time

import pytest

from machine import DEADLINE

MIB = 1 << 20
WINDOW = 4 << 30
SIZE = 8 * MIB


def board(kind="q35"):
    return ["-machine", kind, "-m", "64M,slots=4,maxmem=1G", "-smp", "1",
            "-object", "memory-backend-ram,id=ram0,size=64M",
            "-numa", "node,nodeid=0,cpus=0,memdev=ram0", "-numa", "node,nodeid=1",
            "-numa", "node,nodeid=2"]


def spm(number=0, size=SIZE, node=1, addr=0, device_id=None):
    return ["-object", f"memory-backend-ram,id=mem{number},size={size}",
            "-device", f"spm-memory,id={device_id or f'spm{number}'},memdev=mem{number},"
                       f"node={node},addr={addr:#x}"]


def pattern(seed):
    """A different value in every page, so that a page at a wrong place shows."""
    return b"".join((seed + page).to_bytes(8, "big") * 512 for page in range(SIZE // 4096))


def fill(machine, seed, address=WINDOW):
    data = pattern(seed)
    for at in range(0, SIZE, MIB):
        machine.write(address + at, data[at:at + MIB])


def contents(machine, address=WINDOW):
    return b"".join(machine.read(address + at, MIB) for at in range(0, SIZE, MIB))


def wait_until(machine, *states):
    """Wait until a migration is in one of some states; return which."""
    end = time.monotonic() + DEADLINE
    while True:
        status = machine.qmp("query-migrate").get("status")
        if status in states:
            return status
        assert time.monotonic() < end, f"{status}\n{machine.log()}"
        time.sleep(0.02)


# exec: rather than file:, which QEMU 7.2 does not have.
def migrate_to(machine, file):
    machine.qmp("migrate", uri=f"exec:cat >{file}")
    assert wait_until(machine, "completed", "failed", "cancelled") == "completed", machine.log()


def load(machine, file):
    """Load a state into a machine that waits for one; return whether it was taken."""
    try:
        machine.qmp("migrate-incoming", uri=f"exec:cat {file}")
        return wait_until(machine, "completed", "failed") == "completed"
    except (AssertionError, OSError):
        if machine.wait() == 0:
            raise
        return False


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_contents_move(start, tmp_path, kind):
    source = start(*board(kind), *spm())
    fill(source, 1)
    migrate_to(source, tmp_path / "state")
    destination = start(*board(kind), *spm(), "-incoming", "defer")
    assert load(destination, tmp_path / "state"), destination.log()
    assert contents(destination) == pattern(1)


def test_neither_order_nor_ids_matter(start, tmp_path):
    first = spm(0, addr=WINDOW)
    second = spm(1, node=2, addr=WINDOW + SIZE)
    source = start(*board(), *first, *second)
    fill(source, 1)
    fill(source, 2, WINDOW + SIZE)
    migrate_to(source, tmp_path / "state")
    first = spm(0, addr=WINDOW, device_id="other")
    destination = start(*board(), *second, *first, "-incoming", "defer")
    assert load(destination, tmp_path / "state"), destination.log()
    assert contents(destination) == pattern(1)
    assert contents(destination, WINDOW + SIZE) == pattern(2)


def differs(address=WINDOW, size=SIZE, node=1):
    return (f"spm-memory with backend 'mem0' has address {address:#x}, size {size:#x} and node {node} here, but the"
            f" guest has it with address {WINDOW:#x}, size {SIZE:#x} and node 1")


MISMATCHES = {
    "address": (spm(addr=WINDOW + 16 * MIB), differs(address=WINDOW + 16 * MIB)),
    "size": (spm(size=2 * SIZE), differs(size=2 * SIZE)),
    "smaller": (spm(size=SIZE // 2), differs(size=SIZE // 2)),
    "node": (spm(node=2), differs(node=2)),
    "missing": ([], "mem0/spm-memory"),
}
# 7.2 has no early stage: the RAM blocks, which have the names of the backends, are compared first.
MISMATCHES_OF_RAM = {"size": "Size mismatch: mem0", "smaller": "Size mismatch: mem0", "missing": "mem0"}


def mismatch(name, version):
    """The devices of a destination that differs, and what it says of that."""
    devices, text = MISMATCHES[name]
    return devices, MISMATCHES_OF_RAM.get(name, text) if version == "7.2" else text


@pytest.mark.parametrize("kind", ["q35", "pc"])
@pytest.mark.parametrize("name", MISMATCHES)
def test_mismatch_is_refused(start, version, tmp_path, name, kind):
    devices, text = mismatch(name, version)
    source = start(*board(kind), *spm())
    migrate_to(source, tmp_path / "state")
    destination = start(*board(kind), *devices, "-incoming", "defer")
    assert not load(destination, tmp_path / "state")
    assert text in destination.log()


def test_management_is_told_the_reason(start, version, tmp_path):
    """In query-migrate since 10.2, which lets a device's check give its reason; on standard error before."""
    source = start(*board(), *spm())
    migrate_to(source, tmp_path / "state")
    destination = start(*board(), *spm(node=2), "-incoming", "defer")
    if version != "10.2":
        assert not load(destination, tmp_path / "state")
        assert differs(node=2) in destination.log()
        return
    destination.qmp("migrate-incoming", uri=f"exec:cat {tmp_path}/state", **{"exit-on-error": False})
    assert wait_until(destination, "completed", "failed") == "failed"
    assert differs(node=2) in destination.qmp("query-migrate")["error-desc"]


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_surplus_is_left_alone(start, tmp_path, kind):
    """No table of the guest names a device that it does not have: it runs as before, with its own."""
    source = start(*board(kind), *spm())
    fill(source, 1)
    migrate_to(source, tmp_path / "state")
    destination = start(*board(kind), *spm(), *spm(1), "-incoming", "defer")
    assert load(destination, tmp_path / "state"), destination.log()
    assert contents(destination) == pattern(1)
    assert destination.qmp("query-status")["running"]


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_guest_without_spm_may_come_to_a_machine_with(start, tmp_path, kind):
    source = start(*board(kind))
    migrate_to(source, tmp_path / "state")
    destination = start(*board(kind), *spm(), "-incoming", "defer")
    assert load(destination, tmp_path / "state"), destination.log()
    assert destination.qmp("query-status")["running"]


@pytest.mark.parametrize("devices", [[], spm()], ids=["surplus", "same"])
def test_postcopy(start, tmp_path, devices):
    uri = f"unix:{tmp_path}/socket"
    source = start(*board(), *devices, accel="tcg")
    destination = start(*board(), *spm(), "-incoming", "defer", accel="tcg")
    for machine in source, destination:
        machine.qmp("migrate-set-capabilities", capabilities=[
            {"capability": "postcopy-ram", "state": True}, {"capability": "return-path", "state": True}])
    destination.qmp("migrate-incoming", uri=uri)
    # So slow that it is not done before it becomes postcopy.
    source.qmp("migrate-set-parameters", **{"max-bandwidth": 65536})
    source.qmp("migrate", uri=uri)
    wait_until(source, "active")
    source.qmp("migrate-start-postcopy")
    source.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 30})
    assert wait_until(source, "completed", "failed", "postcopy-paused") == "completed"
    assert wait_until(destination, "completed", "failed") == "completed"
    assert destination.qmp("query-status")["running"]


def test_guests_without_spm_move_as_before(start, tmp_path):
    source = start(*board())
    migrate_to(source, tmp_path / "state")
    assert b"spm-memory" not in (tmp_path / "state").read_bytes()
    destination = start(*board(), "-incoming", "defer")
    assert load(destination, tmp_path / "state"), destination.log()


def run_job(machine, command, **arguments):
    """Run a QMP command that is a job, to its end."""
    machine.qmp(command, **{"job-id": "job", **arguments})
    end = time.monotonic() + DEADLINE
    while True:
        [job] = machine.qmp("query-jobs")
        if job["status"] == "concluded":
            break
        assert time.monotonic() < end
        time.sleep(0.02)
    assert "error" not in job, job
    machine.qmp("job-dismiss", id="job")


def with_disk(start, image, *devices):
    """A machine with a disk that takes snapshots; the emulator makes the image if there is none."""
    machine = start(*board(), *devices)
    file = {"driver": "file", "filename": str(image)}
    if not image.exists():
        run_job(machine, "blockdev-create", options={**file, "size": 0})
        machine.qmp("blockdev-add", **file, **{"node-name": "new"})
        run_job(machine, "blockdev-create",
                options={"driver": "qcow2", "file": "new", "size": 64 * MIB})
        machine.qmp("blockdev-del", **{"node-name": "new"})
    machine.qmp("blockdev-add", driver="qcow2", file=file, **{"node-name": "disk"})
    return machine


def test_snapshot_keeps_the_contents(start, tmp_path):
    machine = with_disk(start, tmp_path / "disk", *spm())
    fill(machine, 1)
    assert machine.hmp("savevm one") == ""
    fill(machine, 7)
    assert machine.hmp("loadvm one") == ""
    assert contents(machine) == pattern(1)


@pytest.mark.parametrize("name", MISMATCHES)
def test_snapshot_of_another_machine_is_refused(start, version, tmp_path, name):
    devices, text = mismatch(name, version)
    machine = with_disk(start, tmp_path / "disk", *spm())
    assert machine.hmp("savevm one") == ""
    machine.close()
    machine = with_disk(start, tmp_path / "disk", *devices)
    assert text in machine.hmp("loadvm one")
    assert machine.qmp("query-status")["running"] is False
