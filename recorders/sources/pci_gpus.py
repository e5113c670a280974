"""GPUs of AMD and Intel as hwmon chips on the PCI bus: their numbers, their sleep, their gauges.

A card that its driver has suspended is not read, since older kernels wake it for that. What it
draws asleep is not known, so its channel ends there, as at any sensor that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from recorders.channels import kind_of
from recorders.held_back import HeldBack
from recorders.machine import file_text
from recorders.plausible import bound_w
from recorders.source import Channel, Gone, Refusal, SourceError
from recorders.sources.gpu_numbers import (
    BEFORE_ALL,
    Place,
    gpu_numbers,
    nvidia_on_bus,
    place_of,
)
from recorders.sources.hwmon import (
    MICRO,
    MILLI,
    Clock,
    Hwmon,
    KeptFile,
    Output,
    ScaledFile,
    Sensor,
    first_failure,
    sensor_refusal,
)
from recorders.sources.hwmon_chips import Chip, Found, find_chips
from recorders.sources.rails import power_channel
from recorders.texts import OwnNote

# The channels of a card, and of a GPU inside the processor.
GPU, INSIDE = "gpu", "igpu"
VENDORS = {"0x1002": "AMD", "0x8086": "Intel"}
STATUS = "power/runtime_status"
ASLEEP = ("suspended", "suspending")
# Gauges change by the second, and are not observed more closely.
GAUGE_S, MIB = 1.0, 2.0**-20
_GAUGES = (
    ("device/gpu_busy_percent", "util", "pct", 1.0),
    ("device/mem_info_vram_used", "mem", "MiB", MIB),
    ("temp1_input", "temp", "C", MILLI),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """The file with a card's power (W) or energy (J), and what run.json says of it.

    `lap_j` is the energy after which a counter that is not read loses count (None: never). If it
    `is_part`, the offers before it contain it and more.
    """

    file: str
    unit: str
    says: str
    lap_j: float | None = None
    is_part: bool = False


class Held(Protocol):
    """Reads what holds a card's clocks back, from `path`."""

    path: Path

    def read(self) -> HeldBack:
        """The reasons now. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class Driver:
    """How the cards of one driver are read: by the first of the offers that can be.

    `zero` says why the first reading of a card may be 0 W, which no running card draws, and whether
    its energy is in another card's. `held` is what tells why its clocks are held back, if any does.
    """

    name: str
    offers: Sequence[Offer]
    zero: Callable[[Chip], tuple[str, bool]] = lambda _: ("it does not measure", False)
    held: Callable[[Chip], Held | None] = lambda _: None


class CardSensor(Sensor):
    """A file of a card, which is not opened while the card sleeps."""

    def __init__(
        self,
        card: Path,
        unit: str,
        file: ScaledFile,
        period_s: float | None = None,
        most_unread_s: float | None = None,
        clock: Clock = time.monotonic_ns,
    ) -> None:
        super().__init__("", unit, [file], period_s)
        self._status = KeptFile(card / STATUS)
        self.card = card
        self._most_unread_s = most_unread_s
        self._clock = clock
        self._read_ns: int | None = None

    def read(self) -> float:
        """The value now. Raises Gone if the card sleeps, or was not read for too long."""
        self.check_awake()
        value = super().read()
        now_ns = self._clock()
        unread_s = 0.0 if self._read_ns is None else (now_ns - self._read_ns) * 1e-9
        if self._most_unread_s is not None and unread_s >= self._most_unread_s:
            raise Gone(f"{self.path} was not read for {unread_s:.0f} s: it may have lapped")
        self._read_ns = now_ns
        return value

    def check_awake(self) -> None:
        """Raise Gone if the card sleeps."""
        try:
            status = self._status.read_bytes().decode(errors="replace").strip()
        except OSError:  # a driver without power management
            status = ""
        if status in ASLEEP:
            raise Gone(f"{self.card.name} is asleep, and is not woken to be read")

    def close(self) -> None:
        """Close its files."""
        super().close()
        self._status.close()


class HeldSensor(CardSensor):
    """The reasons that hold a card's clocks back, as bits."""

    def __init__(self, card: Path, held: Held) -> None:
        super().__init__(card, "bits", (held.path, 1.0))
        self._held = held

    def read(self) -> float:
        """The bits of `recorders.held_back` now. Raises SourceError."""
        self.check_awake()
        return float(self._held.read())


def open_cards(
    root: Path,
    chips: Sequence[Chip],
    driver: Driver,
    nvidia: Sequence[str] | None = None,
    clock: Clock = time.monotonic_ns,
) -> Found:
    """The cards of a driver, each a source of its own.

    `nvidia` are the addresses of NVIDIA's GPUs (None: those on the bus). It leaves all chips to
    others, whose numbers depend on them.
    """
    found = Found(left=chips)
    names = card_names(chips, nvidia_on_bus(root) if nvidia is None else nvidia)
    for chip, name in names.items():
        if chip.name != driver.name:
            continue
        output, refusal = _output(chip, name, driver, clock)
        if output:
            gauges = [] if is_inside(chip) else _gauges(chip, name, driver.held(chip))
            found.sources.append(Hwmon(f"hwmon {chip.title}", [output, *gauges], clock))
        if refusal:
            found.refused.append(refusal)
    return found


