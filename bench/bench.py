# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pairs of libvirtd of one version, with the module and without, and what the parts of the benchmark ask of them."""

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import libvirt
from compare import Row, cpu_clock, in_turns, row, timed
from daemon import Daemon
from stack import Stack

PAIRS = 6
INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE


class Side:
    """A daemon, a connection to it, and the domain that was defined last."""

    def __init__(self, daemon: Daemon):
        self.daemon = daemon
        self.conn = libvirt.open(daemon.uri)
        self.cpu = cpu_clock(daemon.pid)
        self.domain: libvirt.virDomain | None = None

    def define(self, text: str) -> None:
        """Define a domain, or define it again."""
        self.domain = self.conn.defineXML(text)

    def dump(self) -> str:
        """The domain's XML."""
        assert self.domain
        return self.domain.XMLDesc(INACTIVE)

    def undefine(self) -> None:
        """Undefine the domain."""
        assert self.domain
        self.domain.undefine()


Pair = tuple[Side, Side]
Action = Callable[[Side], object]
Measure = Callable[[], float]


class Bench:
    """What a part measures with. Daemons start when the first part needs them."""

    def __init__(self, quick: bool, show: Callable[[Row], None]):
        libvirt.registerErrorHandler(lambda *_: None, None)
        self._processors = os.sched_getaffinity(0)
        self.stack, self.quick = Stack.patched(), quick
        self._show, self._open = show, ExitStack()
        self.rows: list[Row] = []

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @functools.cached_property
    def pairs(self) -> Sequence[Pair]:
        """Daemons with the module, and as many without. Two daemons differ by some percent whatever is preloaded, as
        their heaps and threads do, so that one pair is not enough."""
        self.share_processor(True)
        return [(self.start(plugin=True), self.start(plugin=False)) for _ in range(self.times(PAIRS, 2))]

    @functools.cached_property
    def stock_pairs(self) -> Sequence[Pair]:
        """As many pairs, all without the module. They are no daemons of the other pairs, which would have more behind them
        than those with the module: a daemon that has been busy answers faster."""
        self.share_processor(True)
        return [(self.start(plugin=False), self.start(plugin=False)) for _ in range(self.times(PAIRS, 2))]

    @functools.cached_property
    def guests(self) -> Pair:
        """Two daemons whose guests have all processors, the first with the module."""
        self.share_processor(False)
        return self.start(plugin=True), self.start(plugin=False)

    def share_processor(self, share: bool) -> None:
        """Let this process, and daemons that it starts from now on, share one processor or have all of them. A call and
        its answer wait for each other, so one is enough. To wake another processor takes as long as a short call and
        not always as long."""
        os.sched_setaffinity(0, {max(self._processors)} if share else self._processors)

    @property
    def ours(self) -> Side:
        """A daemon with the module."""
        return self.pairs[0][0]

    @property
    def stock(self) -> Side:
        """A daemon without it."""
        return self.pairs[0][1]

    def start(self, plugin: bool) -> Side:
        """Start one more daemon, which ends with the benchmark."""
        return Side(self._open.enter_context(Daemon(self.stack, plugin=plugin)))

    def times(self, full: int, least: int = 3) -> int:
        """How often to repeat: as often as asked, or a fifth of that when it has to be quick."""
        return max(least, full // 5) if self.quick else full

    def add(self, item: Row) -> None:
        """Add a row and show it."""
        self.rows.append(item)
        self._show(item)

    def compare(self, part: str, what: str, number: int, ours: Action, stock: Action, times: int = 100,
                warm_up: int = 3, pairs: Sequence[Pair] | None = None, **more: object) -> None:
        """Time two calls in turns on each pair, the first with the module, and add a row."""
        pairs = pairs or self.pairs
        self.share_processor(True)
        calls = [(functools.partial(timed, functools.partial(ours, one), one.cpu),
                  functools.partial(timed, functools.partial(stock, other), other.cpu)) for one, other in pairs]
        groups = in_turns(calls, max(3, self.times(times) // len(pairs)), warm_up)
        wall, cpu = ([[[sample[clock] for sample in group[side]] for group in groups] for side in (0, 1)]
                     for clock in (0, 1))
        self.add(row(part, what, number, *wall, cpu=row(part, what, number, *cpu).ratio, **more))

    def measure(self, part: str, what: str, number: int, ours: Measure, stock: Measure, times: int,
                warm_up: int = 1, **more: object) -> None:
        """Call two functions in turns that measure something themselves, and add a row."""
        self.share_processor(False)
        [samples] = in_turns([(ours, stock)], self.times(times), warm_up)
        self.add(row(part, what, number, samples[:1], samples[1:], **more))
