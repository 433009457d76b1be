# SPDX-License-Identifier: LGPL-2.1-or-later
"""Print a domain as the classes of an older Nova write it: old_document.py FOLDER, which has the package nova. Only the classes
that write XML are loaded, because the rest of an older Nova does not run with the newer libraries here."""

import importlib
import pathlib
import sys
import types
from unittest import mock

folder = pathlib.Path(sys.argv[1])
for name in "nova", "nova.virt", "nova.virt.libvirt":
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(folder / name.replace(".", "/"))]
for name in "nova.utils", "nova.virt.hardware", "nova.pci.utils":
    sys.modules[name] = mock.MagicMock()
config = importlib.import_module("nova.virt.libvirt.config")
assert config.__file__.startswith(str(folder))

guest = config.LibvirtConfigGuest()
guest.virt_type, guest.uuid, guest.name = "kvm", "b38a3f43-4be2-4046-897f-b67c2f5e0147", "instance-00000001"
guest.memory, guest.vcpus = 8 << 20, 4
guest.os_type, guest.os_mach_type = "hvm", "q35"
guest.features = [config.LibvirtConfigGuestFeatureACPI()]
guest.cpu = config.LibvirtConfigGuestCPU()
guest.cpu.mode, guest.cpu.sockets, guest.cpu.cores, guest.cpu.threads = "host-model", 4, 1, 1
flavor = config.LibvirtConfigGuestMetaNovaFlavor()
flavor.name, flavor.memory, flavor.disk, flavor.swap, flavor.ephemeral, flavor.vcpus = "spm.large", 8192, 40, 0, 0, 4
instance = config.LibvirtConfigGuestMetaNovaInstance()
instance.package, instance.name, instance.creationTime, instance.flavor = sys.argv[2], "server", 0, flavor
guest.metadata.append(instance)
print(guest.to_xml(), end="")
