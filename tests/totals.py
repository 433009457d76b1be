# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write down how many tests passed, failed and were skipped, for scripts/check: a line in the file SPM_TOTALS."""

import os
import pathlib


def pytest_terminal_summary(terminalreporter):
    if "SPM_TOTALS" not in os.environ:
        return
    tests = {outcome: {report.nodeid for report in terminalreporter.getreports(outcome)}
             for outcome in ("passed", "failed", "error", "skipped")}
    failed = tests["failed"] | tests["error"]
    # A test whose fixture fails at its end is among both.
    passed, skipped = tests["passed"] - failed, tests["skipped"] - failed
    pathlib.Path(os.environ["SPM_TOTALS"]).write_text(f"{len(passed)} {len(failed)} {len(skipped)}\n", encoding="ascii")
