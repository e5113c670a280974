"""The part of a recording that a summary needs: event rows, and one reading a second. Pure.

The recorder reduces while it writes; `wattui.runs.reduce` reduces a finished file. Both give the
same `Reduction`, made of the values as written in the file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from recorders.channels import (
    METER,
    channel_of,
    is_count,
    is_cumulative,
    kind_of,
    kind_of_column,
    with_unit,
)
from recorders.counts import INFERENCES, Counts, every
from recorders.texts import OwnNote

GAP, RESET, LOST, NOTE, BEGIN, END = "gap:", "reset:", "lost:", "note:", "begin", "end"
EDGES = frozenset({BEGIN, END})
# Rows just before a begin or end that differs from a reader's default: the position among the open
# phases of the enclosing or ending one; a count of the ending phase; the time of a late edge; the
# side of an aligned edge on which the machine was quiet; begin and end of the ending phase for the
# program, between its calls.
SPAN, COUNT, LATE, QUIET, BLOCK = "span:", "count:", "late:", "quiet:", "block:"
Where = tuple[str, str, int | None]


@dataclass(slots=True)
class EventRow:
    """A row with an event; `energy_j` holds the cumulative readings by channel (energies, hardware
    counters), `power_w` the manual readings, and `counts` what else than inferences was counted."""

    time_s: float
    event: str
    phase: str
    label: str
    repeat: int | None
    inferences: int | None
    energy_j: dict[str, float]
    power_w: dict[str, float] = field(default_factory=dict)
    counts: Counts = field(default_factory=dict)

    def counted(self, name: str) -> int | None:
        """One of its counts; None if unknown."""
        return self.inferences if name == INFERENCES else self.counts.get(name)

    @property
    def every_count(self) -> dict[str, int]:
        """All of its counts."""
        return every(self.inferences, self.counts)

    def noted(self, kind: OwnNote) -> str | None:
        """The text of a note of this kind; None if the row is anything else."""
        begin = NOTE + kind
        if not self.event.startswith(begin):
            return None
        text = self.event[len(begin) :]
        return text.lstrip(": ") if text[:1] in ("", " ", ":") else None


@dataclass(slots=True)
class Points:
    """Readings of one column in time order."""

    time_s: array[float] = field(default_factory=lambda: array("d"))
    value: array[float] = field(default_factory=lambda: array("d"))

    def add(self, time_s: float, value: float) -> None:
        """Append one reading."""
        self.time_s.append(time_s)
        self.value.append(value)

    def between(self, start_s: float, end_s: float) -> Points:
        """Readings from `start_s` to `end_s`, inclusive."""
        own = slice(bisect_left(self.time_s, start_s), bisect_right(self.time_s, end_s))
        return Points(self.time_s[own], self.value[own])

    def insert(self, time_s: float, value: float) -> None:
        """Add a reading in its place; none if there is one of that time."""
        place = bisect_left(self.time_s, time_s)
        if time_s not in self.time_s[place : place + 1]:
            self.time_s.insert(place, time_s)
            self.value.insert(place, value)


@dataclass(slots=True)
class Reduction:
    """Event rows; the first reading of each second; the readings nearest to an incomplete row."""

    channels: list[str]
    events: list[EventRow] = field(default_factory=list)
    seconds: dict[str, Points] = field(default_factory=dict)
    nearest: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def energy_channels(self) -> list[str]:
        """Channels with a `_J` column, in file order; a wall meter only if it was read."""
        names = with_unit(self.channels, "J")
        return [name for name in names if not kind_of(name).by_hand or self._was_read(name)]

    @property
    def counters(self) -> list[str]:
        """Channels of counts, in file order."""
        return [name for name in self.channels if is_count(name)]

    @property
    def count_names(self) -> list[str]:
        """What else than inferences was counted, in file order."""
        return list(dict.fromkeys(name for row in self.events for name in row.counts))

    @property
    def remarks(self) -> list[EventRow]:
        """The event rows other than edges: notes and channel events."""
        return [row for row in self.events if row.event not in EDGES]

    def noted(self, kind: OwnNote) -> list[str]:
        """The texts of all notes of this kind, in order."""
        return [text for row in self.remarks if (text := row.noted(kind)) is not None]

    @property
    def by_hand(self) -> list[str]:
        """Wall meters that were read manually, in file order."""
        read = {channel for row in self.events for channel in row.power_w}
        return [name for name in self.energy_channels if name in read]

    def _was_read(self, channel: str) -> bool:
        return bool(self.nearest.get(channel)) or any(
            channel in row.energy_j or channel in row.power_w for row in self.events
        )


class Reducer:
    """Reduces rows as they are written; `columns` are those after the fixed ones."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.reduction = Reduction(list(columns))
        self._energy = [(n, channel_of(c)) for n, c in enumerate(columns) if is_cumulative(c)]
        self._meters = [
            (columns.index(f"{meter}_J"), columns.index(f"{meter}_W"), meter)
            for meter in meters(columns)
        ]
        self._gauges = [(columns.index(name), name) for name in gauges(columns)]
        self._due: list[tuple[int, str]] = []
        self._second = ""
        self._last: dict[str, tuple[str, str]] = {}
        self._wanted: set[str] = set()

    @property
    def last(self) -> dict[str, tuple[float, float]]:
        """The last reading of each energy: seconds and joules."""
        return {name: (float(at), float(value)) for name, (at, value) in self._last.items()}

    def add(
        self,
        time_text: str,
        cells: Sequence[str],
        event: str,
        where: Where,
        inferences: int | None,
        counts: Counts | None = None,
    ) -> None:
        """Add one row, as text; `counts` has what else than inferences was counted."""
        second = time_text.partition(".")[0]
        if second != self._second:
            self._second = second
            self._due = self._energy + self._gauges
        for item in [due for due in self._due if cells[due[0]]]:
            self._take(item, time_text, cells)
            self._due.remove(item)
        for place, channel in self._energy:
            if cells[place]:
                self._last[channel] = (time_text, cells[place])
        if self._wanted:
            for channel in [c for p, c in self._energy if c in self._wanted and cells[p]]:
                self._keep_nearest(channel)
                self._wanted.discard(channel)
        if not event:
            return
        energy_j = {channel: float(cells[p]) for p, channel in self._energy if cells[p]}
        power_w = {m: float(cells[w]) for j, w, m in self._meters if cells[w] and not cells[j]}
        row = EventRow(
            float(time_text), event, *where, inferences, energy_j, power_w, dict(counts or {})
        )
        self.reduction.events.append(row)
        if event in EDGES:
            for _, channel in self._energy:
                if channel not in energy_j:
                    self._keep_nearest(channel)
                    self._wanted.add(channel)

    def rename_running_since(self, first_event: int) -> None:
        """Apply the same correction as in the file; see `RunFile.rename_running_since`."""
        for row in self.reduction.events[first_event:]:
            if row.phase == "running":
                row.phase = "loading"

    def undo(self, first_event: int, rows: int, event: str, where: Where) -> None:
        """Undo what has its rows from there on; see `recorders.undo`."""
        events = self.reduction.events
        if meter := read_meter(events[first_event].event):
            events[first_event].power_w.pop(f"{METER}{meter}", None)
        del events[first_event + 1 : first_event + rows]
        events[first_event].event = event
        for row in events[first_event:]:
            row.phase, row.label, row.repeat = where

    def _take(self, item: tuple[int, str], time_text: str, cells: Sequence[str]) -> None:
        place, name = item
        points = self.reduction.seconds.setdefault(name, Points())
        points.add(float(time_text), float(cells[place]))

    def _keep_nearest(self, channel: str) -> None:
        if channel in self._last:
            time_text, value = self._last[channel]
            self.reduction.nearest.setdefault(channel, []).append((float(time_text), float(value)))


