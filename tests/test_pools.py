# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which domain gets which device, where libvirt's QEMU driver calls its hooks (preload/hook.c)."""

import os
import re

import pytest
from documents import TRANSLATE
from hosts import in_sandbox
from mounts import with_own_mounts
from programs import BUILD, PLUGIN, run

POOL = (TRANSLATE / "spm-pool.old.xml").read_text()
LINK = "/dev/libvirt-spm/hbm/{}.ua-spm0"
QEMU, DAEMON, LXC = "1", "0", "2"
VIR_ERR_CONFIG_UNSUPPORTED = 67
VIR_ERR_RESOURCE_BUSY = 87
GIB = 1 << 30
# Runs as sh -c SCRIPT sh COMMAND..., where the devices are "char" devices of a folder with their sizes.
SCRIPT = """set -e
mkdir -p /dev/libvirt-spm
mount -t tmpfs tmpfs /dev/libvirt-spm
mount --bind "$1" /sys/dev/char
shift
exec "$@"
"""

pytestmark = in_sandbox


class Host:
    """Where domains start and end, one after the other."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "sizes").mkdir()
        (folder / "status").mkdir()
        self.settings = ""
        self.environment = {}

    def device(self, name, number, size=None):
        path = self.folder / name
        os.mknod(path, 0o20600, os.makedev(240, number))
        if size:
            (self.folder / f"sizes/240:{number}").mkdir()
            (self.folder / f"sizes/240:{number}/size").write_text(f"{size}\n")
        return path

    def file(self, name, size=GIB):
        path = self.folder / name
        path.touch()
        os.truncate(path, size)
        return path

    def domain(self, name, xml=POOL):
        """The words that start it."""
        file = self.folder / f"{name}.xml"
        file.write_text(xml.replace("spm-pool", name))
        return "prepare", name, file

    def run(self, *words):
        """What the driver was told, word by word."""
        (self.folder / "spm.conf").write_text(self.settings)
        env = {**os.environ, "LD_PRELOAD": f"{PLUGIN}:{BUILD}/tests/libvirt-fake.so",
               "LD_LIBRARY_PATH": str(self.folder), "LIBVIRT_SPM_CONF": str(self.folder / "spm.conf"),
               "LIBVIRT_SPM_STATUS": str(self.folder / "status"), **self.environment}
        (self.folder / "libvirt.so.0").unlink(missing_ok=True)
        (self.folder / "libvirt.so.0").symlink_to(BUILD / "tests/libvirt-fake.so")
        command = [f"{name}={env[name]}" for name in ("LD_PRELOAD", "LD_LIBRARY_PATH")]
        del env["LD_PRELOAD"], env["LD_LIBRARY_PATH"]
        done = run(*with_own_mounts("sh", "-c", SCRIPT, "sh", self.folder / "sizes", "env", *command,
                                    BUILD / "tests/hook", *map(str, words)), env=env)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.replace("dispatched\n", "").splitlines()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def with_path(path, model="nvdimm"):
    return POOL.replace(LINK.format("spm-pool"), str(path)).replace("'nvdimm'", f"'{model}'")


def plain(path):
    """Persistent memory of libvirt's own, with which the plugin has nothing to do."""
    return re.sub("<qemu:override>.*</qemu:override>", "", with_path(path), flags=re.S)


def busy(message):
    return f"error domain=20 code={VIR_ERR_RESOURCE_BUSY} {message}"


def conflict(device, name, other_device, other_name):
    return busy(f"memory device 'ua-spm0' of domain '{name}' cannot have '{device}', which memory device 'ua-spm0' of domain "
                f"'{other_name}' has as '{other_device}'; they would read each other's memory")


def test_devices_have_the_size_that_the_kernel_tells(host):
    large, small, fitting = host.device("a", 0, 4 * GIB), host.device("b", 1, GIB - 1024), host.device("c", 2, GIB)
    host.settings = f"[pool hbm]\npaths={large};{small};{fitting};{host.device('d', 3)};/dev/null\n"
    assert host.run(*host.domain("one"), "link", LINK.format("one"), *host.domain("two"), "link", LINK.format("two"),
                    *host.domain("three"), "link", LINK.format("three")) == [
        "prepare: 1", f"link: {fitting}", "prepare: 1", f"link: {large}",
        busy("pool 'hbm' has no free device of 1048576 KiB for memory device 'ua-spm0' of domain 'three': domain 'two' has "
             f"'{large}', '{small}' has only 1048575 KiB, domain 'one' has '{fitting}', '{host.folder}/d' has only 0 KiB, "
             "'/dev/null' has only 0 KiB"), "prepare: -1", "link: none"]


