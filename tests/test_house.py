# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all scripts and tests have in common."""

import os
import re
import shutil
import subprocess

import pytest
from mounts import in_chroot, with_own_mounts
from programs import ROOT, run

NAMESPACES = re.compile(r"\bunshare\b|\bnsenter\b|\bsetns\b|\bCLONE_NEW[A-Z]+\b")
# The only two places that make namespaces, and this file.
MAKERS = {"tests/mounts.py", "scripts/lib/namespaces.pl", "tests/test_house.py"}
in_sandbox = pytest.mark.skipif("SPM_SANDBOX" not in os.environ, reason="mounts are made in scripts/sandbox only")


def sources():
    """Scripts and tests, and not what they build or write."""
    for folder in ".ci", "bench", "scripts", "tests":
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def test_namespaces_are_made_in_one_place():
    users = {str(path.relative_to(ROOT)) for path in sources()
             if NAMESPACES.search(path.read_text(encoding="utf-8", errors="replace"))}
    assert users == MAKERS


def test_each_function_of_a_script_is_there_once_and_called():
    """shellcheck sees neither in a file that others source. A call may be "check_$group"."""
    texts = {path: re.sub("(^|[ \t])#.*", "", path.read_text(), flags=re.M)
             for path in sources() if "scripts" in path.parts}
    for path, text in texts.items():
        names = re.findall(r"^(\w+)\(\) \{", text, re.M)
        assert len(names) == len(set(names)), path
        callers = "".join(texts.values()) if path.parent.name == "lib" else text
        called = set(re.findall(r"\b\w+\b(?!\(\) \{)", callers))
        families = tuple(re.findall(r"\b(\w+_)\$\w+", callers))
        assert not [name for name in names if name not in called and not name.startswith(families)], path


LONGEST_FUNCTION = 40  # lines, from its name to its last brace
FUNCTION = re.compile(r"^(?:\w.* \*?)?(\w+)\([^;{}]*\)\n\{\n(?:.*\n)*?\}$", re.M)


def function_lengths(text):
    """The functions of a C file as clang-format writes it, with the number of their lines. An opening brace and a closing
    one stand alone at the beginning of a line."""
    found = {match[1]: match[0].count("\n") + 1 for match in FUNCTION.finditer(text)}
    assert len(found) == text.splitlines().count("}"), "a function was not recognised"
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.c")), ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_function_is_longer_than_the_limit(path):
    lengths = function_lengths(path.read_text())
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_the_length_of_a_function_is_that_of_all_its_lines():
    text = "static int\nadd(int a,\n    int b)\n{\n    if (a) {\n        b++;\n    }\n    return a + b;\n}\n"
    table = "static const struct {\n    int number;\n} table[] = {\n    { 1 },\n};\n"
    assert function_lengths(f"int add(int a, int b);\n{table}{text}") == {"add": 8}


PROGRAMS = {"shellcheck": "shellcheck", "clang-format": "clang-format-14", "pyflakes": "pyflakes3"}
FINDINGS = {
    "shellcheck": ("scripts/found", "#!/bin/bash\necho $1\n", "SC2086"),
    "clang-format": ("src/found.c", "int main(void) { return 0; }\n", "clang-format-violations"),
    "pyflakes": ("tests/found.py", "import os\n", "'os' imported but unused"),
}


@pytest.mark.parametrize("linter", FINDINGS)
def test_linters_find_something(linter, tmp_path):
    """In a tree of nothing but that, which no other linter minds, and what a build left is not looked at."""
    if not shutil.which(PROGRAMS[linter]) and not (os.environ.get("CI") or os.environ.get("SPM_REQUIRE")):
        pytest.skip(f"{PROGRAMS[linter]} is not installed")
    for file in "scripts/lint", "scripts/lib/common.sh", ".clang-format", "tests/programs.py", "src/spm_error.c":
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    file, text, message = FINDINGS[linter]
    for place in "build/" + file, file:
        clean = run(tmp_path / "scripts/lint")
        assert clean.returncode == 0, clean.stderr
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    for other in FINDINGS:
        done = run(tmp_path / "scripts/lint", other)
        assert (done.returncode, message in done.stderr) == (int(other == linter), other == linter), done.stderr


@in_sandbox
def test_own_mounts_in_a_chroot(tmp_path):
    """Where "/" is not a mount point, which is so in the folder that debootstrap makes."""
    done = subprocess.run(in_chroot(tmp_path / "one", "unshare", "--mount", "true"), capture_output=True, text=True,
                          check=False)
    assert done.returncode != 0 and "cannot change root filesystem propagation" in done.stderr
    subprocess.run(in_chroot(tmp_path / "two", *with_own_mounts("true")), check=True)


@in_sandbox
def test_own_mounts_are_seen_by_nobody_else(tmp_path):
    subprocess.run(with_own_mounts("sh", "-c", 'mount -t tmpfs tmpfs "$0" && touch "$0/file"', tmp_path), check=True)
    assert not list(tmp_path.iterdir())


@in_sandbox
def test_own_host_name(tmp_path):
    command = with_own_mounts("sh", "-c", "echo of-its-own >/proc/sys/kernel/hostname && uname -n", own_host=True)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "of-its-own\n"
    assert os.uname().nodename != "of-its-own"


@in_sandbox
def test_a_sandbox_in_a_sandbox_has_none_of_its_mounts(tmp_path):
    """libvirt looks at what is mounted, and fails where a path is not there."""
    words = with_own_mounts("sh", "-c", 'mount -t tmpfs tmpfs "$0" && SPM_SANDBOX= exec "$1" cat /proc/mounts', tmp_path,
                            ROOT / "scripts/sandbox")
    mounts = subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE).stdout
    assert str(tmp_path) not in mounts
    assert [line.split()[1] for line in mounts.splitlines()].count("/run") == 1
