# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is done for a client before libvirt would let it, and what clients do at the same time stays done."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest
from daemon import Daemon
from doors import ALIAS, DEVICE, DOORS, NAME
from lab import GIVING, Lab, small_domain, through_python
from stack import Stack
from strace import done_by, traced
from symbols import DEVICE as DEVICE_FUNCTIONS

pytestmark = pytest.mark.stacks("patched", "stock")

CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
CHANGING = [name for name, door in DOORS.items() if name not in GIVING and door.where != "client"]
STATES = sorted({DOORS[name].state for name in CHANGING})
LOSSY = "[spm]\ncontents_loss=allow\n"


@pytest.fixture(scope="module")
def lossy(stack: Stack) -> Iterator[Daemon]:
    """A daemon that saves whatever it is told to."""
    with Daemon(stack, settings=LOSSY) as daemon:
        yield daemon


@pytest.fixture
def trap(lossy: Daemon) -> Path:
    """A program that nobody is to run, where the daemon finds it."""
    path = lossy.folder / "trap"
    path.write_text(f"#!/bin/sh\nmktemp -d {lossy.folder}/sprung.XXXXXX\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("state", STATES)
def test_a_reader_gets_no_door_open(state: str, traced_target: Daemon, lossy: Daemon, stack: Stack, trap: Path,
                                    tmp_path: Path) -> None:
    # The client came by the read-only socket, and does not say of itself that it only reads.
    lab = Lab(lossy, traced_target, stack, way=lossy.ro_uri)
    functions = [name for name in CHANGING if DOORS[name].state == state and DOORS[name].where == "daemon"]
    log = tmp_path / "trace"
    try:
        lab.reach(state)
        documents = {name: lab.document(name).replace(str(stack.emulator), str(trap)) for name in functions}
        with traced(lossy, log):
            outcomes = {name: through_python(lab, name, documents[name]) for name in functions}
        assert {name: outcome.code for name, outcome in outcomes.items()} == dict.fromkeys(
            functions, libvirt.VIR_ERR_OPERATION_DENIED)
        done = done_by(lossy, log)
        assert [name for kind, name in done if kind == "program"] == []
        assert [name for _, name in done if "spm" in name or "trap" in name or "qemu-system" in name] == []
        assert [*lossy.folder.glob("sprung.*")] == []
    finally:
        lab.clean()


@pytest.mark.parametrize("function", [name for name in CHANGING if DOORS[name].where == "target"])
def test_a_reader_migrates_nothing_in(function: str, traced: Daemon, daemon: Daemon, stack: Stack) -> None:
    lab = Lab(traced, daemon, stack)
    try:
        lab.reach(DOORS[function].state)
        document = lab.document(function)
        lab.target = type("Reader", (), {"uri": daemon.ro_uri, "called": daemon.called})()
        assert through_python(lab, function, document).code == libvirt.VIR_ERR_OPERATION_DENIED
    finally:
        lab.target = daemon
        lab.clean()


def test_the_question_is_no_news(daemon: Daemon, stack: Stack) -> None:
    """Whether a connection may write is asked by an error, which the daemon's log does not show."""
    for _ in range(3):
        daemon.call("define", "/dev/stdin", stdin=small_domain(stack, None))
    daemon.call("undefine", NAME)
    assert "must not be NULL" not in (daemon.folder / "log/libvirtd.log").read_text()


def pairs(count: int) -> str:
    """A document in which each of many spm elements goes badly with each of many other devices, twice."""
    spm = "<memory model='spm'><target><size>1</size><node>0</node></target></memory>"
    dimm = "<memory model='dimm'><target><size>1</size><node>0</node></target></memory>"
    override = "<qemu:device alias='ua-x'><qemu:frontend/></qemu:device>"
    return (f"<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>pairs</name><devices>"
            f"{spm * count}{dimm * count}</devices><qemu:override>{override * count}</qemu:override></domain>")


def peak(daemon: Daemon) -> int:
    """The most memory that the daemon has had, in KiB."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


@pytest.mark.parametrize("socket,code", [("ro_uri", libvirt.VIR_ERR_OPERATION_DENIED),
                                         ("uri", libvirt.VIR_ERR_CONFIG_UNSUPPORTED)])
def test_large_documents_of_many_clients_do_not_stop_a_daemon(socket: str, code: int, stack: Stack) -> None:
    """3.7 MB, the most that libvirt's protocol takes, from twenty clients."""
    text = pairs(18000)
    assert 3_500_000 < len(text) < 4_100_000

    def define(daemon: Daemon) -> int:
        conn = libvirt.open(getattr(daemon, socket))
        try:
            conn.defineXML(text)
            return 0
        except libvirt.libvirtError as error:
            return error.get_error_code()
        finally:
            conn.close()

    with Daemon(stack) as daemon, ThreadPoolExecutor(20) as pool:
        before = peak(daemon)
        answers = [pool.submit(define, daemon) for _ in range(20)]
        assert [answer.result(timeout=120) for answer in answers] == [code] * 20
        daemon.call("list")
        # each message is there twice for as long as it is read, and the tree of one that is
        assert peak(daemon) - before < 20 * 64 * 1024


@pytest.fixture
def off(daemon: Daemon, traced_target: Daemon, stack: Stack) -> Iterator[Lab]:
    lab = Lab(daemon, traced_target, stack)
    try:
        lab.reach("off")
        yield lab
    finally:
        lab.clean()


def test_devices_undo_nothing_of_others(off: Lab) -> None:
    """One client changes devices, another one the title, which must be there each time."""
    done = threading.Event()
    refused: list[int] = []

    def change_devices() -> None:
        conn = libvirt.open(off.uri)
        domain = conn.lookupByName(NAME)
        while not done.is_set():
            for call in (lambda: domain.attachDeviceFlags(DEVICE.format(node=1, alias="ua-more"), CONFIG),
                         lambda: domain.detachDeviceAlias(ALIAS, CONFIG)):
                try:
                    call()
                except libvirt.libvirtError as error:
                    refused.append(error.get_error_code())
        conn.close()

    worker = threading.Thread(target=change_devices)
    conn = libvirt.open(off.uri)
    domain = conn.lookupByName(NAME)
    undone = 0
    worker.start()
    try:
        for number in range(1500):
            domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, f"title {number}", None, None, CONFIG)
            undone += domain.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None, CONFIG) != f"title {number}"
    finally:
        done.set()
        worker.join()
    assert undone == 0 and len(refused) > 100
    assert set(refused) == {libvirt.VIR_ERR_OPERATION_UNSUPPORTED}
    conn.close()


