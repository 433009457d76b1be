# SPDX-License-Identifier: LGPL-2.1-or-later
"""A wrong spm element does not get into libvirtd, and the client is told what is wrong and where."""

import pytest
from daemon import Daemon
from domains import fit_domain, read_domain
from stack import Stack

# Domain, what the message must name, and the text on the line it must name.
BAD_DOMAINS = [
    ("bad-attribute", ["memory", "colour"], "colour='red'"),
    ("bad-node", ["node", "7"], "<node>7</node>"),
    ("bad-base", ["address", "0x120000000"], "base='0x120000000'"),
]


@pytest.mark.parametrize("name, words, culprit", BAD_DOMAINS, ids=[case[0] for case in BAD_DOMAINS])
def test_define_is_refused(daemon: Daemon, stack: Stack, name: str, words: list[str], culprit: str) -> None:
    text = fit_domain(read_domain(name), stack, "seabios", daemon.serial_path(name))
    lines = [number for number, line in enumerate(read_domain(name).splitlines(), 1) if culprit in line]
    result = daemon.virsh("define", "/dev/stdin", stdin=text)
    assert result.returncode != 0
    for word in [*words, str(lines[0])]:
        assert word in result.stderr
    assert name not in daemon.call("list", "--all", "--name").split()
