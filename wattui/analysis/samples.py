"""Statistics of repeated measurements: mean, spread, and an honest interval. Pure.

Samples in order of time are not assumed independent: if their lag-1 autocorrelation r is clearly
above zero (one-sided, 5 %), n samples count as n (1 - r) / (1 + r), the equivalent sample size of a
first-order autoregressive process (Zwiers and von Storch, J. Climate 8, 336, 1995). The interval of
the mean is Student's t for these and for fewer than 30 samples, and else the percentiles of a
bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from recorders.summary.stats import stdev, t95

BOOTSTRAP_FROM = 30
RESAMPLES = 2000
SEED = 1
# With fewer samples their autocorrelation is too uncertain to act upon.
AUTOCORRELATION_FROM = 10
ONE_SIDED_95 = 1.645

Method = Literal["t", "bootstrap"]


@dataclass(frozen=True, slots=True)
class Described:
    """Statistics of samples; those that need two samples are None for one.

    `effective_samples` is the equivalent number of independent ones, `cv` the standard deviation
    over the mean's size, `low95` to `high95` the interval of the mean by `method`.
    """

    samples: int
    effective_samples: float
    mean: float
    median: float
    sd: float | None
    cv: float | None
    low95: float | None
    high95: float | None
    method: Method | None

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean."""
        return None if self.sd is None else self.sd / math.sqrt(self.effective_samples)

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        if self.low95 is None or self.high95 is None:
            return None
        return (self.high95 - self.low95) / 2

    @property
    def are_independent(self) -> bool:
        """Whether there is no sign that a sample depends on the one before."""
        return self.effective_samples == self.samples


def describe(values: Sequence[float]) -> Described:
    """Describe samples in the order in which they were taken; raises ValueError for none."""
    if not values:
        raise ValueError("no samples")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Described(1, 1.0, mean, mean, None, None, None, None, None)
    sd = stdev(values)
    effective = effective_samples(values)
    method: Method = "bootstrap" if BOOTSTRAP_FROM <= len(values) == effective else "t"
    if method == "bootstrap":
        low, high = bootstrap95(values)
    else:
        half = t95(max(1.0, effective - 1)) * sd / math.sqrt(effective)
        low, high = mean - half, mean + half
    cv = sd / abs(mean) if mean else None
    return Described(len(values), effective, mean, median(values), sd, cv, low, high, method)


def autocorrelation(values: Sequence[float]) -> float:
    """Correlation of each value with the one before; 0 if all are equal."""
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    products = math.fsum((a - mean) * (b - mean) for a, b in pairwise(values))
    return products / squares if squares else 0.0


def effective_samples(values: Sequence[float]) -> float:
    """Equivalent number of independent samples, between 2 and their actual number."""
    n = len(values)
    if n < AUTOCORRELATION_FROM:
        return float(n)
    r = autocorrelation(values)
    return max(2.0, n * (1 - r) / (1 + r)) if r > ONE_SIDED_95 / math.sqrt(n) else float(n)


def bootstrap95(values: Sequence[float]) -> tuple[float, float]:
    """2.5 and 97.5 % points of the means of resamples, which are the same every time."""
    n, draw = len(values), random.Random(SEED).choices
    sums = sorted(math.fsum(draw(values, k=n)) for _ in range(RESAMPLES))
    edge = round(0.025 * RESAMPLES)
    return sums[edge] / n, sums[-edge - 1] / n
