# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which device an emulator has, as a daemon tells it: by the names in the program, which is never run."""

import shutil

import pytest
from documents import document
from programs import BUILD

SPM = document("spm-single").read_text()
CHUNK = 65536
VIR_ERR_CONFIG_UNSUPPORTED = 67


@pytest.fixture
def define(call, public_folder):
    """Define a domain whose emulator is a program with these bytes behind it, through a daemon. The program would leave a
    trace if it ran."""
    def through(data=b"", contents=None):
        path = public_folder / "qemu"
        shutil.copy(BUILD / "tests" / "fake-emulator", path)
        path.with_name("qemu.sh").write_text('mktemp -d "$0.runs.XXXXXX"\n')
        with open(path, "wb" if contents is not None else "ab") as file:
            file.write(data if contents is None else contents)
        text = SPM.replace("/usr/bin/qemu-system-x86_64", str(path))
        done = call("virDomainDefineXML", text, program="libvirtd", settings="")
        assert [*public_folder.glob("*.runs.*")] == []
        assert f"capabilities: {path} x86_64 any any\n" in done.stdout
        return done.stdout
    return through


def size():
    return (BUILD / "tests" / "fake-emulator").stat().st_size


@pytest.mark.parametrize("data,device", [
    (b"\0spm-memory\0", "spm-memory"), (b"\0sp-mem\0", "sp-mem"), (b"\0sp-mem\0spm-memory\0", "spm-memory"),
    (b"\0spm-memory\0" + b"x" * 3 * CHUNK + b"\0sp-mem\0", "spm-memory"),
    (b"\0sp-mem\0" + b"x" * 3 * CHUNK + b"\0spm-memory\0", "spm-memory"),
    (b"xsp-mem\0 \0sp-mem\0", "sp-mem")], ids=range(6))
def test_the_name_of_a_type_tells_the_device(data, device, define):
    assert f"name='driver' type='string' value='{device}'" in define(data)


@pytest.mark.parametrize("offset", range(-12, 3), ids=str)
def test_a_name_across_two_reads_is_seen(offset, define):
    gap = -size() % CHUNK + CHUNK + offset
    assert "value='spm-memory'" in define(b"x" * gap + b"\0spm-memory\0")


@pytest.mark.parametrize("data", [b"", b"\0sp-mem", b"sp-mem", b"\0sp-memory\0", b"\0xsp-mem\0", b"xspm-memory\0",
                                  b"\0spm-memory,\0", b"\0sp-mem\n"])
def test_parts_of_other_words_tell_nothing(data, define):
    output = define(b"x" + data)
    assert f"code={VIR_ERR_CONFIG_UNSUPPORTED} " in output and "has no device for <memory model='spm'>, neither" in output
    assert "virDomainDefineXML:" not in output


@pytest.mark.parametrize("contents", [b"", b"#!/bin/sh\nexec /usr/bin/qemu \0sp-mem\0\n", b"\x7fEL", b"MZ\0sp-mem\0"])
def test_a_script_is_not_run(contents, define):
    output = define(contents=contents)
    assert f"code={VIR_ERR_CONFIG_UNSUPPORTED} " in output and "is not an ELF program" in output
    assert "name the emulator that it starts, or set device in spm.conf" in output
    assert "virDomainDefineXML:" not in output
