# SPDX-License-Identifier: LGPL-2.1-or-later
"""The golden documents: NAME.xml beside what is expected of it.

NAME.args says that NAME.xml is good, NAME.err that it is refused. A good one has NAME.old.args or
NAME.old.err as well: what becomes of it with a libvirt that cannot take cells without memory. A refused one is named
*-invalid when the grammar, and so the schema, refuses it already, and *-unsupported when not."""

import pathlib
import re
import textwrap

TESTS = pathlib.Path(__file__).resolve().parent
ARGV = TESTS / "qemuxml2argvdata"
XML2XML = TESTS / "qemuxml2xmloutdata"
TRANSLATE = TESTS / "translatedata"
EXPAND = TESTS / "expanddata"

NEW_LIBVIRT = "12.8.0"
OLD_LIBVIRT = "11.3.0"


def names(pattern, folder=ARGV):
    """Names of documents that have a file of this ending."""
    return sorted(path.name[: -len(pattern)] for path in folder.glob("*" + pattern))


GOOD = [name for name in names(".args") if not name.endswith(".old")]
REFUSED = [name for name in names(".err") if not name.endswith(".old")]
GOOD_OLD = [name for name in GOOD if not (ARGV / f"{name}.old.err").exists()]


def document(name):
    return ARGV / f"{name}.xml"


def faults(messages):
    """What virt-spm validate finds wrong with a document: not what it warns of, which is this host's firmware."""
    return [line for line in messages.splitlines() if ": warning: the guest would boot without " not in line]


def literal_blocks(text):
    """The literal blocks of reStructuredText, without their indentation."""
    found = re.finditer(r"::\n\n((?P<indent>[ \t]+)\S.*\n(?:(?P=indent).*\n|\n)*)", text)
    return [textwrap.dedent(block[1]) for block in found]
