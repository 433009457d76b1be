# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulator under test: the binary that SPM_QEMU names."""

import os
import re
import subprocess

import pytest
from machine import Machine


@pytest.fixture(scope="session")
def qemu():
    """The path of the emulator."""
    path = os.environ.get("SPM_QEMU")
    if path and os.access(path, os.X_OK):
        return path
    reason = f"SPM_QEMU={path or ''} names no emulator (scripts/build-qemu builds one)"
    if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def version(qemu):
    """The version of the emulator, like "7.2": some of QEMU's own texts and options changed."""
    output = subprocess.run([qemu, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.match(r"QEMU emulator version (\d+\.\d+)", output).group(1)


@pytest.fixture
def start(qemu, tmp_path):
    """A function that starts the emulator with arguments; all are ended after the test."""
    machines = []

    def starter(*args, **options):
        machine = Machine(qemu, args, tmp_path, name=f"m{len(machines)}", **options)
        machines.append(machine)
        return machine

    yield starter
    for machine in machines:
        machine.close()
