# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenStack's Nova, as the distribution has it, on libvirtds with the plugin. docs/managers.rst has the provider.yaml."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import acpi
import pytest
from advice import blocks
from clouds import INSIDE, OLD, OLD_VERSIONS, Hosts, Kind, Outcome, Record, show_parts
from lxml import etree
from report import Affinity, Report
from stack import Stack

OLDEST = 33  # that these tests are written for
GUIDE = "docs/managers.rst"
MIB = 1 << 20
ALIAS = "ua-spm-request0"
KINDS = {
    "alpha": Kind(profiles="[profile hbm]\naccess=shared\n[profile few]\n"),
    "beta": Kind(profiles="[profile few]\npool=few\n", device_size=128),
    "gamma": Kind("sp-mem"),
    "bare": Kind("sp-mem", plugin=False),
}
SCENARIOS = {"Life": ["alpha"], "Moves": ["alpha", "beta"], "Rare": ["alpha"], "Numa": ["alpha", "beta"], "SpMem": ["gamma"], "Limits": [*KINDS], "Guide": ["alpha"]}
LIFE = [
    # after the action: Nova's status, the SPM of the running emulator and the SPM that is booked
    ("boot", "ACTIVE", 128, 128),
    ("attach a volume", "ACTIVE", 128, 128),
    ("detach a volume", "ACTIVE", 128, 128),
    ("soft reboot", "ACTIVE", 128, 128),
    ("suspend", "SUSPENDED", None, 128),
    ("resume", "ACTIVE", 128, 128),
    ("snapshot", "ACTIVE", 128, 128),
    ("hard reboot", "ACTIVE", 128, 128),
    ("stop", "SHUTOFF", None, 128),
    ("start", "ACTIVE", 128, 128),
    ("rebuild", "ACTIVE", 128, 128),
    ("resize to more", "ACTIVE", 256, 256),
    ("resize to less", "ACTIVE", 64, 64),
    ("resize to none", "ACTIVE", 0, None),
    ("resize to some", "ACTIVE", 128, 128),
]
MOVES = [("boot", "alpha"), ("live migration", "beta"), ("cold migration", "alpha"), ("evacuate", "beta")]


@pytest.fixture(scope="module")
def parts(managers: Stack) -> Stack:
    """The root folder with all that the tests of Nova need in it."""
    return show_parts(managers)


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, parts: Stack, manager_run) -> Iterator[Callable[[str], Outcome]]:
    """What came of a scenario. Two run at a time: most of the time, one waits. Each has its own libvirtds, because Nova
    refuses those that have another cloud's servers."""
    marks = [item.get_closest_marker("scenario") for item in request.session.items]
    names = [*dict.fromkeys(mark.args[0] for mark in marks if mark)]
    def run(name: str) -> Outcome:
        with Hosts(parts, {host: KINDS[host] for host in SCENARIOS[name]}) as hosts:
            return hosts.run(name, manager_run, provider_yaml(), flavor_specs())

    executor = ThreadPoolExecutor(2)
    futures: dict[str, Future[Outcome]] = {name: executor.submit(run, name) for name in names}
    try:
        yield lambda name: futures[name].result()
    finally:
        executor.shutdown(cancel_futures=True)


@pytest.fixture
def outcome(request: pytest.FixtureRequest, outcomes) -> Outcome:
    """What came of the scenario that the test's mark names."""
    return outcomes(request.node.get_closest_marker("scenario").args[0])


def provider_yaml() -> str:
    """The guide's provider.yaml."""
    text, = [block for block in blocks(GUIDE) if "CUSTOM_SPM_MIB:" in block]
    return text


def flavor_specs() -> dict[str, str]:
    """The properties that the guide gives a flavor."""
    text, = [block for block in blocks(GUIDE) if "openstack flavor create" in block]
    return dict(pair.split("=", 1) for pair in re.findall(r"--property (\S+)", text))


