# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of the manuals do what they are there for, as they stand there."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import Daemon
from documents import literal_blocks
from domains import memory_devices, read_domain
from programs import BUILD, ROOT
from stack import Stack

# What the recipe leaves to the reader: a domain for the emulator at hand, which is only defined.
INSTALL = ("virt-install --print-xml --name guest --virt-type qemu --arch x86_64 --machine q35 --boot emulator={} "
           "--osinfo generic --import --disk none --network none --graphics none --vcpus 1")


def commands(page: str, word: str) -> list[str]:
    """The commands of a page's only example with that word, each with the lines on which it goes on."""
    (block,) = [block for block in literal_blocks((ROOT / page).read_text()) if word in block]
    return [line.strip() for line in re.split(r"(?<!\\)\n", block) if line.strip()]


@pytest.fixture
def shell(daemon: Daemon, tmp_path: Path):
    """Run a command as an operator would, whose editor makes 32 MiB of memory 64."""
    editor = "sed -i s/>32768</>65536</;s/>98304</>131072</"
    environment = {**os.environ, "LIBVIRT_DEFAULT_URI": daemon.uri, "EDITOR": editor, "HOME": str(tmp_path),
                   "PATH": f"{BUILD / 'src'}:{os.environ['PATH']}"}

    def run(command: str) -> str:
        done = subprocess.run(["sh", "-euc", command], cwd=tmp_path, env=environment, capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout
    return run


@pytest.fixture
def guest(daemon: Daemon, stack: Stack) -> Iterator[str]:
    """A domain "guest" with an SPM of 32 MiB."""
    text = read_domain("small").replace("<name>small<", "<name>guest<").replace(
        "<devices>", f"<devices>\n<emulator>{stack.emulator}</emulator>")
    daemon.call("define", "/dev/stdin", stdin=text)
    yield "guest"
    daemon.call("undefine", "guest")


def spm_of(daemon: Daemon) -> list[tuple[str | None, str | None]]:
    return [(device.findtext("target/size"), device.findtext("target/node"))
            for device in memory_devices(daemon.call("dumpxml", "guest")) if device.get("model") == "spm"]


@pytest.mark.usefixtures("guest")
def test_virt_spm(shell, daemon: Daemon) -> None:
    edit, define, of_host, argv = commands("docs/man/virt-spm.rst", "$EDITOR")
    assert "virt-spm host" in of_host  # tests/test_host.py runs it
    assert shell(edit) == "" and spm_of(daemon) == [("32768", "1")]
    assert shell(define).startswith("Domain 'guest' defined") and spm_of(daemon) == [("65536", "1")]
    native = daemon.call("domxml-to-native", "qemu-argv", "--domain", "guest")
    lines = shell(argv).replace(" \\\n", "\n").splitlines()
    assert len(lines) == 2 and all(line in native for line in lines)


def test_virt_install_and_virt_xml(shell, daemon: Daemon, stack: Stack) -> None:
    install, add, edit, remove = commands("docs/formatdomain-spm.rst", "virt-install")
    assert install.startswith("virt-install ... ")
    xml = shell(install.replace("virt-install ...", INSTALL.format(stack.emulator)))
    daemon.call("define", "/dev/stdin", stdin=xml)
    assert spm_of(daemon) == [("262144", "1")]
    shell(add)
    assert spm_of(daemon) == [("262144", "1")] * 2
    shell(edit)
    assert spm_of(daemon) == [("524288", "1"), ("262144", "1")]
    shell(remove)
    assert spm_of(daemon) == [("262144", "1")]
    daemon.call("undefine", "guest")
