"""Finds hwmon chips, and the power or energy that each can be read for.

hwmonN changes between boots, so a chip is known by its `name` and the device that it sits on. The
numbers of voltages and currents are independent of each other (sysfs-class-hwmon), so they are
multiplied only for chips whose documentation says which belong together
(Documentation/hwmon/NAME.rst of Linux).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recorders.machine import file_text
from recorders.source import Refusal
from recorders.sources.hwmon import MICRO, MILLI, Hwmon, Sensor, first_failure, sensor_refusal

HWMON = "sys/class/hwmon"


@dataclass(frozen=True, slots=True)
class Chip:
    """A hwmon chip: its driver's name, its device (PCI or i2c address) and its directory."""

    name: str
    device: str
    directory: Path

    @property
    def title(self) -> str:
        """Its name and device, such as "ina3221 1-0040"."""
        return f"{self.name} {self.device}".strip()

    def file(self, name: str) -> Path | None:
        """A file of the chip; older drivers keep theirs on the device."""
        places = (self.directory / name, self.directory / "device" / name)
        return next((path for path in places if path.exists()), None)

    def text(self, name: str) -> str:
        """The text of a file; empty if it cannot be read."""
        path = self.file(name)
        return file_text(path) if path else ""

    def seconds(self, name: str) -> float | None:
        """The milliseconds in a file as seconds; None if there are none."""
        text = self.text(name)
        return int(text) * 1e-3 if text.isascii() and text.isdigit() and int(text) else None


@dataclass(frozen=True, slots=True)
class Quantity:
    """Number N of a chip's powers: powerN or energyN, else in`volts` times curr`amperes`."""

    number: int
    volts: int | None = None
    amperes: int | None = None


@dataclass(frozen=True, slots=True)
class ChipSensors:
    """The sensors of a chip that can be read, and the chip's title."""

    title: str
    sensors: list[Sensor]


@dataclass(slots=True)
class Found:
    """The sources and refusals of one family, and the chips that are left for others.

    `absent` lists what this machine does not have, which is only reported on request.
    """

    sources: list[Hwmon] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    left: Sequence[Chip] = ()
    absent: list[Refusal] = field(default_factory=list)


_ONE = (Quantity(1, 1, 1),)
# Bus voltages and currents that belong together. The others are of shunts and auxiliary inputs.
CHIPS: Mapping[str, tuple[Quantity, ...]] = {
    "ina3221": tuple(Quantity(n, n, n) for n in (1, 2, 3)),
    **dict.fromkeys(
        ("ina209", "ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina233"), _ONE
    ),
    **dict.fromkeys(("ina237", "ina238", "ina260", "ltc2945", "ltc4260", "ltc4282"), _ONE),
    "ltc2947": (Quantity(1, 0, 1),),
    "ltc2992": (Quantity(1, 0, 1), Quantity(2, 2, 2)),
    **dict.fromkeys(("adm1275", "adm1276", "adm1278", "adm1293"), _ONE),
    # The current is that of the output.
    **dict.fromkeys(("max20730", "max20751"), (Quantity(1, 2, 1),)),
}
# Labels of inputs that measure nothing.
UNCONNECTED = ("nc", "sum of shunt voltages")


def find_chips(root: Path) -> list[Chip]:
    """Every hwmon chip below `root`, in the order of names and devices."""
    base = root / HWMON
    try:
        directories = list(base.iterdir())
    except OSError:
        return []
    chips = []
    for directory in directories:
        chip = Chip("", _device(directory), directory)
        if name := chip.text("name"):
            chips.append(Chip(name, chip.device, directory))
    return sorted(chips, key=lambda chip: (chip.name, chip.device, chip.directory.name))


def labels_of(chip: Chip) -> list[str]:
    """The labels of a known chip's quantities."""
    return [_label(chip, quantity) for quantity in CHIPS.get(chip.name, ())]


def sensors_of(chip: Chip) -> tuple[ChipSensors, list[Refusal]]:
    """The readable powers and energy counters of a known chip, and why others are not."""
    sensors, refused = [], []
    for quantity in CHIPS.get(chip.name, ()):
        label = _label(chip, quantity)
        offers = [] if label.lower() in UNCONNECTED else sensor_offers(chip, quantity, label)
        sensor, refusal = first_readable(f"hwmon {chip.title}", offers)
        sensors += [sensor] if sensor else []
        refused += [refusal] if refusal else []
    return ChipSensors(chip.title, sensors), refused


def sensor_offers(chip: Chip, quantity: Quantity, label: str = "") -> list[Sensor]:
    """The ways to read a quantity, the best first: energy, mean power, power, product."""
    number = quantity.number
    period_s = chip.seconds("update_interval")
    average_s = chip.seconds(f"power{number}_average_interval") or period_s
    offers = []
    for name, unit, every_s in (
        (f"energy{number}_input", "J", period_s),
        (f"power{number}_average", "W", average_s),
        (f"power{number}_input", "W", period_s),
    ):
        if path := chip.file(name):
            offers.append(Sensor(label, unit, [(path, MICRO)], every_s))
    volts, amperes = (
        chip.file(f"in{quantity.volts}_input"),
        chip.file(f"curr{quantity.amperes}_input"),
    )
    if volts and amperes:
        offers.append(Sensor(label, "W", [(volts, MILLI), (amperes, MILLI)], period_s))
    return offers


def first_readable(source: str, offers: Sequence[Sensor]) -> tuple[Sensor | None, Refusal | None]:
    """The first sensor that can be read, else the refusal of the first."""
    refused = None
    for sensor in offers:
        failed = first_failure(sensor)
        if failed is None:
            return sensor, None
        refused = refused or sensor_refusal(source, sensor, failed)
        sensor.close()
    return None, refused


def _label(chip: Chip, quantity: Quantity) -> str:
    names = (
        f"power{quantity.number}_label",
        f"energy{quantity.number}_label",
        f"in{quantity.volts}_label",
        f"curr{quantity.amperes}_label",
    )
    several = len(CHIPS.get(chip.name, ())) > 1
    return next(filter(None, map(chip.text, names)), "" if several else chip.text("label"))


def _device(directory: Path) -> str:
    """The name of the device that a chip belongs to; empty if it has none."""
    device = directory / "device"
    return device.resolve().name if device.exists() else ""
