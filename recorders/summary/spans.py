"""Phases of a recording, with energy as the difference of two event rows. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import add, sub, truediv
from typing import NamedTuple

from recorders.channels import TOTAL
from recorders.counts import INFERENCES, Counts, growth, named
from recorders.summary.by_hand import HandReadings
from recorders.summary.contents import summed_parts
from recorders.summary.located import AtEdge, located
from recorders.summary.reduction import (
    BEGIN,
    BLOCK,
    COUNT,
    END,
    GAP,
    LATE,
    LOST,
    QUIET,
    RESET,
    SPAN,
    Energies,
    EventRow,
    Points,
    Reduction,
    counted_in,
)
from recorders.summary.served import counted_late, served
from recorders.summary.silences import silences, unknown_between
from recorders.summary.stats import Course
from recorders.summary.usage import by_usage
from recorders.texts import OwnNote

SHORTEST_BLOCK_S = 0.5


class Moment(NamedTuple):
    """An edge: its time, and its row, which is later if the edge was delivered late.

    For a program that said so, the time is that at which its call returned or was made, a little
    after the counters were read for the begin, or before they were read for the end. `opposite` is
    then the row of the other edge of its phase: what was used between its row and its time is known
    from the mean power between the two.
    """

    time_s: float
    row: EventRow
    is_late: bool = False
    opposite: EventRow | None = None

    @property
    def row_s(self) -> float:
        """The time of its row, or of a late edge."""
        return self.time_s if self.is_late else self.row.time_s


@dataclass(slots=True)
class Span:
    """A phase from begin to end.

    `energy_j` has energies, and counts of hardware counters. It is None for channels with an edge
    that was neither read nor bridged; `bridged_j` is the uncertainty of channels with an edge
    between two readings; `inside` names the phases of its own context that enclose it. `error_j` is
    the ± of energies from manual readings (None: unknown). `located` has the energies of channels
    that were found at both edges, and not only read there. `share` is the part of the machine's
    energy in that time that `energy_j` is.
    `aligned`: the program was quiet before and after it. `by_usage`: its counts of tokens are those
    of the load's requests, which had not all ended.
    """

    phase: str
    label: str
    repeat: int | None
    begin: Moment
    end: Moment
    inferences: int | None
    energy_j: dict[str, float | None]
    bridged_j: dict[str, float]
    inside: tuple[str, ...] = ()
    finished: bool = True
    happened: list[tuple[str, str]] = field(default_factory=list)
    error_j: dict[str, float | None] = field(default_factory=dict)
    located: dict[str, tuple[AtEdge, AtEdge]] = field(default_factory=dict)
    share: float = 1.0
    aligned: bool = False
    counts: Counts = field(default_factory=dict)
    by_usage: bool = False

    def counted(self, name: str) -> int | None:
        """One of its counts; None if unknown."""
        return self.inferences if name == INFERENCES else self.counts.get(name)

    @property
    def name(self) -> str:
        """Its phase and label."""
        return f"{self.phase} {self.label}".rstrip()

    @property
    def start_s(self) -> float:
        """Time of its begin."""
        return self.begin.time_s

    @property
    def end_s(self) -> float:
        """Time of its end."""
        return self.end.time_s

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.end.time_s - self.begin.time_s

    @property
    def is_block(self) -> bool:
        """Whether a program said when its block of code began and ended."""
        return not self.end.is_late and self.end.time_s < self.end.row.time_s

    def power_w(self, channel: str) -> float:
        """Mean power of a channel; 0 if it is unknown or too short a time to tell."""
        energy_j = self.energy_j.get(channel)
        return energy_j / self.seconds if energy_j and self.seconds >= SHORTEST_BLOCK_S else 0.0

    def is_in_one_update(self, channel: str) -> bool:
        """Whether a counter showed the same at both edges, but its energies there were found."""
        begin_j, end_j = self.begin.row.energy_j, self.end.row.energy_j
        was_read = channel in self.located and channel in begin_j
        return was_read and begin_j[channel] == end_j.get(channel)


def block_share(begin: Moment, end: Moment) -> float:
    """The share of the time between two rows that a program's block of code took, at most 1."""
    if begin.opposite is None and end.opposite is None:
        return 1.0
    rows_s = end.row_s - begin.row_s
    return min(1.0, (end.time_s - begin.time_s) / rows_s) if rows_s > 0 else 1.0


