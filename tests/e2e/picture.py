# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draw a guest's physical memory as text, from what the guest itself reported."""

from dataclasses import dataclass

from acpi import SRAT_HOTPLUGGABLE
from report import GIB, KIB, MIB, Affinity, Range, Report

WIDTH = 46
UNITS = (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "bytes")


@dataclass(frozen=True)
class Segment:
    """One box of the picture."""

    start: int
    end: int
    label: str
    note: str


def text_size(size: int) -> str:
    """A size as people write it."""
    unit, name = next((unit, name) for unit, name in UNITS if size >= unit)
    return f"{size / unit:.4g} {name}"


def segments(report: Report) -> list[Segment]:
    """The SRAT's entries, cut where SPM and DIMMs begin and end."""
    result: list[Segment] = []
    for entry in sorted(report.srat):
        inside = [r for r in [*report.soft_reserved, *report.hot_added]
                  if r.start < entry.end and entry.start < r.end]
        edges = {entry.start, entry.end}
        edges |= {edge for r in inside for edge in (r.start, r.end) if entry.start < edge < entry.end}
        cuts = sorted(edges)
        for start, end in zip(cuts, cuts[1:]):
            label = _label(start, entry, report)
            note = f"node {entry.node}" + (", hotpluggable" if entry.flags & SRAT_HOTPLUGGABLE else "")
            if label == "DIMM":
                # Which node a DIMM is in says ACPI's device for it, not the SRAT.
                note += f"; {report.blocks_of(Range(start, end))[0].node} in Linux"
            result.append(Segment(start, end, label, note))
    return result


def _label(address: int, entry: Affinity, report: Report) -> str:
    def holds(ranges: list[Range]) -> bool:
        return any(r.start <= address < r.end for r in ranges)

    if holds(report.soft_reserved):
        return "SPM (soft reserved)"
    if holds(report.hot_added):
        return "DIMM"
    if entry.flags & SRAT_HOTPLUGGABLE:
        return "room for hotplug"
    usable = any(r.kind == "usable" and r.start < entry.end and entry.start < r.end for r in report.e820)
    return "RAM" if usable else "not announced by firmware"


def draw(report: Report) -> list[str]:
    """The picture's lines, lowest address first."""
    lines, end = [], 0
    edge = "+" + "-" * WIDTH + "+"
    for part in segments(report):
        if part.start != end:
            lines += [f"{end:#13x} {edge}", f"{'':13} :{' not memory':{WIDTH}}:"]
        lines.append(f"{part.start:#13x} {edge}")
        text = f" {part.label:{WIDTH - 13}}{text_size(part.end - part.start):>10} "
        lines.append(f"{'':13} |{text:{WIDTH}}| {part.note}")
        end = part.end
    return [*lines, f"{end:#13x} {edge}"]
