"""The energy at phase edges of a meter that gives readings by itself, each with its own time. Pure.

An edge lies between two readings, E0 at t0 and E1 at t1, and its energy on the line between them. A
counter that shows the same again has not been refreshed, so that is not a reading of it. As energy
never falls, the error is bounded by the longer part of the step.
"""

from __future__ import annotations

import math

from recorders.edges import OF_BOUND, EdgeFinder, Located, Quiet

# How long the end of a recording may wait for the reading after the last edges.
PERIODS, LEAST_NS, MOST_NS = 1.5, 1_000_000_000, 15_000_000_000


# Time, ns, and energy.
_Reading = tuple[int, float]


class BetweenReadings(EdgeFinder):
    """Follows one meter; an edge is known with the first reading after it, or, if the meter
    `counts`, the first move of its counter."""

    def __init__(self, counts: bool) -> None:
        super().__init__()
        # How long after their times the readings have come so far, at most.
        self.lag_ns = 0
        self._counts = counts
        self._last: _Reading | None = None
        # When each edge that waits was for the program; None: on hold.
        self._waiting: dict[int, int | None] = {}
        # The readings around edges on hold.
        self._around: dict[int, tuple[_Reading, _Reading]] = {}

    @property
    def waits(self) -> bool:
        """Whether an edge waits for a reading."""
        return bool(self._waiting)

    @property
    def patience_ns(self) -> int:
        """How long the next reading is worth waiting for."""
        least_ns = LEAST_NS + self.lag_ns
        return min(MOST_NS, round(PERIODS * self._period_ns) + least_ns) if self.waits else 0

    @property
    def last_ns(self) -> int | None:
        """When the last reading was; None if there is none, or it has fallen silent since."""
        return self._last[0] if self._last else None

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
        found = []
        for time_ns in [each for each in self._waiting if each <= at_ns]:
            moment_ns = self._waiting.pop(time_ns)
            if time_ns < last[0]:
                continue
            if moment_ns is None:
                self._around[time_ns] = last, self._last
            else:
                found.append(_located(time_ns, moment_ns, last, self._last))
        return found

    def mark(
        self,
        time_ns: int,
        energy_j: float,
        quiet: Quiet = "",
        at_ns: int | None = None,
        hold: bool = False,
    ) -> list[Located]:
        """Open an edge."""
        self._waiting[time_ns] = None if hold else time_ns if at_ns is None else at_ns
        return []

    def settle(self, time_ns: int, at_ns: int) -> list[Located]:
        """Say when an edge on hold was for the program; returns it if its energy is known now."""
        if self._waiting.get(time_ns, time_ns) is None:
            self._waiting[time_ns] = at_ns
        around = self._around.pop(time_ns, None)
        return [_located(time_ns, at_ns, *around)] if around else []

    def give_up(self) -> list[Located]:
        """Stop waiting; the edges that wait stay unknown."""
        self._waiting.clear()
        return [found for time_ns in list(self._around) for found in self.settle(time_ns, time_ns)]


def _located(time_ns: int, at_ns: int, before: _Reading, after: _Reading) -> Located:
    share = (at_ns - before[0]) / (after[0] - before[0])
    step_j = after[1] - before[1]
    bound_j = max(share, 1 - share) * step_j
    return Located(time_ns, before[1] + share * step_j, OF_BOUND * bound_j)
