# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents that are legal and odd, on stock libvirtd with the plugin, and on one without it with a DIMM in SPM's
place: stored and shown the same."""

import re

import pytest
from daemon import Daemon
from domains import fit_domain, read_domain
from stack import Stack

NAME = "small"
MEMORY = re.compile(r" *<memory model=.*?</memory>\n", re.S)


def behind(text: str, anchor: str, more: str) -> str:
    assert text.count(anchor) == 1
    return text.replace(anchor, anchor + more)


def metadata(content: str, text: str) -> str:
    return behind(text, "</uuid>", f"<metadata>{content}</metadata>")


ODD = {
    "instructions and comments": lambda text: "<?xml version='1.0'?><?a b?><!--c-->" + behind(
        behind(text, "</size>", "<?d e?><!--f-->"), "</uuid>", "<?g?><!--h-->"),
    "a declared encoding": lambda text: "<?xml version='1.0' encoding='ISO-8859-1'?>" + behind(
        text, "</uuid>", "<title>caf&#233; \"and\" 'tea' &amp;</title>"),
    "character data": lambda text: text.replace("<name>small", "<name><![CDATA[sma]]>ll"),
    "a referenced model": lambda text: text.replace("'spm'", "'s&#x70;m'").replace("'dimm'", "'dim&#109;'"),
    "white space": lambda text: text.replace("='", " =\n'").replace("'>", "'\n>").replace("'/>", "'\t/>"),
    "double quotes": lambda text: text.replace("'", '"'),
    "metadata of all kinds": lambda text: metadata(
        "\n<a:b xmlns:a='urn:a&amp;b' a:c='\"&apos;&#10;&#9;&#13;&gt;&lt;&#233;'>te\"xt' &gt; &#13;&#233; "
        "<![CDATA[<x>\"]]><?d  e?><!-- f \" --></a:b> <g xmlns='urn:g'><h xmlns=''/></g>\n", text),
    "metadata of quotes": lambda text: metadata(f"<a xmlns='urn:a'>{'&quot;&apos;' * 100000}</a>", text),
    # not "qemu", which libvirt itself declares for every domain with an override
    "undeclared prefixes in metadata": lambda text: metadata("<a xmlns='urn:a'><u:b u:c=''/></a><u:f/>", text),
    "undeclared prefixes": lambda text: text.replace(
        "</domain>", "<qemu:commandline><qemu:arg value='-bogus'/></qemu:commandline></domain>").replace(
            "</devices>", "<u:v/></devices>"),
    "foreign elements": lambda text: text.replace("</devices>", "<memory xmlns='urn:a' model='spm'/></devices>"),
    "several of everything": lambda text: metadata("<a xmlns='urn:a'/>", text.replace(
        "</domain>", "<metadata><b xmlns='urn:b'/></metadata><name>other</name></domain>")),
}


def shown(daemon: Daemon, text: str) -> tuple[str, str]:
    """What a daemon shows of a domain, and the metadata that it has stored."""
    daemon.call("define", "/dev/stdin", stdin=text)
    try:
        stored = re.findall(r"<metadata.*</metadata>", daemon.stored_xml(NAME), re.S)
        return daemon.call("dumpxml", NAME), "".join(stored)
    finally:
        daemon.call("undefine", NAME)


@pytest.mark.parametrize("odd", ODD)
def test_stored_and_shown_as_with_a_dimm(daemon: Daemon, plain_daemon: Daemon, stack: Stack, odd: str) -> None:
    text = fit_domain(read_domain(NAME), stack, "seabios", daemon.serial_path(NAME))
    assert text.count('model="spm"') == 1
    text = text.replace('"', "'")
    dump, stored = shown(daemon, ODD[odd](text))
    plain_dump, plain_stored = shown(plain_daemon, ODD[odd](text.replace("'spm'", "'dimm'")))
    assert [re.match(r" *<memory model='(\w+)'", device)[1] for device in MEMORY.findall(dump)] == ["spm"]
    assert MEMORY.sub("", dump) == MEMORY.sub("", plain_dump)
    assert stored == plain_stored
    assert "qemu:override" not in dump and "-bogus" not in dump
