# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's packages of the emulator and its firmware with our series: what scripts/build-deb would build, without the
build, which takes too long for each change."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_machine import ROOT, Machine
from suites import need

SOURCES = {("qemu", "bookworm"): "7.2", ("qemu", "trixie"): "10.0", ("seabios", "bookworm"): "1.16.2",
           ("seabios", "trixie"): "1.16.3", ("edk2", "bookworm"): "2022.11", ("edk2", "trixie"): "2025.02"}
EMULATOR = {"qemu-block-extra", "qemu-system-common", "qemu-system-gui", "qemu-system-x86", "qemu-utils"}
MODULES = {"qemu-system-modules-opengl", "qemu-system-modules-spice"}
PACKAGES = {"qemu": EMULATOR, "seabios": {"seabios"}, "edk2": {"ovmf"}}
LIBRARY = 'source "$0/scripts/lib/common.sh" && source "$0/scripts/lib/source.sh" && source "$0/scripts/lib/rebuild.sh" && '

# Of a version that Debian's suite has: what Debian may publish later, and what it may have published before.
VERSIONS = {
    ("1:7.2+dfsg-7+deb12u18", "bookworm"): (
        ["1:7.2+dfsg-7+deb12u19", "1:7.2+dfsg-7+deb12u20", "1:7.2+dfsg-7.1", "1:7.2+dfsg-8", "1:10.0.13+ds-0+deb13u1"],
        ["1:7.2+dfsg-7+deb12u17", "1:7.2+dfsg-7+deb12u18", "1:7.2+dfsg-7+deb12u18+b1", "1:7.2+dfsg-7+deb12u18+b10"]),
    ("1:10.0.13+ds-0+deb13u1", "trixie"): (
        ["1:10.0.13+ds-0+deb13u2", "1:10.0.14+ds-0+deb13u1", "1:10.0.13+ds-1"],
        ["1:10.0.13+ds-0+deb13u1", "1:10.0.13+ds-0+deb13u1+b1", "1:10.0.13+ds-0+deb13u1~bpo12+1", "1:10.0.2+ds-2+deb13u1"]),
    ("1:10.0.8+ds-1~deb13u1", "trixie"): (
        ["1:10.0.8+ds-1~deb13u2", "1:10.0.8+ds-1", "1:10.0.8+ds-2~deb13u1"],
        ["1:10.0.8+ds-1~deb13u1", "1:10.0.8+ds-1~deb13u1+b1"]),
    ("1.16.2-1", "bookworm"): (
        ["1.16.2-1+deb12u1", "1.16.2-1.1", "1.16.2-2", "1.16.3-2"], ["1.16.2-1", "1.16.2-1+b1", "1.16.2-1+b12"]),
    ("1.16.3-2", "trixie"): (["1.16.3-2+deb13u1", "1.16.3-3"], ["1.16.3-2", "1.16.3-2+b1"]),
    ("2022.11-6+deb12u2", "bookworm"): (["2022.11-6+deb12u3", "2022.11-7", "2025.02-8"], ["2022.11-6+deb12u2"]),
    ("2025.02-8+deb13u1", "trixie"): (["2025.02-8+deb13u2", "2025.02-9", "2026.08-1"], ["2025.02-8+deb13u1"]),
}

pytestmark = pytest.mark.skipif("SPM_SANDBOX" not in os.environ, reason="packages are built inside scripts/sandbox only")


