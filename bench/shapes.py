# SPDX-License-Identifier: LGPL-2.1-or-later
"""The domains of the benchmark: one cell with RAM, and a number of memory devices of one model."""

import uuid
from pathlib import Path

CELL_MIB = 512
DEVICE_MIB = 64

DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <maxMemory slots='{slots}' unit='GiB'>64</maxMemory>
  <memory unit='MiB'>{total}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <cpu>
    <numa>
      <cell id='0' cpus='0' memory='{cell}' unit='MiB'/>
{cells}    </numa>
  </cpu>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
{devices}    <memballoon model='none'/>
  </devices>
</domain>
"""
DEVICE = """\
    <memory model='{model}'>
      <target>
        <size unit='MiB'>{size}</size>
        <node>{node}</node>
      </target>
    </memory>
"""
BARE_CELL = "      <cell id='1' memory='0' unit='KiB'/>\n"


def domain(emulator: Path, name: str, model: str, number: int, size: int = DEVICE_MIB) -> str:
    """A domain with that many memory devices of that size in MiB: SPM in its own cell, a DIMM in that of the RAM."""
    spm = model == "spm"
    device = DEVICE.format(model=model, size=size, node=1 if spm else 0)
    return DOMAIN.format(
        name=name, uuid=uuid.uuid5(uuid.NAMESPACE_OID, name), slots=1 if spm else max(1, number),
        total=CELL_MIB + size * number, cell=CELL_MIB, cells=BARE_CELL if spm else "", emulator=emulator,
        devices=device * number)
