"""Draws a graph as terminal lines, reusing whatever has not changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from wattui.show import plot, ticks
from wattui.show.graphs import GraphSpec
from wattui.show.history import Bin
from wattui.show.lanes import lane_rows, lanes
from wattui.show.palette import Palette
from wattui.show.plot import DOTS_HIGH, DOTS_WIDE, Glyphs
from wattui.tui.state.curves import Curves
from wattui.tui.state.live import Live
from wattui.tui.state.viewport import Viewport
from wattui.tui.widgets.margins import GUTTER, Ink, Inked, axis, gutter, phases, ribbon

GRID_COLUMNS = 4
SMALLEST_COLUMNS, SMALLEST_ROWS = 8, 2
PHASE, SPAN, CURSOR, LIMIT = 0.07, 0.22, 0.3, 0.75
# The share of a curve's colour in the area under it. One for all steps, so that a line of the
# screen is few pieces of text.
FILL = 0.4
# An axis shows a power limit if the curves reach this share of it, and keeps it down to the other.
NEAR_LIMIT, STILL_NEAR_LIMIT = 0.4, 0.3
# The area is that under the curve with the highest mean; another's must be higher by this factor.
CLEARLY = 1.1


@dataclass(frozen=True, slots=True)
class PlotStyle:
    """Everything a picture depends on besides the recording; sizes are of the plot area."""

    view: Viewport
    palette: Palette
    glyphs: Glyphs
    base: Style
    columns: int
    rows: int

    @property
    def column_s(self) -> float:
        """The time of a column of characters."""
        return self.view.bin_s * DOTS_WIDE


class Column(NamedTuple):
    """A column of cells from the top, and the number of dot rows filled below the curve."""

    cells: list[plot.PlotCell]
    filled: int


class Ground(NamedTuple):
    """The background of a column of cells; the recording begins in that of the `start`."""

    phase: str | None
    spanned: bool
    pointed: bool
    start: bool = False


Inks: TypeAlias = tuple[Inked, ...]


class Canvas:
    """Draws one graph repeatedly. Columns are numbered and cached by time."""

    def __init__(self, spec: GraphSpec, top: float | None = None, filled: int = 0) -> None:
        self.spec = spec
        self.top = top
        self.filled = filled
        self.first = 0
        self._live: Live | None = None
        self._bin_s = 0.0
        self._curves = Curves((), 1.0)
        self._shape: object = None
        self._colours: object = None
        self._ticks: dict[int, float] = {}
        self._limits: dict[int, str] = {}
        self._lanes: dict[int, int] = {}
        self._columns: dict[int, Column] = {}
        self._inked: dict[int, tuple[Column, Ground, list[Inked]]] = {}
        self._styles: dict[Ink, Style] = {}
        self._tints: dict[tuple[str, float], str] = {}
        self._lines: dict[int, tuple[Inks, Strip]] = {}

    def draw(self, live: Live, look: PlotStyle) -> list[Strip]:
        """The current picture; unchanged lines are the same objects."""
        if look.columns < SMALLEST_COLUMNS or look.rows < SMALLEST_ROWS:
            return []
        self.first = look.view.first_character(live.time_s, look.columns)
        self._follow(live, look)
        hidden = [series.column in look.view.hidden for series in self.spec.series]
        curves = [
            [None] * len(bins) if gone else bins
            for gone, bins in zip(hidden, self._curves.bins.values(), strict=True)
        ]
        self.filled = _filled(curves, self.filled)
        self._scale(curves, hidden, look)
        self._plot(curves, hidden, look)
        stretches = phases(live, look.column_s, self.first, look.columns)
        names = [each.phase if each else None for each in stretches]
        start = live.start_s // look.column_s if live.start_s else None
        grounds = self._grounds(names, start, look)
        inked = [self._ink(self.first + x, ground, look) for x, ground in enumerate(grounds)]
        lines = [
            ribbon(stretches, look.palette, look.glyphs, self._tint, self._lanes_top()),
            *(
                (*self._gutter(y, look), *self._named(y, row, look))
                for y, row in enumerate(zip(*inked, strict=True))
            ),
            axis(
                self.spec.unit,
                look.view,
                live.start_s,
                self.first,
                look.columns,
                look.palette,
                look.glyphs,
            ),
        ]
        return [self._line(y, inks, look) for y, inks in enumerate(lines)]

    def _lanes_top(self) -> float | None:
        """The highest value of every lane."""
        return self.top if self._lanes else None

    def _gutter(self, y: int, look: PlotStyle) -> Inks:
        """The name of a lane, an axis value, or just the axis."""
        name = None
        if (place := self._lanes.get(y)) is not None:
            name = self.spec.series[place].name, self.colour(look.palette, place)
        return gutter(self._ticks.get(y), look.palette, look.glyphs, name)

    def bins(self, number: int) -> list[list[Bin | None]]:
        """The bins of each series in a column of the last picture."""
        at = DOTS_WIDE * (number - self.first + 1)
        return [bins[at : at + DOTS_WIDE] for bins in self._curves.bins.values()]

    # ------------------------------------------------------------ what can be kept

    def _follow(self, live: Live, look: PlotStyle) -> None:
        """Look up new bins, plus one column before them, where their curve starts."""
        if self._live is not live or self._bin_s != look.view.bin_s:
            self._live, self._bin_s = live, look.view.bin_s
            self._curves = Curves([each.column for each in self.spec.series], self._bin_s)
            self._columns.clear()
        first, last = self.first, self.first + look.columns
        changed = self._curves.move(
            live.history, live.time_s, DOTS_WIDE * (first - 1), DOTS_WIDE * (look.columns + 1)
        )
        end = min(last, changed // DOTS_WIDE)
        self._columns = {n: each for n, each in self._columns.items() if first <= n < end}
        self._inked = {n: each for n, each in self._inked.items() if first <= n < last}

    def _scale(
        self, curves: Sequence[Sequence[Bin | None]], hidden: Sequence[bool], look: PlotStyle
    ) -> None:
        """The top of the axis; drops cached columns of other shapes and lines of other colours."""
        highest = max((each[1] for bins in curves for each in bins if each), default=0.0)
        limits_w = self._near_limits(highest, hidden)
        highest = max([highest, *limits_w])
        self.top = top = self.spec.top or ticks.nice_top(highest, self.top)
        shape = (top, look.rows, look.glyphs, hidden, look.palette.plain, self.filled, limits_w)
        if shape != self._shape:
            self._shape = shape
            scale = plot.Scale(0.0, top)
            self._ticks = {
                scale.row(tick, look.rows): tick for tick in ticks.axis_ticks(top, look.rows)
            }
            self._limits = {
                scale.row(limit_w, look.rows): f" limit {limit_w:g} " for limit_w in limits_w
            }
            shown = [place for place, gone in enumerate(hidden) if not gone]
            high = lane_rows(len(shown), look.rows) if _can_be_named(self.spec) else 0
            self._lanes = {high * lane: place for lane, place in enumerate(shown)} if high else {}
            if self._lanes:
                self._ticks, self._limits = {}, {}
            self._columns.clear()
            self._inked.clear()
        colours = (look.palette, look.base)
        if colours != self._colours:
            self._colours = colours
            for kept in (self._inked, self._styles, self._tints, self._lines):
                kept.clear()

    def _near_limits(self, highest: float, hidden: Sequence[bool]) -> list[float]:
        """The power limits that the curves come near to, watts."""
        shown = [each for each, gone in zip(self.spec.series, hidden, strict=True) if not gone]
        limits_w = sorted({each.limit_w for each in shown if each.limit_w})
        top = self.top or 0.0
        near = (STILL_NEAR_LIMIT if limit_w <= top else NEAR_LIMIT for limit_w in limits_w)
        return [
            limit_w
            for limit_w, share in zip(limits_w, near, strict=True)
            if highest >= share * limit_w
        ]

    # ------------------------------------------------------------ drawing

    def _plot(
        self, curves: Sequence[Sequence[Bin | None]], hidden: Sequence[bool], look: PlotStyle
    ) -> None:
        """Draw the missing columns of cells."""
        assert self.top is not None
        scale = plot.Scale(0.0, self.top)
        shown = [place for place, gone in enumerate(hidden) if not gone]
        numbered = look.palette.plain and len(shown) > 1
        missing = [
            n for n in range(self.first, self.first + look.columns) if n not in self._columns
        ]
        for _, run in groupby(enumerate(missing), key=lambda each: each[1] - each[0]):
            numbers = [number for _, number in run]
            at = DOTS_WIDE * (numbers[0] - self.first)
            parts = [bins[at : at + DOTS_WIDE * (len(numbers) + 1)] for bins in curves]
            cells = plot.raster(
                parts, scale, len(numbers) + 1, look.rows, look.glyphs, numbers[0] - 1, numbered
            )
            filled = [0] * len(cells)
            if self._lanes:
                apart = [(place, parts[place]) for place in self._lanes.values()]
                cells = lanes(apart, self.top, len(cells), look.rows, look.glyphs)
            elif shown and not look.palette.plain:
                filled = plot.heights(parts[self.filled], scale, look.rows)
            for number, column, under in zip(numbers, cells[1:], filled[1:], strict=True):
                self._columns[number] = Column(column, under)

    def _grounds(
        self, names: Sequence[str | None], start: float | None, look: PlotStyle
    ) -> list[Ground]:
        pointed, (first, end) = None, (0, 0)
        if look.view.cursor_s is not None:
            pointed = look.view.cursor_s // look.column_s
        if look.view.span_s is not None:
            first, end = (round(edge_s / look.column_s) for edge_s in look.view.span_s)
            end = max(end, first + 1)
        return [
            Ground(name, first <= number < end, number == pointed, number == start)
            for number, name in enumerate(names, self.first)
        ]

    def _ink(self, number: int, ground: Ground, look: PlotStyle) -> list[Inked]:
        """A column of cells with colours."""
        column = self._columns[number]
        known = self._inked.get(number)
        if known is None or known[0] is not column or known[1] != ground:
            inks = [self._cell(y, number, column, ground, look) for y in range(look.rows)]
            self._inked[number] = known = column, ground, inks
        return known[2]

    def _cell(self, y: int, number: int, column: Column, ground: Ground, look: PlotStyle) -> Inked:
        palette, (character, series) = look.palette, column.cells[y]
        under = self._under(ground, look)
        if series is not None:
            if ground.pointed:
                under = self._tint(palette, palette.text, CURSOR)
            return character, (self.colour(palette, series), under)
        if ground.pointed:
            return look.glyphs.cursor, (palette.dim, under)
        if ground.start:
            return look.glyphs.cursor, (palette.grid, under)
        if y in self._limits:
            return look.glyphs.limit, (self._tint(palette, palette.alarm, LIMIT), under)
        height = look.rows - 1 - y
        if column.filled > height * DOTS_HIGH:
            fills = look.glyphs.fills
            step = height * DOTS_HIGH * len(fills) // column.filled
            colour = self._tint(palette, self.colour(palette, self.filled), FILL)
            return fills[step], (colour, under)
        on_grid = y in self._ticks and number % GRID_COLUMNS == GRID_COLUMNS // 2
        return look.glyphs.grid if on_grid else " ", (palette.grid, under)

    def _named(self, y: int, row: Inks, look: PlotStyle) -> Inks:
        """A line of cells, with the limit's name on the right if this line is one."""
        name = self._limits.get(y, "")
        begin = len(row) - len(name) - 1
        if not name or begin < 0 or any(each[0] != look.glyphs.limit for each in row[begin:-1]):
            return row
        under = [each[1][1] for each in row[begin:-1]]
        inks = [(c, (look.palette.alarm, ink)) for c, ink in zip(name, under, strict=True)]
        return (*row[:begin], *inks, row[-1])

    def _under(self, ground: Ground, look: PlotStyle) -> str | None:
        palette = look.palette
        if ground.spanned:
            return self._tint(palette, palette.accent, SPAN)
        if ground.phase is not None:
            return self._tint(palette, palette.of_phase(ground.phase), PHASE)
        return None

    def colour(self, palette: Palette, place: int) -> str:
        """The colour of a series."""
        series = self.spec.series[place]
        return palette.of_series(series.colour, series.estimated)

    def _tint(self, palette: Palette, colour: str, share: float) -> str:
        key = colour, share
        if key not in self._tints:
            self._tints[key] = palette.tint(colour, share)
        return self._tints[key]

    def _line(self, y: int, inks: Inks, look: PlotStyle) -> Strip:
        known = self._lines.get(y)
        if known is None or known[0] != inks:
            known = inks, Strip(list(self._segments(inks, look.base)))
            self._lines[y] = known
        return known[1]

    def _segments(self, inks: Inks, base: Style) -> Iterator[Segment]:
        """A segment for each run of one ink."""
        characters, colours = zip(*inks, strict=True)
        begin = 0
        for ink, run in groupby(colours):
            end = begin + len(list(run))
            yield Segment("".join(characters[begin:end]), self._style(ink, base))
            begin = end

    def _style(self, ink: Ink, base: Style) -> Style:
        if ink not in self._styles:
            self._styles[ink] = base + Style(color=ink[0], bgcolor=ink[1])
        return self._styles[ink]


def _can_be_named(spec: GraphSpec) -> bool:
    """Whether the names of all series fit beside a graph."""
    return all(len(series.name) < GUTTER for series in spec.series)


def _filled(curves: Sequence[Sequence[Bin | None]], before: int) -> int:
    """The curve with the highest mean; the one from before unless another's is clearly higher."""
    means = [_mean(bins) for bins in curves]
    highest = max(range(len(means)), key=means.__getitem__)
    return highest if means[highest] > CLEARLY * max(means[before], 0.0) else before


def _mean(bins: Sequence[Bin | None]) -> float:
    """The mean of the highest readings; negative if there are none."""
    known = [each[1] for each in bins if each]
    return sum(known) / len(known) if known else -1.0
