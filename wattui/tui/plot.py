"""Numbers to characters: axes, time labels, and curves of braille dots or plain ASCII. Pure.

A character holds 2 dots side by side and 4 above each other; rows count from the top.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import NamedTuple, TypeAlias

from wattui.tui.history import Bin

DOTS_WIDE, DOTS_HIGH = 2, 4
# Bits of a cell's dots as in U+2800's block, from the top down, in its left and right column.
DOT_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))

# Characters between two ticks of values, and between two of times.
TICK_ROWS = 3
TICK_COLUMNS = 12
STEPS = (1, 2, 5, 10)
# At most five 1-2-5 steps each, so that a tick falls on the top where there is room.
TOPS = (10, 15, 20, 25, 30, 40, 50, 60, 80, 100)
HEADROOM = 1.02
LEAST_TOP = 1e-6
TIME_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200)
DAY_S = 86400
# Up to here times are said in seconds, unless whole minutes are counted.
PLAIN_SECONDS = 100

# The first and the last dot row of a curve in one column of dots.
Extent: TypeAlias = tuple[int, int]


class Cell(NamedTuple):
    """A character and the number of the series that colours it, None where it is blank."""

    character: str
    series: int | None


@dataclass(frozen=True, slots=True)
class Scale:
    """The values of a graph's lowest and highest row of dots; ValueError unless low < high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"a scale goes up: low {self.low}, high {self.high}")

    def row(self, value: float, rows: int) -> int:
        """The row of characters in which a curve has this finite value."""
        (extent,) = _extents([(value, value)], self, rows)
        assert extent is not None
        return extent[0] // DOTS_HIGH


def nice_ticks(low: float, high: float, rows: int) -> list[float]:
    """Multiples of a 1-2-5 step from low to high, at least 3 rows of characters apart."""
    if not low < high or rows < 2:
        return [0.0] if low <= 0 <= high else []
    step, power = _step((high - low) * min(TICK_ROWS, rows - 1) / (rows - 1))
    width = _decimal(step, power)
    numbers = range(math.floor(low / width), math.ceil(high / width) + 1)
    ticks = (_decimal(number * step, power) for number in numbers)
    return [tick for tick in ticks if low <= tick <= high]


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


def time_ticks(start_s: float, end_s: float, columns: int) -> list[tuple[int, str]]:
    """Labels of round times from 0 in [start_s, end_s), each with the column where it begins.

    A label is centred on its time's column; one that does not fit whole is left out.
    """
    span_s = end_s - start_s
    if columns < 1 or not 0 < span_s < math.inf:
        return []
    apart = max(TICK_COLUMNS, len(time_label(end_s, 60)) + 2)
    step_s = next(step_s for step_s in _time_steps_s() if step_s * columns >= apart * span_s)
    ticks = []
    for time_s in range(step_s * max(0, math.ceil(start_s / step_s)), math.ceil(end_s), step_s):
        label = time_label(time_s, step_s)
        begin = math.floor((time_s - start_s) * columns / span_s) - len(label) // 2
        if 0 <= begin <= columns - len(label):
            ticks.append((begin, label))
    return ticks


def time_label(time_s: float, step_s: int) -> str:
    """A time as an axis with this step says it: 20s, 1:40, 1:02:00."""
    seconds = math.floor(time_s)
    if seconds < PLAIN_SECONDS and step_s < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _ascii(bits: int) -> str:
    """The character most like a set of dots: ' - . on three heights, | upright, # dense."""
    lit = [row for row in range(DOTS_HIGH) if bits & (DOT_BITS[0][row] | DOT_BITS[1][row])]
    if not lit:
        return " "
    if lit[-1] - lit[0] > 1:
        return "#" if bits.bit_count() > 5 else "|"
    return "''---.."[lit[0] + lit[-1]]


# A character for each set of dots.
BRAILLE = " " + "".join(chr(0x2800 + bits) for bits in range(1, 256))
ASCII = "".join(_ascii(bits) for bits in range(256))
# Bytes of dots to 1 where there are any.
LIT = bytes([0] + [1] * 255)


