# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two daemons and a small domain in a known state, for tests that drive functions of the table (doors.py)."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import doors
import libvirt
import symbols
from daemon import Daemon
from domains import memory_devices, read_domain
from doors import ALIAS, DEVICE, DOORS, MOMENT, NAME, PYTHON, VIRSH, Call
from lxml import etree
from stack import Stack

# How libvirt begins to say what virsh tells without a code.
MESSAGES = {libvirt.VIR_ERR_NO_SUPPORT: "this function is not supported by the connection driver",
            libvirt.VIR_ERR_OPERATION_UNSUPPORTED: "Operation not supported"}
TITLE = "went through the door"
CLIENTS = [(function, client) for function in DOORS for client in ("python", "virsh")
           if client == "python" or VIRSH[function]]
GIVING = [function for function in DOORS if function.endswith("GetXMLDesc")]

# What the daemon is asked for to bring the domain into a state; absent and off need nothing more.
PATHS = {
    "absent": [],
    "off": [],
    "paused": ["start --paused small"],
    "saved": ["start --paused small", "save small {folder}/saved --image-format sparse"],
    "managed": ["start --paused small", "managedsave small"],
    "snapshot": ["start --paused small", "snapshot-create-as small moment"],
    "checkpoint": ["start --paused small", "checkpoint-create-as small moment"],
}


def small_domain(stack: Stack, disk: Path | None) -> str:
    """domains/small.xml with our emulator, and a disk, where snapshots are to be taken of it."""
    root = etree.fromstring(read_domain(NAME))
    devices = root.find("devices")
    etree.SubElement(devices, "emulator").text = str(stack.emulator)
    if disk:
        devices.append(etree.fromstring(
            f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>"
            "<target dev='vda' bus='virtio'/></disk>"))
    return etree.tostring(root, encoding="unicode")


def titled(xml: str) -> str:
    return xml.replace("</name>", f"</name><title>{TITLE}</title>", 1)


@dataclass
class Lab:
    """The daemons of a test, and its domain in a known state."""

    source: Daemon
    target: Daemon
    stack: Stack
    preload: Sequence[Path] = ()  # into our own clients, where the daemon has no plugin
    way: str = ""  # the URI that leads to the source by a detour

    @property
    def uri(self) -> str:
        return self.way or self.source.uri

    def call(self, *arguments: str, stdin: str | None = None) -> str:
        return self.source.call(*arguments, stdin=stdin, preload=self.preload)

    def domain(self, state: str) -> str:
        disk = self.source.folder / "disk.qcow2" if state in ("off", "snapshot", "checkpoint") else None
        if disk:
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
        return small_domain(self.stack, disk)

    def reach(self, state: str) -> None:
        if state != "absent":
            self.call("define", "/dev/stdin", stdin=self.domain(state))
        for command in PATHS[state]:
            self.call(*command.format(folder=self.source.folder).split())
        self.source.called()
        self.target.called()

    def clean(self) -> None:
        for daemon in self.source, self.target:
            daemon.virsh("destroy", NAME)
            daemon.virsh("undefine", NAME, "--managed-save", "--snapshots-metadata", "--checkpoints-metadata")
        for name in ("saved", "migration", "client-trace"):
            (self.source.folder / name).unlink(missing_ok=True)

    def shown(self, state: str) -> str:
        """The domain as the plugin shows it."""
        if state == "absent":
            return self.domain(state)
        if state == "saved":
            return self.call("save-image-dumpxml", f"{self.source.folder}/saved")
        if state == "managed":
            return self.call("managedsave-dumpxml", NAME)
        # not the live one, where libvirt notes about the CPU what it does not take back
        return self.call("dumpxml", "--inactive", NAME)

    def document(self, function: str) -> str:
        """What the function is to be given."""
        if function in symbols.DEVICE:
            alias = "ua-more" if "Attach" in function else ALIAS
            return alias if function.endswith("Alias") else DEVICE.format(node=1, alias=alias)
        domain = titled(self.shown(DOORS[function].state))
        wrapper = {"snapshot": doors.SNAPSHOT, "checkpoint": doors.CHECKPOINT}.get(DOORS[function].held)
        return wrapper.format(domain=domain) if wrapper else domain

    def held(self, where: str) -> str:
        """The domain as libvirt itself has it, which the plugin has no hand in."""
        daemon = self.target if where == "target" else self.source
        folder = daemon.folder
        files = {
            "stored": folder / f"etc/qemu/{NAME}.xml", "live": folder / f"run/qemu/{NAME}.xml",
            "target": folder / f"run/qemu/{NAME}.xml", "image": folder / "saved",
            "managed": folder / f"lib/qemu/save/{NAME}.save",
            "snapshot": folder / f"lib/qemu/snapshot/{NAME}/{MOMENT}.xml",
            "checkpoint": folder / f"lib/qemu/checkpoint/{NAME}/{MOMENT}.xml",
        }
        match = re.search(rb"<domain .*?</domain>", files[where].read_bytes(), re.S)
        assert match, f"{files[where]} has no domain"
        return match[0].decode()


