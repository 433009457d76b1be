# SPDX-License-Identifier: LGPL-2.1-or-later
"""The parts under test, and where they are."""

import os
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Stack:
    """Where the parts of the whole are, as libvirtd finds them; scripts/check tells it through the environment."""

    emulator: Path
    plugin: Path
    guest: Path
    ovmf: Path
    tracer: Path  # goes before the plugin and keeps a list of calls
    device: str = "spm-memory"  # that the emulator has
    firmware: str = "seabios"  # the quicker one of those that pass SPM on
    root: Path | None = None  # the folder that is libvirtd's "/"
    old: bool = True  # libvirt cannot start a domain with a cell of memory 0
    programs: Path | None = None  # where libvirtd and virsh are, if not where the distribution has them

    @classmethod
    def patched(cls) -> "Stack":
        """The installed libvirt, and an emulator of ours. Raises LookupError that names what is missing."""
        return cls(emulator=public(given("SPM_QEMU")), plugin=given("SPM_PLUGIN"), guest=given("SPM_GUEST"),
                   ovmf=given("SPM_OVMF"), tracer=given("SPM_BUILD") / "tests/trace-libvirt.so")

    @classmethod
    def stock(cls) -> "Stack":
        """A new distribution in a folder, with nothing of ours but the plugin."""
        return cls.distribution("SPM_STOCK_ROOT", Path("/run/stock"))

    @classmethod
    def managers(cls) -> "Stack":
        """The same distribution, with programs that manage a libvirt."""
        return cls.distribution("SPM_MANAGERS_ROOT", Path("/run/managers"))

    @classmethod
    def distribution(cls, source: str, base: Path) -> "Stack":
        """A copy of the root folder that the variable SOURCE names, which is made below BASE once."""
        root, parts = base / "root", base / "root/opt/spm"
        if not root.is_mount():
            subprocess.run([ROOT / "scripts/mount-root", given(source), base], check=True)
            # What the tests put into files has the same name inside as outside.
            for source, place in ((given("SPM_STOCK_PLUGIN").parent, parts / "plugin"),
                                  (given("SPM_GUEST"), parts / "guest"), (given("SPM_BUILD") / "tests", parts / "tests"),
                                  (Path(tempfile.gettempdir()), root / tempfile.gettempdir()[1:])):
                place.mkdir(parents=True)
                subprocess.run(["mount", "--bind", source, place], check=True)
        inside = Path("/opt/spm")
        return cls(emulator=Path("/usr/bin/qemu-system-x86_64"), plugin=inside / "plugin/libvirt-spm.so",
                   guest=inside / "guest", ovmf=Path("/usr/share/OVMF"), tracer=inside / "tests/trace-libvirt.so",
                   device="sp-mem", firmware="ovmf", root=root, old=False)

    @classmethod
    def native(cls) -> "Stack":
        """A libvirt that is built with our series, and an emulator of ours. The plugin is not loaded."""
        return replace(cls.patched(), old=False, programs=given("SPM_NATIVE"))

    def pretend(self, path: Path, device: str) -> None:
        """Put a program there that is the emulator, but for the name of its device, which is another one."""
        name = self.device.encode()
        program = self.outside(self.emulator).read_bytes()
        assert b"\0" + name + b"\0" in program
        path.unlink(missing_ok=True)
        path.write_bytes(program.replace(b"\0" + name + b"\0", b"\0" + name.replace(b"-", b"_") + b"\0")
                         + f"\0{device}\0".encode())
        path.chmod(0o755)

    def outside(self, path: Path) -> Path:
        """Where the tests themselves find it."""
        return self.root / path.relative_to("/") if self.root else path


def given(variable: str) -> Path:
    """What a variable of the environment names."""
    value = os.environ.get(variable)
    if not value:
        raise LookupError(f"{variable} does not say where something is that is needed")
    if not Path(value).exists():
        raise LookupError(f"{variable}: there is no {value}")
    return Path(value)


def public(emulator: Path) -> Path:
    """An emulator where everybody can run it, as the plugin asks it as user nobody. In the sandbox alone: the mount
    ends with it."""
    if "SPM_SANDBOX" not in os.environ or all(folder.stat().st_mode & 0o001 for folder in emulator.parents):
        return emulator
    prefix = emulator.parent.parent
    place = Path("/run") / prefix.name
    if not place.is_mount():
        place.mkdir(exist_ok=True)
        subprocess.run(["mount", "--bind", str(prefix), str(place)], check=True)
    return place / "bin" / emulator.name
