# SPDX-License-Identifier: LGPL-2.1-or-later
"""A QEMU command line, read back: the order of its options, and its objects and devices."""

import json
import shlex
from dataclasses import dataclass, field


@dataclass
class Argv:
    """A QEMU command line: its options, and the -object and -device ones as properties."""

    options: list[tuple[str, str]]
    objects: list[dict[str, object]] = field(default_factory=list)
    devices: list[dict[str, object]] = field(default_factory=list)

    @classmethod
    def parse(cls, words: list[str]) -> "Argv":
        options = [(word, value) for word, value in zip(words, [*words[1:], ""]) if word.startswith("-")]
        return cls(options, [_properties(v) for o, v in options if o == "-object"],
                   [_properties(v) for o, v in options if o == "-device"])

    @classmethod
    def from_native(cls, text: str) -> "Argv":
        """From what virsh domxml-to-native prints: variables, then the command."""
        return cls.parse(shlex.split(text))

    def memory_order(self) -> list[str]:
        """The driver of the memory device that each option is for, back ends and front ends alike."""
        driver_of = {}
        for device in self.devices:
            if "memdev" in device:
                driver_of[device["memdev"]] = driver_of[device["id"]] = str(device["driver"])
        names = [_properties(value).get("id") for option, value in self.options if option in ("-object", "-device")]
        return [driver_of[name] for name in names if name in driver_of]

    def drivers(self, name: str) -> list[dict[str, object]]:
        """The devices of one driver, in order."""
        return [device for device in self.devices if device.get("driver") == name]


def _properties(value: str) -> dict[str, object]:
    if value.startswith("{"):
        return json.loads(value)
    driver, *rest = value.split(",")
    pairs = (item.partition("=") for item in rest)
    return {"driver": driver, **{key: text for key, _, text in pairs}}
