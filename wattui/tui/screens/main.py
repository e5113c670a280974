"""The main screen: graphs with zoom, pan, freeze, crosshair, selection and maximise."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Grid, Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Static

from recorders import wire
from recorders.channels import kind_of
from recorders.counts import after
from recorders.summary.reduction import Reduction
from wattui.config import Layout, Rate, layout_of
from wattui.runs.run_json import limits_w
from wattui.show import plot
from wattui.show.graphs import GraphSpec, graphs
from wattui.show.quantities import Units
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.marking import MarkingScreen
from wattui.tui.screens.playback_keys import NODE_KEYS, PLAYBACK_KEYS, of_playback
from wattui.tui.screens.steady import SteadyScreen
from wattui.tui.state import viewport
from wattui.tui.state.devices import DeviceNow, devices_now
from wattui.tui.state.live import Live
from wattui.tui.state.pace import Now
from wattui.tui.state.pages import (
    PRESET_NAMES,
    SMALL_COLUMNS,
    SMALL_ROWS,
    Pages,
    PresetName,
    fitting,
    layout_refusal,
    of_layout,
    of_preset,
    saved,
)
from wattui.tui.state.playback import Playback
from wattui.tui.state.session import Stream
from wattui.tui.widgets.banner import Banner
from wattui.tui.widgets.chart import Chart
from wattui.tui.widgets.devices import DevicesPanel
from wattui.tui.widgets.energy import EnergyPanel
from wattui.tui.widgets.footer import Footer
from wattui.tui.widgets.mini import MiniPanel
from wattui.tui.widgets.output import OutputPanel
from wattui.tui.widgets.phases import PhasesPanel
from wattui.tui.widgets.processes import ProcessesPanel
from wattui.tui.widgets.seek_bar import SeekBar
from wattui.tui.widgets.status import StatusLine
from wattui.tui.widgets.tabs import GraphTabs

SUMMARY_S = 1.0
# Graphs are drawn once in this time, or in that of one of their columns of characters.
GRAPH_S = 0.5
# The share of time that summaries may take, however long the recording is.
SUMMARY_SHARE = 0.05
WIDE_COLUMNS = 160
# With fewer rows, the output of a command has few, so that two rows of graphs have enough.
SHORT_ROWS = 35
# A smaller screen has no graphs, unless it is only narrow, and needs at least so much.
GRAPH_COLUMNS, GRAPH_ROWS = 60, 16
LEAST_COLUMNS, LEAST_ROWS = 40, 6
# The processes are shown on screens of so many rows, and not while the dashboard starts.
PROCESS_ROWS, PROCESSES_S = 45, 2.0
# By an arrow key, in a playback.
SEEK_S = 5.0
HINT = "New here? l measures joules per inference of a network, ? explains all keys."
# Saved layouts have keys from F5 on.
FIRST_LAYOUT_KEY, LAYOUT_KEYS = 5, 4
LAYOUT_HINT = "name: titles in order; without titles it is forgotten"


class MainScreen(MarkingScreen):
    """Shows one stream of rows; `live` is its state, `view` the part that is visible."""

    ALLOW_IN_MAXIMIZED_VIEW = "StatusLine, Alarm, SeekBar, Footer"
    # The footer shows these in order, as many as fit.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "app.toggle_running", "Idle/Run"),
        Binding("p", "phase", "Phase"),
        Binding("r", "app.record", "Record"),
        Binding("l", "app.launch", "Launch"),
        Binding("R", "app.runs", "Runs"),
        Binding("question_mark", "app.show_help_panel", "Help", key_display="?"),
        Binding("q", "app.quit", "Quit"),
        Binding("plus,equals_sign", "zoom(1)", "Zoom", key_display="+-"),
        Binding("minus", "zoom(-1)", "Zoom out", show=False, key_display="+-"),
        Binding("left", "pan(-1)", "Pan", key_display="←→"),
        Binding("right", "pan(1)", "Pan right", show=False, key_display="←→"),
        Binding("home", "start", "Start of playback", show=False, key_display="Home"),
        Binding("end", "live", "Live", key_display="End"),
        Binding("f", "freeze", "Freeze"),
        Binding("z", "zero", "Zero J"),
        Binding("u", "undo", "Undo"),
        Binding("m", "note", "Note"),
        Binding("w", "meter", "Meter"),
        Binding("c", "app.compare", "Compare"),
        Binding("d", "app.doctor", "Doctor"),
        Binding("comma", "app.settings", "Settings", key_display=","),
        Binding("t", "app.theme", "Theme"),
        Binding("g", "turn_page(1)", "Next graphs", show=False),
        Binding("G", "turn_page(-1)", "Previous graphs", show=False),
        Binding("f1", "preset('power')", "Graphs of power", show=False, key_display="F1"),
        Binding("f2", "preset('gpu')", "Graphs of GPUs", show=False, key_display="F2"),
        Binding("f3", "preset('cpu')", "Graphs of the CPU", show=False, key_display="F3"),
        Binding("f4", "preset('all')", "All graphs", show=False, key_display="F4"),
        Binding("y", "copy", "Copy the headline", show=False),
        Binding("b", "per", "Per another count", show=False),
        *(
            Binding(
                f"f{FIRST_LAYOUT_KEY + n}",
                f"layout({n + 1})",
                f"Layout {n + 1}",
                show=False,
                key_display=f"F{FIRST_LAYOUT_KEY + n}",
            )
            for n in range(LAYOUT_KEYS)
        ),
        Binding("L", "save_layout", "Save layout", show=False),
        Binding("P", "app.processes", "Processes", show=False),
        Binding("D", "app.device", "Devices", show=False),
        Binding("enter", "maximise", "Maximise graph", show=False, key_display="Enter"),
        Binding("left_square_bracket", "point(-1)", "Crosshair left", show=False, key_display="["),
        Binding("right_square_bracket", "point(1)", "Crosshair right", show=False, key_display="]"),
        Binding("v", "span", "Select from crosshair", show=False),
        Binding("escape", "clear", "Clear crosshair, selection", show=False, key_display="Esc"),
        *(Binding(f"{n}", f"hide({n})", f"Hide series {n}", show=False) for n in range(1, 9)),
        Binding("x", "app.stop_launch", "Stop the launch", show=False),
        Binding("o", "app.output", "Launch output", show=False),
        Binding("less_than_sign", "app.speed(-1)", "Play slower", show=False, key_display="<"),
        Binding("greater_than_sign", "app.speed(1)", "Play faster", show=False, key_display=">"),
        *SteadyScreen.BINDINGS,
    ]
    DEFAULT_CSS = """
    MainScreen #hint {
        height: 1; padding: 0 1; background: $accent 25%; color: $text;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    MainScreen #body { height: 1fr; layout: vertical; }
    MainScreen #graphs { grid-size: 2; grid-gutter: 0; height: 1fr; width: 1fr; layout: grid; }
    MainScreen #too-small { display: none; height: 1fr; content-align: center middle; }
    MainScreen #side { width: 1fr; height: 5; }
    MainScreen #side > Static { border-title-style: bold; }
    MainScreen.wide #body { layout: horizontal; }
    MainScreen.wide #side { width: 54; height: 100%; }
    MainScreen.small #side { height: 5; }
    MainScreen.small #banner { max-height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    MainScreen #phases, MainScreen #devices { display: none; }
    MainScreen.wide #devices { display: block; height: auto; max-height: 16; }
    MainScreen.wide #phases { display: block; height: auto; min-height: 7; }
    MainScreen #energy { height: 1fr; }
    MainScreen #tabs { display: none; }
    MainScreen.small #tabs { display: block; }
    MainScreen.mini #mini { display: block; }
    MainScreen.mini StatusLine, MainScreen.mini #side, MainScreen.mini #banner { display: none; }
    MainScreen.low #body, MainScreen.low #tabs { display: none; }
    MainScreen.low #output, MainScreen.low #seek { display: none; }
    MainScreen.too-small #mini, MainScreen.mini #hint, MainScreen.low #hint { display: none; }
    MainScreen.too-small #too-small { display: block; }
    MainScreen.short #output { height: 5; }
    """

    @dataclass
    class LayoutsChanged(Message):
        """These layouts are to be kept."""

        layouts: Sequence[Layout]

    def __init__(self, stream: Stream, is_first_run: bool = False) -> None:
        super().__init__()
        self.is_first_run = is_first_run
        self.first_graphs: Sequence[str] = ()
        self.layouts: Sequence[Layout] = ()
        self.glyphs = plot.BRAILLE
        self.units: Units = "auto"
        self.price: Rate | None = None
        self.carbon: Rate | None = None
        self._pages = Pages()
        self._chosen: PresetName | Layout = PRESET_NAMES[-1]
        self._found: list[GraphSpec] = []
        self._known: list[GraphSpec] = []
        self._charts: list[Chart] = []
        self._summary_due_s = 0.0
        self._owes_panels = False
        self._kept_look: object = None
        self._was_playing = False
        self._kept_rows = 0
        self.stream = stream
        self.live, self._taken_s = Live(stream.columns), time.monotonic()
        self.view = viewport.first(stream.rate_hz)
        self.follow(stream)

    def compose(self) -> ComposeResult:
        """Status line, graphs, energy panel and footer."""
        self._fit(self.app.size)
        self._known = self._available()
        yield StatusLine(id="status")
        yield MiniPanel(id="mini")
        yield Banner(id="banner")
        yield GraphTabs(id="tabs")
        with Horizontal(id="body"):
            with Grid(id="graphs"):
                self._charts = [Chart(self._known[place]) for place in self._places()]
                yield from self._charts
            with Vertical(id="side"):
                yield DevicesPanel(id="devices")
                yield ProcessesPanel(id="processes")
                yield PhasesPanel(id="phases")
                yield EnergyPanel(id="energy")
        yield OutputPanel(id="output")
        yield SeekBar(id="seek")
        if self.is_first_run:
            yield Static(HINT, id="hint", markup=False)
        yield Static(id="too-small", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Focus the first graph."""
        self._arrange()
        self._focus_a_graph()

    def on_resize(self, event: Resize) -> None:
        """Lay out again for the new size."""
        if event.size == self.app.size:
            self.relay()

    # ------------------------------------------------------------ what is shown

    def follow(self, stream: Stream) -> None:
        """Switch to this stream. The graphs go on from one recorder to the next, not to a file."""
        goes_on = not isinstance(stream, Playback) and self._playback is None
        self.stream, asked = stream, self.live.asked
        if goes_on:
            gap_s = time.monotonic() - self._taken_s
            self.live = Live(stream.columns, self.live, gap_s)
            self.view = self.view.on(stream.rate_hz)
        else:
            self.live = Live(stream.columns)
            self.view = viewport.first(stream.rate_hz)
        self.live.asked = asked
        self._span_from_s: float | None = None
        self.mark = None
        self._summary_due_s = 0.0
        self._is_laid_out = False

    def end_hint(self) -> None:
        """Remove the hint of the first run."""
        self.is_first_run = False
        self.query("#hint").remove()

    def relay(self) -> None:
        """Lay everything out again, and draw once sizes are known."""
        self._lay_out()
        self.call_after_refresh(self.redraw)

    def start_over(self) -> None:
        """Forget all rows: they will come from the start, or from a playback's place."""
        asked, self.live = self.live.asked, Live(self.stream.columns)
        self.live.asked = asked
        self.live.skipped_s = self._playback.skipped_s if self._playback else 0.0
        self._summary_due_s = 0.0

    def backfill(self, whole: Reduction) -> None:
        """Take in what a summary needs of the rows that a playback skipped."""
        if not self.live.is_whole:
            self.live.backfill(whole)
            self._summary_due_s = 0.0
            self.redraw()

    def take(self, messages: Iterable[wire.Message]) -> None:
        """Take new messages from the stream."""
        rows = self.live.history.rows
        for message in messages:
            self.live.take(message)
        if self.live.history.rows > rows:
            self._taken_s = time.monotonic()

    def catch_up(self) -> None:
        """Take and show what the stream has now."""
        self.take(self.stream.poll())
        self.redraw()

    def keep_up(self) -> bool:
        """Redraw for new rows, the graphs less often; returns whether nothing is left to draw."""
        step = self.live.time_s // min(plot.DOTS_WIDE * self.view.bin_s, GRAPH_S)
        look = self.live, self.view, self.palette, self.glyphs, step
        rows, self._kept_rows = self._kept_rows, self.live.history.rows
        are_due = look != self._kept_look or rows == self._kept_rows
        if are_due:
            self._kept_look = look
        self.redraw(with_graphs=are_due)
        return are_due

    def redraw(self, with_graphs: bool = True) -> None:
        """Redraw, unless the graphs still belong to another stream."""
        if not self.is_mounted or not self._is_laid_out:
            return
        status = self.query_one(StatusLine)
        status.show(self.stream, self.live, self.view, self.palette, self._pages)
        self.query_one(SeekBar).show(self._playback, self.palette)
        if self._is_playing != self._was_playing:
            self._was_playing = self._is_playing
            self.refresh_bindings()
        for chart in self._charts if with_graphs else ():
            chart.show(self.live, self.view, self.palette, self.glyphs)
        self._owes_panels = True
        self.show_panels_when_due()
        if self.has_class("mini"):
            self.query_one(MiniPanel).show(self.stream, self.live, self.palette)

    def draw(self) -> None:
        """Have everything shown in the colours of the theme at the next turn."""
        self._summary_due_s = 0.0

    def show_panels_when_due(self) -> None:
        """Show devices and energies of the newest rows, if their turn has come."""
        now_s = time.monotonic()
        if not self._owes_panels or now_s < self._summary_due_s:
            return
        self._owes_panels = False
        self._show_panels()
        took_s = time.monotonic() - now_s
        self._summary_due_s = now_s + max(SUMMARY_S, took_s / SUMMARY_SHARE)
        if self._available() != self._known:
            self.call_later(self.relay)

    def _show_panels(self) -> None:
        """Show devices, processes, and the summary of the recording so far."""
        summary = self.live.summary() if self.live.is_whole else None
        is_wide = self.has_class("wide")
        if is_wide:
            self.query_one(DevicesPanel).show(self.devices, self.palette, self.glyphs)
        if self.app.screen is self:
            has_room = is_wide and self.app.size.height >= PROCESS_ROWS
            is_idle = self.stream.csv is None and self._playback is None
            is_wanted = has_room and is_idle and self.live.run_s > PROCESSES_S
            self.query_one(ProcessesPanel).show(self.stream, is_wanted, self.palette)
        energy = self.query_one(EnergyPanel)
        energy.price, energy.carbon = self.price, self.carbon
        phases, mini = self.query_one(PhasesPanel), self.query_one(MiniPanel)
        energy.can_mark = phases.can_mark = mini.can_mark = self._playback is None
        if summary is None:
            energy.wait()
            return
        energy.pace = self._pace(summary.headline)
        energy.show(summary, self.palette, self.units)
        phases.show(summary, self.palette, self.units)
        label = self.live.stretch.label if self.live.stretch else ""
        mini.show_energy(summary, label, self.palette, self.units)

    def _pace(self, channel: str | None) -> tuple[Now, float | None] | None:
        """The tokens of the last window, and the joules of the headline's channel in it."""
        now = self.live.pace.now()
        if now is None or channel is None:
            return None
        return now, self.live.energy_between_j(channel, now.start_s, now.end_s)

    @property
    def devices(self) -> list[DeviceNow]:
        """Every device as it is now."""
        return devices_now(self.live, self._found)

    def on_screen_resume(self) -> None:
        """Have the processes counted again after a screen that ended it."""
        self.query_one(ProcessesPanel).forget()

    async def on_devices_panel_opened(self, event: DevicesPanel.Opened) -> None:
        """Open a device of the panel."""
        await self.run_action(f"app.device({event.name!r})")

    def _available(self) -> list[GraphSpec]:
        """The graphs in the preferred order; a wall meter's only once it has been read."""
        found = [
            spec
            for spec in graphs(self.stream.columns, limits_w(self.stream.sources))
            if not all(kind_of(series.channel).by_hand for series in spec.series)
            or any(self.live.history.latest(series.column) for series in spec.series)
        ]
        wanted = {title: place for place, title in enumerate(self.first_graphs)}
        self._found = sorted(found, key=lambda spec: wanted.get(spec.title, len(wanted)))
        return self._of(self._chosen) or self._found

    def _of(self, chosen: PresetName | Layout) -> list[GraphSpec]:
        """The graphs of a preset or a layout."""
        if isinstance(chosen, Layout):
            return of_layout(chosen, self._found)
        return of_preset(chosen, self._found)

    def _lay_out(self) -> None:
        """Show the graphs and panels that fit the screen. This does not wait: Textual mounts and
        removes widgets later."""
        if not self.is_mounted:
            return
        self._fit(self.app.size)
        self._known = self._available()
        wanted = [self._known[place] for place in self._places()]
        if [chart.spec for chart in self._charts] != wanted:
            self._exchange(wanted)
        self._arrange()

    def _exchange(self, wanted: Sequence[GraphSpec]) -> None:
        """Show these graphs, reusing the widgets that exist."""
        there = {chart.spec: chart for chart in self._charts}
        self._charts = [there.pop(spec) if spec in there else Chart(spec) for spec in wanted]
        if self.maximized in there.values():
            self.minimize()
        grid = self.query_one("#graphs", Grid)
        grid.mount_all([chart for chart in self._charts if not chart.is_attached])
        order = {chart: place for place, chart in enumerate(self._charts)}
        grid.sort_children(key=lambda chart: order.get(chart, len(order)))  # type: ignore[call-overload]
        self._focus_a_graph()
        for chart in there.values():
            # After any key that this widget may still have to pass on.
            chart.call_later(chart.remove)

    def _focus_a_graph(self) -> None:
        if self._charts and self.focused not in self._charts:
            self._charts[0].focus()

    def _fit(self, size: Size) -> None:
        """Set the classes wide, small, short, mini, low and too-small from the size."""
        width, height = size
        self.set_class(width >= WIDE_COLUMNS, "wide")
        self.set_class(width < SMALL_COLUMNS or height < SMALL_ROWS, "small")
        self.set_class(width < SMALL_COLUMNS or height < SHORT_ROWS, "short")
        self.set_class(width < GRAPH_COLUMNS or height < GRAPH_ROWS, "mini")
        self.set_class(height < GRAPH_ROWS, "low")
        self.set_class(width < LEAST_COLUMNS or height < LEAST_ROWS, "too-small")

    def _places(self) -> range:
        """The places of the graphs that are shown."""
        size, _ = fitting(*self.app.size)
        self._pages = self._pages.of(len(self._known), size)
        return self._pages.places

    def _arrange(self) -> None:
        """Arrange the graphs in rows, and update tabs and messages."""
        self._is_laid_out = True
        charts = self._charts
        columns = max(1, min(len(charts), fitting(*self.app.size)[1]))
        self.query_one("#graphs").styles.grid_size_columns = columns
        for place, chart in enumerate(charts, 1):
            is_last = place == len(charts)
            chart.styles.column_span = 1 + (-place) % columns if is_last else 1
        self.query_one(GraphTabs).show([spec.title for spec in self._known], self._places())
        width, height = self.app.size
        self.query_one("#too-small", Static).update(
            f"Terminal too small: {width}×{height}; wattui needs {LEAST_COLUMNS}×{LEAST_ROWS}"
        )
        self.query_one(Banner).show(self.stream)

    # ------------------------------------------------------------ keys

    def action_per(self, name: str = "") -> None:
        """State energies per another count: the one of this name, or else the next."""
        if counted := self.live.counted:
            self.live.ask_per(name or after(self.live.per, counted))
            self._summary_due_s = 0.0
            self.redraw()

    @property
    def useless(self) -> set[str]:
        """The actions that would change nothing now."""
        view, chart = self.view, self._chart()
        series = len(chart.spec.series) if chart else 0
        is_playback = self._playback is not None
        can_clear = view.cursor_s is not None or view.span_s is not None
        uses = {
            "zoom(1)": view.zoomed(1) != view,
            "zoom(-1)": view.zoomed(-1) != view,
            "pan(1)": not view.live or is_playback,
            "pan(-1)": is_playback or view.panned(-1, self.live.time_s) != view,
            "live": not view.live or is_playback,
            "start": is_playback,
            "span": view.cursor_s is not None,
            "per": len(self.live.counted) > 1,
            "clear": can_clear,
            "maximise": chart is not None,
            # The palette lists them by their names.
            **{f"layout({n + 1})": False for n in range(LAYOUT_KEYS)},
            **dict.fromkeys(("turn_page(1)", "turn_page(-1)"), self._pages.count > 1),
            **{f"hide({n})": n <= series for n in range(1, 9)},
        }
        return {action for action, is_of_use in uses.items() if not is_of_use}

    def action_freeze(self) -> None:
        """Freeze or unfreeze the graphs."""
        self._look(self.view.frozen(self.live.time_s))

    @property
    def _playback(self) -> Playback | None:
        return self.stream if isinstance(self.stream, Playback) else None

    @property
    def _is_playing(self) -> bool:
        playback = self._playback
        return playback is not None and not (playback.ended or playback.paused)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys; those of a playback first while there is one."""
        found = super().active_bindings
        if (playback := self._playback) is None:
            return found
        keys = NODE_KEYS if playback.is_of_fleet else PLAYBACK_KEYS
        return of_playback(found, keys, self._is_playing)

    async def action_start(self) -> None:
        """Play from the start of the recording that is played back."""
        if self._playback is not None:
            await self.run_action("app.seek_to(0.0)")

    def action_copy(self) -> None:
        """Copy the headline figure and what it is of."""
        from wattui.tui.screens.copying import copy

        copy(self.app, self.query_one(EnergyPanel).headline, "the headline")

    async def on_seek_bar_sought(self, event: SeekBar.Sought) -> None:
        """Play from the time that was clicked."""
        self._look(replace(self.view, end_s=None))
        await self.run_action(f"app.seek_to({event.time_s!r})")

    async def action_live(self) -> None:
        """Return to the present; in a playback that is there, go to its end."""
        if self._playback is not None and self.view.live:
            await self.run_action(f"app.seek_to({self._playback.length_s!r})")
        self._look(replace(self.view, end_s=None))

    def action_zoom(self, steps: int) -> None:
        """Zoom in, or out for negative steps."""
        self._look(self.view.zoomed(steps))

    async def action_pan(self, direction: int) -> None:
        """Pan by a quarter of a graph; a playback that is not frozen seeks instead."""
        if self._playback is not None and self.view.live:
            await self.run_action(f"app.seek_by({direction * SEEK_S!r})")
            return
        self._look(self.view.panned(direction * self._bins() // 4, self.live.time_s))

    def action_point(self, direction: int) -> None:
        """Move the crosshair by a column, starting from the right edge."""
        column_s = self.view.bin_s * plot.DOTS_WIDE
        start_s = self.view.start_s(self.live.time_s, self._bins())
        last_s = min(self.live.time_s, start_s + self._bins() * self.view.bin_s)
        at_s = last_s if self.view.cursor_s is None else self.view.cursor_s + direction * column_s
        at_s = max(0.0, min(self.live.time_s, at_s))
        view = self.view.pointed(at_s)
        if self._span_from_s is not None:
            view = view.spanned(self._span_from_s, at_s)
        self._look(view)

    def action_span(self) -> None:
        """Start a selection at the crosshair, which then extends it; or end the selection."""
        if self._span_from_s is None and self.view.cursor_s is not None:
            self._span_from_s = self.view.cursor_s
            self.notify("[ and ] extend the selection, v ends it, Esc clears it", timeout=4)
        else:
            self._span_from_s = None

    async def action_clear(self) -> None:
        """Clear crosshair and selection; without them, go back to the fleet of this node."""
        if self.view.cursor_s is None and self.view.span_s is None:
            await self.run_action("app.leave_node")
            return
        self._span_from_s = None
        self._look(self.view.pointed(None).spanned(None, None))

    def action_hide(self, number: int) -> None:
        """Show or hide a series of the focused graph."""
        chart = self._chart()
        if chart is not None and number <= len(chart.spec.series):
            self._look(self.view.toggled(chart.spec.series[number - 1].column))

    def _chart(self) -> Chart | None:
        """The focused graph, else the first."""
        charts = [self.focused, *self._charts]
        return next((each for each in charts if isinstance(each, Chart)), None)

    def action_zero(self) -> None:
        """Count joules from now on."""
        self.live.set_zero()
        self._look(self.view)
        self.notify("Energy display zeroed; the recording is not affected", timeout=3)

    def action_turn_page(self, direction: int) -> None:
        """Show the next graphs that do not fit, or the previous ones."""
        self._pages = self._pages.turned(direction)
        self.relay()

    def action_show_graph(self, place: int) -> None:
        """Show the page with this graph."""
        self._pages = self._pages.at(place)
        self.relay()

    def action_preset(self, name: PresetName) -> None:
        """Show only the graphs of a preset, if there are any."""
        self._choose(name)

    def action_layout(self, number: int) -> None:
        """Show only the graphs of a saved layout, if there is one."""
        if number <= len(self.layouts):
            self._choose(self.layouts[number - 1])
        else:
            self.notify("There is no such layout yet; L saves one", timeout=3)

    def _choose(self, chosen: PresetName | Layout) -> None:
        if not self._of(chosen):
            self.notify("This machine has none of these graphs", timeout=3)
            return
        self._chosen, self._pages = chosen, Pages()
        self.relay()

    def action_save_layout(self) -> None:
        """Ask for a name, and for changes of the graphs that are shown."""
        is_saved = isinstance(self._chosen, Layout)
        name = self._chosen.name if isinstance(self._chosen, Layout) else "mine"
        shown = self._known if is_saved else [chart.spec for chart in self._charts]
        value = Layout(name, tuple(spec.title for spec in shown)).text
        ask = Ask(
            "Save layout",
            LAYOUT_HINT,
            value,
            check=lambda text: layout_refusal(text, self._found),
        )
        self.app.push_screen(ask, self._keep_layout)

    def _keep_layout(self, text: str | None) -> None:
        if not text:
            return
        self.layouts = saved(self.layouts, text)
        kept = layout_of(text)
        self._choose(kept or PRESET_NAMES[-1])
        self.post_message(self.LayoutsChanged(self.layouts))
        if kept:
            key = f"F{FIRST_LAYOUT_KEY + self.layouts.index(kept)}"
            self.notify(f"{key} shows it" if len(self.layouts) <= LAYOUT_KEYS else "Saved")

    def action_maximise(self) -> None:
        """Maximise the focused graph, or restore all of them."""
        if self.maximized is not None:
            self.minimize()
        elif isinstance(self.focused, Chart):
            self.maximize(self.focused)
        self.call_after_refresh(self.redraw)

    def on_chart_looked(self, event: Chart.Looked) -> None:
        """Change the view of all graphs with the mouse."""
        self._look(event.change(self.view))

    def _bins(self) -> int:
        return self._charts[0].bins if self._charts else plot.DOTS_WIDE

    def _look(self, view: viewport.Viewport) -> None:
        self.view = view
        self.redraw()
