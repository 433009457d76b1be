# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each golden document, judged by a libvirt that knows spm itself and by the module: the table has what comes of it."""

from collections.abc import Iterator

import libvirt
import pytest
from documents import GOOD, REFUSED
from native_golden import judge, read_table, write_table
from stack import Stack
from test_libvirt_argv import informed_daemon

pytestmark = pytest.mark.stacks("native")

DOCUMENTS = [*GOOD, *REFUSED]


@pytest.fixture(scope="module")
def native(stack: Stack) -> Iterator[libvirt.virConnect]:
    """A connection to a native libvirtd that knows of all that the documents have."""
    with informed_daemon(stack, plugin=False) as daemon:
        connection = libvirt.open(daemon.uri)
        try:
            yield connection
        finally:
            connection.close()


def test_the_table_is_written(native: libvirt.virConnect, stack: Stack, request: pytest.FixtureRequest) -> None:
    """With --regenerate, all of it but the reasons."""
    lines = read_table()
    if request.config.getoption("--regenerate"):
        reasons = {name: line.reason for name, line in lines.items()}
        write_table([judge(native, stack.emulator, name, reasons.get(name, "")) for name in DOCUMENTS])
        lines = read_table()
    assert list(lines) == DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_document_is_judged_as_the_table_says(name: str, native: libvirt.virConnect, stack: Stack) -> None:
    line = read_table()[name]
    assert judge(native, stack.emulator, name, line.reason) == line


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_difference_has_a_reason(name: str) -> None:
    line = read_table()[name]
    assert bool(line.reason) != line.agree
