# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the demo prints, and its checks."""

import re
import textwrap

from argv import Argv


class NotProved(Exception):
    """A check failed: the demo must not say that it proved anything."""


class Show:
    """Prints the steps, and counts the checks between them."""

    steps = 0
    checks = 0

    @classmethod
    def step(cls, title: str) -> None:
        cls.steps += 1
        print(f"\n=== {cls.steps}. {title}", flush=True)

    @staticmethod
    def lines(lines: list[str]) -> None:
        for line in lines:
            print("    " + line, flush=True)

    @staticmethod
    def command(text: str) -> None:
        print(f"  $ {text}", flush=True)

    @classmethod
    def check(cls, what: str, holds: bool) -> None:
        if not holds:
            raise NotProved(what)
        cls.checks += 1
        print(f"  ok: {what}", flush=True)


def excerpt(xml: str, *elements: str) -> list[str]:
    """The lines of these elements, in the document's order."""
    form = "|".join(rf"^ *<{name}\b(?:[^<>]*/>|.*?</{name}>)" for name in elements)
    return textwrap.dedent("\n".join(re.findall(form, xml, re.DOTALL | re.MULTILINE))).splitlines()


def memory_options(argv: Argv) -> list[str]:
    """The options of memory devices, each on its line."""
    names = {device.get("memdev") for device in argv.devices} | {
        device["id"] for device in argv.devices if "memdev" in device}
    return [f"{option} '{value}'" for option, value in argv.options
            if option in ("-object", "-device") and any(f'"id":"{name}"' in value for name in names if name)]
