# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the end-to-end tests share: the parts under test, libvirtds, booted guests, kept logs."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import libvirt
import pytest
from daemon import Daemon
from domains import Defined, keep_evidence
from matrix_fixtures import LOGS, facts, hugepages, matrix, pytest_terminal_summary
from matrix_guest import part
from matrix_run import STACKS
from stack import Stack

# What is imported for pytest to find it here.
__all__ = ["facts", "hugepages", "matrix", "pytest_terminal_summary"]

LOSSY = "[spm]\ncontents_loss=allow\n"
Part = TypeVar("Part")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not for the chosen stack. Tests of other groups may be among the items."""
    def runs(item: pytest.Item) -> bool:
        if item.get_closest_marker("e2e") is None:
            return True
        marker = item.get_closest_marker("stacks")
        return config.getoption("--stack") in (marker.args if marker else ("patched",))

    config.hook.pytest_deselected(items=[item for item in items if not runs(item)])
    items[:] = [item for item in items if runs(item)]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep the logs of every daemon and guest of a test that failed."""
    outcome = yield
    result = outcome.get_result()
    folder = LOGS / re.sub(r"\W+", "-", item.nodeid)
    if result.failed and "facts" in item.fixturenames:
        # One guest of many on its daemon. Where it did not even boot, the error says what was kept.
        if "facts" in item.funcargs:
            item.funcargs["facts"].evidence.keep(folder)
            result.sections.append(("XML, argv, serial log and tables", str(folder)))
    elif result.failed and Daemon.alive:
        for number, daemon in enumerate(Daemon.alive):
            keep_evidence(daemon, folder / str(number))
            result.sections.append(("libvirtd", daemon.errors()))
        result.sections.append(("logs", str(folder)))


def find(part: Callable[[], Part]) -> Part:
    """What a test needs. Without it, it fails where the tests must run."""
    try:
        if "SPM_SANDBOX" not in os.environ:
            raise LookupError("libvirtd is started inside scripts/sandbox only; scripts/check e2e does it")
        return part()
    except LookupError as error:
        if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def other_stacks() -> dict[str, Stack]:
    """Those of the matrix, for tests that compare the stack under test with them."""
    return {name: find(make) for name, make in STACKS.items()}


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """The parts under test."""
    return find(getattr(Stack, request.config.getoption("--stack")))


@pytest.fixture(scope="session")
def both_emulators() -> dict[str, Path]:
    """By the device that they have: our QEMU, and the stock one of a new distribution, as its libvirtd finds them."""
    return {"spm-memory": find(lambda: part("emulator", "10.0")), "sp-mem": find(lambda: part("emulator", "11.1"))}


@pytest.fixture
def new_daemon() -> Iterator[Daemon]:
    """A new distribution's libvirtd with the plugin, also where that is not the stack under test."""
    with Daemon(find(Stack.stock)) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def daemon(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd with the plugin, for all tests that do not stop it."""
    with Daemon(stack) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def plain_daemon(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd without the plugin."""
    with Daemon(stack, plugin=False) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def traced(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd with the plugin that keeps a list of the functions that it calls. It goes all the ways that there
    are, whatever the contents of SPM."""
    with Daemon(stack, traced=True, settings=LOSSY) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def traced_target(stack: Stack) -> Iterator[Daemon]:
    """Another one, to migrate to."""
    with Daemon(stack, traced=True, settings=LOSSY) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def plain_target(stack: Stack) -> Iterator[Daemon]:
    """A libvirtd without the plugin, to migrate to."""
    with Daemon(stack, plugin=False) as daemon:
        yield daemon


@pytest.fixture(scope="session", autouse=True)
def quiet_bindings() -> None:
    """libvirt's bindings print each error unless a handler takes it."""
    libvirt.registerErrorHandler(lambda *_: None, None)


@pytest.fixture
def defined(daemon: Daemon, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Defined]:
    """The domain that the parameter names, defined with the plugin."""
    domain = Defined(daemon, stack, request.param)
    yield domain
    domain.undefine()
