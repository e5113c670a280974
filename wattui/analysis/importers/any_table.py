"""Any table, by the names of its columns: of time, and of power or of energy counted up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from recorders.channels import TOTAL, kind_of, named
from wattui.analysis.importers.log import Log, Sample, Spread, UnreadableError, printable
from wattui.analysis.importers.stamps import DATED_NS, are_utc, in_order, stamp_ns
from wattui.analysis.importers.table import (
    CsvTable,
    KeptColumn,
    not_kept,
    number,
    read_cells,
    read_table,
)

NAME = "table"
POWERS = {"W": 1.0, "mW": 1e-3, "uW": 1e-6}
ENERGIES = {"J": 1.0, "mJ": 1e-3, "Wh": 3600.0}
TIMES_NS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
LONGEST = 40
_MOST_NS = 4e18


@dataclass(frozen=True, slots=True)
class NamedTable:
    """The columns of a table as a user names them: `COLUMN` or `COLUMN=UNIT`."""

    time: str
    powers: tuple[str, ...] = ()
    energies: tuple[str, ...] = ()


def read(text: str, asked: NamedTable) -> Log:
    """Read a table. What was understood is its first remark. Raises UnreadableError."""
    table = read_table(text)
    time, time_unit = _column(table, asked.time, TIMES_NS, "--time")
    stamped = time_unit is None
    kept = [
        *(_kept(table, told, POWERS, "--power", "W") for told in asked.powers),
        *(_kept(table, told, ENERGIES, "--energy", "J") for told in asked.energies),
    ]
    names = [each.channel.name for each in kept]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UnreadableError(f"two columns would be named {twice!r}: fix: name one of them")
    samples = []
    for row in table.lines:
        time_ns = _time_ns(row.cells[time], time_unit)
        if time_ns is None:
            table.left_out.add(f"no time in {table.header[time]!r}", row.line)
        elif values := read_cells(table, row, kept):
            samples.append(Sample(row.line, time_ns, values))
    if not samples:
        first = table.lines[0] if table.lines else None
        cell = printable(first.cells[time])[:40] if first else ""
        raise UnreadableError(
            f"no row has a time and a figure; line {first.line if first else 1}: {cell!r} in "
            f"{table.header[time]!r}"
            + (f": fix: --time '{table.header[time]}=s' if it counts" if stamped else "")
        )
    ordered = in_order(samples, table.left_out)
    _check_counters(ordered, [each.channel.name for each in kept if each.channel.unit == "J"])
    places = [time, *(each.place for each in kept)]
    remarks = (
        _understood(table, time, time_unit, kept, ordered[0]),
        *not_kept(table.header, places),
        *table.left_out.remarks(),
    )
    since_1970 = ordered[0].time_ns > DATED_NS
    utc = are_utc(row.cells[time] for row in table.lines) if stamped else since_1970
    channels = tuple(each.channel for each in kept)
    spread: Spread = "second" if stamped else ""
    return Log(NAME, channels, tuple(ordered), table.last_line, remarks, spread=spread, utc=utc)


def _column(
    table: CsvTable, told: str, units: dict[str, float], option: str
) -> tuple[int, str | None]:
    """The place and the unit of a column, told or in its name: `Power [mW]`, `power_mw`."""
    name, unit = told, None
    if told not in table.header:
        before, _, after = told.rpartition("=")
        if before not in table.header:
            known = ", ".join(table.header)
            raise UnreadableError(f"line 1: {option}: no column {told!r} in: {known}"[:200])
        after = _plain(after)
        if after not in units:
            raise UnreadableError(f"{option} {told}: {after!r} is none of {', '.join(units)}")
        name, unit = before, after
    found = re.fullmatch(r".*(?:[\[(]\s*|_)(\w+)\s*[\])]?", _plain(name))
    if unit is None and found:
        unit = next((each for each in units if found[1] in (each, each.lower())), None)
    return table.header.index(name), unit


def _kept(
    table: CsvTable, told: str, units: dict[str, float], option: str, base: str
) -> KeptColumn:
    place, unit = _column(table, told, units, option)
    name = table.header[place]
    if unit is None:
        choices = ", ".join(units)
        raise UnreadableError(f"{name!r} has no unit: fix: {option} '{name}={base}' ({choices})")
    return KeptColumn(place, named(_channel(name, unit, place), base), units[unit], unit)


def _channel(name: str, unit: str, place: int) -> str:
    """A column's name without its unit; before one with another meaning in a run file, `table_`."""
    short = re.sub(rf"(?i)[\[(\s_]+{unit}[\])\s]*$", "", _plain(name))
    slug = re.sub(r"\W+", "_", short, flags=re.ASCII).strip("_").lower()[:LONGEST]
    slug = slug or f"column{place + 1}"
    return slug if slug != TOTAL and kind_of(slug).quantity == "energy" else f"table_{slug}"


def _plain(text: str) -> str:
    """Text with both of Unicode's micro signs as u."""
    return text.replace("\u00b5", "u").replace("\u03bc", "u")


def _time_ns(cell: str, unit: str | None) -> int | None:
    """A moment: a date and time, or a count of a unit."""
    if unit is None:
        return stamp_ns(cell)
    factor = TIMES_NS[unit]
    value = number(cell, most=_MOST_NS / factor)
    return None if value is None else round(value * factor)


def _check_counters(samples: Sequence[Sample], names: Sequence[str]) -> None:
    """Raise UnreadableError if an energy falls: it is then not counted up."""
    for name in names:
        read_ones = [sample for sample in samples if name in sample.values]
        for before, after in pairwise(read_ones):
            if after.values[name] < before.values[name]:
                raise UnreadableError(
                    f"line {after.line}: {name} falls, and --energy takes a counter that never "
                    "does: fix: leave out the rows of another run, or give --power"
                )


def _understood(
    table: CsvTable,
    time: int,
    time_unit: str | None,
    kept: Sequence[KeptColumn],
    first: Sample,
) -> str:
    """A preview: the columns as they were read, and the figures of the first row."""
    clock = f"in {time_unit}" if time_unit else "dates"
    parts = [
        f"{table.header[each.place]!r} in {each.unit} is {each.channel.name}_{each.channel.unit}"
        + (
            f" ({first.values[each.channel.name]:g} in line {first.line})"
            if each.channel.name in first.values
            else ""
        )
        for each in kept
    ]
    return f"read as a table: {table.header[time]!r} is time, {clock}; {'; '.join(parts)}"
