# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin's table of libvirt's functions, as the tests need it."""

import re

from programs import ROOT

TABLE = (ROOT / "src" / "preload" / "symbols.h").read_text()
INTERPOSED = re.findall(r"^SPM_INTERPOSED\(.*?, (vir\w+)", TABLE, re.M)
EXPORTED = INTERPOSED + re.findall(r"^SPM_INTERPOSED_OPTIONAL\(.*?, (vir\w+)", TABLE, re.M)
GIVES_XML = [name for name in INTERPOSED if name.endswith("GetXMLDesc")]
DEVICE = [name for name in INTERPOSED if re.search("(Attach|Update|Detach)Device", name)]
# saved, dumped or migrated as it is
NO_XML = ["virDomainSave", "virDomainManagedSave", "virDomainCoreDump", "virDomainCoreDumpWithFormat",
          "virDomainMigrate", "virDomainMigrateToURI", "virDomainMigratePerform"]
# a domain that is defined
STARTS = ["virDomainCreate", "virDomainCreateWithFlags", "virDomainCreateWithFiles"]
TAKES_XML = [name for name in INTERPOSED if name not in GIVES_XML + DEVICE + NO_XML + STARTS]


def wrappers():
    """By libvirt's function, the source of its wrapper: a function, or a macro's arguments and the macro."""
    found = {}
    for path in sorted((ROOT / "src" / "preload").glob("wrap_*.c")):
        text = path.read_text()
        found |= dict(re.findall(r"^SPM_EXPORT [^\n]*\n(vir\w+)\(.*?\n\{\n(.*?)^\}", text, re.M | re.S))
        macros = dict(re.findall(r"^#define (SPM_\w+_WRAPPER)\(((?:.*\\\n)*.*)", text, re.M))
        for macro, name, arguments in re.findall(r"^(SPM_\w*WRAPPER\w*)\([^;]*?, (vir\w+),(\s+\([^;]*?)\)$", text, re.M):
            found[name] = arguments + macros.get(macro, "")
    return found
