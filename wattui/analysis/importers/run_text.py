"""Writes a recording of imported logs as the lines of a run file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from statistics import median
from typing import TYPE_CHECKING

from recorders.channel_state import Meter
from recorders.channels import METER, TOTAL
from recorders.counter import Integrator
from recorders.counts import INFERENCES
from recorders.rows import Layout, Row, UtcText, line_text, time_text, where_text
from recorders.source import Reading
from recorders.summary.by_hand import HandReading
from recorders.summary.reduction import BEGIN, END, GAP, NOTE
from recorders.texts import OwnNote, cut
from wattui.analysis.importers.joining import JoinedLogs, first_ns
from wattui.analysis.importers.log import SECOND_NS, Log, LogPhase
from wattui.analysis.importers.plain_rows import PlainRows
from wattui.analysis.importers.samples import TIME, Sample, Samples, samples_of
from wattui.analysis.importers.table import MOST

if TYPE_CHECKING:
    import polars as pl

# A pause of this many usual intervals, and at least a second, is a gap.
GAP_INTERVALS = 5
# The usual interval is that of so many samples.
PERIOD_SAMPLES = 100_000


@dataclass(slots=True)
class _Moment:
    """The events at one time of a log."""

    values: dict[str, float] = field(default_factory=dict)
    by_hand: list[HandReading] = field(default_factory=list)
    begins: list[LogPhase] = field(default_factory=list)
    ends: list[LogPhase] = field(default_factory=list)


class RunText:
    """Writes the text of a recording's run file."""

    def __init__(self, recording: JoinedLogs) -> None:
        self._recording = recording
        self._layout = Layout(recording.channels)
        # A counter that rises faster than any machine draws was reset, as perf's is after a sleep.
        bounded = (replace(each, bound_w=MOST["W"]) for each in recording.channels)
        self._meters = {c.name: Meter(c, self._layout, confirms=False) for c in bounded}
        self._manual = {c.name for c in recording.channels if c.origin == "manual"}
        self._integrated = [
            channel.name
            for channel in self._layout.channels
            if channel.unit == "W" and channel.name not in self._manual
        ]
        instants = {c.name for log in recording.logs if not log.means for c in log.channels}
        for name in {*self._integrated} - instants:
            self._meters[name].counter = Integrator(means=True)
        self._utc_text = UtcText()
        self._count: int | None = None
        self._where = where_text("", "", None)
        self._per_phase = _energies(log for log in recording.logs if log.per_phase)
        untimed = (log for log in recording.logs if log.resolution_ns is None)
        self._untimed = _energies(untimed) - self._per_phase
        self._between_s = _periods_s(
            recording.logs,
            {c.name for c in recording.channels if c.is_energy} - self._manual - self._per_phase,
        )
        least_s = max(log.resolution_ns or 0 for log in recording.logs) / SECOND_NS
        self.update_periods_s = {n: max(s, least_s) for n, s in self._between_s.items()}

    @property
    def header(self) -> str:
        """The header line."""
        return self._layout.header

    def lines(self) -> Iterator[str]:
        """Every line after the header, one or many at a time."""
        yield from self._notes()
        for log, start_ns in zip(self._recording.logs, self._recording.starts_ns, strict=True):
            self._forget()
            yield from self._log(log, start_ns)

    def _forget(self) -> None:
        """Treat the next readings as new starts."""
        for meter in self._meters.values():
            if meter.counter:
                meter.counter.forget()

    def _notes(self) -> Iterator[str]:
        texts = [f"{OwnNote.INTEGRATED} {name}" for name in self._integrated]
        if periods := [f"{k}={v:.6f}" for k, v in self.update_periods_s.items()]:
            texts.append(" ".join([OwnNote.UPDATE_PERIODS, *periods]))
        if self._untimed:
            texts.append(" ".join([OwnNote.UNTIMED, *sorted(self._untimed)]))
        if self._per_phase:
            texts.append(" ".join([OwnNote.PER_PHASE, *sorted(self._per_phase)]))
        if self._recording.old_idle:
            texts.append(f"{OwnNote.OLD_IDLE} {self._recording.old_idle}")
        texts += [f"{OwnNote.IMPORT} {remark}" for remark in self._recording.remarks]
        for text in texts:
            yield self._line(Row(0, NOTE + cut(text), {}, self._layout.width), "")

    def _log(self, log: Log, start_ns: int) -> Iterator[str]:
        gaps = _Gaps(log, self._integrated, self._between_s)
        plain = PlainRows(self._layout, self._meters, gaps.most_ns)
        edges = _Edges(log.stretches)
        shift_ns = start_ns - first_ns(log)

        def utc(time_ns: int) -> str:
            return self._utc_text(time_ns) if log.utc else ""

        def one_by_one(samples: Iterable[Sample]) -> Iterator[str]:
            for time_ns, moment in _moments(samples, edges, self._manual):
                if time_ns in log.segments_ns or (log.per_phase and moment.begins):
                    self._forget()
                found = gaps.before(time_ns, moment)
                yield from self._moment(time_ns + shift_ns, utc(time_ns), moment, found)

        blocks = Samples.of(log.samples).blocks()
        special_ns = edges.left_ns | log.segments_ns
        runs = (run for block in blocks for run in plain.runs(block, special_ns))
        for is_plain, group in groupby(runs, key=itemgetter(0)):
            if not is_plain:
                yield from one_by_one(sample for _, rows in group for sample in samples_of(rows))
                continue
            for _, rows in group:
                yield from one_by_one(edges.before(rows[TIME][0]))
                own_ns, times_ns = rows[TIME].to_list(), (rows[TIME] + shift_ns).to_list()
                times = zip(map(time_text, times_ns), map(utc, own_ns), strict=True)
                begins = [f"{time_s},{utc_text},{self._where},," for time_s, utc_text in times]
                yield plain.lines(rows, times_ns, begins)
                gaps.pass_over(rows)
        yield from one_by_one(edges.before(None))

    def _moment(self, at_ns: int, utc: str, moment: _Moment, gaps: Sequence[str]) -> Iterator[str]:
        row = Row(at_ns, "", {}, self._layout.width)
        happened = [f"{GAP}{name}" for name in gaps]
        for name, value in moment.values.items():
            meter = self._meters[name]
            happened += meter.take(Reading(0, at_ns, value), row, 0)
        self._layout.finish(row)
        hand_first = bool(moment.ends)
        if hand_first:
            yield from self._hand_lines(at_ns, utc, moment)
        for stretch in moment.ends:
            self._add(stretch.inferences)
            yield self._event(row, utc, END, stretch)
            self._where = where_text("", "", None)
        for stretch in moment.begins:
            if stretch.inferences is not None and self._count is None:
                self._count = 0
            self._where = where_text(cut(stretch.phase), cut(stretch.label), stretch.repeat)
            yield self._event(row, utc, BEGIN, stretch)
        if not hand_first:
            yield from self._hand_lines(at_ns, utc, moment)
        if moment.values and not (moment.begins or moment.ends):
            yield self._line(row, utc)
        for event in happened:
            yield self._line(Row(at_ns, event, {}, self._layout.width), utc)

    def _hand_lines(self, at_ns: int, utc: str, moment: _Moment) -> Iterator[str]:
        for reading in moment.by_hand:
            row = Row(at_ns, reading.note, {}, self._layout.width)
            row.set_by_hand(self._layout.place[reading.channel], reading.power_w)
            yield self._line(row, utc)

    def _event(self, row: Row, utc: str, event: str, stretch: LogPhase) -> str:
        known = stretch.inferences is not None
        row.event = event
        row.counts = {INFERENCES: self._count or 0} if known else {}
        return self._line(row, utc)

    def _add(self, inferences: int | None) -> None:
        if inferences is not None:
            self._count = (self._count or 0) + inferences

    def _line(self, row: Row, utc: str) -> str:
        time_s = time_text(row.time_ns)
        return line_text(time_s, utc, self._where, row.event, row.counts, row.cells)


