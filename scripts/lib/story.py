# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story: one domain with SPM through stock libvirtd to its guest, each step shown and checked."""

import textwrap
from pathlib import Path

from acpi import SRAT_ENABLED, SRAT_HOTPLUGGABLE
from argv import Argv
from daemon import Daemon
from domains import Defined, Seen, fit_domain, memory_devices, read_domain, running
from picture import draw
from report import GIB, MIB, SOFT_RESERVED, Affinity, Range, merged
from show import Show, excerpt, memory_options
from stack import Stack

WINDOW = 4 * GIB  # device memory begins here in a guest with little RAM

# What domains/demo.xml asks for. The DIMM is its first memory device, and must come last.
SPM = [Affinity(WINDOW, WINDOW + 256 * MIB, 1, SRAT_ENABLED),
       Affinity(WINDOW + 256 * MIB, WINDOW + 768 * MIB, 2, SRAT_ENABLED)]
DIMM = Range(SPM[-1].end, SPM[-1].end + 256 * MIB, "System RAM")
ORDER = ["spm-memory"] * 4 + ["pc-dimm"] * 2


def show_domain() -> None:
    Show.step("A domain with one DIMM and, listed after it, two pieces of SPM on nodes of their own")
    Show.lines(excerpt(read_domain("demo"), "maxMemory", "memory", "numa"))


def show_refusal(daemon: Daemon, stack: Stack) -> None:
    Show.step("A mistake is refused, and named")
    Show.command("virsh define bad-attribute.xml")
    text = fit_domain(read_domain("bad-attribute"), stack, "seabios", daemon.serial_path("bad"))
    result = daemon.virsh("define", "/dev/stdin", stdin=text)
    Show.lines(textwrap.wrap(result.stderr.strip().splitlines()[-1], 92))
    number = next(n for n, line in enumerate(text.splitlines(), 1) if "colour" in line)
    Show.check("virsh failed and named the attribute, its value and its line",
               result.returncode != 0 and all(w in result.stderr for w in ("colour", "red", f"line {number}")))
    Show.check("nothing was defined", not daemon.call("list", "--all", "--name").strip())


def show_define(daemon: Daemon, stack: Stack) -> Defined:
    Show.step("virsh define, on a stock libvirtd with the plugin")
    Show.command("virsh define demo.xml")
    domain = Defined(daemon, stack, "demo")
    Show.check("the domain is defined", "demo" in daemon.call("list", "--all", "--name").split())
    Show.command("cat /etc/libvirt/qemu/demo.xml        # what libvirt keeps: nothing but its own XML")
    stored = daemon.stored_xml("demo")
    Show.lines(excerpt(stored, "numa", "memory", "qemu:commandline", "qemu:override"))
    Show.check("what libvirt keeps is stock XML", "model='spm'" not in stored)
    return domain


def show_argv(daemon: Daemon) -> None:
    Show.step("The command line that libvirt generates from it")
    Show.command("virsh domxml-to-native qemu-argv --domain demo | grep mem")
    argv = Argv.from_native(daemon.call("domxml-to-native", "qemu-argv", "--domain", "demo"))
    Show.lines(memory_options(argv))
    Show.check("the back ends and devices of SPM precede the DIMM's", argv.memory_order() == ORDER)


def show_dump(domain: Defined) -> None:
    Show.step("SPM comes back, ahead of other memory devices")
    Show.command("virsh dumpxml demo")
    dumped = domain.xml()
    Show.lines(excerpt(dumped, "maxMemory", "memory"))
    models = [device.get("model") for device in memory_devices(dumped)]
    Show.check("the memory devices are spm, spm, dimm", models == ["spm", "spm", "dimm"])
    Show.command("virsh dumpxml demo | virsh define /dev/stdin; virsh dumpxml demo")
    stored = domain.daemon.stored_xml("demo")
    domain.daemon.call("define", "/dev/stdin", stdin=dumped)
    Show.check("defining the dump again changed nothing",
               domain.xml() == dumped and domain.daemon.stored_xml("demo") == stored)


