# SPDX-License-Identifier: LGPL-2.1-or-later
"""spm.conf: which device, whether contents may be lost, and what is wrong with pools."""

import pytest
from documents import TRANSLATE, document

SPM = document("spm-single").read_text()
VIR_ERR_OPERATION_UNSUPPORTED = 84
SAVES = ["virDomainSave", "virDomainManagedSave", "virDomainCoreDump", "virDomainCoreDumpWithFormat", "virDomainSaveFlags", "virDomainSaveParams",
         "virDomainSnapshotCreateXML", "virDomainMigrate", "virDomainMigrate2", "virDomainMigrate3",
         "virDomainMigrateToURI", "virDomainMigrateToURI2", "virDomainMigrateToURI3", "virDomainMigrateBegin3",
         "virDomainMigrateBegin3Params", "virDomainMigratePerform3", "virDomainMigratePerform3Params"]
SNAPSHOT = "<domainsnapshot/>\n"
SNAPSHOT_REDEFINE, SNAPSHOT_DISK_ONLY = "1", "16"


@pytest.fixture
def running(tmp_path):
    """A file with a running domain whose SPM is this device."""
    def make(device="sp-mem", active=True):
        stock = (TRANSLATE / "spm-single.old.xml").read_text().replace("spm-memory", device)
        path = tmp_path / "domain.xml"
        path.write_text(stock.replace("<domain ", "<domain id='1' ", 1) if active else stock)
        return [path]
    return make


@pytest.mark.parametrize("device", ["spm-memory", "sp-mem"])
def test_device(device, call):
    assert f"value='{device}'" in call("virDomainDefineXML", SPM, settings=f"device={device}").stdout


@pytest.mark.parametrize("settings,message", [
    ("device=dimm", "invalid device 'dimm'; expected auto, spm-memory or sp-mem"),
    ("contents_loss=yes", "invalid contents_loss 'yes'; expected refuse or allow"),
    ("devices=sp-mem", "unknown setting 'devices'"),
    ("[other]", "unknown group [other]"),
    ("[pool hbm]\npath=/dev/dax0.0", "unknown setting 'path' in [pool hbm]"),
    ("[pool hbm]", "[pool hbm] has no paths"),
    ("[pool hbm]\npaths=", "[pool hbm] has no paths"),
    ("[pool hbm]\npaths=/dev/dax0.0;dax1.0",
     "invalid paths 'dax1.0' in [pool hbm]; expected absolute paths, separated by ';'"),
    ("[pool h/b]\npaths=/dev/dax0.0",
     "invalid group [pool h/b]; expected a name of letters, digits, '_' and '-' after 'pool'"),
    ("[pool]", "unknown group [pool]"),
    ("nonsense", "Key file contains line “nonsense” which is not a key-value pair, group, or comment"),
])
def test_mistakes_are_logged_and_set_nothing(settings, message, call, running, tmp_path):
    done = call("virDomainSave", "\n", domain=running(), settings=settings)
    assert f"libvirt-spm: {tmp_path}/spm.conf: {message}\n" in done.stderr
    assert f"code={VIR_ERR_OPERATION_UNSUPPORTED} " in done.stdout


def test_no_file_sets_nothing(call, running):
    done = call("virDomainSave", "\n", domain=running(), LIBVIRT_SPM_CONF="/no/such/file")
    assert f"code={VIR_ERR_OPERATION_UNSUPPORTED} " in done.stdout and "libvirt-spm:" not in done.stderr


@pytest.mark.parametrize("function", SAVES)
def test_contents_are_not_lost(function, call, running, tmp_path):
    output = call(function, SNAPSHOT, domain=running()).stdout
    assert (f"error domain=20 code={VIR_ERR_OPERATION_UNSUPPORTED} <memory model='spm'> of this domain is QEMU's "
            "device 'sp-mem', whose contents are lost when the domain is saved, dumped or migrated; shut the "
            f"domain down instead, use an emulator that has 'spm-memory', or set contents_loss=allow in {tmp_path}/spm.conf\n"
            ) in output
    assert "result: -1" in output or "result: (null)" in output
    assert f"{function}:" not in output


@pytest.mark.parametrize("function", SAVES)
def test_the_administrator_may_allow_it(function, call, running):
    output = call(function, SNAPSHOT, domain=running(), settings="contents_loss=allow").stdout
    assert f"{function}:" in output and "error" not in output


@pytest.mark.parametrize("function", SAVES)
@pytest.mark.parametrize("device,active", [("spm-memory", True), ("sp-mem", False)])
def test_where_nothing_is_lost_nothing_is_refused(function, device, active, call, running):
    output = call(function, SNAPSHOT, domain=running(device, active)).stdout
    assert f"{function}:" in output and "error" not in output


@pytest.mark.parametrize("snapshot,flags", [(SNAPSHOT, SNAPSHOT_REDEFINE), (SNAPSHOT, SNAPSHOT_DISK_ONLY),
                                            ("<domainsnapshot><memory snapshot='no'/></domainsnapshot>\n", "0")])
def test_snapshots_of_disks_alone_lose_nothing(snapshot, flags, call, running):
    output = call("virDomainSnapshotCreateXML", snapshot, flags=flags, domain=running()).stdout
    assert f"virDomainSnapshotCreateXML:\n{snapshot}" in output and "error" not in output


@pytest.mark.parametrize("snapshot", ["<domainsnapshot><memory snapshot='external' file='/f'/></domainsnapshot>\n",
                                      "<domainsnapshot><memory snapshot='internal'/></domainsnapshot>\n"])
def test_snapshots_with_memory_are_refused(snapshot, call, running):
    output = call("virDomainSnapshotCreateXML", snapshot, domain=running()).stdout
    assert f"code={VIR_ERR_OPERATION_UNSUPPORTED} " in output and "virDomainSnapshotCreateXML:" not in output


@pytest.mark.parametrize("function", ["virDomainSaveFlags", "virDomainMigrateBegin3Params"])
def test_a_running_domain_keeps_its_device(function, call, running):
    output = call(function, SPM, domain=running("sp-mem"), settings="device=spm-memory\ncontents_loss=allow").stdout
    assert "value='sp-mem'" in output and "spm-memory" not in output
