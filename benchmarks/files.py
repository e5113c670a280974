"""Large and many run files: `wattui summary`, `compare` and `report`, with and without run.json,
beside polars' own scan of the same columns and the same energies in pandas.

pandas is for this benchmark alone (`pip install pandas`); without it its rows are left out, and a
line says so. It does less: the energy of each running phase, the difference of its edges; no
baselines, no ±, no flags.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import Figure, Table, of_figures, say
from recorders.fingerprint import fingerprint
from recorders.rows import Layout, UtcText, time_text
from recorders.runfile import json_path
from recorders.source import Channel
from wattui.runs.recorded import load_run

# Of one large file: without run.json, with it, and its report; of many: each command with and
# without run.json.
ALONE_S, KNOWN_S, REPORT_S, PEAK_MB = 2.0, 0.3, 4.0, 400.0
MANY_S, COMPARE_S, MANY_ALONE_S = 2.0, 3.0, 4.0
STEP_NS = 100_000_000
START_UTC_NS = 1_700_000_000_000_000_000
LAYOUT = Layout(
    [
        Channel("package0", "J", in_total=True),
        Channel("dram0", "J", in_total=True),
        Channel("cpu_util", "pct"),
        Channel("cpu_temp", "C"),
    ]
)
# Share of a round, watts of the package, utilisation, and inferences counted in each row.
PHASES = {
    "idle": (0.1, 6.0, "1.50", 0),
    "armed": (0.1, 9.0, "2.50", 0),
    "running": (0.6, 31.0, "93.00", 7),
    "cooldown": (0.2, 7.0, "1.00", 0),
}
DRAM_W = 1.5
# In the one large file; a small one has three repeats of the first.
LABELS, REPEATS, FEW = ("b1", "b8", "b32"), 5, 3
BLOCK = 20_000

SUMMARY = "import sys; from wattui.cli import main; sys.exit(main(['summary', *sys.argv[1:]]))"
LOAD = """
import sys
from pathlib import Path
from wattui.runs.recorded import find_runs, load_run
for path in find_runs(Path(sys.argv[1])):
    load_run(path)
"""
REPORT = """
import sys, tempfile
from wattui.cli import main
with tempfile.TemporaryDirectory() as folder:
    sys.exit(main(["report", sys.argv[1], "-o", folder + "/report.html"]))
"""
POLARS = """
import sys
import polars as pl
columns = ["time_s", "phase", "label", "repeat", "event", "inferences"]
columns += ["package0_J", "dram0_J", "total_J", "cpu_util_pct", "cpu_temp_C"]
scan = pl.scan_csv(sys.argv[1], schema_overrides={"repeat": pl.Int64, "inferences": pl.Int64})
print(scan.select(pl.col(columns).null_count()).collect(engine="streaming"))
"""
COMPARE = "import sys; from wattui.cli import main; sys.exit(main(['compare', *sys.argv[1:]]))"
PANDAS = """
import sys
from pathlib import Path
import pandas
given = Path(sys.argv[1])
for path in sorted(given.rglob("*.csv")) if given.is_dir() else [given]:
    columns = ["time_s", "phase", "label", "repeat", "event", "inferences", "package0_J", "total_J"]
    run = pandas.read_csv(path, usecols=columns)
    edges = run[(run.phase == "running") & run.event.isin(["begin", "end"])]
    figures = edges.groupby(["label", "repeat"])[["time_s", "inferences", "total_J"]]
    spent = figures.last() - figures.first()
    print(spent.total_J / spent.inferences)
