# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people manage domains with, as Debian has it, shows SPM and keeps it when it changes something else. The daemon has
the plugin, and the tools do not know of SPM. The recipes of docs/managers.rst are run."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from documents import literal_blocks
from domains import Defined
from lxml import etree
from stack import ROOT, Stack, given

HERE = Path(__file__).parent
MANUAL = (ROOT / "docs/managers.rst").read_text()
PICTURE = ROOT / "build/virt-manager.png"
Run = Callable[..., subprocess.CompletedProcess[str]]
SPM = [("32768", "1")]  # of domains/small.xml, as (KiB, cell)

# A session with a display and a bus of its own, for the command that follows.
SESSION = """\
set -e
Xvfb -displayfd 3 -screen 0 1280x900x24 3>"$HOME/display" &
trap "kill $!" EXIT
while [ ! -s "$HOME/display" ]; do sleep 0.1; done
DISPLAY=":$(cat "$HOME/display")" dbus-run-session -- "$@"
"""


def spms(xml: str) -> list[tuple[str, str]]:
    """The SPM of a domain, as (KiB, cell). There is no other memory device."""
    devices = etree.fromstring(xml).findall("devices/memory")
    assert [device.get("model") for device in devices] == ["spm"] * len(devices)
    assert "qemu:override" not in xml
    return [(device.findtext("target/size"), device.findtext("target/node")) for device in devices]


@pytest.fixture(scope="module")
def daemon(managers: Stack) -> Iterator[Daemon]:
    with Daemon(managers) as daemon:
        yield daemon


@pytest.fixture
def domain(daemon: Daemon, managers: Stack) -> Iterator[Defined]:
    """A domain with SPM, which is not running."""
    domain = Defined(daemon, managers, "small")
    yield domain
    domain.undefine()


