# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests share: virt-spm, golden files, and one switch that rewrites them."""

import pathlib

import pytest
from documents import ARGV, XML2XML
from programs import BUILD, run


def pytest_addoption(parser):
    parser.addoption("--regenerate", action="store_true", help="rewrite golden files instead of comparing")


@pytest.fixture(scope="session")
def virt_spm():
    """Call virt-spm."""
    program = BUILD / "src" / "virt-spm"
    assert program.exists(), f"{program} is not there: build first (meson setup build && ninja -C build)"
    return lambda *arguments, text=None: run(program, *arguments, text=text)


@pytest.fixture(scope="session")
def golden(request):
    """Compare text with a golden file; with --regenerate, write it, as a link to a document of the same name
    and contents in qemuxml2argvdata if there is one."""
    regenerate = request.config.getoption("--regenerate")

    def compare(text, path):
        if regenerate:
            if path.is_symlink():
                path.unlink()
            origin = ARGV / path.name
            if path.parent == XML2XML and origin.read_text() == text:
                path.unlink(missing_ok=True)
                path.symlink_to(pathlib.Path("..") / ARGV.name / path.name)
            else:
                path.write_text(text)
        assert path.exists(), f"{path.name} is not there; pytest --regenerate writes it"
        assert text == path.read_text()

    return compare
