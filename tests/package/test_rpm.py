# SPDX-License-Identifier: LGPL-2.1-or-later
"""The RPM's spec, with Debian's rpmbuild: that it builds, and names each installed file. What Fedora's macros for
SELinux do, and its dependencies, are not tried here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from advice import advice

ROOT = Path(__file__).resolve().parents[2]
MACROS = Path(__file__).with_name("rpm-macros")
SPEC = ROOT / "packaging/libvirt-spm.spec"
POLICY = bytes.fromhex("8fff7cf9")  # the magic number of a policy package, little-endian
MODULE = "/usr/lib64/libvirt-spm/libvirt-spm.so"


def rpm(*command: object) -> str:
    """Run a program of rpm, whose configuration is ours alone; its output."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"})
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def unpack(package: Path, folder: Path) -> None:
    """The files of a package into a folder."""
    with subprocess.Popen(["rpm2cpio", package], stdout=subprocess.PIPE) as archive:
        subprocess.run(["cpio", "--quiet", "-id"], stdin=archive.stdout, cwd=folder, check=True)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The built packages by name."""
    folder = tmp_path_factory.mktemp("rpm")
    (folder / "SOURCES").mkdir()
    version = rpm("rpmspec", "-q", "--srpm", "--qf", "%{version}", SPEC)
    source = folder / f"SOURCES/libvirt-spm-{version}.tar.gz"
    rpm("tar", "-C", ROOT, "--exclude=./.git", "--exclude=./build*", f"--transform=s,^[.],libvirt-spm-{version},",
        "-czf", source, ".")
    # --nodeps: rpm's database knows none of Debian's packages
    assert "`rpmbuild -ta` on a tarball" in (ROOT / "README.md").read_text()
    # --nocheck: scripts/check unit runs the same tests on this machine
    rpm("rpmbuild", "-ta", "--nodeps", "--nocheck", f"--load={MACROS}", f"--define=_topdir {folder}",
        "--define=debug_package %{nil}", source)
    built = [*(folder / "RPMS").rglob("*.rpm")]
    return {rpm("rpm", "-qp", "--qf", "%{name}", path): path for path in built}


def test_each_installed_file_is_in_a_package(packages: dict[str, Path]) -> None:
    """rpmbuild itself refuses a file that no package has, and one that was not installed."""
    assert sorted(packages) == ["libvirt-spm", "libvirt-spm-selinux", "vdsm-hook-spm"]


def test_the_hook_of_vdsm_is_an_executable_where_vdsm_looks(packages: dict[str, Path], tmp_path: Path) -> None:
    unpack(packages["vdsm-hook-spm"], tmp_path)
    hook = tmp_path / "usr/libexec/vdsm/hooks/before_vm_start/50_spm"
    assert hook.read_text() == (ROOT / "hooks/ovirt/before_vm_start").read_text()
    assert os.access(hook, os.X_OK)


def test_the_unit_tests_are_run_by_a_build() -> None:
    check = rpm("rpmspec", "-P", f"--load={MACROS}", SPEC).partition("\n%check\n")[2]
    assert check.splitlines()[0].startswith("/usr/bin/meson test -C ")


def test_the_module_is_where_the_drop_ins_say(packages: dict[str, Path], tmp_path: Path) -> None:
    unpack(packages["libvirt-spm"], tmp_path)
    for unit in ("libvirtd", "virtqemud"):
        text = (tmp_path / f"usr/lib/systemd/system/{unit}.service.d/50-libvirt-spm.conf").read_text()
        assert re.findall("^Environment=(.*)$", text, re.MULTILINE) == [f"LD_PRELOAD={MODULE}"]
    assert (tmp_path / MODULE.lstrip("/")).exists()


def test_only_the_settings_are_configuration(packages: dict[str, Path]) -> None:
    assert rpm("rpm", "-qp", "--configfiles", packages["libvirt-spm"]).split() == ["/etc/libvirt/spm.conf"]


def test_it_requires_a_libvirt_that_can_carry_such_a_domain(packages: dict[str, Path]) -> None:
    assert "libvirt-daemon-driver-qemu >= 10.0" in rpm("rpm", "-qp", "--requires", packages["libvirt-spm"])


def test_the_policy_is_compiled_by_hand(tmp_path: Path) -> None:
    """As its page has it; loading it needs a kernel with SELinux."""
    compile_it, pack, load, _ = advice("packaging/selinux/README.rst", "checkmodule -M")
    assert load == "semodule -i libvirt_spm.pp"
    shutil.copy(ROOT / "packaging/selinux/libvirt_spm.te", tmp_path)
    subprocess.run(["sh", "-euc", f"{compile_it}\n{pack}"], cwd=tmp_path, check=True)
    assert (tmp_path / "libvirt_spm.pp").read_bytes()[:4] == POLICY


def test_the_policy_is_compiled(packages: dict[str, Path], tmp_path: Path) -> None:
    unpack(packages["libvirt-spm-selinux"], tmp_path)
    policy = tmp_path / "usr/share/selinux/packages/targeted/libvirt_spm.pp.bz2"
    subprocess.run(["bunzip2", policy], check=True)
    assert policy.with_suffix("").read_bytes()[:4] == POLICY
