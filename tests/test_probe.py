# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which device an emulator has: asked by virt-spm, and by the plugin for a domain that comes in."""

import contextlib
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

import pytest
from programs import BUILD, VIRT_SPM, run
from documents import document

SINGLE = document("spm-single")
SPM = SINGLE.read_text()
NO_DEVICE = ("has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; install QEMU 11.1 or newer, or "
             "one with libvirt-spm's patches")
VIR_ERR_CONFIG_UNSUPPORTED = 67


def lists(*devices):
    """A script that lists devices as QEMU does, and leaves a trace that it ran."""
    lines = "; ".join(f"""echo 'name "{device}", desc "memory"'""" for device in ["pc-dimm", *devices])
    # A folder: it may write no files.
    return f'mktemp -d "$0.runs.XXXXXX" >/dev/null; [ "$6 $7" = "-device help" ] && {{ {lines}; }}'


def runs(path):
    """How often an emulator of lists() was asked."""
    return len([*path.parent.glob("*.runs.*")])


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
    ("sleep 100 & exit 0", NO_DEVICE),
    ("exec yes", NO_DEVICE),
])
def test_unfit_emulator(script, message, virt_spm, emulator):
    path = emulator(script)
    done = virt_spm("argv", "--emulator", path, SINGLE)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"virt-spm: <emulator> '{path}' {message}\n")


@pytest.fixture
def probe():
    """Ask an emulator directly, which gets less time than from virt-spm."""
    return lambda *arguments: run(BUILD / "tests" / "probe", *arguments)


@pytest.mark.parametrize("script", ["exec sleep 100", "echo 'name \"sp-mem\"'; exec sleep 100",
                                    "while sleep 0.05; do echo; done"])
@pytest.mark.parametrize("milliseconds,shown", [(300, "0.3"), (1000, "1")])
def test_an_emulator_has_a_deadline(script, milliseconds, shown, probe, emulator):
    path = emulator(script)
    begin = time.monotonic()
    done = probe(path, milliseconds)
    assert milliseconds / 1000 <= time.monotonic() - begin < 30
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"<emulator> '{path}' did not answer within {shown} seconds\n"


def test_the_deadline_is_ten_seconds(probe):
    assert probe().stdout == "10000\n"


def test_an_answer_before_the_deadline(probe, emulator):
    assert probe(emulator("sleep 0.2; echo it"), 20000).stdout == "it\n"


def test_missing_emulator(virt_spm, tmp_path):
    done = virt_spm("argv", "--emulator", tmp_path / "qemu", SINGLE)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"virt-spm: <emulator> '{tmp_path}/qemu' does not run")


def told(emulator, folder, script):
    """What an emulator writes into a pipe that it knows by its name, as it may write no files."""
    pipe = folder / "seen"
    os.mkfifo(pipe, 0o666)
    pipe.chmod(0o666)
    path = emulator(f"{{ {script}; }} >{pipe}")
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        with open(folder / "secret", "w", encoding="ascii") as secret:
            subprocess.run([VIRT_SPM, "argv", "--emulator", path, SINGLE], capture_output=True,
                           pass_fds=[secret.fileno()], check=False)
        try:
            return reader.communicate(timeout=30)[0].splitlines()
        finally:
            reader.kill()


def test_emulator_inherits_nothing(emulator, public_folder):
    lines = told(emulator, public_folder, "env; readlink /proc/self/fd/*; id -u; id -G; grep CapEff /proc/self/status")
    assert {line.split("=")[0] for line in lines if "=" in line} <= {"PATH", "LC_ALL", "PWD", "_"}
    assert str(public_folder / "secret") not in lines
    user, groups, capabilities = lines[-3:]
    assert user != "0" and "0" not in groups.split() and int(capabilities.split()[1], 16) == 0


def ignored_signals():
    """Those that a program ignores when it is started from here. Python gives two their default back."""
    mask = int(re.search(r"^SigIgn:\s*(\w+)", pathlib.Path("/proc/self/status").read_text(), re.M)[1], 16)
    return mask & ~(1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_emulator_has_limits(emulator, public_folder):
    lines = told(emulator, public_folder, "cat /proc/self/limits; grep -E 'SigBlk|SigIgn' /proc/self/status; pwd; echo $$")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in lines if line.startswith("Max ")}
    assert limits["Max cpu time"] == ["10", "10"]
    assert limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(2 << 30)] * 2
    assert limits["Max processes"] == ["512", "512"]
    assert [int(line.split()[1], 16) for line in lines if line.startswith("Sig")] == [0, ignored_signals()]
    assert lines[-2:] == ["/", "1"], "the first process of its own namespace"


def test_an_emulator_may_write_no_file(emulator, public_folder):
    place = public_folder / "written"
    place.touch()
    place.chmod(0o666)
    lines = told(emulator, public_folder, f"echo before; (trap '' XFSZ; echo much >{place}) || echo refused")
    assert lines == ["before", "refused"] and place.read_text() == ""


@pytest.mark.parametrize("kind,name,most", [
    (resource.RLIMIT_AS, "Max address space", 1 << 30), (resource.RLIMIT_CPU, "Max cpu time", 7)])