"""


class Cost(NamedTuple):
    """Wall seconds; processor seconds, helping processes included; and the peak resident megabytes
    of the largest of them."""

    seconds: float
    processor_s: float
    peak_mb: float


def tables(quick: bool) -> list[Table]:
    """One large file, then many small ones; written just before, so they are in the page cache."""
    rows, files, times = (300_000, 50, 1) if quick else (10_000_000, 1000, 3)
    with tempfile.TemporaryDirectory() as folder:
        return [_large(Path(folder, "run.csv"), rows, times), _many(Path(folder), files, times)]


def write(path: Path, rows: int, rounds: Sequence[tuple[int, str]], scale: float = 1.0) -> None:
    """Write a run of about `rows` rows at 10 Hz, with rounds of a repeat and a label each.

    `scale` multiplies the powers.
    """
    with path.open("w") as file:
        file.write(LAYOUT.header)
        lines = []
        for line in _lines(rows, rounds, scale):
            lines.append(line)
            if len(lines) == BLOCK:
                file.write("".join(lines))
                lines.clear()
        file.write("".join(lines))


def _lines(rows: int, rounds: Sequence[tuple[int, str]], scale: float) -> Iterator[str]:
    """Idle, armed, running and cooldown in each round; notes between them."""
    utc_text = UtcText()
    step = count = 0
    package_j = dram_j = 0.0

    def line(where: str, event: str, power_w: float, gauges: str) -> str:
        time_ns = step * STEP_NS + 50_000
        total = f"{package_j + dram_j:.6f},{power_w + DRAM_W:.3f}"
        return (
            f"{time_text(time_ns)},{utc_text(START_UTC_NS + time_ns)},{where},{event},"
            f"{count or ''},{package_j:.6f},{power_w:.3f},{dram_j:.6f},{DRAM_W:.3f},"
            f"{gauges},{total}\n"
        )

    yield line(",,", "note:update_period_s package0=0.001 dram0=0.001", 0.0, ",")
    for repeat, label in rounds:
        for phase, (share, watts, utilisation, counted) in PHASES.items():
            where = f"{phase},{label},{repeat}"
            power_w = watts * scale
            yield line(where, "begin", power_w, ",")
            for _ in range(int(share * rows / len(rounds)) - 2):
                step += 1
                swing = 1 + step % 11 * 0.001
                package_j += power_w * swing * 0.1
                dram_j += DRAM_W * 0.1
                count += counted
                second = step % 10 == 0
                yield line(where, "", power_w * swing, f"{utilisation},48.00" if second else ",")
            step += 1
            yield line(where, "end", power_w, ",")
        yield line(",,", f"note:done with {label}", 0.0, ",")


def _large(path: Path, rows: int, times: int) -> Table:
    say(f"files: writing {rows} rows")
    write(path, rows, list(product(range(1, REPEATS + 1), LABELS)))
    size_mb = path.stat().st_size / 1e6
    aims: dict[str, float | None] = {"wattui summary, CSV alone": ALONE_S}
    programs = {"wattui summary, CSV alone": SUMMARY, "polars, the same columns": POLARS}
    figures = _figures({**programs, **_pandas()}, path, times, aims)
    _write_json(path)
    figures += _figures({"wattui summary": SUMMARY}, path, times, {"wattui summary": KNOWN_S})
    if importlib.util.find_spec("matplotlib"):
        figures += _figures({"wattui report": REPORT}, path, times, {"wattui report": REPORT_S})
    path.unlink()
    title = f"One run file: {rows:,} rows, {len(LAYOUT.columns)} value columns, {size_mb:.0f} MB"
    return of_figures(title, figures, _notes())


def _many(folder: Path, files: int, times: int) -> Table:
    say(f"files: writing {files} files")
    paths = [folder / f"run{number}.csv" for number in range(1, files + 1)]
    for number, path in enumerate(paths):
        write(path, 3000, list(product(range(1, FEW + 1), LABELS[:1])), 1 + number / files)
    alone = {
        "load_run, CSV alone": LOAD,
        "wattui summary FOLDER, CSV alone": SUMMARY,
        "wattui compare FOLDER, CSV alone": COMPARE,
    }
    aims: dict[str, float | None] = dict.fromkeys(alone, MANY_ALONE_S)
    figures = _figures({**alone, **_pandas()}, folder, times, aims)
    say(f"files: writing {files} run.json")
    for path in paths:
        _write_json(path)
    known = {"wattui summary FOLDER": SUMMARY, "wattui compare FOLDER": COMPARE}
    aims = dict(zip(known, (MANY_S, COMPARE_S), strict=True))
    figures += _figures(known, folder, times, aims)
    return of_figures(f"{files:,} run files of 3,000 rows", figures, _notes())


def _write_json(path: Path) -> None:
    """The run.json that the recorder writes, as far as a summary needs it."""
    command = {"argv": ["python", "infer.py"], "exit_statuses": [0]}
    found = {"status": "finished", "command": command, "csv": fingerprint(path)}
    found["summary"] = load_run(path).summary.to_dict()
    json_path(path).write_text(json.dumps(found, indent=1))


def _figures(
    programs: Mapping[str, str], given: Path, times: int, aims: Mapping[str, float | None]
) -> list[Figure]:
    """Seconds, processor seconds and peak memory of each program, and what the seconds should be.

    They take turns, so that all see one machine.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for _ in range(times):
        for name, program in programs.items():
            say(f"files: {name}")
            costs[name].append(cost([sys.executable, "-c", program, str(given)]))
    found = []
    for name, measured in costs.items():
        aim_s = aims.get(name)
        aim_mb = None if aim_s is None else PEAK_MB
        found.append(Figure(name, [cost.seconds for cost in measured], "s", aim_s))
        found.append(Figure(f"{name}, processor", [c.processor_s for c in measured], "s"))
        found.append(Figure(f"{name}, peak memory", [c.peak_mb for c in measured], "MB", aim_mb))
    return found


def cost(argv: Sequence[str]) -> Cost:
    """Time and memory of a program from start to end. Raises RuntimeError if it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"it ended with {process.returncode}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


def _pandas() -> dict[str, str]:
    return {"pandas, needed columns": PANDAS} if importlib.util.find_spec("pandas") else {}


def _notes() -> list[str]:
    if importlib.util.find_spec("pandas"):
        return []
    return ["pandas is not installed: nothing to compare with (fix: pip install pandas)"]
