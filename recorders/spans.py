"""Phases of a recording with their energy: the difference of two event rows. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from recorders.by_hand import HandReadings
from recorders.reduction import BEGIN, END, GAP, LOST, RESET, EventRow, Reduction, energy_at

SHORTEST_BLOCK_S = 0.5
PER_PHASE_NOTE = "note:per_phase "


@dataclass(slots=True)
class Span:
    """One phase from its begin to its end row.

    `energy_j` has None where an edge was not read and could not be bridged; `bridged` names the
    channels with an edge between two readings; `inside` the phases that enclose this one.
    `error_j` is the standard error of energies from readings by hand, None where it is unknown.
    """

    phase: str
    label: str
    repeat: int | None
    start_s: float
    end_s: float
    inferences: int | None
    energy_j: dict[str, float | None]
    bridged: frozenset[str]
    inside: tuple[str, ...]
    finished: bool = True
    happened: list[tuple[str, str]] = field(default_factory=list)
    error_j: dict[str, float | None] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.end_s - self.start_s


def spans(reduction: Reduction) -> list[Span]:
    """Every phase in order of its beginning; one that never ended is closed at the last row."""
    open_rows: list[EventRow] = []
    around: dict[int, list[EventRow]] = {}
    pairs: list[tuple[EventRow, EventRow, tuple[str, ...], bool]] = []
    by_hand = HandReadings()
    for row in reduction.events:
        by_hand.add(row, open_rows[-1] if open_rows else None)
        if row.event == BEGIN:
            around[id(row)] = list(open_rows)
            open_rows.append(row)
        elif row.event == END and (match := _last_of(open_rows, row)) is not None:
            open_rows = [other for other in open_rows if other is not match]
            pairs.append((match, row, _enclosing(around[id(match)], open_rows), True))
    for row in open_rows:
        inside = _enclosing(around[id(row)], open_rows)
        pairs.append((row, reduction.events[-1], inside, False))
    channels = reduction.energy_channels
    unbridged = per_phase(reduction)
    found = [_span(reduction, channels, by_hand, unbridged, *pair) for pair in pairs]
    return sorted(found, key=lambda span: (span.start_s, -span.end_s))


def per_phase(reduction: Reduction) -> frozenset[str]:
    """Channels whose energies are of whole phases: nothing is known between edges, nor of ±."""
    notes = (row.event for row in reduction.events if row.event.startswith(PER_PHASE_NOTE))
    return frozenset(name for note in notes for name in note.removeprefix(PER_PHASE_NOTE).split())


def block_powers_w(reduction: Reduction, channel: str, span: Span) -> list[float]:
    """Mean power between the per-second readings of a span, its edges included, watts."""
    points = reduction.seconds.get(channel)
    known = set(points.between(math.ceil(span.start_s), span.end_s) if points else ())
    for row in reduction.events:
        if row.time_s in (span.start_s, span.end_s) and channel in row.energy_j:
            known.add((row.time_s, row.energy_j[channel]))
    return [
        (after[1] - before[1]) / (after[0] - before[0])
        for before, after in pairwise(sorted(known))
        if after[0] - before[0] >= SHORTEST_BLOCK_S
    ]


def mean_gauge(reduction: Reduction, column: str, span: Span) -> float | None:
    """Mean of a gauge inside a span, from one reading a second, or None."""
    points = reduction.seconds.get(column)
    values = [value for _, value in points.between(span.start_s, span.end_s)] if points else []
    return math.fsum(values) / len(values) if values else None


def _enclosing(at_begin: list[EventRow], at_end: list[EventRow]) -> tuple[str, ...]:
    """Phases that were open at a phase's begin and still at its end."""
    return tuple(row.phase for row in at_begin if any(row is other for other in at_end))


def _last_of(open_rows: list[EventRow], end: EventRow) -> EventRow | None:
    for row in reversed(open_rows):
        if (row.phase, row.label, row.repeat) == (end.phase, end.label, end.repeat):
            return row
    return None


def _span(
    reduction: Reduction,
    channels: Sequence[str],
    by_hand: HandReadings,
    unbridged: frozenset[str],
    begin: EventRow,
    end: EventRow,
    inside: tuple[str, ...],
    finished: bool,
) -> Span:
    energy_j: dict[str, float | None] = {}
    error_j: dict[str, float | None] = {}
    bridged = set()
    for channel in channels:
        if channel in by_hand.channels:
            energy = by_hand.energy_j(channel, begin.time_s, end.time_s)
            energy_j[channel], error_j[channel] = energy
            continue
        first, first_read = energy_at(reduction, channel, begin)
        last, last_read = energy_at(reduction, channel, end)
        both_read = first_read and last_read
        if first is None or last is None or (channel in unbridged and not both_read):
            energy_j[channel] = None
            continue
        energy_j[channel] = last - first
        if not both_read:
            bridged.add(channel)
    counted = None if end.inferences is None else end.inferences - (begin.inferences or 0)
    happened = [
        (kind[:-1], row.event.removeprefix(kind))
        for row in reduction.events
        if begin.time_s <= row.time_s <= end.time_s
        for kind in (GAP, RESET, LOST)
        if row.event.startswith(kind)
    ]
    return Span(
        begin.phase,
        begin.label,
        begin.repeat,
        begin.time_s,
        end.time_s,
        counted,
        energy_j,
        frozenset(bridged),
        inside,
        finished,
        happened,
        error_j,
    )
