# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each golden document gives the argv, the XML, the translation or the refusal that stands beside it."""

import pytest
from programs import BUILD, run
from documents import (ARGV, GOOD, GOOD_OLD, NEW_LIBVIRT, OLD_LIBVIRT, REFUSED, TRANSLATE, XML2XML, document,
                       faults, names)

REFUSED_OLD = [name[: -len(".old")] for name in names(".err") if name.endswith(".old")]


@pytest.mark.parametrize("name", GOOD)
def test_argv(name, virt_spm, golden):
    done = virt_spm("argv", "--libvirt-version", NEW_LIBVIRT, document(name))
    assert (done.returncode, done.stderr) == (0, "")
    golden(done.stdout, ARGV / f"{name}.args")


@pytest.mark.parametrize("name", GOOD_OLD)
def test_argv_old_libvirt(name, virt_spm, golden):
    done = virt_spm("argv", "--libvirt-version", OLD_LIBVIRT, document(name))
    assert (done.returncode, done.stderr) == (0, "")
    golden(done.stdout, ARGV / f"{name}.old.args")


@pytest.mark.parametrize("version,ending", [("11.7.0", ".old.args"), ("11.8.0", ".args")])
def test_the_first_libvirt_with_cells_without_memory(version, ending, virt_spm):
    for name in "spm-single", "spm-two-nodes":
        done = virt_spm("argv", "--libvirt-version", version, document(name))
        assert done.stdout == (ARGV / f"{name}{ending}").read_text()


@pytest.mark.parametrize("name,version,ending", [(name, NEW_LIBVIRT, ".err") for name in REFUSED]
                         + [(name, OLD_LIBVIRT, ".old.err") for name in REFUSED_OLD])
@pytest.mark.parametrize("command", ["validate", "argv", "translate"])
def test_refused(command, name, version, ending, virt_spm, golden):
    done = virt_spm(command, "--libvirt-version", version, document(name))
    assert (done.returncode, done.stdout) == (1, "")
    golden(done.stderr.replace(f"{ARGV}/", ""), ARGV / f"{name}{ending}")


@pytest.mark.parametrize("name", GOOD)
def test_validate_finds_no_fault(name, virt_spm):
    done = virt_spm("validate", document(name))
    assert (done.returncode, done.stdout, faults(done.stderr)) == (0, "", [])


@pytest.mark.parametrize("name", GOOD)
def test_xml2xml(name, golden):
    done = run(BUILD / "tests" / "xml2xml", document(name))
    assert done.returncode == 0, done.stderr
    expected = XML2XML / f"{name}.xml"
    golden(done.stdout, expected)
    if done.stdout == document(name).read_text():
        assert expected.is_symlink(), f"{expected.name} is the same as its origin; pytest --regenerate links it"


@pytest.mark.parametrize("name", names(".xml", TRANSLATE))
def test_translate(name, virt_spm, golden):
    origin, version = (name[: -len(".old")], OLD_LIBVIRT) if name.endswith(".old") else (name, NEW_LIBVIRT)
    done = virt_spm("translate", "--libvirt-version", version, document(origin))
    assert (done.returncode, done.stderr) == (0, "")
    golden(done.stdout, TRANSLATE / f"{name}.xml")


def test_every_golden_file_is_read():
    used = {f"{name}.xml" for name in GOOD + REFUSED + REFUSED_OLD}
    used |= {f"{name}.args" for name in GOOD} | {f"{name}.old.args" for name in GOOD_OLD}
    used |= {f"{name}.err" for name in REFUSED} | {f"{name}.old.err" for name in REFUSED_OLD}
    assert {path.name for path in ARGV.iterdir()} <= used
    assert {path.name for path in XML2XML.iterdir()} == {f"{name}.xml" for name in GOOD}
