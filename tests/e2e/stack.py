# SPDX-License-Identifier: LGPL-2.1-or-later
"""The parts under test, and where they are."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Stack:
    """Where the parts of the whole are; scripts/check tells it through the environment."""

    emulator: Path
    plugin: Path
    guest: Path
    ovmf: Path
    device: str = "spm-memory"  # that the emulator has

    VARIABLES: ClassVar[dict[str, str]] = {
        "emulator": "SPM_QEMU", "plugin": "SPM_PLUGIN", "guest": "SPM_GUEST", "ovmf": "SPM_OVMF"}

    @classmethod
    def from_environment(cls) -> "Stack":
        """Raises LookupError that names what is missing."""
        values = {name: os.environ.get(variable) for name, variable in cls.VARIABLES.items()}
        for name, variable in cls.VARIABLES.items():
            value = values[name]
            if not value:
                raise LookupError(f"{variable} does not say where the {name} is")
            if not Path(value).exists():
                raise LookupError(f"{variable}: there is no {value}")
        paths = {name: Path(value) for name, value in values.items() if value}
        return cls(**{**paths, "emulator": public(paths["emulator"])})


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
