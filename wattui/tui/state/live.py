"""The state of a running recording, built from the recorder's messages. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from recorders.channels import METER, channel_of, is_cumulative
from recorders.counts import INFERENCES, is_time, named
from recorders.summary.figures import Summary
from recorders.summary.per import by, common_per, counted_names
from recorders.summary.reduction import NOTE, EventRow, Points, Reducer, Reduction, read_meter
from recorders.summary.summary import summarise
from recorders.texts import OwnNote
from recorders.wire import Message, readings
from wattui.runs.traces import Trace
from wattui.show.history import History
from wattui.tui.state.joules import CounterHistory
from wattui.tui.state.pace import TOKENS, Pace

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
# Between two recordings at least, so that no reading of one is taken for the other's.
LEAST_GAP_S = 0.1
# Of earlier recordings: phases, and counters for the joules of a stretch.
EARLIER_PHASES, EARLIER_COUNTERS = 1000, 2


class Live:
    """The state of one recording, and the graphs of what was shown before it.

    Times are in seconds on the clock of the graphs, which `earlier` began; the recording itself
    began `gap_s` after the last row of `earlier`, at `start_s`. `run_s` is its own time.
    """

    def __init__(
        self, columns: Sequence[str], earlier: Live | None = None, gap_s: float = 0.0
    ) -> None:
        self.columns = list(columns)
        self._energies = [name for name in columns if is_cumulative(name)]
        self._reducer = Reducer(self.columns)
        self.history = History(name for name in columns if not is_cumulative(name))
        self._joules = [CounterHistory(self._energies)]
        self._by_hand: dict[str, list[tuple[float, float]]] = {}
        self.joules: dict[str, float] = {}
        self._read_s: dict[str, float] = {}
        self.zero_j: dict[str, float] = {}
        self.stretches: list[LivePhase] = []
        self.skipped_s = 0.0
        self.counts: dict[str, int] = {}
        # What energies are stated per, once it is counted; empty: the usual count.
        self.asked = ""
        self.rate_per_s: float | None = None
        self.start_s = self.time_s = self.run_s = 0.0
        if earlier is not None and earlier.history.rows:
            self._go_on(earlier, max(LEAST_GAP_S, gap_s))
        self._counted: tuple[float, int] | None = None
        self.pace = Pace()

    def _go_on(self, earlier: Live, gap_s: float) -> None:
        """Take over the graphs of an earlier recording, which ends with this."""
        earlier._close(earlier.time_s)
        self.start_s = self.time_s = earlier.time_s + gap_s
        earlier.history.keep(name for name in self.columns if not is_cumulative(name))
        self.history = earlier.history
        self._joules += earlier._joules[:EARLIER_COUNTERS]
        self._by_hand = earlier._by_hand
        self.stretches = earlier.stretches[-EARLIER_PHASES:]

    def take(self, message: Message) -> None:
        """Take in one row, event or correction."""
        if message["t"] == "renamed":
            self._rename(message["first_event"])
            return
        if message["t"] == "undone":
            self._undo(message)
            return
        self.run_s = max(self.run_s, float(message["time"]))
        time_s, event = self.start_s + float(message["time"]), message["event"]
        where = message["phase"], message["label"], message["repeat"]
        counted = message["inferences"], message.get("counts")
        self._reducer.add(message["time"], message["cells"], event, where, *counted)
        values = readings(self.columns, message)
        self.history.add(time_s, values)
        if (column := _read_by_hand(event)) in values:
            self._by_hand.setdefault(column, []).append((time_s, values[column]))
        self._joules[0].add(time_s, values)
        read = {name: values[name] for name in self._energies if name in values}
        self.joules |= read
        self._read_s |= dict.fromkeys(read, time_s)
        self.time_s = max(self.time_s, time_s)
        self._count(time_s, message["inferences"], message.get("counts", {}))
        self.pace.note(event)
        if event == "begin":
            self.pace.begin(message["phase"])
        self.pace.add(time_s, (counted[1] or {}).get(TOKENS))
        if event == "end":
            self._close(time_s)
        else:
            self._enter(time_s, message["phase"], message["label"])

    @property
    def reduction(self) -> Reduction:
        """What a summary needs of the rows so far."""
        return self._reducer.reduction

    @property
    def is_whole(self) -> bool:
        """Whether the rows since the beginning are known, so that there can be a summary."""
        return self.skipped_s == 0

    def backfill(self, whole: Reduction) -> None:
        """Take in what a summary needs of the rows that were skipped."""
        own, until_s = self._reducer.reduction, self.skipped_s
        own.events[:0] = [row for row in whole.events if row.time_s < until_s]
        for name, points in whole.seconds.items():
            count = bisect_left(points.time_s, until_s)
            mine = own.seconds.setdefault(name, Points())
            mine.time_s[:0] = points.time_s[:count]
            mine.value[:0] = points.value[:count]
        own.nearest = {**own.nearest, **whole.nearest}
        self.skipped_s = 0.0

    def fill(
        self,
        powers: Mapping[str, Trace],
        energies: Mapping[str, Trace],
        stretches: Iterable[LivePhase],
        end_s: float,
    ) -> None:
        """Take in a finished recording at once, in bins: for its graphs, not for its summary."""
        for column, trace in powers.items():
            bins = zip(trace.low, trace.high, strict=True)
            each = zip(trace.first_s, bins, trace.mean, trace.count, strict=True)
            for time_s, found, mean, count in each:
                self.history.add_bin(column, time_s, found, mean, count)
        for column, trace in energies.items():
            for time_s, energy_j in [*zip(trace.first_s, trace.low, strict=True)][:1]:
                self._joules[0].add(time_s, {column: energy_j})
            for time_s, energy_j in zip(trace.last_s, trace.high, strict=True):
                self._joules[0].add(time_s, {column: energy_j})
            self.joules[column] = trace.high[-1] - trace.low[0]
        self.stretches, self.time_s, self.run_s = list(stretches), end_s, end_s

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
        found = (each.between(f"{channel}_J", start_s, end_s) for each in self._joules)
        return next((energy_j for energy_j in found if energy_j is not None), None)

    def mean_w(self, channel: str, start_s: float, end_s: float) -> float | None:
        """Mean power in watts by the counter, from the first to the last reading of a stretch; None
        if that is of several recordings."""
        found = (each.mean_w(f"{channel}_J", start_s, end_s) for each in self._joules)
        means_w = [mean_w for mean_w in found if mean_w is not None]
        return means_w[0] if len(means_w) == 1 else None

    def set_zero(self) -> None:
        """Count joules from now on."""
        self.zero_j = dict(self.joules)

    def summary(self) -> Summary:
        """The summary as if the recording ended now, per what was asked for or is usual; unknown
        for a counter that fails."""
        reduction = self._reducer.reduction
        energy_j = {
            channel_of(name): value
            for name, value in self.joules.items()
            if self.time_s - self._read_s[name] <= FRESH_S
        }
        inferences, counts = self.counts.get(INFERENCES), named(self.counts)
        now = EventRow(self.run_s, NOW, "", "", None, inferences, energy_j, counts=counts)
        found = summarise(replace(reduction, events=[*reduction.events, now]))
        is_known = self.asked in counted_names(found.running)
        return by(found, self.asked if is_known else None)

    def visible(self, start_s: float, end_s: float) -> Iterator[LivePhase]:
        """The stretches that overlap an interval."""
        last = bisect_left(self.stretches, end_s, key=lambda stretch: stretch.start_s)
        for stretch in reversed(self.stretches[:last]):
            if stretch.end_s is not None and stretch.end_s <= start_s:
                return
            yield stretch

    @property
    def per(self) -> str:
        """What energies are stated per, of what was counted so far."""
        return self.asked if self.asked in self.counted else common_per([self.counted])

    @property
    def counted(self) -> list[str]:
        """What was counted so far; not the times that servers count up."""
        return [name for name, n in self.counts.items() if n and not is_time(name)]

    def ask_per(self, name: str) -> None:
        """State energies per one of another count."""
        self.asked, self._counted, self.rate_per_s = name, None, None

    def _count(self, time_s: float, inferences: int | None, others: Mapping[str, int]) -> None:
        """What is counted per second, over two seconds or more."""
        own = {} if inferences is None else {INFERENCES: inferences}
        self.counts = {**own, **others}
        n = self.counts.get(self.per)
        if n is None:
            return
        if self._counted is None or n < self._counted[1]:
            self._counted = time_s, n
        elapsed_s = time_s - self._counted[0]
        if elapsed_s >= 2:
            self.rate_per_s = (n - self._counted[1]) / elapsed_s
            self._counted = time_s, n

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
        """Remove a reading, or the stretches since the mark, and reopen the one before it."""
        first, where = message["first_event"], (message["phase"], message["label"])
        marked_s = self.start_s + self._reducer.reduction.events[first].time_s
        if column := _read_by_hand(self._reducer.reduction.events[first].event):
            left = [each for each in self._by_hand.get(column, []) if each[0] != marked_s]
            self._by_hand[column] = left
            self.history.replace(column, left)
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
        since_s = self.time_s
        if first_event < len(events):
            since_s = self.start_s + events[first_event].time_s
        for stretch in self.stretches:
            if stretch.phase == "running" and stretch.start_s >= since_s:
                stretch.phase = "loading"


def _read_by_hand(event: str) -> str:
    """The column of the meter that was read by hand in an event's row, else empty."""
    meter = read_meter(event)
    return f"{METER}{meter}_W" if meter else ""
