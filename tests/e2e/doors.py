# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a client drives each function of the plugin's table, through python3-libvirt and through virsh.

The table is what the tests of the API have in common: what a function needs to be there, who calls it, and
where to look for what came of it. As a program, this calls one function: doors.py FUNCTION URI FOLDER TARGET
with the document on standard input; so a test puts the plugin into a client, or has one of another user.
Without a TARGET, a step of a migration is taken by itself."""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import libvirt

NAME = "small"  # domains/small.xml
MOMENT = "moment"  # a snapshot or checkpoint of it
ALIAS = "ua-spm0"

DEVICE = """<memory model='spm'>
  <target>
    <size unit='MiB'>32</size>
    <node>{node}</node>
  </target>
  <alias name='{alias}'/>
</memory>
"""
SNAPSHOT = """<domainsnapshot>
  <name>moment</name>
  <state>shutoff</state>
  <creationTime>1700000000</creationTime>
  {domain}
</domainsnapshot>
"""
CHECKPOINT = """<domaincheckpoint>
  <name>moment</name>
  <creationTime>1700000000</creationTime>
  <disks>
    <disk name='vda' checkpoint='bitmap' bitmap='moment'/>
  </disks>
  {domain}
</domaincheckpoint>
"""


@dataclass(frozen=True)
class Call:
    """What a client has at hand."""

    conn: libvirt.virConnect
    xml: str
    folder: Path
    target: str  # URI of a second daemon

    @property
    def domain(self) -> libvirt.virDomain:
        return self.conn.lookupByName(NAME)

    @property
    def image(self) -> str:
        return str(self.folder / "saved")

    @property
    def target_socket(self) -> str:
        """The second daemon, as the first one reaches it."""
        return self.target.replace("qemu:", "qemu+unix:")

    @property
    def migration(self) -> str:
        return f"unix://{self.folder}/migration"

    def params(self, *names: str) -> dict[str, str]:
        return {name: self.xml for name in names}

    def moved(self) -> dict[str, str]:
        return {"migrate_uri": self.migration, **self.params("destination_xml", "persistent_xml")}


PAUSED = libvirt.VIR_DOMAIN_START_PAUSED
CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
PEER = libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_PERSIST_DEST


def with_target(call: Call, migrate: Callable[[libvirt.virConnect], object]) -> object:
    target = libvirt.open(call.target)
    try:
        return migrate(target)
    finally:
        target.close()


def migrate(c: Call) -> object:
    return with_target(c, lambda target: c.domain.migrate(target, libvirt.VIR_MIGRATE_LIVE, None, c.migration))


def migrate2(c: Call) -> object:
    return with_target(c, lambda target: c.domain.migrate2(target, c.xml, libvirt.VIR_MIGRATE_LIVE, None, c.migration))


def migrate3(c: Call) -> object:
    return with_target(c, lambda target: c.domain.migrate3(target, c.moved(), libvirt.VIR_MIGRATE_PERSIST_DEST))


def migrate_to_uri3(c: Call) -> object:
    return c.domain.migrateToURI3(c.target_socket, c.moved(), PEER)


def pointer(of: libvirt.virConnect | libvirt.virDomain) -> ctypes.c_void_p:
    """libvirt's own object, for functions that its bindings do not have."""
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_void_p(pointer_of(of._o, f"{type(of).__name__}Ptr".encode()))


def call_private(function: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL("libvirt.so.0"), function)(*arguments) < 0:
        raise libvirt.libvirtError(f"{function}() failed")


def migrate_perform(c: Call) -> object:
    """A step of the protocols before the third, which is private and of which libvirt keeps old clients' way."""
    domain = c.domain
    call_private("virDomainMigratePerform", pointer(domain), None, 0, c.target_socket.encode(), ctypes.c_ulong(PEER),
                 None, ctypes.c_ulong(0))
    return None


def prepare3(c: Call) -> None:
    cookie, size, uri = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_void_p()
    call_private("virDomainMigratePrepare3", pointer(c.conn), None, 0, ctypes.byref(cookie), ctypes.byref(size), None,
                 ctypes.byref(uri), ctypes.c_ulong(libvirt.VIR_MIGRATE_LIVE), None, ctypes.c_ulong(0), c.xml.encode())


