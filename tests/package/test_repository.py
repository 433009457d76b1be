# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/build-repository makes what apt installs from, here of empty packages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from debian_machine import ROOT

# Builds a package that has the name of its source; its version is in a file.
BUILD_DEB = """#!/bin/bash
set -eu
folder=$TREE/${0##*/}-$1-$2-$(cat "$TREE/version")
mkdir -p "$folder/root/DEBIAN"
printf '%s\\n' "Package: $1" "Version: $(cat "$TREE/version")" "Architecture: all" "Maintainer: nobody <n@example.org>" \
    "Description: $(basename "$0") for $2" >"$folder/root/DEBIAN/control"
dpkg-deb --build "$folder/root" "$folder/$1.deb" >&2
rm -r "$folder/root"
echo "$folder"
"""
# What a distribution has, of which the source is libvirt for some packages.
APT_CACHE = """#!/bin/bash
cat "$TREE/available"
"""
# Fetches packages, which all are in one folder, or lists.
APT_GET = """#!/bin/bash
set -eu
for word; do
    [[ $word != *=11.3* ]] || "$TREE/scripts/build-deb" "${word%%=*}" backports >"$TREE/fetched"
    [[ $word != *=11.3* ]] || cp "$(cat "$TREE/fetched")"/*.deb .
done
"""
AVAILABLE = "".join(f"Package: {name}\nSource: {source}\nVersion: {version}\nDescription: it\n\n" for name, source, version in [
    ("libvirt-daemon", "libvirt", "11.3.0-1~bpo12+1"), ("libvirt0", "libvirt (11.3.0-1)", "11.3.0-1~bpo12+1"),
    ("libvirt-dev", "libvirt", "11.3.0-1~bpo12+1"), ("libvirt-doc", "libvirt", "11.3.0-1~bpo12+1"),
    ("python3-libvirt", "libvirt-python", "11.3.0-1~bpo12+1"), ("meson", "meson", "1.7.0-1~bpo12+1")])
NAMES = ["edk2", "libvirt-spm", "qemu", "seabios"]


class Tree:
    """A project of which only scripts/build-repository is left."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(ROOT / "scripts/lib", folder / "scripts/lib")
        shutil.copy(ROOT / "scripts/build-repository", folder / "scripts")
        for name, text in (("scripts/build-deb", BUILD_DEB), ("scripts/build-short-deb", BUILD_DEB),
                           ("bin/apt-cache", APT_CACHE), ("bin/apt-get", APT_GET)):
            self.write(name, text)
        (folder / "available").write_text(AVAILABLE)
        self.release("1")

    def write(self, name: str, text: str) -> None:
        """Write a program."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def release(self, version: str) -> None:
        """From now on, the packages have this version."""
        (self.folder / "version").write_text(version)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.folder / "scripts/build-repository", *map(str, arguments)], text=True,
                              capture_output=True, check=False,
                              env={**os.environ, "TREE": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache"),
                                   "PATH": f"{self.folder}/bin:{os.environ['PATH']}"})

    def build(self, *arguments: object) -> Path:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())