def test_an_end_gives_the_device_back(host):
    host.settings = f"[pool hbm]\npaths={host.device('a', 0, GIB)}\n"
    assert host.run(*host.domain("one"), "release", "one", "link", LINK.format("one"), *host.domain("two"), "release", "one",
                    "link", LINK.format("two")) == [
        "prepare: 1", "release: 1", "link: none", "prepare: 1", "release: 1", f"link: {host.folder}/a"]


def test_patterns(host):
    host.settings = f"[pool hbm]\npaths={host.folder}/no*;{host.folder}/dax[0-9].0\n"
    device = host.device("dax7.0", 0, GIB)
    host.device("dax.1", 1, GIB)
    assert host.run(*host.domain("one"), "link", LINK.format("one")) == ["prepare: 1", f"link: {device}"]
    device.unlink()
    assert host.run(*host.domain("one"))[0].endswith(
        f": '{host.folder}/no*' cannot be used (No such file or directory), '{host.folder}/dax[0-9].0' cannot be used (No "
        "such file or directory)")


def test_one_device_by_two_names(host):
    one, other = host.device("one", 0), host.device("other", 0)
    assert host.run(*host.domain("a", with_path(one)), *host.domain("b", with_path(other)), "release", "a",
                    *host.domain("b", with_path(other))) == [
        "prepare: 1", conflict(other, "b", one, "a"), "prepare: -1", "release: 1", "prepare: 1"]


@pytest.mark.parametrize("first,second", [(plain, with_path), (with_path, plain)])
def test_memory_that_is_not_spm_counts(first, second, host):
    device = host.device("device", 0)
    assert host.run(*host.domain("a", first(device)), *host.domain("b", second(device))) == [
        "prepare: 1", conflict(device, "b", device, "a"), "prepare: -1"]


def test_memory_without_an_alias_is_called_by_its_model(host):
    """libvirt gives aliases after it has called the hook."""
    device = host.device("device", 0)
    unnamed = plain(device).replace("<alias name='ua-spm0'/>", "")
    assert host.run(*host.domain("a", with_path(device)), *host.domain("b", unnamed))[1] == conflict(
        device, "b", device, "a").replace("'ua-spm0' of domain 'b'", "'nvdimm' of domain 'b'")


def test_memory_that_a_native_libvirt_carries_itself(host):
    device = host.device("device", 0)
    native = plain(device).replace("'nvdimm'", "'spm'")
    assert host.run(*host.domain("a", plain(device)), *host.domain("b", native))[1:] == [
        conflict(device, "b", device, "a"), "prepare: -1"]


def test_what_is_not_spm_is_left_to_libvirt(host):
    device = host.device("device", 0)
    assert host.run(*host.domain("a", plain(device)), *host.domain("b", plain(device))) == ["prepare: 1"] * 2


def test_ordinary_files_are_shared_unless_a_pool_has_them(host):
    file = host.file("file")
    start = [*host.domain("a", with_path(file)), *host.domain("b", with_path(file))]
    assert host.run(*start) == ["prepare: 1"] * 2
    host.settings = f"[pool hbm]\npaths={host.folder}/f*\n"
    assert host.run(*start) == ["prepare: 1", conflict(file, "b", file, "a"), "prepare: -1"]


def test_a_pool_sees_what_is_named_by_path(host):
    file = host.file("file")
    (host.folder / "link").symlink_to(file)
    host.settings = f"[pool hbm]\npaths={host.folder}/link\n"
    assert host.run(*host.domain("a", with_path(file)), *host.domain("b"))[1].endswith(
        f"domain 'a' has '{host.folder}/link'")


def test_a_path_that_leads_nowhere_is_libvirts_to_report(host):
    start = [*host.domain("a", with_path("/no/a")), *host.domain("b", with_path("/no/a"))]
    assert host.run(*start) == ["prepare: 1"] * 2


@pytest.mark.parametrize("link", ["/dev/libvirt-spm/hbm/../x.ua-spm0", "/dev/libvirt-spm/../x.ua-spm0",
                                  "/dev/libvirt-spm/hbm/..", "/dev/libvirt-spm//x.ua-spm0"])
