# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-spm probe and doctor: each thing that can be wrong is found, and the next step is named."""

import json
import os
import re

import pytest
from documents import TRANSLATE
from hosts import DROP_IN, ETC, MODULE, SYSCONFDIR, UNITS, in_sandbox
from programs import BUILD, run
from test_firmware import DROPS, PASSES

SEABIOS = {"passes": PASSES["seabios-patched"], "drops": DROPS["seabios"], "unknown": b"no firmware"}


@pytest.fixture
def examine(host, public_folder):
    """Run doctor on the host, with an emulator of these devices, beside this SeaBIOS, unless there is to be none. Gives
    the exit status and the report."""
    def run_doctor(devices=("spm-memory",), seabios="passes", emulator=True):
        path = public_folder / "bin/qemu"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text("#!/bin/sh\n" + "".join(f"""echo 'name "{device}"'\n""" for device in devices))
        path.chmod(0o755)
        image = public_folder / "share/qemu/bios-256k.bin"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(SEABIOS[seabios])
        env = {key: value for key, value in os.environ.items() if key != "LIBVIRT_SPM_CONF"}
        done = run(BUILD / "src/virt-spm", "doctor", "--root", host.root,
                   *(["--emulator", path] if emulator else []), env=env)
        assert done.stdout if done.returncode == 0 else done.stderr
        assert not (done.stdout and done.stderr)
        return done.returncode, done.stdout + done.stderr
    return run_doctor


def steps(report):
    """Every problem with the steps below it."""
    return re.findall(r"^problem  (.*)\n((?: +(?:->| {5}) .*\n)*)", report, re.M)


def commands(report):
    """What the steps have for a shell."""
    return re.findall(r"^ {16}(.*)$", report, re.M)


def test_all_is_well(examine, public_folder):
    assert examine() == (0, f"""\
ok       libvirt 11.3.0
ok       neither libvirtd nor virtqemud is running; a drop-in preloads the module when one starts
ok       {public_folder}/bin/qemu has spm-memory
ok       {public_folder}/share/qemu/bios-256k.bin is SeaBIOS 1.16.3-spm with a patch that passes on all ranges
""")


@pytest.mark.parametrize("file,problem,step", [
    (None, "libvirt was not found", "install libvirt 10.0 or newer with its QEMU driver"),
    ("libvirt.so.0.9000.0", "libvirt 9.0.0 cannot start a domain that has SPM",
     "install libvirt 10.0 or newer; Debian 12 has it in bookworm-backports"),
    ("libvirt.so.0.so", "libvirt was not found", "install libvirt 10.0 or newer with its QEMU driver"),
])
def test_unfit_libvirt(file, problem, step, host, examine):
    link = "usr/lib/x86_64-linux-gnu/libvirt.so.0"
    host.path(link).unlink()
    if file:
        host.link(link, file)
    status, report = examine()
    assert status == 3 and steps(report) == [(problem, f"           -> {step}\n")]


def test_newer_libvirt(host, examine):
    host.link("usr/lib/x86_64-linux-gnu/libvirt.so.0", "libvirt.so.0.13000.0")
    status, report = examine()
    assert status == 0 and "note     libvirt 13.0.0 is newer than any that was tested\n" in report


def test_missing_module(host, examine):
    host.path(MODULE).unlink()
    status, report = examine()
    assert status == 3 and steps(report) == [(f"{MODULE} is missing", "           -> reinstall libvirt-spm\n")]


@pytest.mark.parametrize("name", ["libvirtd", "virtqemud"])
def test_daemon_with_the_module(name, host, examine):
    host.process(7, name, maps=MODULE)
    status, report = examine()
    assert status == 0 and f"ok       {name} (process 7) has the module\n" in report


def test_other_processes_do_not_matter(host, examine):
    before = examine()
    host.process(7, "virtlogd")
    assert examine() == before and before[0] == 0
    host.process(8, "libvirtd")
    assert [problem for problem, _ in steps(examine()[1])] == ["libvirtd (process 8) runs without the module"]


