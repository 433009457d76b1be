# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts an emulator without a guest and talks to it: QMP, HMP, and qtest for its firmware tables."""

import contextlib
import json
import os
import socket
import struct
import subprocess

# How long one start or one answer may take. Generous: it only ends a test that hangs.
DEADLINE = 60

# Numbers of QEMU's firmware configuration device, docs/specs/fw_cfg.rst.
FW_CFG_FILE_DIR = 0x19
FW_CFG_DMA_SELECT = 0x08
FW_CFG_DMA_READ = 0x02
FW_CFG_DMA_PORT = 0x514
# Where in the guest's RAM the device puts what a test reads; nothing else runs there.
DMA_DESCRIPTOR = 0x100000
DMA_BUFFER = 0x200000


class QmpError(Exception):
    """The emulator refused a command."""


class Machine:
    """A running emulator. It is a context manager; leaving it ends the emulator."""

    def __init__(self, binary, args, folder, accel="qtest", name="m"):
        self.folder = str(folder)
        self._paths = {k: os.path.join(self.folder, f"{name}-{k}") for k in ("qmp", "qtest", "log")}
        self._listeners = {}
        argv = [binary, "-nodefaults", "-display", "none", "-accel", accel]
        argv += ["-qmp", "unix:" + self._listen("qmp")]
        if accel == "qtest":
            argv += ["-qtest", "unix:" + self._listen("qtest"), "-qtest-log", "none"]
        self.argv = argv + list(args)
        with open(self._paths["log"], "wb") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._qtest = self._accept("qtest") if accel == "qtest" else None
            self._qmp = self._accept("qmp")
            self._qmp.readline()
            self.qmp("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for listener in self._listeners.values():
            listener.close()

    def log(self):
        """What the emulator wrote so far."""
        with open(self._paths["log"], encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait(self):
        """Wait until the emulator ends by itself; return its exit status."""
        return self.process.wait(DEADLINE)

    # The test listens and the emulator connects: no moment at which the socket is not there yet.
    def _listen(self, kind):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._paths[kind])
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._paths[kind])
        listener.listen(1)
        listener.settimeout(0.2)
        self._listeners[kind] = listener
        return self._paths[kind]

    def _accept(self, kind):
        for _ in range(DEADLINE * 5):
            try:
                connection, _ = self._listeners[kind].accept()
            except socket.timeout:
                if self.process.poll() is not None:
                    break
                continue
            connection.settimeout(DEADLINE)
            return connection.makefile("rwb")
        raise AssertionError(f"no emulator: {' '.join(self.argv)}\n{self.log()}")

    def _exchange(self, connection, request):
        """Send a request, if any, and return the next line that comes back."""
        try:
            connection.write(request)
            connection.flush()
            line = connection.readline()
        except ConnectionError:
            line = b""
        assert line, f"the emulator is gone: {' '.join(self.argv)}\n{self.log()}"
        return line

    def qmp(self, command, **arguments):
        """Run a QMP command and return its result; events that come in between are dropped."""
        request = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        while True:
            reply = json.loads(self._exchange(self._qmp, request))
            request = b""
            if "error" in reply:
                raise QmpError(reply["error"]["desc"])
            if "return" in reply:
                return reply["return"]

    def hmp(self, line):
        """Run a command of the human monitor and return its output."""
        return self.qmp("human-monitor-command", **{"command-line": line}).replace("\r\n", "\n")

    def qtest(self, *words):
        """Run a qtest command and return its answer without the OK."""
        request = " ".join(str(word) for word in words).encode() + b"\n"
        while True:
            answer = self._exchange(self._qtest, request).split()
            request = b""
            if answer[0] == b"OK":
                return answer[1].decode() if len(answer) > 1 else ""
            if answer[0] != b"IRQ":
                raise AssertionError(b" ".join(answer).decode())

    def read(self, address, size):
        return bytes.fromhex(self.qtest("read", hex(address), hex(size))[2:])

    def write(self, address, data):
        self.qtest("write", hex(address), hex(len(data)), "0x" + data.hex())

    def _fw_cfg(self, selector, size):
        control = selector << 16 | FW_CFG_DMA_SELECT | FW_CFG_DMA_READ
        self.write(DMA_DESCRIPTOR, struct.pack(">IIQ", control, size, DMA_BUFFER))
        self.qtest("outl", hex(FW_CFG_DMA_PORT), "0x0")
        low = struct.unpack("<I", struct.pack(">I", DMA_DESCRIPTOR))[0]
        self.qtest("outl", hex(FW_CFG_DMA_PORT + 4), hex(low))
        status = struct.unpack(">I", self.read(DMA_DESCRIPTOR, 4))[0]
        assert status == 0, f"fw_cfg says {status:#x}"
        return self.read(DMA_BUFFER, size)

    def firmware_file(self, name):
        """The contents of a file that the emulator hands to the firmware."""
        count = struct.unpack(">I", self._fw_cfg(FW_CFG_FILE_DIR, 4))[0]
        directory = self._fw_cfg(FW_CFG_FILE_DIR, 4 + 64 * count)
        for size, selector, _, file in struct.iter_unpack(">IHH56s", directory[4:]):
            if file.rstrip(b"\0").decode() == name:
                return self._fw_cfg(selector, size)
        raise KeyError(name)


def refusal(binary, args):
    """Start an emulator that should refuse its arguments; return its whole error output."""
    argv = [binary, "-nodefaults", "-display", "none", "-accel", "tcg", "-S", *args]
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=DEADLINE, check=False)
    assert result.returncode > 0, f"exit status {result.returncode}:\n{result.stdout.decode()}"
    return result.stdout.decode().strip()