def devices(record: Record) -> list[tuple[str, int, int]]:
    """The memory devices of the running emulator: type, MiB, node."""
    return [(device["type"], device["data"]["size"] // MIB, device["data"]["node"]) for device in record.get("devices", [])]


def declared(xml: str) -> list[tuple[str, str, int]]:
    """The memory devices of a domain: model, alias, MiB."""
    found = []
    for device in etree.fromstring(xml).findall("devices/memory"):
        size = device.find("target/size")
        assert size.get("unit") == "KiB"
        found.append((device.get("model"), device.find("alias").get("name"), int(size.text) // 1024))
    return found


def of_spm(report: str) -> list[Affinity]:
    """The entries of the guest's SRAT for SPM, in the last report of a console: of the node that has no CPUs, without the
    room for hotplug."""
    lines = report.replace("\r", "").split("@@report\n")[-1].split("@@end")[0].splitlines()
    return [entry for entry in Report(lines).srat if (entry.node, entry.flags) == (1, acpi.SRAT_ENABLED)]


def test_nova_is_new_enough_to_write_extra_specs(manager_run):
    """Since 32, Nova writes a flavor's extra specs into the metadata."""
    done = manager_run("python3", "-c", "import nova.version; print(nova.version.version_string())")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split(".")[0]) >= OLDEST


@pytest.mark.scenario("Life")
@pytest.mark.parametrize("action, status, running, booked", LIFE)
def test_an_action_keeps_spm(action, status, running, booked, outcome):
    record = outcome.record(action)
    assert record["status"] == status
    assert devices(record) == ([("spm-memory", running, 1)] if running else [])
    assert record["active"] == (running is not None)
    assert record["booked"] == {"alpha": booked}
    assert declared(record["inactive"]) == ([("spm", ALIAS, booked)] if booked else [])
    assert declared(record["xml"]) == declared(record["inactive"])


@pytest.mark.scenario("Life")
def test_nothing_is_left_in_the_end(outcome):
    assert outcome.passed, outcome.output[-6000:]
    assert outcome.record("delete")["left"] == {"domains": [], "booked": {}}


@pytest.mark.scenario("Life")
def test_suspend_saves_the_memory(outcome):
    assert [outcome.record(action)["saved"] for action in ("soft reboot", "suspend", "resume")] == [0, 1, 0]


@pytest.mark.scenario("Life")
def test_all_cpus_and_the_flavors_memory_are_of_cell_0(outcome):
    cells = etree.fromstring(outcome.record("boot")["inactive"]).findall("cpu/numa/cell")
    assert [(cell.get("cpus"), int(cell.get("memory")) // 1024) for cell in cells] == [("0", 256), (None, 0)]


@pytest.mark.scenario("Life")
def test_the_guest_finds_its_spm(outcome):
    entry, = of_spm(outcome.record("boot")["report"])
    assert entry.end - entry.start == 128 * MIB


@pytest.mark.scenario("Rare")
@pytest.mark.parametrize("action, status", [("pause", "PAUSED"), ("unpause", "ACTIVE"), ("rescue", "RESCUE"),
                                            ("unrescue", "ACTIVE"), ("unshelve", "ACTIVE")])
def test_a_rare_action_keeps_spm(action, status, outcome):
    record = outcome.record(action)
    assert (record["status"], devices(record), record["booked"]) == (status, [("spm-memory", 128, 1)], {"alpha": 128})
    assert declared(record["xml"]) == declared(record["inactive"]) == [("spm", ALIAS, 128)]


@pytest.mark.scenario("Rare")
def test_a_shelved_server_books_nothing(outcome):
    record = outcome.record("shelve")
    assert (record["status"], record["booked"], "devices" in record) == ("SHELVED_OFFLOADED", {}, False)


@pytest.mark.scenario("Moves")
@pytest.mark.parametrize("action, host", MOVES)
def test_a_move_keeps_spm(action, host, outcome):
    record = outcome.record(action)
    assert (record["status"], record["host"]) == ("ACTIVE", host)
    assert devices(record) == [("spm-memory", 128, 1)]
    assert declared(record["xml"]) == declared(record["inactive"]) == [("spm", ALIAS, 128)]


@pytest.mark.scenario("Moves")
@pytest.mark.parametrize("action, host", MOVES[:-1])
def test_a_move_books_spm_on_its_host_alone(action, host, outcome):
    assert outcome.record(action)["booked"] == {host: 128}


@pytest.mark.scenario("Moves")
def test_a_host_that_failed_keeps_its_booking_until_it_is_back(outcome):
    """As for all that is booked: Nova frees it when the host's compute service starts again."""
    assert outcome.record("evacuate")["booked"] == {"alpha": 128, "beta": 128}
    assert outcome.record("return")["booked"] == {"beta": 128}
    assert outcome.record("return")["left"]["domains"] == ["beta"]


@pytest.mark.scenario("Moves")
def test_live_migration_is_not_noticed_in_the_guest(outcome):
    before, after = (of_spm(outcome.record(action)["report"]) for action in ("boot", "live migration"))
    assert before and before == after


@pytest.mark.scenario("Numa")
@pytest.mark.parametrize("action, host", [("boot", "alpha"), ("live migration", "beta"), ("hard reboot", "beta")])
def test_an_action_keeps_spm_beside_a_numa_topology(action, host, outcome):
    record = outcome.record(action)
    assert (record["status"], record["host"], devices(record)) == ("ACTIVE", host, [("spm-memory", 128, 1)])
    domain = etree.fromstring(record["inactive"])
    assert [int(cell.get("memory")) // 1024 for cell in domain.findall("cpu/numa/cell")] == [256, 0]
    assert [node.get("cellid") for node in domain.findall("numatune/memnode")] == ["0"]


@pytest.mark.scenario("SpMem")
@pytest.mark.parametrize("action", ["boot", "hard reboot", "snapshot", "start"])
def test_an_action_keeps_spm_of_qemus_own_device(action, outcome):
    record = outcome.record(action)
    assert record["status"] == "ACTIVE"
    assert devices(record) == [("sp-mem", 128, 1)]
    assert record["booked"] == {"gamma": 128}


@pytest.mark.scenario("SpMem")
def test_suspend_is_refused_with_qemus_own_device(outcome):
    """Nova calls that an error of the server, which runs on; a hard reboot ends it."""
    record = outcome.record("refused suspend")
    assert "is QEMU's device 'sp-mem', whose contents are lost when the domain is saved" in record["fault"]["details"]
    assert (record["status"], devices(record)) == ("ERROR", [("sp-mem", 128, 1)])


@pytest.mark.scenario("Limits")
def test_more_than_the_inventory_is_refused_by_the_scheduler(outcome):
    record = outcome.record("too much")
    assert record["status"] == "ERROR"
    assert "No valid host was found" in record["fault"]["message"]
    assert (record["host"], record["reasons"]) == (None, [])


@pytest.mark.scenario("Limits")
def test_a_host_without_the_module_is_not_chosen(outcome):
    """The scheduler prefers that host, but the flavor requires a trait."""
    record = outcome.record("trait")
    assert (record["status"], record["host"]) == ("ACTIVE", "gamma")


@pytest.mark.scenario("Limits")
def test_without_the_trait_a_host_without_the_module_starts_a_server_without_spm(outcome):
    record = outcome.record("no trait")
    assert (record["status"], record["host"], devices(record)) == ("ACTIVE", "bare", [])


@pytest.mark.scenario("Limits")
def test_a_host_that_cannot_meet_a_request_is_passed_over(outcome):
    record = outcome.record("profile")
    assert (record["status"], record["host"]) == ("ACTIVE", "alpha")
    assert devices(record) == [("spm-memory", 128, 1)]
    assert record["booked"] == {"alpha": 128}
    assert any("has the profile 'hbm', which this host does not have" in reason for reason in record["reasons"])


@pytest.mark.scenario("Limits")
def test_a_request_that_no_host_can_meet_fails(outcome):
    """Nova shows its user the reason of the last host."""
    record = outcome.record("no such profile")
    assert (record["status"], record["booked"]) == ("ERROR", {})
    assert "a request for SPM has the profile 'cxl', which this host does not have" in record["fault"]["message"]


@pytest.mark.scenario("Limits")
def test_a_host_without_room_is_passed_over(outcome):
    """The host's only device is the first server's."""
    first, second = outcome.record("pool"), outcome.record("empty pool")
    assert [(record["status"], record["host"]) for record in (first, second)] == [("ACTIVE", "beta"), ("ACTIVE", "alpha")]
    assert [devices(record) for record in (first, second)] == [[("spm-memory", 128, 1)]] * 2
    assert first["reasons"] == []
    assert any("pool 'few' has no free device" in reason for reason in second["reasons"])
    assert [record["booked"] for record in (first, second)] == [{"beta": 128}, {"alpha": 128}]


@pytest.mark.scenario("Guide")
def test_the_flavor_of_the_guide_gives_a_server_what_it_says(outcome):
    record = outcome.record("boot")
    size = int(flavor_specs()["resources:CUSTOM_SPM_MIB"])
    assert (record["status"], devices(record), record["booked"]) == ("ACTIVE", [("spm-memory", size, 1)], {"alpha": size})


@pytest.fixture(params=OLD_VERSIONS)
def old_document(request: pytest.FixtureRequest, parts: Stack, manager_run) -> str:
    """A domain as an older Nova writes it."""
    done = manager_run("python3", "-B", INSIDE / "old_document.py", OLD / request.param, request.param)
    assert done.returncode == 0, done.stderr
    assert "<nova:flavor name=\"spm.large\">" in done.stdout
    return done.stdout


def test_an_older_nova_requests_spm_by_the_name_of_the_flavor(old_document, virt_spm, tmp_path):
    """With the profile and the flavor of the guide."""
    (tmp_path / "host.conf").write_text("".join(block for block in blocks(GUIDE) if block.startswith(("[profile", "[flavor"))))
    done = virt_spm("expand", "--profiles", tmp_path, "-", text=old_document)
    assert done.returncode == 0, done.stderr
    device, = etree.fromstring(done.stdout).findall("devices/memory")
    assert device.findtext("source/nodemask") == "1"
    assert declared(done.stdout) == [("spm", ALIAS, int(flavor_specs()["resources:CUSTOM_SPM_MIB"]))]


def test_an_older_nova_requests_nothing_by_another_name(old_document, virt_spm, tmp_path):
    (tmp_path / "host.conf").write_text("[flavor spm.larger]\nsize=1GiB\n")
    done = virt_spm("expand", "--profiles", tmp_path, "-", text=old_document)
    assert (done.returncode, done.stdout) == (0, old_document)
