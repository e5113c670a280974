"""Parses a log into rows and numbers; unusable parts are reported with their line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from recorders.source import Channel
from wattui.analysis.importers.log import Omissions, UnreadableError
from wattui.analysis.importers.samples import LINE, Sample, block_of
from wattui.analysis.importers.text import LogText

if TYPE_CHECKING:
    import polars as pl

# The most an instrument for computers can show; a larger figure is corrupt.
MOST = {"W": 1e6, "J": 1e12}
_NUMBER = re.compile(r"\s*([-+]?\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?)\s*([^\d\s].*?)?\s*")
# 1,234 may be 1.234 or 1234.
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")


# Lines that are read at once, and about as many characters.
BATCH_LINES, BATCH_CHARACTERS = 16_384, 4 << 20


class TableLine(NamedTuple):
    """A row of cells and its line number in the file."""

    line: int
    cells: list[str]


class RowReader(Protocol):
    """Makes samples of rows, one at a time or many in columns."""

    @property
    def places(self) -> Sequence[int]:
        """The columns that it needs."""

    def sample(self, row: TableLine) -> Sample | None:
        """The readings of a row; what is left out is noted."""

    def columns(self, cells: pl.DataFrame) -> pl.DataFrame:
        """The readings of rows, whose cells are texts in columns that are named by their place, as
        a block. Rows with something to note are not in it: they go to `sample`."""


class CsvTable:
    """A CSV file with one header row: rows as wide as it, and what was left out.

    `whole_lines`: a last line without a line end that lacks cells, or the unit that the cell above
    its last one has, was cut short and is left out: half a number is a wrong number. `header`: the
    names of its columns if they are not on its first line, and are on so many others.
    """

    def __init__(
        self,
        text: LogText,
        whole_lines: bool = True,
        header: Sequence[str] | None = None,
        header_lines: int = 0,
    ) -> None:
        self.header = list(header or (cell.strip() for cell in cells_of(text.first)))
        self._first_row = header_lines if header else 1
        self.last_line = 0
        self.left_out = Omissions()
        self._whole_lines = whole_lines
        self._between = separator(text.first)
        self._is_spaced = ", " in text.first
        self._has_commas = self._between == ";" and _has_decimal_commas(text.head)
        self._numbered = islice(enumerate(text, 1), self._first_row, None)
        self._above: list[str] = []

    def rows(self) -> Iterator[TableLine]:
        """Its rows, once; rows of another width are left out. Raises UnreadableError if there is
        none, or if different columns begin."""
        for number, line in self._numbered:
            if row := self._row(number, line):
                yield row
        self._check()

    def blocks(self, reader: RowReader) -> Iterator[pl.DataFrame]:
        """The readings of the rows that are left, as those of `rows`, in blocks."""
        import polars as pl

        while batch := self._batch():
            block = reader.columns(self._plain(batch, reader.places))
            read = set(block[LINE].to_list())
            last_line = max(read, default=0)
            others = [self._row(*each) for each in batch if each[0] not in read]
            samples = [sample for row in others if row and (sample := reader.sample(row))]
            self.last_line = max(self.last_line, last_line)
            if samples:
                parts = [block, block_of(samples)] if block.height else [block_of(samples)]
                block = pl.concat(parts, how="diagonal").sort(LINE)
            yield block
        self._check()

    def _check(self) -> None:
        if not self.last_line:
            raise UnreadableError("it has a header and no rows")

    def _batch(self) -> list[tuple[int, str]]:
        """The next lines."""
        batch, size = [], 0
        for each in islice(self._numbered, BATCH_LINES):
            batch.append(each)
            size += len(each[1])
            if size > BATCH_CHARACTERS:
                break
        return batch

    def _plain(self, batch: Sequence[tuple[int, str]], places: Sequence[int]) -> pl.DataFrame:
        """The cells in some columns of those lines that are nothing but cells between separators;
        of none where a quote, a decimal comma, or an odd line end may change where cells end."""
        import polars as pl

        width = len(self.header)
        lines = [line for _, line in batch]
        text = "".join(lines)
        odd = self._has_commas or width == 1 or not text.endswith("\n")
        if odd or '"' in text or "\r" in text or text.count("\n") != len(lines):
            lines = []
        counts = pl.Series(lines, dtype=pl.String).str.count_matches(self._between, literal=True)
        is_plain = (counts == width - 1).to_list()
        if not all(is_plain):
            text = "".join(compress(lines, is_plain))
        kinds = {str(place): pl.String for place in range(width)}
        wanted = sorted({0, *places})
        if not any(is_plain):
            cells = pl.DataFrame(schema={str(place): pl.String for place in wanted})
        else:
            cells = pl.read_csv(
                text.encode(),
                has_header=False,
                schema=kinds,
                columns=wanted,
                separator=self._between,
                quote_char=None,
                empty_string_is_null=False,
            )
        numbers = compress((number for number, _ in batch), is_plain)
        cells = cells.with_columns(pl.Series(LINE, list(numbers), dtype=pl.Int64))
        is_header = pl.col("0").str.strip_chars() == self.header[0]
        return cells.filter(~is_header) if self._first_row else cells

    def _row(self, number: int, line: str) -> TableLine | None:
        """The cells of a line, unless it has none or is left out."""
        width = len(self.header)
        cells = self._cells(line.rstrip("\r\n"))
        if not cells:
            return None
        if self._first_row and cells[0].strip() == self.header[0]:
            if [cell.strip() for cell in cells] != self.header:
                raise UnreadableError(
                    f"line {number}: different columns begin here: fix: split the file at this line"
                )
            self.left_out.add("a repeated header (the log was appended to)", number)
            return None
        self.last_line = number
        is_unended = self._whole_lines and not line.endswith(("\n", "\r"))
        if is_unended and _is_cut(line, cells, self._above, width):
            self.left_out.add("the last line is cut short", number)
        elif len(cells) != width:
            self.left_out.add(f"not {width} columns", number)
        else:
            self._above = cells
            return TableLine(number, cells)
        return None

    def _cells(self, line: str) -> list[str]:
        """The cells of a line; none of an empty one."""
        if not line or line.isspace():
            return []
        cells = cells_of(line, self._between)
        if len(cells) > len(self.header) and self._is_spaced:  # 12:00:00,5, 21,7 W
            cells = cells_of(line, ", ")
        if self._has_commas:
            cells = [c.replace(",", ".") if _DECIMAL_COMMA.fullmatch(c) else c for c in cells]
        return cells


def _has_decimal_commas(lines: Iterable[str]) -> bool:
    """Whether cells between semicolons have numbers with a comma, and none with a point."""
    cells = [cell for line in lines for cell in line.rstrip("\r\n").split(";")]
    return any(map(_DECIMAL_COMMA.fullmatch, cells)) and not any(
        re.fullmatch(r"\s*[-+]?\d+\.\d+\s*", cell) for cell in cells
    )


def _is_cut(line: str, cells: Sequence[str], above: Sequence[str], width: int) -> bool:
    """Whether a line without a line end lacks something the lines before it have."""
    if line.count('"') % 2 or len(cells) != width:
        return True
    unit = _unit(above[-1]) if above else None
    return unit is not None and _unit(cells[-1]) != unit


def _unit(cell: str) -> str | None:
    found = _NUMBER.fullmatch(cell)
    return found[2] if found else None


def cells_of(line: str, between: str = "") -> list[str]:
    """The cells of one line, by default of a header; a quote that is never closed does not swallow
    the lines after it."""
    between = between or separator(line)
    if '"' not in line or len(between) > 1:
        return line.split(between)
    try:
        return next(csv.reader([line], delimiter=between), [""])
    except csv.Error:
        return line.split(between)


def separator(header: str) -> str:
    """A tab; a semicolon if decimals have a comma; else a comma."""
    if "\t" in header and "," not in header and ";" not in header:
        return "\t"
    return ";" if ";" in header and "," not in header else ","


def number(text: str, unit: str = "", most: float = 1e15) -> float | None:
    """A figure from 0 up to `most`, with this unit or none and a decimal point or comma; None where
    it is not one, or where its comma may be one of thousands."""
    found = _NUMBER.fullmatch(text)
    if not found or (found[2] or unit) != unit or _THOUSANDS.fullmatch(found[1]):
        return None
    value = float(found[1].replace(",", "."))
    return value if math.isfinite(value) and 0 <= value <= most else None


def numbers(cells: pl.Series, unit: str = "", most: float = 1e15) -> pl.Series:
    """The figures in many cells, each as `number` reads it; null where it is not one."""
    import polars as pl

    plain = rf"^[ \t]*([0-9]+(?:\.[0-9]+)?)[ \t]*(?:{re.escape(unit)})?[ \t]*$"
    found = cells.str.extract(plain).cast(pl.Float64)
    is_odd = found.is_null()
    if is_odd.any():
        odd = cells.filter(is_odd)
        known = {cell: number(cell, unit, most) for cell in odd.unique().to_list()}
        values = pl.Series([known[cell] for cell in odd.to_list()], dtype=pl.Float64)
        found = found.scatter(is_odd.arg_true(), values)
    return found.set(found > most, None)


class KeptColumn(NamedTuple):
    """A column that a run file has too: its place, its channel, the factor to the channel's unit,
    and the unit that may stand in its cells."""

    place: int
    channel: Channel
    factor: float = 1.0
    unit: str = ""


def read_cells(table: CsvTable, row: TableLine, kept: Iterable[KeptColumn]) -> dict[str, float]:
    """The figures of a row by channel; a missing one of power or energy is noted as left out."""
    values = {}
    for place, channel, factor, unit in kept:
        value = number(row.cells[place], unit, MOST.get(channel.unit, 1e9) / factor)
        if value is not None:
            values[channel.name] = value * factor
        elif channel.is_energy:
            reason = f"no figure in {table.header[place]!r}"
            table.left_out.add(reason, row.line, row.cells[place])
    return values


def keep_columns(found: Iterable[KeptColumn], columns: str) -> list[KeptColumn]:
    """The first column of each channel. Raises UnreadableError if none is of energy or power."""
    kept: dict[str, KeptColumn] = {}
    for each in found:
        kept.setdefault(each.channel.name, each)
    if not any(each.channel.is_energy for each in kept.values()):
        raise UnreadableError(
            f"line 1: a column of energy or power is missing ({columns}): fix: if another has it, "
            "name it by --time COL --power COL=W"
        )
    return list(kept.values())


def power_w(text: str) -> float | None:
    """Watts, with or without the unit."""
    return number(text, "W", MOST["W"])


def column(header: Sequence[str], name: str, tool: str) -> int:
    """The index of a column. Raises UnreadableError if it is missing."""
    if name not in header:
        raise UnreadableError(f"line 1: {tool}'s column {name!r} is missing")
    return list(header).index(name)


def not_kept(header: Sequence[str], kept: Sequence[int]) -> tuple[str, ...]:
    """A remark on the columns that a run file does not have."""
    names = [name for place, name in enumerate(header) if name and place not in kept]
    return (f"columns not kept: {', '.join(names)}",) if names else ()