@pytest.mark.parametrize("damage,problem,step", [
    (lambda host: host.process(7, maps=f"{MODULE} (deleted)"), "uses a module that has been replaced on disk",
     "systemctl restart libvirtd"),
    (lambda host: host.process(7), "runs without the module",
     "restart it:\n                systemctl daemon-reload\n                systemctl restart libvirtd\n"),
    (lambda host: (host.process(7), host.path(f"{UNITS}/libvirtd.service.d/50-libvirt-spm.conf").unlink()),
     "runs without the module", "add a drop-in that preloads the module:\n"),
    (lambda host: (host.process(7, environment=f"A=b LD_PRELOAD={MODULE}"), host.write("sys/fs/selinux/enforce", "1")),
     "runs without the module", "SELinux removes LD_PRELOAD when a daemon starts"),
    (lambda host: (host.process(7, environment=f"A=b LD_PRELOAD={MODULE}"), host.write("sys/fs/selinux/enforce", "0")),
     "runs without the module", f"the dynamic linker did not load it; look for missing libraries and for AppArmor's denials:\n"
     f"                ldd {MODULE}\n                dmesg | grep DENIED\n"),
    (lambda host: (host.process(7), host.path("proc/7/maps").unlink()), "cannot be inspected",
     "run virt-spm doctor as root"),
])
def test_daemon_without_the_module(damage, problem, step, host, examine):
    damage(host)
    status, report = examine()
    (found, advice), = steps(report)
    assert status == 3 and found == f"libvirtd (process 7) {problem}" and step in advice


OTHER = "/usr/lib/libother.so"


def damage_nothing(host):
    """The daemon was not restarted."""


def damage_removed(host):
    host.path(f"{UNITS}/libvirtd.service.d/50-libvirt-spm.conf").unlink()


def damage_one_line(host):
    """systemd takes it for the name of a section."""
    damage_removed(host)
    host.write(f"{ETC}/override.conf", f"[Service] Environment=LD_PRELOAD={MODULE}\n")


def damage_wrong_suffix(host):
    damage_removed(host)
    host.write(f"{ETC}/spm", DROP_IN)


def damage_masked(host):
    host.path(ETC).mkdir(parents=True)
    host.link(f"{ETC}/50-libvirt-spm.conf", "/dev/null")


def damage_replaced(host):
    host.write(f"{ETC}/50-libvirt-spm.conf", "[Service]\nLimitNOFILE=4096\n")


def damage_other_library(host):
    host.write(f"{ETC}/zz.conf", f"[Service]\nEnvironment=LD_PRELOAD={OTHER}\n")


def damage_other_libraries(host):
    host.write(f"{ETC}/zz.conf", f'[Service]\nEnvironment=A=b "LD_PRELOAD={OTHER} {OTHER}"\n')


@in_sandbox
@pytest.mark.parametrize("damage", [value for name, value in [*globals().items()] if name.startswith("damage_")])
def test_commands_of_the_doctor_give_a_daemon_the_module(damage, host, examine, paste):
    damage(host)
    host.process(7)
    status, report = examine()
    assert status == 3 and commands(report)[-2:] == ["systemctl daemon-reload", "systemctl restart libvirtd"]
    done = paste(commands(report))
    # What the doctor had no part in stays: the file that systemd minds.
    assert done.returncode == 0 and not re.search(r"(spm|zz)\.conf", done.stdout), done.stdout
    libraries = re.split("[: ]", host.service().environment["LD_PRELOAD"])
    assert MODULE in libraries and ("other" in damage.__name__) == (OTHER in libraries)
    status, report = examine()
    assert "restart it:\n                systemctl daemon-reload" in report


@in_sandbox
def test_systemd_minds_a_drop_in_of_one_line(host, paste):
    damage_one_line(host)
    assert f"{ETC}/override.conf" in paste([]).stdout
    assert "LD_PRELOAD" not in host.service().environment


def test_nothing_gives_a_daemon_the_module(host, examine):
    damage_removed(host)
    status, report = examine()
    (found, advice), = steps(report)
    assert status == 3 and found == "neither libvirtd nor virtqemud is running, and no drop-in preloads the module"
    assert commands(advice) == [
        "mkdir -p /etc/systemd/system/libvirtd.service.d",
        f"printf '[Service]\\nEnvironment=LD_PRELOAD={MODULE}\\n' "
        ">/etc/systemd/system/libvirtd.service.d/50-libvirt-spm.conf",
        "systemctl daemon-reload", "systemctl restart libvirtd"]