class EnergyWindows:
    """The machine's energy between any two edges of a recording."""

    def __init__(self, reduction: Reduction) -> None:
        self._counters = frozenset(reduction.counters)
        self._channels = [*reduction.energy_channels, *reduction.counters]
        self._unbridged = per_phase(reduction)
        self._energies = Energies(reduction)
        self._located = located(reduction.remarks)
        self._silences = silences(reduction)
        self._parts = summed_parts(reduction)
        self._is_by_hand = bool(reduction.by_hand)
        self._by_hand = HandReadings()
        kinds = (GAP, RESET, LOST)
        self._happened = [
            (row.time_s, kind[:-1], row.event.removeprefix(kind))
            for row in reduction.remarks
            for kind in kinds
            if row.event.startswith(kind)
        ]

    def note(self, row: EventRow, innermost: EventRow | None) -> None:
        """Add an event row in time order; `innermost` is the begin row of the phase it is in."""
        if self._is_by_hand:
            self._by_hand.add(row, innermost)

    def between(self, begin: Moment, end: Moment, like: Span | None = None) -> Span:
        """The time between two edges, as a phase like a given one, or unnamed."""
        energy_j: dict[str, float | None] = {}
        error_j: dict[str, float | None] = {}
        bridged_j: dict[str, float] = {}
        on_time = not (begin.is_late or end.is_late)
        begin_j, end_j = begin.row.energy_j, end.row.energy_j
        found = self._located_between(begin, end) if on_time and self._located else {}
        for channel in self._channels:
            if channel in found:
                continue
            between_j = self._since_row_j(channel, end) - self._since_row_j(channel, begin)
            if on_time and channel in begin_j and channel in end_j:
                energy_j[channel] = end_j[channel] - begin_j[channel] + between_j
                continue
            if channel in self._by_hand.channels:
                energy = self._by_hand.energy_j(channel, begin.time_s, end.time_s)
                energy_j[channel], error_j[channel] = energy
                continue
            first, first_open_j = self._energies.at(channel, begin.row_s, begin.row)
            last, last_open_j = self._energies.at(channel, end.row_s, end.row)
            both_read = first_open_j is None and last_open_j is None
            if first is None or last is None or (channel in self._unbridged and not both_read):
                energy_j[channel] = None
                continue
            energy_j[channel] = last - first + between_j
            if not both_read:
                bridged_j[channel] = math.hypot(first_open_j or 0.0, last_open_j or 0.0)
        for channel, (first_at, last_at) in found.items():
            energy_j[channel] = last_at.energy_j - first_at.energy_j
        behind_j = math.fsum(
            (energy_j[channel] or 0.0) - (end_j[channel] - begin_j[channel])
            for channel in self._parts
            if on_time and channel in begin_j and channel in end_j
        )
        if behind_j and TOTAL in begin_j and TOTAL in end_j:
            energy_j[TOTAL] = end_j[TOTAL] - begin_j[TOTAL] + behind_j
        for channel in unknown_between(self._silences, begin.time_s, end.time_s):
            energy_j[channel] = None
            bridged_j.pop(channel, None)
            found.pop(channel, None)
        happened = self._happened_between(begin.row_s, end.row_s) if self._happened else []
        named = (like.phase, like.label, like.repeat) if like else ("", "", None)
        return Span(
            *named,
            begin,
            end,
            None,
            energy_j,
            bridged_j,
            like.inside if like else (),
            happened=happened,
            error_j=error_j,
            located=found,
        )

    def _since_row_j(self, channel: str, edge: Moment) -> float:
        """A channel's energy from the row of an edge to its time, joules; below 0 for an end.

        It depends on the edge alone, so that adjoining times add up. A program counts nothing while
        it waits for its calls.
        """
        if edge.opposite is None or channel in self._counters:
            return 0.0
        after_s = edge.time_s - edge.row_s
        there_s = edge.opposite.time_s
        here_j, _ = self._energies.at(channel, edge.row_s, edge.row)
        there_j, _ = self._energies.at(channel, there_s, edge.opposite)
        if here_j is None or there_j is None or there_s == edge.row_s:
            return 0.0
        return (there_j - here_j) / (there_s - edge.row_s) * after_s

    def _located_between(self, begin: Moment, end: Moment) -> dict[str, tuple[AtEdge, AtEdge]]:
        """The channels whose energies were found at both edges, and these energies."""
        first, last = (self._located.get(edge.row.time_s, {}) for edge in (begin, end))
        return {
            channel: (first[channel], last[channel])
            for channel in self._channels
            if channel in first
            and channel in last
            and (
                channel not in self._parts
                or (channel in begin.row.energy_j and channel in end.row.energy_j)
            )
        }

    def _happened_between(self, start_s: float, end_s: float) -> list[tuple[str, str]]:
        first = bisect_left(self._happened, (start_s,))
        last = bisect_right(self._happened, end_s, key=lambda item: item[0])
        return [(kind, name) for _, kind, name in self._happened[first:last]]


