"""Many nodes: `wattui summary 'DIR/run=*/'` of recordings of an hour at 10 Hz, and `wattui merge`.

The nodes are copies of one made recording, each with powers of its own, as Parquet of their own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from benchmarks.files import SUMMARY, cost, write
from benchmarks.table import Figure, Table, of_figures, say
from recorders.channels import is_cumulative, unit_of
from wattui.runs.blocks import blocks, header
from wattui.runs.parquet import UTC

NODES, ROWS = 1000, 36_000
FEW_NODES = 64
SUMMARY_S, SUMMARY_MB = 20.0, 2000.0
ROUNDS = [(repeat, label) for repeat in range(1, 6) for label in ("b1", "b8")]
MERGE = "import sys; from wattui.cli import main; sys.exit(main(['merge', *sys.argv[1:]]))"
BEGUN_UTC_NS = 1_764_400_000_000_000_000


def tables(quick: bool) -> list[Table]:
    """Some nodes into one file, and the summary of many."""
    nodes, few, times = (50, 4, 1) if quick else (NODES, FEW_NODES, 3)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        say(f"nodes: writing {nodes} nodes")
        size_mb = _write(place, nodes, "run=many") / 1e6
        _write(place, few, "run=few")
        figures = _figures("wattui summary", SUMMARY, [f"{folder}/run=many/"], times, True)
        out = str(place / "run.parquet")
        argv = [f"{folder}/run=few", "-o", out, "--force", "--quiet"]
        figures += _figures(f"wattui merge, {few} nodes", MERGE, argv, 1)
    title = f"{nodes:,} nodes of {ROWS:,} rows, {size_mb:,.0f} MB"
    return [of_figures(title, figures)]


def _figures(
    name: str, program: str, argv: list[str], times: int, has_aim: bool = False
) -> list[Figure]:
    costs = []
    for _ in range(times):
        say(f"nodes: {name}")
        costs.append(cost([sys.executable, "-c", program, *argv]))
    aim_s, aim_mb = (SUMMARY_S, SUMMARY_MB) if has_aim else (None, None)
    return [
        Figure(name, [each.seconds for each in costs], "s", aim_s),
        Figure(f"{name}, processor", [each.processor_s for each in costs], "s"),
        Figure(f"{name}, peak memory", [each.peak_mb for each in costs], "MB", aim_mb),
    ]


def _write(folder: Path, nodes: int, run: str) -> int:
    """Write the folder of a run; returns the bytes of its Parquet."""
    made = folder / "made.csv"
    write(made, ROWS, ROUNDS)
    names = header(made)
    rows = pl.concat(list(blocks(made, names, [])))
    rows = rows.with_columns(pl.col("time_utc").str.to_datetime(UTC).dt.cast_time_unit("ms"))
    powers = [name for name in names if is_cumulative(name) or unit_of(name) == "W"]
    size = 0
    for number in range(nodes):
        place = folder / run / f"node={number:036}"
        place.mkdir(parents=True)
        scaled = rows.with_columns((pl.col(powers) * (1 + number / nodes)).round(6))
        scaled.write_parquet(place / "part.parquet")
        (place / "run.json").write_text(json.dumps(_run_json(number, nodes)))
        size += (place / "part.parquet").stat().st_size
    return size


def _run_json(number: int, nodes: int) -> Mapping[str, object]:
    return {
        "status": "finished",
        "host": {"name": f"host{number}"},
        "clock": {"start_monotonic_ns": 10**12 + number, "start_utc_ns": BEGUN_UTC_NS},
        "command": {"argv": ["python", "train.py"]},
        "fleet": {
            "node": {"rank": number},
            "world_size": nodes,
            "ranks": [{"rank": number}],
            "clock": {"is_reference": number == 0},
        },
    }
