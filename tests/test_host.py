# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-spm host: what it tells of a host's memory, and the domain that it makes of the devices that are free."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as etree

import pytest
from advice import advice
from documents import document, faults
from hosts import Memory
from programs import BUILD, VIRT_SPM, run

GIB = 1 << 30
BASE = 0x8080000000
SYSFS = f"{Memory.NODES}/node0/distance", f"{Memory.DAX}/dax0.0/size"


@pytest.fixture
def memory(tmp_path):
    """A host with two sockets, memory without CPUs near each, and four devices."""
    memory = Memory(tmp_path / "root")
    memory.node(0, "10 21 13 23", "0-31,64-95")
    memory.node(1, "21 10 23 13", "32-63,96-127")
    memory.node(2, "13 23 10 33")
    memory.node(10, "23 13 33 10")
    memory.access(2, 0, [0], 400000, 120)
    memory.access(2, 1, [0, 1], 300000, 140)
    memory.access(10, 0, [1], 500000, 110)
    memory.access(0, 1, [0], 200000, 90)
    memory.access(1, 1, [0, 1], 200000, 95)
    memory.hugepages(0, 2048, 512, 100)
    memory.hugepages(0, 1048576, 4, 0)
    memory.ranges((BASE, BASE + 64 * GIB - 1), (BASE + 64 * GIB, BASE + 128 * GIB - 1))
    memory.device("dax10.0", 16 * GIB, 10, node=1)
    memory.device("dax2.0", 8 * GIB + (3 << 20), 2)
    memory.device("dax2.1", 8 * GIB, 2, align=GIB)
    memory.device("dax2.2", 8 * GIB, 2, driver="kmem")
    return memory


@pytest.fixture
def show(memory):
    """Run virt-spm host on it; what it prints, without the warnings, which are to be these."""
    def run_host(*options, warnings=()):
        done = run(VIRT_SPM, "host", "--root", memory.root, *options)
        assert done.returncode == 0, done.stderr
        root = re.escape(str(memory.root))
        found = re.sub(root, "", done.stderr).splitlines()
        assert found == [f"virt-spm: warning: {text}" for text in warnings]
        return done.stdout
    return run_host


@pytest.fixture
def host(show):
    """The same as JSON."""
    return lambda **options: json.loads(show("--json", **options))


def validate(text, domain_type="qemu"):
    done = run(VIRT_SPM, "validate", "-", text=text.replace("'kvm'", f"'{domain_type}'"))
    assert (done.returncode, faults(done.stderr)) == (0, [])


def cells(domain):
    """The distances of each cell, as text, in the order of the cells."""
    return [" ".join(sibling.get("value") for sibling in cell.iter("sibling")) for cell in domain.iter("cell")]


def test_ranges(host):
    assert host()["soft_reserved"] == [{"start": BASE, "size": 64 * GIB}, {"start": BASE + 64 * GIB, "size": 64 * GIB}]


def test_devices_are_in_the_order_of_their_numbers(host):
    devices = host()["devices"]
    assert [device["path"] for device in devices] == ["/dev/dax2.0", "/dev/dax2.1", "/dev/dax2.2", "/dev/dax10.0"]
    assert devices[3] == {"path": "/dev/dax10.0", "size": 16 * GIB, "align": 2 << 20, "numa_node": 1, "target_node": 10,
                          "driver": "device_dax", "domains": []}
    assert devices[2]["driver"] == "kmem"


def test_nodes(host):
    nodes = host()["nodes"]
    assert [node["id"] for node in nodes] == [0, 1, 2, 10]
    assert nodes[2]["distances"] == {"0": 13, "1": 23, "2": 10, "10": 33}
    assert nodes[2]["access0"] == {"initiators": [0], "read_bandwidth": 400000, "write_bandwidth": 400000,
                                   "read_latency": 120, "write_latency": 120}
    assert nodes[2]["access1"]["initiators"] == [0, 1] and "access1" not in nodes[3]
    assert nodes[0]["hugepages"] == [{"size": 2 << 20, "nr_hugepages": 512, "free_hugepages": 100},
                                     {"size": GIB, "nr_hugepages": 4, "free_hugepages": 0}]


