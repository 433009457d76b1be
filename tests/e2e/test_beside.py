# SPDX-License-Identifier: LGPL-2.1-or-later
"""What clients do beside a define is as with a DIMM in SPM's place: events arrive, metadata stays, and many may come at
once."""

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest
from daemon import Daemon
from doors import NAME
from lab import small_domain
from stack import Stack

pytestmark = pytest.mark.stacks("patched", "stock")

CLIENTS = 64

# A client that defines the domain of its standard input, changes its metadata, defines what is shown, and undefines it;
# and another connection that is told of it. Prints the events, and the metadata that was there after the second define.
WATCHED = """
import json, sys, libvirt
libvirt.virEventRegisterDefaultImpl()
watching, conn = libvirt.open(sys.argv[1]), libvirt.open(sys.argv[1])
events, config = [], libvirt.VIR_DOMAIN_AFFECT_CONFIG
for kind in libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE:
    watching.domainEventRegisterAny(None, kind, lambda conn, domain, first, second, kind: events.append(
        [kind, domain.name(), first, second]), kind)
domain = conn.defineXML(sys.stdin.read())
domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, "<x>first</x>", "k", "urn:k", config)
domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, "of mine", None, None, config)
domain = conn.defineXML(domain.XMLDesc().replace("first", "second"))
kept = [domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, "urn:k", config),
        domain.metadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, None, config)]
domain.undefine()
late = []
libvirt.virEventAddTimeout(30000, lambda timer, opaque: late.append(timer), None)
gone = [libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, domain.name(), libvirt.VIR_DOMAIN_EVENT_UNDEFINED]
while not late and not (events and events[-1][:3] == gone):
    libvirt.virEventRunDefaultImpl()
print(json.dumps([events, kept]))
"""


def watched(daemon: Daemon, text: str) -> list[list[object]]:
    done = subprocess.run([sys.executable, "-B", "-c", WATCHED, daemon.uri], input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_events_and_metadata(daemon: Daemon, plain_daemon: Daemon, stack: Stack) -> None:
    text = small_domain(stack, None)
    assert 'model="spm"' in text
    events, kept = watched(daemon, text)
    assert [events, kept] == watched(plain_daemon, text.replace('model="spm"', 'model="dimm"'))
    assert len(events) == 5 and kept == ["<x>second</x>", "of mine"]


def test_many_clients_at_once(stack: Stack) -> None:
    """Of an emulator that nobody has looked at."""
    text = small_domain(stack, None)
    old = text[text.index("<uuid>") + 6:text.index("</uuid>")]

    def define(number: int) -> str:
        conn = libvirt.open(daemon.uri)
        try:
            name = f"client{number}"
            conn.defineXML(text.replace(f"<name>{NAME}<", f"<name>{name}<").replace(old, str(uuid.uuid4())))
            return name
        finally:
            conn.close()

    with Daemon(stack) as daemon, ThreadPoolExecutor(CLIENTS) as pool:
        names = list(pool.map(define, range(CLIENTS)))
        for name in names:
            assert daemon.stored_xml(name).count(f"value='{stack.device}'") == 1
        assert len(list((daemon.folder / "cache/spm").iterdir())) == 1
