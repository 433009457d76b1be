# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a run of the matrix covered, as a table: printed when the tests end, and kept as docs/tested.rst."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

from matrix import AXES, ROWS, Row

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/tested.rst"
HEAD = """\
.. SPDX-License-Identifier: LGPL-2.1-or-later
.. Written by "pytest --regenerate tests/e2e/test_matrix.py"; scripts/check e2e prints the same of its own run.

===============
What was tested
===============

Each row is one guest, defined by a domain's XML through a libvirtd with the plugin, and booted. The guest
reports what it sees: its firmware's memory map, SRAT, SLIT and HMAT as they are in memory, what Linux makes
of them, and what a driver finds that looks for the memory of a proximity domain. The last column says how many
of the tests of that guest (tests/e2e/test_matrix.py) passed.

The rows are chosen (tests/e2e/matrix.py) so that each two values of different columns meet in one of them; the
column "host", the Debian that libvirt is from, follows from the others. Guests that use their SPM, memory that is plugged
beside it, and guests that are rebooted, saved and moved have tests of their own beside that one.

"""
COLUMNS = [*AXES, "host", "tests passed"]
VERSIONS_HEAD = """
What the names stand for
========================

"""


def row_name(nodeid: str) -> str | None:
    """The row that a test of test_matrix.py is about."""
    file, _, rest = nodeid.partition("::")
    return rest.partition("[")[2][:-1] or None if file.endswith("test_matrix.py") else None


def count(nodeids_of: Mapping[str, Iterable[str]]) -> dict[str, dict[str, int]]:
    """By row: how many of its tests had which outcome."""
    counts: dict[str, dict[str, int]] = {}
    for outcome, nodeids in nodeids_of.items():
        for name in filter(None, map(row_name, nodeids)):
            row = counts.setdefault(name, {})
            row[outcome] = row.get(outcome, 0) + 1
    return counts


def outcome_of(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    text = f"{counts.get('passed', 0)} of {total}"
    return f"{text}, skipped" if counts.get("skipped") == total else text


def simple_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table that is reStructuredText and reads well as it is."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    text = ["  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip() for line in lines]
    return [rule, text[0], rule, *text[1:], rule]


def cells_of(row: Row, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [*astuple(row), row.host, outcome_of(counts[str(row)])]


def rows_table(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The rows that ran."""
    return simple_table(COLUMNS, [cells_of(row, counts) for row in ROWS if str(row) in counts])


def old_cells(text: str, key: int) -> dict[tuple[str, ...], list[str]]:
    """The lines of an earlier document's tables by their first cells, as many as key says."""
    lines = (re.split(r"  +", line) for line in text.splitlines() if not line.startswith("="))
    return {tuple(cells[:key]): cells for cells in lines if len(cells) > key}


def document(counts: Mapping[str, Mapping[str, int]], versions: Iterable[tuple[str, str, str]], old: str) -> str:
    """docs/tested.rst, with the versions as axis, value and what that was. What did not run this time is as in the
    old document."""
    was = old_cells(old, len(AXES))
    rows = [cells_of(row, counts) if str(row) in counts else was.get(astuple(row)) for row in ROWS]
    known = {key: cells for key, cells in old_cells(old, 2).items() if len(cells) == 3 and cells[0] in COLUMNS}
    known.update({(axis, value): [axis, value, version] for axis, value, version in versions})
    return HEAD + "\n".join([
        *simple_table(COLUMNS, filter(None, rows)), *VERSIONS_HEAD.splitlines(),
        *simple_table(["column", "name", "version"], [known[key] for key in sorted(known)])]) + "\n"
