"""Energy over any stretch of a recording, from cumulative counters in bounded memory. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping

# 16 bytes each plus spare array capacity: under 0.3 MB per channel.
MOST_READINGS = 16384


class CounterHistory:
    """Cumulative energy of a fixed set of columns; rows may be late and cells missing."""

    def __init__(self, columns: Iterable[str], most: int = MOST_READINGS) -> None:
        self._counters = {column: _Counter(most) for column in columns}

    def add(self, time_s: float, values: Mapping[str, float]) -> None:
        """Add a row; missing columns are skipped."""
        for column, counter in self._counters.items():
            if column in values:
                counter.add(time_s, values[column])

    def between(self, column: str, start_s: float, end_s: float) -> float | None:
        """Joules from `start_s` to `end_s`; None unless both are within the readings."""
        counter = self._counters.get(column)
        start_j, end_j = (counter.at(start_s), counter.at(end_s)) if counter else (None, None)
        return None if start_j is None or end_j is None else end_j - start_j

    def mean_w(self, column: str, start_s: float, end_s: float) -> float | None:
        """Mean power from the first to the last reading of a stretch; None if under two."""
        counter = self._counters.get(column)
        return counter.mean_w(start_s, end_s) if counter else None


class _Counter:
    """Readings in time order; when there are many, the older half is thinned out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times_s, self._energies_j = array("d"), array("d")

    def add(self, time_s: float, energy_j: float) -> None:
        """Add a reading, replacing one at the same time."""
        times_s, energies_j = self._times_s, self._energies_j
        place = bisect_left(times_s, time_s) if times_s and time_s <= times_s[-1] else len(times_s)
        if place < len(times_s) and times_s[place] == time_s:
            energies_j[place] = energy_j
            return
        times_s.insert(place, time_s)
        energies_j.insert(place, energy_j)
        if len(times_s) >= self._most:
            half = len(times_s) // 2
            self._times_s = times_s[:half:2] + times_s[half:]
            self._energies_j = energies_j[:half:2] + energies_j[half:]

    def mean_w(self, start_s: float, end_s: float) -> float | None:
        """Energy over time from the first to the last reading of [start_s, end_s), watts."""
        first = bisect_left(self._times_s, start_s)
        last = bisect_left(self._times_s, end_s) - 1
        if last <= first:
            return None
        energy_j = self._energies_j[last] - self._energies_j[first]
        return energy_j / (self._times_s[last] - self._times_s[first])

    def at(self, time_s: float) -> float | None:
        """The counter at a moment, interpolated linearly between readings."""
        times_s, energies_j = self._times_s, self._energies_j
        place = bisect_left(times_s, time_s)
        if place == len(times_s) or (place == 0 and times_s[0] != time_s):
            return None
        if times_s[place] == time_s:
            return energies_j[place]
        before_s, before_j, after_j = times_s[place - 1], energies_j[place - 1], energies_j[place]
        share = (time_s - before_s) / (times_s[place] - before_s)
        return min(after_j, before_j + share * (after_j - before_j))
