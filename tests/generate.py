# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domain documents by chance, and damage to them; everything follows from the state of one random.Random."""

import re
from xml.sax.saxutils import escape, quoteattr

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
GIB = 1024 * 1024


class Document:
    """One domain. A plain one is laid out as libvirt does; an odd one is the same to an XML reader only."""

    def __init__(self, random):
        self.random = random
        self.plain = random.random() < 0.6
        self.used = 0  # KiB
        self.aliases = []
        self.qemu = random.choice(["qemu", "qemu", "q", "x-1"])

    # An element is (name, attributes, children), a comment and a text are strings.

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, *values):
        return self.random.choice(values)

    def size(self, name, kib):
        """An element with a size, in any unit that gives it."""
        units = [("KiB", 1), (None, 1), ("k", 1), ("MiB", 1024), ("M", 1024), ("GiB", GIB)]
        unit, scale = self.pick(*[(u, s) for u, s in units if kib % s == 0])
        if self.chance(0.1):
            unit, scale, kib = "bytes", 1, kib * 1024
        return name, {"unit": unit} if unit else {}, [str(kib // scale)]

    def source(self):
        if self.chance(0.4):
            children = [("pool", {}, [self.pick("hbm", "b-2", "a_b", "a/b" if self.chance(0.1) else "c")])]
            if self.chance(0.75):
                children = [("path", {}, [self.pick("/dev/dax0.0", "/a", "/var/lib/a & b", "/x'y\"z", "relative"
                                                if self.chance(0.1) else "/b")])]
            if self.chance(0.4):
                children.append(self.size("alignsize", self.pick(4, 2048, GIB)))
            if self.chance(0.3):
                children.append(("pmem", {}, []))
        else:
            children = [self.size("pagesize", self.pick(4, 2048, GIB))] if self.chance(0.5) else []
            if self.chance(0.5):
                children.append(("nodemask", {}, [self.pick("0", "0-1", "1,3", "0-3,^2", "0 - 1"
                                                            if self.chance(0.1) else "2")]))
        if not self.plain:
            self.random.shuffle(children)
        return "source", {}, children

    def alias(self, name):
        alias = f"ua-{name}{len(self.aliases)}"
        if self.chance(0.03):
            alias = self.pick("ua-", "x", "ua-spm0", "ua-a b", *self.aliases)
        self.aliases.append(alias)
        return "alias", {"name": alias}, []

    def memory(self, model, cell, base=None):
        kib = self.pick(2048, 4096, 512 * 1024, GIB, 2 * GIB, 3 * 2048)
        if self.chance(0.01):
            kib = self.pick(0, 1, 2047, 1 << 52)
        self.used += kib
        target = [self.size("size", kib), ("node", {}, [str(cell)])]
        children = [("target", {}, target)]
        if model == "spm" and self.chance(0.4) or model == "nvdimm":
            children.insert(0, self.source() if model == "spm" else ("source", {}, [("path", {}, ["/n"])]))
        if model == "virtio-mem":
            target += [("block", {"unit": "KiB"}, ["2048"]), ("requested", {"unit": "KiB"}, ["0"])]
        if self.chance(0.3):
            children.append(self.alias(model))
        if base is not None:
            if model in ("spm", "virtio-mem"):
                target.append(("address", {"base": hex(base)}, []))
            else:
                children.append(("address", {"type": "dimm", "slot": str(self.random.randrange(8)),
                                             "base": hex(base)}, []))
        attributes = {"model": model}
        if self.chance(0.2):
            attributes["access"] = self.pick("shared", "private")
        if model == "spm" and self.chance(0.2):
            attributes["discard"] = self.pick("yes", "no")
        return "memory", attributes, children

    def devices(self, cells, empty):
        based = self.chance(0.25)
        # the window for memory devices begins higher up with more RAM
        base = 0x100000000 + (self.pick(cells, cells, cells, 0) << 30) + self.random.randrange(64) * 0x200000
        spms, others = [], []
        for _ in range(self.pick(0, 1, 1, 1, 2, 2, 3)):
            cell = self.random.choice(range(cells, cells + empty)) if empty and not self.chance(0.02) else 0
            before = self.used
            spms.append(self.memory("spm", cell, base if based else None))
            base += (self.used - before) * 1024 + self.pick(0, 0, 1 << 30)
        for _ in range(self.pick(0, 0, 1, 2)):
            before = self.used
            model = self.pick("dimm", "nvdimm", "virtio-mem")
            cell = self.random.randrange(cells) if cells and not self.chance(0.02) else cells
            others.append(self.memory(model, cell, base if based and not self.chance(0.03) else None))
            base += (self.used - before) * 1024
        devices = spms + others
        self.random.shuffle(devices)
        if self.chance(0.5):
            devices.insert(0, ("emulator", {}, ["/usr/bin/qemu-system-x86_64"]))
        if self.chance(0.3):
            devices.insert(self.random.randrange(len(devices) + 1),
                           ("disk", {"type": "file"}, [("alias", {"name": self.pick("ua-spm0", "ua-d")}, [])]))
        return "devices", {}, devices

    def distances(self, cell, cells):
        """What a cell has of distances; few are wrong."""
        siblings = []
        for sibling in self.random.sample(range(cells), self.random.randrange(1, cells + 1)):
            value = 10 if (sibling == cell) != self.chance(0.01) else self.random.randrange(11, 256)
            attributes = {"id": str(sibling), "value": str(value)}
            if self.chance(0.005):
                attributes[self.pick("id", "value")] = self.pick("", "x", "256", str(cells))
            siblings.append(("sibling", attributes, []))
        return "distances", {}, siblings

    def caches(self):
        """Memory-side caches of a cell."""
        caches = []
        for level in self.random.sample(range(1, 4), self.pick(1, 1, 2, 3)):
            size = "size", {"value": str(8 * level), "unit": self.pick("KiB", "KiB", "MiB")}, []
            line = "line", {"value": self.pick("64", "128"), "unit": "B"}, []
            attributes = {"level": str(level), "associativity": self.pick("none", "direct", "full"),
                          "policy": self.pick("none", "writeback", "writethrough")}
            if self.chance(0.01):
                attributes[self.pick(*attributes)] = self.pick("", "4", "write-back")
            caches.append(("cache", attributes, [size, line] if not self.chance(0.01) else [size]))
        return caches

    def interconnects(self, cells, numa):
        """Latencies and bandwidths from cells with CPUs to any, some of them through a cache of the target."""
        initiators = [cell for cell, (_, attributes, _) in enumerate(numa) if "cpus" in attributes] or [0]
        links = {}
        for _ in range(self.pick(1, 2, 3, 6)):
            target = self.random.randrange(cells if not self.chance(0.02) else cells + 1)
            attributes = {"initiator": str(self.pick(*initiators)), "target": str(target)}
            levels = [name[1]["level"] for name in (numa[target][2] if target < cells else []) if name[0] == "cache"]
            if levels and self.chance(0.3):
                attributes["cache"] = self.pick(*levels)
            attributes.update(type=self.pick("access", "read", "write"), value=str(self.random.randrange(1, 100)))
            if self.chance(0.01):
                attributes[self.pick(*attributes)] = self.pick("", "x", "9")
            name = self.pick("latency", "bandwidth")
            unit = {"unit": self.pick("KiB", "MiB", "GiB")} if name == "bandwidth" else {}
            key = name, *list(attributes.values())[:-1]
            links[key if not self.chance(0.01) else len(links)] = name, {**attributes, **unit}, []
        return "interconnects", {}, list(links.values())

    def numa(self, cells, empty):
        children = []
        detailed = self.chance(0.4)
        for number in range(cells):
            self.used += GIB
            attributes = {"id": str(number), "cpus": str(number), "memory": "1", "unit": "GiB"}
            if self.chance(0.1):
                attributes["memAccess"] = self.pick("shared", "private")
            if not self.plain and self.chance(0.1):
                del attributes["id"]
            if number and self.chance(0.1):
                del attributes["cpus"]
            children.append(("cell", attributes, []))
        for number in range(cells, cells + empty):
            attributes = {"id": str(number), "memory": "0", "unit": "KiB"}
            if self.chance(0.1):
                attributes["memAccess"] = self.pick("shared", "private")
            if self.chance(0.1):
                attributes["discard"] = self.pick("yes", "no")
            if not self.plain and self.chance(0.3):
                del attributes[self.pick("id", "unit")]
            if self.chance(0.02):
                attributes[self.pick("id", "memory", "cpus", "discard")] = self.pick("x", "9", "yes")
            children.append(("cell", attributes, []))
        for number, (_, _, parts) in enumerate(children):
            if detailed and self.chance(0.4):
                parts.append(self.distances(number, cells + empty))
            if detailed and self.chance(0.2):
                parts.extend(self.caches())
        links = [self.interconnects(cells + empty, children)] if detailed and self.chance(0.6) else []
        if not self.plain and self.chance(0.1):
            self.random.shuffle(children)
        if not self.plain and self.chance(0.1):
            return "cpu", {}, [("numa", {}, links + children)]
        return "cpu", {}, [("numa", {}, children + links)]

    def max_memory(self):
        attributes = {"slots": str(self.random.randrange(1, 9)), "unit": "KiB"}
        if self.chance(0.2):
            del attributes["slots"]
        if not self.plain and self.chance(0.1):
            attributes["slots"] = self.pick("0", "x", "99999999999")
        spare = self.pick(0, 0, GIB, 16 * GIB) - (2048 if self.chance(0.03) else 0)
        return "maxMemory", attributes, [str(max(self.used + spare, 0))]

    def pages(self):
        """Any number of them; libvirt takes no cell in two of them, nor two without cells."""
        pages, sets = [], self.pick(["0", "1"], ["0-1"], ["0", "1-2"], ["2", "1", "0"], ["0,2"], ["1-2", "0", "3"], ["0", "1", "1"])
        for number in range(self.pick(0, 1, 1, 2, 3)):
            nodeset = sets[number] if number < len(sets) else None
            size = {"size": self.pick("2048", "1048576", "4"), "unit": "KiB"}
            if not self.plain and self.chance(0.2):
                size = self.pick({"size": "2", "unit": "M"}, {"size": " 2048 "}, {"size": "x"} if self.chance(0.1) else {"size": "4"})
                nodeset = nodeset and self.pick(nodeset, f" {nodeset} ", f"{nodeset},{nodeset}")
            pages.append(("page", {**size, **({"nodeset": nodeset} if nodeset and self.chance(0.8) else {})}, []))
        return "hugepages", {}, pages

    def memory_backing(self):
        children = [self.pages()] if self.chance(0.5) else []
        for name, attribute, values in (("source", "type", ("memfd", "file", "anonymous")),
                                        ("access", "mode", ("shared", "private")),
                                        ("allocation", "mode", ("immediate", "ondemand"))):
            if self.chance(0.3):
                children.append((name, {attribute: self.pick(*values)}, []))
        return "memoryBacking", {}, children

    def memnodes(self, cells):
        nodes = []
        for cell in range(cells):
            if not self.chance(0.4):
                continue
            attributes = {"cellid": str(cell), "mode": self.pick("strict", "strict", "preferred", "restrictive"), "nodeset": self.pick("1", "0,2")}
            if not self.plain and self.chance(0.2):
                attributes[self.pick("mode", "nodeset", "cellid")] = self.pick("x", "0 , 1", "strict")
            if not self.plain and self.chance(0.1):
                del attributes["mode"]
            nodes.append(("memnode", attributes, []))
        if not self.plain:
            self.random.shuffle(nodes)
        return nodes

    def numatune(self, cells):
        children = [("memory", {"mode": self.pick("strict", "interleave", "restrictive"), "nodeset": "0-1"}, [])]
        return "numatune", {}, (children if self.chance(0.6) else []) + self.memnodes(cells)

    def override(self):
        q = self.qemu
        devices = []
        for alias in {self.pick("ua-other", "ua-spm0", *self.aliases) for _ in range(2)}:
            name = self.pick("slot", "driver", "node") if self.chance(0.05) else "x-prop"
            properties = [(f"{q}:property", {"name": name, "type": "string", "value": self.pick("a", "<&'\">")}, [])]
            devices.append((f"{q}:device", {"alias": alias}, [(f"{q}:frontend", {}, properties)]))
        return f"{q}:override", {}, devices

    def command_line(self):
        q = self.qemu
        words = self.pick(["-global", "a.b=c"], ["-numa", "cpu,node-id=0"], ["-numa"], ["-numa", "node,nodeid=7"])
        return f"{q}:commandline", {}, [(f"{q}:arg", {"value": word}, []) for word in words]

    def domain(self):
        cells, empty = self.pick(1, 1, 2, 3), self.pick(0, 1, 1, 1, 2, 3)
        devices, cpu = self.devices(cells, empty), self.numa(cells, empty)
        attributes = {"type": self.pick("kvm", "qemu") if not self.chance(0.02) else self.pick("xen", "")}
        machine = self.pick("q35", "pc", "pc-q35-10.0") if not self.chance(0.02) else "microvm"
        children = [("name", {}, [self.pick("a", "spm", "ж & <spm>")]),
                    ("memory", {"unit": "KiB"}, [str(self.used)]),
                    ("os", {}, [("type", {"arch": "x86_64", "machine": machine}, ["hvm"])]),
                    ("features", {}, [("acpi", {}, [])] if not self.chance(0.02) else []), cpu, devices]
        if self.chance(0.8):
            children.insert(1, self.max_memory())
        for probability, make in ((0.3, self.memory_backing), (0.3, lambda: self.numatune(cells + empty + 1))):
            if self.chance(probability):
                children.insert(3, make())
        if self.chance(0.2):
            children.insert(1, ("metadata", {}, [("m:a", {"xmlns:m": "urn:a", "m:b": "spm-memory"},
                                                  ["text & <more>"] if self.chance(0.5) else [])]))
        wrappers = [make() for make in (self.command_line, self.override) if self.chance(0.2)]
        if not self.plain and self.chance(0.2):
            wrappers.append((f"{self.qemu}:{self.pick('override', 'commandline')}", {}, []))
        if wrappers or not self.plain and self.chance(0.2):
            attributes[f"xmlns:{self.qemu}"] = QEMU
        children += wrappers
        if not self.plain:
            children = [part for child in children for part in self.parts(child)]
        return "domain", attributes, children

    def parts(self, element):
        """One element as several, where libvirt reads them all."""
        name, attributes, children = element
        several = name in ("devices", "features", "memoryBacking") or name.startswith(f"{self.qemu}:")
        if not several or self.chance(0.7):
            return [element]
        cut = self.random.randrange(len(children) + 1)
        return [(name, attributes, children[:cut]), (name, attributes, children[cut:])]

    # Writing

    def space(self, otherwise):
        if self.plain:
            return otherwise
        return self.pick("", " ", "\n", "\t\n  ", "\r\n", otherwise, otherwise)

    def attribute(self, name, value):
        text = quoteattr(value)
        if self.plain or self.chance(0.5):
            inner = escape(value, {"'": "&apos;", '"': "&quot;"})
            text = f"'{inner}'"
        return f"{'' if self.plain else self.pick('', ' ', chr(10))} {name}={text}"

    def comment(self):
        return self.pick("<!-- spm -->", "<!---->", "<?pi spm?>")

    def write(self, element, depth=0):
        name, attributes, children = element
        items = list(attributes.items())
        # libvirt has namespaces behind the attributes
        items.sort(key=lambda item: item[0].startswith("xmlns"))
        if not self.plain:
            self.random.shuffle(items)
        start = f"<{name}" + "".join(self.attribute(*item) for item in items)
        if not children:
            return start + ("/>" if self.plain or self.chance(0.7) else f"></{name}>")
        inner = ""
        for child in children:
            if isinstance(child, str):
                inner += escape(child) if self.plain or self.chance(0.8) else f"<![CDATA[{child}]]>"
                continue
            if not self.plain and self.chance(0.05):
                inner += self.comment()
            inner += self.space("\n" + "  " * (depth + 1)) + self.write(child, depth + 1)
        if not isinstance(children[-1], str):
            inner += self.space("\n" + "  " * depth)
        return f"{start}>{inner}</{name}>"

    def text(self):
        return self.write(self.domain()) + "\n"


class Requesting(Document):
    """A domain that requests SPM; it may have spm elements of its own, and no cells."""

    def request_text(self):
        text = self.pick("2MiB", "4MiB", "512MiB", "1GiB", " 6 MiB ", "2097152KiB", "3MiB" if self.chance(0.1) else "8MiB")
        text += self.pick("", "", ",profile=hbm", ",profile=pages", ",profile=wrong" if self.chance(0.1) else "")
        return text + (f",cell={self.random.randrange(5)}" if self.chance(0.2) else "")

    def own(self):
        requests = []
        for _ in range(self.pick(1, 1, 2, 3)):
            name, attributes, (size,) = self.size("request", self.pick(2048, 4096, 512 * 1024, GIB))
            attributes["size"] = size if not self.chance(0.02) else self.pick("0", "x", "-1")
            if self.chance(0.4):
                attributes["profile"] = self.pick("hbm", "pages", "none" if self.chance(0.1) else "hbm")
            if self.chance(0.2):
                attributes["cell"] = str(self.random.randrange(5))
            requests.append((f"s:{name}", attributes, []))
        return "s:requests", {"xmlns:s": "urn:libvirt-spm:request:1.0"}, requests

    def nova(self):
        specs = [(name, value) for name, value in (
            ("spm:size", ";".join(self.request_text() for _ in range(self.pick(1, 1, 2)))), ("spm:profile", "hbm"),
            ("resources:CUSTOM_SPM_MIB", self.pick("2", "4", "1024")), ("hw:cpu_policy", "shared")) if self.chance(0.4)]
        extra = [("nova:extraSpecs", {}, [("nova:extraSpec", {"name": name}, [value]) for name, value in specs])]
        flavor = "nova:flavor", {"name": self.pick("m1.spm", "m1.small")}, extra if self.chance(0.6) else []
        return "nova:instance", {"xmlns:nova": "http://openstack.org/xmlns/libvirt/nova/1.1"}, [flavor]

    def ovirt(self):
        text = ";".join(self.request_text() for _ in range(self.pick(1, 1, 2)))
        return "o:vm", {"xmlns:o": "http://ovirt.org/vm/1.0"}, [("o:custom", {}, [("o:spm", {}, [text])])]

    def numa(self, cells, empty):
        """Nothing may name a cell that is not there: expansion might make it, and then keep it."""
        name, attributes, ((numa, _, children),) = super().numa(cells, empty)
        known = {str(number) for number in range(cells + empty)}
        for parent in [*children, *(part for child in children for part in child[2])]:
            parent[2][:] = [part for part in parent[2] if part[0] not in ("sibling", "latency", "bandwidth")
                            or {part[1].get(key, "0") for key in ("id", "initiator", "target")} <= known]
        return name, attributes, [(numa, {}, children)]

    def memnodes(self, cells):
        return super().memnodes(1)

    def memory_backing(self):
        name, attributes, children = super().memory_backing()
        return name, attributes, [child for child in children if child[0] != "hugepages"]

    def metadata(self):
        sources = [self.pick(self.own, self.own, self.nova, self.ovirt)()]
        if self.chance(0.02):
            sources.append(self.pick(self.own, self.ovirt)())
        return "metadata", {}, sources

    def domain(self):
        name, attributes, children = super().domain()
        children = [child for child in children if child[0] != "metadata"]
        if self.chance(0.4):  # as Nova's are
            children = [child for child in children if child[0] not in ("cpu", "maxMemory", "numatune")]
            children = [("devices", {}, [device for device in child[2] if device[0] != "memory"]) if child[0] == "devices"
                        else child for child in children]
            children.append(("vcpu", {}, [str(self.pick(1, 2, 8))]))
        if self.chance(0.3):
            children.insert(1, ("currentMemory", {"unit": "KiB"}, [str(self.pick(self.used, GIB, 1024))]))
        children.insert(self.pick(0, 1, len(children)), self.metadata())
        return name, attributes, children


TAG = re.compile(r"<[/?!]?[^<>]*>")
ATTRIBUTE = re.compile(r"""\s[\w:-]+=("[^"]*"|'[^']*')""")
WORDS = ["spm", "2MiB", "ua-spm-request0", "cell=1", "profile='hbm'", "0", "-1", "18446744073709551616", "1e3", "0x", "", "&lt;", "&amp;", "&x;", "'", "\"", "<", ">", "]]>",
         "<!--", "ua-spm0", "spm-memory", "driver", "node,nodeid=1", "é", "\u200b", "<memory model='spm'/>",
         "<!DOCTYPE a [<!ENTITY b 'c'>]>", f" xmlns='{QEMU}'", f" xmlns:qemu='{QEMU}'", "<qemu:override/>"]


def mutate(text, random):
    """Damage a document in one to three places."""
    for _ in range(random.choice((1, 1, 2, 3))):
        text = random.choice(MUTATIONS)(text, random)
    return text.replace("\0", "")


def _span(pattern, text, random):
    spans = [match.span() for match in pattern.finditer(text)]
    return random.choice(spans) if spans else (0, 0)


def _bytes(text, random):
    at = random.randrange(len(text) + 1)
    return text[:at] + chr(random.choice((random.randrange(1, 128), 0x10FFFF, 0xFF))) + text[at + 1:]


def _word(text, random):
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(WORDS) + text[at + random.choice((0, 0, 1, 5)):]


def _drop_attribute(text, random):
    start, end = _span(ATTRIBUTE, text, random)
    return text[:start] + text[end:]


def _change_attribute(text, random):
    start, end = _span(ATTRIBUTE, text, random)
    name = text[start:end].split("=")[0]
    return text[:start] + f"{name}='{random.choice(WORDS)}'" + text[end:]


def _swap_elements(text, random):
    first, second = sorted((_span(TAG, text, random), _span(TAG, text, random)))
    if first[1] > second[0]:
        return text
    return text[:first[0]] + text[slice(*second)] + text[first[1]:second[0]] + text[slice(*first)] + text[second[1]:]


def _duplicate(text, random):
    tags = [match.span() for match in TAG.finditer(text)]
    if not tags:
        return text
    start = random.choice(tags)[0]
    end = random.choice([end for begin, end in tags if begin >= start][:8])
    return text[:end] + text[start:end] * random.choice((1, 1, 40)) + text[end:]


def _drop_element(text, random):
    start, end = _span(TAG, text, random)
    return text[:start] + text[end:]


def _truncate(text, random):
    return text[:random.randrange(len(text) + 1)]


MUTATIONS = [_bytes, _word, _drop_attribute, _change_attribute, _swap_elements, _duplicate, _drop_element, _truncate]