def count_event(n: int, name: str) -> str:
    """The event with a count of the phase that ends: `count:N`, or `count:N NAME`."""
    return f"{COUNT}{n}" if name == INFERENCES else f"{COUNT}{n} {name}"


def counted_in(event: str) -> tuple[str, int] | None:
    """The name and the number in a count's event; None if it has none."""
    number, _, name = event.removeprefix(COUNT).partition(" ")
    return (name or INFERENCES, int(number)) if number.isascii() and number.isdigit() else None


def read_meter(event: str) -> str:
    """The meter that was read by hand in an event's row; empty for any other event."""
    begin = f"{NOTE}{OwnNote.METER} "
    return event.removeprefix(begin).partition(" ")[0] if event.startswith(begin) else ""


def gauges(columns: Sequence[str]) -> list[str]:
    """Columns kept at one reading a second, besides energies."""
    return [column for column in columns if kind_of_column(column).each_second]


def meters(columns: Sequence[str]) -> list[str]:
    """Wall meters among the columns, which may be read manually."""
    powers = with_unit(columns, "W")
    return [name for name in with_unit(columns, "J") if kind_of(name).by_hand and name in powers]


class Energies:
    """A channel's counter at any moment, from the readings around it."""

    def __init__(self, reduction: Reduction) -> None:
        self._reduction = reduction
        self._known: dict[str, tuple[list[float], list[float]]] = {}

    def at(
        self, channel: str, time_s: float, row: EventRow | None = None
    ) -> tuple[float | None, float | None]:
        """Energy in joules, and the largest possible error if it was interpolated.

        The error is None if it was read at that time, in `row`. Since a counter never falls, its
        value lay between the readings around. Without a reading on both sides, the energy is None:
        nothing is extrapolated.
        """
        if row is not None and row.time_s == time_s and channel in row.energy_j:
            return row.energy_j[channel], None
        times, values = self._readings(channel)
        after = bisect_left(times, time_s)
        if after < len(times) and times[after] == time_s:
            return values[after], 0.0
        if not 0 < after < len(times):
            return None, 0.0
        share = (time_s - times[after - 1]) / (times[after] - times[after - 1])
        step_j = values[after] - values[after - 1]
        return values[after - 1] + share * step_j, max(share, 1 - share) * abs(step_j)

    def _readings(self, channel: str) -> tuple[list[float], list[float]]:
        if channel not in self._known:
            reduction = self._reduction
            known = set(reduction.nearest.get(channel, ()))
            if points := reduction.seconds.get(channel):
                known.update(zip(points.time_s, points.value, strict=True))
            known |= {
                (row.time_s, row.energy_j[channel])
                for row in reduction.events
                if channel in row.energy_j
            }
            pairs = sorted(known)
            self._known[channel] = [time_s for time_s, _ in pairs], [value for _, value in pairs]
        return self._known[channel]
