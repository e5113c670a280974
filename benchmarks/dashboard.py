"""The dashboard's cost beside s-tui, its time to first data, and its key latency."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import machine
from benchmarks.table import Figure, Table, of_figures, say
from benchmarks.terminal import Screen, Tmux
from testbench.sandbox import Bench

# Percent of one core at each rate, and memory of dashboard and recorder together.
MOST_CPU_PCT = {1.0: 2.0, 5.0: 8.0}
MOST_MIB, FIRST_FRAME_MS, KEY_MS = 60.0, 350.0, 50.0
# Time until the graphs are full from edge to edge; then this many intervals are measured.
FILL_S, STRETCH_S, STRETCHES = 130.0, 20.0, 5
WATTUI = [sys.executable, "-m", "wattui"]
WATTS = rb"\d W"
ESCAPES = rb"(?:\x1b\[[0-9;]*m| )*"


def tables(quick: bool) -> list[Table]:
    """Cost on the bench, with four graphs and more; first frame and keys on a simulated curve."""
    found = [of_figures("Dashboard: how soon", [_first_frame(quick), _keys(quick)])]
    if reason := machine.missing():
        say(f"dashboard, cost: skipped: {reason}")
        return found
    for rate_hz, most_pct in MOST_CPU_PCT.items():
        found.append(_costs(rate_hz, most_pct, quick))
    return found


@dataclass
class Cost:
    """A program's share of a core over each interval, and its memory at the end."""

    cpu_pct: list[float]
    pss_mib: float
    rss_mib: float


def _costs(rate_hz: float, most_pct: float, quick: bool) -> Table:
    say(f"dashboard: cost at {rate_hz:g} Hz")
    programs = {"wattui": [*WATTUI, "--rate", f"{rate_hz:g}", "--no-estimate"]}
    if stui := shutil.which("s-tui"):
        programs["s-tui"] = [stui, "--no-mouse", "--refresh-rate", f"{1 / rate_hz:g}"]
    else:
        say("dashboard: s-tui is not installed, wattui is measured alone")
    environ = {"COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    with ExitStack() as stack:
        sandbox = stack.enter_context(Bench(machine.five_zones(), machine.one_gpu()))
        screens = {
            name: stack.enter_context(Tmux(argv, sandbox.run, environ))
            for name, argv in programs.items()
        }
        costs = _measure({name: screen.pid for name, screen in screens.items()}, quick)
    figures = []
    for name, cost in costs.items():
        own = name == "wattui"
        figures += [
            Figure(f"{name}: one core", cost.cpu_pct, "%", most_pct if own else None),
            Figure(f"{name}: memory, PSS", [cost.pss_mib], "MiB", MOST_MIB if own else None),
            Figure(f"{name}: memory, RSS", [cost.rss_mib], "MiB"),
        ]
    return of_figures(
        f"Dashboard at {rate_hz:g} Hz, 200×50 in tmux",
        figures,
        (
            "wattui: dashboard and recorder, five RAPL zones and a GPU of the test bench."
            + " s-tui ran beside it at the same time." * ("s-tui" in programs),
        ),
    )


def _measure(pids: dict[str, int], quick: bool) -> dict[str, Cost]:
    time.sleep(10 if quick else FILL_S)
    shares: dict[str, list[float]] = {name: [] for name in pids}
    for _ in range(2 if quick else STRETCHES):
        before = {name: _cpu_s(pid) for name, pid in pids.items()}
        begun_s = time.perf_counter()
        time.sleep(5 if quick else STRETCH_S)
        elapsed_s = time.perf_counter() - begun_s
        for name, pid in pids.items():
            shares[name].append(100 * (_cpu_s(pid) - before[name]) / elapsed_s)
    found = {}
    for name, pid in pids.items():
        memory = [process.memory_full_info() for process in _tree(pid)]
        found[name] = Cost(
            shares[name],
            sum(each.pss for each in memory) / 2**20,
            sum(each.rss for each in memory) / 2**20,
        )
    return found


def _tree(pid: int) -> Iterator[psutil.Process]:
    process = psutil.Process(pid)
    yield process
    yield from process.children(recursive=True)


def _cpu_s(pid: int) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _tree(pid))


def _first_frame(quick: bool) -> Figure:
    """From the start of the process to the first watts on the screen."""
    say("dashboard: first frame")
    taken_ms = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3 if quick else 15):
            argv = [*WATTUI, "--simulate", "--no-estimate"]
            with Screen(argv, Path(folder)) as screen:
                taken_ms.append((screen.wait_for(WATTS) - screen.started_s) * 1e3)
    return Figure("start to first watts", taken_ms, "ms", FIRST_FRAME_MS)


def _keys(quick: bool) -> Figure:
    """From space to the phase's name on the screen, while 100 rows a second are recorded."""
    say("dashboard: keys")
    taken_ms = []
    with tempfile.TemporaryDirectory() as folder:
        argv = [*WATTUI, "--simulate", "--no-estimate", "--rate", "100"]
        with Screen(argv, Path(folder)) as screen:
            screen.wait_for(WATTS)
            screen.press(b"r")
            screen.wait_for(b"Enter starts")
            screen.press(b"\r")
            screen.wait_for(b"REC")
            time.sleep(2)
            for number in range(5 if quick else 40):
                phase = (b"running", b"idle")[number % 2]
                screen.read_for(0.37)
                pressed_s = screen.press(b" ")
                shown_s = screen.wait_for("▶".encode() + ESCAPES + phase)
                taken_ms.append((shown_s - pressed_s) * 1e3)
    return Figure("space to its effect, recording at 100 Hz", taken_ms, "ms", KEY_MS)
