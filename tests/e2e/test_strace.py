# SPDX-License-Identifier: LGPL-2.1-or-later
"""For a domain without SPM, libvirtd with the plugin opens no file and starts no process that it would not without."""

from pathlib import Path

from daemon import Daemon
from domains import fit_domain, read_domain
from stack import Stack
from strace import done_by, general, traced

NAME = "plain"


def live(daemon: Daemon, text: str) -> None:
    """What is done to a domain, from its beginning to its end."""
    daemon.call("define", "/dev/stdin", stdin=text)
    for arguments in (["dumpxml", NAME], ["domxml-to-native", "qemu-argv", "--domain", NAME],
                      ["start", "--paused", NAME], ["dumpxml", NAME], ["destroy", NAME],
                      ["define", "/dev/stdin"], ["undefine", NAME]):
        daemon.call(*arguments, stdin=text)


def test_nothing_more_is_opened_or_started(stack: Stack, tmp_path: Path) -> None:
    seen = []
    for plugin in False, True:
        with Daemon(stack, plugin=plugin) as daemon:
            text = fit_domain(read_domain(NAME), stack, stack.firmware, daemon.serial_path(NAME))
            live(daemon, text)  # the first time, libvirt asks the emulator and fills its caches
            log = tmp_path / f"trace-{plugin}"
            with traced(daemon, log):
                live(daemon, text)
            seen.append(done_by(daemon, log))
    plain, with_plugin = seen
    assert [name for kind, name in plain if kind == "program"] == [general(str(stack.emulator), daemon)]
    assert len(plain) > 15
    assert with_plugin - plain == set()
