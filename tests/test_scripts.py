# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/check gets its parts ready in the background, each once, and leaves nothing running."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from mounts import with_own_processes
from programs import ROOT

pytestmark = pytest.mark.skipif("SPM_SANDBOX" not in os.environ, reason="it is run inside scripts/sandbox only")

# Writes down when it begins and ends; what it prints is the folder of its result, as that of the real one.
TOOL = """#!/bin/bash
name="${0##*/}${1:+ $*}"
echo "begin $name" >>"$TREE/events"
[[ ! -e "$TREE/hang" || $name != [bf]* ]] || { sleep 1000 & echo "$!" >>"$TREE/sleeping"; wait; }
sleep "${SECONDS_OF_A_TOOL:-0.03}"
[[ $name != tar* || ! -p /dev/stdin ]] || cat >/dev/null  # what writes to it would die otherwise
echo "end $name" >>"$TREE/events"
[[ ! -e "$TREE/fail-always" || $(<"$TREE/fail-always") != "$name" ]] || exit 1
[[ ! -e "$TREE/fail-once" || $(<"$TREE/fail-once") != "$name" ]] || { rm "$TREE/fail-once"; exit 1; }
[[ -d "$TREE/result" ]] || mkdir -p "$TREE/result"
: >"$TREE/result/libvirt-spm_1.deb"
[[ $name != apt* ]] || exec echo "Version: 11.3.0-1"
echo "$TREE/result"
"""
SCRIPTS = ["setup", "lint", "build-qemu", "build-libvirt", "build-seabios", "build-edk2", "build-guest", "build-root",
           "build-deb", "build-short-deb", "build-repository", "fetch-package"]
# As the real one, but it does not hide the folder of the project.
SANDBOX = """#!/bin/sh
export SPM_SANDBOX=1
exec perl "${0%/*}/lib/namespaces.pl" sh -c 'mount -t proc proc /proc && { "$@"; exit; }' sh "$@"
"""
COMMANDS = ["apt-get", "apt-cache", "meson", "dpkg-deb", "tar"]
TEST = "def test_it():\n    pass\n"


class Tree:
    """A project of which only scripts/check and its tests are left."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "scripts/lib", folder / "scripts/lib")
        shutil.copy(ROOT / "scripts/check", folder / "scripts/check")
        for name in [*(f"scripts/{script}" for script in SCRIPTS), *(f"bin/{command}" for command in COMMANDS)]:
            self.write(name, TOOL).chmod(0o755)
        self.write("scripts/sandbox", SANDBOX).chmod(0o755)
        for name in "pytest.ini", "tests/conftest.py", "tests/documents.py", "tests/programs.py", "tests/totals.py":
            self.write(name, (ROOT / name).read_text())
        for place in "tests", "tests/emulator", "tests/e2e", "tests/managers", "tests/package":
            self.write(f"{place}/test_{place.replace('/', '_')}.py", TEST)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *groups, around=list, **environment):
        env = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "XDG_CACHE_HOME": f"{self.folder}/cache",
               "TREE": str(self.folder), "SPM_SANDBOX": "1", **environment}
        # What runs the tests may ignore interrupts, as a shell's background jobs do, and a shell cannot undo that.
        words = ["env", "--default-signal=INT", *around([self.folder / "scripts/check", *groups])]
        return subprocess.Popen(words, env=env, start_new_session=True, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def check(self, *groups, **environment):
        """Run it where no other process is there for it to find; its exit status, last line and progress."""
        with self.start(*groups, around=lambda words: with_own_processes(*words), **environment) as process:
            output, errors = process.communicate(timeout=120)
        return process.returncode, output.splitlines()[-1], errors

    def events(self, pattern):
        text = (self.folder / "events").read_text()
        return [line for line in text.splitlines() if re.search(pattern, line)]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def running(events):
    """After each event, what runs."""
    now = []
    for event in events:
        word, name = event.split(" ", 1)
        now.append(name) if word == "begin" else now.remove(name)
        yield tuple(now)


def test_parts_are_made_side_by_side_and_one_emulator_at_a_time(tree):
    status, last, errors = tree.check(SECONDS_OF_A_TOOL="0.2")
    assert (status, last) == (0, "13 passed, 0 failed"), errors
    moments = [*running(tree.events("^(begin|end) [bf]"))]
    emulators = [[name for name in names if name.startswith("build-qemu")] for names in moments]
    assert max(map(len, emulators)) == 1
    assert any(own and len(names) > 1 for own, names in zip(emulators, moments))
    assert {name for names in emulators for name in names} >= {"build-qemu 10.0", "build-qemu 10.2", "build-qemu 7.2"}


def test_the_last_line_has_what_came_of_the_tests(tree):
    tree.write("tests/test_more.py", """import pytest