def test_a_lower_limit_of_who_asks_stays(kind, name, most, emulator):
    done = subprocess.run([BUILD / "tests" / "probe", emulator("cat /proc/self/limits"), "20000"], capture_output=True,
                          text=True, check=True, preexec_fn=lambda: resource.setrlimit(kind, (most, most)))
    line, = (line for line in done.stdout.splitlines() if line.startswith(name))
    assert line[26:].split()[:2] == [str(most)] * 2


def processes(marker):
    """The processes in whose command line a word is."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker in (folder / "cmdline").read_text():
                found.append(folder.name)
    return found


@pytest.mark.parametrize("script,answered", [
    ("setsid sleep {} & exit 0", True),
    ("(setsid setsid sleep {} >/dev/null 2>&1 </dev/null &) & exit 0", True),
    ("trap '' TERM HUP; setsid sleep {} & sleep {}", False),
])
def test_nothing_of_an_emulator_outlives_the_answer(script, answered, probe, emulator):
    marker = f"1{os.getpid()}.{len(script)}"
    done = probe(emulator(script.format(marker, marker)), 20000 if answered else 500)
    assert ("did not answer" in done.stderr) == (not answered)
    assert processes(marker) == []


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_an_emulator_does_not_outlive_its_keeper(emulator):
    """The kernel ends it, as nobody else is there to do it; who asked goes on."""
    marker = f"1{os.getpid()}.99"
    path = emulator(f"setsid sleep {marker} & sleep {marker}")
    with subprocess.Popen([VIRT_SPM, "argv", "--emulator", path, SINGLE], stderr=subprocess.PIPE, text=True) as asking:
        wait_for(lambda: len(processes(marker)) == 2)
        keeper, = children(asking.pid)
        os.kill(keeper, signal.SIGKILL)
        begin = time.monotonic()
        assert asking.communicate(timeout=30)[1] == f"virt-spm: <emulator> '{path}' {NO_DEVICE}\n"
        assert time.monotonic() - begin < 5, "it waited for its deadline"
    wait_for(lambda: processes(marker) == [])


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_an_emulator_does_not_outlive_who_asked(signal_number, emulator):
    marker = f"1{os.getpid()}.{int(signal_number)}"
    path = emulator(f"setsid sleep {marker} & sleep {marker}")
    with subprocess.Popen([VIRT_SPM, "argv", "--emulator", path, SINGLE]) as asking:
        wait_for(lambda: len(processes(marker)) == 2)
        asking.send_signal(signal_number)
    wait_for(lambda: processes(marker) == [])


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("device", ["spm-memory", "sp-mem"])
def test_children_that_are_not_collected_are_no_trouble(device, emulator, tmp_path):
    """A program that ignores SIGCHLD has no zombies, and waitpid() fails in it."""
    path = emulator(lists(device))
    done = subprocess.run([VIRT_SPM, "argv", "--emulator", path, SINGLE], capture_output=True, text=True,
                          preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN), check=False)
    assert done.returncode == 0 and f'"driver":"{device}"' in done.stdout


@pytest.mark.parametrize("device", ["spm-memory", "sp-mem"])
def test_a_domain_gets_the_device_of_its_emulator(device, call, emulator):
    done = call("virDomainDefineXML", domain(emulator(lists(device))), settings="")
    assert f"name='driver' type='string' value='{device}'" in done.stdout


def test_the_default_emulator_is_that_of_libvirt(call, emulator):
    text = SPM.replace("    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n", "")
    done = call("virDomainDefineXML", text, settings="", FAKE_EMULATOR=str(emulator(lists("sp-mem"))))
    assert "capabilities: default x86_64 q35 qemu\n" in done.stdout
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


def test_one_emulator_has_many_names(call, emulator, tmp_path):
    path = emulator(lists("sp-mem"))
    (path.parent / "link").symlink_to(path)
    for name in [path, f"{path.parent}/./{path.name}", f"//{path}", f"{path.parent}/../{path.parent.name}/link"]:
        assert "value='sp-mem'" in call("virDomainDefineXML", domain(name), settings="").stdout
    assert runs(path) == 1 and len([*(tmp_path / "cache").iterdir()]) == 1


def test_the_cache_has_a_bound(call, emulator, tmp_path):
    path = emulator(lists("sp-mem"))
    cache = tmp_path / "cache"
    cache.mkdir()
    for number in range(100):
        (cache / f"{number:064x}").touch()
    (cache / "not-ours").touch()
    call("virDomainDefineXML", domain(path), settings="")
    assert len([*cache.iterdir()]) == 2 and (cache / "not-ours").exists()


def test_a_script_is_asked_each_time(call, emulator, tmp_path):
    """What it starts may be another program the next time."""
    for device in ["sp-mem", "spm-memory"]:
        inner = emulator(lists(device), program=False)
        inner.rename(inner.with_name("inner"))
        path = inner.with_name("outer")
        if not path.exists():
            path.write_text(f'#!/bin/sh\nexec {inner.with_name("inner")} "$@"\n')
            path.chmod(0o755)
        assert f"value='{device}'" in call("virDomainDefineXML", domain(path), settings="").stdout
    assert not (tmp_path / "cache").exists()


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
