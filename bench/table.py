# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows as a table for a terminal and for docs/performance.rst, and as JSON."""

import dataclasses
import json
from collections.abc import Iterable, Sequence

from compare import Row

HEADINGS = ("part", "what", "n", "with", "without", "", "ratio", "95 %", "CPU", "goal", "")
WIDTHS = (10, 26, 6, 9, 9, 4, 6, 11, 6, 6, 6)


def cells(row: Row) -> tuple[str, ...]:
    """A row's cells as text."""
    return (row.part, row.what, str(row.number), f"{row.ours:.3f}", f"{row.stock:.3f}", row.unit, f"{row.ratio:.2f}",
            f"{row.low:.2f}-{row.high:.2f}", "" if row.cpu is None else f"{row.cpu:.2f}",
            "" if row.goal is None else f"{row.goal:.2f}", "missed" if row.missed else "")


def line(texts: Sequence[str]) -> str:
    """Cells side by side, numbers to the right."""
    left = (0, 1, 5, 10)
    return " ".join(f"{text:{'<' if i in left else '>'}{width}}"
                    for i, (text, width) in enumerate(zip(texts, WIDTHS))).rstrip()


def heading() -> str:
    return line(HEADINGS)


def as_json(rows: Sequence[Row], machine: dict[str, str]) -> str:
    """All that was measured, and on what machine."""
    return json.dumps({"machine": machine, "rows": [dataclasses.asdict(row) for row in rows]}, indent=2) + "\n"


def from_json(text: str) -> tuple[list[Row], dict[str, str]]:
    """What as_json() wrote."""
    data = json.loads(text)
    return [Row(**item) for item in data["rows"]], data["machine"]


def as_rst(rows: Sequence[Row], machine: dict[str, str]) -> str:
    """The table of docs/performance.rst: one line for each measurement, with the ratios of all its n."""
    lines = [("part", "measurement", "against", "n", "without", "ratio", "of CPU time", "goal")]
    lines += [summary(items) for items in grouped(rows).values()]
    conditions = ", ".join(f"{name} {value}" for name, value in machine.items())
    return f"Measured with {conditions}.\n\n" + simple_table(lines)


def summary(items: Sequence[Row]) -> tuple[str, ...]:
    """One measurement."""
    first = items[0]
    return (first.part, first.what, first.against, joined(str(item.number) for item in items),
            joined(short(item.stock) for item in items) + " " + first.unit,
            joined(f"{item.ratio:.2f}" for item in items),
            "" if first.cpu is None else joined(f"{item.cpu or 0:.2f}" for item in items), "" if first.goal is None else f"{first.goal:.2f}")


def short(number: float) -> str:
    """Three digits, or all of those before the point."""
    return f"{number:.0f}" if number >= 1000 else f"{number:.3g}"


def joined(texts: Iterable[str]) -> str:
    return "/".join(texts)


def simple_table(lines: Sequence[Sequence[str]]) -> str:
    """A table of reStructuredText, the first line its heading. A first cell must not be empty."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = " ".join("=" * width for width in widths)
    texts = [" ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([rule, texts[0], rule, *texts[1:], rule]) + "\n"


def grouped(rows: Sequence[Row]) -> dict[tuple[str, str, str, float | None], list[Row]]:
    """Rows that differ in their number only, in the order of the first of each."""
    groups: dict[tuple[str, str, str, float | None], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.part, row.what, row.against, row.goal), []).append(row)
    return groups
