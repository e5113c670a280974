"""Bounded history of time series: extremes, sums and counts in rings of ever coarser bins. Pure.

Each level's bins nest in those of the next level, which receive a bin's readings when the next bin
begins. A query needs only the level whose bins are just fine enough; old times stay available, more
coarsely.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice, pairwise
from typing import TypeAlias, TypeVar

# Lowest and highest reading of an interval.
Bin: TypeAlias = tuple[float, float]

# Multiplying by 10 puts a decimal time on its grid; dividing by 0.1 may fall short of it.
BINS_PER_S = 10
BIN_S = 1 / BINS_PER_S
# Each level's bin is 4 of the one before: 0.1 s for 7 minutes, …, 102.4 s for 4.8 days.
LEVELS = 6
LEVEL_BITS = 2
RING_BINS = 4096
# Bin widths that hold whole bins of a level, so that an answer is exact and never changes.
BIN_STEPS_S = tuple(2**power / BINS_PER_S for power in range(LEVEL_BITS * LEVELS))
# An edge this close to the grid lies on it, in bins.
ON_GRID = 1e-6
# Empty bins: the extremes of nothing are inf and -inf.
NO_LOWS, NO_HIGHS = array("f", [math.inf]) * RING_BINS, array("f", [-math.inf]) * RING_BINS
NO_SUMS, NO_COUNTS = array("d", [0.0]) * RING_BINS, array("I", [0]) * RING_BINS

# Rings grow by this many bins until they are full.
GROWTH_BINS = 256
# For this many recent rows it is known which times they changed.
RECENT_ROWS = 256

Number = TypeVar("Number", int, float)


class History:
    """Readings of a fixed set of columns over days; up to 0.5 MB a column.

    Times are seconds of any one clock; rows may come late.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self._levels = {column: _levels() for column in columns}
        self._latest: dict[str, tuple[float, float]] = {}
        self._recent_s: deque[float] = deque(maxlen=RECENT_ROWS)
        self.rows = 0
        self.first_s: float | None = None
        self.last_s: float | None = None

    def add(self, time_s: float, values: Mapping[str, float]) -> None:
        """Add a row; absent, infinite and NaN values, and other columns, are ignored."""
        if self.first_s is None or time_s < self.first_s:
            self.first_s = time_s
        if self.last_s is None or time_s > self.last_s:
            self.last_s = time_s
        self.rows += 1
        self._recent_s.append(time_s)
        place = math.floor(time_s * BINS_PER_S)
        for column, value in values.items():
            if column in self._levels and math.isfinite(value):
                self._levels[column][0].add(place, value, value, value, 1)
                if column not in self._latest or time_s >= self._latest[column][0]:
                    self._latest[column] = time_s, value

    def replace(self, column: str, readings: Iterable[tuple[float, float]]) -> None:
        """Forget the readings of a column, and take these, each a time and a value, instead."""
        self._levels[column] = _levels()
        self._latest.pop(column, None)
        for time_s, value in readings:
            self.add(time_s, {column: value})
        self.rows += 1
        self._recent_s.append(-math.inf)

    def keep(self, columns: Iterable[str]) -> None:
        """Go on with these columns: forget all others, and begin those that are new.

        A graph of a forgotten one may still be on the screen: it has no readings.
        """
        self._levels = {name: self._levels.get(name) or _levels() for name in columns}
        self._latest = {n: each for n, each in self._latest.items() if n in self._levels}

    def add_bin(self, column: str, time_s: float, found: Bin, mean: float, count: int) -> None:
        """Add `count` readings from about one time together: their extremes and their mean."""
        self.first_s = time_s if self.first_s is None else min(time_s, self.first_s)
        self.last_s = time_s if self.last_s is None else max(time_s, self.last_s)
        self.rows += count
        place = math.floor(time_s * BINS_PER_S)
        self._levels[column][0].add(place, *found, mean * count, count)
        self._latest[column] = time_s, mean

    def latest(self, column: str) -> tuple[float, float] | None:
        """Time and value of the newest reading."""
        return self._latest.get(column)

    def earliest_since(self, rows: int) -> float:
        """The earliest time of the rows after the first `rows`; -inf if that is forgotten."""
        new = self.rows - rows
        if new > len(self._recent_s):
            return -math.inf
        return min(islice(reversed(self._recent_s), new), default=math.inf)

    def exact_since_s(self, column: str, bin_s: float) -> float:
        """The time from which bins of this width are available; before it, only wider ones are."""
        return self._settled(column)[_fitting(bin_s)].oldest_s

    def bins(self, column: str, start_s: float, bin_s: float, count: int) -> list[Bin | None]:
        """Extremes in each [start_s + i·bin_s, start_s + (i + 1)·bin_s), None without a reading.

        Exact for a `bin_s` of `BIN_STEPS_S` and a `start_s` that is a multiple of it; with others a
        reading may count in a neighbouring bin, off by less than a bin. Times held only in wider
        bins get those bins' extremes.
        """
        found: list[Bin | None] = []
        for level in self._settled(column)[_fitting(bin_s) :]:
            lost = min(count, max(0, math.ceil((level.oldest_s - start_s) / bin_s - ON_GRID)))
            found = level.bins(start_s + lost * bin_s, bin_s, count - lost) + found
            count = lost
        return [None] * count + found

    def stats(self, column: str, start_s: float, end_s: float) -> tuple[float, float] | None:
        """Mean and maximum of the readings in [start_s, end_s), to a bin of the finest level left.

        The mean is over readings, not over time.
        """
        levels = self._settled(column)
        level = next((level for level in levels if level.oldest_s <= start_s), levels[-1])
        return level.stats(start_s, end_s)

    @property
    def size_bytes(self) -> int:
        """Memory of all bins."""
        return sum(level.size_bytes for levels in self._levels.values() for level in levels)

    def _settled(self, column: str) -> list[_Level]:
        """A column's levels from fine to coarse, with all readings in their rings."""
        levels = self._levels.get(column) or _levels()
        for level in levels:
            level.settle()
        return levels


