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


class Memory:
    """What the kernel and libvirt of a host tell of its memory, below a folder."""

    NODES = "sys/devices/system/node"
    DAX = "sys/bus/dax/devices"

    def __init__(self, root):
        self.root = root
        (root / self.NODES).mkdir(parents=True)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(f"{text}\n")
        return path

    def node(self, number, distance, cpulist=""):
        self.write(f"{self.NODES}/node{number}/distance", distance)
        self.write(f"{self.NODES}/node{number}/cpulist", cpulist)

    def access(self, number, access, initiators, bandwidth, latency):
        folder = f"{self.NODES}/node{number}/access{access}/initiators"
        for kind in "read", "write":
            self.write(f"{folder}/{kind}_bandwidth", bandwidth)
            self.write(f"{folder}/{kind}_latency", latency)
        for initiator in initiators:
            (self.root / folder / f"node{initiator}").symlink_to(f"../../../node{initiator}")

    def hugepages(self, number, kib, count, free):
        folder = f"{self.NODES}/node{number}/hugepages/hugepages-{kib}kB"
        self.write(f"{folder}/nr_hugepages", count)
        self.write(f"{folder}/free_hugepages", free)

    def device(self, name, size, target, driver="device_dax", align=2 << 20, node=0):
        for file, value in {"size": size, "align": align, "numa_node": node, "target_node": target}.items():
            self.write(f"{self.DAX}/{name}/{file}", value)
        if driver:
            (self.root / self.DAX / name / "driver").symlink_to(f"../../drivers/{driver}")

    def ranges(self, *ranges):
        self.write("proc/iomem", "00000000-00000fff : Reserved\n" + "".join(
            f"{first:08x}-{last:08x} : Soft Reserved\n  {first:08x}-{last:08x} : dax{number}.0\n"
            for number, (first, last) in enumerate(ranges)))

    def domain(self, name, path, running=False):
        text = (f"<domain type='kvm'><name>{name}</name><devices><memory model='dimm'><source><path>{path}</path></source>"
                "</memory></devices></domain>")
        if running:
            self.write(f"run/libvirt/qemu/{name}.xml", f"<domstatus state='running'>{text}</domstatus>")
        else:
            self.write(f"{SYSCONFDIR.lstrip('/')}/libvirt/qemu/{name}.xml", text)
