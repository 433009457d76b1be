# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which device an emulator has: asked by virt-spm, and by the plugin for a domain that comes in."""

import subprocess

import pytest
from programs import BUILD
from documents import document

SINGLE = document("spm-single")
SPM = SINGLE.read_text()
NO_DEVICE = ("has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; install QEMU 11.1 or newer, or "
             "one with libvirt-spm's patches")
VIR_ERR_CONFIG_UNSUPPORTED = 67


def lists(*devices):
    """A script that lists devices as QEMU does, and leaves a trace that it ran."""
    lines = "; ".join(f"""echo 'name "{device}", desc "memory"'""" for device in ["pc-dimm", *devices])
    return f'echo >>"$0.runs"; [ "$6 $7" = "-device help" ] && {{ {lines}; }}'


def runs(path):
    """How often an emulator of lists() was asked."""
    trace = path.with_name(path.name + ".runs")
    return len(trace.read_text()) if trace.exists() else 0


def domain(path):
    """A domain of this emulator."""
    text = SPM.replace("/usr/bin/qemu-system-x86_64", str(path))
    assert str(path) in text
    return text


@pytest.mark.parametrize("devices,chosen", [
    (["spm-memory"], "spm-memory"), (["sp-mem"], "sp-mem"), (["sp-mem", "spm-memory"], "spm-memory")])
def test_emulator_is_asked_for_its_device(devices, chosen, virt_spm, emulator):
    done = virt_spm("argv", "--emulator", emulator(lists(*devices)), SINGLE)
    assert done.returncode == 0, done.stderr
    assert f'"driver":"{chosen}"' in done.stdout


@pytest.mark.parametrize("script,message", [
    ("""echo 'name "pc-dimm"'""", NO_DEVICE),
    ("exec sleep 100", "did not answer within 10 seconds"),
    ("sleep 100 & exit 0", "did not answer within 10 seconds"),
    ("exec yes", NO_DEVICE),
])
def test_unfit_emulator(script, message, virt_spm, emulator):
    path = emulator(script)
    done = virt_spm("argv", "--emulator", path, SINGLE)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"virt-spm: <emulator> '{path}' {message}\n")


def test_missing_emulator(virt_spm, tmp_path):
    done = virt_spm("argv", "--emulator", tmp_path / "qemu", SINGLE)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"virt-spm: <emulator> '{tmp_path}/qemu' does not run")


def test_emulator_inherits_nothing(emulator, public_folder):
    seen = public_folder / "seen"
    path = emulator(f"{{ env; readlink /proc/$$/fd/*; id -u; id -G; grep CapEff /proc/$$/status; }} >{seen}")
    with open(public_folder / "secret", "w", encoding="ascii") as secret:
        subprocess.run([BUILD / "src" / "virt-spm", "argv", "--emulator", path, SINGLE], capture_output=True,
                       pass_fds=[secret.fileno()], check=False)
    lines = seen.read_text().splitlines()
    assert {line.split("=")[0] for line in lines if "=" in line} <= {"PATH", "LC_ALL", "PWD", "_"}
    assert secret.name not in lines
    user, groups, capabilities = lines[-3:]
    assert user != "0" and "0" not in groups.split() and int(capabilities.split()[1], 16) == 0


@pytest.mark.parametrize("device", ["spm-memory", "sp-mem"])
def test_a_domain_gets_the_device_of_its_emulator(device, call, emulator):
    done = call("virDomainDefineXML", domain(emulator(lists(device))), settings="")
    assert f"name='driver' type='string' value='{device}'" in done.stdout


def test_the_default_emulator_is_that_of_libvirt(call, emulator):
    text = SPM.replace("    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n", "")
    done = call("virDomainDefineXML", text, settings="", FAKE_EMULATOR=str(emulator(lists("sp-mem"))))
    assert "capabilities: x86_64 q35 qemu\n" in done.stdout
    assert "value='sp-mem'" in done.stdout


