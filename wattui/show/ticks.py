"""Axes: round values and times to label a graph with. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

# Characters between two ticks of values, and between two of times.
TICK_ROWS = 3
TICK_COLUMNS = 12
STEPS = (1, 2, 5, 10)
# At most five 1-2-5 steps each, so that a tick falls on the top if there is room.
TOPS = (10, 15, 20, 25, 30, 40, 50, 60, 80, 100)
HEADROOM = 1.02
LEAST_TOP = 1e-6
TIME_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200)
DAY_S = 86400
# Up to here times are given in seconds, unless the step is whole minutes.
PLAIN_SECONDS = 100
# Characters that a value's label may take.
LABEL_CELLS = 5


def nice_ticks(low: float, high: float, rows: int) -> list[float]:
    """Multiples of a 1-2-5 step from low to high, at least 3 rows of characters apart."""
    if not low < high or rows < 2:
        return [0.0] if low <= 0 <= high else []
    step, power = _step((high - low) * min(TICK_ROWS, rows - 1) / (rows - 1))
    width = _decimal(step, power)
    numbers = range(math.floor(low / width), math.ceil(high / width) + 1)
    ticks = (_decimal(number * step, power) for number in numbers)
    return [tick for tick in ticks if low <= tick <= high]


def axis_ticks(top: float, rows: int) -> list[float]:
    """The ticks of an axis from 0 to a nice top: its ends if there is no room for more."""
    found = nice_ticks(0, top, rows)
    return found if len(found) > 1 else [0.0, top]


def nice_top(highest: float, previous: float | None = None) -> float:
    """Top of an axis from 0: 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten.

    The previous top stays while the highest value fits below it and reaches half of it.
    """
    if previous is not None and previous / 2 <= highest <= previous:
        return previous
    if not LEAST_TOP < highest < math.inf:
        return 1.0
    power = math.floor(math.log10(highest)) - 1
    tops = (_decimal(top, power + more) for more in (0, 1) for top in TOPS)
    return next(top for top in tops if top >= highest * HEADROOM)


def time_ticks(
    start_s: float, end_s: float, columns: int, least_s: float = 0.0
) -> list[tuple[int, str]]:
    """Labels of round times from `least_s` in [start_s, end_s), each with the column where it
    begins.

    A label is centred on its time's column; one that does not fit is left out.
    """
    span_s = end_s - start_s
    if columns < 1 or not 0 < span_s < math.inf:
        return []
    apart = max(TICK_COLUMNS, len(time_label(end_s, 60)) + 2)
    step_s = next(step_s for step_s in _time_steps_s() if step_s * columns >= apart * span_s)
    ticks = []
    first = math.ceil(max(least_s, start_s) / step_s)
    for time_s in range(step_s * first, math.ceil(end_s), step_s):
        label = time_label(time_s, step_s)
        begin = math.floor((time_s - start_s) * columns / span_s) - len(label) // 2
        if 0 <= begin <= columns - len(label):
            ticks.append((begin, label))
    return ticks


def time_label(time_s: float, step_s: int) -> str:
    """A time as written on an axis with this step: 20s, 1:40, 1:02:00; -20s before the start."""
    if time_s < 0:
        return f"-{time_label(-time_s, step_s)}"
    seconds = math.floor(time_s)
    if seconds < PLAIN_SECONDS and step_s < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment_label(time_s: float, bin_s: float) -> str:
    """One moment, to tenths if bins are finer than a second: 41.2s, 1:02.4, 1:02:00, -0.5s."""
    if time_s < 0:
        return f"-{moment_label(-time_s, bin_s)}"
    tenths = round(time_s * 10) if bin_s < 1 else 10 * math.floor(time_s)
    seconds, tenth = divmod(tenths, 10)
    label, rest = time_label(seconds, 1), f".{tenth}" if bin_s < 1 else ""
    return f"{label[:-1]}{rest}s" if label.endswith("s") else label + rest


def value_label(value: float) -> str:
    """A value of an axis in at most five characters: 0.25, 150k, .0005."""
    texts = [f"{value:g}", f"{value:g}".replace("0.", ".", 1)]
    if abs(value) >= 1000:
        texts += [f"{value / 1e3:g}k", f"{value / 1e6:g}M", f"{value / 1e9:g}G"]
    return next((text for text in texts if len(text) <= LABEL_CELLS), f"{value:.0e}")


def _decimal(digits: int, power: int) -> float:
    """`digits`·10^power, rounded once."""
    return float(digits * 10**power) if power >= 0 else digits / 10**-power


def _step(least: float) -> tuple[int, int]:
    """The narrowest 1-2-5 step that is not below `least`: digits and power of ten."""
    power = math.floor(math.log10(least))
    return next((digits, power) for digits in STEPS if _decimal(digits, power) >= least)


def _time_steps_s() -> Iterator[int]:
    yield from TIME_STEPS_S
    step_s = DAY_S
    while True:
        yield step_s
        step_s *= 2
