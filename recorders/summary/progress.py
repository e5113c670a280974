"""Joules per inference of what runs, while it is being recorded. Pure.

The summary needs every event of a recording. This takes one at a time and keeps a bounded amount,
so the recorder can afford it. It is the summary's figure where one phase runs at a time, and is
unknown, with a reason, where phases overlap or a mark was undone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recorders.channels import TOTAL, total_parts
from recorders.counts import INFERENCES, Counts, growth, named
from recorders.summary.contents import headline
from recorders.summary.located import LOCATED, AtEdge, located
from recorders.summary.reduction import (
    BEGIN,
    BLOCK,
    COUNT,
    END,
    LATE,
    QUIET,
    SPAN,
    EventRow,
    counted_in,
)
from recorders.summary.spans import Moment, block_of, block_share
from recorders.texts import OwnNote

RUNNING, LOADING = "running", "loading"
# The energy at an edge is found by so much later.
FOUND_S = 10.0
# The most labels that are remembered, and phases whose edges may still be found.
MOST_LABELS, MOST_RECENT = 200, 500

OVERLAP = "phases overlap"
UNREAD = "a reading is missing"
UNDONE = "a mark was undone"
UNCOUNTED = "no inferences were counted"
LATE_MARK = "a mark was delivered late"


@dataclass(frozen=True, slots=True)
class Progress:
    """Energy and inferences of one label so far, or of the phases without one.

    `joules_per_inference` is None if it is unknown, for the reason `why`. `counts` has what else
    was counted.
    """

    channel: str
    label: str
    repeat: int | None
    energy_j: float | None
    inferences: int
    joules_per_inference: float | None
    why: str = ""
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Sum:
    """The energy of a label's phases that have ended, or why it is unknown."""

    energy_j: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    why: str = ""


@dataclass(slots=True)
class _Run:
    """A running phase."""

    key: tuple[str, int | None]
    number: int
    begin: EventRow
    end: EventRow | None = None
    counts: Counts = field(default_factory=dict)
    begin_at: Mapping[str, AtEdge] = field(default_factory=dict)
    end_at: Mapping[str, AtEdge] = field(default_factory=dict)
    share: float = 1.0

    def energy_j(
        self, channel: str, parts: Sequence[str], last: Mapping[str, float]
    ) -> float | None:
        """Its energy, until now if it has not ended; None if that was not read."""
        begin_j = self.begin.energy_j
        end_j = self.end.energy_j if self.end else last
        if channel not in begin_j or channel not in end_j:
            return None
        behind_j = 0.0
        for part in parts if channel == TOTAL else (channel,):
            if part in begin_j and part in end_j:
                rows_j = end_j[part] - begin_j[part]
                found_j = rows_j * self.share
                if part in self.begin_at and part in self.end_at:
                    found_j = self.end_at[part].energy_j - self.begin_at[part].energy_j
                behind_j += found_j - rows_j
        return end_j[channel] - begin_j[channel] + behind_j


