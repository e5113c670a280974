"""Run files of known powers, as a recorder would have written them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from recorders.counts import column_of
from recorders.fingerprint import fingerprint
from recorders.rows import FIXED_COLUMNS
from recorders.runfile import json_path
from recorders.summary.summary import summarise
from wattui.runs.recorded import Run, recorded
from wattui.runs.reduce import reduce_csv


class Part(NamedTuple):
    """A phase: its name, seconds, watts, and what was counted in it, inferences and others."""

    phase: str
    seconds: int
    watts: float
    label: str = ""
    count: int = 0
    repeat: int | None = None
    counts: Mapping[str, int] = MappingProxyType({})


IDLE = Part("idle", 10, 10.0)
# 2 J an inference, of which 1.6 J are more than idle; 4 J and 3 J; 1 J and 0.9 J.
B1 = Part("running", 4, 50.0, "b1", 100)
B8 = Part("running", 10, 40.0, "b8", 100)
# 2 J an output token, of which 1.6 J are more than idle, and 20 J a request.
TOKENS = Part("running", 4, 50.0, "c1", counts={"requests": 10, "tokens_out": 100})
B64 = Part("running", 10, 100.0, "b64", 1000)
MACHINE: dict[str, Any] = {
    "status": "finished",
    "host": {"name": "bench", "processor": "Made-up 9000", "logical_cpus": 8},
    "clock": {"start_utc_ns": 1_700_000_000_000_000_000},
    "sources": [
        {
            "name": "powercap",
            "reader": "os.pread",
            "channels": [{"name": "package0", "unit": "J", "origin": "measured"}],
        }
    ],
    "missing": [{"source": "hwmon", "reason": "no sensor", "remedy": "modprobe k10temp"}],
    "command": {"argv": ["python", "infer.py"]},
    "sampling": {
        "rate_asked_hz": 10.0,
        "rate_achieved_hz": 9.99,
        "lateness_ms": {"p99_ms": 0.3},
        "own_cpu_pct_of_core": 0.5,
    },
}


def written(path: Path, parts: Sequence[Part], channels: Sequence[str] = ("package0",)) -> Path:
    """Write a run file in which each channel has these powers, and their total where measured."""
    measured = [name for name in channels if not name.startswith(("est_", "sim_"))]
    names = [*channels, *(["total"] if measured else [])]
    columns = [f"{n}_{unit}" for n in names for unit in "JW"]
    counts = dict.fromkeys((name for part in parts for name in part.counts), 0)
    lines = [",".join((*FIXED_COLUMNS, *columns, *map(column_of, counts)))]
    time_s, energy_j, count = 0, 0.0, 0

    def row(part: Part, event: str) -> None:
        repeat = "" if part.repeat is None else part.repeat
        fixed = f"{time_s}.000000,,{part.phase},{part.label},{repeat},{event},{count or ''}"
        scale = {"total": len(measured)}
        cells = [f"{energy_j * scale.get(n, 1):.6f},{part.watts * scale.get(n, 1)}" for n in names]
        lines.append(",".join([fixed, *cells, *(str(n or "") for n in counts.values())]))

    row(Part("", 0, 0.0), "note:update_period_s " + " ".join(f"{n}=0.001" for n in channels))
    for part in parts:
        row(part, "begin")
        for _ in range(part.seconds - 1):
            time_s, energy_j = time_s + 1, energy_j + part.watts
            row(part, "")
        time_s, energy_j, count = time_s + 1, energy_j + part.watts, count + part.count
        for name, n in part.counts.items():
            counts[name] += n
        row(part, "end")
        time_s += 1
    path.write_text("\n".join(lines) + "\n")
    return path


def finished(
    path: Path, parts: Sequence[Part], channels: Sequence[str] = ("package0",), **about: Any
) -> Run:
    """A run file with its run.json."""
    summary = summarise(reduce_csv(written(path, parts, channels)))
    run = {**MACHINE, **about, "csv": fingerprint(path)}
    json_path(path).write_text(json.dumps(run | {"summary": summary.to_dict()}))
    return recorded(path, summary, run)


def aged(path: Path, age_s: float) -> Path:
    """A file that was last written so long ago."""
    then_s = time.time() - age_s
    os.utime(path, (then_s, then_s))
    return path


def json_of(run: Run) -> dict[str, Any]:
    """What is in its run.json."""
    found: dict[str, Any] = json.loads(json_path(run.csv).read_text())
    return found
