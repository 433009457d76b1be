# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the cost grows with the document: document_cost.py and document_share.py for a few kinds of elements."""

import tempfile
from pathlib import Path

import document_cost
import document_share
from bench import Bench

KINDS = ("dimm", "override", "metadata")
SIZES = (1 << 16, 1 << 20, 1 << 24)


def sizes(bench: Bench) -> tuple[int, ...]:
    """The largest takes most of the time."""
    return SIZES[:-1] if bench.quick else SIZES


def growth(bench: Bench) -> None:
    """CPU time of "virt-spm translate" for documents of n KiB, against xmllint reading them."""
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        path = Path(folder) / "domain.xml"
        for kind in KINDS:
            for size in sizes(bench):
                document_cost.write(path, kind, size)
                bench.measure("growth", f"translate, {kind}", size >> 10,
                              lambda: cpu(*document_cost.TRANSLATE, str(path)),
                              lambda: cpu(*document_cost.READ, str(path)), times=3, against="xmllint")


def cpu(*command: str) -> float:
    """The milliseconds of CPU time that a program takes."""
    return document_cost.cost(*command)[0] * 1e3


def embedded(bench: Bench) -> None:
    """CPU time of a define of n KiB, which no protocol limits, in a process with the hypervisor embedded."""
    for kind in KINDS:
        for size in sizes(bench):
            spm = document_share.complete(document_cost.document(kind, size))
            dimm = document_share.stock(spm)
            bench.measure("embedded", f"define, {kind}", size >> 10, lambda: define(spm, str(document_share.MODULE)),
                          lambda: define(dimm, ""), times=3, warm_up=0)


def define(text: str, preload: str) -> float:
    """The milliseconds of CPU time of one call, whatever came of it."""
    return document_share.cost(text, preload)[0] * 1e3