@pytest.mark.parametrize("file,text,problem", [
    ("spm.conf", "[spm]\ndevice=dimm\n", "invalid device 'dimm'; expected"),
    ("spm.conf", "[spm]\ncolour=red\n", "unknown setting 'colour'"),
    ("spm.d/a.conf", "[profile hbm]\nnodemask=all\n", "[profile hbm]: invalid nodemask 'all'; expected")])
@pytest.mark.skipif(os.geteuid() != 0, reason="another user has settings of his own")
def test_wrong_settings(file, text, problem, host, examine):
    host.write(f"{SYSCONFDIR}/libvirt/{file}", text)
    status, report = examine()
    (found, advice), = steps(report)
    assert status == 3 and problem in found and "correct the file and restart the daemon" in advice


@pytest.mark.skipif(os.geteuid() != 0, reason="another user has settings of his own")
def test_settings_are_noted(host, examine):
    host.write(f"{SYSCONFDIR}/libvirt/spm.conf", "[spm]\ndevice=sp-mem\ncontents_loss=allow\n")
    status, report = examine()
    assert status == 0
    assert "spm.conf gives every domain the device sp-mem\n" in report
    assert "spm.conf allows save and migration of guests whose SPM loses its contents\n" in report


def test_emulator_without_the_device(examine):
    status, report = examine(devices=["pc-dimm"])
    assert status == 3
    assert "has no device for <memory model='spm'>, neither 'spm-memory' nor 'sp-mem'; install QEMU" in report


def test_emulator_that_loses_contents(examine):
    status, report = examine(devices=["sp-mem"])
    assert status == 0
    assert "note     sp-mem loses its contents when a guest is saved or migrated, so both are refused\n" in report


def test_no_emulator(examine):
    status, report = examine(emulator=False)
    assert status == 3
    assert ("no QEMU for x86_64 was found in the usual places", "           -> install QEMU 11.1 or newer, or one with "
            "libvirt-spm's patches; or name it with --emulator\n") in steps(report)


@pytest.mark.parametrize("seabios", ["drops", "unknown"])
def test_no_firmware_that_passes_spm_on(seabios, examine):
    status, report = examine(seabios=seabios)
    assert status == 3 and steps(report) == [
        ("no firmware is known to pass SPM on; a guest would boot without it",
         "           -> install OVMF 2026.08 or newer, or OVMF or SeaBIOS with libvirt-spm's patches\n")]
    assert ("note     " in report) == (seabios == "drops")


@pytest.mark.parametrize("image,status", [("ovmf", 0), ("ovmf-old", 3)])
def test_uefi_firmware_by_its_descriptor(image, status, host, examine):
    host.write("usr/share/qemu/firmware/60-ovmf.json", json.dumps({
        "interface-types": ["uefi"], "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
        "mapping": {"device": "flash", "executable": {"filename": "/usr/share/OVMF/OVMF.fd", "format": "raw"}}}))
    host.write("usr/share/OVMF/OVMF.fd", "").write_bytes((PASSES | DROPS)[image])
    assert examine(seabios="drops")[0] == status


UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
STORED = (TRANSLATE / "spm-single.old.xml").read_text().replace(
    "<name>spm-single</name>", f"<name>guest</name><uuid>{UUID}</uuid>")


@pytest.fixture
def stored(host, public_folder):
    """Have libvirt store a domain whose emulator is that of examine, as libvirt finds it below the host's root."""
    def store(text, name="guest", path="/usr/bin/qemu-system-x86_64"):
        link = host.path(path)
        if not link.is_symlink():
            host.link(path, public_folder / "bin/qemu")
        return host.write(f"{SYSCONFDIR}/libvirt/qemu/{name}.xml", text)
    return store


def found_in_domains(report):
    return re.findall("^(?:problem|note) .*domain.*$", report, re.M)


def test_domains_that_their_emulator_can_start(stored, examine):
    stored(STORED)
    stored("<domain type='qemu'><name>plain</name></domain>", "plain")
    stored(STORED.replace("spm-memory", "sp-mem").replace("/usr/bin/qemu-system-x86_64", "/usr/bin/another"), "another")
    status, report = examine()
    assert status == 0 and found_in_domains(report) == []


