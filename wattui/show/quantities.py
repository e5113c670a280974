"""Formats numbers for people: one SI prefix for a row, ± to two digits. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Units = Literal["auto", "J", "mJ", "Wh"]

_JOULES: dict[str, tuple[float, str]] = {"J": (1.0, "J"), "mJ": (1e-3, "mJ"), "Wh": (3600.0, "Wh")}
_PREFIXES = (
    (1e9, "G"),
    (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"),
)  # fmt: skip


def prefix_for(values: Sequence[float | None]) -> tuple[float, str]:
    """Factor and SI prefix that suit the largest of the values."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    for factor, name in _PREFIXES:
        if largest >= factor * 0.9995:
            return factor, name
    return (1.0, "") if largest == 0 else _PREFIXES[-1]


def energy_unit(values_j: Sequence[float | None], units: Units = "auto") -> tuple[float, str]:
    """Joules per unit in which to show energies, and its name; `auto` suits the largest of them."""
    if units in _JOULES:
        return _JOULES[units]
    factor, prefix = prefix_for(values_j)
    return factor, f"{prefix}J"


def number(value: float | None, digits: int = 4) -> str:
    """A number to `digits` significant digits without an exponent; – if unknown."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return minus(f"{value:.{min(decimals, 9)}f}")


def duration(seconds: float) -> str:
    """Seconds to a tenth, or to two significant digits below that, so that none looks like 0."""
    return number(seconds, 2) if 0 < seconds < 0.1 else f"{seconds:.1f}"


def with_uncertainty(value: float | None, plus_minus: float | None, factor: float) -> str:
    """`29.67 ± 0.12`, `1230 ± 570`: both rounded to the second digit of ±, which is never shown as
    0; – if unknown."""
    if value is None:
        return "–"
    if plus_minus is None or plus_minus == 0:
        return number(value / factor)
    scaled = plus_minus / factor
    digits = min(12, 1 - math.floor(math.log10(scaled)))
    decimals = max(0, digits)
    shown = round(value / factor, digits) + 0.0
    error = max(round(scaled, digits), 10.0**-digits)
    return f"{minus(f'{shown:.{decimals}f}')} ± {error:.{decimals}f}"


def counted(count: int, what: str) -> str:
    """A number of things: `1 inference`, `4,000 inferences`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def minus(text: str) -> str:
    """A number's text with a minus sign as wide as a digit, as in all text for people."""
    return text.replace("-", "−")
