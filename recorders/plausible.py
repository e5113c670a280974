"""Plausibility limits for readings, by one rule for every channel. Pure.

A power is plausible up to twice the device's own limit, if it keeps to one, else up to the maximum
for its kind. A gauge is plausible within the range of its unit.
"""

from __future__ import annotations

import math
import sys

from recorders.channels import kind_of
from recorders.source import UNNAMED

LIMIT_TIMES = 2.0
# Limits below this are placeholders.
LEAST_LIMIT_W = 10.0
# Counters of 64 bits; those of a large machine add up to more than any figure in joules.
MOST_COUNT = 2.0**64
# Lowest and highest plausible reading of a gauge by unit; missing sensors read below (acpitz:
# absolute zero) or far above (all bits set).
_RANGES = {"C": (-40.0, 150.0), "pct": (0.0, 110.0), "MHz": (0.0, 20_000.0), "MiB": (0.0, 2.0**24)}
_RANGES |= dict.fromkeys(UNNAMED, (0.0, MOST_COUNT))


def bound_w(channel: str, limit_w: float | None = None) -> float:
    """The highest plausible mean power of a channel, watts.

    A package may exceed its limit for seconds, so a limit can only raise the usual bound. How much
    DRAM and GPUs can draw depends on their size, which their limit reflects.
    """
    kind = kind_of(channel)
    usual_w = kind.most_w
    if limit_w is None or limit_w < LEAST_LIMIT_W:
        return usual_w
    own_w = LIMIT_TIMES * limit_w
    return own_w if kind.kept_to_limit else max(usual_w, own_w)


def limits(unit: str, most_w: float = math.inf) -> tuple[float, float]:
    """The lowest and highest plausible reading; `most_w` bounds powers (unit W).

    A counter (J) may show any number; only its steps between readings can be implausible.
    """
    any_number = (-sys.float_info.max, sys.float_info.max)
    return (0.0, min(most_w, any_number[1])) if unit == "W" else _RANGES.get(unit, any_number)


def doubt(unit: str, value: float, most_w: float = math.inf) -> str:
    """Why a reading is implausible, in words; empty if it is plausible."""
    low, high = limits(unit, most_w)
    if low <= value <= high:
        return ""
    if not math.isfinite(value):
        return "not a number"
    return f"{value:g} {unit} is outside the range {low:g} to {high:g}"


def too_much_text(power_w: float, most_w: float) -> str:
    """The message for a counter that rises faster than its device can draw."""
    about_w = float(f"{power_w:.2g}")
    return (
        f"counter has the wrong unit: it shows {about_w:,.0f} W, above the {most_w:,.0f} W possible"
    )