def library(function: str, *arguments: str) -> str:
    """What a function of scripts/lib/rebuild.sh prints."""
    return subprocess.run(["bash", "-euc", LIBRARY + f'{function} "$@"', ROOT, *arguments], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def build_deb(*arguments: object, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([root / "scripts/build-deb", *map(str, arguments)], text=True, capture_output=True, check=False)


def is_newer(version: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", version, "gt", other], check=False).returncode == 0


@pytest.mark.parametrize(("version", "suite"), VERSIONS)
def test_debians_next_update_is_newer_and_a_rebuild_is_not(version: str, suite: str) -> None:
    ours = library("rebuilt_version", version, suite).strip()
    later, earlier = VERSIONS[version, suite]
    assert [other for other in later if not is_newer(other, ours)] == []
    assert [other for other in earlier if not is_newer(ours, other)] == []


@pytest.mark.parametrize(("version", "suite"), VERSIONS)
def test_the_update_that_is_made_up_is_newer_than_ours(version: str, suite: str) -> None:
    assert is_newer(library("next_version", version, suite).strip(), library("rebuilt_version", version, suite).strip())


class Tree:
    """An unpacked source package with our series."""

    def __init__(self, package: str, suite: str, folder: Path):
        self.package, self.suite, self.folder = package, suite, folder
        done = build_deb("--source", package, suite, folder)
        assert done.returncode == 0, done.stderr

    def series(self) -> list[str]:
        return (ROOT / "patches" / self.package / SOURCES[self.package, self.suite] / "series").read_text().split()

    def changelog(self, *options: str) -> str:
        return subprocess.run(["dpkg-parsechangelog", "-l", self.folder / "debian/changelog", *options], check=True,
                              text=True, stdout=subprocess.PIPE).stdout.strip()

    def make(self, *words: str, rules: str = "") -> str:
        """What debian/rules, with more rules, prints in a root folder of the suite."""
        machine = Machine(need(f"SPM_BUILD_ROOT_{self.suite}".upper()))
        try:
            place = machine.lend(self.folder, "/tree")
            (machine.root / "more").write_text(rules)
            return machine.call("make", "--silent", f"--directory={place}", "-f", "debian/rules", "-f", "/more", *words)
        finally:
            machine.close()


@pytest.fixture(scope="module", params=SOURCES, ids="-".join)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    folder = tmp_path_factory.mktemp("source")
    yield Tree(*request.param, folder / "tree")
    shutil.rmtree(folder)


def test_the_series_is_applied_after_debians_own(tree: Tree) -> None:
    """By dpkg-source, which accepts no fuzz."""
    applied = (tree.folder / ".pc/applied-patches").read_text().split()
    ours = [f"spm/{name}" for name in tree.series()]
    assert applied[-len(ours):] == ours
    assert 0 < len(applied) - len(ours) == len([name for name in applied if not name.startswith("spm/")])


def test_the_changelog_names_debians_version_and_ours(tree: Tree) -> None:
    debians = tree.changelog("-S", "Version", "--offset=1", "--count=1")
    assert tree.changelog("-S", "Version") == library("rebuilt_version", debians, tree.suite).strip()
    assert "debian/patches/spm" in tree.changelog("-S", "Changes")
    assert tree.changelog("-S", "Distribution") == tree.suite


def test_only_packages_with_the_series_in_them_are_built(tree: Tree) -> None:
    modules = MODULES if (tree.package, tree.suite) == ("qemu", "trixie") else set()
    assert {*tree.make("list", rules="list:\n\tdh_listpackages\n").split()} == PACKAGES[tree.package] | modules


def test_only_x86_is_compiled(tree: Tree) -> None:
    """As debian/rules would do it, but with all features that Debian's emulator has, and with microvm, which Debian builds
    for itself."""
    if tree.package == "qemu":
        output = tree.make("--dry-run", "configure-arch")
        assert re.findall(r"--target-list=(\S*)", output) == ["i386-softmmu,x86_64-softmmu", "x86_64-softmmu"]
        assert {"--enable-spice", "--enable-libssh", "--enable-libpmem", "--enable-gtk", "--enable-system"} <= {*output.split()}
    elif tree.package == "edk2":
        output = tree.make("--dry-run", "override_dh_auto_build")
        assert {Path(name).stem for name in re.findall(r"-p (\S+)", output)} <= {"OvmfPkgX64", "OvmfPkgIa32X64"}
        assert "OVMF_CODE_4M.secboot.fd" in output
    else:
        assert "build/bios-256k.bin" in tree.make("list", rules="list:\n\techo ${BUILD_TARGETS}\n").split()


def test_debug_output_is_no_part_of_the_smallest_bios(tree: Tree) -> None:
    """With it, that of Debian 12 does not fit into 128 KiB."""
    if tree.package == "seabios":
        assert tree.make("list", rules="list:\n\techo ${bios-config}\n").split().count("DEBUG_IO=n") == 1
        assert "DEBUG_IO=n" not in tree.make("list", rules="list:\n\techo ${bios-256k-config}\n")


def test_no_compiler_for_other_architectures_is_needed(tree: Tree) -> None:
    names = library("list_build_dependencies", tree.package, tree.suite).split()
    assert "debhelper" in names
    assert [name for name in names if name.startswith("gcc-") or name == "qemu-system-arm"] == []
    assert ("libpmem-dev" in names) == (tree.package == "qemu")


def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Already where only what is around the change differs."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "patches/seabios", tmp_path / "patches/seabios")
    patch = tmp_path / "patches/seabios/1.16.2/0001-qemu-pass-on-e820-types-that-SeaBIOS-does-not-know.patch"
    text = patch.read_text()
    context = re.search(r"^@@.*\n (.*\w.*)\n", text, re.M)
    patch.write_text(text[:context.start(1)] + "another line" + text[context.end(1):])
    done = build_deb("--source", "seabios", "bookworm", tmp_path / "tree", root=tmp_path)
    assert done.returncode == 1
    assert patch.name in done.stderr
    assert "a patch does not apply" in done.stderr


@pytest.mark.parametrize("words", [
    [], ["sid"], ["qemu", "forky"], ["libvirt", "trixie"], ["qemu", "bookworm", "more"], ["--source", "qemu", "trixie"],
    ["--source", "libvirt-spm", "bookworm", "/nonexistent"]])
def test_what_cannot_be_built_is_a_usage_error(words: list[str]) -> None:
    done = build_deb(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    done = build_deb("--source", "seabios", "bookworm", tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path} exists" in done.stderr
    assert not [*tmp_path.iterdir()]
