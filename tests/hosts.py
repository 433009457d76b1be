# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host in a folder, on which all is well, to be damaged and mended."""

import os
import re

import pytest
from mounts import in_chroot
from programs import BUILD, ensure_build, run
from units import read_service

ensure_build()  # which decides where things are installed
MODULE = re.search(r'SPM_MODULE "(.*)"', (BUILD / "src/spm_config.h").read_text())[1]
SYSCONFDIR = re.search(r'SPM_SYSCONFDIR "(.*)"', (BUILD / "src/spm_config.h").read_text())[1]
DROP_IN = f"[Service]\nEnvironment=LD_PRELOAD={MODULE}\n"
UNITS = "usr/lib/systemd/system"
ETC = "etc/systemd/system/libvirtd.service.d"

in_sandbox = pytest.mark.skipif("SPM_SANDBOX" not in os.environ, reason="mounts are made in scripts/sandbox only")


class Host:
    """The folder that is its root."""

    def __init__(self, folder):
        self.root = folder
        self.link("usr/lib/x86_64-linux-gnu/libvirt.so.0", "libvirt.so.0.11003.0")
        self.write(MODULE, "")
        self.write(f"{UNITS}/libvirtd.service", "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n")
        self.write(f"{UNITS}/libvirtd.service.d/50-libvirt-spm.conf", DROP_IN)

    def path(self, name):
        return self.root / name.lstrip("/")

    def write(self, name, text):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def link(self, name, target):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def process(self, pid, name="libvirtd", maps="", environment=""):
        self.write(f"proc/{pid}/comm", f"{name}\n")
        self.write(f"proc/{pid}/maps", f"7f00-7f01 r-xp 0 0:0 1 {maps}\n")
        self.write(f"proc/{pid}/environ", environment.replace(" ", "\0"))

    def service(self, name="libvirtd"):
        """What systemd would start."""
        return read_service(self.root, name)

    def paste(self, lines, chroot):
        """Run commands here, as root's shell would, in the new folder chroot. There systemctl ignores what it is told.
        At the end, systemd says what it minds in libvirtd's unit and its drop-ins."""
        self.path("etc").mkdir(exist_ok=True)
        script = "\n".join(["set -e", *lines, "systemd-analyze verify --man=no libvirtd.service 2>&1"])
        places = {"/etc": self.path("etc"), f"/{UNITS}": self.path(UNITS)}
        return run(*in_chroot(chroot, "sh", "-c", script, places=places))
