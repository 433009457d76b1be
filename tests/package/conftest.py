# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the package share: its builds, and a Debian to install it into."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Guests and domains are those of the end-to-end tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

from machine import Machine  # noqa: E402

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


@pytest.fixture(scope="module", params=SUITES)
def suite(request: pytest.FixtureRequest) -> Suite:
    name = request.param
    return Suite(name, **{part: need(f"SPM_{part}_{name}".upper()) for part in PARTS})


@pytest.fixture(scope="module")
def machine(suite: Suite) -> Iterator[Machine]:
    """A machine with libvirt, without the package; libvirtd runs."""
    machine = Machine(suite.run_root)
    try:
        machine.start("virtlogd")
        machine.start("libvirtd")
        yield machine
    finally:
        machine.close()
