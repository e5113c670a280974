"""The dashboard app: passes recorder messages to the screen, and keys to the recorder."""

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
from wattui.tui.screens.steady import SteadyCommandPalette
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
    from wattui.capture.launch import Launch
    from wattui.capture.stages import Recipe
    from wattui.tui.screens.results import ResultsAction

# Modal screens are imported on first use, so that the graphs appear sooner.

# While the terminal has no focus, the screen is redrawn only this often; recording is unaffected.
UNFOCUSED_HZ = 1.0
FIRST_ROWS, HURRY_S = 2, 0.01
PHASES = ("idle", "armed", "warmup", "running", "cooldown")


class Dashboard(App[int]):
    """The dashboard app. It reads no device: all data come from the recorder process."""

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
        """Show a notification; never as markup, as its text may contain file names and labels."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def get_driver_class(self) -> type[Driver]:
        """wattui's driver on a terminal; the browser's own when served."""
        found = super().get_driver_class()
        return Terminal if found is LinuxDriver else found

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Filters that keep control characters off the screen, and non-ASCII on ASCII terminals."""
        known = [*super().get_line_filters(), CleanFilter()]
        return [*known, AsciiFilter()] if self._ascii else known

    async def on_mount(self) -> None:
        """Start listening to the recorder."""
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
        """The source of rows."""
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
        """Pass events on; keys and clicks one at a time."""
        await self._type_ahead.take(event)

    def _handle_exception(self, error: Exception) -> None:
        """Log the error and exit; one line about it is printed once the screen is gone."""
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
        """Redraw every cell, as the terminal's contents are unknown."""
        self.screen.refresh(layout=True)

    def _apply(self) -> None:
        """Apply the settings to the screen."""
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
        """Show the first power reading as soon as two rows have arrived, without waiting a tick."""
        self._tick()
        if self.main.live.history.rows < FIRST_ROWS and self.stream.lost is None:
            self.set_timer(HURRY_S, self._hurry)

    def _tick(self) -> None:
        if not self.screen_stack:  # the app is exiting
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
        """Show on every screen that nothing is being recorded, and clear the REC sign."""
        alarm = self.stream.alarm
        self._dirty = self._dirty or alarm != self._alarm
        self._alarm = alarm
        show_alarm(self.screen, alarm)

    def _is_seen(self) -> bool:
        """Whether it is time to draw: always with focus, only occasionally without."""
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
        """Switch between idle and running; in a playback, pause, resume, or play again."""
        if playback := self._playback:
            if playback.ended:
                self._play(playback.path, playback.speed)
            else:
                playback.pause()
                self._draw_now()
            return
        current = self.main.live.stretch
        running = self._mark == "running" or (current is not None and current.phase == "running")
        self._begin("idle" if running else "running")

    def action_phase(self) -> None:
        """Ask for a phase name and begin that phase."""

        def begin(text: str | None) -> None:
            if text:
                name, _, label = text.partition(" ")
                self._names = [text, *(n for n in self._names if n != text)]
                self._begin(name, label.strip())

        known = [*self._names, *(name for name in PHASES if name not in self._names)]
        hint = "name, then an optional label; ↓ to pick one"
        self.push_screen(Ask("Phase", hint, known=known), begin)

    def action_note(self) -> None:
        """Write a note stamped with the time of the key press."""
        pressed_s = self.main.live.time_s

        def write(text: str | None) -> None:
            if text and self._request(do="note", text=f"{text} (at {pressed_s:.1f} s)"):
                self.notify(f"Note saved: {text}")

        self.push_screen(Ask("Note", "saved with the time at which you pressed the key"), write)

    def action_meter(self) -> None:
        """Ask for a wall-meter reading and record it."""
        name = self._settings.meter
        if not name:
            self.notify("No wall meter configured; press , for settings", severity="warning")
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

        hint = "103.2 W, or 230.1 V 0.45 A, with 0.97 pf if known"
        self.push_screen(Ask("Wall meter", hint, check=wrong), write)

    def action_undo(self) -> None:
        """Undo the last mark."""
        if self._request(do="undo"):
            self._draw_now()
            stretch = self.main.live.stretch
            self._mark = stretch.phase if stretch else None
            self.notify("Last mark undone")

    def _begin(self, name: str, label: str = "") -> None:
        """Begin a phase now, ending that of the last mark."""
        if self._request(do="mark", phase=name, label=label):
            self._mark = name
            self._draw_now()

    def _request(self, **message: Any) -> bool:
        """Send a request to the recorder and show its error; returns whether it succeeded."""
        answer = {"error": SILENT} if self.stream.is_silent else self.stream.request(**message)
        if "error" in answer:
            self.notify(str(answer["error"]), severity="error")
        return bool(answer) and "error" not in answer

    # ------------------------------------------------------------ keys: recording

    def action_record(self) -> None:
        """Start recording to a file, or stop the recording and show its results."""
        if self.stream.lost is not None or self._playback is not None:
            self._restart(replace(self._start.config, csv=None))
        elif self.stream.csv is None:
            self.push_screen(
                Ask(
                    "Record",
                    "run file to write; Enter starts recording",
                    str(suggested()),
                    check=refusal,
                ),
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
        """Start a new recorder process; the old one is stopped once the new one is ready."""
        try:
            session = Session(config).wait_ready()
        except RecorderError as error:
            self.notify(f"{error}", title="Could not start the recorder", severity="error")
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
                run = recorded(csv, done.summary, done.run)
                self._show_results(run, shortfalls(done, csv))
        self._restart(replace(self._start.config, csv=None))

    def close_session(self) -> Path | None:
        """Stop the launched command and the recording; returns the run file, if any."""
        if self._launched is not None:
            self._launched.kill()
        self.stream.finish(argv=["wattui"])
        return self.stream.csv

    # ------------------------------------------------------------ keys: launching

    def action_launch(self) -> None:
        """Open the launch form, then run and record what was chosen."""
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
            self.notify(f"Recording to {recipe.csv}; press x to stop", timeout=4)

    def action_show_help_panel(self) -> None:
        """Show or hide the list of keys beside the graphs."""
        if not self.hide_help():
            super().action_show_help_panel()

    def hide_help(self) -> bool:
        """Hide the list of keys; False if it was not shown."""
        panels = self.screen.query(HelpPanel)
        panels.remove()
        return bool(panels)

    async def action_quit(self) -> None:
        """Quit, asking first if that would stop a recording."""
        if self.stream.csv is None or self.stream.lost is not None:
            self.exit(0)
        elif not isinstance(self.screen, Confirm):
            what = "A command is running and recording" if self._launched else "Recording"
            question = f"{what} to {self.stream.csv.name}. Stop it and quit?"
            self.push_screen(Confirm("Quit wattui", question), self._leave)

    def _leave(self, is_wanted: bool | None) -> None:
        if is_wanted:
            self.exit(0)

    def action_stop_launch(self) -> None:
        """Ask the launched command to stop."""
        if self._launched is not None:
            self._launched.stop()

    def action_output(self) -> None:
        """Show or hide the output of the launched command."""
        self.toggle_class("without-output")
        self._show_output()

    def _show_output(self) -> None:
        self.main.query_one(OutputPanel).show(self._launched, self.has_class("without-output"))

    def _end_launch(self, launched: Launch) -> None:
        """Show the results, and on failure the last line of output."""
        self._launched = None
        self._show_output()
        if launched.status and not launched.stopped:
            last = next((line for line in reversed(launched.output) if line.strip()), "")
            self.notify(
                last,
                title=f"The command exited with status {launched.status}",
                severity="error",
                timeout=15,
            )
        self._finish(**launched.about)

    # ------------------------------------------------------------ keys: what else there is

    def _show_results(self, run: Run, lacks: Sequence[str]) -> None:
        from wattui.tui.screens.results import Results

        looks = self.main.glyphs, self.main.palette
        self.push_screen(Results(run, *looks, lacks=lacks), self._wished)

    def action_runs(self, *ticked: Path) -> None:
        """List this run and earlier ones, to open, compare, export or play back."""
        from wattui.tui.screens.runs import Runs

        if (folder := working_directory()) is None:
            self.notify("The working directory no longer exists", severity="error")
            return
        looks = self.main.glyphs, self.main.palette
        self.push_screen(Runs(Path(folder), self._recorded, ticked, *looks), self._wished)

    def action_compare(self) -> None:
        """Choose two runs to compare, starting with the latest."""
        self.action_runs(*self._recorded[:1])

    def _wished(self, wish: ResultsAction | None) -> None:
        """Compare or play back a run, as asked on another screen."""
        if wish is None:
            return
        what, csv = wish
        if what == "compare":
            self.action_runs(csv)
        elif not self._is_busy():
            self._play(csv)

    def _play(self, csv: Path, speed: float = 1.0) -> None:
        """Play back a run from its start."""
        try:
            self._replace_stream(Playback(csv, speed))
        except UsageError as error:
            self.notify(str(error), severity="error")

    def action_speed(self, steps: int) -> None:
        """Change the playback speed."""
        if self._playback is not None:
            self._playback.faster(steps)
            self._draw_now()

    def action_doctor(self) -> None:
        """Show every sensor with a live reading, or why it has none."""
        if self._is_busy():
            return
        from wattui.tui.screens.doctor import DoctorScreen

        self.push_screen(DoctorScreen(self._settings.all_gpus))

    def action_settings(self) -> None:
        """Edit the settings file."""
        from wattui.tui.screens.settings import SettingsScreen

        screen = SettingsScreen(self._settings, self._start.settings_path, self._start.overridden)
        self.push_screen(screen, self._settle)

    def _settle(self, settings: Settings | None) -> None:
        """Apply new settings; a recording in progress keeps its own."""
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
        """Switch to the next theme: dark, light, high contrast, colour-blind."""
        self.theme = next_theme(self.theme)

    def _is_busy(self) -> bool:
        """Warn if a recording is in progress; returns whether one is."""
        if self.stream.csv is not None:
            self.notify("Recording in progress; press r to stop", severity="warning")
        return self.stream.csv is not None

    @property
    def _useless(self) -> set[str]:
        """The actions that would do nothing now."""
        playback, found = self._playback, set(self.main.useless)
        if self._launched is None:
            found |= {"app.stop_launch", "app.output"}
        if playback is None or playback.ended:
            found |= {"app.speed(-1)", "app.speed(1)"}
        if playback is not None:
            found |= {"app.phase", "app.note", "app.meter", "app.undo"}
        if not (self._driver and self._driver.can_suspend):
            found.add("app.suspend_process")
        return found

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Save a picture of the screen in the working directory; a browser downloads it."""
        if self.is_web:
            return super().deliver_screenshot(filename, path, time_format)
        folder = Path(path or working_directory() or ".")
        try:
            saved = Path(self.save_screenshot(filename, str(folder), time_format))
        except OSError as error:
            said = f"No screenshot: {folder} cannot be written to ({error.strerror})"
            self.notify(said, severity="error")
        else:
            self.notify(f"Screenshot saved as {saved.name} in {folder}")
        return None

    def action_command_palette(self) -> None:
        """Open the palette of all commands."""
        if not isinstance(self.screen, SteadyCommandPalette):
            self.push_screen(SteadyCommandPalette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Textual's commands but for those that a key has, and on the graphs every key of use."""
        ours = {"Theme", "Maximize", "Minimize", *(("Quit",) if screen is self.main else ())}
        yield from (each for each in super().get_system_commands(screen) if each.title not in ours)
        # From another screen they would open screens on top of each other.
        for binding in self.main.BINDINGS if screen is self.main else ():
            if isinstance(binding, Binding) and binding.action not in self._useless:
                yield SystemCommand(
                    binding.description,
                    f"key {binding.key_display or binding.key.partition(',')[0]}",
                    partial(self.call_later, self.run_action, binding.action, self.main),
                )