def test_that_passes():
    pass
@pytest.mark.skip
def test_that_is_skipped():
    pass
def test_that_fails():
    assert False
@pytest.fixture
def broken():
    yield
    assert False
def test_whose_fixture_fails(broken):
    pass
""")
    assert tree.check("unit")[:2] == (1, "2 passed, 2 failed, 1 skipped")


@pytest.mark.parametrize("contents", ["import no_such_module\n", "pytest_plugins = ['no_such_module']\n"])
def test_tests_that_cannot_be_read_are_a_failure(contents, tree):
    tree.write("tests/test_tests.py", contents)
    assert tree.check("unit")[:2] == (1, "0 passed, 1 failed")


def test_a_group_without_tests_is_a_failure(tree):
    (tree.folder / "tests/test_tests.py").unlink()
    assert tree.check("unit")[:2] == (1, "0 passed, 1 failed")


# Says when it begins and ends, and in between waits for another one to begin.
MEETING = """import pathlib, time
EVENTS = pathlib.Path(TREE) / "events"
def say(event):
    with EVENTS.open("a") as events:
        events.write(event + "\\n")
def test_meeting():
    say("begin GROUP")
    deadline = time.monotonic() + 30
    while "begin OTHER" not in EVENTS.read_text().splitlines():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    say("end GROUP")
