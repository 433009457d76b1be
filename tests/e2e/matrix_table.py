# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a run of the matrix covered, as a table: printed when the tests end, and kept as docs/tested.rst."""

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
reports what it sees: its firmware's memory map, SRAT, SLIT and HMAT as they are in memory, what Linux makes of them,
and what a driver finds that looks for the memory of a proximity domain. The last column says how many of the
tests of that guest (tests/e2e/test_matrix.py) passed.

The rows are chosen (tests/e2e/matrix.py) so that each two values of different columns meet in one of them. Guests that use
their SPM, memory that is plugged beside it, and guests that are rebooted, saved and moved have tests of their own
beside that one.

"""
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


def rows_table(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The rows that ran."""
    def cells(row: Row) -> list[str]:
        return [*astuple(row), row.host, outcome_of(counts[str(row)])]
    return simple_table([*AXES, "host", "tests passed"], [cells(row) for row in ROWS if str(row) in counts])


def document(counts: Mapping[str, Mapping[str, int]], versions: Iterable[tuple[str, str, str]]) -> str:
    """docs/tested.rst, with the versions as axis, value and what that was."""
    lines = [*rows_table(counts), *VERSIONS_HEAD.splitlines(), *simple_table(["column", "name", "version"], versions)]
    return HEAD + "\n".join(lines) + "\n"
