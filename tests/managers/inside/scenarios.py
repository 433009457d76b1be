# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to servers with SPM, action by action. test_nova.py judges the records."""

import os

import fixtures
from cloud import OTHER_IMAGE, SETTINGS, Cloud
from nova.scheduler import weights


class Life(Cloud):
    """All that happens on one host."""

    HOST = "alpha"

    def test_it(self):
        self.host(self.HOST)
        self.kernel_image()
        self.kernel_image(OTHER_IMAGE)
        server = self.boot(self.flavor(128))
        self.record("boot", server, report=self.wait_console(server, "@@ready"))
        self.volumes(server)
        self.soft_reboot(server)
        self.record("soft reboot", server)
        for name, action, status, arguments in (
                ("suspend", "suspend", "SUSPENDED", {}), ("resume", "resume", "ACTIVE", {}),
                ("snapshot", "createImage", "ACTIVE", {"name": "copy"}), ("hard reboot", "reboot", "ACTIVE", {"type": "HARD"}),
                ("stop", "os-stop", "SHUTOFF", {}), ("start", "os-start", "ACTIVE", {}),
                ("rebuild", "rebuild", "ACTIVE", {"imageRef": OTHER_IMAGE})):
            self.act(server, action, status, **arguments)
            self.record(name, server)
        for name, size in ("more", 256), ("less", 64), ("none", None), ("some", 128):
            self.act(server, "resize", "VERIFY_RESIZE", flavorRef=self.flavor(size))
            self.act(server, "confirmResize")
            self.record(f"resize to {name}", server)
        self.delete(server)
        self.write({"action": "delete", "left": self.left(server)})

    def volumes(self, server):
        volume = self.cinder.IMAGE_BACKED_VOL
        self.api.post_server_volume(server["id"], {"volumeAttachment": {"volumeId": volume}})
        self.wait(lambda: self.api.get_server_volumes(server["id"]))
        self.record("attach a volume", server)
        self.api.delete_server_volume(server["id"], volume)
        self.wait(lambda: not self.api.get_server_volumes(server["id"]))
        self.record("detach a volume", server)

    def soft_reboot(self, server):
        """The guest has no program that obeys the power button. Power it off over its serial line."""
        self.api.post_server_action(server["id"], {"reboot": {"type": "SOFT"}})
        self.wait(lambda: self.api.get_server(server["id"])["OS-EXT-STS:task_state"] == "reboot_started")
        with self.serial(server) as line:
            os.write(line, b"poweroff\n")
            self.settle(server)


class Rare(Cloud):
    """Actions that are not of every day."""

    def test_it(self):
        self.host("alpha")
        server = self.boot(self.flavor(128))
        for action, status in (("pause", "PAUSED"), ("unpause", "ACTIVE"), ("rescue", "RESCUE"), ("unrescue", "ACTIVE"),
                               ("shelve", "SHELVED_OFFLOADED"), ("unshelve", "ACTIVE")):
            self.act(server, action, status)
            self.record(action, server)
        self.delete(server)


class SpMem(Cloud):
    """With QEMU's own device, whose contents cannot be saved."""

    def test_it(self):
        self.host("gamma")
        server = self.boot(self.flavor(128))
        self.record("boot", server)
        self.act(server, "suspend", "ERROR")
        self.record("refused suspend", server)
        self.act(server, "reboot", type="HARD")
        self.record("hard reboot", server)
        self.act(server, "createImage", name="copy")
        self.record("snapshot", server)
        self.act(server, "os-stop", "SHUTOFF")
        self.act(server, "os-start")
        self.record("start", server)
        self.delete(server)


class Moves(Cloud):
    """What happens between hosts."""

    def test_it(self):
        self.host("alpha")
        self.host("beta")
        self.kernel_image()
        server = self.boot(self.flavor(128), host="alpha")
        self.record("boot", server, report=self.wait_console(server, "@@ready"))
        self.live_migrate(server, "beta")
        self.record("live migration", server, report=self.report(server))
        self.act(server, "migrate", "VERIFY_RESIZE")
        self.act(server, "confirmResize")
        self.record("cold migration", server)
        self.evacuate(server)
        self.act(server, "os-start")
        self.record("evacuate", server)
        self.host("alpha")
        self.record("return", server, left=self.left(server))
        self.delete(server)

    def evacuate(self, server):
        """Its host fails, and the server begins anew on the other one. When the host is back, Nova removes the domain there."""
        host, domain = self.domain(server)
        self.computes[host].stop()
        domain.destroy()
        (service,) = self.admin_api.get_services(host=host, binary="nova-compute")
        self.admin_api.put_service(service["id"], {"forced_down": True})
        self.admin_api.post_server_action(server["id"], {"evacuate": {}})
        self.settle(server, "SHUTOFF")


class Numa(Cloud):
    """With a NUMA topology, of which Nova writes the cells and where the host has them."""

    def test_it(self):
        self.host("alpha")
        self.host("beta")
        server = self.boot(self.flavor(128, **{"hw:numa_nodes": "1"}), host="alpha")
        self.record("boot", server)
        self.live_migrate(server, "beta")
        self.record("live migration", server)
        self.act(server, "reboot", type="HARD")
        self.record("hard reboot", server)
        self.delete(server)


class Limits(Cloud):
    """What the scheduler and the hosts refuse. The scheduler prefers the first host that is started."""

    def setUp(self):
        self.order = []
        super().setUp()

    def host(self, name, providers=True):
        super().host(name, providers)
        self.order.append(name)

    def _setup_scheduler_service(self):
        test = self

        class InOrder(weights.BaseHostWeigher):
            """Prefer hosts that were started earlier."""

            def _weigh_object(self, host_state, weight_properties):
                return -test.order.index(host_state.host)

        self.useFixture(fixtures.MonkeyPatch("cloud.InOrder", InOrder))
        self.flags(weight_classes=["cloud.InOrder"], group="filter_scheduler")
        return super()._setup_scheduler_service()

    def test_it(self):
        self.host("bare", providers=False)
        self.host("gamma")
        self.try_to_boot("too much", self.flavor(1 << 24), "ERROR")
        self.try_to_boot("trait", self.flavor(128))
        self.try_to_boot("no trait", self.flavor(**{"spm:size": "128MiB"}))
        self.host("beta")
        self.host("alpha")
        self.order.remove("gamma")
        self.order.append("gamma")
        self.try_to_boot("profile", self.flavor(128, **{"spm:profile": "hbm"}))
        self.try_to_boot("no such profile", self.flavor(128, **{"spm:profile": "cxl"}), "ERROR")
        few = self.flavor(128, **{"spm:profile": "few"})
        first = self.try_to_boot("pool", few, keep=True)
        self.try_to_boot("empty pool", few)
        self.delete(first)

    def try_to_boot(self, name, flavor, status="ACTIVE", keep=False):
        before = len(self.stdlog.logger.output)
        server = self.boot(flavor, status=status)
        self.record(name, server, reasons=self.reasons(before))
        if not keep:
            self.delete(server)
        return server


class Guide(Cloud):
    """The flavor of docs/managers.rst."""

    def test_it(self):
        self.host("alpha")
        server = self.boot(self.flavor(**SETTINGS["flavor"]))
        self.record("boot", server)
        self.delete(server)