def test_who_uses_a_device(memory, host):
    memory.domain("stored", "/dev/dax2.0")
    memory.domain("running", "/dev//./dax2.0", running=True)
    memory.domain("other", "/dev/dax3.0")
    memory.domain("pooled", "/dev/libvirt-spm/hbm/pooled.ua-spm0", running=True)
    (memory.root / "dev/libvirt-spm/hbm").mkdir(parents=True)
    (memory.root / "dev/libvirt-spm/hbm/pooled.ua-spm0").symlink_to("/dev/dax2.0")
    devices = host()["devices"]
    assert [device["domains"] for device in devices] == [
        [{"name": "stored", "running": False}, {"name": "pooled", "running": True}, {"name": "running", "running": True}],
        [], [], []]


def test_a_domain_as_libvirt_stores_it(memory, host, virt_spm):
    """Stock XML that carries the memory."""
    spm = document("spm-path-alignsize").read_text().replace("/dev/dax0.0", "/dev/dax2.1")
    memory.domain("x", "y")
    next(memory.root.rglob("x.xml")).write_text(virt_spm("translate", "-", text=spm).stdout)
    assert host()["devices"][1]["domains"] == [{"name": "spm-path-alignsize", "running": False}]


def test_text(memory, show):
    memory.domain("guest", "/dev/dax10.0", running=True)
    memory.device("dax11.0", GIB, -1, driver=None, node=-1)
    text = show()
    assert ("path '/dev/dax11.0', size 1 GiB, align 2 MiB, numa_node unknown, target_node unknown, driver none\n"
            "    domains: none\n") in text
    assert text.startswith("""\
soft_reserved:
  start 0x8080000000, size 64 GiB
  start 0x9080000000, size 64 GiB
devices:
  path '/dev/dax2.0', size 8195 MiB, align 2 MiB, numa_node 0, target_node 2, driver 'device_dax'
    domains: none
""")
    assert """
    domains:
      name 'guest', running yes
  path '/dev/dax11.0'""" in text
    assert """
nodes:
  id 0, cpulist '0-31,64-95'
    distances: 0 10, 1 21, 2 13, 10 23
    access1: read_bandwidth 200000 MiB/s, write_bandwidth 200000 MiB/s, read_latency 90 ns, write_latency 90 ns
      initiators: 0
    hugepages:
      size 2 MiB, nr_hugepages 512, free_hugepages 100
      size 1 GiB, nr_hugepages 4, free_hugepages 0
""" in text


def test_the_domain_has_the_free_devices(memory, show):
    memory.domain("guest", "/dev/dax10.0")
    text = show("--xml")
    validate(text)
    validate(text, "kvm")
    assert re.findall("<!-- not (.*) -->", text) == ["/dev/dax2.2: its driver is not device_dax",
                                                     "/dev/dax10.0: a domain has it"]
    memories = etree.fromstring(text).findall("devices/memory")
    assert [(memory.findtext("source/path"), memory.findtext("target/node")) for memory in memories] == [
        ("/dev/dax2.1", "2"), ("/dev/dax2.0", "2")]  # the largest alignment first
    # a whole number of 2 MiB
    assert [memory.findtext("target/size") for memory in memories] == [str(8 << 20), str((8 << 20) + 2048)]
    assert [memory.findtext("source/alignsize") for memory in memories] == [str(1 << 20), "2048"]
    assert {memory.get("access") for memory in memories} == {"shared"}  # devdax takes no private mapping


def test_the_manuals_example(memory, tmp_path):
    command, = [line for line in advice("docs/man/virt-spm.rst", "$EDITOR") if "virt-spm host" in line]
    path = f"{BUILD / 'src'}:{os.environ['PATH']}"
    subprocess.run(["sh", "-euc", command.replace("host", f"host --root {memory.root}")], cwd=tmp_path,
                   env={**os.environ, "PATH": path}, timeout=60, check=True)
    assert "<memory model='spm' " in (tmp_path / "new.xml").read_text()


