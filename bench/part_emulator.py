# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long QEMU takes until its machine is there and it obeys its monitor, with 1 TiB of SPM or of DIMMs."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import Bench

TOTAL_GIB = 1024
NUMBERS = (1, 8, 64, 256)
# Far more memory than a host has: nothing of it is reserved or touched.
BACKENDS = {"reserve=off": "memory-backend-ram,reserve=off", "a shared sparse file": "memory-backend-file,share=on"}
MACHINE = ("-accel", "tcg", "-machine", "q35", "-cpu", "qemu64,phys-bits=46", "-m", "512M,slots=256,maxmem=2T",
           "-object", "memory-backend-ram,id=ram,size=512M", "-numa", "node,memdev=ram,cpus=0",
           "-numa", "node,nodeid=1", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio")
DEVICES = {"spm": "spm-memory", "dimm": "pc-dimm"}


def emulator(bench: Bench) -> None:
    """Start of the emulator with 1 TiB in n pieces, until its monitor answers."""
    with tempfile.NamedTemporaryFile(prefix="sparse-") as file:
        os.truncate(file.name, TOTAL_GIB << 30)
        for label, backend in BACKENDS.items():
            for number in NUMBERS:
                spm, dimm = (list(command(bench.stack.emulator, model, backend, number, Path(file.name)))
                             for model in DEVICES)
                bench.measure("emulator", f"start, {label}", number, lambda: start(spm), lambda: start(dimm), times=15)


def command(program: Path, model: str, backend: str, number: int, file: Path) -> Iterator[str]:
    """QEMU with that many devices of one model, TOTAL_GIB together."""
    size = TOTAL_GIB // number
    yield from (str(program), *MACHINE)
    for index in range(number):
        place = f",mem-path={file},offset={index * size}G" if "file" in backend else ""
        yield from ("-object", f"{backend},id=m{index},size={size}G{place}",
                    "-device", f"{DEVICES[model]},id=d{index},memdev=m{index},node=1")


def start(words: list[str]) -> float:
    """Start QEMU and end it; the milliseconds until it answered."""
    begin = time.perf_counter()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        ask(process, "qmp_capabilities")
        status = ask(process, "query-status")
        taken = time.perf_counter() - begin
        assert status["status"] == "prelaunch", status
        ask(process, "quit")
    return taken * 1e3


def ask(process: subprocess.Popen[str], what: str) -> dict:
    """Give QEMU's monitor a command; its answer."""
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps({"execute": what}) + "\n")
    process.stdin.flush()
    for line in process.stdout:
        answer = json.loads(line)
        if "return" in answer or "error" in answer:
            return answer["return"]
    raise ChildProcessError(f"QEMU ended before it answered {what}")
