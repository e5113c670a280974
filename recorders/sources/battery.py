"""The power that a laptop draws from its batteries, while they discharge.

Files: Documentation/ABI/testing/sysfs-class-power of Linux. Power and current may be negative while
discharging. A battery that charges does not show what the machine draws, so there is no number
then. Firmware refreshes the figures every 1 to 30 s.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from recorders.counter import Change, update_period_s
from recorders.machine import file_text
from recorders.source import Gone, Refusal, Retry
from recorders.sources.hwmon import (
    MICRO,
    Clock,
    Hwmon,
    NumberFile,
    Output,
    Sensor,
    first_failure,
    sensor_refusal,
)
from recorders.sources.hwmon_chips import Chip, Found
from recorders.sources.rails import power_channel

SUPPLIES = "sys/class/power_supply"
BATTERY = "battery"
NO_BATTERY = Refusal(BATTERY, "no battery", kind="absent")
DISCHARGING = "Discharging"
# States in which the machine runs from its charger, and words for them.
PLUGGED_IN = {"Charging": "charging", "Full": "full", "Not charging": "not discharging"}
# The slowest firmware, assumed until changes were seen; how often to look for them, and how long.
SLOWEST_S, LOOK_S, LOOK_FOR_S = 30.0, 0.5, 120.0


class Batteries(Sensor):
    """The sum of the powers of all batteries that discharge."""

    def __init__(self, batteries: Mapping[Path, Sequence[NumberFile]]) -> None:
        super().__init__("", "W", [])
        self._batteries = dict(batteries)
        self._files = [file for files in batteries.values() for file in files]

    @property
    def discharges(self) -> bool:
        """Whether the machine draws from one of them now."""
        return DISCHARGING in self._states().values()

    def _states(self) -> dict[Path, str]:
        return {directory: file_text(directory / "status") for directory in self._batteries}

    def read(self) -> float:
        """Watts drawn now. Raises Gone if the machine runs from its charger."""
        states = self._states()
        if state := next((s for s in states.values() if s == "Charging"), ""):
            raise Gone(f"{self.path.parent}: the battery is charging")
        if DISCHARGING not in states.values():
            state = next(iter(states.values()))
            text = (
                f"{self.path.parent}: the battery is {PLUGGED_IN.get(state, 'in no known state')}"
            )
            raise Gone(text) if state in PLUGGED_IN else Retry(text)
        total_w = 0.0
        for directory, files in self._batteries.items():
            if states[directory] == DISCHARGING:
                power_w = 1.0
                for file in files:
                    power_w *= abs(file.read())
                total_w += power_w
        return total_w


class Battery(Hwmon):
    """Reads the batteries, and observes how often their firmware refreshes them."""

    reader = "power_supply"

    def __init__(self, output: Output, clock: Clock = time.monotonic_ns) -> None:
        super().__init__(BATTERY, [output], clock)
        self.period_s = LOOK_S
        self._beats = {}
        self._periods_s = {BATTERY: SLOWEST_S}
        self._begun_ns = self._read_ns = clock()
        self._last_w: float | None = None
        self._changes: list[Change] = []
        self._learned = False

    def calibrate(self) -> float | None:
        """Look for a change of the figures, until their period is known."""
        now_ns = self._clock()
        if self._learned or now_ns - self._begun_ns > LOOK_FOR_S * 1e9:
            return None
        for _, reading in self._readings():
            value = reading.value
            if isinstance(value, float):
                if self._last_w is not None and value != self._last_w:
                    self._changes.append(Change(reading.time_ns, self._read_ns))
                self._last_w, self._read_ns = value, reading.time_ns
        if period_s := update_period_s(self._changes):
            self._periods_s, self._learned = {BATTERY: period_s}, True
            return None
        return LOOK_S


def open_battery(root: Path, chips: Sequence[Chip] = (), clock: Clock = time.monotonic_ns) -> Found:
    """The machine's batteries, if it runs from them now."""
    found = Found(left=chips)
    batteries: dict[Path, Sequence[NumberFile]] = {}
    for directory in sorted((root / SUPPLIES).glob("*")):
        if _is_battery(directory):
            if files := _files(directory):
                batteries[directory] = files
            else:
                text = f"{directory} shows neither a power nor a current with its voltage"
                found.refused.append(Refusal(BATTERY, text, kind="unread"))
    if not batteries and not found.refused:
        found.absent.append(NO_BATTERY)
    if not batteries or found.refused:
        return found
    sensor = Batteries(batteries)
    failed = first_failure(sensor)
    if failed is None:
        output = Output(power_channel(BATTERY, [sensor]), (sensor,))
        found.sources.append(Battery(output, clock))
    else:
        refusal = sensor_refusal(BATTERY, sensor, failed)
        found.refused.append(
            refusal if sensor.discharges else replace(refusal, remedy="unplug the charger")
        )
        sensor.close()
    return found


def _is_battery(directory: Path) -> bool:
    """Whether a supply is a battery of the machine, and not an empty bay, that of a mouse or a
    negotiation of USB.
    """
    is_own = file_text(directory / "scope") != "Device"
    is_there = file_text(directory / "present") != "0"
    is_negotiation = directory.name.startswith("ucsi-source-psy")
    return file_text(directory / "type") == "Battery" and is_own and is_there and not is_negotiation


def _files(directory: Path) -> list[NumberFile]:
    for names in (("power_now",), ("current_now", "voltage_now")):
        if all((directory / name).exists() for name in names):
            return [NumberFile(directory / name, MICRO) for name in names]
    return []
