"""Boards and their rails as channels; and the chips of other boards and hats, each a source.

A rail lies inside its board and is in no total. It is named by its label, or by its chip and
address if it has none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from recorders.channels import kind_of
from recorders.plausible import bound_w
from recorders.source import Channel, Refusal
from recorders.sources.hwmon import Hwmon, Output, Sensor
from recorders.sources.hwmon_chips import CHIPS, Chip, ChipSensors, Found, sensors_of
from recorders.texts import OwnNote

BOARD, RAIL = "board", "rail_"
# A counter's power is not computed over less than so many of its updates.
SETTLE_UPDATES, SETTLE_S, STEP_J = 20, 2.0, 1e-6
NO_CHIP = Refusal("rails", "no power monitor chip, as hats and boards have", kind="absent")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


def power_channel(name: str, sensors: Sequence[Sensor]) -> Channel:
    """The channel of the sum of powers, or of one energy counter, bounded by its kind."""
    kind, bound = kind_of(name), bound_w(name)
    if sensors[0].unit == "W":
        return Channel(
            name, "W", in_total=kind.in_total, bound_w=bound, remarks=(OwnNote.INTEGRATED,)
        )
    period_s = sensors[0].period_s
    return Channel(
        name,
        "J",
        in_total=kind.in_total,
        bound_w=bound,
        settle_s=SETTLE_UPDATES * period_s if period_s else SETTLE_S,
        step_j=STEP_J,
        remarks=(OwnNote.NO_RANGE,),
    )


def board_output(sensors: Sequence[Sensor], **facts: object) -> Output:
    """The board, whose power is the sum of these sensors."""
    labels = " + ".join(sensor.label for sensor in sensors)
    return Output(power_channel(BOARD, sensors), tuple(sensors), {"label": labels, **facts})


def rail_outputs(chips: Sequence[ChipSensors], without: Collection[Sensor] = ()) -> list[Output]:
    """A rail for each sensor; those with one label are told apart by their chips."""
    named = [
        (
            sensor.label or chip.title,
            f"{chip.title} {number}" if sensor.label else f"{number}",
            sensor,
        )
        for chip in chips
        for number, sensor in enumerate(chip.sensors, 1)
        if sensor not in without
    ]
    names = [rail_name(label) for label, _, _ in named]
    outputs = []
    for label, place, sensor in named:
        name = rail_name(label)
        if names.count(name) > 1:
            name = rail_name(f"{label} {place}")
        outputs.append(Output(power_channel(name, [sensor]), (sensor,), {"label": sensor.label}))
    return outputs


def rail_name(label: str) -> str:
    """The channel of a rail: its label in letters, digits and underscores."""
    return RAIL + (_OTHER.sub("_", label).strip("_") or "unnamed")


def open_rails(root: Path, chips: Sequence[Chip]) -> Found:
    """Each known chip as a source of its own, so that a slow one delays no other."""
    known = [chip for chip in chips if chip.name in CHIPS]
    found = Found(left=[chip for chip in chips if chip.name not in CHIPS])
    if not known:
        found.absent.append(NO_CHIP)
    opened = []
    for chip in known:
        sensors, reasons = sensors_of(chip)
        opened.append(sensors)
        found.refused += reasons
    outputs = {output.sensors[0]: output for output in rail_outputs(opened)}
    found.sources = [
        Hwmon(f"hwmon {chip.title}", [outputs[sensor] for sensor in chip.sensors])
        for chip in opened
        if chip.sensors
    ]
    return found
