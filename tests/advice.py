# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the README and the manuals advise to run or to write, as it stands there."""

import re
import textwrap

from documents import literal_blocks
from programs import ROOT


def blocks(page):
    """What a page shows apart from its sentences."""
    text = (ROOT / page).read_text()
    if page.endswith(".rst"):
        return literal_blocks(text)
    indented = re.findall(r"(?<=\n\n)((?: {4}.*\n)+)", text)
    return [*re.findall(r"^```xml\n(.*?)^```", text, re.M | re.S), *map(textwrap.dedent, indented)]


def advice(page, word):
    """The lines of a page's only block with that word; one that goes on below is one."""
    block, = [block for block in blocks(page) if word in block]
    return block.replace("\\\n", "").strip().splitlines()