@pytest.fixture
def tool(daemon: Daemon, manager_run: Run, tmp_path: Path) -> Callable[..., str]:
    """Run a tool that must not fail; its output. It has a home of its own, and @uri stands for the daemon's."""
    def run(*command: str | Path, **environment: str) -> str:
        words = [daemon.uri if word == "@uri" else word for word in command]
        done = manager_run(*words, HOME=str(tmp_path), XDG_RUNTIME_DIR=str(tmp_path), **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    return run


def recipe(beginning: str) -> str:
    """The block of the manual that begins so."""
    return next(block for block in literal_blocks(MANUAL) if block.startswith(beginning)).replace("\\\n", " ")


@pytest.mark.parametrize("change", [
    ["--edit", "--metadata", "title=changed"], ["--add-device", "--rng", "/dev/urandom"], ["--edit", "--events", "on_crash=preserve"],
    ["--edit", "--boot", "bootmenu.enable=yes"]])
def test_virt_xml_keeps_it(domain: Defined, tool: Callable[..., str], change: list[str]) -> None:
    before = domain.xml("--inactive")
    tool("virt-xml", "--connect", "@uri", domain.name, *change)
    after = domain.xml("--inactive")
    assert after != before
    assert spms(after) == SPM and "<cell id='1' memory='0' unit='KiB'/>" in after


def test_virt_clone_keeps_it(daemon: Daemon, domain: Defined, tool: Callable[..., str]) -> None:
    tool("virt-clone", "--connect", "@uri", "--original", domain.name, "--name", "clone", "--auto-clone")
    copy = daemon.call("dumpxml", "clone")
    daemon.call("undefine", "clone")
    assert spms(copy) == SPM


def test_virsh_edit_keeps_it_and_adds_it(daemon: Daemon, domain: Defined, tmp_path: Path) -> None:
    """The editor is a script, and virsh is the host's."""
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's,32768,65536,; s,</name>,&<title>edited</title>,' \"$1\"\n")
    editor.chmod(0o755)
    done = subprocess.run(["virsh", "--connect", daemon.uri, "edit", domain.name], capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/bin:/bin", "EDITOR": str(editor), "HOME": str(tmp_path)}, timeout=120)
    assert done.returncode == 0, done.stderr
    after = domain.xml()
    assert "<title>edited</title>" in after and spms(after) == [("65536", "1")]


@pytest.fixture
def shown(daemon: Daemon, domain: Defined, tool: Callable[..., str], tmp_path: Path) -> str:
    """The XML that virt-manager's editor showed, after changes in the editor and in the form."""
    settings = tmp_path / ".config/glib-2.0/settings/keyfile"
    settings.parent.mkdir(parents=True)
    settings.write_text("[org/virt-manager/virt-manager]\nxmleditor-enabled=true\n")
    shutil.copy(HERE / "window.py", tmp_path)
    picture = tmp_path / "picture.png"
    output = tool("sh", "-c", SESSION, "sh", "/usr/bin/python3", tmp_path / "window.py", "@uri", domain.name, picture,
                  GSETTINGS_BACKEND="keyfile")
    shutil.copy(picture, PICTURE)
    return output[output.index("<domain"):]


def test_virt_manager_shows_it_and_keeps_it(domain: Defined, shown: str) -> None:
    assert spms(shown) == SPM
    after = domain.xml()
    assert "<title>by the editor</title>" in shown and "<title>by the form</title>" in after
    assert spms(after) == SPM


def test_the_way_of_cockpit_machines_keeps_it(daemon: Daemon, domain: Defined, managers: Stack, tool: Callable[..., str],
                                              tmp_path: Path) -> None:
    """It edits a domain through libvirt-dbus, which opens qemu:///system; or by virt-xml, as above."""
    assert managers.root
    socket = managers.root / "run/libvirt/libvirt-sock"
    socket.symlink_to(daemon.folder / "run/libvirt-sock")
    shutil.copy(HERE / "bus.py", tmp_path)
    try:
        output = tool("dbus-run-session", "--", "/usr/bin/python3", tmp_path / "bus.py", domain.name, "through the bus")
    finally:
        socket.unlink()
    assert spms(output) == SPM
    assert "<title>through the bus</title>" in domain.xml() and spms(domain.xml()) == SPM


@pytest.fixture
def made(daemon: Daemon) -> Iterator[str]:
    """The name of the domain that a recipe makes."""
    yield "hbm"
    daemon.virsh("undefine", "hbm", "--nvram")


GIB_SPM = [(str(16 << 20), "1")]

# What a manager writes that knows neither SPM nor NUMA.
PLAIN = """<domain type='qemu'>
  <name>hbm</name>
  <memory unit='KiB'>8388608</memory>
  <vcpu>4</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <devices>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def define(daemon: Daemon, tmp_path: Path, xml: str) -> str:
    """Define the domain; how it is shown."""
    (tmp_path / "domain.xml").write_text(xml)
    daemon.call("define", str(tmp_path / "domain.xml"))
    return daemon.call("dumpxml", "hbm")


def test_the_recipe_of_virt_install(daemon: Daemon, made: str, tool: Callable[..., str]) -> None:
    program, *words = shlex.split(recipe("virt-install "))
    xml = tool(program, "--connect", "@uri", "--virt-type", "qemu", "--print-xml", *words)
    daemon.call("define", "/dev/stdin", stdin=xml)
    assert spms(daemon.call("dumpxml", made)) == GIB_SPM


def test_the_recipe_of_virt_xml(daemon: Daemon, made: str, tool: Callable[..., str], tmp_path: Path) -> None:
    cells = "<cpu><numa><cell id='0' cpus='0-3' memory='8388608'/><cell id='1' memory='0'/></numa></cpu>"
    define(daemon, tmp_path, PLAIN.replace("<devices>", f"<maxMemory slots='1' unit='GiB'>24</maxMemory>{cells}<devices>"))
    program, *words = shlex.split(recipe("virt-xml "))
    tool(program, "--connect", "@uri", *words)
    assert spms(daemon.call("dumpxml", made)) == GIB_SPM


def test_the_recipe_of_virsh(daemon: Daemon, made: str, tmp_path: Path) -> None:
    assert spms(define(daemon, tmp_path, PLAIN)) == []
    commands = recipe("virsh metadata ").replace("virsh ", f"virsh --connect '{daemon.uri}' ")
    subprocess.run(["sh", "-euc", commands], check=True, stdout=subprocess.DEVNULL, timeout=120)
    assert spms(daemon.call("dumpxml", made)) == GIB_SPM


@pytest.mark.parametrize("asks", ["element", "request"])
def test_the_recipe_of_ansible(daemon: Daemon, made: str, managers: Stack, tool: Callable[..., str], tmp_path: Path,
                               asks: str) -> None:
    """A play that runs again changes nothing."""
    assert managers.root
    modules = managers.root / "opt/spm/ansible"
    if not modules.exists():
        shutil.copytree(given("SPM_ANSIBLE"), modules)
    xml = stylesheet(PLAIN)
    (tmp_path / "domain.xml").write_text(xml if asks == "request" else define(daemon, tmp_path, xml))
    (tmp_path / "play.yml").write_text(recipe("- hosts: "))
    for changes in 1, 0:
        output = tool("ansible-playbook", "--inventory", "localhost,", "--connection", "local", "--extra-vars",
                      f"uri={daemon.uri} ansible_python_interpreter=/usr/bin/python3", tmp_path / "play.yml",
                      ANSIBLE_COLLECTIONS_PATH="/opt/spm/ansible")
        assert spms(daemon.call("dumpxml", made)) == GIB_SPM
        assert changes or "changed=0" in output
        assert re.search(r"failed=0", output)


def stylesheet(xml: str) -> str:
    """What the recipe for Terraform makes of a domain."""
    transform = etree.XSLT(etree.fromstring(recipe("<xsl:stylesheet ")))
    return str(transform(etree.fromstring(xml)))


def test_the_stylesheet_of_terraform(daemon: Daemon, made: str, tmp_path: Path) -> None:
    assert spms(define(daemon, tmp_path, stylesheet(PLAIN))) == GIB_SPM


def test_the_recipe_of_cloudstack(daemon: Daemon, made: str, tmp_path: Path) -> None:
    """It writes what extraconfig has behind its own elements, and devices of extraconfig into an element of their own."""
    (extra,) = re.findall(r'extraconfig="(.*)"', recipe("update virtualmachine "))
    devices = "<devices><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>"
    shown = define(daemon, tmp_path, PLAIN.replace("</domain>", f"{extra}{devices}</domain>"))
    assert spms(shown) == GIB_SPM
    assert "<rng model='virtio'>" in shown and "<memballoon model='none'/>" in shown


def raw(extra: str) -> str:
    """A domain of OpenNebula: RAW comes after the other elements, and its own metadata after RAW."""
    own = "<metadata><one:vm xmlns:one='http://opennebula.org/xmlns/libvirt/1.0'><one:name>hbm</one:name></one:vm></metadata>"
    return PLAIN.replace("</domain>", f"{extra}{own}</domain>")


def test_the_recipe_of_opennebula(daemon: Daemon, made: str, tmp_path: Path) -> None:
    (extra,) = re.findall(r'DATA = "(.*)"', recipe("RAW = "), re.DOTALL)
    shown = define(daemon, tmp_path, raw(extra))
    assert spms(shown) == GIB_SPM
    assert "<one:name>hbm</one:name>" in shown


def test_a_request_costs_opennebula_its_metadata(daemon: Daemon, made: str, tmp_path: Path) -> None:
    """Why the recipe is another one."""
    (request,) = re.findall(r"<metadata>.*</metadata>", stylesheet(PLAIN), re.DOTALL)
    shown = define(daemon, tmp_path, raw(request))
    assert spms(shown) == GIB_SPM
    assert "<one:name>" not in shown
