# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the built programs are, and how a test runs one."""

import functools
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("SPM_BUILD", ROOT / "build"))

VIRT_SPM = BUILD / "src" / "virt-spm"
PLUGIN = BUILD / "src" / "libvirt-spm.so"


@functools.cache
def ensure_build():
    """Compile the programs, unless somebody else did: SPM_BUILD names their build, and build/ is ours."""
    if "SPM_BUILD" in os.environ or VIRT_SPM.exists():
        return
    commands = [["ninja", "-C", BUILD]]
    if not (BUILD / "build.ninja").exists():
        commands.insert(0, ["meson", "setup", BUILD, ROOT])
    for command in commands:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")


def run(*command, text=None, env=None):
    """Run a program; its output is text and its exit status is the caller's to judge."""
    return subprocess.run([str(word) for word in command], input=text, env=env, text=True,
                          capture_output=True, timeout=60, check=False)
