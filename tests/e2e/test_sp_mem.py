# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/sp-mem.rst says what stock QEMU's sp-mem does wrong: each command there prints what the page says."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from stack import ROOT, Stack

PAGE = ROOT / "docs/sp-mem.rst"
# Between what one command prints and what the next does.
END = "@@end of a command@@"
DEADLINE = 300

pytestmark = pytest.mark.stacks("stock")


class Step(NamedTuple):
    """A command of the page and what it prints; "..." in that stands for any text of a line."""

    command: str
    output: str


def steps(part: str) -> list[Step]:
    """The commands of a part of the page, from the lines that are indented as literal blocks are."""
    found: list[Step] = []
    for line in re.findall(r"^    (.*)$", part, re.MULTILINE):
        if line.startswith("$ "):
            found.append(Step(line[2:], ""))
        elif line.startswith("> "):
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line[2:]}")
        else:
            found[-1] = found[-1]._replace(output=f"{found[-1].output}{line}\n")
    return found


def parts() -> dict[str, list[Step]]:
    """The parts of the page by their titles; the first holds the title of the page and what all others begin with."""
    pieces = re.split(r"^(.+)\n=+\n", PAGE.read_text(), flags=re.MULTILINE)
    return {title: steps(text) for title, text in zip(pieces[1::2], pieces[2::2])}


PARTS = parts()
COMMON = PARTS.pop(next(iter(PARTS)))


def matches(expected: str, printed: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, expected.split("..."))), printed) is not None


def run(stack: Stack, folder: Path, commands: list[str]) -> list[str]:
    """What each of the commands prints, in one shell, in a folder that has the same name inside and outside."""
    script = "".join(f"{command}\nprintf '%s' '{END}'\n" for command in commands)
    done = subprocess.run(["chroot", stack.root, "bash", "-c", f"cd {folder}\n{script}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE, check=False)
    return done.stdout.decode(errors="replace").replace("\r\n", "\n").split(END)


def test_the_page_has_commands() -> None:
    assert len(COMMON) == 5 and len(PARTS) == 7
    assert all(any(step.output for step in part) for part in PARTS.values())


@pytest.mark.parametrize("title", PARTS)
def test_fault(stack: Stack, tmp_path: Path, title: str) -> None:
    """A failure says that the page is not true for this QEMU: has it mended the fault?"""
    todo = [*COMMON, *PARTS[title]]
    version, *printed = run(stack, tmp_path, [f"{stack.emulator} --version | head -n 1",
                                              *(step.command for step in todo)])
    for step, output in zip(todo, printed):
        assert matches(step.output, output), (
            f"{version.strip()}: docs/sp-mem.rst is not true for it, which may have mended this fault.\n"
            f"$ {step.command}\nprinted\n{output}\nand not\n{step.output}")
    assert len(printed) > len(todo), "the shell ended early"
