"""The energy at phase edges of a meter that gives readings by itself, each with its own time. Pure.

An edge lies between two readings, E0 at t0 and E1 at t1, and its energy on the line between them. A
counter that shows the same again has not been refreshed, so that is not a reading of it. As energy
never falls, the error is bounded by the longer part of the step.
"""

from __future__ import annotations

import math

from recorders.edges import OF_BOUND, EdgeFinder, Located, Quiet

# How long the end of a recording may wait for the reading after the last edges.
PERIODS, LEAST_NS, MOST_NS = 1.5, 6_000_000_000, 15_000_000_000


class BetweenReadings(EdgeFinder):
    """Follows one meter; an edge is known with the first reading after it, or, if the meter
    `counts`, the first move of its counter."""

    def __init__(self, counts: bool) -> None:
        super().__init__()
        self._counts = counts
        self._last: tuple[int, float] | None = None
        self._waiting: list[int] = []

    @property
    def waits(self) -> bool:
        """Whether an edge waits for a reading."""
        return bool(self._waiting)

    @property
    def patience_ns(self) -> int:
        """How long it is worth to wait for the next reading."""
        return min(MOST_NS, round(PERIODS * self._period_ns) + LEAST_NS) if self.waits else 0

    def due_ns(self) -> float:
        """Infinite: readings come by themselves."""
        return math.inf

    def restart(self) -> None:
        """Take the next reading as the first; edges that wait stay unknown."""
        self._last = None
        self._waiting.clear()

    def see(self, energy_j: float, begun_ns: int, ended_ns: int) -> list[Located]:
        """Take a reading; returns the edges that are known now."""
        last, at_ns = self._last, (begun_ns + ended_ns) // 2
        if self._counts and last is not None and energy_j == last[1]:
            return []
        if last is None or at_ns <= last[0]:
            self._last = at_ns, energy_j
            return []
        self._last = at_ns, energy_j
        known = [time_ns for time_ns in self._waiting if time_ns <= at_ns]
        self._waiting = [time_ns for time_ns in self._waiting if time_ns > at_ns]
        return [_located(time_ns, last, self._last) for time_ns in known if time_ns >= last[0]]

    def mark(self, time_ns: int, energy_j: float, quiet: Quiet = "") -> list[Located]:
        """Open an edge."""
        self._waiting.append(time_ns)
        return []

    def give_up(self) -> list[Located]:
        """Wait no longer; the edges that wait stay unknown."""
        self._waiting.clear()
        return []


def _located(time_ns: int, before: tuple[int, float], after: tuple[int, float]) -> Located:
    share = (time_ns - before[0]) / (after[0] - before[0])
    step_j = after[1] - before[1]
    bound_j = max(share, 1 - share) * step_j
    return Located(time_ns, before[1] + share * step_j, OF_BOUND * bound_j)