def show_guest(domain: Defined, firmware: str, folder: Path | None) -> None:
    """With a title of the firmware. What was seen of the guest is kept in the folder, if there is one."""
    Show.step(f"The guest, booted by {firmware}")
    Show.command("virsh start demo")
    with running(domain) as seen:
        check_process(seen)
    report = seen.report
    low = [r for r in report.e820 if r.kind == "usable" and r.size >= MIB]
    high = [r for r in report.e820 if WINDOW <= r.start <= DIMM.end]
    print("  E820, as firmware gave it (usable memory of 1 MiB and more, and the window):")
    Show.lines([str(r) for r in [*low, *high]])
    print("  SRAT:")
    Show.lines([str(entry) for entry in report.srat])
    print("  /proc/iomem, from 4 GiB:")
    Show.lines([str(r) for r in report.iomem if WINDOW <= r.start <= DIMM.end])
    print("  the map that follows from these:")
    print("\n".join(draw(report)), flush=True)
    if folder:
        keep(seen, domain, folder)
    check_guest(seen)


def check_process(seen: Seen) -> None:
    Show.check("QEMU runs with SPM ahead of the DIMM", seen.argv.memory_order() == ORDER)
    Show.check("QEMU inherited no LD_PRELOAD",
               not any(entry.startswith("LD_PRELOAD=") for entry in seen.environment))


def check_guest(seen: Seen) -> None:
    report = seen.report
    expected = [Range(spm.start, spm.end, SOFT_RESERVED) for spm in SPM]
    Show.check("firmware announced exactly the SPM as soft reserved", report.soft_reserved == merged(expected))
    first = [next(entry for entry in report.srat if entry.node == spm.node) for spm in SPM]
    Show.check("the first SRAT match of node 1 and of node 2 is its SPM", first == SPM)
    Show.check("the DIMM lies above SPM, and Linux uses it at node 0",
               merged(report.hot_added) == [DIMM]
               and {(b.node, b.state) for b in report.blocks_of(DIMM)} == {("node0", "online")})
    kept = [Range(r.start, r.end, SOFT_RESERVED) for r in report.iomem if r.kind == "Soft Reserved"]
    Show.check("Linux keeps SPM out of its page allocator", merged(kept) == merged(expected))
    window = sorted(entry for entry in report.srat if entry.start >= WINDOW)
    rest = [entry for entry in window if entry not in SPM]
    Show.check("the rest of the window is hotpluggable, without gap or overlap",
               {entry.flags for entry in rest} == {SRAT_ENABLED | SRAT_HOTPLUGGABLE}
               and all(one.end == after.start for one, after in zip(window, window[1:])))


def keep(seen: Seen, domain: Defined, folder: Path) -> None:
    """Writes what was seen of the guest to files."""
    folder.mkdir(parents=True, exist_ok=True)
    serial = domain.daemon.folder / f"log/{domain.name}.serial"
    for name, text in {
            "domain.xml": domain.text, "stock.xml": domain.daemon.stored_xml(domain.name),
            "argv": "\n".join(f"{option} {value}" for option, value in seen.argv.options),
            "serial.log": serial.read_text(errors="replace"), "tables.txt": "\n".join(seen.report.summary())}.items():
        (folder / name).write_text(text)
    print(f"  kept in {folder}")


def show_all(firmware: dict[str, str], folder: Path | None) -> str:
    """Show everything, and the guest with each firmware, whose title is given. Tell what that proves."""
    stack = Stack.patched()
    show_domain()
    with Daemon(stack) as daemon:
        show_refusal(daemon, stack)
        domain = show_define(daemon, stack)
        show_argv(daemon)
        show_dump(domain)
        for name, title in firmware.items():
            show_guest(Defined(daemon, stack, "demo", name), title, folder and folder / f"demo-{name}")
    return f"SPM through stock libvirt, seen by guests with {' and with '.join(firmware.values())}"
