# SPDX-License-Identifier: LGPL-2.1-or-later
"""The domains of the tests, fitted to the emulator, the guest and the firmware that are there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from argv import Argv
from daemon import Daemon
from lxml import etree
from report import Report, last_report
from stack import Stack

HERE = Path(__file__).parent
FIRMWARE = ("seabios", "ovmf")
# no_timer_check: on a loaded host an emulated timer may tick too late for Linux's test of it, which ends in a panic.
KERNEL_ARGUMENTS = "console=ttyS0 quiet memhp_default_state=online no_timer_check"


def read_domain(name: str) -> str:
    """The text of domains/NAME.xml."""
    return (HERE / "domains" / f"{name}.xml").read_text()


def fit_domain(text: str, stack: Stack, firmware: str, serial: Path) -> str:
    """The domain with our emulator, kernel, firmware and serial line. No line moves: errors name
    the lines of the file. The firmware is one of FIRMWARE or an image."""
    root = etree.fromstring(text)
    os_element = root.find("os")
    image = stack.ovmf / "OVMF_CODE_4M.fd" if firmware == "ovmf" else Path(firmware)
    if image.suffix == ".fd":
        _append(os_element, "loader", str(image), readonly="yes", type="pflash")
        _append(os_element, "nvram", template=str(image.with_name(image.name.replace("CODE", "VARS"))))
    elif image.suffix == ".bin":
        _append(os_element, "loader", str(image), type="rom")
    _append(os_element, "kernel", str(stack.guest / "vmlinuz"))
    _append(os_element, "initrd", str(stack.guest / "initrd"))
    _append(os_element, "cmdline", KERNEL_ARGUMENTS)
    devices = root.find("devices")
    _append(devices, "emulator", str(stack.emulator))
    line = _append(devices, "serial", type="unix")
    _append(line, "source", mode="bind", path=str(serial))
    _append(line, "target", port="0")
    return etree.tostring(root, encoding="unicode") + "\n"


def _append(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    child = etree.SubElement(parent, tag, attributes)
    child.text = text
    return child


def memory_devices(xml: str) -> list[etree._Element]:
    """The memory devices of a domain, in its order."""
    return etree.fromstring(xml).findall("devices/memory")


class Defined:
    """A domain of domains/, defined on a daemon."""

    def __init__(self, daemon: Daemon, stack: Stack, name: str, firmware: str = "seabios"):
        self.daemon, self.name = daemon, name
        self.text = fit_domain(read_domain(name), stack, firmware, daemon.serial_path(name))
        self.file = daemon.folder / f"{name}.xml"
        self.file.write_text(self.text)
        daemon.call("define", str(self.file))

    def xml(self, *options: str) -> str:
        return self.daemon.call("dumpxml", self.name, *options)

    def undefine(self) -> None:
        self.daemon.call("undefine", "--nvram", self.name)


@dataclass(frozen=True)
class Seen:
    """What was to be seen of a domain while its guest ran."""

    name: str
    report: Report
    argv: Argv
    environment: list[str]
    live_xml: str


@contextmanager
def running(domain: Defined) -> Iterator[Seen]:
    """Boot the domain's guest, and end it afterwards."""
    try:
        with domain.daemon.boot(domain.name) as guest:
            report = guest.boot()
            process = Path("/proc") / str(domain.daemon.emulator_pid(domain.name))
            yield Seen(
                domain.name, report, Argv.parse((process / "cmdline").read_text().split("\0")),
                (process / "environ").read_text().split("\0"), domain.xml())
    finally:
        domain.daemon.virsh("destroy", domain.name)


def keep_evidence(daemon: Daemon, folder: Path) -> None:
    """Keep what there is of a daemon's guests: logs with command lines and serial lines, XML, decoded tables."""
    daemon.keep_logs(folder)
    for definition in (daemon.folder / "etc/qemu").glob("*.xml"):
        shutil.copy(definition, folder)
    for log in folder.glob("*.serial"):
        report = last_report(log.read_text(errors="replace"))
        if report:
            (folder / f"{log.stem}.tables.txt").write_text("\n".join(report.summary()) + "\n")
