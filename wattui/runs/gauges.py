"""Mean utilisation and memory while a label was running, read with polars."""

from __future__ import annotations

from pathlib import Path

from recorders.channels import kind_of_column


def gauge_means(csv: Path) -> dict[str, dict[str, float]]:
    """For each label of the running phases, the mean of every utilisation and memory column.

    Empty if the file cannot be read as a table. Raises OSError.
    """
    import polars as pl

    with csv.open(encoding="utf-8", errors="replace") as file:
        header = file.readline().strip().split(",")
    names = [n for n in header if kind_of_column(n).quantity in ("utilisation", "memory")]
    if not names:
        return {}
    texts = dict.fromkeys(("phase", "label"), pl.String)
    frame = pl.scan_csv(
        csv,
        schema={
            name: texts.get(name, pl.Float64 if name in names else pl.String) for name in header
        },
        ignore_errors=True,
        truncate_ragged_lines=True,
        glob=False,
    )
    if not _ends_in_newline(csv):  # half a number is a wrong number
        rows = frame.with_row_index("row")
        frame = rows.filter(pl.col("row") < pl.col("row").max())
    running = frame.filter(pl.col("phase") == "running").with_columns(pl.col("label").fill_null(""))
    grouped = running.group_by("label").agg(pl.col(names).mean())
    try:
        means = grouped.collect(engine="streaming")
    except pl.exceptions.PolarsError:  # what cannot be read is unknown
        return {}
    return {
        row.pop("label"): {name: mean for name, mean in row.items() if mean is not None}
        for row in means.iter_rows(named=True)
    }


def _ends_in_newline(csv: Path) -> bool:
    with csv.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 1))
        return file.read(1) == b"\n"
