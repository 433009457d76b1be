# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest-physical map: golden drawings, and what a real QEMU did with the same domain."""

import json
import re
import unicodedata
import xml.etree.ElementTree

import pytest
from documents import ARGV, GOOD, REFUSED, TESTS, document

DATA = TESTS / "layoutdata"
DRAWN = ["spm-single", "spm-after-dimm", "spm-base", "spm-virtio-mem", "spm-two-nodes", "spm-path", "spm-kvm-pc",
         "spm-ram-above-4g", "spm-ram-above-4g-pc", "spm-sgx-epc", "spm-mixed", "spm-sixteen", "spm-utf8",
         "spm-long-names", "spm-user-override", "spm-base-amd", "spm-room-cell-dimm"]
FORMATS = {"text": "txt", "svg": "svg"}

SETUPS = json.loads((TESTS / "reference" / "sp-mem-11.1.3.json").read_text(encoding="utf-8"))
# Set-ups that a domain of ours can say: others put a DIMM or room for one below the SPM, or say what XML cannot.
SAID = ["single", "single-pc", "single-5g-ram", "two-nodes", "two-on-one-node", "nodes-1-1-2", "spm-then-dimm",
        "two-spm-two-dimm", "sixteen"]
SOFT_RESERVED = 0xEFFFFFFF


def columns(line):
    """How many columns a terminal needs."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def regions(text):
    """What a drawing says: a list of base, size, name and node, from low to high addresses."""
    borders = [int(address, 16) for address in re.findall(r"^ *(0x[0-9a-f]+) \+[-=]", text, re.M)]
    names = re.findall(r"^ *\| (?:[:#=.]{3}|   ) (.{16}) .{17} .{12} (.{9})\|$", text, re.M)
    assert len(borders) == len(names) + 1 and borders == sorted(borders, reverse=True)
    return [(borders[i + 1], borders[i] - borders[i + 1], name.strip(), node.strip())
            for i, (name, node) in reversed(list(enumerate(names)))]


def option(words, name):
    return [words[i + 1] for i, word in enumerate(words) if word == name]


def fields(text):
    return dict(field.split("=", 1) for field in text.split(",") if "=" in field)


def domain(setup):
    """A set-up of the reference as a domain. QEMU's slots are ours, and one for each SPM."""
    sizes = {fields(o)["id"]: fields(o)["size"] for o in option(setup["args"], "-object")}
    memory = fields("size=" + option(setup["args"], "-m")[0])
    devices = [(text.split(",")[0], fields(text)) for text in option(setup["args"], "-device")]
    slots = int(memory["slots"]) - sum(driver == "@SPM@" for driver, _ in devices)
    lines = [f"<domain type='qemu'><maxMemory slots='{max(slots, 0)}' unit='GiB'>{memory['maxmem'][:-1]}</maxMemory>",
             f"<os><type machine='{setup['machine']}'>hvm</type></os><features><acpi/></features><cpu><numa>"]
    for number, cell in enumerate(option(setup["args"], "-numa")):
        size = sizes.get(fields(cell).get("memdev"), "0G")
        lines.append(f"<cell id='{number}' memory='{size[:-1]}' unit='{size[-1]}'/>")
    lines.append("</numa></cpu><devices>")
    for driver, device in devices:
        size = sizes[device["memdev"]]
        base = f"<address base='{device['addr']}'/>" if "addr" in device else ""
        lines.append(f"<memory model='{'spm' if driver == '@SPM@' else 'dimm'}'><target><size unit='{size[-1]}'>"
                     f"{size[:-1]}</size><node>{device['node']}</node>{base}</target></memory>")
    return "\n".join(lines) + "</devices></domain>", slots


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("form", FORMATS)
def test_drawing(name, form, virt_spm, golden):
    done = virt_spm("layout", "--format", form, document(name))
    assert (done.returncode, done.stderr) == (0, "")
    golden(done.stdout, DATA / f"{name}.{FORMATS[form]}")


def test_every_drawing_is_read():
    assert {path.name for path in DATA.iterdir()} == {f"{n}.{e}" for n in DRAWN for e in FORMATS.values()}


@pytest.mark.parametrize("name", GOOD)
def test_text_is_the_default_and_fits_80_columns(name, virt_spm):
    done = virt_spm("layout", document(name))
    assert done.returncode == 0, done.stderr
    assert max(columns(line) for line in done.stdout.splitlines()) <= 80
    assert regions(done.stdout)[0][0] == 0


@pytest.mark.parametrize("name", DRAWN)
def test_bands_of_the_picture_have_room_for_their_text(name):
    root = xml.etree.ElementTree.parse(DATA / f"{name}.svg").getroot()
    svg = "{http://www.w3.org/2000/svg}"
    heights = [int(band.get("height")) for band in root.findall(f"{svg}rect[@class='band']")
               if int(band.get("width")) > 22]
    addresses = [int(text.get("y")) for text in root.findall(f"{svg}text[@class='address']")]
    assert min(heights) >= 34
    assert all(below - above >= 34 for above, below in zip(addresses, addresses[1:]))


