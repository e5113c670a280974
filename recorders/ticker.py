"""Deadlines on a fixed grid, and how late they were met."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

MIN_RATE_HZ, MAX_RATE_HZ = 0.1, 1000.0
BIN_NS = 10_000
BINS = 5000


class Ticker:
    """Deadlines at whole multiples of the period since `start_ns`; missed ones are skipped.

    `deadline_ns` is CLOCK_MONOTONIC of the next one.
    """

    def __init__(self, rate_hz: float, start_ns: int) -> None:
        self.period_ns = round(1e9 / rate_hz)
        self._start_ns = start_ns
        self.deadline_ns = start_ns
        self.missed = 0
        self.ticks = 0
        self.lateness = Histogram()
        self.interval = Histogram(max(BIN_NS, 10 * self.period_ns // BINS))
        self._last_ns: int | None = None

    @property
    def rate_hz(self) -> float | None:
        """Ticks per second from the first to the last; None before the second."""
        if self._last_ns is None or self.ticks < 2:
            return None
        return (self.ticks - 1) * 1e9 / (self._last_ns - self._start_ns)

    def tick(self, now_ns: int) -> None:
        """Note that the due tick was served at `now_ns`, and advance to the next one ahead."""
        self.lateness.add(now_ns - self.deadline_ns)
        if self._last_ns is not None:
            self.interval.add(now_ns - self._last_ns)
        self._last_ns = now_ns
        self.ticks += 1
        missed = (now_ns - self.deadline_ns) // self.period_ns
        self.missed += missed
        self.deadline_ns += (missed + 1) * self.period_ns


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a histogram, milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float


class Histogram:
    """Durations in 5000 bins of 10 µs, plus the exact maximum; bounded memory."""

    def __init__(self, bin_ns: int = BIN_NS) -> None:
        self._bin_ns = bin_ns
        # Few bins are ever used, so that the percentiles are found quickly.
        self._counts: dict[int, int] = {}
        self._max_ns = 0

    def add(self, duration_ns: int) -> None:
        """Count one duration."""
        place = duration_ns // self._bin_ns if duration_ns > 0 else 0
        place = place if place < BINS else BINS
        self._counts[place] = self._counts.get(place, 0) + 1
        if duration_ns > self._max_ns:
            self._max_ns = duration_ns

    def spread(self) -> Spread | None:
        """Median, 99th percentile (upper edge of its bin) and maximum, or None when empty."""
        if not self._counts:
            return None
        places = sorted(self._counts)
        sums = list(accumulate(self._counts[place] for place in places))

        def percentile_ms(share: float) -> float:
            place = places[bisect_left(sums, share * sums[-1])]
            return min(self._max_ns / 1e6, (place + 1) * self._bin_ns / 1e6)

        return Spread(percentile_ms(0.5), percentile_ms(0.99), self._max_ns / 1e6)
