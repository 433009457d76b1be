# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mounts and processes of a command's own. Nothing else in the tests makes a namespace; test_house.py sees to that."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType


def with_own_mounts(*command: str | os.PathLike[str], own_host: bool = False) -> list[str]:
    """The words that run the command in a mount namespace of its own and, if asked, with a host name of its own. Only
    inside scripts/sandbox, which made all mounts private. unshare would make them private by default, and fails at
    that in a chroot, where "/" is not a mount point."""
    if "SPM_SANDBOX" not in os.environ:
        raise LookupError("mounts are made inside scripts/sandbox only")
    return ["unshare", "--mount", *["--uts"] * own_host, "--propagation", "unchanged", *map(os.fspath, command)]


def with_own_processes(*command: str | os.PathLike[str]) -> list[str]:
    """The words that run the command where it sees no processes but its own, which end with it."""
    inside = with_own_mounts("sh", "-c", 'mount -t proc proc /proc && "$@"', "sh", *command)
    return [inside[0], "--pid", "--fork", "--kill-child", *inside[1:]]


def in_chroot(folder: Path, *command: str, places: Mapping[str, Path] = MappingProxyType({})) -> list[str]:
    """The words that run the command with the folder, which is made, as "/": in an ordinary folder with Debian's /usr
    and /proc, as debootstrap leaves it. Each of the places shows another folder."""
    for name in "usr", "proc", "run", "tmp", "dev":
        (folder / name).mkdir(parents=True)
    for name in "bin", "sbin", "lib", "lib64":
        (folder / name).symlink_to(f"usr/{name}")
    script = 'set -e; mount --bind /usr "$0/usr"; mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"\n'
    for place, source in places.items():
        (folder / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        script += f'mount --bind {shlex.quote(str(source))} "$0{place}"\n'
    return with_own_mounts("sh", "-c", script + 'exec chroot "$0" "$@"', folder, *command)