@dataclass(frozen=True)
class Outcome:
    """What a client was told. virsh tells no code, and that is None."""

    output: str
    error: str = ""
    domain: int | None = 0
    code: int | None = 0


def through_python(lab: Lab, function: str, xml: str) -> Outcome:
    """Call @function here; libvirt is linked to this very process."""
    conn = libvirt.open(lab.uri)
    try:
        result = PYTHON[function](Call(conn, xml, lab.source.folder, lab.target.uri))
        return Outcome(result if isinstance(result, str) else "")
    except libvirt.libvirtError as error:
        return Outcome("", error.get_error_message(), error.get_error_domain(), error.get_error_code())
    finally:
        conn.close()


def through_preloaded_python(lab: Lab, function: str, xml: str, preload: Sequence[Path]) -> Outcome:
    """The same in another process, with libraries preloaded."""
    done = subprocess.run(
        [sys.executable, "-B", doors.__file__, function, lab.uri, str(lab.source.folder), lab.target.uri],
        input=xml, capture_output=True, text=True, timeout=120, check=False, env=lab.source.client_environment(preload))
    if done.returncode == 0:
        return Outcome(done.stdout)
    domain, code, message = done.stderr.splitlines()[-1].split(" ", 2)
    return Outcome("", message, int(domain), int(code))


def through_virsh(lab: Lab, function: str, xml: str, preload: Sequence[Path] = ()) -> Outcome:
    file = lab.source.folder / "document.xml"
    file.write_text(xml)
    done = lab.source.virsh(*doors.virsh_arguments(function, file, lab.source.folder, lab.target.uri), preload=preload)
    return Outcome(done.stdout, done.stderr, None, None) if done.returncode else Outcome(done.stdout)


def assert_done(lab: Lab, function: str, outcome: Outcome) -> None:
    """The function did what it is for: libvirt holds stock XML, or the client was shown spm."""
    door = DOORS[function]
    if door.error:
        assert outcome.code == door.error if outcome.code is not None else MESSAGES[door.error] in outcome.error
        return
    assert outcome.error == ""
    if door.held == "dump":
        assert (lab.source.folder / "saved").stat().st_size > 0
    elif door.held:
        assert_stock(lab.held(door.held), lab.stack, function)
    elif function in GIVING:
        assert_shown(outcome.output)
    else:
        assert f'"driver":"{lab.stack.device}"' in outcome.output


def assert_stock(xml: str, stack: Stack, function: str) -> None:
    assert [device.get("model") for device in memory_devices(xml)] == ["dimm"]
    assert xml.count(f"value='{stack.device}'") == 1
    assert "model='spm'" not in xml
    assert function in symbols.NO_XML + symbols.STARTS or TITLE in xml


def assert_shown(xml: str) -> None:
    """All domains of a document, of which a snapshot has two."""
    domains = list(etree.fromstring(xml).iter("domain", "inactiveDomain"))
    assert domains
    for domain in domains:
        assert [device.get("model") for device in domain.findall("devices/memory")] == ["spm"]
    assert "qemu:" not in xml


def world(lab: Lab) -> dict[str, bytes | None]:
    """All that libvirt and its clients keep in files, which a refusal must leave as it is."""
    for daemon in lab.source, lab.target:
        daemon.call("list")  # answered when its drivers have made their own folders
    files = [path for part in ("etc", "lib/qemu/save", "lib/qemu/snapshot", "lib/qemu/checkpoint", "run/qemu")
             for folder in (lab.source.folder, lab.target.folder) for path in (folder / part).rglob("*")]
    saved = lab.source.folder / "saved"
    return {str(path): path.read_bytes() if path.is_file() else None
            for path in [*files, *([saved] if saved.exists() else [])]}
