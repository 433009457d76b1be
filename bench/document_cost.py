# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a document costs: document_cost.py [KIND...]. SPM_BUILD names another build than build/.

Each kind is an element that can be repeated. For each kind, this makes documents of 1 KiB to 16 MiB, each four times as
large as the one before. It prints the seconds of CPU time and the MiB of memory that virt-spm takes to validate,
translate and translate them back, and that xmllint takes to read the same text; libvirt reads it as well and does more.
A column that grows faster than the documents is not linear. The ratio compares the most expensive of the three with
xmllint.

virt-spm reads a document twice when it translates: once to list its faults, and once as the daemon does. bench/run
measures a few of these kinds."""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
VIRT_SPM = pathlib.Path(os.environ.get("SPM_BUILD", ROOT / "build")) / "src" / "virt-spm"
READ = ("xmllint", "--noout")
TRANSLATE = (str(VIRT_SPM), "translate")
NAMESPACE = "xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'"
SIZES = [1 << bits for bits in range(10, 25, 2)]
# below libxml2's limit of 10 MB for one piece of text
TEXT_MAX = 9_500_000
SECONDS = 60
# libxml2 2.9 compares each attribute of an element with those before it, so larger documents are left out
PARSE_MAX = 5

DOMAIN = f"""<domain type='kvm' {NAMESPACE}>
  <memory unit='GiB'>2</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  BACKING
  <cpu><numa><cell id='0' cpus='0' memory='1' unit='GiB'/><cell id='1' memory='0'/>CELLS</numa></cpu>
  <devices><memory model='spm'>SOURCE<target><size unit='GiB'>1</size><node>1</node></target></memory>
  <memory model='dimm'><target><size>2048</size><node>1</node></target><alias name='ua-carrier'/></memory>DEVICES</devices>
  <q:override><q:device alias='ua-carrier'><q:frontend><q:property name='driver' type='string' value='spm-memory'/>
  </q:frontend></q:device>OVERRIDES</q:override>
  REST
</domain>
"""
MEMORY = "<memory model='MODEL'><target><size>2048</size><node>CELL</node></target><alias name='ua-{}'/></memory>\n"
SPM = MEMORY.replace("MODEL", "spm").replace("CELL", "1")
DIMM = MEMORY.replace("MODEL", "dimm").replace("CELL", "0")
OVERRIDE = ("<q:device alias='ua-{}'><q:frontend><q:property name='driver' type='string' value='spm-memory'/>"
            "</q:frontend></q:device>\n")

# Where an element is repeated, and which. {} is replaced by the number of the repetition.
KINDS = {
    "spm": ("DEVICES", SPM),
    "dimm": ("DEVICES", DIMM),
    "carrier": ("DEVICES", DIMM, "OVERRIDES", OVERRIDE),
    "disk": ("DEVICES", "<disk type='file'><alias name='ua-spm{}'/></disk>\n"),
    "devices": ("REST", "<devices><disk type='file'/></devices>\n"),
    "cell": ("CELLS", "<cell memory='0'/>\n"),
    "latency": ("CELLS", "<interconnects><latency initiator='0' target='1' value='{}'/></interconnects>\n"),
    "override": ("OVERRIDES", OVERRIDE),
    "property": ("OVERRIDES", "<q:device alias='ua-spm0'><q:frontend><q:property name='p{}' type='string' value='v'/>"
                              "</q:frontend></q:device>\n"),
    "argument": ("REST", "<q:commandline><q:arg value='-numa'/><q:arg value='node,nodeid={}'/></q:commandline>\n"),
    "page": ("BACKING", "<memoryBacking><hugepages><page size='2048' nodeset='0-1,^0'/></hugepages></memoryBacking>\n"),
    "memnode": ("REST", "<memnode cellid='{}' mode='strict' nodeset='0'/>\n", "<numatune>", "</numatune>"),
    "numatune": ("REST", "<numatune><memnode cellid='{}' mode='strict' nodeset='0'/></numatune>\n"),
    "nodeset": ("SOURCE", "0-16383,", "<source><nodemask>", "0</nodemask></source>"),
    "pagelist": ("BACKING", "0-16383,", "<memoryBacking><hugepages><page size='2048' nodeset='",
                 "0'/></hugepages></memoryBacking>"),
    "metadata": ("REST", "<metadata><a:b xmlns:a='urn:a'>text</a:b></metadata>\n"),
    "attribute": ("REST", " a{}='1'", "<metadata><b", "/></metadata>"),
    "comment": ("DEVICES", "<!-- {} -->\n"),
    "child": ("SOURCE", "<color/>\n"),
    "text": ("REST", "text of metadata\n", "<metadata>", "</metadata>"),
}


def document(kind: str, size: int) -> str:
    """A document of about that many bytes."""
    place, unit, *more = KINDS[kind]
    before, after = (more if len(more) == 2 and more[0] != "OVERRIDES" else ("", ""))
    parts = {place: unit, **(dict([more]) if more and not before else {})}
    rest = max(min(size, TEXT_MAX if kind in ("nodeset", "pagelist", "text") else size) - len(DOMAIN), 0)
    number = rest // sum(len(text.format(rest)) for text in parts.values())
    text = DOMAIN
    for name in ("BACKING", "CELLS", "SOURCE", "DEVICES", "OVERRIDES", "REST"):
        repeated = "".join(parts[name].format(i) for i in range(2, number + 2)) if name in parts else ""
        text = text.replace(name, before + repeated + after if repeated else "", 1)
    return text


def write(path: pathlib.Path, kind: str, size: int) -> None:
    """Write a document in another process: the memory of a child is counted from that of its parent."""
    pid = os.fork()
    if pid == 0:
        path.write_text(document(kind, size))
        os._exit(0)
    os.waitpid(pid, 0)


def cost(*command: str) -> tuple[float, float]:
    """CPU seconds and MiB of a program, whether it fails or not."""
    with subprocess.Popen(["timeout", str(SECONDS), *command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> int:
    kinds = sys.argv[1:] or list(KINDS)
    print(f"{'':10} {'':>6} {'xmllint':>14} {'validate':>14} {'translate':>14} {'--reverse':>14}   ratio")
    print(f"{'kind':10} {'KiB':>6}" + f" {'s':>7} {'MiB':>6}" * 4 + "    s   MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "domain.xml"
        for kind in kinds:
            for size in SIZES:
                write(path, kind, size)
                read = cost(*READ, str(path))
                made = [cost(str(VIRT_SPM), *words, str(path))
                        for words in (["validate"], ["translate"], ["translate", "--reverse"])]
                row = "".join(f" {seconds:7.2f} {mib:6.0f}" for seconds, mib in [read, *made])
                ratio = [max(item[i] for item in made) / max(read[i], 0.01) for i in (0, 1)]
                print(f"{kind:10} {path.stat().st_size >> 10:6}{row} {ratio[0]:5.1f} {ratio[1]:5.1f}", flush=True)
                if read[0] > PARSE_MAX:
                    break
    return 0


if __name__ == "__main__":
    sys.exit(main())
