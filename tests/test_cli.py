# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-spm's options, exit status and streams."""

import re
import subprocess

import pytest
from programs import BUILD, ROOT, run
from documents import ARGV, document

SINGLE = document("spm-single")


def test_standard_input(virt_spm):
    done = virt_spm("argv", "-", text=SINGLE.read_text())
    assert (done.returncode, done.stdout) == (0, (ARGV / "spm-single.args").read_text())


def test_argv_of_stock_xml_is_that_of_its_origin(virt_spm):
    stock = virt_spm("translate", SINGLE).stdout
    assert virt_spm("argv", "-", text=stock).stdout == (ARGV / "spm-single.args").read_text()


def test_device(virt_spm):
    assert '"driver":"sp-mem"' in virt_spm("argv", "--device", "sp-mem", SINGLE).stdout


@pytest.mark.parametrize("words,formatted", [
    (["validate"], 0), (["argv"], 0), (["translate"], 1), (["expand"], 0), (["expand", "--request", "2MiB"], 1), (["layout"], 0), (["translate", "--reverse"], 1)])
def test_a_document_is_parsed_and_formatted_once(words, formatted, virt_spm, tmp_path):
    """tests/preload/count.c says so."""
    path = SINGLE
    if "--reverse" in words:
        path = tmp_path / "stock.xml"
        path.write_text(virt_spm("translate", SINGLE).stdout)
    done = run(BUILD / "tests/counting-virt-spm", *words, path)
    counted = re.findall(r"^(parse|format) \w+$", done.stderr, re.M)
    assert (done.returncode, counted) == (0, ["parse"] + ["format"] * formatted)
    assert done.stdout == virt_spm(*words, path).stdout


def test_stock_xml_is_checked_and_not_translated(virt_spm):
    stock = virt_spm("translate", SINGLE).stdout
    done = virt_spm("translate", "-", text=stock)
    assert (done.returncode, done.stdout) == (0, stock)
    done = virt_spm("translate", "-", text=stock.replace("<node>1</node>", "<node>9</node>"))
    assert (done.returncode, done.stdout) == (1, "") and "cell" in done.stderr


@pytest.mark.parametrize("command", ["validate", "argv", "translate"])
def test_other_documents_are_refused(command, virt_spm):
    done = virt_spm(command, "-", text="<!-- a net -->\n<network/>")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "-:2: the document is a <network>; expected a <domain>\n"


def test_too_old_libvirt(virt_spm):
    done = virt_spm("validate", "--libvirt-version", "9.0.0", SINGLE)
    assert done.returncode == 1
    assert done.stderr == (f"{SINGLE}:22: <memory model='spm'> requires libvirt 10.0.0 or newer; this is 9.0.0, "
                           "which could not start the domain\n")


def test_all_faults_are_listed(virt_spm):
    assert len(virt_spm("validate", document("several-invalid")).stderr.splitlines()) == 3


