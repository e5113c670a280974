"""Reads a run file in blocks of a few megabytes, without cells that cannot be readings.

Its extension decides how: `.parquet`, or CSV.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

import polars as pl

from recorders.channels import is_whole_number
from recorders.counts import column_of, names_of
from recorders.json_parts import MOST
from recorders.plausible import MOST_COUNT
from recorders.rows import is_whole
from wattui.runs import parquet
from wattui.runs.run_file import NotARunFileError, checked, is_parquet

# Block size at which the lines and the columns made from them stay in the caches.
BLOCK_BYTES = 8 << 20
LINE_BYTES = 1 << 20
# A slow reading may be a little out of order; a time that falls further is from another recording.
FALL_S = 1.0
TEXTS = ("time_utc", "phase", "label", "event")
WHOLE_NUMBERS = ("repeat", "inferences")
# Raised by polars for lines that are not CSV: a lone quote makes it panic.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
Item = TypeVar("Item")


def header(path: Path) -> list[str]:
    """The names of the columns. Raises NotARunFileError, or OSError."""
    if is_parquet(path):
        return checked(parquet.columns(path))
    with path.open("rb") as file:
        return _names(file)


def schema(names: Sequence[str]) -> dict[str, type[pl.DataType]]:
    """The type of each column's cells."""
    kinds: dict[str, type[pl.DataType]] = dict.fromkeys(TEXTS, pl.String)
    kinds |= dict.fromkeys([*WHOLE_NUMBERS, *map(column_of, names_of(names))], pl.Int64)
    return {name: kinds.get(name, pl.Float64) for name in names}


def blocks(path: Path, columns: Sequence[str], remarks: list[str]) -> Iterator[pl.DataFrame]:
    """The rows with these columns (time_s, phase and event among them), in the order of the file.

    A cell that is not a number is null. Left out, with a remark: an incomplete last line, rows
    without a time, and everything after a second header or a time that goes backwards. Raises
    NotARunFileError, or OSError.
    """
    latest_s, rows, timeless = -MOST, 0, 0
    for found in _frames(path, columns, remarks):
        block, cut, times_s = found, None, found["time_s"]
        first_s, last_s = times_s[0], times_s[-1]
        in_order = times_s.null_count() == 0 and times_s.is_sorted()
        if not (in_order and max(-MOST, latest_s - FALL_S) <= first_s and last_s <= MOST):
            own, cut = _of_one_recording(found, latest_s, rows)
            block = own.filter(is_reading("time_s"))
            timeless += own.height - block.height
            last_s = block["time_s"].max()
        rows += found.height
        if block.height:
            latest_s = max(latest_s, last_s)
            yield block
        if cut:
            remarks.append(f"{path}: {cut}: that row and all rows after it are left out")
            break
    if timeless:
        rows_text = f"{timeless:,} row{'s' * (timeless > 1)}"
        remarks.append(f"{path}: {rows_text} without a time left out")


def _frames(path: Path, columns: Sequence[str], remarks: list[str]) -> Iterator[pl.DataFrame]:
    """These columns of all rows, in the order of the file."""
    kinds = schema(header(path))
    if is_parquet(path):
        yield from _ahead(parquet.frames(path, {name: kinds[name] for name in columns}))
        return
    with path.open("rb") as file:
        file.readline()
        parsed = (
            _parsed(lines, kinds, columns) for lines in _lines(file, path, list(kinds), remarks)
        )
        is_one = os.fstat(file.fileno()).st_size <= BLOCK_BYTES
        yield from parsed if is_one else _ahead(parsed)


def is_reading(name: str) -> pl.Expr:
    """Whether a cell is a usable number: not empty, not NaN, not absurdly large."""
    return pl.col(name).abs() <= most(name)


def most(name: str) -> float:
    """The largest usable number in a column."""
    return MOST_COUNT if is_whole_number(name) else MOST


def _names(file: BinaryIO) -> list[str]:
    first = file.readline(LINE_BYTES).decode(errors="replace")
    if not first:
        raise NotARunFileError("it is empty, without even a header line")
    return checked(first.strip().split(","))


