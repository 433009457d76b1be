# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time two functions in turns, and compare their medians."""

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Clock = Callable[[], float]
Call = Callable[[], object]
Sample = TypeVar("Sample")

WARM_UP = 5
RESAMPLED = 400


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured with the module and without, and how they compare."""

    part: str
    what: str
    number: int  # of memory devices, or whatever the part varies
    ours: float
    stock: float
    ratio: float
    low: float  # where 95 of 100 repeated measurements would have the ratio
    high: float
    unit: str = "ms"
    goal: float | None = None
    cpu: float | None = None  # the same ratio for the daemons' CPU time, which other load on the machine changes less
    against: str = "DIMM"

    @property
    def missed(self) -> bool:
        """TRUE when the goal is missed by more than the noise explains."""
        return self.goal is not None and self.low > self.goal


def cpu_clock(pid: int) -> Clock:
    """A clock of the CPU seconds that a process has used, see clock_getcpuclockid(3)."""
    clock = (~pid << 3) | 2
    return lambda: time.clock_gettime(clock)


def timed(call: Call, clock: Clock) -> tuple[float, float]:
    """The milliseconds that a call takes, and how many of them the clock counts."""
    begin, start = clock(), time.perf_counter()
    call()
    wall = time.perf_counter() - start
    return wall * 1e3, (clock() - begin) * 1e3


def in_turns(measures: tuple[Callable[[], Sample], Callable[[], Sample]], times: int,
             warm_up: int = WARM_UP) -> tuple[list[Sample], list[Sample]]:
    """Take as many samples of both, and let neither always come first."""
    samples: tuple[list[Sample], list[Sample]] = ([], [])
    for _ in range(warm_up):
        measures[0]()
        measures[1]()
    gc.collect()
    gc.disable()
    try:
        for turn in range(times):
            for which in (0, 1) if turn % 2 else (1, 0):
                samples[which].append(measures[which]())
    finally:
        gc.enable()
    return samples


def interval(ours: list[float], stock: list[float]) -> tuple[float, float]:
    """The 95 % interval of the ratio of medians, by resampling the pairs."""
    chance = random.Random(0)
    ratios = []
    for _ in range(RESAMPLED):
        picked = chance.choices(range(len(ours)), k=len(ours))
        ratios.append(statistics.median(ours[i] for i in picked) / statistics.median(stock[i] for i in picked))
    ratios.sort()
    return ratios[len(ratios) // 40], ratios[-1 - len(ratios) // 40]


def row(part: str, what: str, number: int, ours: list[float], stock: list[float], **more: object) -> Row:
    """A row of samples that were taken in turns."""
    a, b = statistics.median(ours), statistics.median(stock)
    return Row(part, what, number, a, b, a / b, *interval(ours, stock), **more)  # type: ignore[arg-type]
