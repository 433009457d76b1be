# SPDX-License-Identifier: LGPL-2.1-or-later
"""Change a domain's title as cockpit-machines changes a domain: read its XML through libvirt-dbus, and define the edited XML.
bus.py DOMAIN TITLE. It runs where libvirt-dbus is installed, with a bus of its own."""

import os
import subprocess
import sys
import time

from gi.repository import Gio, GLib

NAME = "org.libvirt"
SECONDS = 60


def call(bus, path, interface, method, arguments):
    return bus.call_sync(NAME, path, f"{NAME}.{interface}", method, arguments, None, Gio.DBusCallFlags.NONE, -1, None).unpack()[0]


def wait_for_service(bus):
    deadline = time.monotonic() + SECONDS
    while not bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                            GLib.Variant("(s)", (NAME,)), None, Gio.DBusCallFlags.NONE, -1, None).unpack()[0]:
        if time.monotonic() > deadline:
            raise TimeoutError("libvirt-dbus does not serve the bus")
        time.sleep(0.2)


def main():
    name, title = sys.argv[1:]
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    # the bus on which it serves, and qemu:///system
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": os.environ["DBUS_SESSION_BUS_ADDRESS"]}
    with subprocess.Popen(["libvirt-dbus", "--system"], env=environment) as service:
        try:
            wait_for_service(bus)
            path = call(bus, "/org/libvirt/QEMU", "Connect", "DomainLookupByName", GLib.Variant("(s)", (name,)))
            xml = call(bus, path, "Domain", "GetXMLDesc", GLib.Variant("(u)", (2,)))  # VIR_DOMAIN_XML_INACTIVE
            print(xml)
            xml = xml.replace("</name>", f"</name><title>{title}</title>", 1)
            call(bus, "/org/libvirt/QEMU", "Connect", "DomainDefineXML", GLib.Variant("(s)", (xml,)))
        finally:
            service.terminate()


if __name__ == "__main__":
    main()