@pytest.mark.parametrize("command,arguments,message", [
    ("", [], "a command is needed"),
    ("", ["draw", "a"], "unknown command 'draw'"),
    ("", ["--frobnicate"], "Unknown option --frobnicate"),
    ("argv", [], "exactly one DOMAIN.xml is needed"),
    ("argv", ["a", "b"], "exactly one DOMAIN.xml is needed"),
    ("probe", [], "exactly one EMULATOR is needed"),
    ("doctor", ["a"], "unexpected argument 'a'"),
    ("layout", ["--format", "png", "a"], "unknown format 'png'; expected text or svg"),
    ("argv", ["--device", "pc-dimm", "a"], "unknown device 'pc-dimm'; expected spm-memory or sp-mem"),
    ("argv", ["--libvirt-version", "new", "a"], "invalid version 'new'; expected a version such as 11.3.0"),
    ("argv", ["--libvirt-version", "1.2.3.4", "a"], "invalid version '1.2.3.4'; expected a version such as 11.3.0"),
    ("argv", ["--device", "sp-mem", "--emulator", "/bin/true", "a"], "--device and --emulator exclude each other"),
])
def test_usage(command, arguments, message, virt_spm):
    done = virt_spm(*[command] if command else [], *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    program = f"virt-spm {command}".strip()
    assert done.stderr == f"{program}: {message}\nTry '{program} --help'.\n"


DOCUMENT = {"--device", "--emulator", "--libvirt-version"}
OPTIONS = {"validate": DOCUMENT, "argv": DOCUMENT, "translate": DOCUMENT | {"--reverse"},
           "expand": DOCUMENT | {"--request", "--profiles", "--leftovers"}, "layout": DOCUMENT | {"--format"},
           "probe": set(), "doctor": {"--emulator", "--root"}, "host": {"--json", "--xml", "--root"}}
GENERAL = {"--help", "--version"}
ALL = set().union(*OPTIONS.values())


def options_in(text):
    return set(re.findall(r"^ +(?:-h, )?(--[a-z-]+)", text, re.M))


@pytest.mark.parametrize("command", OPTIONS)
def test_a_commands_own_help(command, virt_spm):
    done = virt_spm(command, "--help")
    argument = {"probe": " EMULATOR", "doctor": "", "host": ""}.get(command, " DOMAIN.xml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage:\n  virt-spm {command} [OPTION...]{argument}\n\n")
    assert options_in(done.stdout) == OPTIONS[command] | GENERAL
    # It tells more than the line that it shares with the list of commands.
    summary, *description = done.stdout.split("\n\n")[1].splitlines()
    assert description and f"  {summary.rstrip('.')}\n" in virt_spm("--help").stdout


@pytest.mark.parametrize("command,option", [(command, option) for command, taken in OPTIONS.items()
                                            for option in sorted(ALL - taken)])
def test_options_of_other_commands(command, option, virt_spm):
    done = virt_spm(command, option, "a")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"virt-spm {command}: Unknown option {option}\nTry 'virt-spm {command} --help'.\n"


@pytest.mark.parametrize("before", [["--device", "sp-mem"], ["--device=sp-mem"], ["--libvirt-version", "11.3.0"]])
def test_options_may_precede_the_command(before, virt_spm):
    assert virt_spm(*before, "argv", SINGLE).stdout == virt_spm("argv", SINGLE, *before).stdout != ""


# The functions of the package bash-completion that it calls. A file name is completed to FILES.
COMPLETE = """
_init_completion() { words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; cur=${words[cword]} prev=${words[cword-1]}; }
_filedir() { COMPREPLY=(FILES "$@"); }
source "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_virt_spm
printf '%s\n' "${COMPREPLY[@]}"
"""


def complete(*words):
    done = run("bash", "-c", COMPLETE, ROOT / "data/virt-spm.bash", "virt-spm", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


@pytest.mark.parametrize("command", OPTIONS)
def test_completion_of_a_commands_options(command):
    assert complete(command, "--") == OPTIONS[command] | GENERAL
    assert complete("--emulator", "probe", command, "--") == OPTIONS[command] | GENERAL


@pytest.mark.parametrize("words,found", [
    ([""], set(OPTIONS)), (["--"], ALL | GENERAL), (["t"], {"translate"}), (["--emulator", "probe", "a"], {"argv"}),
    (["layout", "--format", ""], {"text", "svg"}), (["argv", "--device", "sp-"], {"sp-mem"}),
    (["argv", ""], {"FILES", "xml"}), (["translate", "--reverse", ""], {"FILES", "xml"}), (["probe", ""], {"FILES"}),
    (["argv", "--emulator", ""], {"FILES"}), (["doctor", "--root", ""], {"FILES", "-d"}), (["doctor", ""], set()),
    (["expand", "--profiles", ""], {"FILES", "-d"}), (["expand", "--request", ""], set()), (["expand", ""], {"FILES", "xml"}),
    (["argv", "--libvirt-version", ""], set())])
def test_completion(words, found):
    assert complete(*words) == found


def test_unreadable_file(virt_spm, tmp_path):
    done = virt_spm("validate", tmp_path / "none.xml")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"virt-spm: cannot read '{tmp_path}/none.xml': ")


def test_unwritable_output(virt_spm):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BUILD / "src" / "virt-spm", "argv", SINGLE], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "virt-spm: cannot write the output\n")


def test_help_lists_all_commands(virt_spm):
    done = virt_spm("--help")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.isascii()
    assert re.findall("^  ([a-z]+) ", done.stdout.split("Commands:\n")[1], re.M) == [*OPTIONS]
    assert options_in(done.stdout) == GENERAL


def test_the_manual_has_all_commands_and_options():
    manual = (ROOT / "docs/man/virt-spm.rst").read_text()
    assert re.findall(r"^\| \*\*virt-spm\*\* \*\*([a-z]+)\*\*", manual, re.M) == [*OPTIONS]
    options = manual.split("\nOPTIONS\n")[1].split("\nEXIT STATUS\n")[0]
    assert set(re.findall(r"^\*\*(--[a-z-]+)\*\*", options, re.M)) == ALL | GENERAL


@pytest.mark.parametrize("words", [["--version"], ["argv", "--version"], ["--version", "doctor"]])
def test_version(words, virt_spm):
    done = virt_spm(*words)
    assert done.returncode == 0 and re.fullmatch(r"virt-spm \d+\.\d+\.\d+\n", done.stdout)
