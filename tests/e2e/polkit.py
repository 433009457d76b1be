# SPDX-License-Identifier: LGPL-2.1-or-later
"""A polkitd of our own, on a system bus of its own, with rules about users whom a libvirtd asks it for."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mounts import with_own_mounts

START_SECONDS = 30
STOP_SECONDS = 10
POLKITD = "/usr/lib/polkit-1/polkitd"

BUS_CONF = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""

# What nobody is named for is refused, whatever its default.
RULES = """\
var allowed = {allowed};
polkit.addRule(function(action, subject) {{
    if (action.id.indexOf("org.libvirt.") != 0)
        return polkit.Result.NOT_HANDLED;
    var mine = allowed[subject.user] || [];
    var name = action.id.replace("org.libvirt.api.", "");
    return mine.indexOf("*") >= 0 || mine.indexOf(name) >= 0 ? polkit.Result.YES : polkit.Result.NO;
}});
"""

# Runs as sh -c SCRIPT sh RULES NONE: where a rule of the host's has no say.
START_SCRIPT = f"""set -e
mount --bind "$1" /etc/polkit-1/rules.d
[ ! -d /usr/share/polkit-1/rules.d ] || mount --bind "$2" /usr/share/polkit-1/rules.d
exec {POLKITD}
"""

# For the daemon that asks.
LIBVIRTD_CONF = """\
access_drivers = [ "polkit" ]
unix_sock_rw_perms = "0777"
"""


class Polkit:
    """Answers what each user may do: names of libvirt's permissions, or "*". Root may always do all."""

    def __init__(self, allowed: Mapping[str, Sequence[str]]):
        self.folder = Path(tempfile.mkdtemp(prefix="polkit-"))
        self.folder.chmod(0o755)
        for name in "rules", "none":
            (self.folder / name).mkdir(mode=0o755)
        (self.folder / "rules/10-test.rules").write_text(RULES.format(allowed=json.dumps(allowed)))
        self.address = f"unix:path={self.folder}/bus"
        (self.folder / "bus.conf").write_text(BUS_CONF.format(socket=self.folder / "bus"))
        self._processes: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        """By which a daemon finds it."""
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def __enter__(self) -> "Polkit":
        try:
            self._start(["dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--print-address"], "unix:path")
            self._start(with_own_mounts("sh", "-c", START_SCRIPT, "sh", self.folder / "rules", self.folder / "none"),
                        "Acquired the name")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, command: Sequence[str], ready: str) -> None:
        """Start a program, and wait until it prints that it is ready. The rest goes where nobody needs to read it."""
        log = self.folder / f"log{len(self._processes)}"
        with open(log, "w", encoding="utf-8") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True,
                                       env={**os.environ, **self.environment})
        self._processes.append(process)
        deadline = time.monotonic() + START_SECONDS
        with os.fdopen(os.pidfd_open(process.pid)) as ended:
            while ready not in log.read_text():
                assert time.monotonic() < deadline and not select.select([ended], [], [], 0.1)[0], log.read_text()

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(STOP_SECONDS)
        shutil.rmtree(self.folder)
