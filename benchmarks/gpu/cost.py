"""How long a phase edge takes beside a busy GPU, and what the recorder costs meanwhile."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.gpu.device import Device, Load, loaded
from benchmarks.marks import edges_us
from benchmarks.recording import recording
from benchmarks.table import Table, number
from recorders.client import Config

RATES_HZ, SECONDS, EDGES = (10.0, 100.0), 5.0, 200


def table(load: Load = loaded) -> Table:
    """The median and p99 of edges, and the recorder's processor time at two rates."""
    Device()
    rows = []
    with load("full"), tempfile.TemporaryDirectory() as folder:
        with recording(Config(Path(folder, "edges.csv"))):
            time.sleep(3)
            for edge, times in edges_us(EDGES).items():
                middle, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
                rows.append((f"phase {edge}: median, p99, µs", number(middle), number(p99)))
        for rate_hz in RATES_HZ:
            csv = str(Path(folder, f"{rate_hz:g}.csv"))
            argv = [sys.executable, "-m", "benchmarks.recording", csv, f"{rate_hz}", f"{SECONDS}"]
            done = subprocess.run(argv, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            rate = found["sampling"]["rate_achieved_hz"]
            rows.append(
                (
                    f"recorder at {rate_hz:g} Hz: one core, %; achieved, Hz",
                    number(found["steady_cpu_pct"]),
                    number(rate) if rate else "–",
                )
            )
    return Table("", ("", "first", "second"), rows, (f"{EDGES} edges; {SECONDS:g} s a rate.",))
