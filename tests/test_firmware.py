# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which firmware a domain has, and whether it passes specific purpose memory on: images that are made up here.
Those that distributions ship are in e2e/test_firmware.py."""

import json
import lzma
import os
import random
import resource
import subprocess
import uuid

import pytest
from documents import document
from programs import BUILD, run

RANGE = b"qemu/e820: addr 0x%016llx len 0x%016llx ["
SOFT_RESERVED = b"\xff\xff\xff\xef"
PLATFORM = uuid.UUID("222c386d-5abc-4fb4-b124-fbb82488acf4").bytes_le
LZMA = uuid.UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf").bytes_le
PEIM, GUID_DEFINED = 6, 2


def seabios(version=b"1.16.3-debian-1.16.3-2", more=b""):
    return b"\0" * 100 + RANGE + b"RAM]\n\0" + more + b"gcc: 13.2.0\0\x90" + version + b"\0" * 100


def module(code=SOFT_RESERVED, guid=PLATFORM, kind=PEIM, size=None):
    """A file of a firmware volume, with other things around it."""
    body = b"\x74\x3d" + code + b"\x74"
    header = guid + b"\0\0" + bytes([kind, 0]) + (24 + len(body) if size is None else size).to_bytes(3, "little") + b"\0"
    return b"volume" * 50 + header + body + SOFT_RESERVED * 3


def section(volume, guid=LZMA, kind=GUID_DEFINED, start=24, size=None):
    packed = lzma.compress(volume, lzma.FORMAT_ALONE)
    size = start + len(packed) if size is None else size
    return (b"\xff" * 144 + size.to_bytes(3, "little") + bytes([kind]) + guid + start.to_bytes(2, "little") + b"\1\0" +
            packed + b"\xff" * 100)


PASSES = {
    "seabios-patched": seabios(b"1.16.3-spm", RANGE + b"type 0x%x]\n\0"),
    "seabios-newer-patched": seabios(b"1.18.0", RANGE + b"type 0x%x]\n\0"),
    "ovmf": section(module()),
    "ovmf-behind-another-section": section(b"something else") + section(module()),
    "ovmf-behind-many-sections": section(b"something else") * 7 + section(module()),
    "ovmf-behind-another-mention": LZMA + section(PLATFORM + module()),
}
DROPS = {
    "seabios": seabios(),
    "seabios-release": seabios(b"rel-1.17.0-0-gb52ca86e094d-prebuilt.qemu.org"),
    "seabios-reserved": seabios(more=RANGE + b"reserved]\n\0"),
    "ovmf-old": section(module(b"\xff\xff\xff\xee")),
}
UNKNOWN = {
    "empty": b"",
    "text": b"no firmware",
    "seabios-newer": seabios(b"1.18.0"),
    "seabios-much-newer": seabios(b"2.0.0"),
    "seabios-without-version": seabios(b"unversioned"),
    "ovmf-without-platform": section(module(guid=uuid.uuid4().bytes_le)),
    "ovmf-another-kind-of-file": section(module(kind=7)),
    "ovmf-file-too-large": section(module(size=0xFFFFFF)),
    "ovmf-file-too-small": section(module(size=24)),
    "ovmf-file-cut-off": section(PLATFORM),
    "ovmf-uncompressed": module(),
    "ovmf-behind-too-many-sections": section(b"something else") * 8 + section(module()),
    "section-of-another-kind": section(module(), kind=1),
    "section-too-large": section(module(), size=0xFFFFFF),
    "section-without-data": section(module(), size=24),
    "section-data-in-its-header": section(module(), start=8),
    "section-cut-off": section(module())[:170],
    "section-without-header": LZMA,
    "section-not-compressed": section(module()).replace(lzma.compress(module(), lzma.FORMAT_ALONE), module()),
    "wants-much-memory": section(module()).replace(b"\x5d\0\0\x80\0", b"\x5d\0\0\0\xf0"),
}
WARNING = ("warning: the guest would boot without its <memory model='spm'>, which its firmware does not pass on: "
           "'{}' {}; use OVMF 2026.08 or newer, or OVMF or SeaBIOS with libvirt-spm's patches\n")


@pytest.fixture
def firmware(tmp_path):
    """Ask what is known of a domain with this <os> and what follows it, and these folders of descriptors."""
    def ask(os_element, *folders, rest=""):
        domain = tmp_path / "domain.xml"
        domain.write_text(f"<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>{os_element}{rest}</domain>")
        done = run(BUILD / "tests" / "firmware", domain, *folders)
        assert (done.returncode, done.stderr) == (0, "")
        *images, verdict = done.stdout.splitlines()
        return images, *verdict.split(": ", 1)
    return ask


@pytest.fixture
def judge(firmware, tmp_path):
    def of(content):
        image = tmp_path / "image"
        image.write_bytes(content)
        images, verdict, reason = firmware(f"<os><loader>{image}</loader></os>")
        assert images == [f"{image}"]
        return verdict, reason.replace(f"'{image}' ", "")
    return of


@pytest.mark.parametrize("name", PASSES)
def test_image_that_passes_spm_on(name, judge):
    assert judge(PASSES[name])[0] == "passes"


@pytest.mark.parametrize("name", DROPS)
def test_image_that_drops_spm(name, judge):
    assert judge(DROPS[name])[0] == "drops"


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_image(name, judge):
    assert judge(UNKNOWN[name])[0] == "unknown"


@pytest.mark.parametrize("content,reason", [
    (seabios(), "is SeaBIOS 1.16.3-debian-1.16.3-2, which drops all ranges but RAM and reserved"),
    (PASSES["seabios-patched"], "is SeaBIOS 1.16.3-spm with a patch that passes on all ranges"),
    (UNKNOWN["seabios-newer"], "is SeaBIOS 1.18.0, which is newer than the known versions"),
    (UNKNOWN["seabios-without-version"], "is a SeaBIOS without a version"),
    (PASSES["ovmf"], "is an OVMF that knows soft-reserved memory, as 2026.08 does"),
    (DROPS["ovmf-old"], "is an OVMF that does not know soft-reserved memory, like those before 2026.08"),
    (b"", "is not an image of a known SeaBIOS or OVMF"),
])
def test_reason(content, reason, judge):
    assert judge(content)[1] == reason


def bounded():
    """Little memory and time, for the program that looks into an image."""
    resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


@pytest.mark.parametrize("content,said", [
    (section(bytes(4 << 20)) * 200, "has more compressed sections than any known OVMF"),
    (LZMA * (1 << 20), "is not an image of a known SeaBIOS or OVMF"),
    (RANGE + b"1" * (15 << 20), "is a SeaBIOS without a version"),
    (RANGE + b"\0001.1.x" * (2 << 20), "is a SeaBIOS without a version"),
    (RANGE + b"\0001.1." + b"1" * (15 << 20) + b"\0", "is a SeaBIOS without a version"),
    (RANGE + b"\0001.1.1" + b" " * (15 << 20) + b"\0", "is a SeaBIOS without a version"),
], ids=["sections", "mentions", "digits", "versions", "long number", "long version"])
def test_an_image_that_is_made_to_cost_much(content, said, tmp_path):
    image, domain = tmp_path / "image", tmp_path / "domain.xml"
    image.write_bytes(content[:16 << 20])
    domain.write_text(f"<domain><os><loader>{image}</loader></os></domain>")
    done = subprocess.run([BUILD / "tests" / "firmware", domain], capture_output=True, text=True, preexec_fn=bounded,
                          timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"unknown: '{image}' {said}"


def test_outsized_image(firmware, tmp_path):
    with open(tmp_path / "image", "wb") as image:
        image.truncate((16 << 20) + 1)
    reason = firmware(f"<os><loader>{image.name}</loader></os>")[2]
    assert reason == f"'{image.name}' cannot be read: it is larger than 16777216 bytes"


def test_damaged_images_are_read_with_care(judge):
    generator = random.Random(os.environ.get("SPM_SEED", "1"))
    for _ in range(100):
        damaged = bytearray(section(module()))
        for _ in range(generator.randrange(1, 20)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        assert judge(damaged[:generator.randrange(len(damaged))])[0] in ("passes", "drops", "unknown")


@pytest.mark.parametrize("path,reason", [
    ("/dev/zero", "cannot be read: it is not a regular file"),
    ("/proc/self", "cannot be read: it is not a regular file"),
    ("/nowhere/image", "cannot be read: No such file or directory"),
    # A file that can be opened and not read: the loopback device has no speed.
    ("/sys/class/net/lo/speed", "cannot be read: Invalid argument"),
])
def test_image_that_is_not_read(path, reason, firmware):
    assert firmware(f"<os><loader>{path}</loader></os>") == ([path], "unknown", f"'{path}' {reason}")


def test_a_pipe_does_not_block(firmware, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert firmware(f"<os><loader>{tmp_path}/pipe</loader></os>")[2].endswith("cannot be read: it is not a regular file")


@pytest.fixture
def emulator(tmp_path):
    """Install an emulator and images of SeaBIOS beside it, as far as validate looks at it; the path."""
    def install(**images):
        for folder, content in images.items():
            place = tmp_path / "usr" / "share" / folder
            place.mkdir(parents=True)
            (place / "bios-256k.bin").write_bytes(content)
        binary = tmp_path / "usr" / "bin" / "qemu"
        binary.parent.mkdir(exist_ok=True, parents=True)
        binary.touch()
        return binary
    return install


@pytest.mark.parametrize("images,verdict", [
    ({}, "unknown"),
    ({"qemu": seabios()}, "drops"),
    ({"qemu": PASSES["seabios-patched"]}, "passes"),
    ({"qemu": seabios(), "seabios": seabios()}, "drops"),
    # which of them QEMU loads depends on how it was built
    ({"qemu": PASSES["seabios-patched"], "seabios": seabios()}, "unknown"),
])
def test_the_emulators_seabios(images, verdict, firmware, emulator, tmp_path):
    binary = emulator(**images)
    (tmp_path / "link").symlink_to(binary)
    for name in (binary, tmp_path / "link"):
        found, what, _ = firmware("<os/>", rest=f"<devices><emulator>{name}</emulator></devices>")
        assert (len(found), what) == (len(images), verdict)


def test_an_emulator_that_is_not_there(firmware, tmp_path):
    found = firmware("<os/>", rest=f"<devices><emulator>{tmp_path}/none</emulator></devices>")
    assert found == ([], "unknown", "")


@pytest.mark.parametrize("option", ["-bios", "-L", "-pflash", "-drive", "-blockdev"])
def test_an_argument_of_the_users_own_decides(option, firmware):
    arguments = f"<qemu:commandline><qemu:arg/><qemu:arg value='{option}'/></qemu:commandline>"
    assert firmware("<os><loader>/bin/true</loader></os>", rest=arguments) == ([], "unknown", "")


def test_another_argument_does_not(firmware):
    arguments = "<qemu:commandline><qemu:arg value='-no-shutdown'/></qemu:commandline>"
    assert firmware("<os><loader>/bin/true</loader></os>", rest=arguments)[0] == ["/bin/true"]


def descriptor(image, interface="uefi", architecture="x86_64"):
    return json.dumps({"interface-types": [interface], "targets": [{"architecture": architecture, "machines": ["pc-*"]}],
                       "mapping": {"device": "flash", "executable": {"filename": f"{image}", "format": "raw"},
                                   "nvram-template": {"filename": "/vars.fd"}}})


MEMORY = '{"interface-types": ["bios"], "targets": [{"architecture": "x86_64"}], "mapping": {"filename": "/bios"}}'
OTHERS = ["", "{", "[]", "1", '"text"', '{"mapping": 1}', '{"interface-types": "uefi"}', descriptor("/a", "uefi", "arm"),
          descriptor("/b", "openfirmware"), '{"interface-types": ["uefi"], "targets": [1, {"architecture": 2}]}',
          '{"interface-types": ["uefi"], "targets": [{"architecture": "x86_64"}], "mapping": {"filename": null}}',
          " " * 70000 + descriptor("/c")]


@pytest.mark.parametrize("contents,verdict", [
    ([], "unknown"), (["ovmf-old"], "drops"), (["ovmf-old", "ovmf-old"], "drops"), (["ovmf"], "passes"),
    # libvirt chooses by features as well
    (["ovmf", "ovmf-old"], "unknown"), (["ovmf-old", "text"], "unknown"),
])
def test_firmware_that_libvirt_chooses(contents, verdict, firmware, tmp_path):
    folder = tmp_path / "descriptors"
    folder.mkdir()
    for number, name in enumerate(contents):
        (tmp_path / f"{number}.fd").write_bytes({**PASSES, **DROPS, **UNKNOWN}[name])
        (folder / f"{number}-edk2.json").write_text(descriptor(tmp_path / f"{number}.fd"))
    for number, text in enumerate(OTHERS):
        (folder / f"other-{number}.json").write_text(text)
    (folder / "README").write_text(descriptor("/d"))
    (folder / "folder.json").mkdir()
    images, what, _ = firmware("<os firmware='efi'><loader secure='yes'/></os>", tmp_path / "none", folder)
    assert sorted(images) == [f"{tmp_path}/{number}.fd" for number in range(len(contents))]
    assert what == verdict


def test_bios_that_libvirt_chooses(firmware, tmp_path):
    (tmp_path / "seabios.json").write_text(MEMORY)
    assert firmware("<os firmware='bios'/>", tmp_path)[0] == ["/bios"]
    assert firmware("<os firmware='efi'/>", tmp_path)[0] == []


SINGLE = document("spm-single").read_text()


@pytest.mark.parametrize("name,line,said", [
    ("seabios", 7, "is SeaBIOS 1.16.3-debian-1.16.3-2, which drops all ranges but RAM and reserved"),
    ("seabios-patched", 0, ""), ("text", 0, "")])
def test_validate_warns_of_the_emulators_seabios(name, line, said, virt_spm, emulator):
    binary = emulator(qemu={**PASSES, **DROPS, **UNKNOWN}[name])
    done = virt_spm("validate", "-", text=SINGLE.replace("/usr/bin/qemu-system-x86_64", f"{binary}"))
    image = binary.parents[1] / "share" / "qemu" / "bios-256k.bin"
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (f"-:{line}: {WARNING.format(image, said)}" if said else "")


def test_validate_warns_of_the_loader(virt_spm, tmp_path):
    image = tmp_path / "OVMF.fd"
    image.write_bytes(DROPS["ovmf-old"])
    text = SINGLE.replace("hvm</type>", f"hvm</type>\n<loader type='pflash' readonly='yes'>{image}</loader>")
    done = virt_spm("validate", "-", text=text)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "-:9: " + WARNING.format(image, "is an OVMF that does not know soft-reserved memory, like "
                                                   "those before 2026.08")


def test_other_commands_do_not_warn(virt_spm, emulator):
    text = SINGLE.replace("/usr/bin/qemu-system-x86_64", f"{emulator(qemu=seabios())}")
    for command in ("argv", "translate", "layout"):
        assert virt_spm(command, "-", text=text).stderr == ""


def test_a_domain_without_spm_is_not_warned_of(virt_spm, emulator):
    text = f"<domain><devices><emulator>{emulator(qemu=seabios())}</emulator></devices></domain>"
    done = virt_spm("validate", "-", text=text)
    assert (done.returncode, done.stderr) == (0, "")
