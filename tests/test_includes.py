# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order of the layers: README's map is true of what each file includes and uses."""

import re

import pytest

from programs import ROOT

SRC = ROOT / "src"
FILES = sorted(path for path in SRC.rglob("*.[ch]"))
# Validators and builders take structs: parse has read the document.
WITHOUT_NODES = sorted([*(SRC / "layout").iterdir(), *(SRC / f"{name}.c" for name in (
    "spm_domain_postparse", "spm_domain_validate", "qemu_spm", "qemu_spm_place", "qemu_spm_postparse",
    "qemu_spm_validate", "qemu_spm_window"))])


def layers():
    """The rows of README's map, each a list of folders and of files without their suffix."""
    rows = [re.findall(r"[\w/.]+", cell) for cell in re.findall(r"^\| (src/[^|]*) \|", (ROOT / "README.md").read_text(), re.M)]
    return [[re.sub(r"^src/|\.[ch]$", "", name) for name in row] for row in rows]


def layer(path):
    """The number of the row that a file of src/ is in."""
    name = str(path.relative_to(SRC).with_suffix(""))
    found = [number for number, row in enumerate(layers()) if name in row or f"{name.split('/')[0]}/" in row]
    assert len(found) == 1, f"README's map has {name} in {len(found)} rows"
    return found[0]


def included(path):
    headers = re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)
    found = [next((folder / header for folder in (path.parent, SRC) if (folder / header).exists()), None)
             for header in headers]
    return [header for header in found if header]  # meson makes spm_config.h


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_a_file_includes_only_what_is_listed_above_it(path):
    assert [str(header) for header in included(path) if layer(header) > layer(path)] == []


def test_each_row_has_a_file():
    assert all((SRC / name).exists() or (SRC / f"{name}.h").exists() for row in layers() for name in row)


@pytest.mark.parametrize("path", WITHOUT_NODES, ids=lambda path: path.name)
def test_what_works_on_structs_reads_no_xml(path):
    assert re.findall(r"\b(?:xmlNode\w*|xmlDoc\w*|spm_xml_\w+|spm_parse_\w+)\b", path.read_text()) == []


@pytest.mark.parametrize("path", sorted(SRC.glob("spm_*_*.[ch]")), ids=lambda path: path.name)
def test_the_configuration_knows_no_qemu(path):
    if layer(path) == layer(SRC / "spm_domain_conf.c"):
        assert re.findall(r"(?i)qemu", re.sub(r"'qemu'", "", path.read_text())) == []
