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
    assert done.stderr == "-:2: the document is a <network>; expected a <domain>\n"


def test_too_old_libvirt(virt_spm):
    done = virt_spm("validate", "--libvirt-version", "9.0.0", SINGLE)
    assert done.returncode == 1
    assert done.stderr == (f"{SINGLE}:22: <memory model='spm'> requires libvirt 10.0.0 or newer; this is 9.0.0, "
                           "which could not start the domain\n")


def test_all_faults_are_listed(virt_spm):
    assert len(virt_spm("validate", document("several-invalid")).stderr.splitlines()) == 3


@pytest.mark.parametrize("arguments,message", [
    ([], "a command is needed"),
    (["argv"], "'argv' takes one document"),
    (["argv", "a", "b"], "'argv' takes one document"),
    (["probe"], "'probe' takes one emulator"),
    (["doctor", "a"], "'doctor' takes no argument"),
    (["argv", "--root", "/", "a"], "--root goes with 'doctor'"),
    (["argv", "--format", "svg", "a"], "--format goes with 'layout'"),
    (["layout", "--format", "png", "a"], "there is no format 'png'; it may be text or svg"),
    (["probe", "--emulator", "/bin/true", "a"], "--emulator does not go with 'probe', whose argument it is"),
    (["probe", "--device", "sp-mem", "a"], "--device and --libvirt-version do not go with 'probe'"),
    (["doctor", "--libvirt-version", "11.3.0"], "--device and --libvirt-version do not go with 'doctor'"),
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
