# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/build-repository makes what apt installs from, here of empty packages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from debian_machine import ROOT

# Builds a package that has the name of its source; the newer version is in the file that its environment names.
BUILD_DEB = """#!/bin/bash
set -eu
folder=$TREE/$1-$2-$(cat "$TREE/version")
mkdir -p "$folder/root/DEBIAN"
printf '%s\\n' "Package: $1" "Version: $(cat "$TREE/version")" "Architecture: all" "Maintainer: nobody <n@example.org>" \
    "Description: for $2" >"$folder/root/DEBIAN/control"
dpkg-deb --build "$folder/root" "$folder/$1.deb" >&2
rm -r "$folder/root"
echo "$folder"
"""


class Tree:
    """A project of which only scripts/build-repository is left."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(ROOT / "scripts/lib", folder / "scripts/lib")
        shutil.copy(ROOT / "scripts/build-repository", folder / "scripts")
        (folder / "scripts/build-deb").write_text(BUILD_DEB)
        (folder / "scripts/build-deb").chmod(0o755)
        self.release("1")

    def release(self, version: str) -> None:
        """From now on, the packages have this version."""
        (self.folder / "version").write_text(version)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.folder / "scripts/build-repository", *map(str, arguments)], text=True,
                              capture_output=True, check=False,
                              env={**os.environ, "TREE": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache")})

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
    names = ["edk2", "libvirt-spm", "qemu", "seabios"]
    assert sorted(apt(repository, tmp_path / "apt", "apt-cache", "pkgnames").split()) == names
    assert "for trixie" in apt(repository, tmp_path / "apt", "apt-cache", "show", "qemu")
    apt(repository, tmp_path / "apt", "apt-get", "download", *names)


def test_it_is_cached_until_a_package_changes(project: Tree) -> None:
    first = project.build("bookworm")
    assert project.build("bookworm") == first
    project.release("2")
    assert project.build("bookworm") != first


def test_a_folder_gets_the_newer_packages_in_place_of_the_older(project: Tree, tmp_path: Path) -> None:
    place = tmp_path / "apt/place"
    assert project.build("bookworm", place) == place
    project.release("1+spm2")
    project.build("bookworm", place)
    apt(place, tmp_path / "apt", "apt-get", "update")
    policy = apt(place, tmp_path / "apt", "apt-cache", "policy", "seabios")
    assert "Candidate: 1+spm2\n" in policy and "     1 500\n" not in policy
    assert sorted(path.name for path in place.iterdir()) == [
        "Packages", "Packages.gz", "Release", "edk2.deb", "libvirt-spm.deb", "qemu.deb", "seabios.deb"]


def test_a_folder_with_other_files_is_left_alone(project: Tree, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "letter.txt").write_text("dear")
    done = project.run("bookworm", place)
    assert done.returncode == 1
    assert f"{place} has files, but is no repository" in done.stderr
    assert [path.name for path in place.iterdir()] == ["letter.txt"]


def test_without_a_suite_it_is_that_of_this_system(project: Tree) -> None:
    (codename,) = [line.split("=")[1] for line in Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("VERSION_CODENAME=")]
    assert project.build().name.startswith(f"repository-{codename}-")


@pytest.mark.parametrize("words", [["forky"], ["bookworm", "/nonexistent", "more"], ["--all"]])
def test_other_words_are_a_usage_error(words: list[str], project: Tree) -> None:
    done = project.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")


def test_a_package_that_cannot_be_built_is_a_failure(project: Tree) -> None:
    (project.folder / "scripts/build-deb").write_text("#!/bin/sh\nexit 3\n")
    assert project.run("bookworm").returncode == 3
