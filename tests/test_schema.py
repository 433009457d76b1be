# SPDX-License-Identifier: LGPL-2.1-or-later
"""schemas/spm.rng on top of the installed libvirt's own schema, and its verdict beside the parser's."""

import pathlib

import pytest
from programs import ROOT, run
from documents import GOOD, NEW_LIBVIRT, OLD_LIBVIRT, REFUSED, document

LIBVIRT_SCHEMAS = pathlib.Path("/usr/share/libvirt/schemas")


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    """libvirt's schemas with ours among them, as an installation has them."""
    folder = tmp_path_factory.mktemp("schemas")
    files = list(LIBVIRT_SCHEMAS.glob("*.rng"))
    assert files, f"{LIBVIRT_SCHEMAS} has no schema: libvirt's client package is not installed"
    for file in [*files, ROOT / "schemas" / "spm.rng"]:
        (folder / file.name).symlink_to(file)
    return folder


def validate(schema, *arguments, text=None):
    return run("xmllint", "--nonet", "--noout", "--relaxng", schema, *arguments, text=text)


@pytest.mark.parametrize("name", GOOD)
def test_good_documents_validate(name, schemas):
    done = validate(schemas / "spm.rng", document(name))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", GOOD)
def test_libvirts_own_schema_does_not_know_spm(name, schemas):
    assert validate(schemas / "domain.rng", document(name)).returncode == 3


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("version", [OLD_LIBVIRT, NEW_LIBVIRT])
def test_translated_documents_are_stock(name, version, virt_spm, schemas):
    stock = virt_spm("translate", "--libvirt-version", version, document(name))
    if stock.returncode == 0:
        done = validate(schemas / "domain.rng", "-", text=stock.stdout)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_refused_documents(name, schemas):
    status = validate(schemas / "spm.rng", document(name)).returncode
    assert name.endswith("-invalid") == (status != 0)
    assert name.endswith(("-invalid", "-unsupported"))
