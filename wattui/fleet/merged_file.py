"""Writes the recording of several nodes as one run file.

Its ticks are at one rate: at each, the energies of every node are those between its readings around
it, and its powers and gauges those of its last reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import polars as pl

from recorders.channels import TOTAL, channel_of, is_cumulative, on_node, unit_of
from recorders.counts import COUNTED
from recorders.rows import FIXED_COLUMNS
from recorders.summary.reduction import BEGIN, EDGES, END, EventRow
from wattui.fleet.merging import Whole
from wattui.fleet.nodes import Fleet, Recorded
from wattui.fleet.phases import Course
from wattui.runs.blocks import blocks, header, is_reading, schema
from wattui.runs.parquet import UTC, usual_decimals

# With more cells than this, the ticks are thinned; a summary needs one a second.
MOST_CELLS = 1 << 26
SLOWEST_S, QUICKEST_S = 1.0, 0.001
# A longer silence than so many of a node's usual steps is not bridged.
GAP_STEPS = 3.5
FAR_S = 1e9


def write_merged(fleet: Fleet, whole: Whole, out: Path) -> None:
    """Write the CSV. Raises NotARunFileError, or OSError."""
    events = _events(fleet, whole)
    ticks = _ticks(fleet, whole)
    rows = pl.concat([events, ticks]).sort("time_s", maintain_order=True)
    cells = [
        pl.col(name).cast(pl.Decimal(38, usual_decimals(name)))
        for name in ("time_s", *whole.columns)
    ]
    with out.open("wb") as file:
        file.write(",".join(rows.columns).encode() + b"\n")
        step = max(1, (1 << 22) // rows.width)
        for place in range(0, rows.height, step):
            part = rows.slice(place, step).with_columns(cells)
            file.write(part.write_csv(include_header=False).encode())


def _events(fleet: Fleet, whole: Whole) -> pl.DataFrame:
    """The rows with events, and the last one."""
    rows = whole.events
    fixed = {
        "time_s": [row.time_s for row in rows],
        "time_utc": [None] * len(rows),
        "phase": [row.phase or None for row in rows],
        "label": [row.label or None for row in rows],
        "repeat": [row.repeat for row in rows],
        "event": [row.event or None for row in rows],
        "inferences": [row.inferences for row in rows],
    }
    cells = {name: [_cell(row, name) for row in rows] for name in whole.columns}
    return pl.DataFrame(fixed | cells, schema=_schema(whole)).with_columns(_utc(fleet))


def _cell(row: EventRow, column: str) -> float | None:
    if column.startswith(COUNTED):
        return row.counts.get(column.removeprefix(COUNTED))
    channel = channel_of(column)
    if is_cumulative(column):
        return row.energy_j.get(channel)
    return row.power_w.get(channel) if unit_of(column) == "W" else None


def _schema(whole: Whole) -> dict[str, type[pl.DataType]]:
    return schema([*FIXED_COLUMNS, *whole.columns])


def _utc(fleet: Fleet) -> pl.Expr:
    if fleet.start_utc_ns is None:
        return pl.lit(None, pl.String).alias("time_utc")
    since_ns = (pl.col("time_s") * 1e9).cast(pl.Int64) + fleet.start_utc_ns
    return since_ns.cast(pl.Datetime("ns")).dt.strftime(UTC).alias("time_utc")


def _ticks(fleet: Fleet, whole: Whole) -> pl.DataFrame:
    """The rows without events, in the phases that are open then."""
    own = {
        each.node.number: _rows_of(each, whole.courses[each.node.number]) for each in fleet.nodes
    }
    steps_s = [step_s for rows in own.values() if (step_s := _step_s(rows))]
    first_s = min((float(rows["time_s"][0]) for rows in own.values() if rows.height), default=0.0)
    last_s = max((float(rows["time_s"][-1]) for rows in own.values() if rows.height), default=0.0)
    step_s = max(min(steps_s, default=SLOWEST_S), QUICKEST_S)
    if (last_s - first_s) / step_s * len(whole.columns) > MOST_CELLS:
        step_s = max(step_s, SLOWEST_S)
    times = pl.int_range(int((last_s - first_s) / step_s) + 1, eager=True) * step_s + first_s
    grid = pl.DataFrame({"time_s": times.round(6)})
    parts = [grid]
    for each in fleet.nodes:
        rows = own[each.node.number]
        if rows.height:
            parts.append(_on_grid(grid, rows, each.node.name))
    found = pl.concat(parts, how="horizontal")
    sums = []
    for name, of in whole.summed.items():
        for unit in "JW":
            columns = [f"{part}_{unit}" for part in of]
            if all(column in found.columns for column in columns):
                total = pl.sum_horizontal(columns, ignore_nulls=False)
                sums.append(total.alias(f"{name}_{unit}"))
    found = found.with_columns(sums)
    found = found.join_asof(_where(whole.events), on="time_s", strategy="backward")
    absent = [
        pl.lit(None, kind).alias(name)
        for name, kind in _schema(whole).items()
        if name not in found.columns
    ]
    return found.with_columns(absent).with_columns(_utc(fleet)).select(list(_schema(whole)))


def _rows_of(each: Recorded, course: Course) -> pl.DataFrame:
    """A node's rows with the names and the times of the whole; those of edges are among them."""
    names = header(each.rows)
    columns = [
        name
        for name in names[len(FIXED_COLUMNS) :]
        if channel_of(name) != TOTAL and not name.startswith(COUNTED)
    ]
    fixed = [name for name in FIXED_COLUMNS if name != "time_utc"]
    parts = list(blocks(each.rows, [*fixed, *columns], []))
    if not parts:
        return pl.DataFrame(schema={"time_s": pl.Float64})
    cells = [
        pl.when(is_reading(name)).then(name).alias(on_node(each.node.name, name))
        for name in columns
    ]
    rows = pl.concat(parts).select("time_s", *cells).sort("time_s")
    return _placed(rows, course).sort("time_s")


