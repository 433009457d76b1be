# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the guests' tests combine with what: few boots in which each pair of values meets.

A fault that one value causes shows in any row with that value, and one that two of them cause together in
the row where these two meet. To boot every combination would take hours and find little more."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from itertools import combinations, product

from matrix_layouts import LAYOUTS

Value = tuple[str, str]  # axis and value
Pair = tuple[Value, Value]

AXES: dict[str, tuple[str, ...]] = {
    "emulator": ("7.2", "10.0", "10.2", "11.1"),
    # OVMF as the newest distribution has it, and the one of an older distribution with our series.
    "firmware": ("seabios", "ovmf", "ovmf-2022.11"),
    "machine": ("q35", "pc"),
    "layout": tuple(LAYOUTS),
    "backend": ("ram", "memfd", "hugepages", "file"),
    "kernel": ("bookworm", "forky"),
}


@dataclass(frozen=True)
class Row:
    """One guest: a value of each axis, in the order of AXES."""

    emulator: str
    firmware: str
    machine: str
    layout: str
    backend: str
    kernel: str

    def __str__(self) -> str:
        return "-".join(astuple(self))

    @property
    def host(self) -> str:
        """The Debian whose libvirtd has this guest: bookworm's backports have 11.3; forky has 12.8, and stock QEMU
        with it."""
        return "forky" if self.emulator == "11.1" else "bookworm"

    def pairs(self) -> Iterator[Pair]:
        """The pairs of values that meet in this row."""
        return combinations(((field.name, getattr(self, field.name)) for field in fields(self)), 2)


def all_pairs() -> set[Pair]:
    """Each two values of different axes."""
    return {((one, left), (other, right))
            for one, other in combinations(AXES, 2) for left, right in product(AXES[one], AXES[other])}


# Values that came later: they get rows of their own, and other rows stay as they are.
ADDED = {"ovmf-2022.11"}


def choose_rows() -> list[Row]:
    """Rows in which all pairs meet: each time the row that adds the most new ones. Of equal ones the
    row whose values had the fewest rows so far, then the first, so that the result is always the same."""
    candidates = {row: frozenset(row.pairs()) for row in (Row(*values) for values in product(*AXES.values()))}
    missing = all_pairs()
    used: Counter[str] = Counter()
    rows: list[Row] = []
    for added in False, True:
        while wanted := {pair for pair in missing if added or not ADDED.intersection(value for _, value in pair)}:
            best = max((row for row in candidates if added or not ADDED.intersection(astuple(row))), key=lambda row: (
                len(candidates[row] & wanted), -sum(used[value] for value in astuple(row))))
            rows.append(best)
            used.update(astuple(best))
            missing -= candidates[best]
    return needed(rows)


def needed(rows: list[Row]) -> list[Row]:
    """Those without which a pair would be missing; the first ones go first."""
    for row in list(rows):
        others = [other for other in rows if other != row]
        if {pair for other in others for pair in other.pairs()}.issuperset(row.pairs()):
            rows = others
    return rows


ROWS = choose_rows()
