"""How far a node's clock is from that of the first node: exchanges of four stamps, and a line.

Compared are CLOCK_MONOTONIC of both, in which recordings keep their times. An exchange is the one
of NTP (RFC 5905): sent here at t0, received there at t1, answered there at t2, received here at t3.
The offset, there minus here, is ((t1 - t0) + (t2 - t3)) / 2; it is wrong by half the round trip
(t3 - t0) - (t2 - t1) at most, however different the two ways are. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Stamps:
    """One exchange, in nanoseconds: t0 and t3 of the clock here, t1 and t2 of that there."""

    t0: int
    t1: int
    t2: int
    t3: int

    @property
    def offset_ns(self) -> float:
        """The clock there minus the clock here."""
        return ((self.t1 - self.t0) + (self.t2 - self.t3)) / 2

    @property
    def round_trip_ns(self) -> int:
        """How long the two ways took together."""
        return (self.t3 - self.t0) - (self.t2 - self.t1)


@dataclass(frozen=True, slots=True)
class Offset:
    """The clock of the first node minus that of this one, at `at_ns` of this one, ± `error_ns`."""

    at_ns: int
    offset_ns: float
    error_ns: float


@dataclass(frozen=True, slots=True)
class Line:
    """The offset as a line in time: `offset_ns` at `at_ns`, and its drift in parts per million.

    `drift_ppm` is None for a single offset: it is then taken as constant.
    """

    at_ns: int
    offset_ns: float
    drift_ppm: float | None = None

    def offset_at_ns(self, at_ns: float) -> float:
        """The offset at a time of this node's clock."""
        return self.offset_ns + (self.drift_ppm or 0.0) * 1e-6 * (at_ns - self.at_ns)


def best(exchanges: Iterable[Stamps]) -> Offset:
    """The offset from the exchange with the shortest round trip. Raises ValueError for none."""
    found = min(exchanges, key=lambda stamps: stamps.round_trip_ns)
    middle_ns = (found.t0 + found.t3) // 2
    return Offset(middle_ns, found.offset_ns, max(0.0, found.round_trip_ns / 2))


def line(offsets: Sequence[Offset]) -> Line | None:
    """The line through offsets, each weighted by 1/error²; None for none."""
    if not offsets:
        return None
    weights = [1 / max(1.0, each.error_ns) ** 2 for each in offsets]
    whole = math.fsum(weights)
    # Differences from the first are small enough for floating point; times since boot are not.
    first_ns = offsets[0].at_ns
    times = [each.at_ns - first_ns for each in offsets]
    base_ns = offsets[0].offset_ns
    moved = [each.offset_ns - base_ns for each in offsets]
    mean_t = math.fsum(w * t for w, t in zip(weights, times, strict=True)) / whole
    mean_y = math.fsum(w * y for w, y in zip(weights, moved, strict=True)) / whole
    spread = math.fsum(w * (t - mean_t) ** 2 for w, t in zip(weights, times, strict=True))
    if not spread:
        return Line(first_ns, base_ns + mean_y)
    slope = (
        math.fsum(
            w * (t - mean_t) * (y - mean_y) for w, t, y in zip(weights, times, moved, strict=True)
        )
        / spread
    )
    return Line(first_ns, base_ns + mean_y - slope * mean_t, slope * 1e6)
