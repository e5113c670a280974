"""What a reading can be at all: one rule for every channel. Pure.

A power is believed up to twice the device's own limit, where it has one that it keeps to, else up
to what no device of its kind draws. A gauge is believed within the range of its unit.
"""

from __future__ import annotations

import math
import sys

from recorders.channels import kind_of

LIMIT_TIMES = 2.0
# Limits below this are placeholders.
LEAST_LIMIT_W = 10.0
# Lowest and highest reading of a gauge by its unit; sensors that are not there read below
# (acpitz: absolute zero in tenths) or far above (all bits set).
_RANGES = {"C": (-40.0, 150.0), "pct": (0.0, 110.0), "MHz": (0.0, 20_000.0), "MiB": (0.0, 2.0**24)}


def bound_w(channel: str, limit_w: float | None = None) -> float:
    """The highest mean power that is believed of a channel, watts.

    A package may exceed its limit for seconds, and the usual bound is safe: a limit only widens it.
    What DRAM and GPUs can draw depends on their size; their limit says that.
    """
    kind = kind_of(channel)
    usual_w = kind.most_w
    if limit_w is None or limit_w < LEAST_LIMIT_W:
        return usual_w
    own_w = LIMIT_TIMES * limit_w
    return own_w if kind.kept_to_limit else max(usual_w, own_w)


def limits(unit: str, most_w: float = math.inf) -> tuple[float, float]:
    """The lowest and the highest reading that can be true; `most_w` bounds powers (unit W).

    Of a counter (J) any number can: what it may not do is seen from one reading to the next.
    """
    any_number = (-sys.float_info.max, sys.float_info.max)
    return (0.0, min(most_w, any_number[1])) if unit == "W" else _RANGES.get(unit, any_number)


def doubt(unit: str, value: float, most_w: float = math.inf) -> str:
    """Why a reading cannot be true, in words; empty where it can."""
    low, high = limits(unit, most_w)
    if low <= value <= high:
        return ""
    if not math.isfinite(value):
        return "not a number"
    return f"{value:g} {unit} is outside the range {low:g} to {high:g}"


def too_much_text(power_w: float, most_w: float) -> str:
    """What is said of a counter that runs faster than its device can draw."""
    about_w = float(f"{power_w:.2g}")
    return (
        f"counter has the wrong unit: it shows {about_w:,.0f} W, above the {most_w:,.0f} W possible"
    )