def test_without_a_device_the_domain_is_refused(call, emulator):
    path = emulator(lists())
    output = call("virDomainDefineXML", domain(path), settings="").stdout
    line = 1 + domain(path)[:domain(path).index("<emulator>")].count("\n")
    assert f"code={VIR_ERR_CONFIG_UNSUPPORTED} line {line}: <emulator> '{path}' {NO_DEVICE}\n" in output
    assert "virDomainDefineXML:" not in output


@pytest.mark.parametrize("path", ["/no/such/qemu", "/dev/null", "relative/qemu", "/tmp"])
def test_what_is_no_emulator_is_left_to_libvirt(path, call):
    assert "value='spm-memory'" in call("virDomainDefineXML", domain(path), settings="").stdout


def test_libvirt_without_a_default_emulator_says_so_itself(call):
    text = SPM.replace("    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n", "")
    assert "value='spm-memory'" in call("virDomainDefineXML", text, settings="").stdout


@pytest.mark.parametrize("uri,asked", [
    ("qemu:///system", True), ("qemu:///session", True), ("qemu+unix:///system?socket=/run/x", True),
    ("qemu:///embed?root=/tmp/x", True), ("qemu+ssh://other/system", False), ("qemu+tls://[fe80::1]/system", False)])
def test_emulators_of_other_hosts_are_not_asked(uri, asked, call, emulator):
    path = emulator(lists("sp-mem"))
    output = call("virDomainDefineXML", domain(path), settings="", FAKE_URI=uri).stdout
    assert runs(path) == asked
    assert f"value='{'sp-mem' if asked else 'spm-memory'}'" in output


def test_invalid_documents_start_no_emulator(call, emulator):
    path = emulator(lists("sp-mem"))
    output = call("virDomainDefineXML", domain(path).replace("<node>1<", "<node>7<"), settings="").stdout
    assert f"code={VIR_ERR_CONFIG_UNSUPPORTED}" in output and runs(path) == 0


@pytest.mark.parametrize("text", ["<domain type='qemu'><name>spm</name><devices><emulator>{}</emulator></devices></domain>"])
def test_plain_domains_start_no_emulator(text, call, emulator):
    path = emulator(lists("sp-mem"))
    call("virDomainDefineXML", text.format(path), settings="")
    assert runs(path) == 0


def test_an_emulator_is_asked_once(call, emulator):
    path = emulator(lists("sp-mem"))
    for _ in range(3):
        assert "value='sp-mem'" in call("virDomainDefineXML", domain(path), settings="").stdout
    assert runs(path) == 1


def test_a_replaced_emulator_is_asked_again(call, emulator):
    for device in ["sp-mem", "spm-memory", "sp-mem"]:
        path = emulator(lists(device))
        assert f"value='{device}'" in call("virDomainDefineXML", domain(path), settings="").stdout
    assert runs(path) == 3


def test_refusals_are_not_remembered(call, emulator):
    path = emulator(lists())
    for count in [1, 2]:
        call("virDomainDefineXML", domain(path), settings="")
        assert runs(path) == count


@pytest.mark.parametrize("contents", ["", "[emulator]\n", "\0\1\2", "[emulator]\ndevice=evil\n"])
def test_a_damaged_cache_is_not_believed(contents, call, emulator, tmp_path):
    path = emulator(lists("sp-mem"))
    call("virDomainDefineXML", domain(path), settings="")
    [entry] = (tmp_path / "cache").iterdir()
    text = entry.read_text()
    entry.write_text(contents if "evil" not in contents else text.replace("sp-mem", "evil"))
    assert "value='sp-mem'" in call("virDomainDefineXML", domain(path), settings="").stdout
    assert runs(path) == 2 and entry.read_text() == text


def test_a_cache_that_cannot_be_written_is_done_without(call, emulator):
    output = call("virDomainDefineXML", domain(emulator(lists("sp-mem"))), settings="",
                  LIBVIRT_SPM_CACHE="/dev/null/cache").stdout
    assert "value='sp-mem'" in output