class _Edges:
    """The begins and ends of phases that have not happened yet, in order of time."""

    def __init__(self, stretches: Iterable[LogPhase]) -> None:
        self.begins: dict[int, list[LogPhase]] = {}
        self.ends: dict[int, list[LogPhase]] = {}
        for stretch in stretches:
            self.begins.setdefault(stretch.start_ns, []).append(stretch)
            self.ends.setdefault(stretch.end_ns, []).append(stretch)
        self.left_ns = self.begins.keys() | self.ends.keys()
        self._left_ns = deque(sorted(self.left_ns))

    def before(self, time_ns: int | None) -> Iterator[Sample]:
        """Those before a time, or all that are left, as moments without a reading."""
        while self._left_ns and (time_ns is None or self._left_ns[0] < time_ns):
            yield Sample(0, self._left_ns.popleft(), {})

    def merged(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """Samples with the edges up to the last of them."""
        for sample in samples:
            yield from self.before(sample.time_ns)
            yield sample
            if self._left_ns and self._left_ns[0] == sample.time_ns:
                self._left_ns.popleft()


def _moments(
    samples: Iterable[Sample], edges: _Edges, manual: set[str]
) -> Iterator[tuple[int, _Moment]]:
    """What happens at each time of some samples, and at the edges up to the last of them."""
    for time_ns, group in groupby(edges.merged(samples), key=attrgetter("time_ns")):
        moment = _Moment()
        for sample in group:
            for name, value in sample.values.items():
                if name in manual:
                    moment.by_hand.append(HandReading(name.removeprefix(METER), value))
                else:
                    moment.values[name] = value
        moment.begins = edges.begins.get(time_ns, [])
        moment.ends = edges.ends.get(time_ns, [])
        yield time_ns, moment


def _energies(logs: Iterable[Log]) -> set[str]:
    """The channels of energy or power of some logs; the total if it has such a part."""
    channels = [c for log in logs for c in log.channels if c.is_energy]
    names = {channel.name for channel in channels}
    return names | {TOTAL} if any(channel.in_total for channel in channels) else names


def _periods_s(logs: Sequence[Log], channels: set[str]) -> dict[str, float]:
    """The usual time between two readings of each channel of energy or power, seconds: the median
    of its first steps."""
    steps_ns: dict[str, list[int]] = {name: [] for name in sorted(channels)}
    for log in logs:
        first = Samples.of(log.samples).part(0, PERIOD_SAMPLES)
        for name, steps in steps_ns.items():
            between = pairwise(first.times_ns(name))
            steps += [after - before for before, after in between if after != before]
    return {name: median(steps) / SECOND_NS for name, steps in steps_ns.items() if steps}


class _Gaps:
    """Finds the channels that were not read for long before a time."""

    def __init__(self, log: Log, channels: Sequence[str], periods_s: Mapping[str, float]) -> None:
        self._log = log
        self._last_ns: dict[str, int] = {}
        self.most_ns = {
            name: SECOND_NS * max(1.0, GAP_INTERVALS * periods_s.get(name, 0.0))
            for name in channels
        }

    def before(self, time_ns: int, moment: _Moment) -> list[str]:
        """The channels of a moment that had a gap before it."""
        found = []
        for name, most_ns in self.most_ns.items():
            if name in moment.values:
                last_ns = self._last_ns.get(name, time_ns)
                if time_ns - last_ns > most_ns and not self._log.has_pause(last_ns, time_ns):
                    found.append(name)
                self._last_ns[name] = time_ns
        return found

    def pass_over(self, rows: pl.DataFrame) -> None:
        """Note the last readings of rows without a gap."""
        for name in self.most_ns:
            if name in rows.columns and (known := rows.drop_nulls(name)).height:
                self._last_ns[name] = known[TIME][-1]
