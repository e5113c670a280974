"""Mean utilisation and memory while a label was running, read with polars."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recorders.channels import kind_of_column
from wattui.runs.blocks import blocks, header, is_reading


def gauge_means(csv: Path) -> dict[str, dict[str, float]]:
    """For each label of the running phases, the mean of every utilisation and memory column.

    Raises NotARunFileError, or OSError.
    """
    names = [n for n in header(csv) if kind_of_column(n).quantity in ("utilisation", "memory")]
    if not names:
        return {}
    read = {name: pl.when(is_reading(name)).then(name) for name in names}
    sums = [cells.sum().alias(f"{name} sum") for name, cells in read.items()]
    counts = [cells.count().alias(f"{name} n") for name, cells in read.items()]
    label = pl.col("label").fill_null("")
    parts = [
        block.filter(pl.col("phase") == "running").group_by(label).agg(*sums, *counts)
        for block in blocks(csv, ["time_s", "phase", "label", "event", *names], remarks=[])
    ]
    rows = pl.concat(parts).group_by("label").sum().iter_rows(named=True) if parts else ()
    return {
        row["label"]: {n: row[f"{n} sum"] / row[f"{n} n"] for n in names if row[f"{n} n"]}
        for row in rows
    }