@pytest.mark.parametrize("name", SAID)
def test_the_map_is_what_qemu_made_of_the_domain(name, virt_spm):
    setup = SETUPS[name]
    text, slots = domain(setup)
    done = virt_spm("layout", "-", text=text)
    assert done.returncode == 0, done.stderr
    drawn = regions(done.stdout)
    assert sorted((base, size) for base, size, what, _ in drawn if what == "SPM") == sorted(
        (base, size) for base, size, kind in setup["e820"] if kind == SOFT_RESERVED)
    ram = [(base, size) for base, size, kind in setup["e820"] if kind == 1]
    assert [(base, size) for base, size, what, _ in drawn if what == "RAM"] == sorted(ram)
    # a domain cannot have fewer slots than it has carriers: sixteen of them where QEMU was given eight
    spare = -min(slots, 0) << 30
    window_end = max(base + size for _, base, size, flags in setup["srat"] if flags & 2)
    assert drawn[-1][0] + drawn[-1][1] == window_end + spare
    for base, size, what, node in drawn:
        if what in ("SPM", "room for hotplug"):
            assert any(f"node {domain}" == node and start <= base and base + size <= start + length + spare
                       for domain, start, length, _ in setup["srat"])


def test_stock_xml_gives_the_map_of_its_origin(virt_spm):
    stock = virt_spm("translate", document("spm-mixed")).stdout
    assert virt_spm("layout", "-", text=stock).stdout == (DATA / "spm-mixed.txt").read_text()


def test_old_libvirt_gives_the_same_map(virt_spm):
    done = virt_spm("layout", "--libvirt-version", "11.3.0", document("spm-mixed"))
    assert done.stdout == (DATA / "spm-mixed.txt").read_text()


@pytest.mark.parametrize("name", REFUSED)
def test_refused_documents_are_not_drawn(name, virt_spm):
    done = virt_spm("layout", document(name))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.replace(f"{ARGV}/", "") == (ARGV / f"{name}.err").read_text()


def with_devices(base, devices=""):
    text = document("spm-single").read_text().replace("<node>1</node>", f"<node>1</node><address base='{base}'/>")
    return text.replace("  </devices>", f"{devices}</devices>")


DIMM = ("<memory model='dimm'><target><size unit='GiB'>1</size><node>0</node></target>"
        "<address type='dimm' slot='%d' base='0x%x'/></memory>")


# What an spm element gives for a base is judged earlier, for all commands.
NO_PLACE = {
    "beyond the window": (
        with_devices("0x100000000", DIMM % (0, 0x6e0000000)),
        "-:28: <memory model='dimm'> would be at 0x6e0000000-0x720000000, outside QEMU's device-memory window, "
        "0x100000000-0x700000000\n"),
    "two dimms": (
        with_devices("0x100000000", DIMM % (0, 0x180000000) + DIMM % (1, 0x160000000)),
        "-:28: <memory model='dimm'> would be at 0x160000000, where another memory device already is\n"),
    "too wide": (
        document("spm-single").read_text().replace("unit='GiB'>16<", "unit='PiB'>4<"),
        "-:1: the domain's memory exceeds the 52 bits of a physical address\n"),
}


@pytest.mark.parametrize("case", NO_PLACE)
def test_what_qemu_would_have_no_place_for(case, virt_spm):
    text, message = NO_PLACE[case]
    done = virt_spm("layout", "-", text=text)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_an_address_of_the_users_own(virt_spm):
    text = document("spm-user-override").read_text().replace("value='9663676416'", "value='4096'")
    done = virt_spm("layout", "-", text=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert "<memory model='spm'> would be at 0x1000-" in done.stderr


@pytest.mark.parametrize("option", ["-machine", "-M", "-m", "-global", "-set", "-readconfig"])
def test_a_base_is_not_judged_where_the_user_changes_the_machine(option, virt_spm):
    text = document("base-below-window-unsupported").read_text()
    text = text.replace(">", " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>", 1).replace(
        "</domain>", f"<qemu:commandline><qemu:arg value='{option}'/><qemu:arg value='x'/></qemu:commandline></domain>")
    assert virt_spm("argv", "-", text=text).returncode == 0
    assert virt_spm("argv", "-", text=text.replace(option, "-k")).returncode == 1


def test_a_domain_without_spm(virt_spm):
    done = virt_spm("layout", "-", text="<domain type='kvm'><memory unit='GiB'>5</memory>"
                    "<os><type machine='q35'>hvm</type></os></domain>")
    assert done.returncode == 0, done.stderr
    assert regions(done.stdout) == [
        (0, 2 << 30, "RAM", ""), (2 << 30, 2 << 30, "PCI, firmware", ""), (4 << 30, 3 << 30, "RAM", "")]
