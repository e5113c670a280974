"""Reads the lines of a run file from any place in it, as playback shows them.

Parquet gives the same lines as the CSV that it was made from.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

from recorders.rows import whole_lines
from wattui.runs.run_file import is_parquet

# The last row is looked for in the last part of a file; no row is longer.
TAIL_BYTES = 2**18
# As much of a file is read in about half a second.
MOST_READ_BYTES = 2**21
LINE_BYTES = 2**12
# As many rows are made into lines at a time, and read at the end of a file.
ROWS = 2**12


class Lines(Protocol):
    """The lines of a run file. Places in it are bytes of a CSV, and rows of Parquet; `much` is how
    many of them are read in about half a second, `near` how many are read before a place.

    Every method raises NotARunFileError, or OSError.
    """

    path: Path
    much: int
    near: int

    def header(self) -> str:
        """The line with the names of the columns."""

    def since(self, place: int = 0) -> Iterator[str]:
        """The lines of the rows from a place on, the first of which may be cut."""

    def last(self) -> list[str]:
        """The whole lines at the end of the file."""

    def place(self, time_s: float) -> int:
        """A place just before the first row at a time or later."""

    def size(self) -> int:
        """The place at the end."""


def lines_of(path: Path) -> Lines:
    """The lines of a run file; its extension says how they are read."""
    return ParquetLines(path) if is_parquet(path) else CsvLines(path)


def first_rows(path: Path, n: int) -> list[str]:
    """The header and the first rows. Raises NotARunFileError, or OSError."""
    lines = lines_of(path)
    return [lines.header(), *islice(lines.since(), n)]


def time_of(line: str) -> float | None:
    """The `time_s` of a line; None if it has none."""
    try:
        return float(line.partition(",")[0])
    except ValueError:
        return None


class CsvLines:
    """Those of a CSV."""

    much, near = MOST_READ_BYTES, TAIL_BYTES

    def __init__(self, path: Path) -> None:
        self.path = path

    def header(self) -> str:
        """The first line."""
        with self.path.open("rb") as file:
            return file.readline(TAIL_BYTES).decode("utf-8", "replace")

    def since(self, place: int = 0) -> Iterator[str]:
        """The lines from a byte on, without the header."""
        columns = self.header().strip().split(",")
        with self.path.open("rb") as file:
            file.seek(place)
            # A lone \r is part of a label, not the end of a line.
            text = io.TextIOWrapper(file, encoding="utf-8", newline="\n", errors="replace")
            text.readline()
            yield from whole_lines(text, columns)

    def last(self) -> list[str]:
        """The whole lines in the last part of the file."""
        columns = self.header().strip().split(",")
        with self.path.open("rb") as file:
            file.seek(max(0, self.size() - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines(keepends=True)
        return list(whole_lines(lines, columns))

    def place(self, time_s: float) -> int:
        """A place by bisection, in bytes."""
        with self.path.open("rb") as file:
            first, end = 0, self.size()
            while end - first > LINE_BYTES:
                middle = (first + end) // 2
                file.seek(middle)
                file.readline()
                row_s = time_of(file.readline().decode("ascii", "replace"))
                if row_s is not None and row_s < time_s:
                    first = middle
                else:
                    end = middle
            return end

    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size


class GrowingLines(CsvLines):
    """Those of a CSV that another process writes; `read_to` is the byte after the last one read."""

    read_to = 0

    def since(self, place: int = 0) -> Iterator[str]:
        """The whole lines from a byte on, without the header."""
        with self.path.open("rb") as file:
            file.seek(place)
            file.readline()
            self.read_to = file.tell()
            while (line := file.readline()).endswith(b"\n"):
                self.read_to = file.tell()
                yield line.decode("utf-8", "replace")


class ParquetLines:
    """Those of a run in Parquet."""

    much, near = 2**14, ROWS

    def __init__(self, path: Path) -> None:
        self.path = path

    def header(self) -> str:
        """The names of the columns, as in the CSV."""
        from wattui.runs.parquet import columns

        return ",".join(columns(self.path)) + "\n"

    def since(self, place: int = 0) -> Iterator[str]:
        """The lines from a row on."""
        from wattui.runs.parquet import texts

        for text in texts(self.path, place, ROWS):
            yield from text.decode().splitlines(keepends=True)

    def last(self) -> list[str]:
        """The last lines."""
        return list(self.since(max(0, self.size() - ROWS)))

    def place(self, time_s: float) -> int:
        """The number of a row."""
        import polars as pl

        from wattui.runs.parquet import frames

        place = 0
        for times_s in frames(self.path, {"time_s": pl.Float64}):
            late = times_s.with_row_index().filter(pl.col("time_s") >= time_s)
            if late.height:
                return place + int(late["index"][0])
            place += times_s.height
        return place

    def size(self) -> int:
        """In rows."""
        from wattui.runs.parquet import rows_of

        return rows_of(self.path)
