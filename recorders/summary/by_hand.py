"""Wall meters read manually: requests, notes, and the energy of their readings. Pure.

A manual reading is a point, not a counter, and says nothing about another phase. While a phase is
the innermost one, its power is the mean of the readings taken then.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from recorders.channels import METER, named
from recorders.source import Channel
from recorders.summary.reduction import NOTE, EventRow
from recorders.summary.stats import interval95
from recorders.texts import OwnNote
from recorders.wire import Message

# Tolerance for rounding between watts and volts times amperes.
ROUNDING = 0.01
# The end of a note whose reading may be apparent power, in VA.
APPARENT = ", power factor not known)"

_NAME = re.compile(r"[A-Za-z0-9_]+")


def check_names(names: Sequence[str]) -> None:
    """Raise ValueError for a wall meter name that is invalid or given twice."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"wall meter name {name!r} is invalid; use letters, digits and _")
        # Capitals do not tell them apart where a meter's credentials come from.
        if [each.lower() for each in names].count(name.lower()) > 1:
            raise ValueError(f"wall meter {name!r} is given twice")


def unread(names: Sequence[str], read: Sequence[Channel]) -> list[str]:
    """The wall meters that no source reads."""
    known = {channel.name for channel in read}
    return [name for name in names if f"{METER}{name}" not in known]


def channels(names: Sequence[str]) -> list[Channel]:
    """The channels of wall meters read manually."""
    return [replace(named(f"{METER}{name}", "W"), origin="manual") for name in names]


def as_source(names: Sequence[str]) -> list[dict[str, object]]:
    """The wall meters as a source in run.json; empty if there are none."""
    found = [asdict(channel) for channel in channels(names)]
    return [{"name": "meter", "reader": "hand", "channels": found, "devices": {}}] if found else []


@dataclass(frozen=True, slots=True)
class HandReading:
    """A manual reading: watts, and volts and amperes if given."""

    meter: str
    power_w: float
    voltage_v: float | None = None
    current_a: float | None = None
    power_factor: float | None = None

    @property
    def channel(self) -> str:
        """The channel it belongs to."""
        return f"{METER}{self.meter}"

    @property
    def note(self) -> str:
        """The event of its row."""
        return f"{NOTE}{OwnNote.METER} {self.meter} {self.power_w:.6g} W{self._parts}"

    @property
    def _parts(self) -> str:
        if self.voltage_v is None or self.current_a is None:
            return ""
        volts, amperes = f"{self.voltage_v:.6g} V", f"{self.current_a:.6g} A"
        if self.power_factor is not None:
            return f" ({volts} × {amperes} × {self.power_factor:.6g})"
        if self.power_w < self.voltage_v * self.current_a * (1 - ROUNDING):
            return f" ({volts}, {amperes})"
        return f" ({volts} × {amperes}{APPARENT}"


def hand_reading(message: Message, names: Sequence[str]) -> HandReading:
    """The reading in a request. Raises ValueError for an unknown meter or impossible value."""
    name = str(message.get("name"))
    if name not in names:
        known = f"this recording has {', '.join(names) or 'none'}"
        raise ValueError(f"unknown wall meter {name!r}; {known}")
    if message.get("at", "now") != "now":
        raise ValueError("a meter reading cannot be backdated; leave out `at`")
    power_w, voltage_v, current_a, factor = (
        _figure(message, key) for key in ("power_w", "voltage_v", "current_a", "power_factor")
    )
    if factor is not None and factor > 1:
        raise ValueError(f"a power factor must be between 0 and 1, not {factor:g}")
    if voltage_v is None or current_a is None:
        if power_w is None or {voltage_v, current_a, factor} != {None}:
            raise ValueError("give either power_w, or both voltage_v and current_a")
        return HandReading(name, power_w)
    product_w = voltage_v * current_a * (1.0 if factor is None else factor)
    if power_w is None:
        power_w = product_w
    least_w = 0.0 if factor is None else product_w * (1 - ROUNDING)
    if not math.isfinite(power_w) or not least_w <= power_w <= product_w * (1 + ROUNDING):
        raise ValueError(f"{power_w:g} W does not match {voltage_v:g} V and {current_a:g} A")
    return HandReading(name, power_w, voltage_v, current_a, factor)


def _figure(message: Mapping[str, object], key: str) -> float | None:
    given = message.get(key)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise ValueError(f"{key} = {given!r} is not a number")
    if not math.isfinite(given) or given < 0:
        raise ValueError(f"{key} = {given:g} must be 0 or more")
    return float(given)


class HandReadings:
    """Manual readings, by the innermost phase when they were taken."""

    def __init__(self) -> None:
        self.channels: set[str] = set()
        self._starts_s: list[float] = []
        self._ends_s: list[float] = []
        self._phases: list[int] = []
        self._powers_w: dict[tuple[int, str], list[float]] = {}
        self._since_s = 0.0

    def add(self, row: EventRow, innermost: EventRow | None) -> None:
        """Add an event row; `innermost` is the begin row of the phase that it is in."""
        self.channels.update(row.power_w)
        if innermost is not None:
            self._starts_s.append(self._since_s)
            self._ends_s.append(row.time_s)
            self._phases.append(id(innermost))
            for channel, power_w in row.power_w.items():
                self._powers_w.setdefault((id(innermost), channel), []).append(power_w)
        self._since_s = row.time_s

    def energy_j(
        self, channel: str, start_s: float, end_s: float
    ) -> tuple[float | None, float | None]:
        """Energy between two times in joules, and its ± (95 %, from the readings).

        The energy is None if a phase in between has no reading; ± is None if one has a single
        reading, or identical ones.
        """
        seconds: dict[int, float] = {}
        first = bisect_left(self._ends_s, start_s)
        for place in range(first, bisect_left(self._starts_s, end_s)):
            within_s = min(self._ends_s[place], end_s) - max(self._starts_s[place], start_s)
            if within_s > 0:
                phase = self._phases[place]
                seconds[phase] = seconds.get(phase, 0.0) + within_s
        powers = [(self._powers_w.get((phase, channel), []), s) for phase, s in seconds.items()]
        if not powers or not all(values for values, _ in powers):
            return None, None
        energy_j = math.fsum(math.fsum(values) / len(values) * s for values, s in powers)
        errors_j = [_error_w(values) * s for values, s in powers]
        return energy_j, math.hypot(*errors_j) if all(errors_j) else None


def _error_w(powers_w: Sequence[float]) -> float:
    """± of the mean; 0 if unknown."""
    return interval95(powers_w) if len(powers_w) > 1 else 0.0