def test_devices_bring_no_domain_back(daemon: Daemon, stack: Stack) -> None:
    text = small_domain(stack, None)
    conn, other = libvirt.open(daemon.uri), libvirt.open(daemon.uri)
    back = 0
    with ThreadPoolExecutor(1) as pool:
        for _ in range(300):
            conn.defineXML(text)
            domain = other.lookupByName(NAME)
            change = pool.submit(lambda d: through(lambda: d.attachDeviceFlags(
                DEVICE.format(node=1, alias="ua-more"), CONFIG)), domain)
            conn.lookupByName(NAME).undefine()
            change.result()
            back += NAME in [found.name() for found in conn.listAllDomains()]
    assert back == 0
    conn.close()
    other.close()


def through(call) -> None:  # noqa: ANN001
    """Make a call that may fail."""
    try:
        call()
    except libvirt.libvirtError:
        pass


@pytest.mark.parametrize("function", DEVICE_FUNCTIONS)
def test_a_transient_domain_stays_transient(function: str, daemon: Daemon, traced_target: Daemon, stack: Stack) -> None:
    lab = Lab(daemon, traced_target, stack)
    try:
        daemon.call("create", "--paused", "/dev/stdin", stdin=small_domain(stack, None))
        alias = function.endswith("Alias")
        through_python(lab, function, ALIAS if alias else DEVICE.format(node=1, alias=ALIAS))
        conn = libvirt.open(lab.uri)
        assert conn.lookupByName(NAME).isPersistent() == 0
        conn.close()
    finally:
        lab.clean()


REDEFINED = {"saved": "virDomainSaveImageDefineXML", "managed": "virDomainManagedSaveDefineXML",
             "snapshot": "virDomainSnapshotCreateXML", "checkpoint": "virDomainCheckpointCreateXML"}
SHOWN = {"saved": "virDomainSaveImageGetXMLDesc", "managed": "virDomainManagedSaveGetXMLDesc",
         "snapshot": "virDomainSnapshotGetXMLDesc", "checkpoint": "virDomainCheckpointGetXMLDesc"}


@pytest.mark.parametrize("state", REDEFINED)
def test_what_is_saved_keeps_its_device(state: str, traced_target: Daemon, stack: Stack) -> None:
    """What is shown of it and written back unchanged has the device of the day it was made, not that of now."""
    other = {"spm-memory": "sp-mem", "sp-mem": "spm-memory"}[stack.device]
    with Daemon(stack, settings=LOSSY) as daemon:
        lab = Lab(daemon, traced_target, stack)
        try:
            lab.reach(state)
            daemon.stop()
            (daemon.folder / "etc/spm.conf").write_text(f"{LOSSY}device={other}\n")
            daemon.start()
            shown = through_python(lab, SHOWN[state], "").output
            assert "model='spm'" in shown
            outcome = through_python(lab, REDEFINED[state], shown.replace("</name>", "</name><description>d</description>", 1)
                                     if state in ("saved", "managed") else shown)
            assert outcome.error == ""
            held = lab.held({"saved": "image"}.get(state, state))
            assert f"value='{stack.device}'" in held and f"value='{other}'" not in held
        finally:
            lab.clean()


@pytest.mark.stacks("stock")
def test_a_domain_with_much_metadata_is_not_saved_either(daemon: Daemon, traced_target: Daemon, stack: Stack) -> None:
    """More than any one message has, which all the same is part of what the daemon reads."""
    lab = Lab(daemon, traced_target, stack)
    try:
        lab.reach("paused")
        conn = libvirt.open(lab.uri)
        domain = conn.lookupByName(NAME)
        for number in range(6):
            domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, f"<x>{'y' * 3_500_000}</x>", "k", f"urn:{number}",
                               libvirt.VIR_DOMAIN_AFFECT_LIVE)
        conn.close()
        for function in "virDomainSave", "virDomainManagedSave", "virDomainCoreDump":
            outcome = through_python(lab, function, "")
            assert outcome.code == libvirt.VIR_ERR_OPERATION_UNSUPPORTED and "contents" in outcome.error
        assert not (daemon.folder / "saved").exists()
    finally:
        lab.clean()
