# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the CPU time of a daemon with the module goes: samples by perf, divided into libvirt's own share and ours."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from bench import Bench
from compare import Call
from shapes import domain
from stacks import samples, table

SECONDS = 3
RECORD = ("perf", "record", "--quiet", "--event", "cpu-clock", "--freq", "4000", "--call-graph", "dwarf,16384")


def profile(bench: Bench) -> None:
    """Print the shares for two calls and two sizes."""
    if not shutil.which("perf"):
        print("perf is not installed (Debian's package linux-perf): no profile")
        return
    for number in (64, 200):
        text = domain(bench.stack.emulator, "profile", "spm", number)
        bench.ours.define(text)
        for what, call in (("define", lambda: bench.ours.define(text)),
                           ("dumpxml", bench.ours.dump)):
            print(f"\n{what} of {number} SPM, microseconds of CPU time per call")
            print("\n".join(table(*record(bench, call))), flush=True)


def record(bench: Bench, call: Call) -> tuple[list[list[str]], float]:
    """Repeat a call for some seconds: where the daemon was in each sample, and its microseconds per call."""
    with tempfile.TemporaryDirectory(prefix="perf-") as folder:
        file = str(Path(folder) / "data")
        with subprocess.Popen([*RECORD, "--pid", str(bench.ours.daemon.pid), "--output", file]) as perf:
            time.sleep(1)  # perf does not say when it has begun
            begin, end, calls = bench.ours.cpu(), time.monotonic() + SECONDS, 0
            while time.monotonic() < end:
                call()
                calls += 1
            cost = (bench.ours.cpu() - begin) / calls * 1e6
            perf.send_signal(signal.SIGINT)
        script = subprocess.run(["perf", "script", "--input", file, "--fields", "comm,ip,sym,dso"], check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return list(samples(script)), cost
