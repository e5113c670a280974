"""Bars and curves of results: labels with a figure each, and labels that carry a number. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from wattui.quantities import with_uncertainty
from wattui.tui import plot
from wattui.tui.ticks import nice_top

EIGHTHS = " ▏▎▍▌▋▊▉█"
ASCII_BAR = "#"
POINT, ASCII_POINT = "●", "o"
GUTTER = 8
# Numbers that span more than this are drawn by their logarithms.
LINEAR_SPAN = 20
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Bar(NamedTuple):
    """A name, its figure in joules and the figure's ±, and the colour to draw it in."""

    name: str
    value_j: float
    plus_minus_j: float | None
    colour: str


class Point(NamedTuple):
    """A number in a label, and the label's figure."""

    x: float
    value: float


def bar_text(share: float, columns: int, glyphs: plot.Glyphs) -> str:
    """A bar of a share of `columns`, to an eighth of a column; one eighth at least."""
    eighths = max(1, round(min(1.0, share) * columns * 8))
    if glyphs.ascii:
        return ASCII_BAR * max(1, eighths // 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def bars(
    rows: Sequence[Bar], columns: int, factor: float, glyphs: plot.Glyphs = plot.BRAILLE
) -> Table:
    """A line for each bar: name, bar, figure with ±. Figures below zero have no bar."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(width=columns, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    longest = max((row.value_j for row in rows), default=0.0)
    for row in rows:
        drawn = Text()
        if row.value_j > 0:
            drawn = Text(bar_text(row.value_j / longest, columns, glyphs), row.colour)
        figure = with_uncertainty(row.value_j, row.plus_minus_j, factor)
        table.add_row(Text(row.name, overflow="ellipsis"), drawn, Text(figure, row.colour))
    return table


def families(labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Labels that differ in one number alone: their common text, and each one's number.

    `conv1 32x32` and `conv1 64x64` are one family, in which 32 and 64 vary. Families of fewer
    than three labels are left out: two points are no curve.
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


def curve(
    series: Mapping[str, Sequence[Point]],
    colours: Sequence[str],
    columns: int,
    rows: int,
    glyphs: plot.Glyphs = plot.BRAILLE,
) -> list[Text]:
    """Figures against numbers, each series a line of dots; axes from zero, or from the lowest
    number by logarithms where they span a wide range."""
    numbers = sorted({point.x for points in series.values() for point in points})
    highest = max(point.value for points in series.values() for point in points)
    scale = plot.Scale(0.0, nice_top(max(highest, 0.0)))
    width = columns - GUTTER
    bins = [_bins(points, numbers, width * plot.DOTS_WIDE) for points in series.values()]
    cells = plot.raster(bins, scale, width, rows, glyphs)
    for number, points in enumerate(series.values()):
        for point in points:
            column = _place(point.x, numbers, width * plot.DOTS_WIDE) // plot.DOTS_WIDE
            mark = ASCII_POINT if glyphs.ascii else POINT
            cells[column][scale.row(point.value, rows)] = plot.Cell(mark, number)
    lines = []
    for y, line in enumerate(zip(*cells, strict=True)):
        tick = {0: scale.high, rows - 1: 0.0}.get(y)
        text = Text(f"{'' if tick is None else f'{tick:.4g}':>{GUTTER - 2}} {glyphs.axis}")
        for cell in line:
            colour = None if cell.series is None else colours[cell.series % len(colours)]
            text.append(cell.character, colour or "")
        lines.append(text)
    return [*lines, Text(" " * GUTTER + _axis(numbers, width))]


def _name_apart(label: str) -> str:
    """The label without its first word where that is a name: conv1 is not conv2."""
    first, space, rest = label.partition(" ")
    return first.translate(_RAISED) + space + rest if space else label


def _place(x: float, numbers: Sequence[float], width: int) -> int:
    """The column of a number, of `width`."""
    low, high = numbers[0], numbers[-1]
    if high == low:
        return 0
    if low > 0 and high / low > LINEAR_SPAN:
        share = math.log(x / low) / math.log(high / low)
    else:
        share = (x - low) / (high - low)
    return round(share * (width - 1))


def _bins(
    points: Sequence[Point], numbers: Sequence[float], width: int
) -> list[tuple[float, float] | None]:
    """Straight lines between the points, a value for each column of dots."""
    placed = sorted((_place(point.x, numbers, width), point.value) for point in points)
    found: list[tuple[float, float] | None] = [None] * width
    for (first, value), (last, after) in pairwise(placed):
        for column in range(first, last + 1):
            share = (column - first) / (last - first) if last > first else 0.0
            height = value + share * (after - value)
            found[column] = (height, height)
    return found


def _axis(numbers: Sequence[float], width: int) -> str:
    """The numbers under their columns, as many as fit."""
    line = [" "] * width
    free = 0
    for x in numbers:
        text = f"{x:g}"
        begin = min(_place(x, numbers, width), width - len(text))
        if begin >= free:
            line[begin : begin + len(text)] = text
            free = begin + len(text) + 1
    return "".join(line)