"""


def meeting(tree, group, other):
    return MEETING.replace("TREE", repr(str(tree.folder))).replace("GROUP", group).replace("OTHER", other)


def test_groups_run_side_by_side(tree):
    tree.write("tests/e2e/test_tests_e2e.py", meeting(tree, "e2e", "package"))
    tree.write("tests/package/test_tests_package.py", meeting(tree, "package", "e2e"))
    status, last, errors = tree.check("package", "e2e")
    assert (status, last) == (0, "2 passed, 0 failed"), errors
    assert sorted(tree.events("^end (e2e|package)$")) == ["end e2e", "end package"]


@pytest.mark.parametrize("place", ["e2e", "package"])
def test_what_fails_on_a_side_is_shown_and_counted(place, tree):
    tree.write(f"tests/{place}/test_more.py", "def test_that_fails():\n    assert not 'very odd'\n")
    with tree.start("e2e", "managers", "package", around=lambda words: with_own_processes(*words)) as process:
        output, _ = process.communicate(timeout=120)
    assert (process.returncode, output.splitlines()[-1]) == (1, "3 passed, 1 failed")
    assert output.count("def test_that_fails():\n") == 1


def test_what_a_side_lacks_fails_its_group_alone(tree):
    tree.write("fail-always", "build-guest forky\n")
    assert tree.check("e2e", "stock", "package")[:2] == (1, "2 passed, 1 failed")
    tree.write("fail-always", "build-guest\n")
    assert tree.check("e2e", "stock", "package")[:2] == (1, "0 passed, 3 failed")


def test_a_side_that_is_killed_is_a_failure(tree):
    tree.write("tests/e2e/test_more.py", "import os, signal\ndef test_that_kills():\n    os.kill(os.getppid(), signal.SIGKILL)\n")
    assert tree.check("e2e", "package")[:2] == (1, "1 passed, 1 failed")


def test_only_what_a_group_needs_is_made(tree):
    assert tree.check("stock")[:2] == (0, "1 passed, 0 failed")
    assert not tree.events("build-qemu|bookworm") and tree.events("build-deb forky")


def test_a_build_alone_begins_nothing(tree):
    assert tree.check("build")[:2] == (0, "1 passed, 0 failed")
    assert not tree.events(" [bf]")


def test_what_failed_in_the_background_is_tried_again(tree):
    tree.write("fail-once", "build-qemu 10.2\n")
    status, last, errors = tree.check("emulator")
    assert (status, last) == (0, "3 passed, 0 failed")
    assert re.search(r"what was begun in the background failed, see .*/log; trying again: find_version 10.2", errors)


def test_what_fails_again_fails_its_tests_alone(tree):
    tree.write("fail-always", "build-qemu 10.2\n")
    status, last, _ = tree.check("emulator", "stock")
    assert (status, last) == (1, "3 passed, 1 failed")
    assert len(tree.events("begin build-qemu 10.2")) == 2


def test_what_the_background_says_is_shown_while_it_is_waited_for(tree):
    tree.write("scripts/build-guest", TOOL.replace("\nsleep", '\necho "it takes long" >&2\nsleep')).chmod(0o755)
    assert "it takes long\n" in tree.check("emulator", SECONDS_OF_A_TOOL="1")[2]


def is_there(pid):
    return os.path.exists(f"/proc/{pid}")


def members(group):
    """What is left of a process group, as a list that is empty if nothing is."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return []
    return [f"group {group}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_side_goes_on_when_it_is_ended(number, tree):
    for place in "e2e", "package":
        tree.write(f"tests/{place}/test_more.py", f"""import os, time
def test_that_hangs():
    with open({str(tree.folder)!r} + "/sleeping", "a") as sleeping:
        sleeping.write(f"{{os.getpid()}}\\n")
    time.sleep(1000)
""")
    end_what_sleeps(tree, number, "e2e", "package")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_goes_on_when_it_is_ended(number, tree):
    tree.write("hang", "")
    tree.write("scripts/setup", "#!/bin/sh\n").chmod(0o755)
    end_what_sleeps(tree, number, "e2e")


def end_what_sleeps(tree, number, *groups):
    """Send it a signal as soon as two processes sleep, after which none is left."""
    with tree.start(*groups) as process:
        sleeping = tree.folder / "sleeping"
        deadline = time.monotonic() + 30
        while not sleeping.exists() or len(sleeping.read_text().split()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, number)  # as a terminal does
        try:
            process.communicate(timeout=30)
        finally:
            process.kill()  # or the test would wait for it
    assert process.returncode
    # Nor does what showed the progress. What ended is there until the first process has collected it.
    deadline = time.monotonic() + 5
    while left := [*members(process.pid), *filter(is_there, sleeping.read_text().split())]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_lists_are_fetched_once_and_while_nobody_reads(tree):
    script = 'source scripts/lib/common.sh; for i in 1 2 3 4; do private_apt forky apt-cache show $i & done; wait'
    env = {**os.environ, "PATH": f"{tree.folder}/bin:{os.environ['PATH']}", "XDG_CACHE_HOME": f"{tree.folder}/cache",
           "TREE": str(tree.folder)}
    subprocess.run(["bash", "-euc", script], cwd=tree.folder, env=env, check=True, stdout=subprocess.DEVNULL)
    events = [re.sub("(apt-get|apt-cache) .*", r"\1", event) for event in tree.events("")]
    assert events[:2] == ["begin apt-get", "end apt-get"]
    assert sorted(events[2:]) == ["begin apt-cache"] * 4 + ["end apt-cache"] * 4
