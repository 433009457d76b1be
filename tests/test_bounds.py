# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents that are made to cost much: each is done with in bounded time and memory, and the message says what is
wrong with it."""

import resource
import subprocess

import pytest
from documents import document
from programs import BUILD

MEMORY = 512 << 20
SECONDS = 10
SINGLE = document("spm-single").read_text()
SPM = "<memory model='spm'><target><size>2048</size><node>1</node></target></memory>"


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


@pytest.fixture
def bounded():
    """Call virt-spm with a document, with little memory and time."""
    def call(*arguments, text):
        done = subprocess.run([BUILD / "src" / "virt-spm", *arguments, "-"], input=text, capture_output=True, text=True,
                              preexec_fn=limit, timeout=120, check=False)
        assert done.returncode in (0, 1), f"{done.returncode} {done.stderr[-1000:]}"
        return done
    return call


def with_devices(devices, text=SINGLE):
    return text.replace("</devices>", f"{devices}</devices>")


# Faults


def test_a_hundred_faults_are_shown(bounded):
    text = with_devices("<memory model='spm' color='red'/>" * 60)
    lines = bounded("validate", text=text).stderr.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "-: and 20 more faults, which are not shown"


def test_an_error_says_how_many_faults_are_shown(bounded):
    text = with_devices(SPM.replace("</target>", "<color/>" * 200000 + "</target>"))
    done = bounded("validate", text=text)
    assert done.stderr.endswith("\n-: and 199900 more faults, which are not shown\n")


@pytest.mark.parametrize("value,shown", [
    ("x" * 100, "x" * 100),
    ("x" * 101, "x" * 100 + "..."),
    ("é" * (4 << 20), "?" * 100 + "..."),  # virt-spm writes ASCII
    ("a&#10;b&#13;c&#9;d", "a?b?c?d"),
    ("a&#x85;b&#x2028;c&#x202e;d", "a?b?c?d"),
], ids=["short", "cut", "long", "lines", "marks"])
def test_a_quoted_value_is_cut_and_stays_on_its_line(value, shown, bounded):
    done = bounded("validate", text=with_devices(f"<memory model='spm' access='{value}'/>"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].endswith(f" has access='{shown}'; what it may be is 'shared', 'private'")


def test_each_value_of_many_is_cut(bounded):
    text = with_devices(f"<memory model='spm' {'n' * 3000}='{'v' * 3000}'/>")
    assert all(len(line) < 1000 for line in bounded("validate", text=text).stderr.splitlines())
