# SPDX-License-Identifier: LGPL-2.1-or-later
"""A row of the matrix as a guest: its parts, its domain XML, and all that was seen of it while it ran."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from argv import Argv
from daemon import Daemon
from guest import Guest
from matrix import Row
from matrix_layouts import MAX_MEMORY, SLOTS, Device, Layout, Placed, layout_of, place, window_end, window_start
from report import MIB, Range, Report
from stack import given

ARGUMENTS = "console=ttyS0 quiet memhp_default_state=online no_timer_check"
DISTANCE = 30  # between any two cells of the layout with distances; libvirt leaves out its default, 20
LATENCY = 100  # nanoseconds, to the memory of cell 0; each further cell has one more
# Stock QEMU's own device; our series brings the other.
DEVICES = {"11.1": "sp-mem"}

# TCG of 7.2 gets the flags of that instruction wrong, and Linux, which uses it everywhere, panics sooner or later.
CPU_7_2 = "<model fallback='forbid'>qemu64</model><feature policy='disable' name='cx16'/>"

VARIABLES = {
    ("emulator", "7.2"): "SPM_QEMU_7_2",
    ("emulator", "10.0"): "SPM_QEMU",
    ("emulator", "10.2"): "SPM_QEMU_10_2",
    ("kernel", "bookworm"): "SPM_GUEST",
    ("kernel", "forky"): "SPM_GUEST_FORKY",
    ("firmware", "seabios"): "SPM_SEABIOS",
    ("firmware", "ovmf"): "SPM_OVMF",
    ("firmware", "ovmf-2022.11"): "SPM_OVMF_2022_11",
}
FIRMWARE = {"seabios": "SeaBIOS with patches/seabios,", "ovmf": "OVMF",
            "ovmf-2022.11": "OVMF 2022.11 with patches/edk2, in SMBIOS"}
# The one of its own distribution, in the eyes of the libvirtd there.
STOCK_EMULATOR = Path("/usr/bin/qemu-system-x86_64")


@cache
def parts_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="parts-"))
    folder.chmod(0o755)
    return folder


@cache
def part(axis: str, value: str) -> Path:
    """Where a part of a guest is for every libvirtd: a copy among the tests' own files, which have the same names in
    the root folders of all, and which everybody may read. Raises LookupError when there is no such part."""
    if (axis, value) == ("emulator", "11.1"):
        return STOCK_EMULATOR
    source = given(VARIABLES[axis, value])
    folder = parts_folder() / f"{axis}-{value}"
    if axis == "emulator":
        shutil.copytree(source.parent.parent, folder)
        return folder / "bin" / source.name
    if source.is_dir():
        return shutil.copytree(source, folder)
    folder.mkdir()
    return Path(shutil.copy(source, folder))


def memory_xml(device: Device, window: int, backend: str, file: Path) -> str:
    """One element for a device; window is where the device memory begins."""
    aligned = f"<alignsize unit='MiB'>{device.alignment // MIB}</alignsize>" if device.alignment > 1 else ""
    source = {"file": f"<path>{file}</path>{aligned}", "hugepages": "<pagesize unit='MiB'>2</pagesize>"}
    lines = [f"<memory model='{device.model}'>"]
    if device.model == "nvdimm":
        lines.append(f"<source><path>{file}</path></source>")
    elif device.model == "spm" and backend in source:
        lines.append(f"<source>{source[backend]}</source>")
    lines.append(f"<target><size unit='MiB'>{device.size // MIB}</size><node>{device.node}</node>")
    if device.model == "virtio-mem":
        lines.append(f"<block unit='MiB'>2</block><requested unit='MiB'>{device.size // 2 // MIB}</requested>")
    if device.model == "spm" and device.offset is not None:
        lines.append(f"<address base='{window + device.offset:#x}'/>")
    lines.append("</target>")
    if device.model != "spm" and device.offset is not None:
        lines.append(f"<address type='dimm' base='{window + device.offset:#x}' slot='0'/>")
    return "\n".join([*lines, "</memory>"])


def numa_xml(layout: Layout) -> str:
    """The cells; all RAM and the processor are in cell 0."""
    cells = [f"<cell id='0' cpus='0' memory='{layout.ram // MIB}' unit='MiB'"]
    cells += [f"<cell id='{cell}' memory='0' unit='KiB'" for cell in range(1, layout.cells - layout.added_cells)]
    if not layout.hmat:
        return "\n".join(cell + "/>" for cell in cells)
    ids = range(layout.cells)
    distances = [
        "".join(f"<sibling id='{other}' value='{10 if other == cell else DISTANCE}'/>" for other in ids)
        for cell in ids]
    latencies = "".join(
        f"<latency initiator='0' target='{cell}' type='access' value='{LATENCY + cell}'/>" for cell in ids)
    return "\n".join([
        *(f"{cell}><distances>{inner}</distances></cell>" for cell, inner in zip(cells, distances)),
        f"<interconnects>{latencies}</interconnects>"])


def firmware_xml(firmware: str) -> str:
    """SeaBIOS is named, as not every emulator has ours for its default."""
    path = part("firmware", firmware)
    if firmware == "seabios":
        return f"<loader type='rom'>{path}</loader>"
    return (f"<loader readonly='yes' type='pflash'>{path}/OVMF_CODE_4M.fd</loader>\n"
            f"<nvram template='{path}/OVMF_VARS_4M.fd'/>")


def domain_xml(row: Row, name: str, daemon: Daemon, arguments: str = "") -> str:
    """The domain of a row, with more arguments for its kernel."""
    layout = layout_of(row.layout)
    window = window_start(layout, row.machine)
    devices = "\n".join(memory_xml(device, window, row.backend, daemon.folder / f"{name}.memory{number}")
                        for number, device in enumerate(layout.devices))
    memfd = "<memoryBacking><source type='memfd'/></memoryBacking>" if row.backend == "memfd" else ""
    kernel = part("kernel", row.kernel)
    cpu = f"<cpu mode='custom' match='exact' check='none'>{CPU_7_2}" if row.emulator == "7.2" else "<cpu>"
    return f"""<domain type='qemu'>
