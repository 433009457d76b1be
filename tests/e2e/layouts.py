# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the memory of the tests' domains must be in the guest: SPM first in the window, then DIMMs."""

from acpi import SRAT_ENABLED
from report import GIB, MIB, SOFT_RESERVED, Affinity, Range

WINDOW = 4 * GIB  # device memory begins here in a guest with little RAM
SIZE = 256 * MIB  # of each SPM and DIMM

# The proximity domain of each SPM, in the order of the XML.
SPM_NODES = {"single": [1], "two-nodes": [1, 2], "after-dimm": [1]}


def spm_entries(name: str) -> list[Affinity]:
    """The SRAT entries that the domain's SPM must have."""
    starts = (WINDOW + index * SIZE for index in range(len(SPM_NODES[name])))
    return [Affinity(start, start + SIZE, node, SRAT_ENABLED)
            for start, node in zip(starts, SPM_NODES[name])]


def soft_reserved(name: str) -> list[Range]:
    """The E820 ranges of the domain's SPM, not merged."""
    return [Range(entry.start, entry.end, SOFT_RESERVED) for entry in spm_entries(name)]
