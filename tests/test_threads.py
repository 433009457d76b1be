# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at once define domains of emulators that have not been asked yet."""

import os
import re
import shutil

import pytest
from documents import document
from programs import BUILD, run

SPM = document("spm-single").read_text()
CLIENTS = 64
# slow, so that each client comes before the first answer; what it leaves is a folder, as it may write no file
SCRIPT = """mktemp -d "$0.runs.XXXXXX" >/dev/null; sleep 1; echo 'name "%s"'"""
DEVICES = ["spm-memory", "sp-mem"]


@pytest.fixture
def define(tmp_path):
    """Define a domain of each emulator that was made, by all clients in turn; gives what libvirt is told."""
    def all_at_once(paths, count=CLIENTS):
        files = []
        for path in paths:
            files.append(tmp_path / f"{path.name}.xml")
            files[-1].write_text(SPM.replace("/usr/bin/qemu-system-x86_64", str(path)))
        env = {**os.environ, "LIBVIRT_SPM_CONF": str(tmp_path / "none"), "LIBVIRT_SPM_PROFILES": str(tmp_path / "none"),
               "LIBVIRT_SPM_CACHE": str(tmp_path / "cache")}
        done = run(BUILD / "tests/threads", count, BUILD / "tests/libvirt-fake.so", *files, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        *answers, rest = done.stdout.split("\0")
        assert rest == "descriptors 0 children none" and len(answers) == count
        return answers
    return all_at_once


@pytest.fixture
def emulators(emulator, public_folder):
    """An emulator for each device, none of which has been asked."""
    made = emulator("")
    paths = []
    for device in DEVICES:
        paths.append(public_folder / f"qemu-{device}")
        shutil.copy(made, paths[-1])
        paths[-1].with_name(f"{paths[-1].name}.sh").write_text(SCRIPT % device)
    return paths


def runs(path):
    return len(list(path.parent.glob(f"{path.name}.sh.runs.*")))


def devices(answer):
    return re.findall("name='driver' type='string' value='([^']*)'", answer)


def test_each_gets_the_device_of_its_emulator(define, emulators, tmp_path):
    answers = define(emulators)
    assert [devices(answer) for answer in answers] == [[device] for device in DEVICES] * (CLIENTS // 2)
    first = [runs(path) for path in emulators]
    assert all(1 <= count <= CLIENTS // 2 for count in first)
    # remembered, once for each: nobody runs them again
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert [devices(answer) for answer in define(emulators)] == [[device] for device in DEVICES] * (CLIENTS // 2)
    assert [runs(path) for path in emulators] == first


def test_each_is_refused_what_its_emulator_has_not(define, emulators):
    emulators[0].with_name(f"{emulators[0].name}.sh").write_text("echo 'name \"ivshmem\"'")
    answers = define(emulators)
    assert all(re.match("refused [0-9]+: .*qemu-spm-memory' has no device for <memory model='spm'>", answer)
               for answer in answers[::2])
    assert [devices(answer) for answer in answers[1::2]] == [["sp-mem"]] * (CLIENTS // 2)
