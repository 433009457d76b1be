# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all tests share: the programs under test, golden files, and one switch that rewrites them."""

import os
import pathlib
import subprocess

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parent
BUILD = pathlib.Path(os.environ.get("SPM_BUILD", ROOT / "build"))

# The carrier's libvirt for golden files: the newest behaviour, and one that cannot take empty cells.
OLD_LIBVIRT = "11.3.0"


def pytest_addoption(parser):
    parser.addoption("--regenerate", action="store_true", help="rewrite golden files instead of comparing")


def run(*command, text=None, env=None):
    """Run a program; its output is text and its exit status is the caller's to judge."""
    return subprocess.run([str(word) for word in command], input=text, env=env, text=True,
                          capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="session")
def virt_spm():
    """Call virt-spm."""
    program = BUILD / "src" / "virt-spm"
    assert program.exists(), f"{program} is not there: build first (meson setup build && ninja -C build)"
    return lambda *arguments, text=None: run(program, *arguments, text=text)


@pytest.fixture(scope="session")
def golden(request):
    """Compare text with a golden file; with --regenerate, write it."""
    regenerate = request.config.getoption("--regenerate")

    def compare(text, path):
        if regenerate:
            if path.is_symlink():
                path.unlink()
            path.write_text(text)
        assert path.exists(), f"{path.name} is not there; pytest --regenerate writes it"
        assert text == path.read_text()

    return compare
