# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that may write to libvirtd's socket, and whom its access driver, polkit, then lets do little."""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import doors
import libvirt
import pytest
from daemon import Daemon
from doors import ALIAS, DOORS, NAME
from lab import GIVING, Lab, Outcome, assert_shown, assert_stock, small_domain, titled
from polkit import LIBVIRTD_CONF, Polkit
from session import Session, home
from stack import Stack
from strace import done_by, general, traced
from symbols import DEVICE as DEVICE_FUNCTIONS

# What is imported for pytest to find it here.
__all__ = ["home"]

pytestmark = pytest.mark.stacks("patched", "stock")

LOSSY = "[spm]\ncontents_loss=allow\n"

# Users whom every Debian has, and libvirt's permissions for them.
READER, WRITER, OWNER = "nobody", "daemon", "bin"
READS = ["connect.getattr", "connect.search-domains", "connect.read", "domain.getattr", "domain.read"]
ALLOWED = {READER: READS, WRITER: [*READS, "connect.write"], OWNER: ["*"]}

FUNCTIONS = [name for name in DOORS if name not in GIVING and DOORS[name].where != "client"]
STATES = sorted({DOORS[name].state for name in FUNCTIONS})

# What looks at the emulator of a document for its device; the others take that which the domain has already.
ASKING = {"virDomainDefineXML", "virDomainDefineXMLFlags", "virDomainCreateXML", "virDomainCreateXMLWithFiles",
          "virConnectDomainXMLToNative", "virDomainMigratePrepare3", "virDomainMigratePrepare3Params"}
ROOT = 0


@pytest.fixture(scope="module")
def polkit() -> Iterator[Polkit]:
    with Polkit(ALLOWED) as polkit:
        yield polkit


@contextmanager
def asking(polkit: Polkit, stack: Stack, plugin: bool) -> Iterator[Daemon]:
    """A libvirtd whose socket is open to all, and which asks polkit about each call."""
    daemon = Daemon(stack, plugin=plugin, settings=LOSSY, environment=polkit.environment)
    conf = daemon.folder / "etc/libvirtd.conf"
    conf.write_text(conf.read_text() + LIBVIRTD_CONF)
    shutil.copy(doors.__file__, daemon.folder)
    (daemon.folder / "sprung").mkdir()
    (daemon.folder / "sprung").chmod(0o1777)
    with daemon:
        yield daemon


@pytest.fixture(scope="module")
def limiting(polkit: Polkit, stack: Stack) -> Iterator[Daemon]:
    with asking(polkit, stack, plugin=True) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def plain_limiting(polkit: Polkit, stack: Stack) -> Iterator[Daemon]:
    with asking(polkit, stack, plugin=False) as daemon:
        yield daemon


def trap(daemon: Daemon, stack: Stack, name: str) -> Path:
    """An emulator that nobody has asked yet, and which notes as whom it is run."""
    path = daemon.folder / f"trap-{name}"
    path.write_text(f'#!/bin/sh\nmktemp {daemon.folder}/sprung/$(id -u).XXXXXX >/dev/null\nexec {stack.emulator} "$@"\n')
    path.chmod(0o755)
    return path


def sprung(daemon: Daemon) -> list[int]:
    """As whom traps were run since the last time."""
    files = sorted((daemon.folder / "sprung").iterdir())
    for file in files:
        file.unlink()
    return [int(file.name.split(".")[0]) for file in files]


def programs(daemon: Daemon, log: Path) -> set[str]:
    """What was started, but for what libvirtd's own look at the host's devices starts when it pleases."""
    return {name for kind, name in done_by(daemon, log) if kind == "program"} - {"/usr/bin/mdevctl"}


def call_as(user: str, daemon: Daemon, function: str, document: str, uri: str = "") -> Outcome:
    """Call a function as another user, who is not root: polkit lets root do all."""
    found = pwd.getpwnam(user)
    target = "" if DOORS[function].where == "target" else daemon.uri
    done = subprocess.run(
        ["setpriv", f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups", "/usr/bin/python3", "-B",
         str(daemon.folder / "doors.py"), function, uri or daemon.uri, str(daemon.folder), target],
        input=document, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "HOME": "/"})
    if done.returncode == 0:
        return Outcome(done.stdout)
    domain, code, message = done.stderr.splitlines()[-1].split(" ", 2)
    return Outcome("", message, int(domain), int(code))


def refusals(function: str, plugin: bool = True) -> set[int]:
    """libvirt's own, of what it does not let the user do; and what is said of a device that nobody can have changed,
    for which nothing of the domain is read."""
    if plugin and function in DEVICE_FUNCTIONS:
        return {libvirt.VIR_ERR_OPERATION_UNSUPPORTED}
    return {libvirt.VIR_ERR_ACCESS_DENIED} | ({libvirt.VIR_ERR_NO_SUPPORT} if "WithFiles" in function else set())