def test_no_link_is_made_elsewhere(link, host):
    host.settings = f"[pool hbm]\npaths={host.file('file')}\n"
    assert host.run(*host.domain("a", with_path(link)), "link", link) == ["prepare: 1", "link: none"]


def test_a_link_is_one_domains(host):
    """Domain a was renamed, and another one got its name."""
    host.settings = f"[pool hbm]\npaths={host.file('one')};{host.file('two')}\n"
    renamed = with_path(LINK.format("a"))
    assert host.run(*host.domain("renamed", renamed), *host.domain("a"), "link", LINK.format("a")) == [
        "prepare: 1", busy(f"memory device 'ua-spm0' of domain 'a' has the link '{LINK.format('a')}', as has domain "
                           "'renamed'; define the one again whose name is not in the link"),
        "prepare: -1", f"link: {host.folder}/one"]


def test_nobody_takes_the_link_of_a_domain_that_is_shut_off(host):
    """Persistent memory of libvirt's own can have any path."""
    host.settings = f"[pool hbm]\npaths={host.file('one')};{host.file('two')}\n"
    (host.folder / "domains").mkdir()
    (host.folder / "domains/a.xml").touch()
    host.environment = {"LIBVIRT_SPM_DOMAINS": str(host.folder / "domains")}
    link = LINK.format("a")
    assert host.run(*host.domain("thief", plain(link)), "link", link, *host.domain("a"), "link", link) == [
        busy(f"memory device 'ua-spm0' of domain 'thief' has the link '{link}', as has domain 'a'; define the one again whose "
             "name is not in the link"), "prepare: -1", "link: none", "prepare: 1", f"link: {host.folder}/one"]


def test_a_domain_whose_end_was_not_seen_starts_without_memory_devices(host):
    host.settings = f"[pool hbm]\npaths={host.file('one')}\n"
    nothing = re.sub("<memory model.*</memory>", "", POOL, flags=re.S)
    assert host.run(*host.domain("a"), *host.domain("b", nothing), "prepare", "a", host.folder / "b.xml",
                    *host.domain("c"), "link", LINK.format("c")) == [
        "prepare: 1", "prepare: 1", "prepare: 1", "prepare: 1", f"link: {host.folder}/one"]


def test_a_pool_that_the_settings_lack(host):
    assert host.run(*host.domain("a")) == [
        f"error domain=20 code={VIR_ERR_CONFIG_UNSUPPORTED} memory device 'ua-spm0' of domain 'a' has <pool> 'hbm', and "
        f"{host.folder}/spm.conf has no group [pool hbm]", "prepare: -1"]


def test_a_link_that_cannot_be_made(host):
    host.settings = f"[pool hbm]\npaths={host.file('file')}\n"
    long = "x" * 250
    assert host.run(*host.domain(long), *host.domain("b"))[:2] == [
        f"error domain=20 code={VIR_ERR_CONFIG_UNSUPPORTED} memory device 'ua-spm0' of domain '{long}' needs the link "
        f"'{LINK.format(long)}', which cannot be made: File name too long", "prepare: -1"]


def test_domains_that_ran_before_the_daemon(host):
    device = host.device("device", 0)
    xml = with_path(device).replace("spm-pool", "a")
    (host.folder / "status/a.xml").write_text(f"<domstatus state='running'>\n{xml}</domstatus>\n")
    (host.folder / "status/broken.xml").write_text("<domstatus>")
    start = host.domain("b", with_path(device))
    assert host.run(*start, "release", "a", *start) == [
        conflict(device, "b", device, "a"), "prepare: -1", "release: 1", "prepare: 1"]


def test_libvirt_asks_the_plugin_for_domains_only(host):
    assert host.run("present", QEMU, "present", DAEMON, "present", LXC) == ["present: 1", "present: 0", "present: 0"]
    host.environment = {"FAKE_HOOK": "0"}
    assert host.run("present", LXC) == ["present: 1"]


def test_scripts_are_called_after_the_plugin(host):
    host.environment = {"FAKE_HOOK": "0"}
    host.settings = f"[pool hbm]\npaths={host.file('file')}\n"
    told = host.run(*host.domain("a"), *host.domain("b"), "other", "a", "release", "a")
    assert told[:2] + told[3:] == ["script: a 2", "prepare: 0", "prepare: -1", "script: a 0", "other: 0", "script: a 3",
                                   "release: 0"]
    host.environment = {"FAKE_HOOK": "-1"}
    assert host.run(*host.domain("a")) == ["script: a 2", "prepare: -1"]
