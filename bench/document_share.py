# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the module adds to libvirt's own cost of a document: document_share.py [KIND...], as root inside
scripts/sandbox.

For each kind of document_cost.py, this gives virDomainDefineXML() documents of three sizes, up to 16 MiB, in a process
with the hypervisor embedded, where no protocol limits them: with SPM and the module preloaded, and with a DIMM in place
of the SPM and without the module. It prints the CPU seconds of that call and the MiB by which the process grew at most,
whether the call failed or not, and what the module adds as a fraction of stock libvirt's cost. A fraction below 1.00 is
less than libvirt's own cost. SPM_BUILD names another build than build/, SPM_QEMU an emulator. bench/run measures a few
of these."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from document_cost import KINDS, ROOT, document

MODULE = pathlib.Path(os.environ.get("SPM_BUILD", ROOT / "build")) / "src" / "libvirt-spm.so"
SECONDS = 60
SIZES = [1 << 16, 1 << 20, 1 << 24]
EMULATOR = os.environ.get("SPM_QEMU", "/usr/bin/qemu-system-x86_64")

CALL = """
import resource, sys, threading, time, libvirt
libvirt.virEventRegisterDefaultImpl()
libvirt.registerErrorHandler(lambda *_: None, None)
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)], daemon=True).start()
conn = libvirt.open("qemu:///embed?root=" + sys.argv[1])
xml = open(sys.argv[2]).read()
try:
    conn.domainXMLToNative("qemu-argv", sys.argv[3])
except libvirt.libvirtError:
    pass
height = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
try:
    conn.defineXML(xml)
    outcome = "defined"
except libvirt.libvirtError as error:
    outcome = error.get_error_message()
seconds = time.process_time() - start
print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - height) / 1024, outcome[:60].replace("\\n", " "))
"""


def stock(text: str) -> str:
    """The document with DIMMs in place of SPM, in a cell that has memory."""
    return text.replace("model='spm'", "model='dimm'").replace("<cell id='1' memory='0'/>", "").replace(
        "<node>1</node>", "<node>0</node>")


def complete(text: str) -> str:
    """The document with what libvirt requires of every domain."""
    return text.replace("<memory unit", "<name>cost</name><vcpu>1</vcpu><maxMemory slots='16' unit='GiB'>64</maxMemory>"
                        "<memory unit", 1).replace("type='kvm'", "type='qemu'", 1).replace(
        "<devices>", f"<devices><emulator>{EMULATOR}</emulator>", 1)


def cost(text: str, preload: str) -> tuple[float, float, str]:
    """CPU seconds, MiB and outcome of one call, in a process of its own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="share-"))
    try:
        (folder / "domain.xml").write_text(text)
        (folder / "spm.conf").write_text("[spm]\ndevice=spm-memory\n")
        done = subprocess.run(
            ["/usr/bin/python3", "-c", CALL, str(folder / "root"), str(folder / "domain.xml"), "<domain/>"],
            capture_output=True, text=True, check=True, timeout=SECONDS,
            env={**os.environ, "LD_PRELOAD": preload, "LIBVIRT_SPM_CONF": str(folder / "spm.conf")})
        seconds, mib, outcome = done.stdout.split(" ", 2)
        return float(seconds), float(mib), outcome.strip()
    except subprocess.TimeoutExpired:
        return float(SECONDS), float("nan"), "timed out"
    finally:
        shutil.rmtree(folder)


def main() -> int:
    print(f"{'kind':10} {'KiB':>6} {'stock':>15} {'with module':>15} {'added':>12}")
    for kind in sys.argv[1:] or KINDS:
        for size in SIZES:
            text = complete(document(kind, size))
            plain, ours = cost(stock(text), ""), cost(text, str(MODULE))
            added = [(ours[i] - plain[i]) / max(plain[i], least) for i, least in ((0, 0.001), (1, 0.1))]
            print(f"{kind:10} {len(text) >> 10:6} {plain[0]:8.3f} {plain[1]:6.0f} {ours[0]:8.3f} {ours[1]:6.0f}"
                  f" {added[0]:6.2f} {added[1]:5.2f}  {plain[2]} | {ours[2]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
