# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/demo: its options, the parts that it gets ready, and a machine without Python. What it shows is the work of the
end-to-end tests' own modules."""

import os
import re
import shutil
import subprocess

import pytest
from mounts import with_own_mounts
from programs import ROOT, run

in_sandbox = pytest.mark.skipif("SPM_SANDBOX" not in os.environ, reason="mounts are made in scripts/sandbox only")
LAYOUTS = re.findall('^    "(.*?)": Layout', (ROOT / "tests/e2e/matrix_layouts.py").read_text(), re.M)
PARTS = ["build_plugin", "find_emulator", "find_guest", "find_seabios"]


STORY = """
import os
def show_all(firmware, folder):
    if os.environ.get("FAIL"):
        from show import NotProved
        raise NotProved("it holds")
    return f"story {[*firmware]} {folder and folder.name} {os.environ['SPM_FIND_GUEST']!r}"
"""
TOUR = """
def choose_rows(options, firmware):
    return [options.emulator, options.layout]
def show_all(rows, firmware, folder):
    return f"tour {rows} {[*firmware]} {folder and folder.name}"
"""


@pytest.fixture
def tree(tmp_path):
    """The demo alone, with parts that are only named, and with guests that only show what they were asked for."""
    for name in "scripts/demo", "scripts/lib/demo.py":
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    parts = "".join(f'{part}() {{ echo "part {part} $*"; export SPM_{part.upper()}="a\nb=$*"; }}\n'
                    for part in [*PARTS, "find_version", "find_stock"])
    for name, text in {
            "scripts/lib/common.sh": 'say() { echo "say $*" >&2; }\n', "scripts/lib/parts.sh": parts,
            "scripts/setup": "#!/bin/sh\necho setup\n", "scripts/sandbox": '#!/bin/sh\nSPM_SANDBOX=1 exec "$@"\n',
            "tests/e2e/matrix_layouts.py": f"LAYOUTS = {dict.fromkeys(LAYOUTS)}\n",
            "tests/e2e/daemon.py": "class DaemonError(Exception):\n    pass\n",
            "tests/e2e/guest.py": "class GuestError(Exception):\n    pass\n",
            "scripts/lib/show.py": "class NotProved(Exception):\n    pass\nclass Show:\n    checks = 3\n",
            "scripts/lib/story.py": STORY, "scripts/lib/tour.py": TOUR}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def demo(tree, *words, **environment):
    env = {key: value for key, value in os.environ.items() if key != "SPM_SANDBOX"}
    return run(tree / "scripts/demo", *words, env={**env, **environment})


@pytest.mark.parametrize("words,shown,parts", [
    ([], "story ['seabios', 'ovmf'] None 'a\\nb='", []),
    (["--firmware", "ovmf", "--keep"], "story ['ovmf'] demo 'a\\nb='", []),
    (["--layout=gap"], "tour [None, 'gap'] ['seabios', 'ovmf'] None", []),
    (["--layout", "hmat", "--firmware", "seabios"], "tour [None, 'hmat'] ['seabios'] None", ["find_stock"]),
    (["--emulator", "10.0", "--keep"], "tour ['10.0', None] ['seabios', 'ovmf'] demo", []),
    (["--emulator", "7.2"], "tour ['7.2', None] ['seabios', 'ovmf'] None", ["find_version 7.2"]),
    (["--emulator", "10.2"], "tour ['10.2', None] ['seabios', 'ovmf'] None", ["find_version 10.2"]),
    (["--emulator", "11.1"], "tour ['11.1', None] ['seabios', 'ovmf'] None", ["find_stock"])])
def test_what_is_shown_and_what_it_needs(words, shown, parts, tree):
    done = demo(tree, *words)
    assert (done.returncode, done.stdout) == (0, f"\nProved (3 checks): {shown}.\n")
    assert re.findall("^part (.*?) *$", done.stderr, re.M) == [*PARTS, *parts]
    assert done.stderr.startswith("say getting the parts ready\nsetup\n")


def test_a_part_that_is_not_to_be_had(tree):
    with open(tree / "scripts/lib/parts.sh", "a", encoding="ascii") as parts:
        parts.write("find_guest() { return 7; }\n")
    done = demo(tree)
    assert (done.returncode, done.stdout) == (7, "") and "find_seabios" not in done.stderr


def test_a_check_that_fails(tree):
    done = demo(tree, FAIL="1")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.endswith("\nNOT PROVED: it holds\n")


@pytest.mark.parametrize("words,message", [
    (["--frob"], "unrecognized arguments: --frob"), (["more"], "unrecognized arguments: more"),
    (["--firm", "ovmf"], "unrecognized arguments: --firm ovmf"), (["--layout"], "argument --layout: expected one argument"),
    (["--layout", "large"], "argument --layout: invalid choice: 'large' "),
    (["--firmware", "bios"], "argument --firmware: invalid choice: 'bios' "),
    (["--emulator", "9.0"], "argument --emulator: invalid choice: '9.0' ")])
def test_usage(words, message, tree):
    done = demo(tree, *words)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("usage: demo ")
    assert f"\ndemo: error: {message}" in done.stderr and "setup" not in done.stderr


def test_help_starts_nothing(tree):
    done = demo(tree, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(re.findall("^  (?:-h, )?(--[a-z]+)", done.stdout, re.M)) == {
        "--help", "--firmware", "--layout", "--emulator", "--keep"}
    assert ", ".join(LAYOUTS) in " ".join(done.stdout.split())


# As on a bare Debian: there is no Python until the packages are installed.
WITHOUT_PYTHON = """
mount --bind /dev/null "$(readlink -f /usr/bin/python3)"
exec "$@"
"""


@in_sandbox
@pytest.mark.parametrize("words,status,output,errors", [
    ([], 0, "installed\n\nProved (3 checks): story ", "say getting"),
    (["--help"], 3, "", "demo: --help needs the package python3; without --help, the demo installs it\n")])
def test_a_machine_without_python(words, status, output, errors, tree):
    (tree / "scripts/setup").write_text("""#!/bin/sh
python=$(readlink -f /usr/bin/python3)
[ -x "$python" ] || { umount "$python" && echo installed; }
""")
    done = subprocess.run(with_own_mounts("sh", "-c", WITHOUT_PYTHON, "sh", tree / "scripts/demo", *words), check=False,
                          capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert done.stdout.startswith(output) and done.stderr.startswith(errors)