def test_the_domain_is_as_the_host_is(show):
    text = show("--xml")
    validate(text)
    domain = etree.fromstring(text)
    assert cells(domain) == ["10 21 13 23", "21 10 23 13", "13 23 10 33", "23 13 33 10"]
    assert [cell.get("cpus") for cell in domain.iter("cell")] == ["0", "1", None, None]
    found = {(line.tag, line.get("initiator"), line.get("target"), line.get("type")): int(line.get("value"))
             for line in domain.find("cpu/numa/interconnects")}
    # QEMU wants a node with CPUs to be its own initiator.
    figures = {("0", "0"): (200000, 90), ("1", "1"): (200000, 95), ("0", "2"): (300000, 140), ("1", "2"): (300000, 140),
               ("1", "3"): (500000, 110)}
    assert found == {(tag, *cells, kind): value for cells, (bandwidth, latency) in figures.items()
                     for kind in ("read", "write") for tag, value in (("bandwidth", bandwidth), ("latency", latency))}
    assert {line.get("unit") for line in domain.iter("bandwidth")} == {"MiB"}


@pytest.mark.parametrize("value", [0, 1 << 31, 1 << 62])
def test_a_figure_that_libvirt_would_refuse(value, memory, host, show):
    memory.access(10, 0, [], 500000, value)
    assert host()["nodes"][3]["access0"]["read_latency"] == value
    interconnects = etree.fromstring(show("--xml")).find("cpu/numa/interconnects")
    assert [line.tag for line in interconnects.iterfind("*[@target='3']")] == ["bandwidth"] * 2


@pytest.mark.parametrize("size,align", [(GIB, 3 << 20), (GIB, 512), (GIB, 1 << 50), (1 << 20, 4096), (GIB, 2 * GIB)])
def test_a_device_that_does_not_suit_a_guest(size, align, memory, show):
    memory.device("dax0.0", size, 2, align=align)
    text = show("--xml")
    validate(text)
    assert "<!-- not /dev/dax0.0: its size and its alignment do not suit a guest -->" in text


def test_the_device_and_cells_fit_into_another_domain(show):
    """As a user pastes them."""
    domain = etree.fromstring(document("spm-path-alignsize").read_text())
    given = etree.fromstring(show("--xml"))
    for path in "cpu", "devices":
        domain.remove(domain.find(path))
        domain.append(given.find(path))
    domain.find("maxMemory").text = "64"
    domain.find("memory").text, domain.find("vcpu").text = str(2 + 33), "2"
    validate(etree.tostring(domain, encoding="unicode"))


def test_a_device_on_a_node_with_cpus_has_a_cell_of_its_own(memory, show):
    memory.device("dax0.0", GIB, 0)
    domain = etree.fromstring(show("--xml"))
    assert [node.text for node in domain.findall("devices/memory/target/node")] == ["2", "3", "2", "4"]
    assert cells(domain)[3] == "11 21 13 10 23"


@pytest.mark.parametrize("target", [5, -1])
def test_a_node_that_the_kernel_does_not_tell(target, memory, show):
    """It is offline until a driver adds memory to it."""
    memory.device("dax0.0", GIB, target)
    text = show("--xml")
    validate(text)
    assert cells(etree.fromstring(text)) == ["10 21 13 23", "21 10 23 13", "13 23 10 33", "10", "23 13 33 10"]


def test_a_host_without_devices(tmp_path, virt_spm):
    root = Memory(tmp_path / "empty").root
    done = virt_spm("host", "--root", root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "soft_reserved: none\ndevices: none\nnodes: none\n", "")
    assert json.loads(virt_spm("host", "--json", "--root", root).stdout) == {"soft_reserved": [], "devices": [], "nodes": []}
    done = virt_spm("host", "--xml", "--root", root)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "virt-spm: no dax device is free for a guest; virt-spm host lists the devices\n"


def test_a_host_without_numa(tmp_path, virt_spm):
    memory = Memory(tmp_path / "flat")
    memory.device("dax0.0", GIB, -1, node=-1)
    text = virt_spm("host", "--xml", "--root", memory.root).stdout
    validate(text)
    assert cells(etree.fromstring(text)) == ["10", "10"]


