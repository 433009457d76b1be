# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each call of libvirt parses and formats a document once: preload/count.c says what the plugin does."""

import collections
import hashlib
import re

import pytest

from documents import TRANSLATE, document
from programs import BUILD
from symbols import GIVES_XML, TAKES_XML

COUNTING = BUILD / "tests" / "counting-spm.so"
SPM = document("spm-single").read_text()
STOCK = (TRANSLATE / "spm-single.old.xml").read_text()
SNAPSHOT = "<domainsnapshot><name>now</name><memory snapshot='internal'/>{}</domainsnapshot>\n"


def counted(done):
    """How often each text was parsed, and each was formatted."""
    work = re.findall(r"^(parse|format) (\w+)$", done.stderr, re.M)
    return (collections.Counter(sum_ for what, sum_ in work if what == "parse"),
            collections.Counter(sum_ for what, sum_ in work if what == "format"))


def checksum(text):
    return hashlib.md5(text.encode()).hexdigest()


@pytest.fixture
def count(call, tmp_path):
    """Calls a function for a domain that libvirt has, active and with SPM of a device that loses contents."""
    stored = tmp_path / "stored.xml"
    stored.write_text(STOCK.replace("<domain ", "<domain id='1' "))

    def counter(function, xml):
        return counted(call(function, xml, domain=[stored], plugin=COUNTING, program="libvirtd"))
    counter.stored = checksum(stored.read_text())
    return counter


@pytest.mark.parametrize("function", TAKES_XML)
def test_a_document_that_comes_in(function, count):
    documents = 3 if re.search("Params|Migrate3|URI3", function) else 1  # the same one as each of its parameters
    parsed, formatted = count(function, SPM)
    assert parsed.pop(checksum(SPM)) == documents
    assert formatted == {checksum(STOCK): documents}
    assert parsed.pop(count.stored, 0) <= 1
    assert max(parsed.values(), default=1) == 1


@pytest.mark.parametrize("function", GIVES_XML)
def test_a_document_that_goes_out(function, count):
    parsed, formatted = count(function, STOCK)
    assert parsed == {checksum(STOCK): 1}
    assert list(formatted.values()) == [1]


@pytest.mark.parametrize("function", ["virDomainSnapshotCreateXML", "virDomainCheckpointCreateXML"])
def test_a_snapshot(function, count):
    text = SNAPSHOT.format(re.sub(r"^<\?.*", "", SPM))
    parsed, formatted = count(function, text)
    assert parsed[checksum(text)] == 1 and max(parsed.values()) == 1
    assert list(formatted.values()) == [1]


@pytest.mark.parametrize("function", TAKES_XML)
def test_a_document_without_spm_is_not_parsed(function, count):
    parsed, formatted = count(function, "<domain type='qemu'><name>plain</name></domain>")
    assert checksum("<domain type='qemu'><name>plain</name></domain>") not in parsed and not formatted


def test_a_start(call, tmp_path):
    """A domain whose emulator has the other device is read, defined anew and started."""
    stored = tmp_path / "stored.xml"
    stored.write_text(STOCK.replace("'spm-memory'", "'sp-mem'"))
    done = call("virDomainCreate", SPM, domain=[stored], plugin=COUNTING, program="libvirtd")
    parsed, formatted = counted(done)
    assert "virDomainDefineXML" in done.stdout
    assert list(formatted.values()) == [1]
    assert sum(parsed.values()) == 2  # without and with what only the host's administrator may see
