"""The result of reading a log: readings, phases, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from recorders.source import Channel
from wattui.clean import one_line, short

if TYPE_CHECKING:
    from wattui.analysis.importers.samples import Sample

SECOND_NS = 1_000_000_000
# Lines named in a remark; the others are only counted.
SHOWN_LINES = 5
# As much of a cell as a refusal shows.
SHOWN_CELL = 40
LONGEST = 1000
# Placement of readings with equal time stamps: unchanged, evenly over their second, or evenly up to
# the next stamp.
Spread = Literal["", "second", "next"]


class UnreadableError(Exception):
    """A log that cannot be imported; the text says what is wrong, where, and how to fix it."""


@dataclass(frozen=True, slots=True)
class LogPhase:
    """A phase, on the clock of its log; `inferences` counted in it (None: not known)."""

    phase: str
    label: str
    repeat: int | None
    start_ns: int
    end_ns: int
    inferences: int | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """One log as read. Times are nanoseconds of its own clock, written as if it were UTC; `utc`
    says that it is. `last_line` is that of its last row, with or without a reading. `segments_ns`:
    the times of readings with which a new segment begins, after a pause in which nothing was
    recorded. `means`: its powers are means since the row before. `per_phase`: its energies are of
    whole phases, so they have no update period. `first_bad`: the first line that was left out, and
    why. `resolution_ns`: the steps of its times; None: not known, so that ± is not either."""

    reader: str
    channels: tuple[Channel, ...]
    samples: Sequence[Sample]
    last_line: int
    remarks: tuple[str, ...] = ()
    stretches: tuple[LogPhase, ...] = ()
    spread: Spread = ""
    utc: bool = False
    means: bool = False
    per_phase: bool = False
    segments_ns: frozenset[int] = frozenset()
    first_bad: str = ""
    resolution_ns: int | None = 1

    @property
    def by_hand(self) -> bool:
        """Whether the readings were typed by a person."""
        return any(channel.origin == "manual" for channel in self.channels)

    def has_pause(self, start_ns: int, end_ns: int) -> bool:
        """Whether a segment begins after `start_ns`, and no later than `end_ns`."""
        return any(start_ns < time_ns <= end_ns for time_ns in self.segments_ns)


def in_segments(log: Log, stretch: LogPhase) -> tuple[LogPhase, ...]:
    """A phase without the pauses of its log: a phase for each segment in it, the last of which has
    the inferences. A segment of one reading has no energy and is left out. Raises UnreadableError
    where all have one."""
    if not log.segments_ns:
        return (stretch,)
    times_ns = [sample.time_ns for sample in log.samples]
    begins = [place for place, time_ns in enumerate(times_ns) if time_ns in log.segments_ns]
    if not begins:
        return (stretch,)
    edges = [0, *(place for place in begins if place), len(times_ns)]
    found = [
        replace(
            stretch,
            start_ns=max(stretch.start_ns, times_ns[first]),
            end_ns=min(stretch.end_ns, times_ns[end - 1]),
            inferences=None,
        )
        for first, end in pairwise(edges)
    ]
    whole = [part for part in found if part.start_ns < part.end_ns]
    if not whole:
        raise UnreadableError("each of its segments has only one reading, so no time passes in it")
    return *whole[:-1], replace(whole[-1], inferences=stretch.inferences)


@dataclass(slots=True)
class Omissions:
    """Counts what is left out of a log and where, for one remark per reason."""

    _lines: dict[str, list[int]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _first: tuple[int, str] = (0, "")

    def add(self, reason: str, line: int, cell: str = "") -> None:
        """Note one row; `reason` follows the words `left out`, `cell` is what is wrong."""
        self._counts[reason] += 1
        if not self._first[1] or line < self._first[0]:
            shown = f": '{short(one_line(cell.strip()), SHOWN_CELL)}'" if cell else ""
            self._first = line, f"line {line}: {reason}{shown}"
        first = self._lines.setdefault(reason, [])
        if len(first) < SHOWN_LINES:
            first.append(line)

    def __contains__(self, reason: str) -> bool:
        return reason in self._counts

    def first(self) -> str:
        """The first row that was left out, and why; empty if none was."""
        return self._first[1]

    def remarks(self) -> tuple[str, ...]:
        """One line for each reason, by the first row of each."""
        return tuple(
            f"left out, {reason}: {plural(n, 'row')} ({_places(self._lines[reason], n)})"
            for reason, n in sorted(self._counts.items(), key=lambda each: self._lines[each[0]][0])
        )


def told_why(what: str, left_out: Omissions) -> str:
    """A refusal, with the first line that was left out."""
    return f"{what}: {left_out.first()}" if left_out.first() else what


def plural(n: int, word: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{n} {word}{'s' * (n != 1)}"


def _places(first: Sequence[int], n: int) -> str:
    """`lines 4, 5 and 17 more`."""
    more = f" and {n - len(first)} more" if n > len(first) else ""
    return f"line{'s' * (n > 1)} {', '.join(map(str, first))}{more}"


def printable(text: str) -> str:
    """Text from a file on one line, of limited length."""
    return short(one_line(text), LONGEST)
