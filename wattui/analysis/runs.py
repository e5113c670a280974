"""Reads run files of any size with polars, reduced to what a summary needs."""

from __future__ import annotations

import csv
import os
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from recorders.reduction import BEGIN, END, GAUGES, EventRow, Points, Reduction, meters
from recorders.rows import FIXED_COLUMNS

BASELINES = ("idle", "armed")
# Every slice of a file costs a pass over the lines before it; so many windows cost one full pass.
SLICES = 4
TAIL_BYTES = 1 << 16


class NotARunFileError(Exception):
    """The file is not a run file; the text says why."""


def reduce_csv(path: Path) -> Reduction:
    """Reduce a run file as the recorder did while it wrote it.

    The readings of each second are kept for idle and armed phases, where the summary needs them.
    Raises NotARunFileError, or OSError where it cannot be read.
    """
    header = _header(path)
    energy = [name for name in header if name.endswith("_J")]
    by_hand = [f"{meter}_W" for meter in meters(header)]
    gauges = [name for name in GAUGES if name in header]
    frame = _whole_lines(path, _scan(path, header))
    reduction = Reduction(header[len(FIXED_COLUMNS) :])
    marked = _marked_rows(frame, [*energy, *by_hand], gauges)
    events = marked.filter(pl.col("event").is_not_null())
    reduction.events += [_event_row(row, energy, by_hand) for row in events.iter_rows(named=True)]
    for name in gauges:
        points = marked.group_by(_SECOND, maintain_order=True).agg(_first(name))
        _add_points(reduction, points, name)
    seconds = _seconds(frame, _baseline_rows(events), energy)
    for name in energy:
        _add_points(reduction, seconds, name)
    _add_nearest(reduction, frame)
    if last := _last_row(path, header):
        reduction.events.append(_event_row({**last, "event": ""}, energy, []))
    return reduction


def write_parquet(path: Path, out: Path) -> None:
    """Write the rows of a run file as Parquet: texts, whole numbers, and doubles.

    Raises NotARunFileError, or OSError where one of the two cannot be opened.
    """
    _whole_lines(path, _scan(path, _header(path))).sink_parquet(out)


_SECOND = pl.col("time_s").floor().alias("second")


def _first(name: str) -> list[pl.Expr]:
    """The first reading of a column, and its time."""
    time_s = pl.when(pl.col(name).is_not_null()).then("time_s")
    return [
        pl.col(name).first(ignore_nulls=True),
        time_s.first(ignore_nulls=True).alias(f"{name} at"),
    ]


def _header(path: Path) -> list[str]:
    with path.open("rb") as file:
        first = file.readline(1 << 16)
    names = first.decode(errors="replace").strip().split(",")
    if tuple(names[: len(FIXED_COLUMNS)]) != FIXED_COLUMNS:
        raise NotARunFileError("its columns do not begin with " + ",".join(FIXED_COLUMNS))
    return names


def _scan(path: Path, header: Sequence[str]) -> pl.LazyFrame:
    text = {"time_utc", "phase", "label", "event"}
    whole = {"repeat", "inferences"}
    schema = {
        name: pl.String if name in text else pl.Int64 if name in whole else pl.Float64
        for name in header
    }
    return pl.scan_csv(path, schema=schema, ignore_errors=True, glob=False)


