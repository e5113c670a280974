"""ACPI power meters: Grace and GH200 by what their firmware says, those of other machines as rails.

A module contains its GPU and its Grace socket, which contains the processor, its memory and its
system I/O. Without a module around them, Grace sockets are the packages of the machine. Files:
Documentation/hwmon/acpi_power_meter.rst of Linux.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from recorders.source import Refusal
from recorders.sources.hwmon import Hwmon, Output, Sensor
from recorders.sources.hwmon_chips import (
    Chip,
    ChipSensors,
    Found,
    Quantity,
    first_readable,
    sensor_offers,
)
from recorders.sources.rails import RAIL, board_output, power_channel, rail_outputs

ACPI = "power_meter"
MODULE, SOCKET, PACKAGE = "module", "grace", "package"
NO_METER = Refusal(
    ACPI,
    "no ACPI power meter (Grace, GH200 and some servers have one)",
    "sudo modprobe acpi_power_meter   (on Grace, also boot with acpi_power_meter.force_cap_on=y)",
    kind="absent",
)
# What firmware says that a meter measures.
_GRACE = re.compile(r"(Grace|CPU|SysIO|Module) Power Socket ([0-9]+)")


def open_acpi_power(root: Path, chips: Sequence[Chip]) -> Found:
    """The meters of a Grace machine as one source, and each other meter as one."""
    found = Found(left=[chip for chip in chips if chip.name != ACPI])
    if len(found.left) == len(chips):
        found.absent.append(NO_METER)
    grace: dict[tuple[str, int], Sensor | None] = {}
    others: list[ChipSensors] = []
    for chip in chips:
        if chip.name != ACPI:
            continue
        label = chip.text("power1_oem_info")
        part = _GRACE.fullmatch(label)
        offers = sensor_offers(chip, Quantity(1), label)
        sensor, refusal = first_readable(f"hwmon {chip.title}", offers)
        if part:
            grace[part[1].lower(), int(part[2])] = sensor
        elif sensor:
            others.append(ChipSensors(chip.title, [sensor]))
        if refusal:
            found.refused.append(refusal)
    if outputs := grace_outputs(grace):
        found.sources.append(Hwmon("grace", outputs))
    found.sources += [
        Hwmon(f"hwmon {chip.title}", [output])
        for chip, output in zip(others, rail_outputs(others), strict=True)
    ]
    return found


def grace_outputs(meters: Mapping[tuple[str, int], Sensor | None]) -> list[Output]:
    """The channels of a Grace machine's meters, by what they measure; None: it cannot be read.

    The board is the sum of its modules, and unknown if one of them is.
    """
    modules = [sensor for (part, _), sensor in sorted(meters.items()) if part == MODULE]
    outputs = []
    if modules and None not in modules:
        outputs.append(board_output([sensor for sensor in modules if sensor]))
    for (part, number), sensor in sorted(meters.items()):
        if sensor is None or (part == MODULE and len(modules) == 1):
            continue
        is_package = part == SOCKET and not modules
        name = f"{PACKAGE}{number}" if is_package else f"{RAIL}{part}{number}"
        outputs.append(Output(power_channel(name, [sensor]), (sensor,), {"label": sensor.label}))
    return outputs
