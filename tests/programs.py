# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the built programs are, and how a test runs one."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("SPM_BUILD", ROOT / "build"))

PLUGIN = BUILD / "src" / "libvirt-spm.so"


def run(*command, text=None, env=None):
    """Run a program; its output is text and its exit status is the caller's to judge."""
    return subprocess.run([str(word) for word in command], input=text, env=env, text=True,
                          capture_output=True, timeout=60, check=False)
