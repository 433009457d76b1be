# SPDX-License-Identifier: LGPL-2.1-or-later
"""Load a libvirtd with many clients at once: load.py URI THREADS CALLS DOMAIN.xml...

Each thread opens its own connection. For each document it defines a domain of its own, dumps it, asks for its command
line, and undefines it, until all threads together have made CALLS calls. This prints the calls, the errors, the seconds
and the calls per second. The thread's number is appended to the name in a document, and a UUID is left out."""

import collections
import re
import sys
import threading
import time
from pathlib import Path

import libvirt


class Load:
    """The clients of one daemon, and the errors they got."""

    def __init__(self, uri: str, threads: int, calls: int, documents: list[str]):
        self._uri, self._documents = uri, documents
        self._calls = [calls // threads + (number < calls % threads) for number in range(threads)]
        self.errors: collections.Counter[str] = collections.Counter()
        self.done = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._client, args=item) for item in enumerate(self._calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, number: int, calls: int) -> None:
        conn = libvirt.open(self._uri)
        made, errors = 0, []
        steps = self._steps(conn, number)
        while made < calls:
            made += 1
            try:
                next(steps)()
            except libvirt.libvirtError as error:
                errors.append(error.get_error_message())
        conn.close()
        with self._lock:
            self.done += made
            self.errors.update(errors)

    def _steps(self, conn, number):
        """An endless sequence of calls."""
        documents = [fitted(text, number) for text in self._documents]
        while True:
            for name, text in documents:
                yield lambda: conn.defineXML(text)
                yield lambda: shown_like(text, conn.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
                yield lambda: conn.domainXMLToNative("qemu-argv", text)
                yield lambda: conn.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE)
                yield lambda: conn.lookupByName(name).undefine()


def fitted(text: str, number: int) -> tuple[str, str]:
    name = f"{re.search('<name>(.*?)</name>', text)[1]}-{number}"
    text = re.sub("<name>.*?</name>", f"<name>{name}</name>", re.sub("<uuid>.*?</uuid>", "", text))
    return name, text


def shown_like(text: str, shown: str) -> None:
    """Fail if the dump is another client's document, or of another kind."""
    for pattern in "<name>(.*?)</name>", "<memory model=.(\\w+)":
        if re.findall(pattern, text) != re.findall(pattern, shown):
            raise libvirt.libvirtError(f"{pattern} of\n{text}\nis otherwise in\n{shown}")


def main() -> int:
    uri, threads, calls, *paths = sys.argv[1:]
    libvirt.registerErrorHandler(lambda *_: None, None)
    load = Load(uri, int(threads), int(calls), [Path(path).read_text() for path in paths])
    begin = time.monotonic()
    load.run()
    seconds = time.monotonic() - begin
    print(f"{load.done} calls, {sum(load.errors.values())} errors, {seconds:.1f} s, {load.done / seconds:.0f} calls/s")
    for message, count in load.errors.most_common(5):
        print(f"{count} times: {message}")
    return 1 if load.errors else 0


if __name__ == "__main__":
    sys.exit(main())
