"""The result of a cell, with latency percentiles. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

QUANTILES = (0.5, 0.9, 0.99)
# How latencies were measured: every call, or chunk means followed by a pass of single calls.
Taken = Literal["every call", "latency pass"]


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of the time of one call, seconds, and the number of calls."""

    taken: Taken
    calls: int
    p50_s: float
    p90_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class CellResult:
    """A cell that was run; `skipped` has the reason if it was not.

    `call_s` is the mean time of a call, `call_error_s` the half-width of its 95 % interval, from
    the spread of calls or chunks. `checksum` is the sum of the last output's magnitudes. Not all
    MACs could be counted if `macs_at_least`. `counts` has totals by name, if any were counted.
    """

    label: str
    repeat: int | None
    batch: int
    macs: int | None
    parameters: int | None
    inferences: int = 0
    seconds: float = 0.0
    latency: Latency | None = None
    call_s: float | None = None
    call_error_s: float | None = None
    checksum: float | None = None
    interrupted: bool = False
    skipped: str | None = None
    macs_at_least: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def inferences_per_s(self) -> float | None:
        """Throughput; None if nothing was counted."""
        return self.inferences / self.seconds if self.inferences and self.seconds > 0 else None

    def per_s(self, name: str) -> float | None:
        """Throughput in another unit; None if nothing was counted."""
        count = self.counts.get(name)
        return count / self.seconds if count and self.seconds > 0 else None


def latency_of(taken: Taken, seconds: Sequence[float]) -> Latency | None:
    """Percentiles of the times of single calls; None if there are none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    p50, p90, p99 = (percentile(ordered, q) for q in QUANTILES)
    return Latency(taken, len(ordered), p50, p90, p99)


def percentile(ordered: Sequence[float], quantile: float) -> float:
    """A quantile by linear interpolation between ordered values (Hyndman & Fan's type 7)."""
    place = quantile * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def mean_and_error(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and half-width of its 95 % interval; the values are assumed independent."""
    if not values:
        return None, None
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, 1.96 * math.sqrt(variance / len(values))
