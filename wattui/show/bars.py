"""Bars and curves of results: labels with a figure each, and labels with a number. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from recorders.summary.figures import Value
from wattui.show import plot
from wattui.show.quantities import prefix_for, with_uncertainty
from wattui.show.ticks import nice_top

EIGHTHS = " ▏▎▍▌▋▊▉█"
ASCII_BAR = "#"
POINT, ASCII_POINT = "●", "o"
# A tick such as -1.5e-06, and the axis.
GUTTER = 10
LEAST_BAR, MOST_BAR, MOST_NAME = 8, 60, 30
# Numbers that span more than this are drawn on a logarithmic scale.
LINEAR_SPAN = 20
SHORT_FROM = 1e5
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Bar(NamedTuple):
    """A name, its figure in joules, and the colour to draw it in."""

    name: str
    joules: Value
    colour: str


class LabelPoint(NamedTuple):
    """A number in a label, and the label's figure."""

    x: float
    value: float


def bar_text(share: float, columns: int, glyphs: plot.Glyphs) -> str:
    """A bar of a share of `columns`, to an eighth of a column, and at least one eighth."""
    eighths = max(1, round(min(1.0, share) * columns * 8))
    if glyphs.ascii:
        return ASCII_BAR * max(1, eighths // 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def bars(
    rows: Sequence[Bar], columns: int, factor: float, glyphs: plot.Glyphs = plot.BRAILLE
) -> Table:
    """A line per bar: name, bar, figure with ±, in `columns`. Negative figures have no bar."""
    figures = [with_uncertainty(row.joules.value, row.joules.plus_minus, factor) for row in rows]
    names = min(MOST_NAME, max((cell_len(row.name) for row in rows), default=0))
    room = columns - names - max(map(cell_len, figures), default=0) - 2
    width = max(LEAST_BAR, min(MOST_BAR, room))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, max_width=max(LEAST_BAR, names + min(0, room - LEAST_BAR)))
    table.add_column(width=width, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    longest = max((row.joules.value for row in rows), default=0.0)
    for row, figure in zip(rows, figures, strict=True):
        drawn = Text()
        if row.joules.value > 0:
            drawn = Text(bar_text(row.joules.value / longest, width, glyphs), row.colour)
        table.add_row(Text(row.name, overflow="ellipsis"), drawn, Text(figure, row.colour))
    return table


def families(labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Labels that differ in only one number: their common text, and each one's number.

    `conv1 32x32` and `conv1 64x64` are one family, in which 32 and 64 vary. Families of fewer than
    three labels are left out: two points are not a curve.
    """
    by_text: dict[str, list[str]] = {}
    for label in labels:
        if _NUMBER.search(label):
            by_text.setdefault(_NUMBER.sub("#", _name_apart(label)), []).append(label)
    found = {}
    for text, members in by_text.items():
        numbers = [[float(n) for n in _NUMBER.findall(_name_apart(m))] for m in members]
        columns = list(zip(*numbers, strict=True))
        varying = [place for place, column in enumerate(columns) if len(set(column)) > 1]
        same = all(len({row[place] for place in varying}) == 1 for row in numbers)
        if len(members) >= 3 and varying and (same or len(varying) == 1):
            name = members[0].partition(" ")[0] if " " in members[0] else text.replace("#", "n")
            found[name] = {m: row[varying[0]] for m, row in zip(members, numbers, strict=True)}
    return found


def wide(values: Iterable[float]) -> bool:
    """Whether values above zero span enough for a logarithmic scale."""
    known = list(values)
    return min(known) > 0 and max(known) / min(known) > LINEAR_SPAN


def curve(
    series: Mapping[str, Sequence[LabelPoint]],
    colours: Sequence[str],
    columns: int,
    rows: int,
    glyphs: plot.Glyphs = plot.BRAILLE,
) -> list[Text]:
    """Figures against numbers, each series a line of dots, on axes that are logarithmic where the
    values are `wide`; the other vertical one begins at zero, or below it where a figure does."""
    numbers = sorted({point.x for points in series.values() for point in points})
    heights = [point.value for points in series.values() for point in points]
    height, scale, ticks = _upright(heights, rows)
    width = columns - GUTTER
    bins = [_bins(points, numbers, width * plot.DOTS_WIDE, height) for points in series.values()]
    cells = plot.raster(bins, scale, width, rows, glyphs)
    mark = ASCII_POINT if glyphs.ascii else POINT
    for number, points in enumerate(series.values()):
        for point in points:
            column = _place(point.x, numbers, width * plot.DOTS_WIDE) // plot.DOTS_WIDE
            cells[column][scale.row(height(point.value), rows)] = plot.PlotCell(mark, number)
    lines = []
    for y, line in enumerate(zip(*cells, strict=True)):
        text = Text(
            f"{ticks.get(y, ''):>{GUTTER - 2}} {glyphs.tick if y in ticks else glyphs.axis}"
        )
        for cell in line:
            colour = None if cell.series is None else colours[cell.series % len(colours)]
            text.append(cell.character, colour or "")
        lines.append(text)
    return [*lines, Text(" " * GUTTER + _axis(numbers, width))]


def _upright(
    heights: Sequence[float], rows: int
) -> tuple[Callable[[float], float], plot.Scale, dict[int, str]]:
    """How high a value is, the scale of these heights, and the ticks by row."""
    if wide(heights):
        powers = range(
            math.floor(math.log10(min(heights))), math.ceil(math.log10(max(heights))) + 1
        )
        scale = plot.Scale(powers[0], powers[-1])
        return math.log10, scale, {scale.row(n, rows): f"{10.0**n:g}" for n in reversed(powers)}
    low = min(0.0, -nice_top(-min(heights))) if min(heights) < 0 else 0.0
    high = nice_top(max(0.0, *heights))
    scale = plot.Scale(low, high)
    return float, scale, {scale.row(value, rows): f"{value:g}" for value in (low, 0.0, high)}


def _name_apart(label: str) -> str:
    """The label without its first word if that is a name: conv1 is not conv2."""
    first, space, rest = label.partition(" ")
    return first.translate(_RAISED) + space + rest if space else label


def _place(x: float, numbers: Sequence[float], width: int) -> int:
    """The column of a number, of `width`."""
    low, high = numbers[0], numbers[-1]
    if high == low:
        return 0
    scaled = math.log if wide(numbers) else float
    share = (scaled(x) - scaled(low)) / (scaled(high) - scaled(low))
    return round(share * (width - 1))


def _bins(
    points: Sequence[LabelPoint],
    numbers: Sequence[float],
    width: int,
    height: Callable[[float], float],
) -> list[tuple[float, float] | None]:
    """Straight lines between the points, a value for each column of dots."""
    placed = sorted((_place(point.x, numbers, width), height(point.value)) for point in points)
    found: list[tuple[float, float] | None] = [None] * width
    for (first, value), (last, after) in pairwise(placed):
        for column in range(first, last + 1):
            share = (column - first) / (last - first) if last > first else 0.0
            level = value + share * (after - value)
            found[column] = (level, level)
    return found


def _short(x: float) -> str:
    """A number, with a prefix if it is large."""
    if abs(x) < SHORT_FROM:
        return f"{x:g}"
    factor, prefix = prefix_for([x])
    return f"{x / factor:.3g}{prefix}"


def _axis(numbers: Sequence[float], width: int) -> str:
    """The numbers under their columns, as many as fit."""
    line = [" "] * width
    free = 0
    for x in numbers:
        text = _short(x)
        begin = min(_place(x, numbers, width), width - len(text))
        if begin >= free:
            line[begin : begin + len(text)] = text
            free = begin + len(text) + 1
    return "".join(line)
