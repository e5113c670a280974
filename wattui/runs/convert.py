"""Converts run files between CSV and Parquet, without losing a byte of their text."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from recorders.runfile import json_path, write_json_at
from wattui.outputs import OutputError, drafted
from wattui.runs import parquet
from wattui.runs.blocks import UNREADABLE, blocks, header, schema
from wattui.runs.identity import identity
from wattui.runs.naming import naming

READ_BYTES = 1 << 20
LEVEL = 6
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


def write_csv(path: Path, out: Path) -> list[str]:
    """Write the rows of a run in Parquet as the CSV that it was made from."""
    header(path)
    with out.open("wb") as file:
        file.writelines(_text(path))
    return []


def write_parquet(path: Path, out: Path) -> list[str]:
    """Write the rows of a run file as Parquet: times, texts, integers and doubles.

    The file is read again, and its text compared with that of the CSV; if it is the same, the file
    says so (`parquet.about`). Returns remarks on rows left out, and on a text that is not the same.
    Raises NotARunFileError, or OSError if either file cannot be opened.
    """
    digest = _digest(_pieces(path))
    remarks = _write(path, out, {"text": digest})
    if not remarks and _digest(_text(out)) == digest:
        return []
    form = {"decimals": _decimals(path)}
    remarks = _write(path, out, form | {"text": digest})
    if not remarks and _digest(_text(out)) == digest:
        return []
    _write(path, out, form)
    return remarks or [f"{path}: cells that wattui does not write so are left out or rounded"]


def convert(csv: Path, out: Path, force: bool = False) -> None:
    """Replace a CSV by Parquet with the same text, which its run.json is then about.

    Raises UsageError, in which case the CSV is as it was.
    """
    with naming(csv), _held(csv):
        with drafted(out, force) as draft, naming(csv):
            if remarks := write_parquet(csv, draft):
                raise OutputError("; ".join(remarks))
        with contextlib.suppress(OSError, ValueError):
            path = json_path(out)
            found = json.loads(path.read_bytes())
            found["file"] = {**found.get("file", {}), "csv": str(out.absolute())}
            if found.pop("csv", None):
                found["csv"] = identity(out)
            write_json_at(path, found)
        csv.unlink()


@contextlib.contextmanager
def _held(csv: Path) -> Iterator[None]:
    """Keep other recorders from the file, which `--force` lets them replace. Raises OutputError."""
    with csv.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError("another wattui is recording to it") from None
        except OSError:  # the file system has no locks
            pass
        yield


def _write(path: Path, out: Path, about: Mapping[str, Any]) -> list[str]:
    """Write Parquet, with what it says about its text; returns remarks on rows left out."""
    remarks: list[str] = []
    names = header(path)
    utc = pl.col("time_utc").str.to_datetime(parquet.UTC, strict=False).dt.replace_time_zone("UTC")
    time = pl.Datetime("ms", "UTC")

    def rows(
        columns: list[str] | None, where: pl.Expr | None, most: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        """The blocks that a query asks for: all of them, as nothing is left out here."""
        for block in blocks(path, names, remarks):
            yield block.with_columns(utc.cast(time))

    source = register_io_source(rows, schema=schema(names) | {"time_utc": time})
    with _as_system_errors():
        source.sink_parquet(
            out,
            compression_level=LEVEL,
            row_group_size=parquet.rows_of_group(len(names)),
            maintain_order=True,
            metadata={parquet.KEY: json.dumps(about)},
            sync_on_close="data",
        )
    return remarks


@contextlib.contextmanager
def _as_system_errors() -> Iterator[None]:
    """Raise what polars reports of a full or failing disk as the OSError that it was."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        if found := _SYSTEM_ERROR.search(str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from None
        raise


def _decimals(path: Path) -> dict[str, int]:
    """The decimals of the first filled cell of each column."""
    scan = pl.scan_csv(path, infer_schema=False, truncate_ragged_lines=True, glob=False)
    try:
        cells = scan.select(pl.all().drop_nulls().first()).collect(engine="streaming")
    except UNREADABLE:
        return {}
    texts = cells.row(0, named=True).items()
    return {name: len(text.partition(".")[2]) for name, text in texts if text}


def _text(path: Path) -> Iterator[bytes]:
    """The text of a run in Parquet."""
    yield ",".join(parquet.columns(path)).encode() + b"\n"
    yield from parquet.texts(path)


def _pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file."""
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            yield data


def _digest(pieces: Iterable[bytes]) -> dict[str, Any]:
    digest, size = hashlib.blake2b(digest_size=16), 0
    for data in pieces:
        digest.update(data)
        size += len(data)
    return {"bytes": size, "blake2b": digest.hexdigest()}