@dataclass(slots=True, eq=False)
class _Open:
    """An open phase, the enclosing one, and its position among the ends."""

    begin: Moment
    around: _Open | None
    ended: float = math.inf
    end: Moment | None = None
    counts: dict[str, int] = field(default_factory=dict)
    quiet: bool = False

    @property
    def key(self) -> tuple[str, str, int | None]:
        row = self.begin.row
        return row.phase, row.label, row.repeat

    @property
    def inside(self) -> tuple[str, ...]:
        """Names of the enclosing phases, outermost first."""
        found: list[str] = []
        outer = self.around
        while outer is not None:
            if outer.ended > self.ended or outer.end is None:
                found.append(outer.begin.row.phase)
            outer = outer.around
        return tuple(reversed(found))


def spans(reduction: Reduction, windows: EnergyWindows | None = None) -> list[Span]:
    """Every phase in order of its beginning; one that never ended is closed at the last row.

    A phase is inside the last one open at its begin, and an end belongs to the last open phase with
    its name, label and repeat, unless the rows before them say otherwise.
    """
    return [span for span, _ in nested(reduction, windows)]


def nested(
    reduction: Reduction, windows: EnergyWindows | None = None
) -> list[tuple[Span, Span | None]]:
    """Every phase in order of its beginning, with the one that it began in."""
    windows = windows or EnergyWindows(reduction)
    every = _paired(reduction.events, windows)
    by_servers, late = served(reduction), counted_late(reduction)

    def counts_at(row: EventRow) -> Counts:
        return late.get(row.time_s, {}) | row.every_count

    found: dict[int, Span] = {}
    for each in every:
        end = each.end or Moment(reduction.events[-1].time_s, reduction.events[-1])
        span = windows.between(each.begin, end)
        span.phase, span.label, span.repeat = each.key
        span.inside, span.finished = each.inside, each.end is not None
        span.aligned = each.quiet
        at_begin, at_end = map(counts_at, (each.begin.row, end.row))
        in_rows = each.begin.row.every_count.keys() & end.row.every_count.keys()
        told = {n: c for n, c in each.counts.items() if n not in by_servers or n in in_rows}
        counts = growth(at_begin, at_end) | told
        for name in by_servers - (at_begin.keys() & at_end.keys()):
            counts.pop(name, None)
        span.inferences, span.counts = counts.get(INFERENCES), named(counts)
        found[id(each)] = span
    for span, own in by_usage(reduction, list(found.values()), counts_at, by_servers):
        span.counts, span.by_usage = {**span.counts, **own}, True
    pairs = [(found[id(each)], found[id(each.around)] if each.around else None) for each in every]
    return sorted(pairs, key=lambda pair: (pair[0].start_s, -pair[0].end_s))


def outermost(everything: Sequence[Span], phase: str) -> list[Span]:
    """The phases with a name that are not inside another with that name."""
    return [span for span in everything if span.phase == phase and phase not in span.inside]


