"""The cost of marks for the marked program: a count, and an acknowledged phase edge."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import wattui
from benchmarks import machine
from benchmarks.recording import RootedConfig, environment, recording
from benchmarks.table import Figure, Table, of_figures, say
from benchmarks.zones import five_zones
from testbench.sandbox import nvml_unavailable_reason

COUNT_NS = 100.0
EDGE_US = 100.0
RATE_HZ = 10.0


def tables(quick: bool) -> list[Table]:
    """Counts outside and inside a recording of five zones, then phase edges."""
    counts, edges, repeats = (100_000, 200, 3) if quick else (1_000_000, 1000, 7)
    say("marks: five zones")
    outside = _count_ns(counts, repeats)
    with ExitStack() as stack:
        root = stack.enter_context(five_zones())
        stack.enter_context(environment({"LD_LIBRARY_PATH": ""}))
        stack.enter_context(recording(RootedConfig(None, RATE_HZ, root=str(root))))
        inside = _count_ns(counts, repeats)
        plain = [edges_us(edges) for _ in range(repeats)]
    figures = [
        Figure("wattui.count(), outside a recording", outside, "ns", COUNT_NS),
        Figure("wattui.count(), inside", inside, "ns", COUNT_NS),
        *_edge_figures("five zones", plain, EDGE_US),
    ]
    if nvml_unavailable_reason() is None:
        say("marks: five zones and one GPU")
        with ExitStack() as stack:
            root = stack.enter_context(five_zones())
            variables, _ = stack.enter_context(machine.fake_gpu())
            stack.enter_context(environment(variables))
            stack.enter_context(recording(RootedConfig(None, RATE_HZ, root=str(root))))
            time.sleep(3)
            with_gpu = [edges_us(edges) for _ in range(repeats)]
        figures += _edge_figures("five zones and one GPU", with_gpu, None)
    notes = (
        f"Each of n values: {counts} counts, loop included; the median or p99 of {edges} edges, "
        "from the call to its acknowledgement, the counters read and the row written in between.",
    )
    return [of_figures("Marks", figures, notes)]


def _count_ns(calls: int, repeats: int) -> list[float]:
    timer = timeit.Timer("wattui.count()", globals={"wattui": wattui})
    timer.timeit(1000)
    return [seconds * 1e9 / calls for seconds in timer.repeat(repeats, calls)]


def edges_us(number: int) -> dict[str, list[float]]:
    """Microseconds of each begin and each end."""
    found: dict[str, list[float]] = {"begin": [], "end": []}
    for _ in range(number):
        phase = wattui.phase("running")
        begun_ns = time.perf_counter_ns()
        phase.__enter__()
        between_ns = time.perf_counter_ns()
        phase.__exit__(None, None, None)
        ended_ns = time.perf_counter_ns()
        found["begin"].append((between_ns - begun_ns) * 1e-3)
        found["end"].append((ended_ns - between_ns) * 1e-3)
    return found


def _edge_figures(
    what: str, runs: Sequence[Mapping[str, list[float]]], target: float | None
) -> list[Figure]:
    figures = []
    for edge in ("begin", "end"):
        times = [run[edge] for run in runs]
        medians = [statistics.median(values) for values in times]
        p99 = [statistics.quantiles(values, n=100)[98] for values in times]
        figures.append(Figure(f"phase {edge}, {what}, median", medians, "µs", target))
        figures.append(Figure(f"phase {edge}, {what}, p99", p99, "µs"))
    return figures
