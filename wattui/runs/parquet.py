"""Reads run files in Parquet: their rows in blocks, and their text as in the CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from recorders.channels import is_whole_number, unit_of
from wattui.runs.run_file import NotARunFileError

# A group of rows has about so many cells, so that a wide file is read in as little memory.
CELLS_OF_GROUP = 1 << 22
MOST_ROWS = 1 << 17
# The format of time_utc, and how many decimals the recorder writes in other cells.
UTC = "%Y-%m-%dT%H:%M:%S%.3fZ"
DECIMALS = {"time_s": 6, "J": 6, "W": 3}
GAUGE_DECIMALS = 2
# The key under which the file keeps decimals and the digest of its text.
KEY = "wattui"
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def columns(path: Path) -> list[str]:
    """The names of the columns. Raises NotARunFileError, or OSError."""
    return list(_schema(path))


def frames(
    path: Path,
    kinds: Mapping[str, type[pl.DataType]],
    first: int = 0,
    size: int | None = None,
    where: pl.Expr | None = None,
) -> Iterator[pl.DataFrame]:
    """The rows from the `first` on with these columns and types, in frames of `size` rows, by
    default the groups in which they are written; with `where`, all rows that it is true of.

    Raises NotARunFileError, or OSError.
    """
    there = _schema(path)
    cells = [_as_kind(name, there[name], kind) for name, kind in kinds.items()]
    found = _scan(path)
    try:
        if where is not None:
            yield found.filter(where).select(cells).collect()
            return
        rows = found.select(pl.len()).collect().item()
        step = size or rows_of_group(len(there))
        for start in range(first, rows, step):
            yield found.select(cells).slice(start, step).collect()
    except _UNREADABLE as error:
        raise _damaged(error) from None


def rows_of_group(width: int) -> int:
    """How many rows of so many columns are written together."""
    return min(MOST_ROWS, CELLS_OF_GROUP // max(1, width) + 1)


def rows_of(path: Path) -> int:
    """The number of rows. Raises NotARunFileError, or OSError."""
    _schema(path)
    return int(_scan(path).select(pl.len()).collect().item())


def texts(path: Path, first: int = 0, size: int | None = None) -> Iterator[bytes]:
    """The lines of the rows, as the recorder writes them in a CSV. Raises as `frames` does."""
    there = _schema(path)
    decimals = about(path).get("decimals", {})
    cells = [
        pl.col(name).cast(pl.Decimal(38, decimals.get(name, usual_decimals(name))))
        for name, kind in there.items()
        if kind == pl.Float64
    ]
    kinds = {
        name: pl.String if isinstance(kind, pl.Datetime) else kind.base_type()
        for name, kind in there.items()
    }
    for frame in frames(path, kinds, first, size):
        yield frame.with_columns(cells).write_csv(include_header=False).encode()


def about(path: Path) -> dict[str, Any]:
    """What the file says about its text: `decimals` by column, and `text`, its length and digest.

    Empty if it was written by another program. Raises NotARunFileError, or OSError.
    """
    _schema(path)
    try:
        with path.open("rb") as file:
            found = json.loads(pl.read_parquet_metadata(file).get(KEY, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def usual_decimals(column: str) -> int:
    """The decimals that the recorder writes in a column."""
    if is_whole_number(column):
        return 0
    return DECIMALS.get(column, DECIMALS.get(unit_of(column), GAUGE_DECIMALS))


def _schema(path: Path) -> dict[str, pl.DataType]:
    """The names and types of the columns. Raises NotARunFileError, or OSError."""
    with path.open("rb") as file:  # of a path, polars would take [ and * for a pattern
        if not file.read(1):
            raise NotARunFileError("it is empty")
        file.seek(0)
        try:
            return dict(pl.read_parquet_schema(file))
        except _UNREADABLE as error:
            raise _damaged(error) from None


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _as_kind(name: str, there: pl.DataType, kind: type[pl.DataType]) -> pl.Expr:
    if kind == pl.String and isinstance(there, pl.Datetime):
        return pl.col(name).dt.strftime(UTC)
    return pl.col(name).cast(kind, strict=False)


def _damaged(error: BaseException) -> NotARunFileError:
    return NotARunFileError(f"it cannot be read as Parquet ({str(error).partition(chr(10))[0]})")