def prepare3_params(c: Call) -> None:
    params, count, most = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_int()
    call_private("virTypedParamsAddString", ctypes.byref(params), ctypes.byref(count), ctypes.byref(most),
                 libvirt.VIR_MIGRATE_PARAM_DEST_XML.encode(), c.xml.encode())
    cookie, size, uri = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_void_p()
    call_private("virDomainMigratePrepare3Params", pointer(c.conn), params, count, None, 0, ctypes.byref(cookie),
                 ctypes.byref(size), ctypes.byref(uri), libvirt.VIR_MIGRATE_LIVE)


PYTHON: dict[str, Callable[[Call], object]] = {
    "virDomainDefineXML": lambda c: c.conn.defineXML(c.xml),
    "virDomainDefineXMLFlags": lambda c: c.conn.defineXMLFlags(c.xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE),
    "virDomainCreateXML": lambda c: c.conn.createXML(c.xml, PAUSED),
    "virDomainCreateXMLWithFiles": lambda c: c.conn.createXMLWithFiles(c.xml, [0], PAUSED),
    "virDomainCreateLinux": lambda c: c.conn.createLinux(c.xml, PAUSED),
    "virConnectDomainXMLToNative": lambda c: c.conn.domainXMLToNative("qemu-argv", c.xml),
    "virDomainCreate": lambda c: c.domain.create(),
    "virDomainCreateWithFlags": lambda c: c.domain.createWithFlags(PAUSED),
    "virDomainCreateWithFiles": lambda c: c.domain.createWithFiles([0], PAUSED),
    "virDomainGetXMLDesc": lambda c: c.domain.XMLDesc(),
    "virDomainSaveImageGetXMLDesc": lambda c: c.conn.saveImageGetXMLDesc(c.image),
    "virDomainManagedSaveGetXMLDesc": lambda c: c.domain.managedSaveGetXMLDesc(),
    "virDomainSnapshotGetXMLDesc": lambda c: c.domain.snapshotLookupByName(MOMENT).getXMLDesc(),
    "virDomainCheckpointGetXMLDesc": lambda c: c.domain.checkpointLookupByName(MOMENT).getXMLDesc(),
    "virDomainSaveImageDefineXML": lambda c: c.conn.saveImageDefineXML(c.image, c.xml),
    "virDomainManagedSaveDefineXML": lambda c: c.domain.managedSaveDefineXML(c.xml),
    "virDomainSave": lambda c: c.domain.save(c.image),
    "virDomainManagedSave": lambda c: c.domain.managedSave(),
    "virDomainCoreDump": lambda c: c.domain.coreDump(c.image),
    "virDomainCoreDumpWithFormat": lambda c: c.domain.coreDumpWithFormat(
        c.image, libvirt.VIR_DOMAIN_CORE_DUMP_FORMAT_RAW),
    "virDomainSaveFlags": lambda c: c.domain.saveFlags(c.image, c.xml),
    "virDomainSaveParams": lambda c: c.domain.saveParams({"file": c.image, **c.params("dxml")}),
    "virDomainRestoreFlags": lambda c: c.conn.restoreFlags(c.image, c.xml, libvirt.VIR_DOMAIN_SAVE_PAUSED),
    "virDomainRestoreParams": lambda c: c.conn.restoreParams(
        {"file": c.image, **c.params("dxml")}, libvirt.VIR_DOMAIN_SAVE_PAUSED),
    "virDomainSnapshotCreateXML": lambda c: c.domain.snapshotCreateXML(
        c.xml, libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE),
    "virDomainCheckpointCreateXML": lambda c: c.domain.checkpointCreateXML(
        c.xml, libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE),
    "virDomainMigrate": migrate,
    "virDomainMigrateToURI": lambda c: c.domain.migrateToURI(c.target_socket, PEER),
    "virDomainMigrate2": migrate2,
    "virDomainMigrate3": migrate3,
    "virDomainMigrateToURI2": lambda c: c.domain.migrateToURI2(
        c.target_socket, c.migration, c.xml, PEER),
    "virDomainMigrateToURI3": migrate_to_uri3,
    "virDomainMigratePerform": migrate_perform,
    "virDomainMigrateBegin3": migrate2,
    "virDomainMigrateBegin3Params": migrate3,
    "virDomainMigratePrepare3": migrate2,
    "virDomainMigratePrepare3Params": migrate3,
    "virDomainMigratePerform3": migrate2,
    "virDomainMigratePerform3Params": migrate_to_uri3,
    "virDomainAttachDevice": lambda c: c.domain.attachDevice(c.xml),
    "virDomainAttachDeviceFlags": lambda c: c.domain.attachDeviceFlags(c.xml, CONFIG),
    "virDomainUpdateDeviceFlags": lambda c: c.domain.updateDeviceFlags(c.xml, CONFIG),
    "virDomainDetachDevice": lambda c: c.domain.detachDevice(c.xml),
    "virDomainDetachDeviceFlags": lambda c: c.domain.detachDeviceFlags(c.xml, CONFIG),
    "virDomainDetachDeviceAlias": lambda c: c.domain.detachDeviceAlias(c.xml, CONFIG),
}

