"""Turns raw counter and power readings into joules since the recording began. Pure.

A reading is a raw value and the CLOCK_MONOTONIC time at which it was taken. Nothing is ever
guessed: a failed read is bridged by the next good one, and an implausible step adds nothing. A
reading that falls, or rises by more than the device can draw, is held until the next one shows what
it was: a bad reading (dropped), the end of the counter's range (a wrap), or a restart (a reset).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from recorders.plausible import too_much_text

Event = Literal["gap", "reset", "stuck", "moving", "dropped", "refused"]

# A counter is stuck after missing this many updates, and for at least this time.
STILL_UPDATES, STILL_S = 5, 0.05
# The same while its update period is unknown.
STUCK_S = 2.0
STUCK_READS = 5
# A counter that refreshes every T may show the energy of up to T more than the time between reads.
REFRESH_SLACK_S = 0.1
# The sampler reads at least once a second; only over a longer pause can a counter wrap twice.
LAP_S = 2.0
LAP_NS = int(LAP_S * 1e9)
# A wrap is accepted if it implies at most this many times the power just before or after it.
WRAP_TIMES = 3.0
# The power just before is averaged over up to twice this time.
PACE_NS = 500_000_000
# The bound of a counter without one: more than any reading, but finite.
BOUNDLESS_W = 1e18
# A counter is rejected after this many readings that follow from neither the previous nor the last
# good one; they are forgotten after this time without another.
MOST_ODD, CALM_S = 3, 10.0
# An update period is found from this many steps or more, each between changes that were seen within
# this share of it; steps that differ by less than a share are alike.
FEWEST_STEPS, SEEN, ALIKE = 3, 0.5, 0.1


class _Held(NamedTuple):
    """A reading that is wrong unless the counter wrapped or restarted."""

    raw_j: float
    time_ns: int


class Counter:
    """Unwraps one cumulative energy counter.

    `range_j` is the value at which it wraps (None: never, unless at one of `possible_ranges_j`, of
    which a wrap between two close readings must fit exactly one), `bound_w` the highest plausible
    mean power. `energy_j` never falls; it is that of the last reading if `is_known`.
    `power_w` is the mean since it was last given, over the time between two moves of the counter
    if the source knows it, else between readings. It is None if this reading did not move the
    counter, or moved it within `settle_s`. Unless it `confirms`, as when readings are rare and in
    the past, each reading is decided at once and by the bound alone. After a reset, `lacks_j` is
    the most that may be missing (None: unknown); after a rejection, `why` gives the reason.
    """

    __slots__ = (
        "_bound_j_per_ns",
        "_bound_w",
        "_confirms",
        "_held",
        "_missed",
        "_must_move",
        "_odd",
        "_odd_ns",
        "_pace_from",
        "_pace_next",
        "_ranges_j",
        "_raw_j",
        "_settle_ns",
        "_slack_s",
        "_spare_j",
        "_still_reads",
        "_stuck_reads",
        "_stuck_s",
        "_time_ns",
        "_w_from_j",
        "_w_from_ns",
        "_w_is_whole",
        "energy_j",
        "is_known",
        "lacks_j",
        "moved_ns",
        "power_w",
        "stuck",
        "why",
    )

    def __init__(
        self,
        range_j: float | None = None,
        bound_w: float = math.inf,
        must_move: bool = False,
        settle_s: float = 0.0,
        confirms: bool = True,
        possible_ranges_j: Sequence[float] = (),
    ) -> None:
        self._ranges_j = possible_ranges_j if range_j is None else (range_j,)
        self._confirms = confirms
        self._bound_w = min(bound_w, BOUNDLESS_W)
        self._bound_j_per_ns = self._bound_w * 1e-9
        self._must_move = must_move
        self._settle_ns = settle_s * 1e9
        # The extra time whose energy may show between two readings.
        self._slack_s = REFRESH_SLACK_S
        self._stuck_s, self._stuck_reads = STUCK_S, STUCK_READS
        self._raw_j: float | None = None
        self._time_ns = self.moved_ns = 0
        # How much more than the bound allows since the last move the next step may be.
        self._spare_j = 0.0
        self._held: _Held | None = None
        self._odd = self._odd_ns = 0
        self._pace_from = self._pace_next = (0, 0.0)
        self._w_from_ns = 0
        self._w_from_j = 0.0
        self._w_is_whole = True
        self._still_reads = 0
        self._missed = False
        self.energy_j = 0.0
        self.lacks_j: float | None = None
        self.power_w: float | None = None
        self.stuck = False
        self.is_known = True
        self.why = ""

    @property
    def is_held(self) -> bool:
        """Whether the last reading is held until the next one explains it."""
        return self._held is not None

    @property
    def may_have_wrapped(self) -> bool:
        """Whether the held reading would be plausible after a wrap."""
        if self._held is None:
            return False
        unread_s = (self._held.time_ns - self._time_ns) * 1e-9
        return bool(self._wraps_j(self._held, self._bound_w * (unread_s + REFRESH_SLACK_S)))

    def learn(self, period_s: float) -> None:
        """Learn the counter's update period."""
        self._slack_s = max(2 * period_s, 0.002)
        self._stuck_s, self._stuck_reads = max(STILL_S, STILL_UPDATES * period_s), 1

    def miss(self) -> Event | None:
        """Note that a read failed; the first of several is a gap."""
        first, self._missed = not self._missed, True
        return "gap" if first else None

    def forget(self) -> None:
        """Take the next reading as a new beginning (after the machine slept)."""
        self._raw_j = self._held = None
        self.power_w = None
        self.stuck = False
        self.is_known = True

    def update(self, raw_j: float, time_ns: int, over_s: float | None = None) -> Event | None:
        """Take one reading; returns what happened if it was out of the ordinary.

        `over_s` is the time of the energy since the last reading that had one, if it is known.
        """
        self.power_w = None
        self._missed = False
        last_j = self._raw_j
        if last_j is None:
            self._begin(raw_j, time_ns)
            self._w_is_whole = True
            return None
        if self._held:
            event = self._decide(self._held, raw_j, time_ns)
            self.is_known = self._held is None and not self.stuck
            if over_s is not None:  # this time covers more energy than is known
                self._w_from_ns, self._w_from_j, self._w_is_whole = time_ns, self.energy_j, True
            return event
        step_j = raw_j - last_j
        if step_j == 0:
            if over_s is not None:  # only now is the time of an earlier move known
                self._draw(time_ns, over_s)
            return self._stand_still(time_ns)
        if time_ns - self._time_ns > LAP_NS and self._may_have_lapped(time_ns):
            self.lacks_j = None
            self._begin(raw_j, time_ns)
            return "reset"
        most_j = self._spare_j + self._bound_j_per_ns * (time_ns - self.moved_ns)
        if not 0 < step_j <= most_j:
            self._held = _Held(raw_j, time_ns)
            self.is_known = not self._confirms
            return None if self._confirms else self._go_on(self._held, 0.0, raw_j, time_ns)
        return self._add(step_j, raw_j, time_ns, most_j, over_s)

    def _begin(self, raw_j: float, time_ns: int) -> None:
        """Start counting from this reading."""
        self._raw_j, self._held = raw_j, None
        self._time_ns = self.moved_ns = time_ns
        self._spare_j = self._bound_w * REFRESH_SLACK_S
        self._pace_from = self._pace_next = (time_ns, self.energy_j)
        self._w_from_ns, self._w_from_j, self._w_is_whole = time_ns, self.energy_j, False
        self._still_reads = 0
        self.stuck, self.is_known = False, True

    def _add(
        self,
        step_j: float,
        raw_j: float,
        time_ns: int,
        most_j: float,
        over_s: float | None = None,
    ) -> Event | None:
        """Add a plausible step; `most_j` is the largest that would be."""
        self._spare_j = min(most_j - step_j, self._bound_w * REFRESH_SLACK_S)
        self.energy_j += step_j
        if over_s is not None or time_ns - self._w_from_ns > self._settle_ns:
            self._draw(time_ns, over_s)
        if time_ns - self._pace_next[0] >= PACE_NS:
            self._pace_from, self._pace_next = self._pace_next, (time_ns, self.energy_j)
        self._raw_j = raw_j
        self._time_ns = self.moved_ns = time_ns
        self._still_reads = 0
        if not self.stuck:
            return None
        self.stuck, self.is_known = False, True
        return "moving"

    def _draw(self, time_ns: int, over_s: float | None) -> None:
        """The mean power since it was last given, if all its energy and time are known."""
        since_s = (time_ns - self._w_from_ns) * 1e-9
        if over_s is None or self._w_is_whole:
            self.power_w = (self.energy_j - self._w_from_j) / (over_s or since_s)
        self._w_from_ns, self._w_from_j = time_ns, self.energy_j
        self._w_is_whole = True

    def _most_j(self, time_ns: int) -> float:
        """The largest plausible step now: what the bound allows since the last move, and what was
        spare then. A counter that was stuck may catch up.
        """
        return self._spare_j + self._bound_j_per_ns * (time_ns - self.moved_ns)

    def _decide(self, held: _Held, raw_j: float, time_ns: int) -> Event | None:
        """Decide whether the held reading was bad, or the counter continues from it."""
        assert self._raw_j is not None
        self._w_is_whole = False
        step_j, onward_j = raw_j - self._raw_j, raw_j - held.raw_j
        onward_s = (time_ns - held.time_ns) * 1e-9
        if 0 <= step_j <= self._most_j(time_ns):
            self._held = None
            self._step(step_j, raw_j, time_ns)
            return "dropped"
        rose = held.raw_j > self._raw_j
        if rose or not 0 <= onward_j <= self._bound_w * (onward_s + self._slack_s):
            self._odd = self._odd + 1 if time_ns - self._odd_ns < CALM_S * 1e9 else 1
            self._odd_ns = time_ns
        if self._odd >= MOST_ODD:
            power_w = onward_j / onward_s if onward_s > 0 else 0.0
            wrong_unit = power_w > self._bound_w
            jumps = "the counter jumps: its readings are inconsistent with each other"
            self.why = too_much_text(power_w, self._bound_w) if wrong_unit else jumps
            return "refused"
        if not 0 <= onward_j <= self._bound_w * (onward_s + self._slack_s):
            self._held = _Held(raw_j, time_ns)
            return None
        return self._go_on(held, onward_j, raw_j, time_ns)

    def _go_on(self, held: _Held, onward_j: float, raw_j: float, time_ns: int) -> Event | None:
        """Continue from the held reading: a wrap if the power fits, else a reset."""
        assert self._raw_j is not None
        unread_s = (held.time_ns - self._time_ns) * 1e-9
        after_s = (time_ns - held.time_ns) * 1e-9 + self._slack_s
        before_w, after_w = self._pace_w(), onward_j / after_s
        pace_w = max(before_w or 0.0, after_w)
        most_j = self._most_j(held.time_ns)
        self.lacks_j = pace_w * unread_s
        likely_w = self._bound_w
        if self._confirms and before_w is not None and pace_w > 0:
            likely_w = min(likely_w, WRAP_TIMES * pace_w)
        likely_j = self._wraps_j(held, likely_w * (unread_s + self._slack_s))
        if len(likely_j) == 1 and (len(self._ranges_j) == 1 or unread_s <= LAP_S):
            self._held = None
            self._ranges_j = (self._raw_j + likely_j[0] - held.raw_j,)
            self._add(likely_j[0], held.raw_j, held.time_ns, most_j)
            self._step(onward_j, raw_j, time_ns)
            return None
        if self.may_have_wrapped:
            self.lacks_j = max(self.lacks_j, *self._wraps_j(held)[:1])
        if self._confirms and onward_j == 0 and after_s < STUCK_S:
            return None  # a bad value may repeat for a while, but a restarted counter moves
        self._begin(held.raw_j, held.time_ns)
        self._spare_j = min(most_j, self._spare_j)
        self.energy_j += onward_j
        self._raw_j = raw_j
        self._time_ns = self.moved_ns = time_ns
        return "reset"

    def _wraps_j(self, held: _Held, most_j: float = math.inf) -> list[float]:
        """The energy up to the held reading if the counter wrapped, for each possible range, up to
        the most that is plausible."""
        last_j = self._raw_j
        if last_j is None or held.raw_j > last_j:
            return []
        found = [held.raw_j + range_j - last_j for range_j in self._ranges_j if range_j >= last_j]
        return [wrap_j for wrap_j in found if wrap_j <= most_j]

    def _pace_w(self) -> float | None:
        """Mean power over about the last second of readings, watts; None after only one."""
        from_ns, from_j = self._pace_from
        since_ns = self._time_ns - from_ns
        return (self.energy_j - from_j) * 1e9 / since_ns if since_ns > 0 else None

    def _may_have_lapped(self, time_ns: int) -> bool:
        """Whether the time since the last read was long enough for more than one wrap."""
        unread_s = (time_ns - self._time_ns) * 1e-9
        return len(self._ranges_j) == 1 and self._bound_w * unread_s >= self._ranges_j[0]

    def _step(self, step_j: float, raw_j: float, time_ns: int) -> None:
        """Add a step that may be none."""
        if step_j:
            self._add(step_j, raw_j, time_ns, self._most_j(time_ns))
        else:
            self._time_ns = time_ns

    def _stand_still(self, time_ns: int) -> Event | None:
        """Let time pass without a step; the counter is stuck if its last move is too long ago."""
        self._time_ns = time_ns
        self._still_reads += 1
        if (
            self._must_move
            and (time_ns - self.moved_ns) * 1e-9 >= self._stuck_s
            and self._still_reads >= self._stuck_reads
            and not self.stuck
        ):
            self.stuck, self.is_known = True, False
            return "stuck"
        return None