def _whole_lines(path: Path, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Without a last line that was broken off: half a number is a wrong number."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return frame
    rows = frame.select(pl.len()).collect(engine="streaming").item()
    return frame.head(max(0, rows - 1))


def _marked_rows(frame: pl.LazyFrame, readings: list[str], gauges: list[str]) -> pl.DataFrame:
    """Rows with an event or a gauge, and their number among the rows."""
    columns = [name for name in FIXED_COLUMNS if name != "time_utc"]
    wanted = pl.col("event").is_not_null()
    for name in gauges:
        wanted |= pl.col(name).is_not_null()
    picked = frame.select(*columns, *gauges, *readings).with_row_index("row").filter(wanted)
    return picked.collect(engine="streaming")


def _baseline_rows(events: pl.DataFrame) -> list[tuple[int, int]]:
    """First row and number of rows of each idle or armed phase."""
    begun: dict[Any, int] = {}
    windows = []
    for row in events.iter_rows(named=True):
        key = (row["phase"], row["label"], row["repeat"])
        if row["phase"] in BASELINES and row["event"] == BEGIN:
            begun[key] = row["row"]
        elif row["event"] == END and key in begun:
            first = begun.pop(key)
            windows.append((first, row["row"] - first + 1))
    return windows


def _seconds(
    frame: pl.LazyFrame, windows: list[tuple[int, int]], energy: list[str]
) -> pl.DataFrame:
    """Per second the first reading of each energy column and its time."""
    columns = frame.select("time_s", *energy)
    parts = [columns.slice(first, length) for first, length in windows]
    if len(parts) > SLICES or not parts:
        parts = [columns if parts else columns.head(0)]
    firsts = [expression for name in energy for expression in _first(name)]
    queries = [part.group_by(_SECOND).agg(firsts) for part in parts]
    return pl.concat(pl.collect_all(queries, engine="streaming")).sort("second")


def _event_row(row: dict[str, Any], energy: list[str], by_hand: list[str]) -> EventRow:
    return EventRow(
        time_s=row["time_s"] or 0.0,
        event=row["event"] or "",
        phase=row["phase"] or "",
        label=row["label"] or "",
        repeat=row["repeat"],
        inferences=row["inferences"],
        energy_j={name.removesuffix("_J"): row[name] for name in energy if row[name] is not None},
        power_w={
            name.removesuffix("_W"): row[name]
            for name in by_hand
            if row[name] is not None and row[name.removesuffix("_W") + "_J"] is None
        },
    )


def _add_points(reduction: Reduction, seconds: pl.DataFrame, name: str) -> None:
    known = seconds.select(pl.col(f"{name} at").alias("at"), pl.col(name)).drop_nulls().sort("at")
    if known.height:
        reduction.seconds[name.removesuffix("_J")] = Points(
            array("d", known["at"].to_list()), array("d", known[name].to_list())
        )


def _add_nearest(reduction: Reduction, frame: pl.LazyFrame) -> None:
    """The readings on either side of every edge at which a channel was not read."""
    channels = _counted(reduction, frame)
    for row in reduction.events:
        for channel in channels:
            if row.event not in (BEGIN, END) or channel in row.energy_j:
                continue
            read = frame.select("time_s", pl.col(f"{channel}_J").alias("j")).drop_nulls()
            before = read.filter(pl.col("time_s") <= row.time_s).last()
            after = read.filter(pl.col("time_s") >= row.time_s).first()
            for found in pl.collect_all([before, after], engine="streaming"):
                reduction.nearest.setdefault(channel, []).extend(found.iter_rows())


def _counted(reduction: Reduction, frame: pl.LazyFrame) -> list[str]:
    """Channels with a cumulative energy: a meter that is read by hand has none, in no row."""
    names = [name.removesuffix("_J") for name in reduction.channels if name.endswith("_J")]
    if by_hand := meters(reduction.channels):
        any_read = frame.select(pl.col(f"{name}_J").is_not_null().any() for name in by_hand)
        read = any_read.collect(engine="streaming").row(0, named=True)
        names = [name for name in names if read.get(f"{name}_J", True)]
    return names


def _last_row(path: Path, header: Sequence[str]) -> dict[str, Any] | None:
    """The last whole row: where a recording broke off, its phases end there."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").split("\n")[:-1]
    cells = next(csv.reader(lines[-1:]), [])
    if len(cells) != len(header) or cells[0] == header[0]:
        return None
    text = dict(zip(header, cells, strict=True))
    try:
        return {
            **{
                name: float(value) if value else None
                for name, value in text.items()
                if name.endswith("_J") or name == "time_s"
            },
            **{name: text[name] for name in ("phase", "label")},
            **{name: int(text[name]) if text[name] else None for name in ("repeat", "inferences")},
        }
    except ValueError:
        return None
