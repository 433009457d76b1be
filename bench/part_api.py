# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the module adds to calls of libvirt's API that take or give a document, or start a domain."""

from collections.abc import Sequence

import libvirt
from bench import Bench, Pair, Side
from shapes import domain

PAUSED = libvirt.VIR_DOMAIN_START_PAUSED
NATIVE = "qemu-argv"


def control(bench: Bench) -> None:
    """Daemons without the module against others without it: what differs here is noise."""
    for number in (8, 64):
        text = domain(bench.stack.emulator, "control", "dimm", number)
        compare_document(bench, "control", number, (text, text), pairs=bench.stock_pairs, against="itself")


def plain(bench: Bench) -> None:
    """Domains without SPM, which the module must hardly touch."""
    for number in (0, 8, 64, 200):
        text = domain(bench.stack.emulator, "plain", "dimm", number)
        compare_document(bench, "plain", number, (text, text), goals=(1.01, 1.02), against="the same")


def spm(bench: Bench) -> None:
    """Domains with SPM, against as many DIMMs on the daemon without the module."""
    for number in (1, 8, 64, 200):
        texts = [domain(bench.stack.emulator, "spm", model, number) for model in ("spm", "dimm")]
        compare_document(bench, "spm", number, texts, goals=(1.10, 1.5))
        if number <= 64:
            bench.compare("spm", "domxml-to-native", number, lambda side: side.conn.domainXMLToNative(NATIVE, texts[0]),
                          lambda side: side.conn.domainXMLToNative(NATIVE, texts[1]), goal=1.10)


def share(bench: Bench) -> None:
    """The module's own work: domains with SPM against what libvirt stores of them, given to the daemon without the
    module."""
    for number in (1, 8, 64, 200):
        texts = (domain(bench.stack.emulator, "share", "spm", number), stored_document(bench, "share", number))
        compare_document(bench, "share", number, texts, against="stored form")


def floor(bench: Bench) -> None:
    """libvirt's own share of the part "spm": what it stores of domains with SPM against as many DIMMs, both given to
    daemons without the module. No module can be faster."""
    for number in (1, 8, 64, 200):
        texts = (stored_document(bench, "floor", number), domain(bench.stack.emulator, "floor", "dimm", number))
        compare_document(bench, "floor", number, texts, pairs=bench.stock_pairs)


def stored_document(bench: Bench, name: str, number: int) -> str:
    """The stock XML that libvirt stores of a domain with SPM."""
    bench.ours.define(domain(bench.stack.emulator, name, "spm", number))
    text = bench.ours.daemon.stored_xml(name).partition("-->\n")[2]
    bench.ours.undefine()
    return text


def compare_document(bench: Bench, part: str, number: int, texts: Sequence[str],
                     goals: Sequence[float | None] = (None, None), pairs: Sequence[Pair] | None = None,
                     **more: object) -> None:
    """Define, then show, one document on each side of each pair, with the module on the first unless told otherwise."""
    bench.compare(part, "define", number, lambda side: side.define(texts[0]), lambda side: side.define(texts[1]),
                  goal=goals[0], pairs=pairs, **more)
    bench.compare(part, "dumpxml", number, Side.dump, Side.dump, times=900, goal=goals[1], pairs=pairs, **more)
    for pair in pairs or bench.pairs:
        for side in pair:
            side.undefine()


def lifecycle(bench: Bench) -> None:
    """Create a paused domain and destroy it."""
    for number in (1, 64):
        texts = [domain(bench.stack.emulator, "cycle", model, number) for model in ("spm", "dimm")]
        bench.compare("lifecycle", "create and destroy", number, lambda side: cycle(side, texts[0]),
                      lambda side: cycle(side, texts[1]), times=24, warm_up=1, goal=1.02)


def cycle(side: Side, text: str) -> None:
    """One life of a domain."""
    side.conn.createXML(text, PAUSED).destroy()
