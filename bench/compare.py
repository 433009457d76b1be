# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time two functions in turns, and compare their medians."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Clock = Callable[[], float]
Call = Callable[[], object]
Sample = TypeVar("Sample")
Groups = Sequence[Sequence[float]]

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


def in_turns(pairs: Sequence[tuple[Callable[[], Sample], Callable[[], Sample]]], times: int,
             warm_up: int = WARM_UP) -> list[tuple[list[Sample], list[Sample]]]:
    """Take as many samples of each, one pair after the other again and again, and let neither of a pair always come
    first: what else the machine does affects all of them."""
    samples: list[tuple[list[Sample], list[Sample]]] = [([], []) for _ in pairs]
    for measures in list(pairs) * warm_up:
        measures[0]()
        measures[1]()
    gc.collect()
    gc.disable()
    try:
        for turn in range(times):
            for measures, taken in zip(pairs, samples):
                for which in (0, 1) if turn % 2 else (1, 0):
                    taken[which].append(measures[which]())
    finally:
        gc.enable()
    return samples


def middle(groups: Groups) -> float:
    """The median of the medians of all groups."""
    return statistics.median(map(statistics.median, groups))


def interval(ours: Groups, stock: Groups) -> tuple[float, float]:
    """The 95 % interval of the ratio, by resampling. Between two daemons more differs than between two calls, so groups
    are resampled if there are several."""
    chance = random.Random(0)
    if len(ours) == 1:
        ours, stock = ([[sample] for sample in groups[0]] for groups in (ours, stock))
    ratios = sorted(middle(chance.choices(ours, k=len(ours))) / middle(chance.choices(stock, k=len(stock)))
                    for _ in range(RESAMPLED))
    return ratios[len(ratios) // 40], ratios[-1 - len(ratios) // 40]


def row(part: str, what: str, number: int, ours: Groups, stock: Groups, **more: object) -> Row:
    """A row of samples that were taken in turns, a group for each daemon."""
    a, b = middle(ours), middle(stock)
    return Row(part, what, number, a, b, a / b, *interval(ours, stock), **more)  # type: ignore[arg-type]
