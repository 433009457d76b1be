# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the module adds to the memory of a daemon that works for long."""

import re
from pathlib import Path

from compare import Row
from bench import Bench, Side
from shapes import domain

DEFINES = 10_000
STEPS = 5
DEVICES = 8


def memory(bench: Bench) -> None:
    """Memory of two new daemons (RSS) over 10,000 definitions of a domain with 8 SPM or DIMM."""
    sides = [bench.start(plugin) for plugin in (True, False)]
    texts = [domain(bench.stack.emulator, "memory", model, DEVICES) for model in ("spm", "dimm")]
    show(bench, sides, 1, texts)
    step = bench.times(DEFINES) // STEPS
    for done in range(step, step * STEPS + 1, step):
        show(bench, sides, done, texts, step)


def show(bench: Bench, sides: list[Side], done: int, texts: list[str], step: int = 1) -> None:
    """Define that often again, and add a row. A single reading has no interval."""
    for side, text in zip(sides, texts):
        for _ in range(step):
            side.define(text)
    ours, stock = (resident_mib(side.daemon.pid) for side in sides)
    ratio = ours / stock
    bench.add(Row("memory", "RSS after n defines", done, ours, stock, ratio, ratio, ratio, unit="MiB"))


def resident_mib(pid: int) -> float:
    """The resident set of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
    assert found
    return int(found[1]) / 1024
