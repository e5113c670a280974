"""The dashboard: wires the recorder's messages to the screen, and keys to the recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.timer import Timer
from textual.widgets import HelpPanel

from recorders.client import Config, RecorderError
from wattui.capture.progress import shortfalls
from wattui.capture.run_names import refusal, suggested, working_directory
from wattui.config import Settings
from wattui.errors import UsageError
from wattui.runs.recorded import Run, recorded
from wattui.show import plot
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.confirm import Confirm
from wattui.tui.screens.main import MainScreen
from wattui.tui.screens.steady import Palette
from wattui.tui.state.health import SILENT
from wattui.tui.state.options import Start
from wattui.tui.state.playback import Playback
from wattui.tui.state.session import Session, Stream
from wattui.tui.state.wall_meter import MeterReading, parse_reading
from wattui.tui.terminal.ascii import AsciiFilter, CleanFilter
from wattui.tui.terminal.crash import log_error
from wattui.tui.terminal.driver import Terminal
from wattui.tui.terminal.ending import Ending
from wattui.tui.terminal.suspend import Suspension
from wattui.tui.terminal.type_ahead import TypeAhead
from wattui.tui.themes import NAME, next_theme, palette_of, themes
from wattui.tui.widgets.alarm import show_alarm
from wattui.tui.widgets.output import OutputPanel

if TYPE_CHECKING:
    from wattui.capture.launch import Launch, Recipe
    from wattui.tui.screens.results import Wish

# Screens over the graphs are imported when they are wanted, so that the graphs are there sooner.

# Without the focus nobody looks: the screen is drawn so often, the recorder goes on as before.
UNFOCUSED_HZ = 1.0
FIRST_ROWS, HURRY_S = 2, 0.01
PHASES = ("idle", "armed", "warmup", "running", "cooldown")


class Dashboard(App[int]):
    """wattui's screen. It reads no device: everything comes from the recorder process."""

    TITLE = "wattui"
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, stream: Stream, start: Start) -> None:
        self._start = start
        super().__init__()
        self._names: list[str] = []
        self._drawn_s = 0.0
        self._dirty = True
        self._launched: Launch | None = None
        self._recorded: list[Path] = []
        self._asked: dict[str, dict[str, str]] = {}
        self._mark: str | None = None
        self._alarm: str | None = None
        self._beat: Timer | None = None
        self._type_ahead = TypeAhead(self, super().on_event)
        self.error: Exception | None = None
        self.main = MainScreen(stream)

    def get_default_screen(self) -> Screen[Any]:
        """The graphs."""
        return self.main

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something in a corner; it may name files and labels, and is never markup."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def get_driver_class(self) -> type[Driver]:
        """Ours on a terminal; a browser has its own."""
        found = super().get_driver_class()
        return Terminal if found is LinuxDriver else found

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Only text is written, and in an ASCII terminal only that, whoever draws it."""
        known = [*super().get_line_filters(), CleanFilter()]
        return [*known, AsciiFilter()] if self._ascii else known

    async def on_mount(self) -> None:
        """Begin to listen to the recorder."""
        for theme in themes():
            self.register_theme(theme)
        self.theme_changed_signal.subscribe(self, self._on_theme)
        self._apply()
        self.app_resume_signal.subscribe(self, lambda _: self._repaint())
        Ending(self)
        Suspension(self)
        self.call_after_refresh(self._hurry)

    @property
    def stream(self) -> Stream:
        """Where rows come from."""
        return self.main.stream

    @property
    def _playback(self) -> Playback | None:
        return self.stream if isinstance(self.stream, Playback) else None

    @property
    def _settings(self) -> Settings:
        return self._start.settings

    @property
    def _ascii(self) -> bool:
        return self._start.ascii_only or self._settings.ascii

    async def on_event(self, event: Event) -> None:
        """Hand on what happens; keys and clicks one at a time."""
        await self._type_ahead.take(event)

    def _handle_exception(self, error: Exception) -> None:
        """End; what went wrong is in the log, and told in a line when the screen is gone."""
        if self.error is None:
            self.error = error
            log_error(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """Print nothing: see `_handle_exception`."""
        self._exit_renderables.clear()

    def _repaint(self) -> None:
        """Draw every cell: the terminal may show anything now."""
        self.screen.refresh(layout=True)

    def _apply(self) -> None:
        """Look as the settings have it."""
        self.theme = NAME + self._settings.theme
        self.main.glyphs = plot.ASCII if self._ascii else plot.BRAILLE
        self.main.units = self._settings.units
        self.main.first_graphs = self._settings.graphs
        if self._beat is not None:
            self._beat.stop()
        self._beat = self.set_interval(1 / self._settings.screen_hz, self._tick)
        self._dirty = True

    def _on_theme(self, theme: Theme) -> None:
        self.main.palette = palette_of(theme.name, theme.dark, self.no_color)
        self._dirty = True

    # ------------------------------------------------------------ the beat

    def _hurry(self) -> None:
        """Show the first watts when they are there: two rows are needed, whatever the beat."""
        self._tick()
        if self.main.live.history.rows < FIRST_ROWS and self.stream.lost is None:
            self.set_timer(HURRY_S, self._hurry)

    def _tick(self) -> None:
        if not self.screen_stack:  # it is ending
            return
        messages = self.stream.poll()
        self.main.take(messages)
        self._dirty = self._dirty or bool(messages)
        if self._launched is not None:
            self._dirty = True
            if self._launched.poll():
                self._end_launch(self._launched)
        self._show_alarm()
        if self._dirty and self._is_seen():
            self._dirty = False
            self.main.redraw()
            self._show_output()

    def _show_alarm(self) -> None:
        """Nothing is recorded: say so over any screen, and leave no REC standing."""
        alarm = self.stream.alarm
        self._dirty = self._dirty or alarm != self._alarm
        self._alarm = alarm
        show_alarm(self.screen, alarm)

    def _is_seen(self) -> bool:
        """Whether it is time to draw: always with the focus, once in a while without."""
        now_s = asyncio.get_running_loop().time()
        if not self.app_focus and now_s - self._drawn_s < 1 / UNFOCUSED_HZ:
            return False
        self._drawn_s = now_s
        return True

    def _draw_now(self) -> None:
        self._tick()
        self.main.redraw()

    # ------------------------------------------------------------ keys: marks

    def action_toggle_running(self) -> None:
        """Idle becomes running, and running idle; a playback is paused, or goes on."""
        if self._playback is not None:
            self._playback.pause()
            self._draw_now()
            return
        current = self.main.live.stretch
        running = self._mark == "running" or (current is not None and current.phase == "running")
        self._begin("idle" if running else "running")

    def action_phase(self) -> None:
        """Ask for a phase's name, and begin it."""

        def begin(text: str | None) -> None:
            if text:
                name, _, label = text.partition(" ")
                self._names = [text, *(n for n in self._names if n != text)]
                self._begin(name, label.strip())

        known = [*self._names, *(name for name in PHASES if name not in self._names)]
        hint = "a name, then a label if you like; ↓ picks one"
        self.push_screen(Ask("Phase", hint, known=known), begin)

    def action_note(self) -> None:
        """Write a note at the moment of the key press."""
        pressed_s = self.main.live.time_s

        def write(text: str | None) -> None:
            if text and self._request(do="note", text=f"{text} (at {pressed_s:.1f} s)"):
                self.notify(f"noted: {text}")

        self.push_screen(
            Ask("Note", "goes into the recording, with the time of this moment"), write
        )

    def action_meter(self) -> None:
        """Ask what the wall meter says, and write it down."""
        name = self._settings.meter
        if not name:
            self.notify("no meter is named in the settings: , opens them", severity="warning")
            return

        def wrong(text: str) -> str | None:
            found = parse_reading(text) if text.strip() else None
            return found if isinstance(found, str) else None

        def write(text: str | None) -> None:
            reading = parse_reading(text or "")
            if isinstance(reading, MeterReading) and self._request(
                do="meter", name=name, **reading.fields
            ):
                self.notify(f"{name} meter: {reading.text}")
                self._draw_now()

        hint = "what the meter says now: 103.2 W, or 230.1 V 0.45 A, with a power factor if known"
        self.push_screen(Ask("Wall meter", hint, check=wrong), write)

    def action_undo(self) -> None:
        """Take the last mark back."""
        if self._request(do="undo"):
            self._draw_now()
            stretch = self.main.live.stretch
            self._mark = stretch.phase if stretch else None
            self.notify("the last mark is taken back")

    def _begin(self, name: str, label: str = "") -> None:
        """Counters are read now; the phase of the last mark ends."""
        if self._request(do="mark", phase=name, label=label):
            self._mark = name
            self._draw_now()

    def _request(self, **message: Any) -> bool:
        """Ask the recorder; what it refuses is told."""
        answer = {"error": SILENT} if self.stream.is_silent else self.stream.request(**message)
        if "error" in answer:
            self.notify(str(answer["error"]), severity="error")
        return bool(answer) and "error" not in answer

    # ------------------------------------------------------------ keys: recording

    def action_record(self) -> None:
        """Start recording into a file, or end the recording and show what came of it."""
        if self.stream.lost is not None or self._playback is not None:
            self._restart(replace(self._start.config, csv=None))
        elif self.stream.csv is None:
            self.push_screen(
                Ask("Record", "run file to write; Enter starts", str(suggested()), check=refusal),
                self._start_recording,
            )
        elif self._launched is not None:
            self._launched.stop()
        else:
            self._finish()

    def _start_recording(self, text: str | None) -> None:
        mark = self._mark
        if text and self._restart(replace(self._start.config, csv=Path(text))) and mark:
            self._begin(mark)

    def _restart(self, config: Config) -> bool:
        """A new recorder process; the one before is ended when the new one is ready."""
        try:
            session = Session(config).wait_ready()
        except RecorderError as error:
            self.notify(f"{error}", title="The recorder did not start", severity="error")
            return False
        self._replace_stream(session)
        return True

    def _replace_stream(self, stream: Stream) -> None:
        self.stream.finish()
        self._mark = None
        self.main.follow(stream)
        self.call_later(self.main.relay)
        self.call_later(self._hurry)

    def _finish(self, **about: object) -> None:
        csv = self.stream.csv
        done = self.stream.finish(**(about or {"argv": ["wattui"]}))
        if csv is not None:
            self._recorded.insert(0, csv)
            if done is not None:
                self._show_results(recorded(csv, done["run"]), shortfalls(done, csv))
        self._restart(replace(self._start.config, csv=None))

    def close_session(self) -> Path | None:
        """End what was launched and the recording; returns its file, if there is one."""
        if self._launched is not None:
            self._launched.kill()
        self.stream.finish(argv=["wattui"])
        return self.stream.csv

    # ------------------------------------------------------------ keys: launching

    def action_launch(self) -> None:
        """Choose what to run, then record it."""
        if self._is_busy():
            return
        from wattui.tui.screens.launch_form import LaunchForm
        from workloads.catalogue import catalogue

        form = LaunchForm(catalogue(), self._settings, check=refusal, known=self._asked)
        self.push_screen(form, self._start_launch)

    def _start_launch(self, recipe: Recipe | None) -> None:
        if recipe is None:
            return
        from wattui.capture.launch import Launch

        about = {**self._start.config.about, "argv": list(recipe.argv)}
        if self._restart(replace(self._start.config, csv=recipe.csv, about=about)):
            self._launched = Launch(recipe, self.stream)
            self.notify(f"recording into {recipe.csv}; x stops", timeout=4)

    def action_show_help_panel(self) -> None:
        """Show all keys beside the graphs, or put them away."""
        if not self.hide_help():
            super().action_show_help_panel()

    def hide_help(self) -> bool:
        """Put the keys away; False where they were not shown."""
        panels = self.screen.query(HelpPanel)
        panels.remove()
        return bool(panels)

    async def action_quit(self) -> None:
        """Leave; asks first where that would end a recording."""
        if self.stream.csv is None or self.stream.lost is not None:
            self.exit(0)
        elif not isinstance(self.screen, Confirm):
            what = "A command is running and recorded" if self._launched else "The recording goes"
            question = f"{what} into {self.stream.csv.name}. End it and leave?"
            self.push_screen(Confirm("Leave wattui", question), self._leave)

    def _leave(self, is_wanted: bool | None) -> None:
        if is_wanted:
            self.exit(0)

    def action_stop_launch(self) -> None:
        """Ask what was launched to end."""
        if self._launched is not None:
            self._launched.stop()

    def action_output(self) -> None:
        """Hide or show what is printed by what was launched."""
        self.toggle_class("without-output")
        self._show_output()

    def _show_output(self) -> None:
        self.main.query_one(OutputPanel).show(self._launched, self.has_class("without-output"))

    def _end_launch(self, launched: Launch) -> None:
        """Show the results; what went wrong is told with the last lines of output."""
        self._launched = None
        self._show_output()
        if launched.status and not launched.stopped:
            last = next((line for line in reversed(launched.output) if line.strip()), "")
            self.notify(
                last, title=f"ended with status {launched.status}", severity="error", timeout=15
            )
        self._finish(**launched.about)

    # ------------------------------------------------------------ keys: what else there is

    def _show_results(self, run: Run, lacks: Sequence[str]) -> None:
        from wattui.tui.screens.results import Results

        looks = self.main.glyphs, self.main.palette
        self.push_screen(Results(run, *looks, lacks=lacks), self._wished)

    def action_runs(self, *ticked: Path) -> None:
        """This and earlier runs: open, compare, export, play back."""
        from wattui.tui.screens.runs import Runs

        if (folder := working_directory()) is None:
            self.notify("the working directory is gone", severity="error")
            return
        looks = self.main.glyphs, self.main.palette
        self.push_screen(Runs(Path(folder), self._recorded, ticked, *looks), self._wished)

    def action_compare(self) -> None:
        """Choose two runs to compare, one of them the last."""
        self.action_runs(*self._recorded[:1])

    def _wished(self, wish: Wish | None) -> None:
        """Go on with a run as was wished."""
        if wish is None:
            return
        what, csv = wish
        if what == "compare":
            self.action_runs(csv)
        elif not self._is_busy():
            try:
                self._replace_stream(Playback(csv))
            except UsageError as error:
                self.notify(str(error), severity="error")

    def action_speed(self, steps: int) -> None:
        """Play a recording back faster or slower."""
        if self._playback is not None:
            self._playback.faster(steps)
            self._draw_now()

    def action_doctor(self) -> None:
        """Every sensor with a live reading, or why not."""
        if self._is_busy():
            return
        from wattui.tui.screens.doctor import DoctorScreen

        self.push_screen(DoctorScreen(self._settings.all_gpus))

    def action_settings(self) -> None:
        """Change what is kept in the settings file."""
        from wattui.tui.screens.settings import SettingsScreen

        screen = SettingsScreen(self._settings, self._start.settings_path, self._start.overridden)
        self.push_screen(screen, self._settle)

    def _settle(self, settings: Settings | None) -> None:
        """Go on with other settings; those of a recording that is going on stay."""
        if settings is None:
            return
        before = self._start.config
        self._start = self._start.settled(settings)
        self._apply()
        if self._start.config != before and self.stream.csv is None and self._playback is None:
            self._restart(self._start.config)
        else:
            self.call_later(self.main.relay)

    def action_theme(self) -> None:
        """Dark, light, high contrast, colour-blind."""
        self.theme = next_theme(self.theme)

    def _is_busy(self) -> bool:
        """Say so where a recording is going on, which nothing else may end."""
        if self.stream.csv is not None:
            self.notify("a recording is going on: r ends it", severity="warning")
        return self.stream.csv is not None

    def action_command_palette(self) -> None:
        """Every key and every command by its name."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Over the graphs every key of the dashboard; and Textual's own, but for its themes."""
        yield from (each for each in super().get_system_commands(screen) if each.title != "Theme")
        # Over another screen they would pile up.
        for binding in self.main.BINDINGS if screen is self.main else ():
            if isinstance(binding, Binding):
                yield SystemCommand(
                    binding.description,
                    f"key {binding.key_display or binding.key.partition(',')[0]}",
                    partial(self.call_later, self.run_action, binding.action, self.main),
                )
