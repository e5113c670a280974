"""One graph: ribbon of phases, curves over a shared time axis, and its figures in the border."""

from __future__ import annotations

import math
from itertools import groupby

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from wattui.quantities import number
from wattui.tui import plot
from wattui.tui.graphs import GraphSpec
from wattui.tui.history import Bin
from wattui.tui.live import Live, Stretch
from wattui.tui.palette import Palette
from wattui.tui.viewport import Viewport

GUTTER = 6
RIBBON_ROWS = AXIS_ROWS = 1
# Utilisation, frequency and temperature are read once a second, which may come a little late.
HOLD_S = 2.2
FILL, PHASE, RIBBON = 0.16, 0.07, 0.35
SMALLEST_COLUMNS, SMALLEST_ROWS = 8, 3

Inks = list[tuple[str, str | None, str | None]]


class Chart(Widget, can_focus=True):
    """A graph that is drawn anew by `show`, once per tick, and kept as strips between."""

    DEFAULT_CSS = """
    Chart { border: round $border; border-title-color: $text;
        border-subtitle-color: $text-muted; height: 1fr; width: 1fr; }
    Chart:focus { border: round $accent; }
    """

    def __init__(self, spec: GraphSpec) -> None:
        super().__init__()
        self.spec = spec
        self._strips: list[Strip] = []
        self._top: float | None = None
        self._styles_of: dict[tuple[str | None, str | None], Style] = {}

    def show(self, live: Live, view: Viewport, palette: Palette, glyphs: str) -> None:
        """Draw the recording as it is now."""
        size = self.content_size
        columns, rows = size.width - GUTTER, size.height - RIBBON_ROWS - AXIS_ROWS
        if columns < SMALLEST_COLUMNS or rows < SMALLEST_ROWS:
            self._strips = []
        else:
            self._strips = self._draw(live, view, palette, glyphs, columns, rows)
        self._name_values(live, view, palette, max(columns, 1))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the picture that `show` made."""
        width = self.content_size.width
        if y < len(self._strips) and self._strips[y].cell_length == width:
            return self._strips[y]
        return Strip.blank(width, self.rich_style)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Whatever there is."""
        return container.height

    # ------------------------------------------------------------ drawing

    def _draw(
        self, live: Live, view: Viewport, palette: Palette, glyphs: str, columns: int, rows: int
    ) -> list[Strip]:
        bins = columns * plot.DOTS_WIDE
        start_s = view.start_s(live.time_s, bins)
        end_s = start_s + bins * view.bin_s
        found = [
            self._curve(live, series.column, start_s, view.bin_s, bins)
            for series in self.spec.series
        ]
        highest = max((each[1] for curve in found for each in curve if each), default=0.0)
        self._top = self.spec.top or plot.nice_top(highest, self._top)
        scale = plot.Scale(0.0, self._top)
        cells = plot.raster(found, scale, columns, rows, glyphs)
        phases = _phase_of_columns(live, start_s, view.bin_s * plot.DOTS_WIDE, columns)
        single = len(found) == 1
        heights = plot.heights(found[0], scale, rows) if single else [0] * columns
        ticks = {scale.row(tick, rows): tick for tick in plot.nice_ticks(0, self._top, rows)}
        strips = [self._ribbon(phases, palette, columns)]
        for y in range(rows):
            inks: Inks = _gutter(ticks.get(y), palette)
            below = (rows - 1 - y) * plot.DOTS_HIGH
            for x, cell in enumerate(cells[y]):
                ground = None
                if phases[x] is not None:
                    ground = palette.tint(palette.of_phase(phases[x].phase), PHASE)  # type: ignore[union-attr]
                if single and heights[x] > below:
                    ground = palette.tint(self._colour(palette, 0), FILL)
                if cell.series is not None:
                    inks.append((cell.character, self._colour(palette, cell.series), ground))
                else:
                    dot = y in ticks and x % 4 == 2
                    inks.append(("·" if dot else " ", palette.grid, ground))
            strips.append(self._strip(inks))
        strips.append(self._axis(start_s, end_s, columns, palette))
        return strips

    def _curve(
        self, live: Live, column: str, start_s: float, bin_s: float, count: int
    ) -> list[Bin | None]:
        """A series' bins up to now; a reading stands until the next one is due."""
        most = math.floor(HOLD_S / bin_s)
        before = most + 1
        bins = live.history.bins(column, start_s - before * bin_s, bin_s, before + count)
        until = math.ceil((live.time_s - start_s) / bin_s)
        return [*plot.held(bins, most)[before:][:until], *[None] * (count - until)][:count]

    def _colour(self, palette: Palette, number: int) -> str:
        return palette.of_series(number, self.spec.series[number].estimated)

    def _ribbon(self, phases: list[Stretch | None], palette: Palette, columns: int) -> Strip:
        inks: Inks = [(" " * GUTTER, None, None)]
        for stretch, run in groupby(phases):
            width = len(list(run))
            if stretch is None:
                inks.append((" " * width, None, None))
                continue
            colour = palette.of_phase(stretch.phase)
            title = Text(f" {stretch.title}")
            title.truncate(width, overflow="crop", pad=True)
            inks.append((title.plain, colour, palette.tint(colour, RIBBON)))
        return self._strip(inks)

    def _axis(self, start_s: float, end_s: float, columns: int, palette: Palette) -> Strip:
        line = [" "] * columns
        for column, label in plot.time_ticks(start_s, end_s, columns):
            line[column : column + len(label)] = label
        unit = f"{self.spec.unit:>{GUTTER - 1}} "
        return self._strip([(unit, palette.dim, None), ("".join(line), palette.dim, None)])

    def _strip(self, inks: Inks) -> Strip:
        segments = [
            Segment("".join(text for text, _, _ in run), self._style(*key))
            for key, run in groupby(inks, key=lambda ink: ink[1:])
        ]
        return Strip(segments)

    def _style(self, colour: str | None, ground: str | None) -> Style:
        key = (colour, ground)
        if key not in self._styles_of:
            own = self.rich_style
            self._styles_of[key] = own + Style(color=colour, bgcolor=ground)
        return self._styles_of[key]

    def notify_style_update(self) -> None:
        """Styles are made anew after a change of theme."""
        super().notify_style_update()
        self._styles_of = {}

    # ------------------------------------------------------------ the border

    def _name_values(self, live: Live, view: Viewport, palette: Palette, columns: int) -> None:
        """Watts now and joules so far in the title; mean and highest of what is seen below."""
        title = Text(f"{self.spec.title} ")
        for place, series in enumerate(self.spec.series):
            latest = live.history.latest(series.column)
            if latest is None and len(self.spec.series) > 1:
                continue
            value = number(latest[1], 3) if latest else "–"
            title.append(f" {series.name} " if len(self.spec.series) > 1 else " ", palette.dim)
            if series.estimated and len(self.spec.series) == 1:
                title.append("estimated ", palette.estimated)
            title.append(f"{value} {self.spec.unit}", f"bold {self._colour(palette, place)}")
        self.border_title = title.markup
        bins = columns * plot.DOTS_WIDE
        start_s = view.start_s(live.time_s, bins)
        self.border_subtitle = self._figures(live, start_s, start_s + bins * view.bin_s)

    def _figures(self, live: Live, start_s: float, end_s: float) -> str:
        stats = [live.history.stats(s.column, start_s, end_s) for s in self.spec.series]
        known = [each for each in stats if each]
        parts = []
        measured = [s for s in self.spec.series if not s.estimated] or self.spec.series
        if self.spec.unit == "W" and len(measured) in (1, len(self.spec.series)):
            energies = [live.energy_j(series.channel) for series in measured]
            if None not in energies:
                parts.append(f"{number(sum(e for e in energies if e is not None), 4)} J")
        if known:
            mean = sum(each[0] for each in known) / len(known)
            parts.append(f"mean {number(mean, 3)}")
            parts.append(f"max {number(max(each[1] for each in known), 3)} {self.spec.unit}")
        return "  ".join(parts)


def _gutter(tick: float | None, palette: Palette) -> Inks:
    if tick is None:
        return [(" " * (GUTTER - 1), None, None), ("│", palette.grid, None)]
    return [(f"{tick:>{GUTTER - 1}g}", palette.dim, None), ("┤", palette.grid, None)]


def _phase_of_columns(
    live: Live, start_s: float, column_s: float, columns: int
) -> list[Stretch | None]:
    """The phase at the middle of every column of characters."""
    found: list[Stretch | None] = [None] * columns
    for stretch in live.visible(start_s, start_s + columns * column_s):
        end_s = live.time_s if stretch.end_s is None else stretch.end_s
        first = max(0, round((stretch.start_s - start_s) / column_s))
        last = min(columns, max(first + 1, round((end_s - start_s) / column_s)))
        found[first:last] = [stretch] * (last - first)
    return found
