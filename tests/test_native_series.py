# SPDX-License-Identifier: LGPL-2.1-or-later
"""patches/libvirt as text: it applies to upstream's tarball to the line, and the schema that it makes of libvirt's own
judges our golden documents as ours does. scripts/patches check libvirt builds it and runs libvirt's own tests."""

import os
import pathlib
import subprocess
import tarfile

import pytest
from documents import GOOD, REFUSED, document
from lxml import etree
from programs import ROOT

SERIES = ROOT / "patches/libvirt/11.3"

# Documents that libvirt's schema judges otherwise than ours, and why.
ONE_FOR_ALL_MODELS = "libvirt has one schema for all models of <memory>, so it takes the children of any model"
ALIASES = "libvirt's schema takes any alias; its parser drops one that is not the user's"
NUMBERS = "libvirt's schema takes any number, zero too"
NATIVE_TAKES = {
    "address-beside-target-invalid": ONE_FOR_ALL_MODELS,
    "alias-only-prefix-invalid": ALIASES,
    "alias-prefix-invalid": ALIASES,
    "base-zero-invalid": NUMBERS,
    "size-zero-invalid": NUMBERS,
    "target-block-invalid": ONE_FOR_ALL_MODELS,
    "target-label-invalid": ONE_FOR_ALL_MODELS,
    "target-readonly-invalid": ONE_FOR_ALL_MODELS,
    "unknown-child-invalid": ONE_FOR_ALL_MODELS,
    "unknown-target-child-invalid": ONE_FOR_ALL_MODELS,
    "uuid-child-invalid": ONE_FOR_ALL_MODELS,
}
POOLS = "libvirt knows no pools"
NATIVE_REFUSES = {
    "spm-base-spelling": "libvirt's schema wants 0x before a hexadecimal number; its parser does not",
    "spm-pool": POOLS,
    "spm-pool-alignsize": POOLS,
    "spm-units": "libvirt's schema wants units in capitals; its parser does not",
}


def patches():
    return [SERIES / name for name in (SERIES / "series").read_text().splitlines()]


def touched():
    """The files that the series changes or adds."""
    lines = [line for patch in patches() for line in patch.read_text().splitlines() if line.startswith("+++ b/")]
    return {line.removeprefix("+++ b/") for line in lines}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """What the series touches, and the schemas, out of the tarball, patched."""
    source = os.environ.get("SPM_LIBVIRT_SOURCE")
    if not source:
        if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
            pytest.fail("SPM_LIBVIRT_SOURCE does not say where libvirt's tarball is")
        pytest.skip("SPM_LIBVIRT_SOURCE does not say where libvirt's tarball is; scripts/check does")
    folder = tmp_path_factory.mktemp("libvirt")
    tarball, = pathlib.Path(source).glob("libvirt_*.orig.tar.xz")
    names = touched()
    with tarfile.open(tarball) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            if name in names or name.startswith("src/conf/schemas/"):
                member.name = name
                archive.extract(member, folder)
    return folder


@pytest.fixture(scope="module")
def patched(tree):
    said = []
    for patch in patches():
        done = subprocess.run(["patch", "-p1", "--fuzz=0", "--force", "-i", patch], cwd=tree, text=True,
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"{patch.name}: {done.stdout}{done.stderr}"
        said.append(done.stdout)
    return tree, "".join(said)


@pytest.fixture(scope="module")
def native(patched):
    return etree.RelaxNG(file=str(patched[0] / "src/conf/schemas/domain.rng"))


def test_every_difference_is_of_a_document():
    assert set(NATIVE_TAKES) <= set(REFUSED) and set(NATIVE_REFUSES) <= set(GOOD)


def accepts(schema, name):
    """A document that is not XML is refused."""
    try:
        return schema.validate(etree.parse(document(name)))
    except etree.XMLSyntaxError:
        return False


def test_the_series_names_each_patch():
    assert [patch.name for patch in patches()] == sorted(path.name for path in SERIES.glob("000[1-9]*.patch")) + sorted(
        path.name for path in SERIES.glob("001*.patch"))


def test_it_applies_to_the_line(patched):
    assert "offset" not in patched[1] and "fuzz" not in patched[1]


@pytest.mark.parametrize("name", GOOD)
def test_its_schema_accepts_good_documents(name, native):
    assert accepts(native, name) == (name not in NATIVE_REFUSES), str(native.error_log)


@pytest.mark.parametrize("name", [name for name in REFUSED if name.endswith("-invalid")])
def test_its_schema_refuses_what_ours_refuses(name, native):
    assert accepts(native, name) == (name in NATIVE_TAKES)
