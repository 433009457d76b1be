# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian suites that the package is built and installed on."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

PARTS = ("package", "build_root", "run_root")
SUITES = ("bookworm", "forky")


@dataclass(frozen=True)
class Suite:
    """A Debian suite: the folders of the built package, and of the roots to build and to run it in."""

    name: str
    package: Path
    build_root: Path
    run_root: Path

    @property
    def deb(self) -> Path:
        (deb,) = self.package.glob("libvirt-spm_*.deb")
        return deb


def need(variable: str) -> Path:
    """The path in a variable that scripts/check sets. A missing one is a failure where the tests must run."""
    value = os.environ.get(variable, "")
    if value and Path(value).exists() and "SPM_SANDBOX" in os.environ:
        return Path(value)
    message = f"{variable} does not say where that is, or this is not scripts/sandbox; scripts/check package does it"
    if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
        pytest.fail(message)
    pytest.skip(message)
