"""A guess at the columns of a table of no known format, by their names and first figures. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wattui.analysis.importers.any_table import ENERGIES, POWERS, TIMES_NS, numbered, unit_in
from wattui.analysis.importers.given import NamedTable
from wattui.analysis.importers.stamps import stamp_ns
from wattui.analysis.importers.table import cells_of, number, separator
from wattui.clean import one_line, short

# A cell of a preview, and how many columns it shows.
SHOWN, SHOWN_COLUMNS = 12, 6
_TIME = re.compile(r"(?i)(?:^|[^a-z])(?:time|timestamp|date|datetime|elapsed|seconds?|ts|t|clock)")
_POWER = re.compile(r"(?i)power|watt|draw|[\[(]\s*[mµu]?w\s*[\])]|_[mu]?w$|^p$")
_ENERGY = re.compile(r"(?i)energy|joule|[\[(]\s*(?:m?j|wh)\s*[\])]|_(?:m?j|wh)$|^e$")


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its unit: None if it has to be told, empty for dates."""

    name: str
    unit: str | None

    @property
    def option(self) -> str:
        """Its argument on the command line, with `UNIT` for one that has to be told."""
        unit = "UNIT" if self.unit is None else self.unit
        told = f"{self.name}={unit}" if unit else self.name
        return told if re.fullmatch(r"[\w=.:-]+", told) else "'" + told.replace("'", "'\\''") + "'"


@dataclass(frozen=True, slots=True)
class Guess:
    """The columns that could be its time, powers and energies."""

    time: Column
    powers: tuple[Column, ...]
    energies: tuple[Column, ...]

    @property
    def options(self) -> str:
        """The options that name them."""
        return " ".join(
            [
                f"--time {self.time.option}",
                *(f"--power {column.option}" for column in self.powers),
                *(f"--energy {column.option}" for column in self.energies),
            ]
        )

    @property
    def missing(self) -> Sequence[str]:
        """The units of which one has to be told for each `UNIT`."""
        each = ((self.time,), TIMES_NS), (self.powers, POWERS), (self.energies, ENERGIES)
        return ["|".join(units) for columns, units in each if any(c.unit is None for c in columns)]

    def table(self) -> NamedTable:
        """The columns as a user names them."""
        powers, energies = (tuple(map(_named, each)) for each in (self.powers, self.energies))
        return NamedTable(_named(self.time), powers, energies)


def _named(column: Column) -> str:
    return f"{column.name}={column.unit}" if column.unit else column.name


def guess(head: Sequence[str]) -> Guess | None:
    """The columns of a table by its first lines; None if it has no time, or no power and energy."""
    table = columns_of(head)
    times = [
        (name, cells)
        for name, cells in table.items()
        if _are_dates(cells) or (_rises(cells) and _TIME.search(name))
    ]
    if not times:
        return None
    time, cells = times[0]
    unit = "" if _are_dates(cells) else unit_in(time, TIMES_NS)
    figures = {
        name: cells
        for name, cells in table.items()
        if name != time and cells and all(number(cell) is not None for cell in cells)
    }
    powers = [Column(n, unit_in(n, POWERS)) for n in figures if _POWER.search(n)]
    energies = [
        Column(name, unit_in(name, ENERGIES))
        for name, cells in figures.items()
        if _ENERGY.search(name) and not _POWER.search(name) and _rises(cells)
    ]
    found = Guess(Column(time, unit), tuple(powers), tuple(energies))
    return found if powers or energies else None


def columns_of(head: Sequence[str]) -> dict[str, list[str]]:
    """The first cells of each column that has a name of its own."""
    lines = [line.rstrip("\r\n") for line in head if line.strip()]
    if not lines:
        return {}
    between = separator(lines[0])
    names = numbered(lines[0])
    rows = [[cell.strip() for cell in cells_of(line, between)] for line in lines]
    header, rows = (names, rows) if names else (rows[0], rows[1:])
    rows = [row for row in rows if len(row) == len(header)]
    return {
        name: [row[place] for row in rows]
        for place, name in enumerate(header)
        if name and header.count(name) == 1
    }


def preview(table: Mapping[str, Sequence[str]], rows: int = 3) -> list[str]:
    """The first rows of a table, as lines of a terminal."""
    names = list(table)[:SHOWN_COLUMNS]
    lines = [names, *([table[name][row] for name in names] for row in range(_rows(table, rows)))]
    widths = [max(len(_shown(line[place])) for line in lines) for place in range(len(names))]
    more = [f"and {len(table) - len(names)} more columns"] if len(table) > len(names) else []
    padded = (
        "  ".join(_shown(cell).ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return [*padded, *more]


def _rows(table: Mapping[str, Sequence[str]], most: int) -> int:
    return min(most, *(len(cells) for cells in table.values()))


def _shown(cell: str) -> str:
    return short(one_line(cell), SHOWN)


def _are_dates(cells: Sequence[str]) -> bool:
    return bool(cells) and all(stamp_ns(cell) is not None for cell in cells)


def _rises(cells: Sequence[str]) -> bool:
    """Whether all are figures that never fall."""
    figures = [number(cell) for cell in cells]
    known = [figure for figure in figures if figure is not None]
    return (
        bool(known)
        and len(known) == len(cells)
        and all(after >= before for before, after in pairwise(known))
    )
