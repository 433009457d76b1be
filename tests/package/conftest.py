# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the package share: its builds, and a Debian to install it into."""

from collections.abc import Iterator

import pytest
from debian_machine import Machine
from suites import PARTS, SUITES, Suite, need


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