def _lines(
    file: BinaryIO, path: Path, columns: Sequence[str], remarks: list[str]
) -> Iterator[bytes]:
    """Whole lines, in blocks: half a number at the end of a cut line is a wrong number."""
    while True:
        begin = file.tell()
        file.seek(BLOCK_BYTES, os.SEEK_CUR)
        file.readline(LINE_BYTES)
        end = file.tell()
        file.seek(begin)
        lines = file.read(end - begin)
        if not lines:
            return
        if not lines.endswith(b"\n"):
            if file.read(1):
                raise NotARunFileError(f"it has a line of over {LINE_BYTES >> 20} MiB")
            last = lines.rfind(b"\n") + 1
            before = lines[lines.rfind(b"\n", 0, max(0, last - 1)) + 1 : last]
            ends = lines[last:].decode(errors="replace"), before.decode(errors="replace")
            if is_whole(*ends, columns):
                remarks.append(
                    f"{path}: the last line has no line end: its last cell may be cut short"
                )
                lines += b"\n"
            else:
                remarks.append(f"{path}: the last line was cut off: left out")
                lines = lines[:last]
        if b'"' in lines and not _is_closed(lines):
            lines = _CELL.sub(lambda cell: cell[0].replace(b"\n", b" "), lines)
            if not _is_closed(lines):
                lines = _closed(lines)
                remarks.append(f"{path}: a line with an unclosed quote was left out")
        if lines:
            yield lines


_QUOTED = re.compile(rb'"[^"\n]*"')
_CELL = re.compile(rb'(?<![^,\n])"(?:[^"]|"")*"(?=[,\r\n])')


def _is_closed(lines: bytes) -> bool:
    """Whether no quoted cell spans lines; a recorder writes none that does."""
    return lines.count(b'"') == 2 * len(_QUOTED.findall(lines))


def _closed(lines: bytes) -> bytes:
    """The lines in which every quote is closed, as the recorder writes them."""
    own = (line for line in lines.split(b"\n") if line and line.count(b'"') % 2 == 0)
    return b"".join(line + b"\n" for line in own)


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each prepared while the one before it is processed."""
    item = next(items, None)
    if item is None:
        return
    with ThreadPoolExecutor(1) as pool:
        while item is not None:
            coming = pool.submit(next, items, None)
            yield item
            item = coming.result()


def _parsed(
    lines: bytes, kinds: dict[str, type[pl.DataType]], columns: Sequence[str]
) -> pl.DataFrame:
    """The cells of some columns; null if one has the wrong type."""
    names = list(kinds)
    places = [names.index(name) for name in columns]
    try:
        return pl.read_csv(
            lines, has_header=False, schema=kinds, columns=places, ignore_errors=True
        )
    except UNREADABLE:  # too wide a first line, an unclosed quote, or not UTF-8
        lines = b"".join([",".join(names).encode(), b"\n", _closed(lines)])
    try:
        return pl.read_csv(
            lines,
            schema=kinds,
            columns=list(columns),
            ignore_errors=True,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        ).select(columns)
    except UNREADABLE as error:
        problem = str(error).partition("\n")[0]
        raise NotARunFileError(f"it cannot be read as CSV ({problem})") from None


def _of_one_recording(
    block: pl.DataFrame, latest_s: float, rows_before: int
) -> tuple[pl.DataFrame, str | None]:
    """The rows up to the start of another recording, and the evidence for that."""
    rows = block.with_row_index("row").with_columns(
        pl.when(is_reading("time_s")).then("time_s").alias("time_s")
    )
    latest = pl.max_horizontal(pl.col("time_s").cum_max().forward_fill(), pl.lit(latest_s))
    fallen = rows.filter(pl.col("time_s") < latest - FALL_S)["row"].head(1).to_list()
    untimed = rows.filter(pl.col("time_s").is_null())
    again = untimed.filter(pl.col("phase") == "phase", pl.col("event") == "event")
    headers = again["row"].head(1).to_list()
    if not fallen + headers:
        return block, None
    first = min(fallen + headers)
    line = rows_before + first + 2
    says = (
        f"line {line} is a second header"
        if first in headers
        else f"time goes backwards in line {line}"
    )
    return block.head(first), says
