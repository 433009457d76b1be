# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fixtures with which tests ask for the guests of the matrix."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matrix_guest import Facts
from matrix_run import Job, MatrixRun, Missing
from matrix_table import DOCUMENT, count, document, rows_table

LOGS = Path(__file__).resolve().parents[2] / "build/e2e-logs"
HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")
RUN = pytest.StashKey[MatrixRun]()
HUGEPAGES_NEEDED = 2 * 4 * 128 // 2  # two guests with four SPMs of 128 MiB each


@pytest.fixture(scope="session")
def hugepages() -> Iterator[int]:
    """How many hugepages the machine gives us; afterwards it has them back."""
    before = HUGEPAGES.read_text()
    try:
        HUGEPAGES.write_text(str(HUGEPAGES_NEEDED))
        yield int(HUGEPAGES.read_text())
    except OSError:
        yield 0
    finally:
        if HUGEPAGES.read_text() != before:
            HUGEPAGES.write_text(before)


@pytest.fixture(scope="session")
def matrix(hugepages: int, request: pytest.FixtureRequest) -> Iterator[MatrixRun]:
    """All jobs that the chosen tests ask for, in their order."""
    asked = (value for item in request.session.items if hasattr(item, "callspec")
             for value in item.callspec.params.values())
    jobs = dict.fromkeys(job for job in asked if isinstance(job, Job))
    with MatrixRun([job for job in jobs if lack_of_hugepages(job, hugepages) is None], LOGS) as run:
        request.config.stash[RUN] = run
        yield run


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what the matrix covered; with --regenerate, write it down."""
    # Each test once: not its teardown, and of one that passed not its setup either.
    nodeids = {outcome: [report.nodeid for report in terminalreporter.getreports(outcome)
                         if report.when == "call" or (report.when == "setup" and outcome != "passed")]
               for outcome in ("passed", "failed", "error", "skipped")}
    counts = count(nodeids)
    if not counts:
        return
    terminalreporter.section("what the matrix covered")
    for line in rows_table(counts):
        terminalreporter.write_line(line)
    if config.getoption("--regenerate"):
        old = DOCUMENT.read_text() if DOCUMENT.exists() else ""
        DOCUMENT.write_text(document(counts, versions(config.stash[RUN]), old))


def versions(run: MatrixRun) -> set[tuple[str, str, str]]:
    """What each value was, as the guests that booted say: axis, value, version."""
    booted = [facts for facts in run.results() if isinstance(facts, Facts)]
    return {(axis, value, facts.versions[axis]) for facts in booted for axis, value in (
        ("emulator", facts.row.emulator), ("firmware", facts.row.firmware), ("kernel", facts.row.kernel),
        ("host", facts.row.host))}


def lack_of_hugepages(job: Job, hugepages: int) -> str | None:
    if job.row.backend != "hugepages" or hugepages >= HUGEPAGES_NEEDED:
        return None
    return f"this machine gives {hugepages} of {HUGEPAGES_NEEDED} hugepages"


@pytest.fixture
def facts(matrix: MatrixRun, hugepages: int, request: pytest.FixtureRequest) -> Any:
    """What came of the job that the parameter is."""
    lack = lack_of_hugepages(request.param, hugepages)
    if lack:
        pytest.skip(lack)
    result, error = matrix.result(request.param)
    required = os.environ.get("CI") or os.environ.get("SPM_REQUIRE")
    if isinstance(error, Missing) and not required:
        pytest.skip(str(error))
    if error:
        pytest.fail(str(error), pytrace=False)
    return result
