"""The recorder with five RAPL zones and one GPU, writing its file, at 10, 100 and 1000 Hz; and with
four chips and two GPUs beside the zones at 10 Hz."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.table import Figure, Table, of_figures, say
from benchmarks.zones import five_zones, many_sensors
from testbench.sandbox import Bench, nvml_unavailable_reason

CPU_TARGETS_PCT = {10: 0.3, 100: 1.5, 1000: 6.0}
MANY_HZ, MANY_PCT = 10, 1.0
ACHIEVED_PCT = 99.5
INTERVAL_MS = 1.1
BARE_TIMES = 2.0
ENERGY = "nvmlDeviceGetTotalEnergyConsumption"
# A period measured through a clock is slightly off; this much more often is not a fault.
SLACK = 1.02


def tables(quick: bool) -> list[Table]:
    """Beside a bare loop, then with a GPU: on plain files in memory, and on the bench with pyRAPL
    as reader."""
    seconds, repeats = (5.0, 1) if quick else (20.0, 3)
    notes = (
        f"Each run {seconds:g} s after 3 s of settling; `own` is run.json's figure over the whole "
        "run, `steady` the process's kernel clock over those seconds.",
        f"NVML's energy counter moves every {machine.ENERGY_REFRESH_S * 1e3:g} ms.",
    )
    found = [_beside_a_bare_loop(seconds, 2 * repeats), _with_many_sensors(seconds, repeats)]
    if reason := nvml_unavailable_reason():
        say(f"recorder on plain files: skipped: {reason}")
    else:
        figures, readers = _on_plain_files(seconds, repeats)
        title = f"Recorder, five zones in memory ({readers}) and one GPU"
        found.append(of_figures(title, figures, notes))
    if reason := machine.missing():
        say(f"recorder on the bench: skipped: {reason}")
    else:
        figures, readers = _on_the_bench(seconds, repeats)
        title = f"Recorder, five zones on the FUSE bench ({readers}) and one GPU"
        fuse = "Each read of a FUSE file wakes its server, which adds two context switches."
        found.append(of_figures(title, figures, (fuse,)))
    return found


def _beside_a_bare_loop(seconds: float, repeats: int) -> Table:
    """The recorder and the bare loop in turn, each pair beside the same counters."""
    figures = []
    with tempfile.TemporaryDirectory() as folder, five_zones() as root:
        for rate_hz, cpu_pct in CPU_TARGETS_PCT.items():
            runs, bare_pct = [], []
            for repeat in range(repeats):
                say(f"recorder: {rate_hz} Hz beside a bare loop, pair {repeat + 1} of {repeats}")
                bare_pct.append(_run(_bare_argv(rate_hz, seconds, str(root)))["cpu_pct"])
                runs.append(_run(_argv(folder, rate_hz, seconds, str(root))))
            figures += _beside(rate_hz, cpu_pct, runs, bare_pct)
    notes = (
        f"Pairs of runs of {seconds:g} s in turn; the recorder writes its file and reads gauges "
        "each second. The bare loop: one pread a zone and tick, unwrapped, no file.",
    )
    return of_figures("Recorder beside a bare loop, five zones in memory (pread)", figures, notes)


def _beside(
    rate_hz: int, cpu_pct: float, runs: Sequence[dict[str, Any]], bare_pct: Sequence[float]
) -> list[Figure]:
    sampling = [outcome["sampling"] for outcome in runs]
    steady = [outcome["steady_cpu_pct"] for outcome in runs]
    intervals = [s["interval_ms"] for s in sampling]
    achieved = [100 * s["rate_achieved_hz"] / rate_hz for s in sampling]
    longest_ms = INTERVAL_MS if rate_hz == 1000 else None
    at_rate = f"{rate_hz} Hz:"
    return [
        Figure(f"{at_rate} rate achieved", achieved, "%", ACHIEVED_PCT, at_least=True),
        Figure(f"{at_rate} interval p50", [each["p50_ms"] for each in intervals], "ms"),
        Figure(f"{at_rate} interval p99", [each["p99_ms"] for each in intervals], "ms", longest_ms),
        Figure(f"{at_rate} interval max", [each["max_ms"] for each in intervals], "ms"),
        Figure(f"{at_rate} bare loop", bare_pct, "% of a core"),
        Figure(f"{at_rate} recorder, steady", steady, "% of a core", cpu_pct),
        Figure(
            f"{at_rate} recorder / bare loop",
            [own / bare for own, bare in zip(steady, bare_pct, strict=True)],
            "×",
            BARE_TIMES,
        ),
    ]


def _with_many_sensors(seconds: float, repeats: int) -> Table:
    """Each chip and GPU has its own thread."""
    runs = []
    with tempfile.TemporaryDirectory() as folder, many_sensors() as root:
        for repeat in range(repeats):
            say(f"recorder: four chips and two GPUs, run {repeat + 1} of {repeats}")
            runs.append(_run(_argv(folder, MANY_HZ, seconds, str(root))))
    channels = [len(outcome["channels"]) for outcome in runs]
    steady = [outcome["steady_cpu_pct"] for outcome in runs]
    figures = [
        Figure(f"{MANY_HZ} Hz: channels", channels, ""),
        Figure(f"{MANY_HZ} Hz: recorder, steady", steady, "% of a core", MANY_PCT),
    ]
    note = "Five zones, two INA226, an INA3221, an ACPI meter, an Arc and a Radeon as plain files."
    return of_figures("Recorder with four chips and two GPUs in memory", figures, (note,))


def _run(argv: Sequence[str]) -> dict[str, Any]:
    return _outcome(subprocess.run(argv, check=False, capture_output=True, text=True))


def _on_plain_files(seconds: float, repeats: int) -> tuple[list[Figure], str]:
    with tempfile.TemporaryDirectory() as folder, five_zones() as root:

        def record(rate_hz: int) -> tuple[dict[str, Any], machine.Calls]:
            with machine.fake_gpu() as (variables, calls):
                argv = _argv(folder, rate_hz, seconds, str(root))
                env = {**os.environ, **variables}
                done = subprocess.run(argv, check=False, env=env, capture_output=True, text=True)
                return _outcome(done), calls()

        return _figures(record, repeats)


def _on_the_bench(seconds: float, repeats: int) -> tuple[list[Figure], str]:
    with tempfile.TemporaryDirectory() as folder:

        def record(rate_hz: int) -> tuple[dict[str, Any], machine.Calls]:
            with Bench(machine.five_zones(), machine.one_gpu()) as sandbox:
                argv = _argv(folder, rate_hz, seconds, "/")
                done = sandbox.run(argv, timeout=None)
                return _outcome(done), sandbox.nvml_calls()

        return _figures(record, repeats)


def _argv(folder: str, rate_hz: int, seconds: float, root: str) -> list[str]:
    csv = str(Path(folder, "run.csv"))
    return [sys.executable, "-m", "benchmarks.recording", csv, str(rate_hz), str(seconds), root]


def _bare_argv(rate_hz: int, seconds: float, root: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.bare", str(rate_hz), str(seconds), root]


def _outcome(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    if done.returncode:
        raise RuntimeError(done.stderr)
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def _figures(
    record: Callable[[int], tuple[dict[str, Any], machine.Calls]], repeats: int
) -> tuple[list[Figure], str]:
    figures, readers = [], ""
    for rate_hz, cpu_pct in CPU_TARGETS_PCT.items():
        runs = []
        for repeat in range(repeats):
            say(f"recorder: {rate_hz} Hz, run {repeat + 1} of {repeats}")
            runs.append(record(rate_hz))
        figures += _of_rate(rate_hz, cpu_pct, runs)
        readers = runs[0][0]["readers"]["powercap"]
    return figures, readers


def _of_rate(
    rate_hz: int, cpu_pct: float, runs: Sequence[tuple[dict[str, Any], machine.Calls]]
) -> list[Figure]:
    sampling = [outcome["sampling"] for outcome, _ in runs]
    achieved = [100 * s["rate_achieved_hz"] / rate_hz for s in sampling]
    own = [s["own_cpu_pct_of_core"] for s in sampling]
    steady = [outcome["steady_cpu_pct"] for outcome, _ in runs]
    p99 = [s["interval_ms"]["p99_ms"] for s in sampling]
    late = [s["lateness_ms"]["p99_ms"] for s in sampling]
    at_rate = f"{rate_hz} Hz:"
    return [
        Figure(f"{at_rate} rate achieved", achieved, "%", ACHIEVED_PCT, at_least=True),
        Figure(f"{at_rate} processor, own", own, "% of a core", cpu_pct),
        Figure(f"{at_rate} processor, steady", steady, "% of a core", cpu_pct),
        Figure(f"{at_rate} interval p99", p99, "ms", INTERVAL_MS if rate_hz == 1000 else None),
        Figure(f"{at_rate} lateness p99", late, "ms"),
        Figure(
            f"{at_rate} GPU energy reads",
            [_per_second(outcome, calls, ENERGY) for outcome, calls in runs],
            "1/s",
            min(rate_hz, 1 / machine.ENERGY_REFRESH_S) * SLACK,
        ),
        Figure(f"{at_rate} NVML calls", [_per_second(*run, "") for run in runs], "1/s"),
    ]


def _per_second(outcome: Mapping[str, Any], calls: machine.Calls, function: str) -> float:
    begin_ns, end_ns = (float(edge) for edge in outcome["steady_ns"])
    counted = sum(begin_ns <= at_ns < end_ns and function in name for at_ns, _, name in calls)
    return counted * 1e9 / (end_ns - begin_ns)
