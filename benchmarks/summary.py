"""`wattui summary` of ten million rows: how long, how much memory."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import bigfile
from benchmarks.files import cost
from benchmarks.table import Figure, Table, of_figures, say

SECONDS, PEAK_MB = 3.0, 1000.0


def tables(quick: bool) -> list[Table]:
    """A file written just before, so that it is in the page cache."""
    rows, repeats = (1_000_000, 1) if quick else (10_000_000, 5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.csv")
        say(f"summary: writing {rows} rows")
        bigfile.write(path, rows)
        size_mb = path.stat().st_size / 1e6
        say(f"summary: {size_mb:.0f} MB, {repeats} times")
        runs = [
            cost([sys.executable, "-m", "wattui", "summary", str(path)]) for _ in range(repeats)
        ]
    figures = [
        Figure("wattui summary", [seconds for seconds, _ in runs], "s", SECONDS),
        Figure("peak resident memory", [peak for _, peak in runs], "MB", PEAK_MB),
    ]
    return [of_figures(f"Summary of {rows:,} rows, {size_mb:.0f} MB", figures)]