def test_no_sysfs(tmp_path, virt_spm):
    done = virt_spm("host", "--root", tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"virt-spm: cannot read {tmp_path}/sys/devices/system: No such file or directory\n"


def test_json_and_xml(virt_spm):
    done = virt_spm("host", "--json", "--xml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("virt-spm host: --json and --xml exclude each other\n")


def test_addresses_are_hidden(memory, host):
    memory.ranges((0, 0), (0, 0))
    assert host(warnings=["/proc/iomem hides its addresses from users other than root"])["soft_reserved"] == [
        {"start": None, "size": None}] * 2


def test_unreadable_files(memory, show):
    """Those of other kinds: root reads the rest."""
    for file, kind in zip(SYSFS, (os.mkfifo, os.mkdir)):
        memory.device("dax0.0", GIB, 0)
        (memory.root / file).unlink()
        kind(memory.root / file)
        why = "it is not a regular file"
        assert json.loads(show("--json", warnings=[f"cannot read /{file}: {why}"]))["devices"][0]["path"] == "/dev/dax0.0"
        subprocess.run(["rm", "-r", memory.root / file], check=True)
        subprocess.run(["rm", "-r", memory.root / Memory.DAX / "dax0.0"], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_another_user(memory, tmp_path):
    """Sees less, and is told so."""
    memory.domain("guest", "/dev/dax2.0")
    folder = next(memory.root.rglob("guest.xml")).parent
    folder.chmod(0o700)
    for path in memory.root, *memory.root.parents:
        if path.stat().st_mode & 0o005 != 0o005:
            path.chmod(0o755)
    copy = tmp_path / "virt-spm"
    copy.write_bytes(VIRT_SPM.read_bytes())
    copy.chmod(0o755)
    done = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "host", "--json", "--root", memory.root)
    assert done.returncode == 0 and "Permission denied" in done.stderr and str(folder) in done.stderr
    assert json.loads(done.stdout)["devices"][0]["domains"] == []


HOSTILE = [b"", b"-1\n", b"-5\n", b"0x10\n", b"1e9\n", b"99999999999999999999\n", b"9" * 100000, b"\xff\xfe\x00\x01" * 1000,
           b"12\0" + b"34\n", b"12 13\n", "\u0663".encode(), b"%s%n\n", b"10\n20\n", b"<!-- --> ' \" \x1b[2J\n"]


@pytest.mark.parametrize("contents", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("file", ["sys/bus/dax/devices/dax2.0/size", "sys/bus/dax/devices/dax2.0/align",
                                  "sys/bus/dax/devices/dax2.0/target_node", "sys/devices/system/node/node0/distance",
                                  "sys/devices/system/node/node2/access1/initiators/read_latency",
                                  "sys/devices/system/node/node1/cpulist", "proc/iomem", "run/libvirt/qemu/a.xml"])
def test_hostile_contents(file, contents, memory, virt_spm):
    memory.write(file, contents)
    found = json.loads(virt_spm("host", "--json", "--root", memory.root).stdout)
    assert len(found["devices"]) == 4 and len(found["nodes"]) == 4
    done = virt_spm("host", "--root", memory.root)
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr
    assert max(map(len, done.stderr.splitlines()), default=0) < 1200
    text = virt_spm("host", "--xml", "--root", memory.root).stdout
    validate(text)
    assert text.count("<!-- not") + text.count("<memory model='spm'") == 4


def test_hostile_names(memory, show):
    for name in "dax0.0\n", "dax0.0; reboot", "dax0.0'", "dax-1.0", "dax0", "dax999999.0", "xdax0.0", "\u1234":
        memory.write(f"{Memory.DAX}/{name}/size", GIB)
    memory.write(f"{Memory.NODES}/node-1/distance", "10")
    memory.write(f"{Memory.NODES}/node1\n/distance", "10")
    (memory.root / Memory.DAX / "dax2.0/driver").unlink()
    (memory.root / Memory.DAX / "dax2.0/driver").symlink_to("x/--> <evil/>\x1b")
    found = json.loads(show("--json"))
    assert len(found["devices"]) == len(found["nodes"]) == 4
    assert found["devices"][0]["driver"] is None
    assert "evil" not in show("--xml") + show()


def test_a_domains_name_begins_no_line(memory, show):
    memory.domain("name", "/dev/dax2.0")
    path = next(memory.root.rglob("name.xml"))
    path.write_text(path.read_text().replace("<name>name<", f"<name>a&#10;b&#x9b;{'c' * 200}<"))
    assert f"      name 'a?b?{'c' * 96}...', running no\n" in show()
