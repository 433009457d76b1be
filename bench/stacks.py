# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stacks that perf script prints: whose function each sample is in."""

import collections
import re
from collections.abc import Iterator

MODULE = "libvirt-spm.so"
OURS = "the module"
SHARES, FUNCTIONS = 4, 25  # the largest of each
FRAME = re.compile(r"\s+[0-9a-f]+ (?P<name>.*) \((?P<file>.*)\)$")


def samples(script: str) -> Iterator[list[str]]:
    """The stack of each sample, innermost function first, each as FILE:FUNCTION. An inlined function is in the file
    of the function around it."""
    for block in script.split("\n\n"):
        file, stack = "", []
        for frame in reversed([match for match in map(FRAME.match, block.splitlines()) if match]):
            if frame["file"] != "inlined":
                file = frame["file"].rpartition("/")[2]
            stack.append(f"{file}:{frame['name'].removesuffix(' (inlined)')}")
        if stack:
            yield stack[::-1]


def place(stack: list[str]) -> str:
    """Whose a sample is: libvirt's unless the module is in it and has not called libvirt."""
    ours = [index for index, frame in enumerate(stack) if frame.startswith(MODULE)]
    if not ours:
        return "libvirt: RPC and threads"
    inner = stack[ours[0] - 1] if ours[0] else ""
    return f"libvirt: {inner.partition(':')[2]}" if inner.startswith("libvirt.so") else OURS


def module_functions(stack: list[str]) -> set[str]:
    """The functions of the module in a stack, each once."""
    return {frame.partition(":")[2] for frame in stack if frame.startswith(MODULE)}


def table(stacks: list[list[str]], cost: float) -> Iterator[str]:
    """Each share, and the time in each function of the module with what it calls, libvirt left out."""
    shares = collections.Counter(map(place, stacks))
    inside = [stack for stack in stacks if place(stack) == OURS]
    functions = collections.Counter(name for stack in inside for name in module_functions(stack))
    for counts, most, indent in ((shares, SHARES, ""), (functions, FUNCTIONS, "  ")):
        for name, count in counts.most_common(most):
            yield f"{count / len(stacks) * cost:9.1f} {100 * count / len(stacks):5.1f} %  {indent}{name}"
