# SPDX-License-Identifier: LGPL-2.1-or-later
"""What meson installs, and that the installed files find each other."""

import configparser
import json
import os
import pathlib

import pytest
from programs import BUILD, ROOT, run

MODULE = "libvirt-spm/libvirt-spm.so"
# Below the folders of the build's own prefix and libdir.
FILES = {
    "bindir": ["virt-spm"],
    "libdir": [MODULE, "pkgconfig/libvirt-spm.pc"],
    "mandir": ["man1/virt-spm.1", "man7/libvirt-spm.7"],
    "sysconfdir": ["libvirt/spm.conf"],
    "systemd_unit_dir": [f"{unit}.service.d/50-libvirt-spm.conf" for unit in ("libvirtd", "virtqemud")],
    "datadir": ["bash-completion/completions/virt-spm", "doc/libvirt-spm/design.rst",
                "doc/libvirt-spm/formatdomain-spm.rst", "doc/libvirt-spm/managers.rst", "doc/libvirt-spm/security.rst",
                "doc/libvirt-spm/sp-mem.rst", "libvirt/schemas/spm.rng", "libvirt/schemas/spm-request.rng",
                "libvirt-spm/selinux/README.rst", "libvirt-spm/selinux/libvirt_spm.te"],
}
TREES = {"libvirt-spm/patches": "patches", "libvirt-spm/hooks": "hooks"}


@pytest.fixture(scope="module")
def folders():
    """Where meson puts what, by the name of its option."""
    options = {option["name"]: option["value"] for option in
               json.loads(meson("introspect", "--buildoptions", BUILD).stdout)}
    prefix = pathlib.Path(options["prefix"])
    return {name: prefix / options[name] for name in FILES}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which all is installed."""
    folder = tmp_path_factory.mktemp("installed")
    result = meson("install", "--no-rebuild", "--quiet", "--destdir", folder, "-C", BUILD)
    assert result.returncode == 0, result.stderr
    return folder


def meson(*arguments):
    # scripts/setup has it from Debian, whose python3 it runs in
    return run("/usr/bin/meson", *arguments)


def below(folder, path):
    """An installed file: what meson calls path, in the folder."""
    return folder / str(path).lstrip("/")


def test_these_files_are_installed_and_no_others(installed, folders):
    wanted = {below(installed, folders[name] / file) for name, files in FILES.items() for file in files}
    wanted |= {below(installed, folders["datadir"]) / target / file.relative_to(ROOT / tree)
               for target, tree in TREES.items() for file in (ROOT / tree).rglob("*") if file.is_file()}
    assert {file for file in installed.rglob("*") if file.is_file()} == wanted
    empty = {folder for folder in installed.rglob("*") if folder.is_dir() and not any(folder.iterdir())}
    assert empty == {below(installed, folders["sysconfdir"] / "libvirt/spm.d")}


@pytest.mark.parametrize("file", FILES["systemd_unit_dir"])
def test_a_drop_in_preloads_the_installed_module(installed, folders, file):
    drop_in = configparser.ConfigParser(interpolation=None)
    drop_in.optionxform = str
    drop_in.read(below(installed, folders["systemd_unit_dir"] / file))
    assert drop_in.sections() == ["Service"]
    assert dict(drop_in["Service"]) == {"Environment": f"LD_PRELOAD={folders['libdir'] / MODULE}"}


@pytest.mark.parametrize("variable, name, file", [
    ("module", "libdir", MODULE),
    ("moduledir", "libdir", "libvirt-spm"),
    ("schemadir", "datadir", "libvirt/schemas"),
])
def test_pkg_config_tells_where_a_part_is(installed, folders, variable, name, file):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(below(installed, folders["libdir"] / "pkgconfig"))}
    result = run("pkg-config", f"--variable={variable}", "libvirt-spm", env=environment)
    assert result.stdout.strip() == str(folders[name] / file)
    assert below(installed, folders[name] / file).exists()
