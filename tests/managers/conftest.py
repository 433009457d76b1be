# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of managers share: a distribution in a folder that has them, and its libvirtd with the plugin."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from stack import Stack

COMMAND_SECONDS = 300


@pytest.fixture(scope="session")
def managers() -> Stack:
    """The distribution with the managers. A missing one is a failure where the tests must run."""
    try:
        if "SPM_SANDBOX" not in os.environ:
            raise LookupError("libvirtd is started inside scripts/sandbox only; scripts/check managers does it")
        return Stack.managers()
    except LookupError as error:
        if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def manager_run(managers: Stack) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in the distribution's folder. The folders of temporary files have one name inside and outside."""
    def run(*command: str | Path, seconds: float = COMMAND_SECONDS, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = [f"{name}={value}" for name, value in environment.items()]
        return subprocess.run(
            ["chroot", str(managers.root), "env", "-i", "LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *settings,
             *map(str, command)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
    return run
