# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests share: groups, virt-spm, golden files, and one switch that rewrites them."""

import importlib.util
import os
import pathlib
import shutil
import tempfile

import pytest
from documents import ARGV, XML2XML
from programs import BUILD, PLUGIN, VIRT_SPM, ensure_build, run
from totals import pytest_terminal_summary

# What is imported for pytest to find it here.
__all__ = ["pytest_terminal_summary"]

# Folders with a group of tests; each is the name of a marker. The tests beside this file are the group "unit".
FOLDERS = ("emulator", "e2e", "managers", "package")
# What the modules of these folders import, and libvirt-spm is built without.
IMPORTED = ("libvirt", "lxml")

OFFLINE = "1024"  # VIR_MIGRATE_OFFLINE

# Where the tests must run, a missing module is an error.
collect_ignore = [] if os.environ.get("CI") or os.environ.get("SPM_REQUIRE") else [
    folder for folder in ("e2e", "managers", "package") if not all(map(importlib.util.find_spec, IMPORTED))]


def pytest_addoption(parser):
    parser.addoption("--regenerate", action="store_true", help="rewrite golden files instead of comparing")
    parser.addoption("--stack", choices=("patched", "stock", "native"), default="patched",
                     help="e2e: the installed libvirt with an emulator of ours, or a new distribution as it is")
    parser.addoption("--shard", metavar="N/COUNT", help="run each COUNTth of the chosen tests, from the Nth on")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Leave out what other shards run. This comes after -m and -k, so that shards have equally many tests."""
    if config.getoption("--shard"):
        number, count = map(int, config.getoption("--shard").split("/"))
        chosen = items[number - 1::count]
        config.hook.pytest_deselected(items=[*{*items} - {*chosen}])
        items[:] = chosen


def pytest_itemcollected(item):
    """Mark the test with its group."""
    folder = item.path.parent.name
    item.add_marker(folder if folder in FOLDERS else "unit")


@pytest.fixture(scope="session", autouse=True)
def build():
    """The programs, compiled now if they were not."""
    ensure_build()


@pytest.fixture(scope="session")
def virt_spm():
    """Call virt-spm."""
    return lambda *arguments, text=None: run(VIRT_SPM, *arguments, text=text)


@pytest.fixture
def host(tmp_path):
    """A host on which all is well."""
    from hosts import Host  # it reads the build's configuration, which not all tests have

    return Host(tmp_path / "root")


@pytest.fixture
def paste(host, tmp_path):
    """Run commands on the host."""
    return lambda lines: host.paste(lines, tmp_path / "chroot")


@pytest.fixture
def public_folder():
    """A folder that everybody may use: root has emulators asked as user nobody."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o1777)
        yield pathlib.Path(folder)


@pytest.fixture
def emulator(public_folder):
    """Make an emulator that runs a script for "-device help": a program, or the script itself."""
    def make(script, program=True):
        path = public_folder / "qemu"
        path.unlink(missing_ok=True)
        if program:
            shutil.copy(BUILD / "tests" / "fake-emulator", path)
            path.with_name("qemu.sh").write_text(script + "\n")
        else:
            path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path
    return make


@pytest.fixture(params=["linked", "loaded later"])
def call(request, tmp_path):
    """Call a function of the fake libvirt with the plugin preloaded.

    linked: libvirt is there before the plugin's constructor, as in libvirtd and virsh. loaded later: as
    with Python's bindings. The target of a migration takes spm elements of a domain that is shut off."""
    def caller(function, xml, connection="QEMU", flags=None, fake="fake", others=(), domain=(),
               settings="device=spm-memory", program="call-libvirt", plugin=PLUGIN, **environment):
        library = BUILD / "tests" / f"libvirt-{fake}.so"
        (tmp_path / "libvirt.so.0").unlink(missing_ok=True)
        (tmp_path / "libvirt.so.0").symlink_to(library)
        preload = [str(plugin), *others] + ([str(library)] if request.param == "linked" else [])
        (tmp_path / "spm.conf").write_text(f"[spm]\n{settings}\n")
        env = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "LD_PRELOAD": ":".join(preload),
               "LIBVIRT_SPM_CONF": str(tmp_path / "spm.conf"), "LIBVIRT_SPM_CACHE": str(tmp_path / "cache"),
               "LIBVIRT_SPM_PROFILES": str(tmp_path / "spm.d"),
               **environment}
        (tmp_path / program).unlink(missing_ok=True)
        (tmp_path / program).symlink_to(BUILD / "tests" / "call-libvirt")
        flags = flags or (OFFLINE if "MigratePrepare" in function else "0")
        done = run(tmp_path / program, function, connection, flags, *domain, text=xml,
                   env=env)
        assert done.returncode == 0, done.stderr
        return done
    return caller


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
