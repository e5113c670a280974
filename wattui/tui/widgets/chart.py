"""A graph: phase ribbon, curves over a shared time axis, and figures in the border."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from rich.style import Style as RichStyle
from textual import events
from textual.color import Color
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from wattui.show.graphs import GraphSpec
from wattui.show.palette import Palette
from wattui.show.plot import DOTS_WIDE, Glyphs
from wattui.show.ticks import moment_label
from wattui.tui.state import border, titles
from wattui.tui.state.live import Live
from wattui.tui.state.viewport import Viewport
from wattui.tui.widgets.canvas import Canvas, PlotStyle
from wattui.tui.widgets.margins import GUTTER
from wattui.tui.widgets.pointer import Drag

# The ribbon of phases above, the axis of time below.
OTHER_ROWS = 2
# Border corners and the blanks beside them, taken from the inner width.
TITLE_MARGIN = 4
# The wheel pans by this share of the width.
WHEEL_SHARE = 1 / 8


class Chart(Widget, can_focus=True):
    """A graph that `show` redraws once per tick and keeps as strips in between."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Chart { border: round $border; border-title-color: $text;
        border-subtitle-color: $text-muted; height: 1fr; width: 1fr; }
    Chart:focus { border: round $accent; }
    Chart.ascii { border: ascii $border; }
    Chart.ascii:focus { border: ascii $accent; }
    """

    @dataclass
    class Looked(Message):
        """The mouse changes the view of all graphs."""

        change: Callable[[Viewport], Viewport]

    def __init__(self, spec: GraphSpec) -> None:
        super().__init__()
        self.spec = spec
        self._canvas = Canvas(spec)
        self._strips: list[Strip] = []
        self._labels: tuple[object, object] = (None, None)
        self._wanted: tuple[Live, Viewport, Palette, Glyphs] | None = None
        self._base: RichStyle | None = None
        self._edges: tuple[Region, ...] = ()
        self._drag: Drag | None = None
        self._pointed_s: float | None = None

    @property
    def bins(self) -> int:
        """The number of dot columns in the plot."""
        return max(1, self.content_size.width - GUTTER) * DOTS_WIDE

    def show(self, live: Live, view: Viewport, palette: Palette, glyphs: Glyphs) -> None:
        """Draw the current state of the recording."""
        self._wanted = live, view, palette, glyphs
        self.set_class(glyphs.ascii, "ascii")
        if self._base is None:
            self._base = self.rich_style
        width, height = self.content_size
        look = PlotStyle(view, palette, glyphs, self._base, width - GUTTER, height - OTHER_ROWS)
        before, self._strips = self._strips, self._canvas.draw(live, look)
        self._say(live, look, width - TITLE_MARGIN)
        self._refresh_lines(before)

    def on_resize(self) -> None:
        """Redraw at the new size."""
        if self._wanted is not None:
            self.show(*self._wanted)

    def render_line(self, y: int) -> Strip:
        """A line of the picture made by `show`."""
        width = self.content_size.width
        if y < len(self._strips) and self._strips[y].cell_length == width:
            return self._strips[y]
        return Strip.blank(width, self.rich_style)

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Repaint; only the border if nothing but its text has changed."""
        where = regions or self._edges
        return super().refresh(*where, repaint=repaint, layout=layout, recompose=recompose)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """All the available height."""
        return container.height

    def notify_style_update(self) -> None:
        """Rebuild styles after a change of theme."""
        super().notify_style_update()
        self._base = None

    def _refresh_lines(self, before: Sequence[Strip]) -> None:
        """Refresh only the lines that have changed."""
        if len(before) != len(self._strips):
            self.refresh()
            return
        changed = [
            Region(0, y, self.content_size.width, 1)
            for y, (old, new) in enumerate(zip(before, self._strips, strict=True))
            if old is not new
        ]
        if changed:
            self.refresh(*changed)

    # ------------------------------------------------------------ the border

    def _say(self, live: Live, look: PlotStyle, width: int) -> None:
        """Put values in the title and figures in the subtitle."""
        view, spec, glyphs = look.view, self.spec, look.glyphs
        hidden = frozenset(n for n, s in enumerate(spec.series) if s.column in view.hidden)
        shown = [series for n, series in enumerate(spec.series) if n not in hidden]
        values, when = self._values(live, look)
        parts = titles.title(spec, values, hidden, width, glyphs, look.palette.plain, when)
        start_s = self._canvas.first * look.column_s
        seen_s = start_s, start_s + look.columns * look.column_s
        if view.span_s is None:
            found = border.seen(live, spec, shown, seen_s, glyphs)
        else:
            found = border.of_span(live, spec, shown, view.span_s, glyphs)
        below = titles.subtitle(found, spec, width, glyphs)
        labels = ((parts, look.palette), below)
        if labels != self._labels:
            self._labels = labels
            outside = self.size.width + 2
            self._edges = Region(-1, -1, outside, 1), Region(-1, self.size.height, outside, 1)
            styled = (self._styled(each, look.palette) for each in parts)
            self.border_title = Content.assemble(*styled)
            self.border_subtitle = Content(below)
            self._edges = ()

    def _values(self, live: Live, look: PlotStyle) -> tuple[list[titles.TitleValue | None], str]:
        """The values in the title, and their moment if that is not now."""
        cursor_s, first = look.view.cursor_s, self._canvas.first
        if cursor_s is not None and self._strips:
            number = int(cursor_s // look.column_s)
            if 0 <= number - first < look.columns:
                stretch_s = number * look.column_s, (number + 1) * look.column_s
                bins = self._canvas.bins(number)
                values = border.values_at(live, self.spec, bins, stretch_s, look.glyphs)
                return values, moment_label(cursor_s - live.start_s, look.view.bin_s)
        return border.values_now(live, self.spec), ""

    def _styled(self, part: titles.TitlePart, palette: Palette) -> tuple[str, Style]:
        colours = {
            "name": palette.dim,
            "hidden": palette.dim,
            "estimated": palette.estimated,
            "plain": palette.text,
            "value": palette.text,
        }
        colour = colours[part.role]
        if part.role == "value" and part.series is not None:
            colour = self._canvas.colour(palette, part.series)
        style = Style(
            foreground=Color.parse(colour),
            bold=part.role in ("value", "plain"),
            strike=part.role == "hidden",
        )
        if part.series is not None:
            style += Style.from_meta({"column": self.spec.series[part.series].column})
        return part.text, style

    # ------------------------------------------------------------ the mouse

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the crosshair, and the end of the selection while the button is held."""
        number = self._column_at(event)
        if self._drag is not None and self._strips:
            self._drag = self._drag.to(self._nearest_column(event))
            self._select()
        self._point(number)

    def on_leave(self, event: events.Leave) -> None:
        """Remove the crosshair."""
        if event.node is self:
            self._point(None)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Start a selection."""
        number = self._column_at(event)
        if event.button == 1 and number is not None:
            self._drag = Drag(number)
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End the selection; a plain click clears it."""
        if self._drag is None:
            return
        self.release_mouse()
        self._select()
        self._drag = None

    def on_click(self, event: events.Click) -> None:
        """Show or hide the series whose name was clicked."""
        column = event.style.meta.get("column")
        if column is not None:
            self._look(lambda view: view.toggled(column))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in, or pan earlier with shift."""
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out, or pan later with shift."""
        self._wheel(event, -1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Pan earlier."""
        self._pan(event, -1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Pan later."""
        self._pan(event, 1)

    def _wheel(self, event: events.MouseEvent, steps: int) -> None:
        if event.shift:
            self._pan(event, -steps)
        elif self._column_at(event) is not None:
            event.stop()
            self._look(lambda view: view.zoomed(steps))

    def _pan(self, event: events.MouseEvent, direction: int) -> None:
        if self._wanted is not None and self._column_at(event) is not None:
            event.stop()
            columns = max(1, round(self.bins // DOTS_WIDE * WHEEL_SHARE))
            bins, live = direction * columns * DOTS_WIDE, self._wanted[0]
            self._look(lambda view: view.panned(bins, live.time_s))

    def _column_at(self, event: events.MouseEvent) -> int | None:
        """The number of the column under the mouse; None outside the plot."""
        at = event.get_content_offset(self)
        if at is None or at.x < GUTTER or not self._strips:
            return None
        return self._canvas.first + at.x - GUTTER

    def _nearest_column(self, event: events.MouseEvent) -> int:
        """The column under the mouse, or the nearest one if it left the plot."""
        x = event.get_content_offset_capture(self).x - GUTTER
        return self._canvas.first + max(0, min(self.bins // DOTS_WIDE - 1, x))

    def _point(self, number: int | None) -> None:
        time_s = None
        if number is not None and self._wanted is not None:
            time_s = (number + 0.5) * self._wanted[1].bin_s * DOTS_WIDE
        if time_s != self._pointed_s:
            self._pointed_s = time_s
            self._look(lambda view: view.pointed(time_s))

    def _select(self) -> None:
        """Select a span of whole columns, limited to the readings."""
        if self._drag is not None and self._wanted is not None and self._strips:
            live, view, *_ = self._wanted
            start_s, end_s = self._drag.span_s(view.bin_s * DOTS_WIDE, live.history)
            self._look(lambda view: view.spanned(start_s, end_s))

    def _look(self, change: Callable[[Viewport], Viewport]) -> None:
        self.post_message(self.Looked(change))
