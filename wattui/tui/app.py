"""The dashboard: wires the recorder's messages to the screen, and keys to the recorder."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Footer, Static

from recorders.client import Config, RecorderError
from wattui.tui import plot, viewport
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.launch_form import LaunchForm
from wattui.tui.graphs import GraphSpec, graphs
from wattui.tui.launch import Launch, Recipe
from wattui.tui.live import Live
from wattui.tui.palette import DARK, LIGHT, Palette
from wattui.tui.screens.results import Results
from wattui.tui.session import Session
from wattui.tui.themes import THEMES
from wattui.tui.widgets.chart import Chart
from wattui.tui.widgets.energy import EnergyPanel
from wattui.tui.widgets.status import StatusLine

SCREEN_HZ, SUMMARY_S = 4.0, 1.0
SHOWN_GRAPHS = 4
WIDE_COLUMNS, SMALL_COLUMNS, SMALL_ROWS = 160, 100, 30
# The terminal is given back as it was, and the recording is finished.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
LEAST_COLUMNS, LEAST_ROWS = 60, 16
PHASES = ("idle", "armed", "warmup", "running", "cooldown")


class Dashboard(App[int]):
    """wattui's screen. It reads no device: everything comes from the recorder process."""

    TITLE = "wattui"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "toggle_running", "Idle/Run", priority=True),
        Binding("p", "phase", "Phase"),
        Binding("m", "note", "Note"),
        Binding("r", "record", "Record"),
        Binding("l", "launch", "Launch"),
        Binding("x", "stop_launch", "Stop", show=False),
        Binding("o", "output", "Output", show=False),
        Binding("f", "freeze", "Freeze"),
        Binding("plus,equals_sign", "zoom(1)", "Zoom", key_display="+-"),
        Binding("minus", "zoom(-1)", "Zoom out", show=False),
        Binding("left", "pan(-1)", "Pan", key_display="←→"),
        Binding("right", "pan(1)", "Pan right", show=False),
        Binding("end", "live", "Live"),
        Binding("enter", "maximise", "Maximise", show=False),
        Binding("g", "next_graph", "Graph", show=False),
        Binding("z", "zero", "Zero J"),
        Binding("t", "theme", "Theme", show=False),
        Binding("R", "restart", "Restart recorder", show=False),
        Binding("question_mark", "show_help_panel", "Help", key_display="?"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self, session: Session, config: Config, idle_s: float = 10.0, ascii_only: bool = False
    ) -> None:
        super().__init__()
        self._idle_s = idle_s
        self._config = config
        self._glyphs = plot.ASCII if ascii_only else plot.BRAILLE
        self._names: list[str] = []
        self._shown = 0
        self._dirty = True
        self._summary_due_s = 0.0
        self._launched: Launch | None = None
        self._follow(session)

    # ------------------------------------------------------------ what is shown

    def compose(self) -> ComposeResult:
        """Status, graphs, energy, keys."""
        yield StatusLine(id="status")
        yield Static(id="banner")
        with Horizontal(id="body"):
            yield Grid(id="graphs")
            yield EnergyPanel(id="energy")
        yield Static(id="output")
        yield Static(id="too-small")
        yield Footer()

    async def on_mount(self) -> None:
        """Begin to listen to the recorder."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        loop = asyncio.get_running_loop()
        for number in ENDING_SIGNALS:
            loop.add_signal_handler(number, self.exit, None, 128 + number)
        await self._lay_out(self.size)
        self.set_interval(1 / SCREEN_HZ, self._tick)
        self.call_after_refresh(self._tick)

    async def on_resize(self, event: Resize) -> None:
        """Show what fits; the recording does not change."""
        await self._lay_out(event.size)
        self.call_after_refresh(self._draw)

    @property
    def palette(self) -> Palette:
        """The colours for the theme."""
        return DARK if self.current_theme.dark else LIGHT

    def _follow(self, session: Session) -> None:
        """Show this recorder process from now on."""
        self.session = session
        self.live = Live(session.columns)
        self.view = viewport.first(session.rate_hz)
        self._mark: str | None = None

    async def _lay_out(self, size: Size) -> None:
        """Graphs and panels that fit the screen."""
        width, height = size
        small = width < SMALL_COLUMNS or height < SMALL_ROWS
        too_small = width < LEAST_COLUMNS or height < LEAST_ROWS
        self.set_class(width >= WIDE_COLUMNS, "wide")
        self.set_class(small, "small")
        self.set_class(too_small, "too-small")
        if too_small:
            self.query_one("#too-small", Static).update(
                f"{width}×{height} is too small: wattui needs {LEAST_COLUMNS}×{LEAST_ROWS}"
            )
        await self._show_graphs(1 if small else SHOWN_GRAPHS)
        self._show_banner()

    async def _show_graphs(self, count: int) -> None:
        known = graphs(self.session.columns)
        wanted = [
            known[(self._shown + place) % len(known)] for place in range(min(count, len(known)))
        ]
        grid = self.query_one("#graphs", Grid)
        if [chart.spec for chart in grid.query(Chart)] != wanted:
            focused = self._focused_spec()
            await grid.remove_children()
            new = [Chart(spec) for spec in wanted]
            await grid.mount_all(new)
            if new:
                next((chart for chart in new if chart.spec == focused), new[0]).focus()
        grid.styles.grid_size_columns = 1 if len(wanted) < 2 else 2
        charts = list(grid.query(Chart))
        for place, chart in enumerate(charts):
            odd = len(charts) > 1 and len(charts) % 2 == 1 and place == len(charts) - 1
            chart.styles.column_span = 2 if odd else 1

    def _focused_spec(self) -> GraphSpec | None:
        return self.focused.spec if isinstance(self.focused, Chart) else None

    def _show_banner(self) -> None:
        """Say why there is no measured power, and what mends it."""
        banner = self.query_one("#banner", Static)
        measured = any(
            channel["unit"] in "JW" and channel["origin"] == "measured"
            for source in self.session.sources
            for channel in source["channels"]
        )
        reasons = [
            f"{m['source']}: {m['reason']}" + (f": {m['remedy']}" if m["remedy"] else "")
            for m in self.session.missing
            if m["source"] in ("powercap", "nvml")
        ]
        banner.display = bool(reasons) and not measured
        banner.update("No power is measured. " + " · ".join(reasons[:1]))

    # ------------------------------------------------------------ the beat

    def _tick(self) -> None:
        messages = self.session.poll()
        for message in messages:
            self.live.take(message)
        if self._launched is not None and self._launched.poll():
            self._end_launch(self._launched)
        if messages or self._dirty:
            self._dirty = False
            self._draw()

    def _draw(self) -> None:
        status = self.screen_stack[0].query_one(StatusLine)
        status.show(self.session, self.live, self.view, self.palette)
        for chart in self.screen_stack[0].query(Chart):
            chart.show(self.live, self.view, self.palette, self._glyphs)
        self._show_output()
        now_s = time.monotonic()
        if now_s >= self._summary_due_s:
            self.screen_stack[0].query_one(EnergyPanel).show(self.live.summary(), self.palette)
            self._summary_due_s = now_s + max(SUMMARY_S, 20 * (time.monotonic() - now_s))

    # ------------------------------------------------------------ keys: marks

    def action_toggle_running(self) -> None:
        """Idle becomes running, and running idle."""
        current = self.live.stretch
        running = self._mark == "running" or (current is not None and current.phase == "running")
        self._begin("idle" if running else "running")

    def action_phase(self) -> None:
        """Ask for a phase's name, and begin it."""

        def begin(text: str | None) -> None:
            if text:
                name, _, label = text.partition(" ")
                self._names = [text, *(n for n in self._names if n != text)]
                self._begin(name, label.strip())

        known = [*self._names, *PHASES]
        hint = f"a name, then a label if you like · {' · '.join(known[:6])}"
        self.push_screen(Ask("Phase", hint, known=known), begin)

    def action_note(self) -> None:
        """Write a note at the moment of the key press."""
        pressed_s = self.live.time_s

        def write(text: str | None) -> None:
            if text:
                self.session.request(do="note", text=f"{text} (at {pressed_s:.1f} s)")
                self.notify(f"noted: {text}")

        self.push_screen(
            Ask("Note", "goes into the recording, with the time of this moment"), write
        )

    def _begin(self, name: str, label: str = "") -> None:
        """Counters are read now; the phase of the last mark ends."""
        answer = self.session.request(do="mark", phase=name, label=label)
        if "error" in answer:
            self.notify(answer["error"], severity="error")
            return
        self._mark = name
        self._dirty = True
        self._tick()

    # ------------------------------------------------------------ keys: recording

    def action_record(self) -> None:
        """Start recording into a file, or end the recording and show what came of it."""
        if self.session.csv is not None:
            if self._launched is not None:
                self._launched.stop()
            else:
                self._finish()
            return

        def start(text: str | None) -> None:
            mark = self._mark
            if text and self._restart(replace(self._config, csv=Path(text))) and mark:
                self._begin(mark)

        suggested = time.strftime("wattui-%Y%m%d-%H%M%S.csv")
        self.push_screen(
            Ask("Record", "run file to write; Enter starts", suggested, check=refusal), start
        )

    def action_restart(self) -> None:
        """A recorder that is lost is started again; what it wrote stays."""
        if self.session.lost is not None:
            self._restart(replace(self._config, csv=None))

    def _restart(self, config: Config) -> bool:
        """A new recorder process; the one before is ended when the new one is ready."""
        try:
            session = Session(config).wait_ready()
        except RecorderError as error:
            self.notify(f"{error}", title="The recorder did not start", severity="error")
            return False
        self.session.finish()
        self._follow(session)
        self._dirty = True
        self.call_later(self._lay_out, self.size)
        return True

    def _finish(self, **about: object) -> None:
        csv = self.session.csv
        done = self.session.finish(**(about or {"argv": ["wattui"]}))
        if done is not None and csv is not None:
            self.push_screen(Results(done["run"], csv))
        self._restart(replace(self._config, csv=None))

    def close_session(self) -> Path | None:
        """End what was launched and the recording; returns its file, if there is one."""
        if self._launched is not None:
            self._launched.kill()
        self.session.finish(argv=["wattui"])
        return self.session.csv

    # ------------------------------------------------------------ keys: launching

    def action_launch(self) -> None:
        """Choose what to run, then record it."""
        if self.session.csv is not None:
            self.notify("a recording is going on: r ends it", severity="warning")
            return
        from workloads.catalogue import catalogue

        self.push_screen(LaunchForm(catalogue()), self._start_launch)

    def _start_launch(self, argv: list[str] | None) -> None:
        if argv is None:
            return
        name = argv[3] if argv[1:3] == ["-m", "workloads"] else Path(argv[0]).name
        csv = Path(time.strftime(f"{name}-%Y%m%d-%H%M%S.csv"))
        if refusal(str(csv)) or not self._restart(replace(self._config, csv=csv)):
            return
        self._launched = Launch(Recipe(tuple(argv), self._idle_s), self.session)
        self.notify(f"recording into {csv}; x stops", title=name)

    def action_stop_launch(self) -> None:
        """Ask what was launched to end."""
        if self._launched is not None:
            self._launched.stop()

    def action_output(self) -> None:
        """Hide or show what was printed by what was launched."""
        self.toggle_class("without-output")
        self.call_after_refresh(self._draw)

    def _show_output(self) -> None:
        panel = self.screen_stack[0].query_one("#output", Static)
        panel.display = self._launched is not None and not self.has_class("without-output")
        if self._launched is not None:
            panel.border_title = Text(self._launched.title, no_wrap=True).markup
            last = list(self._launched.output)[-max(1, panel.content_size.height) :]
            panel.update(Text("\n".join(last), no_wrap=True, overflow="crop"), layout=False)

    def _end_launch(self, launched: Launch) -> None:
        """Show the results; what went wrong is told with the last lines of output."""
        self._launched = None
        self._show_output()
        if launched.status:
            last = next((line for line in reversed(launched.output) if line.strip()), "")
            self.notify(
                last, title=f"ended with status {launched.status}", severity="error", timeout=15
            )
        self._finish(argv=list(launched.argv), exit_status=launched.status)

    # ------------------------------------------------------------ keys: looking

    def action_freeze(self) -> None:
        """Stand still, or go on."""
        self._look(self.view.frozen(self.live.time_s))

    def action_live(self) -> None:
        """Back to now."""
        self._look(replace(self.view, end_s=None))

    def action_zoom(self, steps: int) -> None:
        """Finer or coarser."""
        self._look(self.view.zoomed(steps, self.session.rate_hz))

    def action_pan(self, direction: int) -> None:
        """A quarter of a graph back or forth."""
        chart = self.query(Chart).first()
        self._look(self.view.panned(direction * chart.content_size.width // 2, self.live.time_s))

    def action_zero(self) -> None:
        """Count joules from now on."""
        self.live.set_zero()
        self._look(self.view)

    async def action_next_graph(self) -> None:
        """Other graphs in the places that there are."""
        self._shown += len(self.query(Chart))
        await self._lay_out(self.size)
        self.call_after_refresh(self._draw)

    def action_maximise(self) -> None:
        """One graph on the whole screen, or all of them again."""
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif isinstance(self.focused, Chart):
            self.screen.maximize(self.focused)
        self.call_after_refresh(self._draw)

    def action_theme(self) -> None:
        """Dark, light."""
        self.theme = THEMES[1 if self.current_theme.dark else 0].name
        self._look(self.view)

    def _look(self, view: viewport.Viewport) -> None:
        self.view = view
        self._draw()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette offers every key of the dashboard, and Textual's own."""
        yield from super().get_system_commands(screen)
        for binding in self.BINDINGS:
            if isinstance(binding, Binding) and not binding.action.startswith("show_help"):
                yield SystemCommand(
                    binding.description,
                    f"key {binding.key_display or binding.key.partition(',')[0]}",
                    lambda action=binding.action: self.call_later(self.run_action, action),
                )


def refusal(text: str) -> str | None:
    """Why a run file of this name cannot be written; None where it can."""
    path = Path(text.strip())
    if not text.strip():
        return None
    if path.suffix == ".json":
        return "its summary would have the same name: end it in .csv"
    for name in (path, path.with_suffix(".json")):
        if name.exists():
            return f"{name} exists: give another name"
    if not path.absolute().parent.is_dir():
        return f"there is no folder {path.parent}"
    return None