def _placed(rows: pl.DataFrame, course: Course) -> pl.DataFrame:
    """The rows at the times of the whole."""
    pairs = list(zip(course.own_s, course.whole_s, strict=True)) or [(0.0, course.ahead_s)]
    slopes = [(b_s - a_s) / (b - a) for (a, a_s), (b, b_s) in pairwise(pairs)]
    lines = pl.DataFrame(
        {
            "own": [pairs[0][0] - FAR_S, *(own for own, _ in pairs)],
            "whole": [pairs[0][1] - FAR_S, *(whole for _, whole in pairs)],
            "slope": [1.0, *slopes, 1.0],
        }
    )
    found = rows.join_asof(lines, left_on="time_s", right_on="own", strategy="backward")
    placed = pl.col("whole") + (pl.col("time_s") - pl.col("own")) * pl.col("slope")
    return found.with_columns(placed.alias("time_s")).drop("own", "whole", "slope", strict=False)


def _step_s(rows: pl.DataFrame) -> float:
    """The usual time between two rows."""
    steps = rows["time_s"].diff().drop_nulls()
    found = steps.filter(steps > QUICKEST_S / 2).median()
    return float(found) if isinstance(found, float) else 0.0


def _on_grid(grid: pl.DataFrame, rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """A node's cells at the times of the grid."""
    energies = [column for column in rows.columns[1:] if is_cumulative(column)]
    others = [column for column in rows.columns[1:] if column not in energies]
    gap_s = GAP_STEPS * (_step_s(rows) or SLOWEST_S)
    both = pl.concat(
        [rows.select("time_s", *energies), grid.with_columns(tick=pl.lit(True))],
        how="diagonal",
    ).sort("time_s", maintain_order=True)
    own_s = pl.when(pl.col("tick").is_null()).then("time_s")
    around_s = own_s.backward_fill() - own_s.forward_fill()
    between = [
        pl.when(around_s <= gap_s).then(pl.col(column).interpolate_by("time_s")).alias(column)
        for column in energies
    ]
    energies_there = both.select("tick", *between).filter("tick").drop("tick")
    latest = grid.join_asof(
        rows.select("time_s", *others), on="time_s", strategy="backward", tolerance=gap_s
    ).drop("time_s")
    return pl.concat([energies_there, latest], how="horizontal")


def _where(events: Sequence[EventRow]) -> pl.DataFrame:
    """The phase that rows are in from each edge on."""
    rows = list(_changes(events))
    schema = {"time_s": pl.Float64, "phase": pl.String, "label": pl.String, "repeat": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _changes(
    events: Sequence[EventRow],
) -> Iterator[tuple[float, str | None, str | None, int | None]]:
    open_now: list[tuple[str, str, int | None]] = []
    for row in events:
        if row.event not in EDGES:
            continue
        key = row.phase, row.label, row.repeat
        if row.event == BEGIN:
            open_now.append(key)
        elif row.event == END and key in open_now:
            open_now.reverse()
            open_now.remove(key)
            open_now.reverse()
        phase, label, repeat = open_now[-1] if open_now else ("", "", None)
        yield row.time_s, phase or None, label or None, repeat
