# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the module adds to calls of libvirt's API that take or give a document, or start a domain."""

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
        lab.compare("control", "define", number, lambda: one.define(text), lambda: other.define(text),
                    other=(one, other), against="itself")
        x, y = (side.conn.lookupByName("control") for side in (one, other))
        lab.compare("control", "dumpxml", number, lambda: x.XMLDesc(INACTIVE), lambda: y.XMLDesc(INACTIVE),
                    other=(one, other), against="itself")


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
    """Domains with SPM, against what libvirt stores of them on the daemon without the module: what is left is the
    module's own work, and what the part "spm" has on top is libvirt's work on overrides."""
    for number in (1, 8, 64, 200):
        text = domain(lab.stack.emulator, "share", "spm", number)
        lab.ours.define(text)
        stored = stored_document(lab.ours, "share")
        compare_document(lab, "share", number, (text, stored), goals=(None, None), against="as stored")


def stored_document(side: Side, name: str) -> str:
    """What libvirt has on disk, in the domain's own namespace."""
    return side.daemon.stored_xml(name).partition("-->\n")[2]


def compare_document(lab: Lab, part: str, number: int, texts, goals, **more: object) -> None:
    """Define, then show, the first document with the module and the second without."""
    lab.compare(part, "define", number, lambda: lab.ours.define(texts[0]), lambda: lab.stock.define(texts[1]),
                goal=goals[0], **more)
    x, y = (side.conn.lookupByName(part) for side in lab.sides())
    lab.compare(part, "dumpxml", number, lambda: x.XMLDesc(INACTIVE), lambda: y.XMLDesc(INACTIVE), goal=goals[1], **more)
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
