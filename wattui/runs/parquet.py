"""Writes the rows of a run file as Parquet, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from wattui.runs.blocks import blocks, header, schema

ROWS_OF_GROUP = 1 << 17


def write_parquet(path: Path, out: Path) -> list[str]:
    """Write the rows of a run file as Parquet: strings, integers and doubles.

    Returns remarks on rows left out. Raises NotARunFileError, or OSError if either file cannot be
    opened.
    """
    remarks: list[str] = []
    names = header(path)

    def rows(
        columns: list[str] | None, where: pl.Expr | None, most: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        """The blocks that a query asks for: all of them, as nothing is left out here."""
        yield from blocks(path, names, remarks)

    source = register_io_source(rows, schema=schema(names))
    source.sink_parquet(out, row_group_size=ROWS_OF_GROUP, maintain_order=True)
    return remarks
