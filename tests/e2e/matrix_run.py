# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots the guests of the matrix two at a time, ahead of the tests that ask what was seen of them."""

import shutil
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon import Daemon
from matrix import Row
from matrix_guest import RowGuest, part, parts_folder
from stack import Stack

GUESTS_AT_A_TIME = 2  # a guest keeps one core busy


class Failed(Exception):
    """A guest did not get to where there is something to be seen; the text says why, and where the rest is."""


class Missing(Exception):
    """A guest cannot be booted on this machine, for want of what the text says."""


@dataclass(frozen=True)
class Job:
    """A guest and what is done with it; the result is what tests ask for."""

    name: str
    row: Row
    work: Callable[[RowGuest], Any]
    arguments: str = ""  # more of them for the kernel

    def __str__(self) -> str:
        return self.name


STACKS = {"bookworm": Stack.patched, "forky": Stack.stock}


class MatrixRun:
    """Jobs that are being done. It is a context manager; leaving it waits for those that have begun."""

    def __init__(self, jobs: Iterable[Job], logs: Path):
        self._logs = logs
        self._missing: dict[Hashable, str] = {}
        possible = [job for job in jobs if self._has_parts(job)]
        self._stack = ExitStack()
        self._hosts = {host: self._stack.enter_context(Daemon(STACKS[host]()))
                       for host in dict.fromkeys(job.row.host for job in possible)}
        self._pool = ThreadPoolExecutor(GUESTS_AT_A_TIME)
        self._doing: dict[Job, Future[Any]] = {job: self._pool.submit(self._do, job) for job in possible}

    def __enter__(self) -> "MatrixRun":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._stack.close()
        shutil.rmtree(parts_folder())

    def result(self, job: Job) -> tuple[Any, Exception | None]:
        """What came of a job, when its turn has come, or why nothing did."""
        if job in self._missing:
            return None, Missing(self._missing[job])
        error = self._doing[job].exception()
        return (None, Failed(str(error))) if error else (self._doing[job].result(), None)

    def results(self) -> list[Any]:
        """What came of all jobs that were done."""
        return [doing.result() for doing in self._doing.values()
                if doing.done() and not doing.cancelled() and not doing.exception()]

    def _has_parts(self, job: Job) -> bool:
        try:
            STACKS[job.row.host]()
            for axis in "emulator", "kernel", "firmware":
                part(axis, getattr(job.row, axis))
        except LookupError as error:
            self._missing[job] = str(error)
        return job not in self._missing

    def _do(self, job: Job) -> Any:
        guest = RowGuest(self._hosts[job.row.host], job.row, job.name, job.arguments)
        try:
            with guest:
                return job.work(guest)
        except Exception as error:
            folder = self._logs / job.name
            guest.evidence.keep(folder)
            raise Failed(f"{type(error).__name__}: {error}\nall that was seen of it is in {folder}") from error
