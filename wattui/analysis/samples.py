"""Statistics of repeated measurements: mean, spread, and an honest interval. Pure.

Samples in order of time are not assumed independent: see `recorders.summary.stats`. The interval of
the mean is Student's t for those that are not and for fewer than 30, and else the percentiles of a
bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from recorders.summary.stats import (
    LEAST_DEPENDENT,
    Uncertainty,
    degrees_of,
    effective_number,
    stdev,
    t95,
    t_quantile,
)

BOOTSTRAP_FROM = 30
RESAMPLES = 2000
SEED = 1
# An outlier is one in a hundred sets of samples without any.
OUTLIER_P = 0.01

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
    def degrees(self) -> float:
        """Degrees of freedom of its standard deviation."""
        return degrees_of(self.samples, self.effective_samples)

    @property
    def error(self) -> Uncertainty | None:
        """Standard error of the mean."""
        if self.sd is None:
            return None
        return Uncertainty(self.sd / math.sqrt(self.effective_samples), self.degrees)

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        if self.low95 is None or self.high95 is None:
            return None
        return (self.high95 - self.low95) / 2


def describe(values: Sequence[float]) -> Described:
    """Describe samples in the order in which they were taken; raises ValueError for none."""
    if not values:
        raise ValueError("no samples")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Described(1, 1.0, mean, mean, None, None, None, None, None)
    sd = stdev(values)
    effective = effective_number(values)
    method: Method = "bootstrap" if BOOTSTRAP_FROM <= len(values) == effective else "t"
    if method == "bootstrap":
        low, high = bootstrap95(values)
    else:
        half = t95(degrees_of(len(values), effective)) * sd / math.sqrt(effective)
        low, high = mean - half, mean + half
    cv = sd / abs(mean) if mean else None
    return Described(len(values), effective, mean, median(values), sd, cv, low, high, method)


def error_of_mean(values: Sequence[float]) -> Uncertainty | None:
    """Standard error of the mean of samples in order of time; None for fewer than two."""
    if len(values) < 2:
        return None
    effective = effective_number(values)
    standard = stdev(values) / math.sqrt(effective)
    return Uncertainty(standard, degrees_of(len(values), effective))


def outlier(values: Sequence[float]) -> int | None:
    """The index of a sample that does not belong to the others (Grubbs, Technometrics 11, 1, 1969);
    None if there is none, or for fewer than five."""
    n = len(values)
    if n < LEAST_DEPENDENT or (sd := stdev(values)) == 0:
        return None
    mean = math.fsum(values) / n
    place = max(range(n), key=lambda each: abs(values[each] - mean))
    t = t_quantile(OUTLIER_P / n, n - 2)
    critical = (n - 1) / math.sqrt(n) * t / math.sqrt(n - 2 + t * t)
    return place if abs(values[place] - mean) / sd > critical else None


def bootstrap95(values: Sequence[float]) -> tuple[float, float]:
    """2.5 and 97.5 % points of the means of resamples, which are the same every time."""
    n, draw = len(values), random.Random(SEED).choices
    sums = sorted(math.fsum(draw(values, k=n)) for _ in range(RESAMPLES))
    edge = round(0.025 * RESAMPLES)
    return sums[edge] / n, sums[-edge - 1] / n
