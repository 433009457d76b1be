# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cloud in one process: Nova's API, scheduler, conductor, placement and compute managers, with Nova's real driver on real
libvirtds. Nova's own fixtures for functional tests, which python3-nova contains, take the place of Glance, Neutron, Cinder
and Keystone. test_nova.py runs this in the root folder of the managers.

SPM_CLOUD names a JSON file: "hosts" has the folder and the address of each libvirtd, "links" a folder with a link to each of
these by address, "providers" the folder with provider.yaml, "paste" Nova's api-paste.ini, "kernel", "ramdisk" and "arguments"
the guest, "flavor" the extra specs of the guide's flavor, and "records" the file to which each action adds a line."""

import json
import os
import pathlib
import re
import shutil
import time
import uuid
from contextlib import contextmanager
from unittest import mock
from xml.etree import ElementTree

import fixtures
import libvirt
import libvirt_qemu
import nova.privsep
from nova import conf
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import integrated_helpers
from nova.virt.libvirt import config as libvirt_config
from nova.virt.libvirt import host as libvirt_host

CONF = conf.CONF
INIT_EVENTS = libvirt_host.Host._init_events
SETTINGS = json.loads(pathlib.Path(os.environ["SPM_CLOUD"]).read_text())
GUEST_SECONDS = 240
DISK_SIZE = 16 << 20
IMAGE, OTHER_IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6", "a2459075-d96c-40d5-893e-577ff92e721c"