# Steps of a migration that a client may take by themselves, with a document that no source has seen.
STEPS: dict[str, Callable[[Call], object]] = {
    "virDomainMigratePrepare3": prepare3,
    "virDomainMigratePrepare3Params": prepare3_params,
}

MIGRATE3 = "migrate --persistent small {target} --migrateuri {migration} --xml {xml} --persistent-xml {xml}"
MIGRATE_TO_URI3 = MIGRATE3.replace("{target}", "{target_socket}").replace("migrate ", "migrate --p2p ", 1)

# None where virsh calls another function for the same.
VIRSH: dict[str, str | None] = {
    "virDomainDefineXML": "define {xml}",
    "virDomainDefineXMLFlags": "define --validate {xml}",
    "virDomainCreateXML": "create --paused {xml}",
    "virDomainCreateXMLWithFiles": "create --paused --pass-fds 0 {xml}",
    "virDomainCreateLinux": None,
    "virConnectDomainXMLToNative": "domxml-to-native qemu-argv {xml}",
    "virDomainCreate": "start small",
    "virDomainCreateWithFlags": "start --paused small",
    "virDomainCreateWithFiles": "start --paused --pass-fds 0 small",
    "virDomainGetXMLDesc": "dumpxml small",
    "virDomainSaveImageGetXMLDesc": "save-image-dumpxml {image}",
    "virDomainManagedSaveGetXMLDesc": "managedsave-dumpxml small",
    "virDomainSnapshotGetXMLDesc": "snapshot-dumpxml small moment",
    "virDomainCheckpointGetXMLDesc": "checkpoint-dumpxml small moment",
    "virDomainSaveImageDefineXML": "save-image-define {image} {xml}",
    "virDomainManagedSaveDefineXML": "managedsave-define small {xml}",
    "virDomainSave": "save small {image}",
    "virDomainManagedSave": "managedsave small",
    "virDomainCoreDump": "dump small {image}",
    "virDomainCoreDumpWithFormat": None,
    "virDomainSaveFlags": "save small {image} --xml {xml}",
    "virDomainSaveParams": "save small {image} --xml {xml} --image-format sparse",
    "virDomainRestoreFlags": "restore --paused {image} --xml {xml}",
    "virDomainRestoreParams": "restore --paused {image} --xml {xml} --parallel-channels 2",
    "virDomainSnapshotCreateXML": "snapshot-create --redefine small {xml}",
    "virDomainCheckpointCreateXML": "checkpoint-create --redefine small {xml}",
    "virDomainMigrate": None,
    "virDomainMigrateToURI": None,
    "virDomainMigrate2": None,
    "virDomainMigrate3": MIGRATE3,
    "virDomainMigrateToURI2": None,
    "virDomainMigrateToURI3": MIGRATE_TO_URI3,
    "virDomainMigratePerform": None,
    "virDomainMigrateBegin3": None,
    "virDomainMigrateBegin3Params": MIGRATE3,
    "virDomainMigratePrepare3": None,
    "virDomainMigratePrepare3Params": MIGRATE3,
    "virDomainMigratePerform3": None,
    "virDomainMigratePerform3Params": MIGRATE_TO_URI3,
    "virDomainAttachDevice": "attach-device small {xml}",
    "virDomainAttachDeviceFlags": "attach-device small {xml} --config",
    "virDomainUpdateDeviceFlags": "update-device small {xml} --config",
    "virDomainDetachDevice": "detach-device small {xml}",
    "virDomainDetachDeviceFlags": "detach-device small {xml} --config",
    "virDomainDetachDeviceAlias": "detach-device-alias small ua-spm0 --config",
}


def virsh_arguments(function: str, xml: Path, folder: Path, target: str) -> list[str]:
    """The words of the virsh command that calls @function."""
    command = VIRSH[function]
    assert command is not None
    return command.format(xml=xml, image=folder / "saved", target=target, migration=f"unix://{folder}/migration",
                          target_socket=target.replace("qemu:", "qemu+unix:")).split()


@dataclass(frozen=True)
class Door:
    """What a function of the table needs, and where what comes of it is."""

    state: str  # of the domain: absent, off, paused, saved, managed, snapshot or checkpoint
    held: str  # where libvirt holds the document afterwards; "" when it gives one, or refuses
    where: str = "daemon"  # who calls the function: daemon, client, or target of a migration
    error: int = 0  # with which even good SPM is refused


