# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows as a picture: a panel for each measurement, with the ratio over n, its interval, and the goal."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from compare import Row
from table import grouped

COLUMNS = 4
WIDTH, HEIGHT = 290, 180  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 40, 20, 34, 26  # around its axes
STYLE = """\
text { font: 11px sans-serif; fill: #333 }
.title { font-weight: bold }
.axis { stroke: #999; fill: none }
.one { stroke: #bbb; fill: none }
.goal { stroke: #c33; stroke-dasharray: 5 3; fill: none }
.ratio { stroke: #25a; fill: none; stroke-width: 2 }
.interval { stroke: #25a; stroke-width: 1 }
.dot { fill: #25a }
"""


def as_svg(rows: Sequence[Row]) -> str:
    """All panels as one SVG document."""
    groups = list(grouped(rows).values())
    lines = -(-len(groups) // COLUMNS)
    panels = [f'<g transform="translate({index % COLUMNS * WIDTH} {index // COLUMNS * HEIGHT})">\n'
              + "\n".join(panel(items)) + "\n</g>" for index, items in enumerate(groups)]
    width, height = WIDTH * COLUMNS, HEIGHT * max(lines, 1)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}">\n<style>\n{STYLE}</style>\n<rect width="{width}" height="{height}" fill="#fff"/>\n'
            + "\n".join(panels) + "\n</svg>\n")


def panel(items: Sequence[Row]) -> Iterator[str]:
    """One measurement: all its rows have the same goal."""
    first = items[0]
    top = 1.15 * max([1.0, first.goal or 0, *(item.high for item in items)])
    points = [(across(index, len(items)), item) for index, item in enumerate(items)]
    yield text(LEFT, 14, f"{first.part}: {first.what}", "title")
    yield text(LEFT, 27, f"against {first.against}")
    yield f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    yield from level(1.0, top, "one")
    if first.goal is not None:
        yield from level(first.goal, top, "goal")
    yield f'<polyline class="ratio" points="{" ".join(f"{x:.1f},{down(item.ratio, top):.1f}" for x, item in points)}"/>'
    for x, item in points:
        yield from point(x, item, top)


def point(x: float, item: Row, top: float) -> Iterator[str]:
    """One row: its interval, its ratio, and n below the axis."""
    yield f'<path class="interval" d="M{x:.1f} {down(item.low, top):.1f}V{down(item.high, top):.1f}"/>'
    yield f'<circle class="dot" cx="{x:.1f}" cy="{down(item.ratio, top):.1f}" r="3"/>'
    yield text(x + 5, down(item.ratio, top) - 5, f"{item.ratio:.2f}")
    yield text(x, HEIGHT - BOTTOM + 14, str(item.number), anchor="middle")


def level(ratio: float, top: float, kind: str) -> Iterator[str]:
    """A line across the panel, with its value."""
    y = down(ratio, top)
    yield f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    # the goal may be next to 1, so its value is inside
    yield text(LEFT - 4, y + 4, "1", anchor="end") if kind == "one" else text(LEFT + 3, y - 3, f"{ratio:.2f}")


def across(index: int, count: int) -> float:
    """Where the row with that index is, from the left."""
    return LEFT + (index + 0.5) * (WIDTH - LEFT - RIGHT) / count


def down(ratio: float, top: float) -> float:
    """Where a ratio is, from the top."""
    return TOP + (1 - ratio / top) * (HEIGHT - TOP - BOTTOM)


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text{attribute} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'
