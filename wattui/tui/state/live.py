"""The state of a running recording, built from the recorder's messages. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from recorders.channels import channel_of, is_cumulative
from recorders.summary.figures import Summary
from recorders.summary.reduction import NOTE, EventRow, Reducer
from recorders.summary.summary import summarise
from recorders.texts import OwnNote
from recorders.wire import Message, readings
from wattui.show.history import History
from wattui.tui.state.joules import CounterHistory

NOW = f"{NOTE}{OwnNote.NOW}"


@dataclass(slots=True)
class LivePhase:
    """A time under one innermost phase; `end_s` is None while it is open."""

    phase: str
    label: str
    start_s: float
    end_s: float | None = None

    @property
    def title(self) -> str:
        """Its label, or else its phase."""
        return self.label or self.phase


# Older readings are not current.
FRESH_S = 1.0


class Live:
    """The state of one recording; times are in seconds since its start."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self._energies = [name for name in columns if is_cumulative(name)]
        self._reducer = Reducer(self.columns)
        self.history = History(name for name in columns if not is_cumulative(name))
        self._joules = CounterHistory(self._energies)
        self.joules: dict[str, float] = {}
        self._read_s: dict[str, float] = {}
        self.zero_j: dict[str, float] = {}
        self.stretches: list[LivePhase] = []
        self.inferences: int | None = None
        self.rate_per_s: float | None = None
        self.time_s = 0.0
        self._counted: tuple[float, int] | None = None

    def take(self, message: Message) -> None:
        """Take in one row, event or correction."""
        if message["t"] == "renamed":
            self._rename(message["first_event"])
            return
        if message["t"] == "undone":
            self._undo(message)
            return
        time_s, event = float(message["time"]), message["event"]
        where = message["phase"], message["label"], message["repeat"]
        self._reducer.add(message["time"], message["cells"], event, where, message["inferences"])
        values = readings(self.columns, message)
        self.history.add(time_s, values)
        self._joules.add(time_s, values)
        read = {name: values[name] for name in self._energies if name in values}
        self.joules |= read
        self._read_s |= dict.fromkeys(read, time_s)
        self.time_s = max(self.time_s, time_s)
        self._count(time_s, message["inferences"])
        if event == "end":
            self._close(time_s)
        else:
            self._enter(time_s, message["phase"], message["label"])

    @property
    def stretch(self) -> LivePhase | None:
        """The current phase."""
        last = self.stretches[-1] if self.stretches else None
        return last if last and last.end_s is None else None

    def energy_j(self, channel: str) -> float | None:
        """Joules of a channel since the start or the last zeroing."""
        known = self.joules.get(f"{channel}_J")
        return None if known is None else known - self.zero_j.get(f"{channel}_J", 0.0)

    def energy_between_j(self, channel: str, start_s: float, end_s: float) -> float | None:
        """Joules of a channel in a stretch of time; None unless both ends were read."""
        return self._joules.between(f"{channel}_J", start_s, end_s)

    def mean_w(self, channel: str, start_s: float, end_s: float) -> float | None:
        """Mean power in watts by the counter, from the first to the last reading of a stretch."""
        return self._joules.mean_w(f"{channel}_J", start_s, end_s)

    def set_zero(self) -> None:
        """Count joules from now on."""
        self.zero_j = dict(self.joules)

    def summary(self) -> Summary:
        """The summary as if the recording ended now; unknown for a counter that fails."""
        reduction = self._reducer.reduction
        energy_j = {
            channel_of(name): value
            for name, value in self.joules.items()
            if self.time_s - self._read_s[name] <= FRESH_S
        }
        now = EventRow(self.time_s, NOW, "", "", None, self.inferences, energy_j)
        return summarise(replace(reduction, events=[*reduction.events, now]))

    def visible(self, start_s: float, end_s: float) -> Iterator[LivePhase]:
        """The stretches that overlap an interval."""
        last = bisect_left(self.stretches, end_s, key=lambda stretch: stretch.start_s)
        for stretch in reversed(self.stretches[:last]):
            if stretch.end_s is not None and stretch.end_s <= start_s:
                return
            yield stretch

    def _count(self, time_s: float, inferences: int | None) -> None:
        """Inferences per second, over two seconds or more."""
        self.inferences = inferences
        if inferences is None:
            return
        if self._counted is None:
            self._counted = time_s, inferences
        elapsed_s = time_s - self._counted[0]
        if elapsed_s >= 2:
            self.rate_per_s = (inferences - self._counted[1]) / elapsed_s
            self._counted = time_s, inferences

    def _enter(self, time_s: float, phase: str, label: str) -> None:
        current = self.stretch
        if current and (current.phase, current.label) == (phase, label):
            return
        self._close(time_s)
        if phase:
            self.stretches.append(LivePhase(phase, label, time_s))

    def _close(self, time_s: float) -> None:
        if current := self.stretch:
            current.end_s = time_s

    def _undo(self, message: Message) -> None:
        """Remove the stretches since the mark and reopen the one before it."""
        first, where = message["first_event"], (message["phase"], message["label"])
        marked_s = self._reducer.reduction.events[first].time_s
        self._reducer.undo(first, message["rows"], message["event"], (*where, message["repeat"]))
        self.stretches = [s for s in self.stretches if s.start_s < marked_s]
        last = self.stretches[-1] if self.stretches else None
        if last and (last.phase, last.label, last.end_s) == (*where, marked_s):
            last.end_s = None
        else:
            self._enter(marked_s, *where)

    def _rename(self, first_event: int) -> None:
        events = self._reducer.reduction.events
        self._reducer.rename_running_since(first_event)
        since_s = events[first_event].time_s if first_event < len(events) else self.time_s
        for stretch in self.stretches:
            if stretch.phase == "running" and stretch.start_s >= since_s:
                stretch.phase = "loading"
