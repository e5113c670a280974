"""Rows of a run file at which nothing happens but readings, written in columns: the same lines as
one row at a time, only faster."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from recorders.channel_state import Meter
from recorders.counter import Counter, Integrator
from recorders.plausible import limits
from recorders.rows import Layout
from recorders.source import UNNAMED
from wattui.analysis.importers.samples import TIME

if TYPE_CHECKING:
    import polars as pl

# Shorter runs of rows than this on average are not worth it.
SHORTEST_RUN = 16
_Column = Sequence[float | None]


class PlainRows:
    """Tells plain rows from others, and writes them with the same meters.

    `most_ns` has the longest time between two readings of an integrated channel without a gap.
    """

    def __init__(
        self, layout: Layout, meters: Mapping[str, Meter], most_ns: Mapping[str, float]
    ) -> None:
        self._layout, self._meters, self._most_ns = layout, meters, most_ns

    def runs(
        self, block: pl.DataFrame, edges_ns: Collection[int]
    ) -> Iterator[tuple[bool, pl.DataFrame]]:
        """The rows of a block in runs, and whether they are plain.

        A row is not if it is the first or last of the block, the first at or after an edge, after a
        gap, shares its time, or has a reading that is implausible, of a counter, or by hand.
        """
        names = block.columns[2:]
        found = [(False, block)]
        if all(map(self._is_plain, names)) and block[TIME].is_sorted():
            is_odd = self._odd(block, names, edges_ns)
            lengths = is_odd.rle().struct.unnest()
            if lengths.height * SHORTEST_RUN <= block.height + 2 * SHORTEST_RUN:
                ends = lengths["len"].cum_sum().to_list()
                cuts = zip([0, *ends], ends, lengths["value"].to_list(), strict=False)
                found = [(not odd, block[start:end]) for start, end, odd in cuts]
        yield from found

    def _is_plain(self, name: str) -> bool:
        meter = self._meters[name]
        return meter.channel.origin != "manual" and not isinstance(meter.counter, Counter)

    def _odd(
        self, block: pl.DataFrame, names: Sequence[str], edges_ns: Collection[int]
    ) -> pl.Series:
        import polars as pl

        time = pl.col(TIME)
        odd = [time == time.shift(1), time == time.shift(-1)]
        odd.append(pl.all_horizontal([pl.col(name).is_null() for name in names]))
        for name in names:
            channel = self._meters[name].channel
            odd.append(~pl.col(name).is_between(*limits(channel.unit, channel.bound_w)))
            if name in self._most_ns:
                read = pl.when(pl.col(name).is_not_null()).then(time)
                since_ns = (read - read.forward_fill().shift(1)).fill_null(1 << 62)
                odd.append(read.is_not_null() & (since_ns > math.floor(self._most_ns[name])))
        is_odd = block.select(pl.any_horizontal(odd).fill_null(False)).to_series()
        first_ns, last_ns = block[TIME][0], block[TIME][-1]
        inside = [edge_ns for edge_ns in edges_ns if first_ns <= edge_ns <= last_ns]
        found = block[TIME].search_sorted(pl.Series(inside, dtype=pl.Int64), "left")
        return is_odd.scatter([0, block.height - 1, *found.to_list()], True)

    def lines(self, rows: pl.DataFrame, times_ns: Sequence[int], begins: Sequence[str]) -> str:
        """The lines of plain rows at these times of the recording; `begins` are their cells before
        the readings."""
        cells = [[""] * len(times_ns)] * self._layout.width
        summed: list[tuple[int, _Column, _Column]] = []
        for name in rows.columns[2:]:
            meter, place = self._meters[name], self._layout.place[name]
            values = rows[name].to_list()
            if not isinstance(meter.counter, Integrator):
                cells[place] = _texts(values, 0 if meter.channel.unit in UNNAMED else 2)
                continue
            energies_j = meter.counter.update_all(values, times_ns)
            cells[place : place + 2] = _texts(energies_j, 6), _texts(values, 3)
            if self._layout.is_summed(meter.channel):
                summed.append((place, energies_j, values))
        if summed and len(summed) == self._layout.parts:
            (place, *_), energies, powers = zip(*summed, strict=True)
            is_one = len(summed) == 1
            cells[-2] = cells[place] if is_one else _texts(_sums(energies), 6)
            cells[-1] = cells[place + 1] if is_one else _texts(_sums(powers), 3)
        return "".join([f"{','.join(each)}\n" for each in zip(begins, *cells, strict=True)])


def _texts(values: _Column, decimals: int) -> list[str]:
    form = f"%.{decimals}f"
    if None in values:
        return ["" if value is None else form % value for value in values]
    return [form % value for value in values]


def _sums(columns: Sequence[_Column]) -> _Column:
    """The sum of each row, added up in order; None where one is missing."""
    return [None if None in row else _sum(row) for row in zip(*columns, strict=True)]


def _sum(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total
