# SPDX-License-Identifier: LGPL-2.1-or-later
"""What bench/run computes from its samples, and how it shows that: with canned numbers, and without a daemon."""

import os
import re
import sys
import xml.etree.ElementTree as ET

import pytest
from programs import ROOT

sys.path.append(str(ROOT / "bench"))
import compare  # noqa: E402
import plot  # noqa: E402
import shapes  # noqa: E402
import stacks  # noqa: E402
import table  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    compare.Row("spm", "define", 1, 1.1, 1.0, 1.1, 1.05, 1.15, goal=1.1, cpu=1.12),
    compare.Row("spm", "define", 64, 4.5, 3.0, 1.5, 1.4, 1.6, goal=1.1, cpu=1.44),
    compare.Row("boot", "until < & >", 8, 3.5, 3.5, 1.0, 0.9, 1.1, unit="s", against="RAM"),
]
LINES = """\
part       what                            n      with   without       ratio        95 %    CPU   goal
spm        define                          1     1.100     1.000 ms     1.10   1.05-1.15   1.12   1.10
spm        define                         64     4.500     3.000 ms     1.50   1.40-1.60   1.44   1.10 missed
boot       until < & >                     8     3.500     3.500 s      1.00   0.90-1.10
"""
RST = """\
Measured with libvirt 11.3.0, cores 2.

==== =========== ======= ==== ======= ========= =========== ====
part measurement against n    without ratio     of CPU time goal
==== =========== ======= ==== ======= ========= =========== ====
spm  define      DIMM    1/64 1/3 ms  1.10/1.50 1.12/1.44   1.10
boot until < & > RAM     8    3.5 s   1.00
==== =========== ======= ==== ======= ========= =========== ====
"""


def test_samples_are_taken_in_turns():
    order = []
    def measure(name):
        return lambda: order.append(name) or name

    samples = compare.in_turns([(measure("a"), measure("b")), (measure("c"), measure("d"))], 3, warm_up=1)
    assert "".join(order) == "abcd" + "badc" + "abcd" + "badc"
    assert samples == [(["a"] * 3, ["b"] * 3), (["c"] * 3, ["d"] * 3)]


def test_a_row_compares_medians():
    row = compare.row("part", "what", 8, [[2.0, 3.0, 100.0]], [[1.0, 2.0, 0.5]], goal=2.0)
    assert (row.ours, row.stock, row.ratio) == (3.0, 1.0, 3.0)
    assert row.low <= row.ratio <= row.high


def test_without_noise_there_is_no_interval():
    row = compare.row("part", "what", 8, [[3.0] * 9], [[2.0] * 9])
    assert (row.low, row.ratio, row.high) == (1.5, 1.5, 1.5)


def test_each_daemon_counts_once():
    """A hundred samples of one that is slow for a reason of its own say no more than three."""
    row = compare.row("part", "what", 8, [[9.0] * 100, [2.0] * 3, [2.0] * 3], [[2.0] * 3] * 3)
    assert (row.ratio, row.low, row.high) == (1.0, 1.0, 4.5)


def test_a_goal_is_missed_only_when_noise_does_not_explain_it():
    assert [row.missed for row in ROWS] == [False, True, False]


def test_time_on_the_wall_and_on_the_cpu():
    def work():
        while compare.time.process_time() < end:
            pass

    clock = compare.cpu_clock(os.getpid())
    end = compare.time.process_time() + 0.02
    wall, cpu = compare.timed(work, clock)
    assert wall >= 19 and 15 <= cpu < 200


def test_the_table():
    assert [table.heading(), *(table.line(table.cells(row)) for row in ROWS)] == LINES.splitlines()


def test_the_table_of_the_documentation():
    assert table.as_rst(ROWS, {"libvirt": "11.3.0", "cores": "2"}) == RST


def test_numbers_of_the_documentation_are_short():
    assert [table.short(number) for number in (0.12345, 1.0, 98.76, 1234.5)] == ["0.123", "1", "98.8", "1234"]


def test_json_has_everything():
    assert table.from_json(table.as_json(ROWS, {"cores": "2"})) == (ROWS, {"cores": "2"})


