"""The overhead of workloads over a network's own time, their start-up time and memory."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import repeat

from benchmarks.table import Figure, Table, of_figures, say
from workloads.engine import Work
from workloads.engines import EngineOptions, open_engine
from workloads.graph import lower
from workloads.networks.kws import kws
from workloads.runner import CHUNK_S, Pace, run_calls, warm_up
from workloads.stop import Stop

LOOP_PCT = 2.0
ENGINES = ("onnxruntime", "torch", "numpy")
ONCE = ("--warmup", "0", "--seconds", "0")
STARTS = {
    "kws": ("kws", "--count", "1"),
    "lenet, a layer at 32 px": ("lenet", "--sizes", "32", "--images", "1"),
    "alexnet at 224 px": ("alexnet", "--sizes", "224", "--count", "1"),
    "alexnet at 2240 px": ("alexnet", "--sizes", "2240", "--count", "1"),
    "resnet50 at 224 px": ("resnet50", "--sizes", "224", "--count", "1"),
    "bert, 128 tokens": ("bert", "--sizes", "128", "--count", "1"),
}


def tables(quick: bool) -> list[Table]:
    """Loop overhead on the smallest network, throughput by engine, start-up and memory of each."""
    # First: a child's peak memory is never below that of the process that forked it.
    starts = _starts(1 if quick else 5)
    return [_loop(5 if quick else 25), starts]


def _loop(pairs: int) -> Table:
    """The runner's loop beside a bare loop of the same calls, alternating."""
    figures = []
    for name in _installed():
        for batch in (1, 64):
            say(f"workloads: loop, {name}, batch {batch}")
            work = _kws(name, batch)
            call_s = warm_up(work, 1.0, time.perf_counter, Stop())
            calls = int(0.5 / (call_s or 1))
            pace = Pace(batch, calls * batch, 0.0, max(1, round(CHUNK_S * calls / 0.5)))
            bare_s, loop_s = [], []
            for _ in range(pairs):
                bare_s.append(_bare_s(work, calls))
                loop_s.append(run_calls(work, pace, time.perf_counter, Stop())[2])
            added = [100 * (b - a) / a for a, b in zip(bare_s, loop_s, strict=True)]
            target = LOOP_PCT if (name, batch) == ("onnxruntime", 1) else None
            what = f"{name}, batch {batch}"
            figures.append(Figure(f"{what}: a bare call", [1e6 * s / calls for s in bare_s], "µs"))
            figures.append(Figure(f"{what}: added by the loop", added, "%", target))
    return of_figures("Keyword spotter, one thread: overhead of the workload's loop", figures)


def _kws(engine: str, batch: int) -> Work:
    import numpy

    from workloads.kws.store import load_weights, load_windows

    loaded = open_engine(EngineOptions(engine)).load(lower(kws()), load_weights())
    windows = load_windows().windows
    return loaded.bind(numpy.resize(windows, (batch, windows.shape[1]))).work()


def _bare_s(work: Work, calls: int) -> float:
    call = work.call
    begun = time.perf_counter()
    for _ in repeat(None, calls):
        call()
    work.wait()
    return time.perf_counter() - begun


def _starts(number: int) -> Table:
    figures = []
    runs = [(what, arguments, "onnxruntime") for what, arguments in STARTS.items()]
    runs += [("kws", STARTS["kws"], name) for name in _installed() if name != "onnxruntime"]
    for what, arguments, engine in runs:
        say(f"workloads: start, {what}, {engine}")
        argv = [sys.executable, "-m", "workloads", *arguments, *ONCE, "--engine", engine]
        measured = [_run(argv) for _ in range(number)]
        title = f"{what}, {engine}"
        figures.append(Figure(f"{title}: start to end", [run[0] for run in measured], "s"))
        figures.append(Figure(f"{title}: peak memory", [run[1] for run in measured], "MiB"))
    dry = [sys.executable, "-m", "workloads", "kws", "--dry-run"]
    figures.append(Figure("kws --dry-run: start to end", [_run(dry)[0] for _ in range(5)], "s"))
    return of_figures("A process that makes one inference", figures)


def _run(argv: Sequence[str]) -> tuple[float, float]:
    """Wall time, seconds, and peak resident memory, MiB."""
    begun = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{argv} ended with status {child.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def _installed() -> list[str]:
    return [name for name in ENGINES if importlib.util.find_spec(name)]
