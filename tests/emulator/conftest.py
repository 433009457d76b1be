# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulator under test: the binary that SPM_QEMU names."""

import os

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