def _paired(events: Sequence[EventRow], windows: EnergyWindows) -> list[_Open]:
    """Match begin and end rows."""
    every: list[_Open] = []
    open_now: list[_Open] = []
    told: dict[str, str] = {}
    counts: dict[str, int] = {}
    for number, row in enumerate(events):
        windows.note(row, open_now[-1].begin.row if open_now else None)
        if row.event == BEGIN:
            begun = _Open(_moment(row, told), _around(open_now, told.get(SPAN)))
            begun.quiet = QUIET in told
            every.append(begun)
            open_now.append(begun)
        elif row.event == END and (match := _ending(open_now, row, told.get(SPAN))):
            open_now.remove(match)
            match.end, match.ended = _moment(row, told), number
            match.begin, match.end = block_of(match.begin, match.end, told.get(BLOCK))
            match.counts, counts = counts, {}
            match.quiet = match.quiet and QUIET in told
        else:
            kind, colon, text = row.event.partition(":")
            if kind + colon == COUNT:
                counts |= dict(filter(None, [counted_in(row.event)]))
                continue
            if kind + colon in (SPAN, LATE, QUIET, BLOCK):
                told[kind + colon] = text
                continue
        told.clear()
        counts = {}
    return every


def _moment(row: EventRow, told: dict[str, str]) -> Moment:
    """The time of an edge; an invalid time, or one later than its row, is ignored."""
    if LATE not in told:
        return Moment(row.time_s, row)
    try:
        time_s = float(told[LATE])
    except ValueError:
        time_s = math.nan
    is_late = 0 <= time_s < row.time_s
    return Moment(time_s if is_late else row.time_s, row, is_late)


def block_of(begin: Moment, end: Moment, told: str | None) -> tuple[Moment, Moment]:
    """The begin and the end of a phase for the program, if it said so; invalid times are ignored,
    and so are all if an edge came late."""
    if told is None or begin.is_late or end.is_late:
        return begin, end
    try:
        begun_s, ended_s = map(float, told.split())
    except ValueError:
        return begin, end
    if not begin.time_s <= begun_s <= ended_s <= end.time_s:
        return begin, end
    return (
        begin._replace(time_s=begun_s, opposite=end.row),
        end._replace(time_s=ended_s, opposite=begin.row),
    )


def _around(open_now: Sequence[_Open], place: str | None) -> _Open | None:
    number = _whole(place)
    if number is None:
        return open_now[-1] if open_now else None
    return open_now[number - 1] if 0 < number <= len(open_now) else None


def _ending(open_now: Sequence[_Open], end: EventRow, place: str | None) -> _Open | None:
    key, number = (end.phase, end.label, end.repeat), _whole(place)
    if number is not None and 0 < number <= len(open_now) and open_now[number - 1].key == key:
        return open_now[number - 1]
    return next((each for each in reversed(open_now) if each.key == key), None)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def per_phase(reduction: Reduction) -> frozenset[str]:
    """Channels with energies of whole phases: nothing is known between edges or about ±."""
    return _channels_noted(reduction, OwnNote.PER_PHASE)


def untimed(reduction: Reduction) -> frozenset[str]:
    """Channels whose readings were made at times of which it is not known how exact they are."""
    return _channels_noted(reduction, OwnNote.UNTIMED)


def _channels_noted(reduction: Reduction, kind: OwnNote) -> frozenset[str]:
    return frozenset(name for note in reduction.noted(kind) for name in note.split())


def blocks_w(reduction: Reduction, channel: str, span: Span) -> Course:
    """Mean power between the per-second readings of a span, including its edges: the middles of the
    times between, and watts."""
    points = reduction.seconds.get(channel, Points()).between(math.ceil(span.start_s), span.end_s)
    for edge in (span.begin, span.end):
        if not edge.is_late and channel in edge.row.energy_j:
            points.insert(edge.row.time_s, edge.row.energy_j[channel])
    times_s, energies_j = points.time_s.tolist(), points.value.tolist()
    steps_s = list(map(sub, times_s[1:], times_s))
    is_block = [step_s >= SHORTEST_BLOCK_S for step_s in steps_s]
    twice_s = compress(map(add, times_s[1:], times_s), is_block)
    steps_j = compress(map(sub, energies_j[1:], energies_j), is_block)
    powers_w = list(map(truediv, steps_j, compress(steps_s, is_block)))
    return Course([twice / 2 for twice in twice_s], powers_w)


def mean_gauge(reduction: Reduction, column: str, span: Span) -> float | None:
    """Mean of a gauge inside a span, from one reading a second, or None."""
    points = reduction.seconds.get(column, Points()).between(span.start_s, span.end_s)
    return math.fsum(points.value) / len(points.value) if points.value else None
