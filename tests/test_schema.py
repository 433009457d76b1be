# SPDX-License-Identifier: LGPL-2.1-or-later
"""schemas/spm.rng on top of libvirt's own schema, the installed one's and the newest one's, and its verdict
beside the parser's."""

import os
import pathlib

import pytest
from programs import ROOT
from documents import EXPAND, GOOD, NEW_LIBVIRT, OLD_LIBVIRT, REFUSED, document, names

REQUIRED = os.environ.get("CI") or os.environ.get("SPM_REQUIRE")
if REQUIRED:
    from lxml import etree
else:
    etree = pytest.importorskip("lxml.etree", reason="python3-lxml is not installed")

INSTALLED = "/usr/share/libvirt/schemas"
NEWEST = os.environ.get("SPM_NEW_SCHEMAS")


@pytest.fixture(scope="module", params=["installed", "newest"])
def schemas(request, tmp_path_factory):
    """Check a document with libvirt's schemas and ours among them, as an installation has them."""
    if request.param == "newest" and not NEWEST:
        if REQUIRED:
            pytest.fail("SPM_NEW_SCHEMAS does not say where the newest libvirt's schemas are")
        pytest.skip("SPM_NEW_SCHEMAS does not say where the newest libvirt's schemas are; scripts/check does")
    origin = pathlib.Path(INSTALLED if request.param == "installed" else NEWEST)
    folder = tmp_path_factory.mktemp("schemas")
    files = list(origin.glob("*.rng"))
    if not files and not REQUIRED:
        pytest.skip(f"{origin} has no schema: libvirt's client package is not installed")
    assert files, f"{origin} has no schema: libvirt's client package is not installed"
    for file in [*files, ROOT / "schemas" / "spm.rng"]:
        (folder / file.name).symlink_to(file)
    loaded = {name: etree.RelaxNG(file=str(folder / name)) for name in ["domain.rng", "spm.rng"]}

    def accepts(schema, text):
        """The verdict, and the reasons for a bad one."""
        try:
            good = loaded[schema].validate(etree.fromstring(text.encode()))
        except etree.XMLSyntaxError as error:
            return False, str(error)
        return good, str(loaded[schema].error_log)

    return accepts


@pytest.mark.parametrize("name", GOOD)
def test_good_documents_validate(name, schemas):
    accepted, reasons = schemas("spm.rng", document(name).read_text())
    assert accepted, reasons


@pytest.mark.parametrize("name", GOOD)
def test_libvirts_own_schema_does_not_know_spm(name, schemas):
    assert not schemas("domain.rng", document(name).read_text())[0]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("version", [OLD_LIBVIRT, NEW_LIBVIRT])
def test_translated_documents_are_stock(name, version, virt_spm, schemas):
    stock = virt_spm("translate", "--libvirt-version", version, document(name))
    assert stock.returncode == 0 or version == OLD_LIBVIRT
    if stock.returncode == 0:
        accepted, reasons = schemas("domain.rng", stock.stdout)
        assert accepted, reasons


@pytest.mark.parametrize("name", REFUSED)
def test_refused_documents(name, schemas):
    accepted, _ = schemas("spm.rng", document(name).read_text())
    assert name.endswith("-invalid") == (not accepted)
    assert name.endswith(("-invalid", "-unsupported"))


# Where a request has these, it breaks its grammar.
BREACHES = ("attribute-", "child-", "size-zero", "size-missing", "size-not-a-number", "size-unit", "cell-not-a-number")
WITH_REQUESTS = [name for name in names(".xml", EXPAND)
                 if "spm:requests" in (EXPAND / f"{name}.xml").read_text()]


@pytest.mark.parametrize("name", WITH_REQUESTS)
def test_requests(name, schemas):
    """The schema refuses what breaks the grammar, and libvirt's own schema takes the domain whatever it requests."""
    text = (EXPAND / f"{name}.xml").read_text()
    requests = etree.fromstring(text).find("metadata/{urn:libvirt-spm:request:1.0}requests")
    schema = etree.RelaxNG(file=str(ROOT / "schemas" / "spm-request.rng"))
    assert schema.validate(etree.fromstring(etree.tostring(requests))) == (not name.startswith(BREACHES)), schema.error_log
    if name.endswith(".out"):
        accepted, reasons = schemas("spm.rng", text)
        assert accepted, reasons