class _Level:
    """The newest bins of one width in a ring, plus the bin being filled."""

    def __init__(self, bin_s: float, coarser: _Level | None) -> None:
        self._bin_s = bin_s
        self._coarser = coarser
        self._newest: int | None = None
        self._lows, self._highs = NO_LOWS[:0], NO_HIGHS[:0]
        self._sums, self._counts = NO_SUMS[:0], NO_COUNTS[:0]
        self._begin(0)

    def _begin(self, place: int) -> None:
        self._place = place
        self._low, self._high, self._sum, self._count = math.inf, -math.inf, 0.0, 0

    @property
    def size_bytes(self) -> int:
        """Memory of the ring."""
        arrays = (self._lows, self._highs, self._sums, self._counts)
        return sum(len(values) * values.itemsize for values in arrays)

    @property
    def oldest_s(self) -> float:
        """Where the oldest bin that is held begins."""
        return self._oldest * self._bin_s

    def add(self, place: int, low: float, high: float, total: float, count: int) -> None:
        """Add readings to the bin number `place`."""
        if place != self._place:
            self.settle()
            self._place = place
        if low < self._low:
            self._low = low
        if high > self._high:
            self._high = high
        self._sum += total
        self._count += count

    def settle(self) -> None:
        """Put the bin being filled into the ring and pass it to the coarser level."""
        if self._count:
            low, high, total, count = self._low, self._high, self._sum, self._count
            self._merge(self._place, low, high, total, count)
            if self._coarser:
                self._coarser.add(self._place >> LEVEL_BITS, low, high, total, count)
            self._begin(self._place)

    def bins(self, start_s: float, bin_s: float, count: int) -> list[Bin | None]:
        """Extremes in each of `count` intervals; for a narrower one, those of the bin around it."""
        edges = [
            math.floor((start_s + number * bin_s) / self._bin_s + ON_GRID) - self._oldest
            for number in range(count + 1)
        ]
        before, end = max(0, edges[0]), edges[-1] + 1
        lows = self._part(self._lows, NO_LOWS, before, end)
        highs = self._part(self._highs, NO_HIGHS, before, end)
        found: list[Bin | None] = []
        for first, end in pairwise(edges):
            part = slice(max(0, first - before), max(0, end - before, first + 1 - before))
            high = max(highs[part], default=-math.inf)
            found.append(None if high == -math.inf else (min(lows[part]), high))
        return found

    def stats(self, start_s: float, end_s: float) -> tuple[float, float] | None:
        """Mean and highest reading of all bins that [start_s, end_s) touches."""
        first = math.floor(start_s / self._bin_s + ON_GRID) - self._oldest
        end = math.ceil(end_s / self._bin_s - ON_GRID) - self._oldest
        count = sum(self._part(self._counts, NO_COUNTS, first, end))
        if not count:
            return None
        highest = max(self._part(self._highs, NO_HIGHS, first, end))
        return sum(self._part(self._sums, NO_SUMS, first, end)) / count, highest

    @property
    def _oldest(self) -> int:
        return (self._newest or 0) - RING_BINS + 1

    def _part(
        self, values: array[Number], nothing: array[Number], first: int, end: int
    ) -> array[Number]:
        """Bins of one of the arrays in order, counted from the oldest, as far as there are any."""
        first, end = max(0, first), min(RING_BINS, end)
        if first >= end:
            return values[:0]
        slot = (self._oldest + first) % RING_BINS
        over = slot + end - first - RING_BINS
        if over <= 0:
            return _cut(values, nothing, slot, slot + end - first)
        return _cut(values, nothing, slot, RING_BINS) + _cut(values, nothing, 0, over)

    def _merge(self, place: int, low: float, high: float, total: float, count: int) -> None:
        """Add readings to a bin of the ring, unless it is older than all that it holds."""
        slot = place % RING_BINS
        if self._newest is None or place >= self._oldest:
            self._grow(slot)
        if self._newest is None or place > self._newest:
            self._advance(place)
            self._lows[slot], self._highs[slot] = low, high
            self._sums[slot], self._counts[slot] = total, count
        elif place >= self._oldest:
            self._lows[slot] = min(low, self._lows[slot])
            self._highs[slot] = max(high, self._highs[slot])
            self._sums[slot] += total
            self._counts[slot] += count

    def _grow(self, slot: int) -> None:
        """Make room for a slot: a ring is only as long as it needs to be."""
        if slot >= len(self._lows):
            part = slice(len(self._lows), min(RING_BINS, slot + GROWTH_BINS))
            self._lows += NO_LOWS[part]
            self._highs += NO_HIGHS[part]
            self._sums += NO_SUMS[part]
            self._counts += NO_COUNTS[part]

    def _advance(self, place: int) -> None:
        """Make `place` the newest bin and empty those since the last one."""
        between = 0 if self._newest is None else min(place - self._newest, RING_BINS) - 1
        self._newest = place
        if between:
            first, end = (place - between) % RING_BINS, place % RING_BINS
            if first < end:
                self._empty(first, end)
            else:
                self._empty(first, RING_BINS)
                self._empty(0, end)

    def _empty(self, first: int, end: int) -> None:
        end = min(end, len(self._lows))
        part, length = slice(first, end), max(0, end - first)
        self._lows[part] = NO_LOWS[:length]
        self._highs[part] = NO_HIGHS[:length]
        self._sums[part] = NO_SUMS[:length]
        self._counts[part] = NO_COUNTS[:length]


def _cut(values: array[Number], nothing: array[Number], first: int, end: int) -> array[Number]:
    """A slice of an array, padded with empty bins."""
    found = values[first:end]
    return found + nothing[: end - first - len(found)]


def _levels() -> list[_Level]:
    """Levels from fine to coarse, each of which passes its bins to the next."""
    levels: list[_Level] = []
    for number in reversed(range(LEVELS)):
        levels.insert(0, _Level(BIN_S * 2 ** (LEVEL_BITS * number), levels[0] if levels else None))
    return levels


def _fitting(bin_s: float) -> int:
    """Number of the coarsest level whose bins are no wider than `bin_s`, or of the finest."""
    power = math.floor(math.log2(max(1.0, bin_s * BINS_PER_S + ON_GRID)))
    return min(power // LEVEL_BITS, LEVELS - 1)