def card_names(chips: Sequence[Chip], nvidia: Sequence[str]) -> dict[Chip, str]:
    """The channel of each GPU of these drivers: cards are numbered with NVIDIA's GPUs, those in
    processors by themselves, both in PCI order.
    """
    gpus = [chip for chip in chips if chip.name in DRIVERS]
    cards = [chip for chip in gpus if not is_inside(chip)]
    inside = sorted((chip for chip in gpus if is_inside(chip)), key=_place)
    _, numbers = gpu_numbers(nvidia, [card.device for card in cards])
    return {
        **{card: f"{GPU}{number}" for card, number in zip(cards, numbers, strict=True)},
        **{chip: f"{INSIDE}{number}" for number, chip in enumerate(inside)},
    }


def cards_on_bus(root: Path) -> list[str]:
    """The PCI addresses of the cards of these drivers, without GPUs in processors."""
    chips = [chip for chip in find_chips(root) if chip.name in DRIVERS]
    return [chip.device for chip in chips if not is_inside(chip)]


def is_inside(chip: Chip) -> bool:
    """Whether a GPU lies in the processor, so that its energy is in no sum."""
    return DRIVERS[chip.name](chip)


def _has_northbridge(chip: Chip) -> bool:
    return (chip.directory / "in1_input").exists()


def _is_on_root_bus(chip: Chip) -> bool:
    """The bus of a GPU in an Intel processor; a card sits behind a bridge."""
    place = place_of(chip.device)
    return place is not None and place[1] == 0


# How to tell a GPU in a processor from a card: AMD's have a northbridge voltage (amdgpu_pm.c).
DRIVERS: Mapping[str, Callable[[Chip], bool]] = {
    "amdgpu": _has_northbridge,
    "i915": _is_on_root_bus,
    "xe": _is_on_root_bus,
}


def pci_id(chip: Chip, name: str) -> str:
    """A PCI id of a card, such as "0x740c" for `device`; empty if it cannot be read."""
    return file_text(chip.directory / "device" / name)


def _place(chip: Chip) -> Place:
    return place_of(chip.device) or BEFORE_ALL


def _output(
    chip: Chip, name: str, driver: Driver, clock: Clock
) -> tuple[Output | None, Refusal | None]:
    source, part = f"{chip.name} {chip.device}", name if kind_of(name).in_total else ""
    card = (chip.directory / "device").resolve()
    offers = [offer for offer in driver.offers if (chip.directory / offer.file).exists()]
    if not offers:
        reason = "the driver shows neither a power nor an energy"
        return None, Refusal(source, reason, part=part, kind="unread")
    refusal: Refusal | None = None
    for offer in offers:
        path = chip.directory / offer.file
        most_unread_s = offer.lap_j / bound_w(name) if offer.lap_j else None
        sensor = CardSensor(card, offer.unit, (path, MICRO), None, most_unread_s, clock)
        if (failed := first_failure(sensor)) is None:
            break
        sensor.close()
        refusal = refusal or sensor_refusal(source, sensor, failed)
    if failed is not None and refusal:
        if file_text(card / STATUS) in ASLEEP:
            refusal = replace(refusal, remedy=f"echo on | sudo tee {card}/power/control")
        return None, replace(refusal, part=part)
    if offer.unit == "W" and _is_zero(sensor):
        reason, is_elsewhere = driver.zero(chip)
        sensor.close()
        return None, Refusal(
            source, f"{path} shows 0 W: {reason}", "", "" if is_elsewhere else part, kind="unread"
        )
    if refusal:
        reason = f"{refusal.reason}; {offer.file} is read instead ({offer.says})"
        refusal = replace(refusal, reason=reason, warns=True)
        if offer.is_part:
            refusal = replace(refusal, reason=f"{name}: {reason}", flag=OwnNote.ONLY_PACKAGE)
    cap_w = chip.text("power1_cap")
    limit_w = int(cap_w) * MICRO if cap_w.isascii() and cap_w.isdigit() else None
    channel = replace(
        power_channel(name, [sensor]), bound_w=bound_w(name, limit_w), limit_w=limit_w
    )
    if channel.unit == "J":
        channel = replace(channel, remarks=())
    facts = {
        "vendor": VENDORS.get(pci_id(chip, "vendor"), ""),
        "pci": chip.device,
        "pci_id": f"{pci_id(chip, 'vendor')}:{pci_id(chip, 'device')}",
        "model": file_text(card / "product_name"),
        "driver": chip.name,
        "measures": offer.says,
    }
    return Output(channel, (sensor,), facts), refusal


def _is_zero(sensor: Sensor) -> bool:
    try:
        return sensor.read() == 0
    except SourceError:
        return False


def _gauges(chip: Chip, name: str, held: Held | None) -> list[Output]:
    card = (chip.directory / "device").resolve()
    offers: list[tuple[str, CardSensor]] = []
    for file, what, unit, scale in _GAUGES:
        path = chip.directory / file
        offers.append((what, CardSensor(card, unit, (path, scale), GAUGE_S)))
    if held:
        offers.append(("held", HeldSensor(card, held)))
    return [
        Output(Channel(f"{name}_{what}", sensor.unit), (sensor,))
        for what, sensor in offers
        if sensor.path.exists() and first_failure(sensor) is None
    ]
