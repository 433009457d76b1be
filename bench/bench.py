# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two libvirtd of one version, one with the module and one without, and what the parts of the benchmark ask of them."""

import functools
from collections.abc import Callable
from contextlib import ExitStack

import libvirt
from compare import Call, Row, cpu_clock, in_turns, row, timed
from daemon import Daemon
from stack import Stack

Measure = Callable[[], float]


class Side:
    """A daemon and a connection to it."""

    def __init__(self, daemon: Daemon):
        self.daemon = daemon
        self.conn = libvirt.open(daemon.uri)
        self.cpu = cpu_clock(daemon.pid)

    def define(self, text: str) -> libvirt.virDomain:
        return self.conn.defineXML(text)


class Bench:
    """What a part measures with. The daemons start when the first part needs them."""

    def __init__(self, quick: bool, show: Callable[[Row], None]):
        libvirt.registerErrorHandler(lambda *_: None, None)
        self.stack, self.quick = Stack.patched(), quick
        self._show, self._open = show, ExitStack()
        self.rows: list[Row] = []

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @functools.cached_property
    def ours(self) -> Side:
        """With the module."""
        return self.start(plugin=True)

    @functools.cached_property
    def stock(self) -> Side:
        """Without it."""
        return self.start(plugin=False)

    def start(self, plugin: bool) -> Side:
        """Start one more daemon, which ends with the bench."""
        return Side(self._open.enter_context(Daemon(self.stack, plugin=plugin)))

    def times(self, full: int) -> int:
        """How often to repeat: as often as asked, or a fifth of that when it has to be quick."""
        return max(3, full // 5) if self.quick else full

    def add(self, item: Row) -> None:
        self.rows.append(item)
        self._show(item)

    def compare(self, part: str, what: str, number: int, ours: Call, stock: Call, times: int = 60,
                sides: tuple[Side, Side] | None = None, **more: object) -> None:
        """Time two calls in turns, the first of the daemon with the module, and add a row."""
        one, other = sides or (self.ours, self.stock)
        samples = in_turns((lambda: timed(ours, one.cpu), lambda: timed(stock, other.cpu)), self.times(times))
        wall = [[sample[0] for sample in side] for side in samples]
        cpu = [[sample[1] for sample in side] for side in samples]
        self.add(row(part, what, number, *wall, cpu=row(part, what, number, *cpu).ratio, **more))

    def measure(self, part: str, what: str, number: int, ours: Measure, stock: Measure, times: int,
                warm_up: int = 1, **more: object) -> None:
        """Call two functions in turns that measure something themselves, and add a row."""
        samples = in_turns((ours, stock), self.times(times), warm_up)
        self.add(row(part, what, number, *samples, **more))
