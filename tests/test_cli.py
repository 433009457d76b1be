# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-spm's options, exit status and streams."""

import subprocess

import pytest
from programs import BUILD
from documents import ARGV, document

SINGLE = document("spm-single")


def test_standard_input(virt_spm):
    done = virt_spm("argv", "-", text=SINGLE.read_text())
    assert (done.returncode, done.stdout) == (0, (ARGV / "spm-single.args").read_text())


def test_argv_of_stock_xml_is_that_of_its_origin(virt_spm):
    stock = virt_spm("translate", SINGLE).stdout
    assert virt_spm("argv", "-", text=stock).stdout == (ARGV / "spm-single.args").read_text()


def test_device(virt_spm):
    assert '"driver":"sp-mem"' in virt_spm("argv", "--device", "sp-mem", SINGLE).stdout


@pytest.mark.parametrize("command", ["validate", "argv", "translate"])
def test_other_documents_are_refused(command, virt_spm):
    done = virt_spm(command, "-", text="<!-- a net -->\n<network/>")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "-:2: the document is a <network>; a <domain> is needed\n"


def test_too_old_libvirt(virt_spm):
    done = virt_spm("validate", "--libvirt-version", "9.0.0", SINGLE)
    assert done.returncode == 1
    assert done.stderr == (f"{SINGLE}:22: <memory model='spm'> needs libvirt 10.0.0 or newer, this is 9.0.0, which "
                           "could not start the domain\n")


def test_all_faults_are_listed(virt_spm):
    assert len(virt_spm("validate", document("several-invalid")).stderr.splitlines()) == 3


@pytest.mark.parametrize("arguments,message", [
    ([], "a command and one document are needed"),
    (["argv"], "a command and one document are needed"),
    (["argv", "a", "b"], "a command and one document are needed"),
    (["draw", "a"], "there is no command 'draw'"),
    (["argv", "--reverse", "a"], "--reverse goes with 'translate'"),
    (["argv", "--device", "pc-dimm", "a"], "there is no device 'pc-dimm'; it may be spm-memory or sp-mem"),
    (["argv", "--libvirt-version", "new", "a"], "'new' is no version; it must be like 11.3.0"),
    (["argv", "--libvirt-version", "1.2.3.4", "a"], "'1.2.3.4' is no version; it must be like 11.3.0"),
    (["argv", "--device", "sp-mem", "--emulator", "/bin/true", "a"], "--device and --emulator exclude each other"),
    (["--frobnicate"], "Unknown option --frobnicate"),
])
def test_usage(arguments, message, virt_spm):
    done = virt_spm(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"virt-spm: {message}\nTry 'virt-spm --help'.\n"


def test_unreadable_file(virt_spm, tmp_path):
    done = virt_spm("validate", tmp_path / "none.xml")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"virt-spm: cannot read '{tmp_path}/none.xml': ")


def test_unwritable_output(virt_spm):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BUILD / "src" / "virt-spm", "argv", SINGLE], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "virt-spm: cannot write the output\n")


@pytest.mark.parametrize("option,text", [("--help", "Commands:"), ("--version", "virt-spm ")])
def test_help_and_version(option, text, virt_spm):
    done = virt_spm(option)
    assert done.returncode == 0 and text in done.stdout


@pytest.fixture
def emulator(tmp_path):
    """Make an emulator that runs a script for "-device help"."""
    def make(script):
        path = tmp_path / "qemu"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path
    return make


@pytest.mark.parametrize("devices,chosen", [
    (["spm-memory"], "spm-memory"), (["sp-mem"], "sp-mem"), (["sp-mem", "spm-memory"], "spm-memory")])
def test_emulator_is_asked_for_its_device(devices, chosen, virt_spm, emulator):
    lines = "; ".join(f"""echo 'name "{device}", desc "memory"'""" for device in ["pc-dimm", *devices])
    done = virt_spm("argv", "--emulator", emulator(f"[ \"$6 $7\" = '-device help' ] && {{ {lines}; }}"), SINGLE)
    assert done.returncode == 0, done.stderr
    assert f'"driver":"{chosen}"' in done.stdout


@pytest.mark.parametrize("script,message", [
    ("""echo 'name "pc-dimm"'""",
     "has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; install QEMU 11.1 or newer, or one "
     "with libvirt-spm's patches"),
    ("exec sleep 100", "did not list its devices within 10 seconds"),
    ("exec yes", "has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; install QEMU 11.1 or "
     "newer, or one with libvirt-spm's patches"),
])
def test_unfit_emulator(script, message, virt_spm, emulator):
    path = emulator(script)
    done = virt_spm("argv", "--emulator", path, SINGLE)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"virt-spm: <emulator> '{path}' {message}\n")


def test_missing_emulator(virt_spm, tmp_path):
    done = virt_spm("argv", "--emulator", tmp_path / "qemu", SINGLE)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"virt-spm: <emulator> '{tmp_path}/qemu' does not run: ")


def test_emulator_inherits_nothing(emulator, tmp_path):
    seen = tmp_path / "seen"
    path = emulator(f"env > {seen}; readlink /proc/$$/fd/* >> {seen}")
    with open(tmp_path / "secret", "w", encoding="ascii") as secret:
        subprocess.run([BUILD / "src" / "virt-spm", "argv", "--emulator", path, SINGLE], capture_output=True,
                       pass_fds=[secret.fileno()], check=False)
    lines = seen.read_text().splitlines()
    assert {line.split("=")[0] for line in lines if "=" in line} <= {"PATH", "LC_ALL", "PWD", "_"}
    assert secret.name not in lines
