"""Draws numbers as characters: curves of braille dots or plain ASCII. Pure.

A character holds 2 dots side by side and 4 above each other; rows count from the top.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from itertools import cycle
from operator import or_
from typing import NamedTuple, TypeAlias

from wattui.show.history import Bin

DOTS_WIDE, DOTS_HIGH = 2, 4
# Bits of a cell's dots as in U+2800's block, from the top down, in its left and right column.
DOT_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))

# The first and the last dot row of a curve in one column of dots.
Extent: TypeAlias = tuple[int, int]


class PlotCell(NamedTuple):
    """A character and the number of the series that colours it, None if it is blank."""

    character: str
    series: int | None


@dataclass(frozen=True, slots=True)
class Scale:
    """The values of a graph's lowest and highest row of dots; ValueError unless low < high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"a scale must increase: low {self.low}, high {self.high}")

    def row(self, value: float, rows: int) -> int:
        """The row of characters in which a curve has this finite value."""
        (extent,) = _extents([(value, value)], self, rows)
        assert extent is not None
        return extent[0] // DOTS_HIGH


def _ascii(bits: int) -> str:
    """The character most like a set of dots: ' - . on three heights, | upright, # dense."""
    lit = [row for row in range(DOTS_HIGH) if bits & (DOT_BITS[0][row] | DOT_BITS[1][row])]
    if not lit:
        return " "
    if lit[-1] - lit[0] > 1:
        return "#" if bits.bit_count() > 5 else "|"
    return "''---.."[lit[0] + lit[-1]]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of a graph; `dots` has one for each set of dots in a cell, `fills` those of
    the area under a curve, from the sparsest, `bars` those of a bar, from the lowest."""

    dots: str
    fills: str
    bars: str
    limit: str
    axis: str
    tick: str
    grid: str
    cursor: str
    unknown: str
    degree: str
    total: str

    @property
    def ascii(self) -> bool:
        """Whether a terminal without Unicode can show them."""
        return self.dots.isascii()


BRAILLE = Glyphs(
    dots=" " + "".join(chr(0x2800 + bits) for bits in range(1, 256)),
    fills="⠢⢕⣿",
    bars="▁▂▃▄▅▆▇█",
    limit="╌",
    axis="│",
    tick="┤",
    grid="·",
    cursor="│",
    unknown="–",
    degree="°",
    total="Σ",
)
ASCII = Glyphs(
    dots="".join(_ascii(bits) for bits in range(256)),
    fills="   ",
    bars="_.:-=+*#",
    limit="-",
    axis="|",
    tick="+",
    grid=".",
    cursor="|",
    unknown="-",
    degree="deg",
    total="sum",
)
BLANK = PlotCell(" ", None)
# Without colours, each curve shows its number once in this many columns of characters.
NUMBERED_COLUMNS = 12
NUMBERS = "123456789abcdefghijklmnopqrstuvwxyz"


def raster(
    series: Sequence[Sequence[Bin | None]],
    scale: Scale,
    columns: int,
    rows: int,
    glyphs: Glyphs = BRAILLE,
    first: int = 0,
    numbered: bool = False,
) -> list[list[PlotCell]]:
    """Columns of cells, each from the top: each series a curve as thick as its bins' extents.

    A series has 2·columns bins, or ValueError. A cell has the dots of all series; those with any
    take turns in colouring it, by its row and its column, which is counted from `first`. Values
    off the scale lie on its border. Curves that are `numbered` have their place in them, from 1.
    """
    if any(len(bins) != columns * DOTS_WIDE for bins in series):
        lengths = ", ".join(str(len(bins)) for bins in series)
        raise ValueError(f"{lengths} bins do not fill {columns} columns of {DOTS_WIDE} dots")
    planes = [_plane(bins, scale, rows) for bins in series] or [bytes(columns * rows)]
    found = []
    for column in range(columns):
        parts = [plane[column * rows : (column + 1) * rows] for plane in planes]
        cells = [
            _cell(dots, first + column + row, glyphs.dots)
            for row, dots in enumerate(zip(*parts, strict=True))
        ]
        if numbered:
            _number(cells, parts, first + column)
        found.append(cells)
    return found


def _cell(dots: tuple[int, ...], turn: int, characters: str) -> PlotCell:
    bits, lit = _merged(dots)
    return PlotCell(characters[bits], lit[turn % len(lit)]) if lit else BLANK


@lru_cache(maxsize=4096)
def _merged(dots: tuple[int, ...]) -> tuple[int, list[int]]:
    """The dots of all series in a cell, and the numbers of the series that have any."""
    return reduce(or_, dots), [number for number, each in enumerate(dots) if each]


def _number(cells: list[PlotCell], parts: Sequence[bytes], column: int) -> None:
    """Put the number of the series whose turn it is on its curve."""
    number = column % max(NUMBERED_COLUMNS, len(parts))
    if number < len(parts) and any(parts[number]):
        row = next(row for row, dots in enumerate(parts[number]) if dots)
        cells[row] = PlotCell(series_number(number), number)


def series_number(place: int) -> str:
    """The character for a series in its curve, counted from 1."""
    return NUMBERS[place % len(NUMBERS)]


def held(bins: Sequence[Bin | None], most: int) -> list[Bin | None]:
    """Bins in which up to `most` empty ones after a reading keep its last extremes.

    For quantities read less often than once per bin; longer gaps stay gaps.
    """
    found: list[Bin | None] = []
    last, empty = None, 0
    for each in bins:
        last, empty = (each, 0) if each is not None else (last, empty + 1)
        found.append(last if empty <= most else None)
    return found


def heights(bins: Sequence[Bin | None], scale: Scale, rows: int) -> list[int]:
    """Rows of dots under and on a curve, for each column of characters; 0 where there is none."""
    dots = rows * DOTS_HIGH
    heights = [dots - extent[0] if extent else 0 for extent in _extents(bins, scale, rows)]
    return [max(pair) for pair in zip(heights[::2], heights[1::2], strict=True)]


def _extents(bins: Iterable[Bin | None], scale: Scale, rows: int) -> Iterator[Extent | None]:
    """Dot rows of each bin, None for an empty or non-finite one."""
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
    """Extents extended until each touches the one before, if there is one."""
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
