"""Bins of several series over a moving window; only new bins are looked up. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wattui.show.history import ON_GRID, Bin, History
from wattui.show.plot import held

# Utilisation, frequency and temperature are read once a second, perhaps a little late.
HOLD_S = 2.2


class Curves:
    """Bins of one width, numbered from time 0; a reading holds until the next one is due."""

    def __init__(self, columns: Sequence[str], bin_s: float) -> None:
        self.bins: dict[str, list[Bin | None]] = {column: [] for column in columns}
        self._bin_s = bin_s
        self._first = self._end = 0
        self._rows = 0
        self._now_s = -math.inf

    def move(self, history: History, now_s: float, first: int, count: int) -> int:
        """Hold `count` bins from number `first` on, up to now.

        Returns the number of the first bin that may have changed since the last call.
        """
        changed = self._changed(history, first)
        self._rows, self._now_s = history.rows, now_s
        known = self._first <= first <= self._end
        kept = max(first, min(changed, self._end, first + count)) if known else first
        for column, bins in self.bins.items():
            old = bins[first - self._first : kept - self._first] if known else []
            self.bins[column] = old + self._read(history, column, kept, first + count - kept)
        self._first, self._end = first, first + count
        return changed

    def _changed(self, history: History, first: int) -> int:
        if history.rows == self._rows:
            return self._end
        changed_s = min(history.earliest_since(self._rows), self._now_s)
        oldest_s = (history.exact_since_s(column, self._bin_s) for column in self.bins)
        if changed_s == -math.inf or max(oldest_s, default=-math.inf) > first * self._bin_s:
            return first
        return math.floor(changed_s / self._bin_s) - 1

    def _read(self, history: History, column: str, first: int, count: int) -> list[Bin | None]:
        most = math.floor(HOLD_S / self._bin_s)
        before = most + 1
        start_s = (first - before) * self._bin_s
        bins = held(history.bins(column, start_s, self._bin_s, before + count), most)[before:]
        now = math.floor(self._now_s / self._bin_s + ON_GRID) + 1
        past = max(0, min(count, now - first))
        return bins[:past] + [None] * (count - past)