DOORS: dict[str, Door] = {
    "virDomainDefineXML": Door("absent", "stored"),
    "virDomainDefineXMLFlags": Door("absent", "stored"),
    "virDomainCreateXML": Door("absent", "live"),
    # QEMU's driver does not have it, yet a daemon that dispatches it must not see spm
    "virDomainCreateXMLWithFiles": Door("absent", "", error=libvirt.VIR_ERR_NO_SUPPORT),
    # sent as virDomainCreateXML
    "virDomainCreateLinux": Door("absent", "live", "client"),
    "virConnectDomainXMLToNative": Door("absent", ""),
    "virDomainCreate": Door("off", "live"),
    "virDomainCreateWithFlags": Door("off", "live"),
    "virDomainCreateWithFiles": Door("off", "", error=libvirt.VIR_ERR_NO_SUPPORT),
    "virDomainGetXMLDesc": Door("off", ""),
    "virDomainSaveImageGetXMLDesc": Door("saved", ""),
    "virDomainManagedSaveGetXMLDesc": Door("managed", ""),
    "virDomainSnapshotGetXMLDesc": Door("snapshot", ""),
    "virDomainCheckpointGetXMLDesc": Door("checkpoint", ""),
    "virDomainSaveImageDefineXML": Door("saved", "image"),
    "virDomainManagedSaveDefineXML": Door("managed", "managed"),
    "virDomainSave": Door("paused", "image"),
    "virDomainManagedSave": Door("paused", "managed"),
    # a stream without a document
    "virDomainCoreDump": Door("paused", "dump"),
    "virDomainCoreDumpWithFormat": Door("paused", "dump"),
    "virDomainSaveFlags": Door("paused", "image"),
    "virDomainSaveParams": Door("paused", "image"),
    "virDomainRestoreFlags": Door("saved", "live"),
    "virDomainRestoreParams": Door("saved", "live"),
    "virDomainSnapshotCreateXML": Door("off", "snapshot"),
    "virDomainCheckpointCreateXML": Door("off", "checkpoint"),
    # the functions of an application are sent as steps, which are the private ones
    "virDomainMigrate": Door("paused", "target", "client"),
    "virDomainMigrateToURI": Door("paused", "target", "client"),
    "virDomainMigrate2": Door("paused", "target", "client"),
    "virDomainMigrate3": Door("paused", "target", "client"),
    "virDomainMigrateToURI2": Door("paused", "target", "client"),
    "virDomainMigrateToURI3": Door("paused", "target", "client"),
    "virDomainMigratePerform": Door("paused", "target"),
    "virDomainMigrateBegin3": Door("paused", "target"),
    "virDomainMigrateBegin3Params": Door("paused", "target"),
    "virDomainMigratePrepare3": Door("paused", "target", "target"),
    "virDomainMigratePrepare3Params": Door("paused", "target", "target"),
    "virDomainMigratePerform3": Door("paused", "target"),
    "virDomainMigratePerform3Params": Door("paused", "target"),
    "virDomainAttachDevice": Door("off", "", error=libvirt.VIR_ERR_OPERATION_UNSUPPORTED),
    "virDomainAttachDeviceFlags": Door("off", "", error=libvirt.VIR_ERR_OPERATION_UNSUPPORTED),
    "virDomainUpdateDeviceFlags": Door("off", "", error=libvirt.VIR_ERR_OPERATION_UNSUPPORTED),
    "virDomainDetachDevice": Door("off", "", error=libvirt.VIR_ERR_OPERATION_UNSUPPORTED),
    "virDomainDetachDeviceFlags": Door("off", "", error=libvirt.VIR_ERR_OPERATION_UNSUPPORTED),
    "virDomainDetachDeviceAlias": Door("off", "", error=libvirt.VIR_ERR_OPERATION_UNSUPPORTED),
}


def main() -> int:
    function, uri, folder, target = sys.argv[1:]
    call = PYTHON[function] if target else {**PYTHON, **STEPS}[function]
    conn = libvirt.open(uri)
    try:
        result = call(Call(conn, sys.stdin.read(), Path(folder), target))
        if isinstance(result, str):
            print(result)
    except libvirt.libvirtError as error:
        print(f"{error.get_error_domain()} {error.get_error_code()} {error.get_error_message()}", file=sys.stderr)
        return 1
    finally:
        conn.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