@pytest.mark.parametrize("state", STATES)
def test_who_may_only_read_has_no_program_run(
        state: str, limiting: Daemon, daemon: Daemon, stack: Stack, tmp_path: Path) -> None:
    """libvirt itself runs the emulator of a stock document that such a client defines: it reads the document first."""
    lab = Lab(limiting, daemon, stack)
    functions = [name for name in FUNCTIONS if DOORS[name].state == state]
    log = tmp_path / "trace"
    try:
        lab.reach(state)
        documents = {name: lab.document(name).replace(str(stack.emulator), str(trap(limiting, stack, name)))
                     for name in functions}
        sprung(limiting)
        with traced(limiting, log):
            outcomes = {name: call_as(READER, limiting, name, documents[name]) for name in functions}
        for name, outcome in outcomes.items():
            assert outcome.code in refusals(name), f"{name}: {outcome.error}"
        assert programs(limiting, log) == set()
        assert sprung(limiting) == []
    finally:
        lab.clean()


# libvirt 12.8 refuses to open such a connection
@pytest.mark.stacks("patched")
def test_who_brings_his_own_daemon_has_no_program_run(limiting: Daemon, stack: Stack, home: Path,
                                                      tmp_path: Path) -> None:
    """libvirtd passes calls on to any daemon that a client names, and asks polkit nothing about them. The emulator is
    run by the client's own daemon, if at all."""
    log = tmp_path / "trace"
    with Session(stack, home, plugin=False) as session:
        name = session.uri.replace("qemu:", "qemu+unix:")
        uri = limiting.uri.replace("qemu:", "qemu+unix:") + f"&name={quote(name, safe='')}"
        document = small_domain(stack, None).replace(str(stack.emulator), str(trap(limiting, stack, "passed")))
        stock = re.sub("model=.spm.", "model='dimm'", document)
        with traced(limiting, log):
            refused = call_as(READER, limiting, "virDomainDefineXML", document, uri)
            assert call_as(READER, limiting, "virDomainDefineXML", stock, uri).error == ""
        assert refused.code == libvirt.VIR_ERR_XML_ERROR and "'spm'" in refused.error
        session.virsh("undefine", NAME)
        assert programs(limiting, log) == set()
        sprung(limiting)


@dataclass
class StockLab(Lab):
    """Where the daemon has no plugin: the domain is what the plugin made of it for another daemon."""

    like: Daemon | None = None

    def domain(self, state: str) -> str:
        spm = super().domain(state)
        if not self.like or state == "absent":
            return re.sub("model=.spm.", "model='dimm'", spm)
        return self.like.stored_xml(NAME).replace(str(self.like.folder), str(self.source.folder))

    def document(self, function: str) -> str:
        return super().document(function).replace("model='spm'", "model='dimm'")


def ran(lab: Lab, state: str, log: Path) -> dict[str, list[int]]:
    """As whom the emulator of a document is run for each function that is called by somebody who may write to the
    connection and to no domain."""
    daemon, runs = lab.source, {}
    for name in FUNCTIONS:
        if DOORS[name].state != state:
            continue
        path = trap(daemon, lab.stack, name)
        document = lab.document(name).replace(str(lab.stack.emulator), str(path))
        sprung(daemon)
        with traced(daemon, log):
            outcome = call_as(WRITER, daemon, name, document)
        if name != "virConnectDomainXMLToNative":  # for which this is enough
            # the trap is a script, of which the plugin cannot tell the device
            asked = {libvirt.VIR_ERR_CONFIG_UNSUPPORTED} if daemon.plugin and name in ASKING else set()
            assert outcome.code in refusals(name, daemon.plugin) | asked, f"{name}: {outcome.error}"
        runs[name] = sprung(daemon)
        assert programs(daemon, log) <= {general(str(path), daemon)}
    return runs


@pytest.mark.parametrize("state", STATES)
def test_who_may_write_no_domain_has_run_what_libvirt_runs(
        state: str, limiting: Daemon, plain_limiting: Daemon, daemon: Daemon, stack: Stack, tmp_path: Path) -> None:
    """Whoever may write to the connection may ask libvirt what any emulator can do, and have it translate any domain
    to a command line; libvirt runs the emulator for that, as its own user. The plugin asks the same for a domain that
    is not there yet, and runs nothing itself. libvirt 11.3 runs it as well before it refuses to define a stock document;
    newer ones refuse first (CVE-2025-12748)."""
    lab, plain = Lab(limiting, daemon, stack), StockLab(plain_limiting, daemon, stack, like=limiting)
    try:
        lab.reach(state)
        plain.reach(state)
        stock = ran(plain, state, tmp_path / "plain")
        for name, users in ran(lab, state, tmp_path / "plugin").items():
            assert users == ([ROOT] if name in ASKING else stock[name]), name
        if state == "absent":
            assert stock["virConnectDomainXMLToNative"] == [ROOT]
    finally:
        plain.clean()
        lab.clean()


def test_who_may_do_all_has_spm(limiting: Daemon, stack: Stack) -> None:
    document = titled(small_domain(stack, None))
    lab = Lab(limiting, limiting, stack)
    try:
        assert call_as(OWNER, limiting, "virDomainDefineXML", document).error == ""
        assert_stock(lab.held("stored"), stack, "virDomainDefineXML")
        assert_shown(call_as(READER, limiting, "virDomainGetXMLDesc", "").output)
        refused = call_as(OWNER, limiting, "virDomainDetachDeviceAlias", ALIAS)
        assert refused.code == libvirt.VIR_ERR_OPERATION_UNSUPPORTED
        limiting.call("start", "--paused", NAME)
        assert call_as(OWNER, limiting, "virDomainSave", "").error == ""
        assert_shown(call_as(OWNER, limiting, "virDomainSaveImageGetXMLDesc", "").output)
    finally:
        lab.clean()