class Integrator:
    """Integrates power readings to energy, when there is no counter: by the trapezoidal rule, or if
    they are `means` of the time since the one before, each over that time."""

    __slots__ = ("_means", "_missed", "_time_ns", "energy_j", "power_w")

    def __init__(self, energy_j: float = 0.0, means: bool = False) -> None:
        self._means = means
        self._time_ns: int | None = None
        self._missed = False
        self.energy_j = energy_j
        self.power_w: float | None = None

    @property
    def is_known(self) -> bool:
        """Always true: an integral is known as far as it was read."""
        return True

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
            mean_w = power_w if self._means else (self.power_w + power_w) / 2
            self.energy_j += mean_w * (time_ns - self._time_ns) * 1e-9
        self.power_w = power_w
        self._time_ns = time_ns
        self._missed = False
        return None

    def update_all(
        self, powers_w: Sequence[float | None], times_ns: Sequence[int]
    ) -> list[float | None]:
        """Take many readings, None where there is none; returns the energy after each, joules."""
        energies_j: list[float | None] = []
        energy_j, before_w, before_ns = self.energy_j, self.power_w, self._time_ns
        for power_w, time_ns in zip(powers_w, times_ns, strict=True):
            if power_w is None:
                energies_j.append(None)
                continue
            if before_ns is not None and before_w is not None:
                mean_w = power_w if self._means else (before_w + power_w) / 2
                energy_j += mean_w * (time_ns - before_ns) * 1e-9
            before_w, before_ns = power_w, time_ns
            energies_j.append(energy_j)
        self.energy_j, self.power_w, self._time_ns = energy_j, before_w, before_ns
        self._missed = False
        return energies_j


