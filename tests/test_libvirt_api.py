# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every door through which domain XML enters or leaves libvirt is in the plugin's table, by the word of the
headers and the library of the installed libvirt and of the newest one."""

import os
import pathlib
import re
import tarfile
import xml.etree.ElementTree as ElementTree

import pytest
from programs import ROOT, run
from symbols import INTERPOSED, TABLE, wrappers

# What takes XML of another kind, or none, and why domain XML cannot be in it.
TAKES_OTHER = {
    "virConnect(Baseline|Compare)(Hypervisor)?CPU": "a CPU's description",
    "virDomainBackupBegin": "a backup, and a checkpoint that is made, of which libvirt reads no <domain>",
    "virDomainBlockCopy": "a disk's description",
    "vir(Domain|Network)[GS]etMetadata": "the name of a namespace, and what a user keeps there",
    "vir(Interface|Network|NetworkPort|NodeDevice|NWFilter|NWFilterBinding|Secret|StoragePool|StorageVol)"
    "(Create|Define|Update).*": "another object's description",
    "virConnectFindStoragePoolSources": "where to look for storage",
}
GIVES_OTHER = {
    "virConnect(Baseline|Compare)(Hypervisor)?CPU": "a CPU's description",
    "virConnectDomainXMLFromNative": "made of another program's configuration, which has no SPM",
    "virConnectGet(Domain|StoragePool)?Capabilities": "what the host can do",
    "virConnectGetSysinfo": "the host's SMBIOS",
    "virConnectFindStoragePoolSources": "storage that was found",
    "virDomainBackupGetXMLDesc": "a backup that runs: its disks",
    "vir(Interface|Network|NetworkPort|NodeDevice|NWFilter|NWFilterBinding|Secret|StoragePool|StorageVol)"
    "GetXMLDesc": "another object's description",
}
TAKES_OTHER_PARAMS = {
    "virAdm.*": "limits of the daemon",
    "virTypedParams.*": "any parameters, which go nowhere",
    "virConnectSetIdentity": "who the user is",
    "virDomainBlockCopy": "speeds and sizes",
    "virDomainAnnounceInterface": "an interface and its addresses",
    "vir(Domain|Node|NetworkPort)[GS]et.*": "tunables, each a number or a short text",
    "virDomainBlockStatsFlags": "filled with counters",
}
PRIVATE_OTHER = {
    "virDomainMigratePrepare": "protocol 1 has no document",
    "virDomainMigratePrepare2|virDomainMigratePrepareTunnel": "protocol 2, which no client of today "
    "speaks: the document is the migratable one of the source, which is stock",
    "virDomainMigratePrepareTunnel3(Params)?": "called by the source's daemon alone, with a document that is "
    "stock after virDomainMigratePerform3(Params)",
}

# What has to do with a guest's state, by its name or by its manual, and cannot lose what is in its memory. The rest
# of it is guarded: the plugin asks first whether the contents of SPM move.
KEEPS_CONTENTS = {
    "virDomainSnapshot(?!CreateXML).*|virDomain(ListAll|Has.*)Snapshots?|virDomainRevertToSnapshot": "looks at, "
    "deletes or uses snapshots that there are; the making of one is guarded",
    "virDomainCheckpoint.*|virDomainListAllCheckpoints": "which blocks of disks are written from now on",
    "virDomainBackup(Begin|GetXMLDesc)": "disks alone",
    "virDomainBlockPeek": "reads a disk",
    "virDomain(SaveImage|ManagedSave)(GetXMLDesc|DefineXML|Remove)|virDomainHasManagedSaveImage": "what has been saved",
    "virDomainRestore(Flags|Params)?": "reads what has been saved",
    "virDomainMigrate[GS]et.*": "speeds, and the time that it may take",
    "virDomainMigrateStartPostCopy": "goes on with a migration, whose begin is guarded",
    "virDomainMemoryPeek": "reads the memory where it is, SPM with it",
    "virDomainScreenshot": "reads the display",
    "virDomain(Get|Set)(Max|)Memory(Flags|Parameters|StatsPeriod)?|virDomainMemoryStats": "sizes and limits",
    "virDomainStartDirtyRateCalc": "counts what is written, and keeps nothing of it",
    "virDomain(Get|Set)LaunchSecurity.*": "measures the guest, or gives it a secret",
    "virDomainPMSuspendForDuration": "asks the guest to write its memory to its own disk, and it sees its SPM",
    "virDomain(Attach|Detach)Device(Flags)?": "one device; its manual tells of guests that hibernate",
    "virDomainQemuMonitorCommand.*": "words for QEMU itself, with which libvirt promises nothing: 'migrate' is one like "
    "any other",
    "virSaveLastError": "an error",
}
PRIVATE_KEEPS_CONTENTS = KEEPS_CONTENTS | {
    "virDomainMigrate(Prepare|Finish|Confirm).*": "the other steps, which come after those of the source",
}
STATE_NAME = ("Save|Dump|Migrate|Snapshot|Checkpoint|Backup|Peek|Screenshot|Restore|MonitorCommand(?!.*Event)|Dirty|"
              "PMSuspend|LaunchSecurity")
STATE_MANUAL = (r"\bmemory (contents?|image|state|dump)|\bcontents of [^.]*\bmemory\b|hibernat|RAM state|\bdump\b|"
                r"\b(guest|domain|machine)('s)? (\w+ )?memory\b")


# a declaration in a header that is not installed
PRIVATE = re.compile(r"^\w[\w *]*\b(virDomainMigrate\w+|virReportErrorHelper|virDispatchError)\([^;]*;", re.M)


def explained(name, reasons):
    return any(re.fullmatch(pattern, name) for pattern in reasons)


class Libvirt:
    """The functions that a libvirt documents and declares, and its library."""

    def __init__(self, root, library):
        self.functions = {
            function.get("name"): function for file in sorted((root / "usr/share/libvirt/api").glob("*-api.xml"))
            for function in ElementTree.parse(file).iter("function")}
        self.headers = "".join(file.read_text() for file in sorted((root / "usr/include/libvirt").glob("*.h")))
        self.library = library
        assert self.functions, f"{root} has no libvirt-dev"

    def taking(self, wanted):
        """The functions of which an argument is wanted."""
        return {name for name, function in self.functions.items() if any(map(wanted, function.findall("arg")))}

    def giving(self):
        """The functions that give a text which is XML by its name or by the manual."""
        return {name for name, function in self.functions.items()
                for result in function.findall("return") if result.get("type") == "char *"
                and re.search("XML", name + result.get("info", ""), re.I)}


def needed(*variables):
    """What scripts/check says of where things are."""
    values = [os.environ.get(name) for name in variables]
    if not all(values):
        reason = f"{' and '.join(variables)} do not say where a libvirt is"
        if os.environ.get("CI") or os.environ.get("SPM_REQUIRE"):
            pytest.fail(reason)
        pytest.skip(f"{reason}; scripts/check does")
    return [pathlib.Path(value) for value in values]


@pytest.fixture(scope="module", params=["installed", "newest"])
def libvirt(request):
    if request.param == "installed":
        library, = pathlib.Path("/usr/lib").glob("*/libvirt.so.0")
        return Libvirt(pathlib.Path("/"), library)
    root, library_root = needed("SPM_NEW_LIBVIRT_DEV", "SPM_NEW_LIBVIRT0")
    library, = library_root.glob("usr/lib/*/libvirt.so.0")
    return Libvirt(root, library)


def is_xml(argument):
    return bool(re.search("xml", argument.get("name"), re.I) or (
        "char *" in argument.get("type") and re.search(r"\bXML\b", argument.get("info") or "")))


def guarded():
    """The functions whose wrapper asks whether the contents of SPM move, by the source."""
    return [name for name, body in wrappers().items() if re.search(r"\bspm_contents_move\w*\(", body)]


def touches_state(function):
    """Whether a function has to do with what a guest has in its memory, by its name or by its manual."""
    return bool(re.search(STATE_NAME, function.get("name")) or
                re.search(STATE_MANUAL, " ".join((function.findtext("info") or "").split())))


def unlisted(names, reasons):
    return sorted(name for name in names if name not in INTERPOSED and not explained(name, reasons))


def test_the_manual_has_every_function_of_the_headers(libvirt):
    code = re.sub(r"/\*.*?\*/|typedef[^;]*;|#\s*define(\\\n|.)*?\n", "\n", libvirt.headers, flags=re.S)
    declared = set(re.findall(r"\b(vir[A-Z]\w+)\s*\((?!\*)", code))
    assert declared >= set(INTERPOSED) & set(libvirt.functions)
    assert sorted(declared - set(libvirt.functions)) == []


def test_every_function_that_takes_xml_is_listed(libvirt):
    assert unlisted(libvirt.taking(is_xml), TAKES_OTHER) == []


def test_every_function_that_gives_xml_is_listed(libvirt):
    assert unlisted(libvirt.giving(), GIVES_OTHER) == []


def test_every_function_that_takes_parameters_is_listed(libvirt):
    names = libvirt.taking(lambda argument: argument.get("type").startswith("virTypedParameterPtr"))
    assert unlisted(names, TAKES_OTHER_PARAMS) == []


def test_every_parameter_that_holds_xml_is_listed(libvirt):
    macros = re.findall(r'^#\s*define\s+(VIR_\w*PARAM\w*)\s+"\w*xml\w*"', libvirt.headers, re.M)
    table = re.search(r"spm_param_names\[\] = {(.*?)}", (ROOT / "src/preload/wrap_params.c").read_text(), re.S)
    assert sorted(macros) == sorted(re.findall(r"VIR_\w+", table[1]))


def test_every_private_step_of_a_migration_is_listed(libvirt):
    symbols = re.findall(r" T (virDomainMigrate(?:Begin|Prepare|Perform)\w*)@",
                         run("nm", "-D", "--defined-only", libvirt.library).stdout)
    names = [name for name in symbols if not name.endswith("EnsureACL")]
    assert len(names) > 6
    assert unlisted(names, PRIVATE_OTHER) == []


def test_every_function_that_saves_a_guest_is_guarded(libvirt):
    names = {name for name, function in libvirt.functions.items() if touches_state(function)}
    # the nets are of use: either finds what the other one is for
    assert {"virDomainSave", "virDomainSnapshotCreateXML", "virDomainMigrateToURI3"} <= names
    assert sorted(name for name in names if name not in guarded() and not explained(name, KEEPS_CONTENTS)) == []
    assert sorted(name for name in guarded() if explained(name, KEEPS_CONTENTS)) == []


def test_every_private_step_that_sends_a_guest_is_guarded(libvirt):
    symbols = re.findall(r" T (virDomain(?:Migrate|Save|ManagedSave|CoreDump)\w*)@",
                         run("nm", "-D", "--defined-only", libvirt.library).stdout)
    # helpers of the library, which take no domain
    names = [name for name in symbols if not re.search("EnsureACL|CheckNotLocal", name)]
    assert "virDomainMigratePerform3Params" in names
    assert sorted(name for name in names if name not in guarded() and not explained(name, PRIVATE_KEEPS_CONTENTS)) == []


def test_what_the_daemon_saves_by_itself_is_guarded(libvirt):
    """auto_shutdown_try_save of qemu.conf: the library calls its own function as others do, by its symbol."""
    calls = re.findall(r"R_X86_64_JUMP_SLOT\s+\w+ (vir\w+)@", run("readelf", "-rW", libvirt.library).stdout)
    assert "virDomainManagedSave" in calls and "virDomainManagedSave" in guarded()
    assert "SYMBOLIC" not in run("readelf", "-d", libvirt.library).stdout


def test_every_listed_function_is_there(libvirt):
    symbols = run("nm", "-D", "--defined-only", libvirt.library).stdout
    assert [name for name in INTERPOSED if f" T {name}@" not in symbols] == []


def test_private_functions_are_declared_as_in_libvirts_source(tmp_path):
    folder, = needed("SPM_LIBVIRT_SOURCE")
    archive, = folder.glob("libvirt_*.orig.tar.*[!c]")
    private = {}
    with tarfile.open(archive) as files:
        for member in files:
            if re.search("/src/(libvirt_internal|util/virerror).h$", member.name):
                text = files.extractfile(member).read().decode()
                private |= {match[1]: match[0] for match in PRIVATE.finditer(text)}
    names = [name for name in re.findall(r"^SPM_\w+\(.*?, (vir\w+)", TABLE, re.M) if name in private]
    assert len(names) == 8
    source = "#include <glib.h>\n#include <libvirt/libvirt.h>\n" + "\n".join(private[name] for name in names)
    (tmp_path / "private.c").write_text(f'{source}\n#include "preload/plugin.h"\n')
    flags = run("pkg-config", "--cflags", "glib-2.0", "libxml-2.0", "libvirt").stdout.split()
    done = run("gcc", "-fsyntax-only", *flags, "-I", ROOT / "src", tmp_path / "private.c")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("reasons", [TAKES_OTHER, GIVES_OTHER, TAKES_OTHER_PARAMS, KEEPS_CONTENTS])
def test_every_explanation_is_of_something(reasons, libvirt):
    # one of the two libvirts may lack the youngest function
    young = {"virDomainAnnounceInterface"}
    assert [pattern for pattern in reasons
            if pattern not in young and not any(re.fullmatch(pattern, name) for name in libvirt.functions)] == []
