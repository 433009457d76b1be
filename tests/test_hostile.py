# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents that no user writes: outsized, broken on the way back, half translated."""

import pytest
from documents import TRANSLATE, document

STOCK = (TRANSLATE / "spm-single.xml").read_text()


def test_outsized_document(virt_spm):
    text = document("spm-single").read_text() + " " * (16 << 20)
    done = virt_spm("validate", "-", text=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"-: the document has {len(text)} bytes; at most 16777216 are read\n"


def test_as_many_devices_as_qemu_has_slots(virt_spm):
    one = "<memory model='spm'><target><size>2048</size><node>1</node></target></memory>"
    text = document("spm-single").read_text().replace(" slots='8'", "")
    text = text.replace("  </devices>", one * 255 + "</devices>")
    done = virt_spm("translate", "-", text=text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("value='spm-memory'") == 256


def test_malformed_stock_document(virt_spm):
    damaged = STOCK.replace("</devices>", "")
    line = 1 + damaged[:damaged.index("</domain>")].count("\n")
    done = virt_spm("translate", "--reverse", "-", text=damaged)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"-: line {line}: the document is not well-formed XML: ")


def test_document_with_a_nul_byte(virt_spm):
    done = virt_spm("validate", "-", text=document("spm-single").read_text().replace("qemu", "qe\0mu", 1))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("-:1: the document is not well-formed XML: ")


@pytest.mark.parametrize("old,new", [
    (" slots='9'", ""),
    (" slots='9'", " slots='many'"),
    ("<qemu:property name='slot' type='remove'/>", ""),
    ("<address type='dimm' slot='8'/>", ""),
])
def test_half_a_carrier_is_still_shown_as_spm(old, new, virt_spm):
    assert old in STOCK
    done = virt_spm("translate", "--reverse", "-", text=STOCK.replace(old, new))
    assert done.returncode == 0, done.stderr
    assert "<memory model='spm'>" in done.stdout and "qemu:" not in done.stdout


@pytest.mark.parametrize("old,new", [
    ("ua-spm0'>", "ua-spm1'>"),
    ("value='spm-memory'", "value='pc-dimm'"),
    ("name='driver'", "name='model'"),
    ("<node>1</node>", ""),
])
def test_what_is_no_carrier_stays_as_it_is(old, new, virt_spm):
    text = STOCK.replace(old, new)
    assert text != STOCK
    assert virt_spm("translate", "--reverse", "-", text=text).stdout == text