def mirrored(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether two counters, read in turn a0 b0 a1 b1 …, are one counter shown twice.

    Counters of two dies diverge; one counter read twice can only have advanced in between.
    Two counters that stay at zero count as separate.
    """
    if not any(first) or len(first) < 2:
        return False
    between = zip(first, second, first[1:], strict=False)
    return all(a <= b <= after for a, b, after in between)


class Change(NamedTuple):
    """A change of a counter, seen at a time, and the time of the last read that did not show it."""

    seen_ns: int
    unseen_ns: int

    @property
    def within_ns(self) -> int:
        """How well its time is known."""
        return self.seen_ns - self.unseen_ns


def update_period_s(changes: Sequence[Change]) -> float | None:
    """The most frequent time between two changes that were seen as they happened, or None.

    On a busy machine, reads come late: changes are missed, and others seen long after. Only steps
    between closely seen changes are used, and of those the most frequent (the shorter of two that
    are equally so), which is neither a missed change nor a late one.
    """
    steps = [
        late.seen_ns - early.seen_ns
        for early, late in pairwise(changes)
        if max(early.within_ns, late.within_ns) <= SEEN * (late.seen_ns - early.seen_ns)
    ]
    if len(steps) < FEWEST_STEPS:
        return None
    alike = ([other for other in steps if abs(other - step) <= ALIKE * step] for step in steps)
    mode = max(alike, key=lambda found: (len(found), -min(found)))
    return sorted(mode)[len(mode) // 2] * 1e-9
