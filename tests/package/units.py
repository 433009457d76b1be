# SPDX-License-Identifier: LGPL-2.1-or-later
"""A unit of systemd, read as systemd reads it, so that its service can be started without systemd."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

# What a system unit gets from systemd itself.
DEFAULT_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
# Later folders win over earlier ones, for a unit as for a drop-in of one name.
FOLDERS = ("usr/lib/systemd/system", "run/systemd/system", "etc/systemd/system")


@dataclass
class Service:
    """What a service is started with: the settings of its unit and of its drop-ins."""

    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_ENVIRONMENT))
    drop_ins: list[str] = field(default_factory=list)


def read_service(root: Path, name: str) -> Service:
    """The service NAME.service of the system below root. Environment files are read last, as systemd does
    it at the start; then the command's variables are expanded."""
    drop_ins = {path.name: path for folder in FOLDERS
                for path in sorted((root / folder / f"{name}.service.d").glob("*.conf"))}
    unit = [root / folder / f"{name}.service" for folder in FOLDERS if (root / folder / f"{name}.service").exists()]
    service, files, command = Service(drop_ins=sorted(drop_ins)), [], ""
    for path in [unit[-1], *(drop_ins[key] for key in sorted(drop_ins))]:
        for key, value in settings(path.read_text()):
            if key == "Environment" and value:
                service.environment.update(assignments(value))
            elif key == "Environment":
                service.environment = dict(DEFAULT_ENVIRONMENT)
            elif key == "EnvironmentFile":
                files.append(value)
            elif key == "ExecStart":
                command = value
    for file in files:
        path = root / file.removeprefix("-").lstrip("/")
        if path.exists() or not file.startswith("-"):
            service.environment.update(assignments(path.read_text(), comments=True))
    service.command = expand(command, service.environment)
    return service


def settings(text: str) -> list[tuple[str, str]]:
    """The settings of the section [Service], in their order."""
    section, found = "", []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and line[0] not in "#;":
            key, value = line.split("=", 1)
            found.append((key.strip(), value.strip()))
    return found


def assignments(text: str, comments: bool = False) -> dict[str, str]:
    """NAME=VALUE words. One with a specifier is left out: here, that is a credential's folder, which only
    systemd can make."""
    words = shlex.split(text, comments=comments)
    return {name: value for name, _, value in (word.partition("=") for word in words)
            if not re.search("%[^%]", value)}


def expand(command: str, environment: dict[str, str]) -> list[str]:
    """A command line as words: $NAME alone becomes as many words as its value has."""
    words: list[str] = []
    for word in shlex.split(command):
        name = re.fullmatch(r"\$(\w+)", word)
        words += environment.get(name[1], "").split() if name else [word]
    return words