class Cloud(integrated_helpers._IntegratedTestBase):
    """The services but the compute services, which host() starts."""

    ADMIN_API = True
    CAST_AS_CALL = False
    microversion = "latest"

    def setUp(self):
        self.instances = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.instances.chmod(0o755)
        self.flags(instances_path=str(self.instances), shutdown_timeout=0, allow_resize_to_same_host=True, use_cow_images=False,
                   my_ip="127.0.0.1")
        self.flags(api_paste_config=SETTINGS["paste"], group="wsgi")
        self.flags(enabled=False, group="vnc")
        self.flags(virt_type="qemu", cpu_mode="none", images_type="raw", group="libvirt",
                   live_migration_uri=f"qemu+unix:///system?socket={SETTINGS['links']}/%s/run/libvirt-sock",
                   wait_soft_reboot_seconds=GUEST_SECONDS,
                   snapshots_directory=str(self.instances / "snapshots"))
        super().setUp()
        self.use_real_libvirt()
        self.connections = {name: libvirt.open(uri(name)) for name in SETTINGS["hosts"]}
        self.consoles = {}

    def _setup_compute_service(self):
        self.flags(compute_driver="libvirt.LibvirtDriver")

    def use_real_libvirt(self):
        """Undo what Nova's fixtures replace of libvirt, and replace what they leave of the host."""
        self.useFixture(nova_fixtures.OSBrickFixture())
        self.useFixture(nova_fixtures.CGroupsFixture())
        libvirt_host.Host._init_events = INIT_EVENTS
        nova.privsep.sys_admin_pctxt.set_client_mode(False)
        self.useFixture(fixtures.MonkeyPatch("nova.compute.utils.get_machine_ips", lambda: ["127.0.0.1"]))
        for name, function in {
                "driver.LibvirtDriver._uri": staticmethod(lambda: uri(CONF.host)),
                "driver.LibvirtDriver.plug_vifs": lambda *a, **k: None,
                "driver.LibvirtDriver._create_image": lambda _driver, _context, instance, *a, suffix="", **k: self.create_image(instance, suffix),
                "volume.volume.LibvirtFakeVolumeDriver.get_config": lambda _driver, *a: self.volume(*a)}.items():
            self.useFixture(fixtures.MonkeyPatch(f"nova.virt.libvirt.{name}", function))

    def create_image(self, instance, suffix):
        """The disk is empty, and the kernel is our guest's."""
        folder = self.instances / instance.uuid
        folder.mkdir(exist_ok=True)
        with open(folder / f"disk{suffix}", "ab") as disk:
            disk.truncate(DISK_SIZE)
        for name in "kernel", "ramdisk":
            shutil.copyfile(SETTINGS[name], folder / f"{name}{suffix}")
        return False, False

    def volume(self, connection_info, disk_info):
        """A volume is a file."""
        path = self.instances / "volume"
        with open(path, "ab") as file:
            file.truncate(DISK_SIZE)
        disk = libvirt_config.LibvirtConfigGuestDisk()
        disk.driver_name, disk.driver_format = "qemu", "raw"
        disk.source_type, disk.source_path = "file", str(path)
        disk.target_dev, disk.target_bus = disk_info["dev"], disk_info["bus"]
        disk.serial = connection_info.get("serial")
        return disk

    def host(self, name, providers=True):
        """Start the compute service of a host, whose provider.yaml declares SPM. Nova keeps the id of a node in a file
        of its host, and here all hosts are one."""
        self.flags(provider_config_location=SETTINGS["providers"] if providers else str(self.instances), group="compute")
        with mock.patch("nova.virt.node.get_local_node_uuid", return_value=str(uuid.uuid5(uuid.NAMESPACE_DNS, name))):
            self._start_compute(name).driver._host.get_node_uuid()

    def flavor(self, spm=None, ram=256, **specs):
        """A flavor with SPM in MiB, booked and required."""
        if spm:
            specs = {"resources:CUSTOM_SPM_MIB": str(spm), "trait:CUSTOM_SPM": "required", **specs}
        return self._create_flavor(memory_mb=ram, vcpu=1, disk=1, ephemeral=0, extra_spec=specs)

    def kernel_image(self, image=IMAGE):
        """Have the image boot our kernel. What it names must be images, but create_image() has the files."""
        self.glance.images[image]["properties"].update(
            architecture="x86_64", kernel_id=OTHER_IMAGE, ramdisk_id=OTHER_IMAGE, os_command_line=SETTINGS["arguments"])
        return image

    def boot(self, flavor, image=IMAGE, host=None, status="ACTIVE"):
        """A new server."""
        body = self._build_server(image_uuid=image, flavor_id=flavor, networks="none", host=host)
        return self.settle(self.admin_api.post_server({"server": body}), status)

    def act(self, server, action, status="ACTIVE", **arguments):
        """Have Nova do something with a server, and wait until it is done."""
        self.admin_api.post_server_action(server["id"], {action: arguments or None})
        return self.settle(server, status)

    def live_migrate(self, server, target):
        """Nova asks the target for its address, which here is a setting of all hosts."""
        self.flags(live_migration_inbound_addr=SETTINGS["hosts"][target]["address"], group="libvirt")
        self.act(server, "os-migrateLive", host=target, block_migration="auto")

    def settle(self, server, status="ACTIVE"):
        """Wait until Nova does nothing with the server any more and it has this status."""
        def done():
            now = self.admin_api.get_server(server["id"])
            if now["OS-EXT-STS:task_state"] is not None:
                return None
            if now["status"] == "ERROR" != status:
                self.fail(f"{now.get('fault')}")
            return now if now["status"] == status else None
        return self.wait(done)

    def delete(self, server):
        self.api.delete_server(server["id"])
        self.wait(lambda: server["id"] not in [found["id"] for found in self.api.get_servers()])

    def wait(self, function):
        """What the function returns, as soon as that is true."""
        deadline = time.monotonic() + GUEST_SECONDS
        while not (result := function()):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        return result

    def domain(self, server):
        """The domain of a server on the host that Nova names, or None."""
        name = self.admin_api.get_server(server["id"])["OS-EXT-SRV-ATTR:host"]
        try:
            return name, self.connections[name].lookupByUUIDString(server["id"])
        except (KeyError, libvirt.libvirtError):
            return name, None

    def record(self, action, server, **more):
        """Write down what Nova, libvirt, QEMU and placement know of the server now."""
        status = self.admin_api.get_server(server["id"])
        host, domain = self.domain(server)
        line = {"action": action, "status": status["status"], "fault": status.get("fault", {}), "host": host,
                "booked": self.booked(server)}
        if domain:
            line |= {"active": domain.isActive(), "persistent": domain.isPersistent(), "saved": domain.hasManagedSaveImage(),
                     "xml": domain.XMLDesc(0), "inactive": domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)}
            if domain.isActive():
                reply = libvirt_qemu.qemuMonitorCommand(domain, '{"execute": "query-memory-devices"}', 0)
                line["devices"] = json.loads(reply)["return"]
        self.write(line | more)

    def booked(self, server):
        """The SPM that placement has for a server, by compute service."""
        hypervisors = self.admin_api.api_get("/os-hypervisors/detail").body["hypervisors"]
        hosts = {hypervisor["id"]: hypervisor["service"]["host"] for hypervisor in hypervisors}
        allocations = self.placement.get(f"/allocations/{server['id']}").body["allocations"]
        return {hosts[node]: found["resources"].get("CUSTOM_SPM_MIB") for node, found in allocations.items()}

    def reasons(self, since=0):
        """Why the module refused a domain, from Nova's log."""
        return re.findall(r"(?:a request for SPM|pool ').*", self.stdlog.logger.output[since:])

    def left(self, server):
        """Which hosts have the domain of a server, and where it has booked SPM."""
        return {"domains": [name for name, connection in self.connections.items()
                            if server["id"] in [domain.UUIDString() for domain in connection.listAllDomains()]],
                "booked": self.booked(server)}

    def write(self, line):
        with open(SETTINGS["records"], "a") as records:
            print(json.dumps(line | {"scenario": type(self).__name__, "time": time.monotonic()}), file=records)

    def console(self, server):
        """What the server wrote on its serial line, which libvirt keeps as Nova asks it to."""
        path = self.instances / server["id"] / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_console(self, server, marker, since=0):
        """Wait for a line of the guest; what it wrote from SINCE on."""
        self.wait(lambda: re.search(f"^{marker}", self.console(server)[since:], re.M))
        return self.console(server)[since:]

    @contextmanager
    def serial(self, server):
        """The guest's serial line."""
        xml = ElementTree.fromstring(self.domain(server)[1].XMLDesc(0))
        line = os.open(xml.find("devices/serial/source").get("path"), os.O_RDWR | os.O_NOCTTY)
        try:
            yield line
        finally:
            os.close(line)

    def report(self, server):
        """A new report of the guest."""
        since = len(self.console(server))
        with self.serial(server) as line:
            os.write(line, b"report\n")
            return self.wait_console(server, "@@end", since)


def uri(name):
    return f"qemu:///system?socket={SETTINGS['hosts'][name]['folder']}/run/libvirt-sock"
