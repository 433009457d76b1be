# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the module adds to the memory of a daemon that works for long."""

import re
from pathlib import Path

from compare import Row
from lab import Lab, Side
from shapes import domain

DEFINES = 10_000
STEPS = 5
DEVICES = 8


def memory(lab: Lab) -> None:
    """Memory of two new daemons (RSS) over 10,000 definitions of a domain with 8 SPM or DIMM."""
    sides = [lab.start(plugin) for plugin in (True, False)]
    texts = [domain(lab.stack.emulator, "memory", model, DEVICES) for model in ("spm", "dimm")]
    show(lab, sides, 1, texts)
    step = lab.times(DEFINES) // STEPS
    for done in range(step, step * STEPS + 1, step):
        show(lab, sides, done, texts, step)


def show(lab: Lab, sides: list[Side], done: int, texts: list[str], step: int = 1) -> None:
    """Define that often again, and add a row. A single reading has no interval."""
    for side, text in zip(sides, texts):
        for _ in range(step):
            side.define(text)
    ours, stock = (resident_mib(side.daemon.pid) for side in sides)
    ratio = ours / stock
    lab.add(Row("memory", "RSS after n defines", done, ours, stock, ratio, ratio, ratio, unit="MiB"))


def resident_mib(pid: int) -> float:
    """The resident set of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
    assert found
    return int(found[1]) / 1024
