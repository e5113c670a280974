"""Summary time for a recording of very many phases: from the file, and while recording."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.files import cost
from benchmarks.table import Figure, Table, of_figures, say
from recorders.rows import FIXED_COLUMNS
from recorders.summary.reduction import Reducer
from recorders.summary.summary import summarise

EDGES, SECONDS = 100_000, 3.0
COLUMNS = ("package0_J", "package0_W", "dram0_J", "dram0_W", "gpu0_J", "gpu0_W", "total_J")
LABELS = 20
POWER_W = (80.0, 8.0, 200.0)
STEP_S = 0.005


def tables(quick: bool) -> list[Table]:
    """Phases of 5 ms with 20 labels, one after the other."""
    edges, repeats = (10_000, 1) if quick else (EDGES, 5)
    say(f"phases: {edges} edges")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.csv")
        with path.open("w") as file:
            file.write(",".join((*FIXED_COLUMNS, *COLUMNS)) + "\n")
            for time_text, cells, event, label, count in _edges(edges):
                where = f"2026-01-01T00:00:00.000Z,running,{label},,{event},{count}"
                file.write(f"{time_text},{where},{','.join(cells)}\n")
        command = [sys.executable, "-m", "wattui", "summary", "--json", str(path)]
        from_file = [cost(command)[0] for _ in range(repeats)]
    live = []
    for _ in range(repeats):
        reducer = Reducer(COLUMNS)
        for time_text, cells, event, label, count in _edges(edges):
            reducer.add(time_text, cells, event, ("running", label, None), count)
        begun_s = time.perf_counter()
        summarise(reducer.reduction).to_dict()
        live.append(time.perf_counter() - begun_s)
    figures = [
        Figure("wattui summary --json", from_file, "s", SECONDS),
        Figure("the recorder, at its end", live, "s", SECONDS),
    ]
    return [of_figures(f"Summary of {edges:,} phase edges", figures)]


def _edges(number: int) -> Iterator[tuple[str, list[str], str, str, int]]:
    """Time, cells, event, label and count of each edge."""
    for edge in range(number):
        time_s = edge * STEP_S
        parts = [power_w * time_s for power_w in POWER_W]
        cells = [text for part in parts for text in (f"{part:.6f}", "")] + [f"{sum(parts):.6f}"]
        event = "end" if edge % 2 else "begin"
        yield f"{time_s:.6f}", cells, event, f"b{edge // 2 % LABELS}", edge // 2 * 8