def test_a_domain_that_outlived_its_emulator(stored, examine):
    """tests/e2e/test_start.py runs the command."""
    stored(STORED)
    stored(STORED.replace("spm-memory", "sp-mem").replace("guest", "other"), "other")
    status, report = examine(["sp-mem"])
    assert status == 3 and steps(report) == [(
        "the domain 'guest' has the device spm-memory, but its emulator has sp-mem; libvirtd cannot autostart it",
        "           -> start it by hand once, or define it again; both give it the emulator's device:\n"
        f"                virsh dumpxml --inactive --security-info {UUID} | virsh define /dev/stdin\n")]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user has settings of his own")
def test_a_domain_whose_device_the_settings_changed(stored, host, examine):
    stored(STORED)
    host.write(f"{SYSCONFDIR}/libvirt/spm.conf", "[spm]\ndevice=sp-mem\n")
    assert "the domain 'guest' has the device spm-memory, but its emulator has sp-mem; " in examine()[1]


def test_an_emulator_of_domains_is_asked_once(stored, examine, public_folder):
    for name in "a", "b":
        stored(STORED.replace("guest", name), name)
    status, report = examine(["pc-dimm"])
    assert status == 3 and report.count("a domain's <emulator> '") == 1


def test_a_stored_domain_is_parsed_once(stored, host, examine):
    """tests/preload/count.c says so."""
    stored(STORED)
    stored("<domain type='qemu'><name>plain</name></domain>", "plain")
    examine()
    done = run(BUILD / "tests/counting-virt-spm", "doctor", "--root", host.root)
    assert len(re.findall(r"^parse \w+$", done.stderr, re.M)) == 1 and "format" not in done.stderr


@pytest.mark.parametrize("name", ["$(reboot)", "a; reboot", "--help", "\x1b[2Jx", "x" * 5000, "'\n`reboot`"])
def test_names_that_clients_chose_reach_no_shell(name, stored, examine):
    stored(STORED.replace("<name>guest<", f"<name>{name if name.isprintable() else name.replace(chr(27), chr(155))}<"))
    status, report = examine(["sp-mem"])
    (found, _), = steps(report)
    assert status == 3 and len(found) < 300 and found.isprintable()
    assert commands(report) == [f"virsh dumpxml --inactive --security-info {UUID} | virsh define /dev/stdin"]


@pytest.mark.parametrize("text", [
    STORED.replace("</devices>", ""), STORED.replace(UUID, "$(reboot)"), "spm-memory <?xml?>",
    "<network>spm-memory</network>"])
def test_stored_files_that_are_something_else(text, stored, examine):
    stored(text)
    status, report = examine(["sp-mem"])
    assert status == 0 and commands(report) == []
    assert "$" not in report


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 1 << 40)])
def test_stored_files_that_cannot_be_read(make, stored, examine):
    path = stored(STORED)
    path.unlink()
    make(path)
    status, report = examine(["sp-mem"])
    assert status == 0 and re.search(r"^note     cannot read the domain in .*/guest.xml: it is (not a regular|larger than)", report, re.M)


HELP = """echo 'spm-memory options:
  addr=<uint64>          -  (default: 0)
  node=<uint32>'"""


@pytest.mark.parametrize("device,contents", [
    ("spm-memory", "preserved by migration, save and snapshots"),
    ("sp-mem", "not preserved by migration, save or snapshots; these are refused")])
def test_probe(device, contents, virt_spm, emulator):
    path = emulator(f"""case "$6 $7" in
        "-device help") echo 'name "{device}"' ;;
        "-device {device},help") {HELP} ;;
        "-version "*) echo "QEMU emulator version 11.1.2"; echo Copyright ;;
        esac""")
    done = virt_spm("probe", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"version:  QEMU emulator version 11.1.2\ndevice:   {device}\n"
                           "property: addr=<uint64>          -  (default: 0)\nproperty: node=<uint32>\n"
                           f"contents: {contents}\n")


@pytest.mark.parametrize("script,message", [("true", "has no device for"), ("exec yes", "has no device for")])
def test_probe_of_something_else(script, message, virt_spm, emulator):
    done = virt_spm("probe", emulator(script))
    assert (done.returncode, done.stdout) == (3, "") and message in done.stderr


def test_probe_of_what_does_not_run(virt_spm, emulator):
    path = emulator("true", program=False)
    path.write_text("no program\n")
    done = virt_spm("probe", path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"virt-spm: <emulator> '{path}' does not run")
