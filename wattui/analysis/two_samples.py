"""Compares two sets of samples: difference of their means, rank test. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from recorders.summary.stats import Uncertainty, t_quantile
from wattui.analysis.samples import Described

# The exact distribution of U is tabulated up to this many rank sums; beyond, it is nearly normal.
EXACT_TO = 50
# How often a difference of the size asked for is to be seen, and the most samples to ask for.
POWER, MOST_ASKED = 0.8, 1000


@dataclass(frozen=True, slots=True)
class RankTest:
    """Mann and Whitney's U of the second set, and its two-sided p."""

    u: float
    p: float
    is_exact: bool


def one_more(samples: Described, value: float, times: float = 1.0) -> Uncertainty | None:
    """The uncertainty of a single value minus `times` the mean of the samples.

    The value is assumed to scatter like the samples, in proportion to its size: with 1 for `times`
    and a value as large as their mean it is sd √(1 + 1/n), as in the prediction interval of one
    more sample. None for one sample.
    """
    if samples.sd is None or samples.error is None:
        return None
    sd = samples.cv * abs(value) if samples.cv is not None else samples.sd
    return Uncertainty(math.hypot(sd, times * samples.error.standard), samples.degrees)


def samples_to_see(share: float, cvs: Sequence[float], alpha: float) -> int | None:
    """How many samples on each side show a difference of this share four times in five, if they
    scatter by these coefficients of variation; None if more than MOST_ASKED."""
    relative = math.sqrt(math.fsum(cv**2 for cv in cvs)) / share
    return next((n for n in range(2, MOST_ASKED + 1) if _reach(n, alpha) * relative <= 1), None)


@cache
def _reach(n: int, alpha: float) -> float:
    """The difference that n samples on each side show, over the root of their summed variances."""
    degrees = 2.0 * (n - 1)
    return (t_quantile(alpha, degrees) + t_quantile(2 * (1 - POWER), degrees)) / math.sqrt(n)


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> RankTest | None:
    """Rank test of two sets of independent samples; None if one is empty or all values are equal.

    Exact without ties and up to 50 samples together (Mann and Whitney, 1947), else by the normal
    approximation with the corrections for ties and for continuity.
    """
    n, m = len(a), len(b)
    if not n or not m or len({*a, *b}) == 1:
        return None
    values = sorted([*a, *b])
    ranks: dict[float, float] = {}
    ties = Counter(values)
    before = 0
    for value, count in ties.items():
        ranks[value] = before + (count + 1) / 2
        before += count
    u = math.fsum(ranks[value] for value in b) - m * (m + 1) / 2
    if len(ties) == n + m <= EXACT_TO:
        counts = _counts(n, m)
        tail = sum(counts[: round(min(u, n * m - u)) + 1])
        return RankTest(u, min(1.0, 2 * tail / sum(counts)), True)
    total = n + m
    tied = math.fsum(count**3 - count for count in ties.values()) / (total * (total - 1))
    sd = math.sqrt(n * m / 12 * (total + 1 - tied))
    z = max(0.0, abs(u - n * m / 2) - 0.5) / sd
    return RankTest(u, math.erfc(z / math.sqrt(2)), False)


@cache
def _counts(n: int, m: int) -> tuple[int, ...]:
    """The number of orders of n and m values in which U is 0, 1, … n m.

    They are the coefficients of the Gaussian binomial: the product of 1 - q^(m+i) over 1 - q^i.
    """
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for place in range(n * m, m + i - 1, -1):
            counts[place] -= counts[place - m - i]
        for place in range(i, n * m + 1):
            counts[place] += counts[place - i]
    return tuple(counts)


def root(
    low: tuple[float, float],
    high: tuple[float, float],
    value_at: Callable[[float], float],
    least: float,
) -> float:
    """The x between two points (x, y), y below 0 and at or above, at which y is 0.

    By false position (Illinois: Dowell and Jarratt, BIT 11, 168, 1971), to within `least`.
    """
    was, side = low[0], 0
    while high[1] > 0 > low[1]:
        x = (low[0] * high[1] - high[0] * low[1]) / (high[1] - low[1])
        y = value_at(x)
        if abs(x - was) <= least or y == 0:
            return x
        if y < 0:
            low, high = (x, y), (high[0], high[1] / (2 if side < 0 else 1))
        else:
            low, high = (low[0], low[1] / (2 if side > 0 else 1)), (x, y)
        was, side = x, -1 if y < 0 else 1
    return high[0]
