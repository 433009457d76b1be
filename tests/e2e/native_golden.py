# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a libvirt that knows spm itself makes of a golden document, what the module makes of it, and how they differ.

The table native_golden.tsv has all of this, a document in each line."""

import json
import re
import shlex
from dataclasses import astuple, dataclass
from pathlib import Path

import libvirt
from documents import NEW_LIBVIRT, document
from programs import VIRT_SPM, run

TABLE = Path(__file__).with_suffix(".tsv")
HEAD = ("document", "native libvirt", "the module", "command line", "why they differ", "what native libvirt says")
NOTHING = "-"  # stands in a cell that would be empty
Option = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class Line:
    """A document of the table.

    native is "accepted", "schema" for what only `define --validate` refuses, or "refused". module is "accepted" or
    "refused". argv is "equal", the properties that differ, or empty where one of both refuses the document. reason is
    empty where both agree. message is what native libvirt says of what it refuses."""

    document: str
    native: str
    module: str
    argv: str
    reason: str
    message: str

    @property
    def agree(self) -> bool:
        """Both accept it and make the same of it, or both refuse it."""
        return (self.native == "accepted" and self.argv == "equal") if self.module == "accepted" else (
            self.native != "accepted")


def read_table() -> dict[str, Line]:
    head, *lines = TABLE.read_text().splitlines()
    assert tuple(head.split("\t")) == HEAD
    parsed = (Line(*("" if cell == NOTHING else cell for cell in text.split("\t"))) for text in lines)
    return {line.document: line for line in parsed}


def write_table(lines: list[Line]) -> None:
    TABLE.write_text("".join(
        "\t".join(cell or NOTHING for cell in cells) + "\n" for cells in [HEAD, *map(astuple, lines)]))


def spm_options(words: list[str]) -> list[Option]:
    """The objects and devices that are for SPM, in their order, with names by their place: aliases differ."""
    parsed = [(option, json.loads(value)) for option, value in zip(words, words[1:])
              if option in ("-object", "-device") and value.startswith("{")]
    devices = [properties for _, properties in parsed if properties.get("driver") in ("spm-memory", "sp-mem")]
    names = {}
    for number, device in enumerate(devices):
        backend = device["memdev"]
        names.update({device["id"]: f"spm{number}", backend: f"memspm{number}", f"tc-{backend}": f"tc-memspm{number}"})
    return [(option, {key: renamed(value, names) for key, value in properties.items()})
            for option, properties in parsed if properties["id"] in names]


def renamed(value: object, names: dict[str, str]) -> object:
    """A name, or a path whose file has a name."""
    if not isinstance(value, str):
        return value
    folder, slash, file = value.rpartition("/")
    return folder + slash + names.get(file, file)


def difference(native: list[Option], module: list[Option]) -> str:
    """"equal", or what differs."""
    if [option for option, _ in native] != [option for option, _ in module]:
        return "options"
    keys = {key for (_, one), (_, other) in zip(native, module)
            for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return " ".join(sorted(keys)) or "equal"


def fitted(name: str, emulator: Path) -> str:
    """The document for the emulator that is there, which runs without KVM. It stays as it is otherwise."""
    text = re.sub(r"<emulator>.*?</emulator>", "", document(name).read_text())
    text = text.replace("<devices>", f"<devices><emulator>{emulator}</emulator>", 1)
    return re.sub(r"(<domain\s[^>]*type=['\"])kvm", r"\1qemu", text)


def argv_of_native(connection: libvirt.virConnect, xml: str) -> list[Option]:
    return spm_options(shlex.split(connection.domainXMLToNative("qemu-argv", xml)))


def argv_of_module(name: str) -> list[Option] | None:
    done = run(VIRT_SPM, "argv", "--libvirt-version", NEW_LIBVIRT, document(name))
    assert done.returncode in (0, 1), done.stderr
    return spm_options(shlex.split(done.stdout.replace("\\\n", ""))) if done.returncode == 0 else None


def define_validated(connection: libvirt.virConnect, xml: str) -> None:
    connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE).undefine()


def judge(connection: libvirt.virConnect, emulator: Path, name: str, reason: str = "") -> Line:
    """The line that the table must have."""
    xml, native, module = fitted(name, emulator), None, argv_of_module(name)
    verdict, message = "accepted", ""
    try:
        native = argv_of_native(connection, xml)
        define_validated(connection, xml)
    except libvirt.libvirtError as error:
        verdict = "schema" if error.get_error_code() == libvirt.VIR_ERR_XML_INVALID_SCHEMA else "refused"
        # The schema's own words are those of libxml2, which differ from one version to the next.
        message = said(error, emulator) if verdict == "refused" else ""
    argv = "" if native is None or module is None else difference(native, module)
    return Line(name, verdict, "refused" if module is None else "accepted", argv, reason, message)


def said(error: libvirt.libvirtError, emulator: Path) -> str:
    """The first line of a message, without what differs from one machine to the next."""
    first, *_ = error.get_error_message().replace(str(emulator), "EMULATOR").splitlines()
    return first.replace("\t", " ")[:200]