class RunningSoFar:
    """Follows the event rows of a recording; `channels` are its energies."""

    def __init__(self, channels: Sequence[str]) -> None:
        self._channel = headline(channels)
        self._parts = total_parts(channels)
        self._sums: dict[tuple[str, int | None], _Sum] = {}
        self._recent: deque[_Run] = deque()
        self._open: list[tuple[str, str, int | None]] = []
        self._run: _Run | None = None
        self._last_key: tuple[str, int | None] | None = None
        self._counted: dict[str, int] = {}
        self._is_late = False
        self._block: str | None = None

    def add(self, number: int, row: EventRow) -> None:
        """Take an event row; `number` is its place among them."""
        event = row.event
        if without := row.noted(OwnNote.NOT_COUNTED):
            self._parts = [part for part in self._parts if part not in without.split()]
        if event == BEGIN:
            self._begin(number, row)
        elif event == END:
            self._end(row)
        elif event.startswith(COUNT):
            self._counted |= dict(filter(None, [counted_in(event)]))
            return
        elif event.startswith(LATE):
            self._is_late = True
            return
        elif event.startswith(BLOCK):
            self._block = event.removeprefix(BLOCK)
            return
        elif event.startswith((QUIET, SPAN)):
            return
        elif event.startswith(LOCATED):
            self._find(row)
        self._counted, self._is_late, self._block = {}, False, None

    def rename_running_since(self, number: int) -> None:
        """Forget what has run since an event: that was only loading."""
        if self._run and self._run.number >= number:
            self._run = None
        self._recent = deque(run for run in self._recent if run.number < number)
        names = {RUNNING: LOADING}
        self._open = [(names.get(each[0], each[0]), each[1], each[2]) for each in self._open]

    def undo(self) -> None:
        """A mark was undone: what the open phases and the last ones used is not followed."""
        for run in (*self._recent, *filter(None, [self._run])):
            self._spoil(run.key, UNDONE)
        self._recent.clear()
        self._open, self._run = [], None

    def now(self, last: Mapping[str, float], counts: Counts) -> Progress | None:
        """The figure of what runs, or ran last, from the last readings of each channel and the
        counts; None if nothing has run yet."""
        run, channel = self._run, self._channel
        key = self._last_key
        if key is None or channel is None:
            return None
        known = self._sums.get(key, _Sum())
        total = _Sum(known.energy_j, Counter(known.counts), known.why)
        for each in (each for each in self._recent if each.key == key):
            self._add_to(total, each, last)
        if run and run.key == key:
            run.counts = growth(run.begin.every_count, counts)
            self._add_to(total, run, last)
        energy_j = None if total.why else total.energy_j
        n = total.counts[INFERENCES]
        each_j = energy_j / n if energy_j is not None and n else None
        why = total.why or ("" if any(total.counts.values()) else UNCOUNTED)
        return Progress(channel, *key, energy_j, n, each_j, why, named(total.counts))

    def _begin(self, number: int, row: EventRow) -> None:
        key = (row.label, row.repeat)
        running = [where[1:] for where in self._open if where[0] == RUNNING]
        self._open.append((row.phase, row.label, row.repeat))
        if row.phase != RUNNING:
            return
        for each in (*running, key) if running else ():
            self._spoil(each, OVERLAP)
        if self._is_late:
            self._spoil(key, LATE_MARK)
        self._last_key = key
        self._run = _Run(key, number, row)

    def _end(self, row: EventRow) -> None:
        where = (row.phase, row.label, row.repeat)
        if where in self._open:
            self._open.remove(where)
        run = self._run
        if run is None or where != (RUNNING, *run.key):
            return
        self._run, run.end = None, row
        edges = Moment(run.begin.time_s, run.begin), Moment(row.time_s, row)
        run.share = block_share(*block_of(*edges, self._block))
        run.counts = growth(run.begin.every_count, row.every_count) | self._counted
        if self._is_late:
            self._spoil(run.key, LATE_MARK)
        self._recent.append(run)
        while self._recent and (
            len(self._recent) > MOST_RECENT or self._is_settled(self._recent[0], row.time_s)
        ):
            settled = self._recent.popleft()
            self._add_to(self._sum_of(settled.key), settled, {})

    @staticmethod
    def _is_settled(run: _Run, time_s: float) -> bool:
        return run.end is not None and time_s - run.end.time_s > FOUND_S

    def _find(self, row: EventRow) -> None:
        """Take the energies found at an edge."""
        for time_s, found in located([row]).items():
            for run in (*self._recent, *filter(None, [self._run])):
                if run.begin.time_s == time_s:
                    run.begin_at = {**run.begin_at, **found}
                if run.end and run.end.time_s == time_s:
                    run.end_at = {**run.end_at, **found}

    def _add_to(self, total: _Sum, run: _Run, last: Mapping[str, float]) -> None:
        energy_j = run.energy_j(self._channel or "", self._parts, last)
        if energy_j is None:
            total.why = total.why or UNREAD
        total.energy_j += energy_j or 0.0
        total.counts.update(run.counts)

    def _spoil(self, key: tuple[str, int | None], why: str) -> None:
        self._sum_of(key).why = why

    def _sum_of(self, key: tuple[str, int | None]) -> _Sum:
        """The sum of a label; the one that was used longest ago may be forgotten."""
        found = self._sums[key] = self._sums.pop(key, _Sum())
        while len(self._sums) > MOST_LABELS:
            del self._sums[next(iter(self._sums))]
        return found
