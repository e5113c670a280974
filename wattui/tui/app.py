"""The dashboard app: passes recorder messages to the screen, and keys to the recorder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.terminal_theme import TerminalTheme
from textual.app import SystemCommand
from textual.binding import Binding
from textual.events import Event, Key
from textual.screen import Screen
from textual.timer import Timer

from recorders.client import Config, RecorderError
from recorders.counts import singular
from wattui.capture.progress import shortfalls
from wattui.capture.run_names import refusal, suggested
from wattui.capture.surroundings import surroundings
from wattui.config import Settings, layout_of, rate_of, save
from wattui.errors import UsageError
from wattui.folders import working_directory
from wattui.runs.naming import naming
from wattui.runs.recorded import Run, recorded
from wattui.runs.run_file import is_parquet
from wattui.show import plot
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.confirm import Confirm
from wattui.tui.screens.main import MainScreen
from wattui.tui.screens.steady import SteadyCommandPalette
from wattui.tui.state.options import Start, with_manual
from wattui.tui.state.playback import NO_PROCESSES, NO_RECORDER, Following, Playback
from wattui.tui.state.session import Session, Stream
from wattui.tui.terminal.app import TerminalApp
from wattui.tui.themes import NAME, next_theme, terminal_theme, themes
from wattui.tui.widgets.alarm import show_alarm
from wattui.tui.widgets.output import OutputPanel

if TYPE_CHECKING:
    from wattui.capture.launch import Launch
    from wattui.capture.stages import Recipe
    from wattui.tui.screens.fleet import FleetScreen
    from wattui.tui.screens.results import ResultsAction
    from wattui.tui.state.fleet import FleetWatch
    from wattui.tui.terminal.browser import Browser

# Modal screens are imported on first use, so that the graphs appear sooner.

# While the terminal has no focus, the screen is redrawn only this often; recording is unaffected.
UNFOCUSED_HZ = 1.0
FIRST_ROWS, HURRY_S = 2, 0.01
# For so long a notice says that a recording is being converted.
CONVERTING_S = 15.0


class Dashboard(TerminalApp):
    """The dashboard app. It reads no device: all data come from the recorder process."""

    TITLE = "wattui"
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, stream: Stream, start: Start, fleet: FleetWatch | None = None) -> None:
        self._start, self._fleet = start, fleet
        self._node = ""
        super().__init__()
        self._drawn_s = 0.0
        self._dirty = True
        self._launched: Launch | None = None
        self._recorded: list[Path] = []
        # Recordings that have ended, and are being converted.
        self._unshown: list[Stream] = []
        self._asked: dict[str, dict[str, str]] = {}
        self._alarm: str | None = None
        self._beat: Timer | None = None
        greeted = start.greeted_path
        self.main = MainScreen(stream, is_first_run=greeted is not None and not greeted.exists())

    def get_default_screen(self) -> Screen[Any]:
        """The graphs."""
        return self.main

    def on_mount(self) -> None:
        """Start listening to the recorder."""
        for theme in themes():
            self.register_theme(theme)
        self.theme_changed_signal.subscribe(self, lambda _: self._have_drawn())
        self._apply()
        for text in self._start.exports.notes if self._start.exports else ():
            self.notify(text)
        if self._fleet is not None:
            self._show_fleet(self._fleet.start())
        self.call_after_refresh(self._hurry)
        self.call_after_refresh(self._start.when_drawn)

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
    def _is_recording(self) -> bool:
        return self.stream.csv is not None and self.stream.lost is None

    @property
    def is_ascii(self) -> bool:
        """Whether to show only ASCII, by the terminal or the settings."""
        return self._start.ascii_only or self._settings.ascii

    def _apply(self) -> None:
        """Apply the settings to the screen."""
        self.theme = NAME + self._settings.theme
        self.main.glyphs = plot.ASCII if self.is_ascii else plot.BRAILLE
        self.main.units = self._settings.units
        self.main.price = rate_of(self._settings.price_per_kwh)
        self.main.carbon = rate_of(self._settings.co2_g_per_kwh)
        self.main.first_graphs = self._settings.graphs
        self.main.layouts = [each for text in self._settings.layouts if (each := layout_of(text))]
        self.main.meter = self._settings.meter
        if self._beat is not None:
            self._beat.stop()
        self._beat = self.set_interval(1 / self._settings.screen_hz, self._tick)
        self._dirty = True

    def _have_drawn(self) -> None:
        """Have the graphs drawn at the next turn, also where no more rows come."""
        self._dirty = True

    @property
    def ansi_theme(self) -> TerminalTheme:
        """What the named colours of tables and texts are in the theme."""
        return terminal_theme(self.theme, self.current_theme.dark)

    async def on_event(self, event: Event) -> None:
        """Pass events on; the first key ends the hint of the first run for good."""
        if isinstance(event, Key) and self.main.is_first_run:
            self.main.end_hint()
            if (path := self._start.greeted_path) is not None:
                with suppress(OSError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
        await super().on_event(event)

    # ------------------------------------------------------------ the beat

    def _hurry(self) -> None:
        """Show the first power reading as soon as two rows have arrived, without waiting a tick."""
        self._tick()
        if self.main.live.history.rows < FIRST_ROWS and self._may_have_rows:
            self.set_timer(HURRY_S, self._hurry)

    @property
    def _may_have_rows(self) -> bool:
        return self.stream.lost is None and bool(self.stream.columns)

    def _tick(self) -> None:
        if not self.is_running or not self.screen_stack:  # the app is exiting
            return
        messages = self.stream.poll()
        self.main.take(messages)
        self._dirty = self._dirty or bool(messages)
        if self._launched is not None:
            self._dirty = True
            if self._launched.poll():
                self._end_launch(self._launched)
        self._show_alarm()
        for text in self.stream.notices():
            self.notify(text, severity="warning")
        if self._dirty and self._is_seen():
            self._dirty = not self.main.keep_up()
            self._show_output()
        elif not self._dirty:
            self.main.show_panels_when_due()

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

    # ------------------------------------------------------------ keys: playback

    def action_toggle_running(self) -> None:
        """Switch between idle and running; in a playback, pause, resume, or play again."""
        if playback := self._playback:
            if playback.ended:
                again = 1.0 if math.isinf(playback.speed) else playback.speed
                self._play(playback.path, again)
            else:
                playback.pause()
                self.main.catch_up()
        else:
            self.main.toggle_running()

    def action_speed(self, steps: int) -> None:
        """Change the playback speed."""
        if self._playback is not None:
            self._playback.faster(steps)
            self.main.catch_up()

    def action_seek_to(self, time_s: float) -> None:
        """Play from another time of the recording."""
        if (playback := self._playback) is not None:
            self._seek(playback, time_s)

    def action_seek_by(self, step_s: float) -> None:
        """Play from some seconds later, or earlier if negative."""
        if (playback := self._playback) is not None:
            self._seek(playback, playback.sought_s + step_s)

    def _seek(self, playback: Playback, time_s: float) -> None:
        was_seeking = playback.is_seeking
        try:
            is_back = playback.seek(time_s)
        except UsageError as error:
            self.notify(str(error), severity="error")
            return
        if is_back:
            self.main.start_over()
        if playback.skipped_s:
            self.run_worker(partial(self._backfill, playback), thread=True, group="playback")
        self.main.catch_up()
        if not was_seeking:
            self._read_on(playback)

    def _backfill(self, playback: Playback) -> None:
        """Read the rows that were skipped, and give what is in them to the screen."""
        try:
            with naming(playback.path):
                whole = playback.reduce()
        except UsageError as error:
            self.call_from_thread(self.notify, str(error), severity="error")
            return

        def take() -> None:
            if playback is self.stream:
                self.main.backfill(whole)

        self.call_from_thread(take)

    def _read_on(self, playback: Playback) -> None:
        """Read the rows before a sought time faster than the screen is drawn."""
        if playback is self.stream and playback.is_seeking:
            self.main.take(playback.poll())
            self._dirty = True
            self.set_timer(HURRY_S, partial(self._read_on, playback))

    def _play(self, csv: Path, speed: float = 1.0) -> None:
        """Play back a run from its start."""
        try:
            self._replace_stream(Playback(csv, speed))
        except UsageError as error:
            self.notify(str(error), severity="error")

    # ------------------------------------------------------------ keys: recording

    def action_record(self) -> None:
        """Start recording to a file, or stop the recording and show its results."""
        if self._fleet is not None:
            self.notify(NO_RECORDER, severity="warning")
        elif self.stream.lost is not None or self._playback is not None:
            self._restart(replace(self._start.config, csv=None))
        elif self.stream.csv is None:
            hint = "run file to write; Enter starts recording"
            ask = Ask("Record", hint, str(suggested()), check=refusal)
            self.push_screen(ask, self._start_recording)
        elif self._launched is not None:
            self._launched.stop()
        else:
            self._finish()

    def _start_recording(self, text: str | None) -> None:
        mark = self.main.mark
        if text and self._restart(self._to_file(Path(text))) and mark:
            self.main.begin(mark)

    def _to_file(self, csv: Path, **about: object) -> Config:
        """The configuration of a recording from now on."""
        known = {**self._start.config.about, **surroundings(), **about}
        return replace(self._start.config, csv=csv, about=known)

    def _restart(self, config: Config) -> bool:
        """Start a new recorder process; the old one is stopped once the new one is ready."""
        try:
            session = Session(config, self._start.exports).wait_ready()
        except RecorderError as error:
            self.notify(f"{error}", title="Could not start the recorder", severity="error")
            return False
        self._replace_stream(session)
        return True

    def _replace_stream(self, stream: Stream) -> None:
        if isinstance(stream, Playback):
            stream.is_of_fleet = self._fleet is not None
        self.stream.stop()
        self.main.follow(stream)
        self.main.refresh_bindings()
        self.call_later(self.main.relay)
        self.call_later(self._hurry)

    def _finish(self, output: Sequence[str] = (), **about: object) -> None:
        """End the recording and show its results, once its file is what was asked for."""
        stream = self.stream
        stream.stop(**(about or {"argv": ["wattui"]}))
        if stream.csv is not None and is_parquet(stream.csv):
            said = f"Writing {stream.csv.name}; its results follow"
            self.notify(said, timeout=CONVERTING_S)
            self._unshown.append(stream)
            self.run_worker(partial(self._keep, stream, output), thread=True, group="keep")
        else:
            self._show_kept(stream, output)
        self._restart(replace(self._start.config, csv=None))

    def _keep(self, stream: Stream, output: Sequence[str]) -> None:
        """Convert a recording, in a thread: of millions of rows, it takes many seconds."""
        stream.keep()
        if self.is_running:
            self.call_from_thread(self._show_kept, stream, output)

    def _show_kept(self, stream: Stream, output: Sequence[str]) -> None:
        done = stream.keep()
        if stream in self._unshown:
            self._unshown.remove(stream)
        if (csv := stream.csv) is not None:
            self._recorded.insert(0, csv)
            if done is not None:
                run = recorded(csv, done.summary, done.run)
                self._show_results(run, shortfalls(done, csv), output)

    def close_session(self) -> list[tuple[Path, list[str]]]:
        """Stop the launched command and the recording; returns each run file whose results were
        not shown, with a line for each thing that it lacks."""
        if self._launched is not None:
            self._launched.kill()
        if self._fleet is not None:
            self._fleet.stop()
        self.stream.finish(argv=["wattui"])
        found = []
        for stream in (*self._unshown, self.stream):
            done = stream.keep()
            if (csv := stream.csv) is not None:
                lost = f"{csv} is incomplete: the recorder stopped ({stream.lost})"
                found.append((csv, shortfalls(done, csv) if done else [lost] * bool(stream.lost)))
        return found

    # ------------------------------------------------------------ keys: launching

    def action_launch(self) -> None:
        """Open the launch form, then run and record what was chosen."""
        if self._is_busy():
            return
        from wattui.tui.launching.recall import Recall
        from wattui.tui.screens.launch_form import LaunchForm
        from workloads.catalogue import catalogue

        form = LaunchForm(
            catalogue(),
            self._settings,
            check=refusal,
            known=self._asked,
            recall=Recall(self._start.recall_path),
            columns=self.stream.columns,
        )
        self.push_screen(form, self._start_launch)

    def _start_launch(self, recipe: Recipe | None) -> None:
        if recipe is None:
            return
        from wattui.capture.launch import Launch

        recipe = replace(
            recipe,
            tokens=recipe.tokens or tuple(self._start.config.tokens),
            drain_s=self._start.config.drain_s,
        )
        config = replace(
            self._to_file(recipe.csv, argv=list(recipe.argv)),
            counters=recipe.counters,
            tokens=recipe.tokens,
            counted=recipe.counted or self._start.config.counted,
            meters=with_manual(recipe.meters, self._settings.meter),
        )
        if self._restart(config):
            self._launched = Launch(recipe, self.stream)
            self.notify(f"Recording to {recipe.csv}; press x to stop", timeout=4)

    def action_show_help_panel(self) -> None:
        """Show what the keys do, over the graphs."""
        from wattui.tui.screens.help import Help

        if self.screen is self.main:
            self.push_screen(Help(self.main.BINDINGS))

    def action_help_quit(self) -> None:
        """Name the key that quits: ctrl+c is too easily pressed to end a recording."""
        self.notify(
            "To quit, press q" if self.screen is self.main else "To quit, press Esc, then q"
        )

    async def action_quit(self) -> None:
        """Quit, asking first if that would stop a recording; from a node, go back to its fleet."""
        if self._fleet is not None and self.screen is self.main:
            self._show_fleet(self._fleet)
        elif not self._is_recording:
            self.exit(0)
        elif not isinstance(self.screen, Confirm) and self.stream.csv is not None:
            what = "A command is running and recording" if self._launched else "Recording"
            question = f"{what} to {self.stream.csv.name}. Stop it and quit?"
            self.push_screen(Confirm("Quit wattui", question), self._leave)

    def on_browser_page_left(self, event: Browser.PageLeft) -> None:
        """Run on without a page while recording, else exit."""
        if self._is_recording:
            event.keep()
        else:
            self.exit(0)

    def _leave(self, is_wanted: bool | None) -> None:
        if is_wanted:
            self.exit(0)

    def action_stop_launch(self) -> None:
        """Stop the launched command, after a confirmation; force it to end the second time."""
        launched = self._launched
        if launched is not None and launched.stopped:
            launched.stop()
            return

        def stop(is_wanted: bool | None) -> None:
            if is_wanted and launched is not None:
                launched.stop()

        if launched is not None and not isinstance(self.screen, Confirm):
            question = "Stop the command? What was recorded so far is kept."
            self.push_screen(Confirm("Stop the launch", question), stop)

    def action_output(self) -> None:
        """Show or hide the output of the launched command."""
        self.toggle_class("without-output")
        self._show_output()

    def _show_output(self) -> None:
        self.main.query_one(OutputPanel).show(self._launched, self.has_class("without-output"))

    def _end_launch(self, launched: Launch) -> None:
        """Show the results, and on failure the last line of output.

        If the recorder was lost, nothing is restarted, so that the alarm stays.
        """
        self._launched = None
        self._show_output()
        if launched.is_unrecorded:
            self._recorded.insert(0, launched.recipe.csv)
            return
        if launched.status and not launched.stopped:
            last = next((line for line in reversed(launched.output) if line.strip()), "")
            title = f"The command exited with status {launched.status}"
            self.notify(last, title=title, severity="error", timeout=15)
        if self._settings.bell:
            how = f"exited with status {launched.status}" if launched.status else "has finished"
            self.call_back(f"{launched.recipe.csv.name}: the command {how}")
        self._finish(list(launched.output), **launched.about)

    # ------------------------------------------------------------ keys: what else there is

    def _show_results(self, run: Run, lacks: Sequence[str], output: Sequence[str]) -> None:
        from wattui.tui.screens.results import Results

        per = self.main.live.asked
        results = Results(run, self.main.glyphs, lacks=lacks, output=output, per=per)
        self.push_screen(results, self._wished)

    def action_runs(self, *ticked: Path) -> None:
        """List this run and earlier ones, to open, compare, export or play back."""
        from wattui.tui.screens.runs import Runs

        if (folder := working_directory()) is None:
            self.notify("The working directory no longer exists", severity="error")
            return
        looks = self.main.glyphs, self.main.live.asked
        runs = Runs(Path(folder), self._recorded, ticked, *looks)
        self.push_screen(runs, self._wished)

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

    def action_doctor(self) -> None:
        """Show every sensor with a live reading, or why it has none."""
        if self._is_busy():
            return
        from wattui.commands.doctor import examine
        from wattui.tui.screens.doctor import DoctorScreen

        look = partial(examine, meters=self._settings.meters, servers=self._settings.tokens)
        self.push_screen(DoctorScreen(self._settings.all_gpus, look))

    def action_processes(self) -> None:
        """Show the processes, and what each uses of the processor and the GPUs."""
        if self._playback is not None:
            self.notify(f"{NO_PROCESSES}; press r to return to live")
            return
        from wattui.tui.screens.processes import ProcessesScreen

        self.push_screen(ProcessesScreen(lambda: self.stream))

    def action_device(self, name: str = "") -> None:
        """Open a device, or else the first: its limits, gauges and processes."""
        from wattui.tui.screens.device import DeviceScreen

        if devices := self.main.devices:
            chosen, glyphs = name or devices[0].name, self.main.glyphs
            self.push_screen(
                DeviceScreen(chosen, lambda: self.main.devices, lambda: self.stream, glyphs)
            )

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

    def on_main_screen_layouts_changed(self, event: MainScreen.LayoutsChanged) -> None:
        """Keep the layouts in the settings."""
        layouts = tuple(layout.text for layout in event.layouts)
        try:
            save(self._start.settings_path, {"layouts": layouts})
        except UsageError as error:
            self.notify(str(error), severity="error")
        self._start = self._start.settled(replace(self._settings, layouts=layouts))

    # ------------------------------------------------------------ a fleet

    def _show_fleet(self, fleet: FleetWatch) -> None:
        """Show the nodes over the graphs."""
        from wattui.tui.screens.fleet import FleetScreen

        self.push_screen(FleetScreen(fleet, self.main.glyphs, self._node))

    def on_fleet_screen_opened(self, event: FleetScreen.Opened) -> None:
        """Show the graphs of a node: what was recorded, or rows as they come."""
        from wattui.fleet.folder import PART

        node, csv = event.node, event.node.file
        if csv is None:
            return
        try:
            stream = Following(csv, csv.with_name(PART)) if node.grows else Playback(csv)
        except UsageError as error:
            self.notify(str(error), severity="error")
            return
        self._node, stream.name = node.key, node.name
        self._replace_stream(stream)
        if node.grows:
            self._seek(stream, stream.length_s)
        if self.screen is not self.main:
            self.pop_screen()

    def action_leave_node(self) -> None:
        """Go back to the fleet, if there is one."""
        if self._fleet is not None and self.screen is self.main:
            self._show_fleet(self._fleet)

    def action_theme(self) -> None:
        """Switch to the next theme: dark, light, high contrast, colour-blind."""
        self.theme = next_theme(self.theme)

    def _is_busy(self) -> bool:
        """Warn if a command runs or a recording is in progress; returns whether one does or is."""
        why = NO_RECORDER if self._fleet is not None else ""
        if self._launched is not None:
            why = "A command is running; press x to stop it"
        elif self._is_recording:
            why = "Recording in progress; press r to stop"
        if why:
            self.notify(why, severity="warning")
        return bool(why)

    @property
    def _useless(self) -> set[str]:
        """The actions that would do nothing now."""
        playback, found = self._playback, set(self.main.useless)
        if self._launched is None:
            found |= {"app.stop_launch", "app.output"}
        if playback is None or playback.ended:
            found |= {"app.speed(-1)", "app.speed(1)"}
        if playback is not None:
            found |= {"phase", "note", "meter", "undo", "app.processes"}
        if not (self._driver and self._driver.can_suspend):
            found.add("app.suspend_process")
        return found

    def action_command_palette(self) -> None:
        """Open the palette of all commands."""
        if not isinstance(self.screen, SteadyCommandPalette):
            self.push_screen(SteadyCommandPalette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Textual's commands but for those that a key has, and on the graphs every key of use, on
        other screens only the next theme."""
        ours = {"Theme", "Maximize", "Minimize"}
        if screen is self.main:
            ours |= {"Keys", "Quit"}
        yield from (each for each in super().get_system_commands(screen) if each.title not in ours)
        from wattui.tui.screens.help import sentence_of

        if screen is not self.main:
            # The others would open screens on top of each other.
            yield SystemCommand("Theme", sentence_of("app.theme"), self.action_theme)
            return
        for binding in self.main.BINDINGS:
            if isinstance(binding, Binding) and binding.action not in self._useless:
                key = binding.key_display or binding.key.partition(",")[0]
                yield SystemCommand(
                    binding.description,
                    f"{sentence_of(binding.action)} Key: {key}".strip(),
                    partial(self.call_later, self.run_action, binding.action, self.main),
                )
        yield from self._named_commands()

    def _named_commands(self) -> Iterable[SystemCommand]:
        """To open each device, to show each saved layout, and to state joules per each count."""
        for number, layout in enumerate(self.main.layouts, 1):
            shows = partial(self.call_later, self.main.action_layout, number)
            yield SystemCommand(f"Layout {layout.name}", ", ".join(layout.titles), shows)
        for device in self.main.devices:
            opens = partial(self.call_later, self.action_device, device.name)
            yield SystemCommand(f"Open {device.name}", "its limits, gauges and processes", opens)
        for name in () if "per" in self._useless else self.main.live.counted:
            states = partial(self.call_later, self.main.action_per, name)
            said = "State joules per one of these, here and in results."
            yield SystemCommand(f"Count per {singular(name)}", said, states)
