"""The delay of a meter outside the machine, from how it follows the sensors inside. Pure.

A meter is taken to show base + factor * mean power inside over [t - latency - window, t - latency].
Latency and window are those with the smallest sum of squared residuals; ± is how far they can be
changed before that sum is significantly larger (profile likelihood, F distribution at 95 %). What a
recording needs is the delay latency + window / 2, by which the mean lies in the past; it is known
better than either.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import NamedTuple

# What is tried, in steps of this many seconds: latencies, and windows of averaging.
STEP_S, MOST_LATENCY_S, MOST_WINDOW_S = 0.05, 3.0, 4.0
FEWEST_READINGS = 15
# The factor of the smallest sum of squares within which a model is as good: 1 + F / (n - 4), where
# F is the square of Student's t at 95 %.
F_95 = 4.2
# A meter whose readings are explained worse than this does not follow the sensors.
LEAST_EXPLAINED = 0.8


class Seen(NamedTuple):
    """A reading of the meter: its time in seconds, and watts."""

    time_s: float
    power_w: float


@dataclass(frozen=True, slots=True)
class Delay:
    """How a meter follows the sensors; ± cover 95 %.

    Seconds and watts; `explained` is the share of the variance of its readings.
    """

    delay_s: float
    plus_minus_s: float
    latency_s: float
    window_s: float
    base_w: float
    factor: float
    residual_w: float
    explained: float
    readings: int


class _Fit(NamedTuple):
    """A latency and a window, and the line that fits best with them."""

    latency_s: float
    window_s: float
    base_w: float
    factor: float
    squares: float


def find_delay(inside_j: Sequence[tuple[float, float]], seen: Sequence[Seen]) -> Delay:
    """The delay of readings against a cumulative energy, given as pairs of seconds and joules.

    Raises ValueError, in words, where it cannot be found.
    """
    energy = _Energy(inside_j)
    first_s, last_s = energy.first_s + MOST_LATENCY_S + MOST_WINDOW_S, energy.last_s
    used = [each for each in seen if first_s <= each.time_s <= last_s]
    if len(used) < FEWEST_READINGS:
        raise ValueError(f"the meter gave {len(used)} readings, and {FEWEST_READINGS} are needed")
    fits = [fit for fit in _fits(energy, used) if fit is not None]
    mean_w = math.fsum(each.power_w for each in used) / len(used)
    all_squares = math.fsum((each.power_w - mean_w) ** 2 for each in used)
    best = min(fits, key=lambda fit: fit.squares, default=None)
    explained = 1 - best.squares / all_squares if best and all_squares > 0 else 0.0
    if best is None or explained < LEAST_EXPLAINED:
        raise ValueError("the meter does not follow the sensors of this machine")
    free = len(used) - 4
    limit = best.squares * (1 + F_95 / free) + 1e-9 * all_squares
    delays_s = [_delay_s(fit) for fit in fits if fit.squares <= limit]
    found_s = (min(delays_s) + max(delays_s)) / 2
    return Delay(
        found_s,
        max(STEP_S, (max(delays_s) - min(delays_s)) / 2),
        best.latency_s,
        best.window_s,
        best.base_w,
        best.factor,
        math.sqrt(best.squares / free),
        explained,
        len(used),
    )


class _Energy:
    """A cumulative energy at any time, on the line between its readings; sampled evenly."""

    def __init__(self, readings: Sequence[tuple[float, float]]) -> None:
        if len(readings) < 2:
            raise ValueError("the sensors of this machine gave no readings")
        times_s = [time_s for time_s, _ in readings]
        self.first_s, self.last_s = times_s[0], times_s[-1]
        count = int((self.last_s - self.first_s) / STEP_S) + 2
        self._even_j = [self._at(readings, times_s, n) for n in range(count)]

    def _at(
        self, readings: Sequence[tuple[float, float]], times_s: Sequence[float], n: int
    ) -> float:
        time_s = min(self.first_s + n * STEP_S, self.last_s)
        place = min(max(1, bisect_left(times_s, time_s)), len(readings) - 1)
        (begin_s, begin_j), (end_s, end_j) = readings[place - 1], readings[place]
        if end_s <= begin_s:
            return end_j
        return begin_j + (end_j - begin_j) * (time_s - begin_s) / (end_s - begin_s)

    def at(self, time_s: float) -> float:
        """Joules at a time between the first reading and the last."""
        place, share = divmod((time_s - self.first_s) / STEP_S, 1)
        last = len(self._even_j) - 1
        before, after = (self._even_j[min(n, last)] for n in (int(place), int(place) + 1))
        return before + share * (after - before)


def _fits(energy: _Energy, seen: Sequence[Seen]) -> Iterator[_Fit | None]:
    """The best line for each latency and window."""
    steps = round((MOST_LATENCY_S + MOST_WINDOW_S) / STEP_S)
    # The energy at each reading's time less 0, 1, 2 … steps.
    past_j = [[energy.at(each.time_s - n * STEP_S) for n in range(steps + 1)] for each in seen]
    powers_w = [each.power_w for each in seen]
    for latency in range(round(MOST_LATENCY_S / STEP_S) + 1):
        for window in range(1, round(MOST_WINDOW_S / STEP_S) + 1, 2):
            window_s = window * STEP_S
            means_w = [(row[latency] - row[latency + window]) / window_s for row in past_j]
            yield _line(latency * STEP_S, window_s, means_w, powers_w)


def _line(
    latency_s: float, window_s: float, means_w: Sequence[float], powers_w: Sequence[float]
) -> _Fit | None:
    """Least squares; None if the power inside did not change, or the meter falls as it rises."""
    n = len(powers_w)
    mean_x, mean_y = math.fsum(means_w) / n, math.fsum(powers_w) / n
    sxx = math.fsum((x - mean_x) ** 2 for x in means_w)
    sxy = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(means_w, powers_w, strict=True))
    if sxx <= 0 or sxy <= 0:
        return None
    factor = sxy / sxx
    base_w = mean_y - factor * mean_x
    squares = math.fsum(
        (y - base_w - factor * x) ** 2 for x, y in zip(means_w, powers_w, strict=True)
    )
    return _Fit(latency_s, window_s, base_w, factor, squares)


def _delay_s(fit: _Fit) -> float:
    return fit.latency_s + fit.window_s / 2


def of_counter(
    inside_j: Sequence[tuple[float, float]], counted_j: Sequence[tuple[float, float]]
) -> Delay:
    """The delay of a meter that counts, from its mean powers between two of its readings.

    Such a mean lies half the time between them in the past, which is not a delay of the counter.
    Raises ValueError as `find_delay` does.
    """
    steps = [
        (end_s, end_s - begin_s, end_j - begin_j)
        for (begin_s, begin_j), (end_s, end_j) in pairwise(counted_j)
        if end_s > begin_s and end_j > begin_j
    ]
    found = find_delay(inside_j, [Seen(at_s, step_j / over_s) for at_s, over_s, step_j in steps])
    usual_s = median(over_s for _, over_s, _ in steps)
    return replace(found, delay_s=found.delay_s - usual_s / 2)