<name>{name}</name>
<maxMemory slots='{SLOTS}' unit='MiB'>{MAX_MEMORY // MIB}</maxMemory>
<memory unit='MiB'>{layout.total // MIB}</memory>
{memfd}
<vcpu>1</vcpu>
<os>
<type arch='x86_64' machine='{row.machine}'>hvm</type>
{firmware_xml(row.firmware)}
<kernel>{kernel}/vmlinuz</kernel>
<initrd>{kernel}/initrd</initrd>
<cmdline>{ARGUMENTS} {arguments}</cmdline>
</os>
<features><acpi/></features>
{cpu}<numa>
{numa_xml(layout)}
</numa></cpu>
<devices>
<emulator>{part("emulator", row.emulator)}</emulator>
<controller type='usb' model='none'/>
{devices}
<serial type='unix'><source mode='bind' path='{daemon.serial_path(name)}'/><target port='0'/></serial>
<memballoon model='none'/>
</devices>
</domain>
"""


@dataclass
class Evidence:
    """All that was seen of a guest while it ran, as text files by name. It stays when a test fails."""

    files: dict[str, str] = field(default_factory=dict)

    def keep(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)


@dataclass
class Facts:
    """What a booted row was seen to be."""

    row: Row
    report: Report
    # By proximity domain: what the driver-like program in the guest found there first.
    walks: dict[int, Range | None]
    argv: Argv
    environment: list[str]
    live_xml: str
    memory_devices: list[dict[str, object]]
    versions: dict[str, str]
    evidence: Evidence

    @property
    def layout(self) -> Layout:
        return layout_of(self.row.layout)

    @property
    def device(self) -> str:
        """The emulator's name for SPM."""
        return DEVICES.get(self.row.emulator, "spm-memory")

    @property
    def window(self) -> Range:
        return Range(window_start(self.layout, self.row.machine), window_end(self.layout, self.row.machine))

    @property
    def placed(self) -> list[Placed]:
        return place(self.layout, self.row.machine)

    @property
    def spms(self) -> list[Placed]:
        return [placed for placed in self.placed if placed.device.model == "spm"]

    @property
    def others(self) -> list[Placed]:
        return [placed for placed in self.placed if placed.device.model != "spm"]


def walk(guest: Guest, node: int) -> Range | None:
    """What a driver in the guest finds that looks for the memory of a proximity domain, if anything."""
    words = guest.run(f"spm-walk {node} 2>/dev/null || [ $? = 1 ]").split()
    start, size = (int(word, 16) for word in words or ("0", "0"))
    return Range(start, start + size) if words else None


class RowGuest:
    """A row's domain on a daemon, defined as long as this context lasts. What is seen of it is evidence."""

    def __init__(self, daemon: Daemon, row: Row, name: str, arguments: str = ""):
        self.daemon, self.row, self.name = daemon, row, name
        self.evidence = Evidence()
        self.xml = domain_xml(row, name, daemon, arguments)
        self.evidence.files["domain.xml"] = self.xml

    def __enter__(self) -> "RowGuest":
        self.daemon.call("define", "/dev/stdin", stdin=self.xml)
        self.evidence.files["stock.xml"] = self.daemon.stored_xml(self.name)
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.virsh("destroy", self.name)
        self.daemon.call("undefine", "--nvram", "--snapshots-metadata", self.name)
        for file in self.daemon.folder.glob(f"{self.name}.memory*"):
            file.unlink()

    def xml_now(self, *options: str) -> str:
        return self.daemon.call("dumpxml", self.name, *options)

    def query(self, command: str) -> object:
        """What the emulator's monitor answers."""
        reply = self.daemon.call("qemu-monitor-command", self.name, json.dumps({"execute": command}))
        return json.loads(reply)["return"]

    @contextmanager
    def booted(self) -> Iterator[tuple[Guest, Report]]:
        """The guest, obeying commands, and its first report."""
        try:
            with self.daemon.boot(self.name) as guest:
                self.evidence.files["argv"] = "\n".join(self.process("cmdline"))
                report = guest.boot()
                self.evidence.files["tables.txt"] = "\n".join(report.summary()) + "\n"
                yield guest, report
        finally:
            serial = self.daemon.folder / f"log/{self.name}.serial"
            if serial.exists():
                self.evidence.files["serial.log"] = serial.read_text(errors="replace")

    def process(self, what: str) -> list[str]:
        """The words of the emulator's command line or environment."""
        return Path(f"/proc/{self.daemon.emulator_pid(self.name)}/{what}").read_text().split("\0")

    def look(self, guest: Guest, report: Report) -> Facts:
        """See what is to be seen of the guest while it runs."""
        nodes = {device.node for device in layout_of(self.row.layout).spms}
        return Facts(
            self.row, report, {node: walk(guest, node) for node in nodes}, Argv.parse(self.process("cmdline")),
            self.process("environ"), self.xml_now(), self.query("query-memory-devices"), self.versions(report),
            self.evidence)

    def versions(self, report: Report) -> dict[str, str]:
        """What the names of this row stand for."""
        qemu = self.query("query-version")
        numbers = qemu["qemu"]
        devices = "stock" if self.row.emulator == "11.1" else "with patches/qemu"
        return {
            "emulator": f"QEMU {numbers['major']}.{numbers['minor']}.{numbers['micro']}, {devices}",
            "firmware": f"{FIRMWARE[self.row.firmware]} {report.firmware_version}",
            "kernel": f"Linux {report.sections['kernel'][0]}",
            "host": f"libvirt {self.daemon.call('version', '--daemon').split()[-1]}",
        }


def boot_and_look(guest: RowGuest) -> Facts:
    """Boot the guest, see what is to be seen, and end it."""
    with guest.booted() as (inside, report):
        return guest.look(inside, report)