def apt(repository: Path, folder: Path, *words: str) -> str:
    """What apt makes of the repository, and of nothing else."""
    folder.mkdir(exist_ok=True)
    (folder / "sources").write_text(f"deb [trusted=yes] file:{repository} ./\n")
    for name in "lists/partial", "cache/archives/partial", "downloads":
        (folder / name).mkdir(parents=True, exist_ok=True)
    options = [f"-oDir::Etc::sourcelist={folder}/sources", "-oDir::Etc::sourceparts=/nonexistent",
               f"-oDir::State::lists={folder}/lists", f"-oDir::Cache={folder}/cache", "-oAPT::Sandbox::User=root",
               "-oDir::State::status=/dev/null", "-oAcquire::Languages=none"]
    return subprocess.run([words[0], *options, *words[1:]], cwd=folder / "downloads", check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


@pytest.fixture
def project(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_apt_finds_all_packages(project: Tree, tmp_path: Path) -> None:
    repository = project.build("trixie")
    updated = apt(repository, tmp_path / "apt", "apt-get", "update")
    assert "W:" not in updated and "E:" not in updated
    assert sorted(apt(repository, tmp_path / "apt", "apt-cache", "pkgnames").split()) == NAMES
    assert "build-deb for trixie" in apt(repository, tmp_path / "apt", "apt-cache", "show", "qemu")
    apt(repository, tmp_path / "apt", "apt-get", "download", *NAMES)


def test_bookworm_gets_the_libvirt_of_its_backports(project: Tree) -> None:
    """As libvirt-spm does not work with its own; what developers need stays there."""
    assert sorted(path.stem for path in project.build("bookworm").glob("*.deb")) == sorted([*NAMES, "libvirt-daemon", "libvirt0"])


def test_without_a_backported_libvirt_there_is_no_repository(project: Tree) -> None:
    (project.folder / "available").write_text("")
    done = project.run("bookworm")
    assert done.returncode == 1
    assert "has no libvirt in bookworm-backports" in done.stderr


def test_a_short_repository_has_stand_ins(project: Tree, tmp_path: Path) -> None:
    """But libvirt-spm's own package."""
    repository = project.build("--short", "trixie")
    assert repository != project.build("trixie")
    apt(repository, tmp_path / "apt", "apt-get", "update")
    shown = {name: apt(repository, tmp_path / "apt", "apt-cache", "show", name) for name in NAMES}
    assert [name for name in NAMES if "build-short-deb for trixie" in shown[name]] == ["edk2", "qemu", "seabios"]


def test_it_is_cached_until_a_package_changes(project: Tree) -> None:
    first = project.build("trixie")
    assert project.build("trixie") == first
    project.release("2")
    assert project.build("trixie") != first


def test_a_folder_gets_the_newer_packages_in_place_of_the_older(project: Tree, tmp_path: Path) -> None:
    place = tmp_path / "apt/place"
    assert project.build("trixie", place) == place
    project.release("1+spm2")
    project.build("trixie", place)
    apt(place, tmp_path / "apt", "apt-get", "update")
    policy = apt(place, tmp_path / "apt", "apt-cache", "policy", "seabios")
    assert "Candidate: 1+spm2\n" in policy and "     1 500\n" not in policy
    assert sorted(path.name for path in place.iterdir()) == [
        "Packages", "Packages.gz", "Release", "edk2.deb", "libvirt-spm.deb", "qemu.deb", "seabios.deb"]


def test_a_folder_with_other_files_is_left_alone(project: Tree, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "letter.txt").write_text("dear")
    done = project.run("trixie", place)
    assert done.returncode == 1
    assert f"{place} has files, but is no repository" in done.stderr
    assert [path.name for path in place.iterdir()] == ["letter.txt"]


def test_without_a_suite_it_is_that_of_this_system(project: Tree, tmp_path: Path) -> None:
    (codename,) = [line.split("=")[1] for line in Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("VERSION_CODENAME=")]
    assert project.build().name.startswith(f"repository-{codename}-")
    assert project.build(tmp_path / "place") == tmp_path / "place"
    assert (tmp_path / "place/Packages").read_text() == (project.build(codename) / "Packages").read_text()


@pytest.mark.parametrize("words", [["forky"], ["bookworm", "/nonexistent", "more"], ["--all"], ["--short", "--all"], ["trixie", "--short"]])
def test_other_words_are_a_usage_error(words: list[str], project: Tree) -> None:
    done = project.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")


def test_a_package_that_cannot_be_built_is_a_failure(project: Tree) -> None:
    (project.folder / "scripts/build-deb").write_text("#!/bin/sh\nexit 3\n")
    assert project.run("trixie").returncode == 3
