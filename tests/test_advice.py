# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever the README and the manuals advise to run or to write is run by some test, and what systemd is to read is
tried here. test_doctor.py has what the doctor advises."""

import os
import re

import pytest
from advice import advice, blocks
from hosts import DROP_IN, ETC, in_sandbox
from programs import ROOT

PAGES = ["README.md", "packaging/selinux/README.rst", "docs/design.rst",
         "docs/formatdomain-spm.rst", "docs/man/libvirt-spm.rst", "docs/man/virt-spm.rst"]
OTHER = "/usr/lib/libother.so"

# The first line of each block, and the test that runs it.
RUN = {
    "scripts/demo     # installs": "tests/test_advice.py",
    "scripts/build-repository /srv": "tests/package/test_install_debian.py",
    "apt-get build-dep ./ && dpkg-buildpackage": "tests/package/test_deb.py",
    "meson setup --prefix=/usr build": "tests/package/test_deb.py",
    "systemctl daemon-reload": "tests/package/test_deb.py",
    "mkdir -p /etc/systemd": "tests/test_advice.py",
    "[Service]": "tests/test_advice.py",
    "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libvirt-spm/libvirt-spm.so virsh": "tests/e2e/test_session.py",
    "checkmodule -M": "tests/package/test_rpm.py",
    "[profile hbm]": "tests/test_expand.py",
    "virsh dumpxml guest": "tests/e2e/test_manual.py",
    "virsh metadata guest": "tests/e2e/test_requests.py",
    "virt-install": "tests/e2e/test_manual.py",
}
# test_docs.py has those of XML; a drawing is not advice.
NO_ADVICE = re.compile(r"<|\.\.\.\n|domain XML, <memory")


def test_all_advice_is_run():
    """That of Debian's page is the manual's, see below."""
    found = {block for page in PAGES for block in blocks(page) if not NO_ADVICE.match(block.lstrip())}
    starts = {block: [start for start in RUN if block.startswith(start)] for block in found}
    assert sorted(start for block in found for start in starts[block]) == sorted(RUN)
    for block in found:
        text = (ROOT / RUN[starts[block][0]]).read_text()
        asked = re.findall(r'\b(?:advice|commands)\((?:page|"[^"]*"), "([^"]+)"', text)
        assert [word for word in asked if word in block], block


def test_debians_page_advises_what_the_manual_does():
    manual = {re.sub(" +(#.*)?", " ", line).strip() for block in blocks("docs/man/libvirt-spm.rst")
              for line in block.replace("\\\n", "").splitlines()}
    for block in blocks("debian/README.Debian"):
        for line in block.replace("\\\n", "").splitlines():
            assert re.sub(" +", " ", line).strip() in manual


def test_the_two_commands_are_there():
    for line in advice("README.md", "scripts/demo"):
        assert os.access(ROOT / line.split()[0], os.X_OK)


@in_sandbox
@pytest.mark.parametrize("page", ["docs/man/libvirt-spm.rst", "debian/README.Debian"])
def test_a_drop_in_for_two_libraries(page, host, paste):
    """Written by systemctl edit."""
    host.write(f"{ETC}/override.conf", "\n".join(advice(page, "[Service]")))
    done = paste([])
    assert (done.returncode, done.stdout) == (0, "")
    module = re.search("LD_PRELOAD=(.*)", DROP_IN)[1]
    assert host.service().environment["LD_PRELOAD"] == f"{OTHER}:{module}"


@in_sandbox
@pytest.mark.parametrize("page", ["docs/man/libvirt-spm.rst", "debian/README.Debian"])
def test_the_module_is_kept_out(page, host, paste):
    assert "LD_PRELOAD" in host.service().environment
    lines = advice(page, "mkdir -p /etc/systemd")
    assert lines[-2:] == ["systemctl daemon-reload", "systemctl restart libvirtd"]
    done = paste(lines)
    assert (done.returncode, done.stdout) == (0, "")
    assert "LD_PRELOAD" not in host.service().environment
