# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a document says of a cell that a libvirtd before 11.8 cannot have goes through that libvirtd and comes back."""

import json
import re
from collections.abc import Iterator

import pytest
from daemon import Daemon
from documents import document
from lxml import etree
from stack import Stack

DOCUMENTS = ["spm-cell-access", "spm-cell-access-own", "spm-hugepages-joint", "spm-hugepages-nodeset", "spm-hugepages-of-spm",
             "spm-hugepages-of-the-first", "spm-memnode", "spm-memnode-modes", "spm-memnode-path"]


@pytest.fixture(scope="module")
def old(stack: Stack) -> Iterator[Daemon]:
    with Daemon(stack) as daemon:
        yield daemon


def fitted(name: str, stack: Stack) -> str:
    return re.sub("<emulator>.*?</emulator>", f"<emulator>{stack.emulator}</emulator>", document(name).read_text())


def policies(text: str) -> list[str]:
    """What says how memory is backed: attributes and children, in the order in which libvirt writes them."""
    root = etree.fromstring(text)
    found = root.xpath("memoryBacking | numatune | cpu/numa/cell[@memory='0'] | devices/memory/source")
    memories = [(memory.get("model"), memory.get("access"), memory.get("discard"), memory.findtext("target/node"))
                for memory in root.iterfind("devices/memory")]
    return [re.sub(r">\s+<", "><", etree.tostring(node, with_tail=False, encoding="unicode")) for node in found] + [
        str(memory) for memory in memories]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_comes_back(name: str, old: Daemon, stack: Stack) -> None:
    text = fitted(name, stack)
    old.call("define", "/dev/stdin", stdin=text)
    try:
        shown, stored = old.call("dumpxml", name), old.stored_xml(name)
        assert policies(shown) == policies(text)
        cells = etree.fromstring(stored).xpath("//cell")
        assert len(cells) == text.count("cpus="), "libvirt has cells without memory"
        old.call("define", "/dev/stdin", stdin=shown)
        assert (old.call("dumpxml", name), old.stored_xml(name)) == (shown, stored)
    finally:
        old.call("undefine", name)


def test_the_guest_gets_it(old: Daemon, stack: Stack) -> None:
    name = "spm-cell-access-own"
    text = fitted(name, stack)
    old.call("define", "/dev/stdin", stdin=text)
    old.call("start", name, "--paused")
    try:
        reply = json.loads(old.call("qemu-monitor-command", name, json.dumps({"execute": "query-memdev"})))
        assert {backend["id"]: backend["share"] for backend in reply["return"] if "id" in backend} == {
            "ram-node0": True, "memua-spm0": False, "memua-spm1": True, "memua-spm2": True}
        assert policies(old.call("dumpxml", name)) == policies(text)
    finally:
        old.call("destroy", name)
        old.call("undefine", name)
