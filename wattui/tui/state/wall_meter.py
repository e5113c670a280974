"""Parses a typed wall-meter reading: watts, or volts and amperes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wattui.show.quantities import number

_PART = re.compile(r"([-+]?\d+(?:[.,]\d+)?)\s*([a-zA-Z]*)")
_POWERS = dict.fromkeys(("", "w", "kw"), "power_w")
_UNITS = {**_POWERS, "v": "voltage_v", "a": "current_a", "pf": "power_factor"}


@dataclass(frozen=True, slots=True)
class MeterReading:
    """Watts, and the volts and amperes they were calculated from, if any."""

    power_w: float
    voltage_v: float | None = None
    current_a: float | None = None
    power_factor: float | None = None

    @property
    def fields(self) -> dict[str, float]:
        """The known values, for the recorder's request."""
        names = ("power_w", "voltage_v", "current_a", "power_factor")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def text(self) -> str:
        """The power as text."""
        return f"{number(self.power_w)} W"


def parse_reading(text: str) -> MeterReading | str:
    """`103.2`, `103.2 W`, `1.2 kW`, `230.1 V 0.45 A`, `230.1 V 0.45 A 0.97 pf`; else an error
    message."""
    rest = _PART.sub("", text).strip(" ,;×*")
    found: dict[str, float] = {}
    for digits, unit in _PART.findall(text):
        name = _UNITS.get(unit.lower())
        if name is None or name in found:
            rest = unit or digits
            break
        found[name] = float(digits.replace(",", ".")) * (1e3 if unit.lower() == "kw" else 1.0)
    if rest or not found:
        return f"cannot read {rest or 'an empty reading'}; enter 103.2 W or 230.1 V 0.45 A"
    if min(found.values()) < 0:
        return "a reading cannot be negative"
    if found.get("power_factor", 0) > 1:
        return "a power factor must be between 0 and 1"
    if "power_w" in found:
        return (
            MeterReading(found["power_w"])
            if len(found) == 1
            else "enter either watts, or volts and amperes"
        )
    if not {"voltage_v", "current_a"} <= set(found):
        return "enter both volts and amperes, like 230.1 V 0.45 A"
    volts, amperes, factor = found["voltage_v"], found["current_a"], found.get("power_factor")
    power_w = volts * amperes * (1.0 if factor is None else factor)
    return MeterReading(power_w, volts, amperes, factor)
