# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the module adds to calls of libvirt's API that take or give a document, or start a domain."""

from collections.abc import Sequence

import libvirt
from lab import Lab, Side
from shapes import domain

INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE
PAUSED = libvirt.VIR_DOMAIN_START_PAUSED
NATIVE = "qemu-argv"


def control(lab: Lab) -> None:
    """Two daemons without the module: what differs here is noise."""
    one, other = lab.start(plugin=False), lab.start(plugin=False)
    for number in (8, 64):
        text = domain(lab.stack.emulator, "control", "dimm", number)
        compare_document(lab, "control", number, (text, text), sides=(one, other), against="itself")


def plain(lab: Lab) -> None:
    """Domains without SPM, which the module must hardly touch."""
    for number in (0, 8, 64, 200):
        text = domain(lab.stack.emulator, "plain", "dimm", number)
        compare_document(lab, "plain", number, (text, text), goals=(1.01, 1.02), against="the same")


def spm(lab: Lab) -> None:
    """Domains with SPM, against as many DIMMs on the daemon without the module."""
    for number in (1, 8, 64, 200):
        texts = [domain(lab.stack.emulator, "spm", model, number) for model in ("spm", "dimm")]
        compare_document(lab, "spm", number, texts, goals=(1.10, 1.5))
        if number <= 64:
            lab.compare("spm", "domxml-to-native", number,
                        lambda: lab.ours.conn.domainXMLToNative(NATIVE, texts[0]),
                        lambda: lab.stock.conn.domainXMLToNative(NATIVE, texts[1]), goal=1.10)


def share(lab: Lab) -> None:
    """The module's own work: domains with SPM against what libvirt stores of them, given to the daemon without the
    module."""
    for number in (1, 8, 64, 200):
        texts = (domain(lab.stack.emulator, "share", "spm", number), stored_document(lab, "share", number))
        compare_document(lab, "share", number, texts, against="stored form")


def floor(lab: Lab) -> None:
    """libvirt's own share of the part "spm": what it stores of domains with SPM against as many DIMMs, both given to
    the daemon without the module. No module can be faster."""
    for number in (1, 8, 64, 200):
        texts = (stored_document(lab, "floor", number), domain(lab.stack.emulator, "floor-dimm", "dimm", number))
        compare_document(lab, "floor", number, texts, sides=(lab.stock, lab.stock), names=("floor", "floor-dimm"))


def stored_document(lab: Lab, name: str, number: int) -> str:
    """The stock XML that libvirt stores of a domain with SPM."""
    domain_object = lab.ours.define(domain(lab.stack.emulator, name, "spm", number))
    text = lab.ours.daemon.stored_xml(name).partition("-->\n")[2]
    domain_object.undefine()
    return text


def compare_document(lab: Lab, part: str, number: int, texts: Sequence[str], goals: Sequence[float | None] = (None, None),
                     sides: tuple[Side, Side] | None = None, names: Sequence[str] = (), **more: object) -> None:
    """Define, then show, one document on each side, with the module on the first unless told otherwise."""
    one, other = sides or (lab.ours, lab.stock)
    lab.compare(part, "define", number, lambda: one.define(texts[0]), lambda: other.define(texts[1]), goal=goals[0],
                sides=(one, other), **more)
    x, y = (side.conn.lookupByName(name) for side, name in zip((one, other), names or (part, part)))
    lab.compare(part, "dumpxml", number, lambda: x.XMLDesc(INACTIVE), lambda: y.XMLDesc(INACTIVE), goal=goals[1],
                sides=(one, other), **more)
    x.undefine()
    y.undefine()


def lifecycle(lab: Lab) -> None:
    """Create a paused domain and destroy it."""
    for number in (1, 64):
        texts = [domain(lab.stack.emulator, "cycle", model, number) for model in ("spm", "dimm")]
        lab.compare("lifecycle", "create and destroy", number, lambda: cycle(lab.ours, texts[0]),
                    lambda: cycle(lab.stock, texts[1]), times=15, goal=1.02)


def cycle(side: Side, text: str) -> None:
    side.conn.createXML(text, PAUSED).destroy()
