"""The keys that mark phases, and write notes and wall-meter readings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recorders.channels import METER
from recorders.wire import Message
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.steady import SteadyScreen
from wattui.tui.state.health import SILENT
from wattui.tui.state.live import Live
from wattui.tui.state.session import Stream
from wattui.tui.state.wall_meter import MeterReading, parse_reading

PHASES = ("idle", "armed", "warmup", "running", "cooldown")


class MarkingScreen(SteadyScreen[None]):
    """Marks its stream; `mark` is the phase that was marked last, `meter` the wall meter's name."""

    stream: Stream
    live: Live
    mark: str | None = None
    meter = ""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []

    def catch_up(self) -> None:
        """Take and show what the stream has now."""

    def toggle_running(self) -> None:
        """Switch between idle and running."""
        current = self.live.stretch
        running = self.mark == "running" or (current is not None and current.phase == "running")
        self.begin("idle" if running else "running")

    def begin(self, name: str, label: str = "") -> None:
        """Begin a phase now, ending that of the last mark."""
        if self._request(do="mark", phase=name, label=label):
            self.mark = name
            self.catch_up()

    def action_phase(self) -> None:
        """Ask for a phase name and begin that phase."""

        def begin(text: str | None) -> None:
            if text:
                name, _, label = text.partition(" ")
                self._names = [text, *(n for n in self._names if n != text)]
                self.begin(name, label.strip())

        known = [*self._names, *(name for name in PHASES if name not in self._names)]
        hint = "name, then an optional label; ↓ to pick one"
        self._ask(Ask("Phase", hint, known=known), begin)

    def action_note(self) -> None:
        """Write a note stamped with the time of the key press."""
        pressed_s = self.live.time_s

        def write(text: str | None) -> None:
            if text and self._request(do="note", text=f"{text} (at {pressed_s:.1f} s)"):
                self.notify(f"Note saved: {text}")

        self._ask(Ask("Note", "saved with the time at which you pressed the key"), write)

    def action_meter(self) -> None:
        """Ask for a wall-meter reading and record it."""
        name = self.meter
        if not name:
            self.notify("No wall meter configured; press , for settings", severity="warning")
            return

        if readers := [each.reader for each in self.stream.sources if each.name == METER + name]:
            self.notify(f"{name} is read by {readers[0]}; press , for another name")
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
                self.catch_up()

        hint = "103.2 W, or 230.1 V 0.45 A, with 0.97 pf if known"
        self._ask(Ask("Wall meter", hint, check=wrong), write)

    def action_undo(self) -> None:
        """Undo the last mark, note or reading that is left."""
        if answer := self._request(do="undo"):
            self.catch_up()
            self.mark = self.live.stretch.phase if self.live.stretch else None
            left = answer.get("left", 0)
            more = f"; {left} more can be undone" if left else ""
            self.notify(f"Undone: {answer.get('undone', 'the last mark')}{more}")

    def _ask(self, line: Ask, use: Callable[[str | None], None]) -> None:
        """Ask for a line, unless it would be refused whatever it is."""
        if self.stream.refusal:
            self.notify(self.stream.refusal, severity="error")
        else:
            self.app.push_screen(line, use)

    def _request(self, **message: Any) -> Message:
        """Send a request to the recorder and show its error; returns its answer, empty after an
        error."""
        answer = {"error": SILENT} if self.stream.is_silent else self.stream.request(**message)
        if "error" in answer:
            self.notify(str(answer["error"]), severity="error")
            return {}
        return answer
