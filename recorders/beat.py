"""Finds when a periodically refreshed counter moved, from readings between its refreshes.

Two readings give the energy used, but not over which time: each shows the counter as of its last
refresh, up to a period ago. The time between refreshes is a whole number of periods, so it is
exact once that number is known. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

# The beat is learned from this many moves over at least this time, or from fewer over longer.
LEARN_MOVES = 10
LEARN_LEAST_NS, LEARN_MOST_NS = 500_000_000, 1_500_000_000
# A power is given only if its time is known to within this fraction.
SHARE = 0.05
# The slowest known refresh of NVML counters, assumed while a counter's own is unknown.
SLOWEST_NS = 100_000_000
# A move located within the first fraction of a period determines the beat; a beat known to the
# second fraction determines most readings. Refreshes themselves come a little early or late.
LOCATED, SURE, UNEVEN = 1 / 6, 1 / 4, 0.06
# Because clocks drift, a period is never known better than this.
STEADY = 1e-3
# A counter that loses its beat this soon has none.
SHORTEST_BEATS = 100


class Move(NamedTuple):
    """A refresh of the counter, with the bounds of its time."""

    at_ns: float
    within_ns: float


class Beats(NamedTuple):
    """The possible refresh numbers of a reading, from `first` to `last` within one `era`."""

    first: int
    last: int
    era: int


class Drawn(NamedTuple):
    """The reading at which the interval of a power begins."""

    value: float
    time_ns: int
    beats: Beats | None


class Beat:
    """Follows one counter through its readings, each taken from `begun_ns` to `time_ns`."""

    def __init__(self) -> None:
        self._value: float | None = None
        self._begun_ns = 0
        self._learning_since_ns: int | None = None
        self._moves: list[Move] = []
        self._period_ns: float | None = None
        self._steady = self._given_up = False
        self._first = self._latest = Move(0.0, 0.0)
        self._followed = 0
        self._era = 0
        self._shown: Beats | None = None
        self._between = False
        # The last reading, and how long after the one before.
        self._read_ns: int | None = None
        self._every_ns = 0
        self._drawn: Drawn | None = None

    @property
    def period_s(self) -> float | None:
        """The counter's update period; None until known."""
        return None if self._period_ns is None else self._period_ns * 1e-9

    def restart(self) -> None:
        """Treat the next reading as the first, after the machine was suspended."""
        self._value = self._drawn = self._read_ns = None
        given_up = self._given_up
        self._lose()
        self._given_up = given_up

    def is_learning(self, now_ns: int) -> bool:
        """Whether the beat must still be found, by readings in quick succession."""
        if self._given_up or self._steady:
            return False
        if self._learning_since_ns is None:
            self._learning_since_ns = now_ns
        learning_ns = now_ns - self._learning_since_ns
        if learning_ns > (LEARN_LEAST_NS if len(self._moves) >= LEARN_MOVES else LEARN_MOST_NS):
            self._learn()
        return not self._given_up and not self._steady

    def look_at_ns(self, now_ns: int) -> float | None:
        """When another look would improve the beat at the earliest; None if none would.

        If readings fall on refreshes, a look between the last two refreshes before a reading tells
        which of them it shows.
        """
        if self.is_learning(now_ns) or (self._steady and self._is_unsure(now_ns)):
            return now_ns
        if not (self._steady and self._between):
            return None
        period_ns, read_ns = self._known_ns, self._read_ns or now_ns
        before_next_ns = read_ns + self._every_ns - period_ns
        if self._shown is None:
            return before_next_ns
        refresh_ns = self._start_ns + (self._shown.first + 1) * period_ns
        return max(before_next_ns, refresh_ns + self._open_ns(now_ns))

    def look_is_due(self, now_ns: int) -> bool:
        """Whether a look now would improve the beat."""
        at_ns = self.look_at_ns(now_ns)
        if at_ns is None or now_ns < at_ns:
            return False
        if not self._steady or self._is_unsure(now_ns):
            return True
        first, last = self._at(now_ns, now_ns)
        return first == last

    def look(self, value: float, begun_ns: int, time_ns: int) -> None:
        """Take a reading for the beat only."""
        moved = self._value is not None and value != self._value
        if moved:
            move = Move((self._begun_ns + time_ns) / 2, (time_ns - self._begun_ns) / 2)
            if self._steady:
                self._relocate(move)
            elif not self._given_up:
                self._moves.append(move)
        self._shown = self._beats(begun_ns, time_ns, moved) if self._steady else None
        self._value, self._begun_ns = value, begun_ns

    def over_s(self, value: float, begun_ns: int, time_ns: int) -> float | None:
        """Take a reading; returns the time, if known, of the energy since the last timed one."""
        self.look(value, begun_ns, time_ns)
        self._every_ns = 0 if self._read_ns is None else begun_ns - self._read_ns
        self._read_ns = begun_ns
        if self._steady:
            first, last = self._at(begun_ns, time_ns)
            self._between = first < last
        if self._drawn is None:
            self._drawn = Drawn(value, time_ns, self._shown)
        if value == self._drawn.value:
            return None
        low_ns, high_ns = self._since_ns(self._drawn, time_ns)
        if low_ns <= 0 or high_ns - low_ns > SHARE * (low_ns + high_ns):
            return None
        self._drawn = Drawn(value, time_ns, self._shown)
        return (low_ns + high_ns) / 2 * 1e-9

    def _since_ns(self, drawn: Drawn, time_ns: int) -> tuple[float, float]:
        """The minimum and maximum time between the moves that two readings show."""
        now, then = self._shown, drawn.beats
        if now and then and now.era == then.era:
            period_ns = self._known_ns
            return (now.first - then.last) * period_ns, (now.last - then.first) * period_ns
        known = self._given_up or self._steady
        period_ns = self._known_ns if known else SLOWEST_NS
        return time_ns - drawn.time_ns - period_ns, time_ns - drawn.time_ns + period_ns

    @property
    def _known_ns(self) -> float:
        return self._period_ns or SLOWEST_NS

    @property
    def _start_ns(self) -> float:
        """When refresh 0 came."""
        return self._latest.at_ns - self._followed * self._known_ns

    def _open_ns(self, at_ns: float) -> float:
        """The uncertainty of a refresh's predicted time."""
        period_ns = self._known_ns
        uneven_ns = UNEVEN * period_ns
        ends_ns = self._first.within_ns + self._latest.within_ns + 2 * uneven_ns
        per_beat_ns = max(ends_ns / self._followed, STEADY * period_ns)
        beats = abs(at_ns - self._latest.at_ns) / period_ns
        return self._latest.within_ns + uneven_ns + per_beat_ns * beats

    def _is_unsure(self, now_ns: int) -> bool:
        return self._open_ns(now_ns) > SURE * self._known_ns

    def _at(self, begun_ns: int, time_ns: int) -> tuple[int, int]:
        """The first and last refresh that a reading may show, judging by its time alone."""
        open_ns, period_ns, start_ns = self._open_ns(time_ns), self._known_ns, self._start_ns
        first = math.floor((begun_ns - start_ns - open_ns) / period_ns)
        return first, math.floor((time_ns - start_ns + open_ns) / period_ns)

    def _beats(self, begun_ns: int, time_ns: int, moved: bool) -> Beats | None:
        """The refresh shown; None if it contradicts the beat, which is then lost."""
        first, last = self._at(begun_ns, time_ns)
        if (before := self._shown) and before.era == self._era:
            first = max(first, before.first + moved)
            if not moved:
                last = min(last, before.last)
        if first <= last:
            return Beats(first, last, self._era)
        self._lose()
        return None

    def _relocate(self, move: Move) -> None:
        """Correct the beat using a closely observed move."""
        period_ns = self._known_ns
        open_ns = self._open_ns(move.at_ns)
        if move.within_ns > LOCATED * period_ns or move.within_ns + UNEVEN * period_ns > open_ns:
            return
        beats = round((move.at_ns - self._latest.at_ns) / period_ns)
        predicted_ns = self._latest.at_ns + beats * period_ns
        if abs(move.at_ns - predicted_ns) > open_ns + move.within_ns:
            self._lose()
        elif beats > 0:
            self._latest = move
            self._followed += beats
            self._period_ns = (move.at_ns - self._first.at_ns) / self._followed

    def _lose(self) -> None:
        """Learn the beat again, unless it was lost as soon as it was found."""
        self._given_up = self._steady and self._followed < SHORTEST_BEATS
        self._steady, self._moves, self._shown = False, [], None
        self._learning_since_ns = None

    def _learn(self) -> None:
        """Find the beat in the observed moves, or give up."""
        self._given_up = True
        steps_ns = sorted(late.at_ns - early.at_ns for early, late in pairwise(self._moves))
        if not steps_ns:
            return
        self._period_ns = middle_ns = steps_ns[len(steps_ns) // 2]
        located = [move for move in self._moves if move.within_ns <= LOCATED * middle_ns]
        if len(located) < 3:
            return
        beats = _numbered(located, middle_ns)
        first, latest = located[0], located[-1]
        period_ns = (latest.at_ns - first.at_ns) / beats[-1]
        self._period_ns = period_ns
        errors_ns = [
            abs(move.at_ns - first.at_ns - number * period_ns) - move.within_ns - first.within_ns
            for number, move in zip(beats, located, strict=True)
        ]
        if max(errors_ns) > UNEVEN * period_ns:
            return
        self._first, self._latest, self._followed = first, latest, beats[-1]
        self._steady, self._given_up = True, False
        self._era += 1
        if self._drawn and self._drawn.time_ns > first.at_ns - period_ns:
            shown = Beats(*self._at(self._drawn.time_ns, self._drawn.time_ns), self._era)
            self._drawn = self._drawn._replace(beats=shown)


def _numbered(moves: Sequence[Move], period_ns: float) -> list[int]:
    """The number of each move, counted in periods from the first."""
    numbers = [0]
    for early, late in pairwise(moves):
        numbers.append(numbers[-1] + max(1, round((late.at_ns - early.at_ns) / period_ns)))
    return numbers
