"""Reads run files of any size with polars, reduced to what a summary needs."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from recorders.channels import channel_of, is_cumulative
from recorders.counts import INFERENCES, column_of, names_of
from recorders.rows import FIXED_COLUMNS
from recorders.summary.reduction import (
    BEGIN,
    EDGES,
    END,
    LATE,
    EventRow,
    Points,
    Reduction,
    gauges,
    meters,
)
from wattui.runs import parquet
from wattui.runs.blocks import blocks, header, is_reading, most, schema
from wattui.runs.run_file import is_parquet
from wattui.runs.traces import Binner

BASELINES = ("idle", "armed")
_WHERE = ("time_s", "phase", "label", "repeat", "inferences")


def reduce_csv(
    path: Path, remarks: list[str] | None = None, binner: Binner | None = None
) -> Reduction:
    """Reduce a run file as the recorder did while writing it.

    The readings of each second are kept for idle and armed phases, where the summary needs them.
    `remarks` gets what could not be read; `binner` takes the rows as well, so that they are read
    once. Raises NotARunFileError, or OSError if the file cannot be read.
    """
    names = header(path)
    reducer = _reduced(path, _Reducer(names), binner)
    reduction = reducer.finished()
    # An edge that came late lies between readings of phases expected not to matter.
    if any(row.event.startswith(LATE) for row in reduction.events):
        reducer = _reduced(path, _Reducer(names, every_second=True))
        reduction = reducer.finished()
    if remarks is not None:
        remarks += [*reducer.unread, *(f"{path}: {remark}" for remark in reducer.remarks[:1])]
    return reduction


def reduce_every_second(path: Path, remarks: list[str]) -> Reduction:
    """Reduce a run file, with the readings of every second. Raises as `reduce_csv` does."""
    reducer = _reduced(path, _Reducer(header(path), every_second=True))
    remarks += reducer.unread
    return reducer.finished()


def reduce_edges(path: Path, remarks: list[str]) -> Reduction:
    """Reduce a run file to its rows with events alone, and the last row if a phase is open there.

    What lies between is not read where the format allows. Raises as `reduce_csv` does.
    """
    names = header(path)
    reducer = _Reducer(names)
    has_event = pl.col("event").is_not_null()
    if is_parquet(path):
        kinds = {name: kind for name, kind in schema(names).items() if name in reducer.columns}
        found = list(parquet.frames(path, kinds, where=has_event))
    else:
        found = list(blocks(path, reducer.columns, reducer.unread))
        found = [*(block.filter(has_event) for block in found[:-1]), *found[-1:]]
    for block in found:
        if block.height:
            reducer.take(block)
    remarks += reducer.unread
    if is_parquet(path) and reducer.is_open:
        last = max(0, parquet.rows_of(path) - 1)
        for block in parquet.frames(path, kinds, last):
            reducer.take(block)
    reduction = reducer.finished()
    reduction.seconds.clear()
    return reduction


def _reduced(path: Path, reducer: _Reducer, binner: Binner | None = None) -> _Reducer:
    columns = dict.fromkeys([*reducer.columns, *(binner.columns if binner else ())])
    for block in blocks(path, list(columns), reducer.unread):
        reducer.take(block)
        if binner:
            binner.take(block)
    if binner:
        binner.remarks += reducer.unread
    return reducer


def _cells(name: str) -> pl.Expr:
    """The readings in a column; null where there is none."""
    return pl.when(is_reading(name)).then(name)


def _firsts(names: Sequence[str]) -> Iterator[pl.Expr]:
    """For each column the times of the first reading of each second, and these readings."""
    for name in names:
        time_s = pl.col("time_s").filter(is_reading(name))
        is_first = time_s.floor() != time_s.floor().shift(1, fill_value=-math.inf)
        yield time_s.filter(is_first).implode().alias(f"first {name}")
        yield pl.col(name).filter(is_reading(name)).filter(is_first).implode()


class _Queries:
    """What is asked of each block of a run file with these columns; each answer is one row."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.energy = [name for name in names if is_cumulative(name)]
        by_hand = [f"{meter}_W" for meter in meters(names)]
        self.gauges = gauges(names)
        fixed = [name for name in FIXED_COLUMNS if name != "time_utc"]
        self.names = names_of(names)
        counts = [column_of(name) for name in self.names]
        self.columns = [*fixed, *self.gauges, *self.energy, *by_hand, *counts]
        self.channels = [channel_of(name) for name in self.energy]
        self.meters = [channel_of(name) for name in by_hand]
        texts = [pl.col(name).fill_null("") for name in ("event", "phase", "label")]
        readings = map(_cells, [*self.energy, *by_hand, *counts])
        self.row = [pl.col("time_s"), *texts, pl.col("repeat", "inferences"), *readings]
        row_number = pl.int_range(pl.len()).alias("row")
        self.events = [
            cell.filter(pl.col("event").is_not_null()).implode() for cell in (row_number, *self.row)
        ]
        self.first_gauges = list(_firsts(self.gauges))
        self.first_energies = list(_firsts(self.energy))