def raster(
    series: Sequence[Sequence[Bin | None]],
    scale: Scale,
    columns: int,
    rows: int,
    glyphs: str = BRAILLE,
) -> list[list[Cell]]:
    """Rows of cells, the top one first: each series a curve as thick as its bins' extents.

    A series has 2·columns bins, or ValueError. A cell has the dots of all series and the colour
    of the last one with any. Values off the scale lie on its border.
    """
    dots = owners = 0
    for number, bins in enumerate(series):
        if len(bins) != columns * DOTS_WIDE:
            raise ValueError(f"{len(bins)} bins do not fill {columns} columns of {DOTS_WIDE} dots")
        plane = _plane(bins, scale, rows)
        lit = int.from_bytes(plane.translate(LIT))
        dots |= int.from_bytes(plane)
        owners = owners & ~(lit * 255) | lit * number
    size = columns * rows
    return _cells(dots.to_bytes(size), owners.to_bytes(size), rows, glyphs)


def held(bins: Sequence[Bin | None], most: int) -> list[Bin | None]:
    """Bins in which up to `most` empty ones after a reading keep its last extremes.

    For quantities that are read more rarely than bins are wide; longer gaps stay gaps.
    """
    found: list[Bin | None] = []
    last, empty = None, 0
    for each in bins:
        last, empty = (each, 0) if each is not None else (last, empty + 1)
        found.append(last if empty <= most else None)
    return found


def heights(bins: Sequence[Bin | None], scale: Scale, rows: int) -> list[int]:
    """Rows of dots under and on a curve, for each column of characters; 0 where it is not."""
    dots = rows * DOTS_HIGH
    heights = [dots - extent[0] if extent else 0 for extent in _extents(bins, scale, rows)]
    return [max(pair) for pair in zip(heights[::2], heights[1::2], strict=True)]


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


def _extents(bins: Iterable[Bin | None], scale: Scale, rows: int) -> Iterator[Extent | None]:
    """Dot rows of each bin, None for one that is empty or not finite."""
    lowest_row = rows * DOTS_HIGH - 1
    rows_per_unit = lowest_row / (scale.high - scale.low)
    top = scale.high
    for found in bins:
        if found is None or not -math.inf < found[0] <= found[1] < math.inf:
            yield None
            continue
        first, last = (top - found[1]) * rows_per_unit, (top - found[0]) * rows_per_unit
        yield (
            0 if first <= 0 else lowest_row if first >= lowest_row else int(first + 0.5),
            0 if last <= 0 else lowest_row if last >= lowest_row else int(last + 0.5),
        )


def _joined(extents: Iterable[Extent | None]) -> Iterator[Extent | None]:
    """Extents drawn out until each touches the one before, where there is one."""
    before: Extent | None = None
    for extent in extents:
        if extent is None or before is None:
            yield extent
        else:
            first, last = extent
            if first > before[1]:
                yield before[1] + 1, last
            elif last < before[0]:
                yield first, before[0] - 1
            else:
                yield extent
        before = extent


def _plane(bins: Sequence[Bin | None], scale: Scale, rows: int) -> bytes:
    """A byte of dots for each cell, column after column."""
    masks = [
        downwards[extent[0]] ^ downwards[extent[1] + 1] if extent else 0
        for extent, downwards in zip(
            _joined(_extents(bins, scale, rows)), cycle(_downwards(rows)), strict=False
        )
    ]
    pairs = zip(masks[::DOTS_WIDE], masks[1::DOTS_WIDE], strict=True)
    return b"".join((left | right).to_bytes(rows) for left, right in pairs)


@cache
def _downwards(rows: int) -> tuple[list[int], ...]:
    """For the left and the right dots of a column of cells: all from each dot row to the lowest.

    A column is an integer with a byte for each cell, so that any extent is a difference of two.
    """
    sides = []
    for bits in DOT_BITS:
        masks = [0]
        for row in reversed(range(rows * DOTS_HIGH)):
            cell, dot = divmod(row, DOTS_HIGH)
            masks.append(masks[-1] | bits[dot] << 8 * (rows - 1 - cell))
        sides.append(masks[::-1])
    return tuple(sides)


@cache
def _palette(number: int, glyphs: str) -> list[Cell]:
    """The cell of each set of dots in one series' colour."""
    return [Cell(glyph, number if bits else None) for bits, glyph in enumerate(glyphs)]


def _cells(dots: bytes, owners: bytes, rows: int, glyphs: str) -> list[list[Cell]]:
    palettes = [_palette(number, glyphs) for number in range(max(owners, default=0) + 1)]
    return [
        [
            palettes[owner][bits]
            for owner, bits in zip(owners[row::rows], dots[row::rows], strict=True)
        ]
        for row in range(rows)
    ]
