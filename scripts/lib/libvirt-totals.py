# SPDX-License-Identifier: LGPL-2.1-or-later
"""Print the name of each of libvirt's tests in a log of meson and how many of its cases passed, sorted by name."""

import json
import re
import sys

with open(sys.argv[1], encoding="utf-8") as log:
    for test in sorted(map(json.loads, log), key=lambda test: test["name"].split()[-1]):
        output = test.get("stdout", "") + test.get("stderr", "")
        print(test["name"].split()[-1], len(re.findall(r"(?m)(?:^| )OK$", output)))
