"""Compares two sets of samples: difference of their means, rank test. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from recorders.summary.stats import t95
from wattui.analysis.samples import Described

# The exact distribution of U is tabulated up to this many rank sums; beyond, it is nearly normal.
EXACT_TO = 50


@dataclass(frozen=True, slots=True)
class RankTest:
    """Mann and Whitney's U of the second set, and its two-sided p."""

    u: float
    p: float
    is_exact: bool


def welch95(a: Described, b: Described, times_a: float = 1.0) -> float | None:
    """Half-width of the 95 % interval of b's mean minus `times_a` times a's.

    Welch's t (Biometrika 34, 28, 1947) with the degrees of freedom of Welch and Satterthwaite;
    dependent samples count as their effective number. None for under two samples.
    """
    if a.standard_error is None or b.standard_error is None:
        return None
    errors = abs(times_a) * a.standard_error, b.standard_error
    # Scaled by the larger: the square of a small error is 0 in a double.
    largest = max(errors[0], errors[1])
    if largest == 0:
        return 0.0
    variances = [(error / largest) ** 2 for error in errors]
    freedoms = [max(1.0, each.effective_samples - 1) for each in (a, b)]
    weights = math.fsum(v * v / f for v, f in zip(variances, freedoms, strict=True))
    degrees = math.fsum(variances) ** 2 / weights
    return t95(max(1.0, degrees)) * largest * math.sqrt(math.fsum(variances))


def one_more95(samples: Described, value: float, times: float = 1.0) -> float | None:
    """Half-width of the 95 % interval of a single value minus `times` the mean of the samples.

    The value is assumed to scatter like the samples, in proportion to its size: with 1 for `times`
    and a value as large as their mean it is t sd √(1 + 1/n), the prediction interval of one more
    sample. None for one sample.
    """
    if samples.sd is None or samples.standard_error is None:
        return None
    sd = samples.cv * abs(value) if samples.cv is not None else samples.sd
    t = t95(max(1.0, samples.effective_samples - 1))
    return t * math.hypot(sd, times * samples.standard_error)


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
