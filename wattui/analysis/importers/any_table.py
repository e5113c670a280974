"""Any table, by the names of its columns: of time, and of power or of energy counted up."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from recorders.channels import TOTAL, kind_of, named
from wattui.analysis.importers.given import NamedTable
from wattui.analysis.importers.log import Log, UnreadableError, told_why
from wattui.analysis.importers.named_columns import read_samples
from wattui.analysis.importers.samples import LINE, MOST_NS, Sample, Samples
from wattui.analysis.importers.stamps import DATED_NS, Clock, in_ns, in_order, stamp_ns
from wattui.analysis.importers.table import (
    CsvTable,
    KeptColumn,
    cells_of,
    not_kept,
    number,
    numbers,
)
from wattui.analysis.importers.text import LogText

if TYPE_CHECKING:
    import polars as pl

NAME = "table"
POWERS = {"W": 1.0, "mW": 1e-3, "uW": 1e-6}
ENERGIES = {"J": 1.0, "mJ": 1e-3, "Wh": 3600.0}
TIMES_NS = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
LONGEST = 40
_PROBED = 10_000


def read(text: LogText, asked: NamedTable) -> Log:
    """Read a table. What was understood is its first remark. Raises UnreadableError."""
    table = CsvTable(text, header=numbered(text.first))
    time, time_unit = _column(table, asked.time, TIMES_NS, "--time")
    kept = [
        *(_kept(table, told, POWERS, "--power", "W") for told in asked.powers),
        *(_kept(table, told, ENERGIES, "--energy", "J") for told in asked.energies),
    ]
    names = [each.channel.name for each in kept]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UnreadableError(f"two columns would be named {twice!r}: fix: name one of them")
    clock = Clock() if time_unit is None else CountClock(TIMES_NS[time_unit])
    counters = [each.channel.name for each in kept if each.channel.unit == "J"]
    ordered = in_order(read_samples(table, [time], clock, kept), table.left_out)
    samples = Samples.of_blocks(_checked(ordered.blocks(), counters)) if counters else ordered
    if not samples:
        column = table.header[time]
        counts = (
            f": fix: --time '{column}=s' if it counts, else dates as 2026-09-13 12:00:00"
            if time_unit is None
            else ""
        )
        what = f"no row has a time in {column!r} and a figure"
        raise UnreadableError(told_why(what, table.left_out) + counts)
    places = [time, *(each.place for each in kept)]
    remarks = (
        _understood(table, time, time_unit, kept, samples[0]),
        *not_kept(table.header, places),
        *table.left_out.remarks(),
    )
    since_1970 = samples[0].time_ns > DATED_NS
    return Log(
        NAME,
        tuple(each.channel for each in kept),
        samples,
        table.last_line,
        remarks,
        spread="second" if time_unit is None else "",
        resolution_ns=_steps_ns(samples),
        utc=clock.utc if time_unit is None else since_1970,
    )


def _steps_ns(samples: Samples) -> int:
    """The steps in which its first times differ: a second for those of whole seconds."""
    times_ns = islice(samples.times_ns(), _PROBED)
    return math.gcd(*(after - before for before, after in pairwise(times_ns)))


def numbered(first: str) -> list[str] | None:
    """The numbers of the columns, from 1, if a first line has figures or a time where a header has
    names; else None."""
    cells = [cell.strip() for cell in cells_of(first)]
    is_data = any(number(cell) is not None or stamp_ns(cell) is not None for cell in cells)
    return [str(place) for place in range(1, len(cells) + 1)] if is_data else None


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
    return table.header.index(name), unit_in(name, units) if unit is None else unit


def unit_in(name: str, units: Iterable[str]) -> str | None:
    """The unit at the end of a column's name: `Power [mW]`, `power_mw`; None without one."""
    found = re.fullmatch(r".*(?:[\[(]\s*|_)(\w+)\s*[\])]?", _plain(name))
    return next((u for u in units if found and found[1] in (u, u.lower())), None)


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
    slug = slug if slug.strip("0123456789_") else f"column{place + 1}"
    return slug if slug != TOTAL and kind_of(slug).quantity == "energy" else f"table_{slug}"


def _plain(text: str) -> str:
    """Text with both of Unicode's micro signs as u."""
    return text.replace("\u00b5", "u").replace("\u03bc", "u")


class CountClock(Clock):
    """Reads a count of a unit of time."""

    def __init__(self, unit_ns: float) -> None:
        super().__init__()
        self._unit_ns = unit_ns

    def time_ns(self, text: str) -> int | None:
        """A count as nanoseconds, exact for whole ones."""
        value = number(text, most=MOST_NS / self._unit_ns)
        return None if value is None else round(value * self._unit_ns)

    def times_ns(self, texts: pl.Series) -> pl.Series:
        """Counts as nanoseconds, exact for whole ones."""
        return in_ns(numbers(texts, most=MOST_NS / self._unit_ns), self._unit_ns)


def _checked(blocks: Iterable[pl.DataFrame], names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The readings. Raises UnreadableError if an energy falls: it is then not counted up."""
    import polars as pl

    last_j = dict.fromkeys(names, 0.0)
    for block in blocks:
        for name in names:
            known = block.drop_nulls(name)
            fallen = known.filter(pl.col(name) < pl.col(name).shift(1, fill_value=last_j[name]))
            if fallen.height:
                raise UnreadableError(
                    f"line {fallen[LINE][0]}: {name} falls, and --energy takes a counter that "
                    "never does: fix: leave out the rows of another run, or give --power"
                )
            if known.height:
                last_j[name] = known[name][-1]
        yield block


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