def test_the_plot_has_a_panel_for_each_measurement():
    root = ET.fromstring(plot.as_svg(ROWS))
    panels = root.findall(f"{SVG}g")
    assert [panel.find(f"{SVG}text").text for panel in panels] == ["spm: define", "boot: until < & >"]
    assert [len(panel.findall(f"{SVG}circle")) for panel in panels] == [2, 1]
    assert [len(panel.findall(f"{SVG}path[@class='goal']")) for panel in panels] == [1, 0]


def test_the_plot_of_nothing():
    assert not ET.fromstring(plot.as_svg([])).findall(f"{SVG}g")


@pytest.mark.parametrize("ratio", [0.1, 1.0, 60.0])
def test_everything_is_inside_its_panel(ratio):
    row = compare.Row("part", "what", 1, ratio, 1.0, ratio, ratio / 2, ratio * 2, goal=1.5)
    panel = ET.fromstring(plot.as_svg([row])).find(f"{SVG}g")
    circle = panel.find(f"{SVG}circle")
    assert plot.LEFT < float(circle.get("cx")) < plot.WIDTH - plot.RIGHT
    assert plot.TOP <= float(circle.get("cy")) <= plot.HEIGHT - plot.BOTTOM


@pytest.mark.parametrize("number", [0, 1, 200])
@pytest.mark.parametrize("model", ["spm", "dimm"])
def test_the_domains_are_valid(model, number, virt_spm, tmp_path):
    """Only those with SPM are libvirt-spm's to judge; of all, the memory adds up."""
    text = shapes.domain(tmp_path / "qemu", "name", model, number)
    root = ET.fromstring(text)
    parts = [*root.findall("cpu/numa/cell"), *root.findall("devices/memory/target/size")]
    sizes = [int(part.get("memory") or part.text) for part in parts]
    assert sum(sizes) == int(root.findtext("memory"))
    done = virt_spm("validate", "--libvirt-version", "11.3.0", "-", text=text)
    assert (done.returncode, done.stderr) == (0, "")


PERF = """\
rpc-libvirtd
\t    1 malloc (/usr/lib/libc.so.6)
\t    2 xmlNewNode (/usr/lib/libxml2.so.2)
\t    3 spm_xml_new (inlined)
\t    4 spm_xml_add (/build/src/libvirt-spm.so)
\t    5 virDomainDefineXML (/build/src/libvirt-spm.so)
\t    6 [unknown] (/usr/sbin/libvirtd)

rpc-libvirtd
\t    7 virDomainDefineXML (/usr/lib/libvirt.so.0)
\t    8 virDomainDefineXML (/build/src/libvirt-spm.so)
\t    9 [unknown] (/usr/sbin/libvirtd)

libvirtd
\t    a poll (/usr/lib/libc.so.6)

libvirtd
\t    b poll (/usr/lib/libc.so.6)
"""


def test_samples_are_divided_between_libvirt_and_the_module():
    assert [stacks.place(stack) for stack in stacks.samples(PERF)] == [
        "the module", "libvirt: virDomainDefineXML", *["libvirt: RPC and threads"] * 2]


def test_the_table_of_shares():
    assert list(stacks.table(list(stacks.samples(PERF)), 100.0))[:3] == [
        "     50.0  50.0 %  libvirt: RPC and threads", "     25.0  25.0 %  the module",
        "     25.0  25.0 %  libvirt: virDomainDefineXML"]
    assert {line.split()[-1] for line in list(stacks.table(list(stacks.samples(PERF)), 100.0))[3:]} == {
        "spm_xml_new", "spm_xml_add", "virDomainDefineXML"}


def test_the_documentation_explains_every_part():
    parts = re.findall(r'^    "(\w+)": part_\w+\.', (ROOT / "bench/main.py").read_text(), re.M)
    before, results, after = re.split(r"^\.\. (?:end of the )?table$", (ROOT / "docs/performance.rst").read_text(),
                                      flags=re.M)
    assert len(parts) > 5
    assert not [part for part in parts if not re.search(rf"^{part} ", results, re.M)]
    assert not [part for part in parts if not re.search(rf"\b{part}\b", before + after)]
