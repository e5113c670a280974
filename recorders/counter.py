"""Turns raw counter and power readings into joules since the recording began. Pure.

A reading is a raw value and the CLOCK_MONOTONIC time at which it was taken. Nothing is ever
guessed: a failed read is bridged by the next good one, an implausible step adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

Event = Literal["gap", "reset", "stuck", "moving"]

STUCK_S = 2.0
STUCK_READS = 5
# A counter that refreshes every T shows up to T of energy more than the time between two reads.
REFRESH_SLACK_S = 0.1
# The sampler reads at least once a second; only across a longer pause can a counter lap itself.
LAP_S = 2.0


class Counter:
    """Unwraps one cumulative energy counter.

    `range_j` is the value at which it wraps (None: it does not), `bound_w` the highest mean power
    that is believed. `energy_j` never falls. `power_w` is the mean since it was last given, over
    the time between two moves of the counter where the source knows it, else between readings. It
    is None where this reading did not move the counter, or did within `settle_s`.
    """

    __slots__ = (
        "_bound_w",
        "_missed",
        "_moved_ns",
        "_must_move",
        "_range_j",
        "_raw_j",
        "_settle_s",
        "_still_reads",
        "_time_ns",
        "_w_from_j",
        "_w_from_ns",
        "_w_is_whole",
        "energy_j",
        "power_w",
        "stuck",
    )

    def __init__(
        self,
        range_j: float | None = None,
        bound_w: float = math.inf,
        must_move: bool = False,
        settle_s: float = 0.0,
    ) -> None:
        self._range_j = range_j
        self._bound_w = bound_w
        self._must_move = must_move
        self._settle_s = settle_s
        self._raw_j: float | None = None
        self._time_ns = 0
        self._moved_ns = 0
        self._w_from_ns = 0
        self._w_from_j = 0.0
        self._w_is_whole = True
        self._still_reads = 0
        self._missed = False
        self.energy_j = 0.0
        self.power_w: float | None = None
        self.stuck = False

    def miss(self) -> Event | None:
        """Note that a read failed; the first of several is a gap."""
        first, self._missed = not self._missed, True
        return "gap" if first else None

    def forget(self) -> None:
        """Take the next reading as a new beginning (after the machine slept)."""
        self._raw_j = None
        self.power_w = None
        self.stuck = False

    def update(self, raw_j: float, time_ns: int, over_s: float | None = None) -> Event | None:
        """Take one reading; returns what happened if it was out of the ordinary.

        `over_s` is the time of the energy since the last reading that had one, if it is known.
        """
        self.power_w = None
        self._missed = False
        last_j = self._raw_j
        if last_j is None:
            self._begin(raw_j, time_ns)
            self._w_from_ns, self._w_from_j = time_ns, self.energy_j
            return None
        step_j = raw_j - last_j
        if step_j == 0:
            return self._stand_still(time_ns)
        # A counter that stuck may catch up in one step; a wrap is believed only between two reads.
        since_ns = self._moved_ns
        if step_j < 0 and self._range_j is not None:
            step_j += self._range_j
            since_ns = self._time_ns
        most_j = self._bound_w * ((time_ns - since_ns) * 1e-9 + REFRESH_SLACK_S)
        if step_j < 0 or step_j > most_j or self._may_have_lapped(time_ns):
            self._begin(raw_j, time_ns)
            self._w_from_ns, self._w_from_j = time_ns, self.energy_j
            self._w_is_whole = False
            return "reset"
        self.energy_j += step_j
        self._draw(time_ns, over_s)
        moving = self.stuck
        self._begin(raw_j, time_ns)
        return "moving" if moving else None

    def _draw(self, time_ns: int, over_s: float | None) -> None:
        """The mean power since it was last given, where its time is known and all its energy."""
        since_s = (time_ns - self._w_from_ns) * 1e-9
        if over_s is None and since_s <= self._settle_s:
            return
        if over_s is None or self._w_is_whole:
            self.power_w = (self.energy_j - self._w_from_j) / (over_s or since_s)
        self._w_from_ns, self._w_from_j = time_ns, self.energy_j
        self._w_is_whole = True

    def _begin(self, raw_j: float, time_ns: int) -> None:
        self._raw_j = raw_j
        self._time_ns = self._moved_ns = time_ns
        self._still_reads = 0
        self.stuck = False

    def _may_have_lapped(self, time_ns: int) -> bool:
        """True where the time since the last read was enough for more than one wrap."""
        unread_s = (time_ns - self._time_ns) * 1e-9
        return (
            self._range_j is not None
            and unread_s > LAP_S
            and self._bound_w * unread_s >= self._range_j
        )

    def _stand_still(self, time_ns: int) -> Event | None:
        self._time_ns = time_ns
        self._still_reads += 1
        if (
            self._must_move
            and not self.stuck
            and self._still_reads >= STUCK_READS
            and time_ns - self._moved_ns >= STUCK_S * 1e9
        ):
            self.stuck = True
            return "stuck"
        return None


class Integrator:
    """Integrates power readings to energy by the trapezoidal rule, where no counter exists."""

    __slots__ = ("_missed", "_time_ns", "energy_j", "power_w", "stuck")

    def __init__(self) -> None:
        self._time_ns: int | None = None
        self._missed = False
        self.energy_j = 0.0
        self.power_w: float | None = None
        self.stuck = False

    def miss(self) -> Event | None:
        """Note that a read failed; the first of several is a gap."""
        first, self._missed = not self._missed, True
        return "gap" if first else None

    def forget(self) -> None:
        """Take the next reading as a new beginning (after the machine slept)."""
        self._time_ns = None
        self.power_w = None

    def update(self, power_w: float, time_ns: int, over_s: float | None = None) -> Event | None:
        """Take one power reading in watts."""
        if self._time_ns is not None and self.power_w is not None:
            mean_w = (self.power_w + power_w) / 2
            self.energy_j += mean_w * (time_ns - self._time_ns) * 1e-9
        self.power_w = power_w
        self._time_ns = time_ns
        self._missed = False
        return None


def mirrored(first: Sequence[float], second: Sequence[float]) -> bool:
    """True where two counters, read in turn a0 b0 a1 b1 …, are one counter shown twice.

    Counters of two dies run apart; one counter read twice can only have moved on in between.
    All-zero counters say nothing and count as two.
    """
    if not any(first) or len(first) < 2:
        return False
    between = zip(first, second, first[1:], strict=False)
    return all(a <= b <= after for a, b, after in between)


def update_period_s(changes_ns: Sequence[int]) -> float | None:
    """Median time between the moments at which a counter was seen to change, or None."""
    steps = sorted(b - a for a, b in pairwise(changes_ns))
    return steps[len(steps) // 2] * 1e-9 if steps else None