_queries = lru_cache(maxsize=64)(_Queries)


class _Reducer:
    """The recorder's reduction, one block of rows at a time.

    `every_second` keeps the readings of each second, not only those of baselines.
    """

    def __init__(self, names: Sequence[str], every_second: bool = False) -> None:
        self._every_second = every_second
        self._reduction = Reduction(list(names[len(FIXED_COLUMNS) :]))
        self._queries = _queries(tuple(names))
        self.columns = self._queries.columns
        self._energy = self._queries.energy
        self._baselines: set[tuple[Any, ...]] = set()
        self._seconds: dict[str, float] = {}
        self._latest: dict[str, pl.DataFrame] = {}
        self._wanted: set[str] = set()
        self._last: dict[str, Any] | None = None
        # The highest of each count so far.
        self._counts: dict[str, int] = {}
        self.unread: list[str] = []
        self.remarks: list[str] = []

    def take(self, block: pl.DataFrame) -> None:
        """Add the next rows."""
        baseline = self._every_second or bool(self._baselines)
        for name in self._wanted.copy():
            self._take_wanted(block, name)
        queries = self._queries
        rows, *answers = block.select(*queries.events, *queries.first_gauges).row(0)
        events, firsts = answers[: len(queries.row) + 1], answers[len(queries.row) + 1 :]
        unread: dict[str, list[int]] = {}
        for number, row in zip(rows, self._event_rows(*events), strict=True):
            self._add_event(row)
            if row.event in EDGES:
                baseline |= self._enter(row)
                for name, channel in zip(self._energy, queries.channels, strict=True):
                    if channel not in row.energy_j:
                        unread.setdefault(name, []).append(number)
        for name, numbers in unread.items():
            self._add_nearest(block, name, numbers)
        self._add_firsts(queries.gauges, firsts)
        if baseline and self._energy:
            self._add_firsts(self._energy, block.select(queries.first_energies).row(0))
        for name in self._energy:
            if block[name].null_count() < block.height:
                self._latest[name] = block
        self._last = block.row(-1, named=True)

    @property
    def is_open(self) -> bool:
        """Whether more phases have begun than ended."""
        events = Counter(row.event for row in self._reduction.events)
        return events[BEGIN] > events[END]

    def finished(self) -> Reduction:
        """The reduction; the last row ends any phase still open."""
        if self._last is not None:
            time_s, phase, label, repeat, inferences = (self._last[name] for name in _WHERE)
            read = {name: self._last[name] for name in self._energy}
            energy_j = {
                channel_of(name): value
                for name, value in read.items()
                if value is not None and abs(value) <= most(name)
            }
            where = phase or "", label or "", repeat
            counts = self._counted(self._last[column_of(name)] for name in self._queries.names)
            self._add_event(EventRow(time_s, "", *where, inferences, energy_j, counts=counts))
        for points in self._reduction.seconds.values():
            _sort(points)
        return self._reduction

    def _event_rows(self, *columns: Sequence[Any]) -> Iterator[EventRow]:
        """Rows as events, from the cells of each column of the query `row`."""
        channels, by_hand = self._queries.channels, self._queries.meters
        first = len(channels) + len(by_hand)
        for time_s, event, phase, label, repeat, count, *cells in zip(*columns, strict=True):
            energy_j = dict(zip(channels, cells, strict=False))
            if None in energy_j.values():
                energy_j = {name: value for name, value in energy_j.items() if value is not None}
            by_meter = zip(by_hand, cells[len(channels) : first], strict=True) if by_hand else ()
            power_w = {m: w for m, w in by_meter if w is not None and m not in energy_j}
            counts = self._counted(cells[first:])
            yield EventRow(time_s, event, phase, label, repeat, count, energy_j, power_w, counts)

    def _counted(self, cells: Iterable[int | None]) -> dict[str, int]:
        """What else than inferences was counted, from the cells of these columns."""
        each = zip(self._queries.names, cells, strict=True)
        return {name: n for name, n in each if n is not None}

    def _add_event(self, row: EventRow) -> None:
        """Keep an event; a count that decreases, which none can, becomes unknown."""
        found = row.every_count
        for name in [name for name, n in found.items() if n < self._counts.get(name, 0)]:
            self.remarks.append(f"the count of {name} decreases at {row.time_s:g} s: left out")
            del found[name]
        self._counts |= found
        row.inferences, row.counts = found.pop(INFERENCES, None), found
        self._reduction.events.append(row)

    def _enter(self, row: EventRow) -> bool:
        """Track the open baselines; returns whether one begins."""
        key = (row.phase, row.label, row.repeat)
        if row.phase in BASELINES and row.event == BEGIN:
            self._baselines.add(key)
            return True
        self._baselines.discard(key)
        return False

    def _add_firsts(self, names: Sequence[str], firsts: Sequence[list[float]]) -> None:
        """The first reading of each second of a block in each column, and its time."""
        for name, times_s, values in zip(names, firsts[::2], firsts[1::2], strict=True):
            if not times_s:
                continue
            again = int(math.floor(times_s[0]) == self._seconds.get(name))
            self._seconds[name] = math.floor(times_s[-1])
            points = self._reduction.seconds.setdefault(
                channel_of(name) if is_cumulative(name) else name, Points()
            )
            points.time_s.extend(times_s[again:])
            points.value.extend(values[again:])

    def _add_nearest(self, block: pl.DataFrame, name: str, unread: Sequence[int]) -> None:
        """The readings on both sides of every edge at which a channel was not read."""
        if not unread:
            return
        known = _known(block.with_row_index("row"), name, "row")
        rows = known["row"].to_list()
        for row in unread:
            before, after = bisect_left(rows, row), bisect_right(rows, row)
            if before:
                self._keep_nearest(known, name, before - 1)
            elif name in self._latest:
                self._keep_nearest(_known(self._latest[name], name), name, -1)
            if after < len(rows):
                self._keep_nearest(known, name, after)
            else:
                self._wanted.add(name)

    def _take_wanted(self, block: pl.DataFrame, name: str) -> None:
        known = _known(block, name)
        if known.height:
            self._keep_nearest(known, name, 0)
            self._wanted.discard(name)

    def _keep_nearest(self, known: pl.DataFrame, name: str, place: int) -> None:
        if known.height:
            found = self._reduction.nearest.setdefault(channel_of(name), [])
            found.append((known["time_s"][place], known[name][place]))


def _known(block: pl.DataFrame, name: str, *beside: str) -> pl.DataFrame:
    """The rows in which a column was read."""
    return block.select("time_s", name, *beside).filter(is_reading(name))


def _sort(points: Points) -> None:
    """Sort readings by time: one that came late is stored after later ones."""
    if not pl.Series(points.time_s).is_sorted():
        pairs = sorted(zip(points.time_s, points.value, strict=True))
        for place, (time_s, value) in enumerate(pairs):
            points.time_s[place], points.value[place] = time_s, value
