# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt and QEMU take the domain that virt-spm host proposes, with the host's distances and figures."""

from pathlib import Path

import pytest
from daemon import Daemon
from domains import memory_devices
from hosts import Memory
from programs import VIRT_SPM, run

pytestmark = pytest.mark.stacks("stock")  # older ones take neither of a cell without memory

SIZE = 32 << 20


def test_the_proposed_domain_starts(daemon: Daemon, tmp_path: Path) -> None:
    """With a file in the place of the device."""
    memory = Memory(tmp_path)
    memory.node(0, "10 21 13", "0-3")
    memory.node(1, "21 10 23", "4-7")
    memory.node(4, "13 23 10")
    memory.access(0, 1, [0], 200000, 90)
    memory.access(1, 1, [1], 200000, 90)
    memory.access(4, 1, [0], 400000, 120)
    memory.device("dax0.0", SIZE, 4)
    file = daemon.folder / "device"
    with open(file, "wb") as empty:
        empty.truncate(SIZE)
    text = run(VIRT_SPM, "host", "--xml", "--root", tmp_path).stdout
    assert "/dev/dax0.0" in text
    daemon.call("create", "--paused", "/dev/stdin", stdin=text.replace("'kvm'", "'qemu'").replace("/dev/dax0.0", str(file)))
    try:
        command = Path(f"/proc/{daemon.emulator_pid('spm')}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
        shown = daemon.call("dumpxml", "spm")
    finally:
        daemon.call("destroy", "spm")
    [device] = memory_devices(shown)
    assert (device.get("model"), device.findtext("source/path"), device.findtext("target/node")) == ("spm", str(file), "2")
    for distance in "src=0,dst=1,val=21", "src=0,dst=2,val=13", "src=1,dst=2,val=23", "src=2,dst=0,val=13":
        assert f"-numa dist,{distance} " in command
    for initiator, target, latency, bandwidth in (0, 0, 90, 200000), (1, 1, 90, 200000), (0, 2, 120, 400000):
        way = f"-numa hmat-lb,initiator={initiator},target={target},hierarchy=memory,data-type"
        for kind in "read", "write":
            assert f"{way}={kind}-latency,latency={latency} " in command
            assert f"{way}={kind}-bandwidth,bandwidth={bandwidth * 1024}K " in command
