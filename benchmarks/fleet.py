"""What the table of a fleet costs while 64 nodes record at 10 Hz into one folder."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.table import Figure, Table, of_figures, say
from benchmarks.terminal import Tmux
from recorders.rows import FIXED_COLUMNS
from recorders.runfile import write_json_at

NODES, RATE_HZ, COPY_S = 64, 10, 0.5
MOST_CPU_PCT, MOST_MIB = 5.0, 150.0
# What was recorded before; the start of the front end; then this many intervals are measured.
BEFORE_S, FILL_S, STRETCH_S, STRETCHES = 1800, 60.0, 20.0, 5
CHANNELS = ("package0", "package1", "dram0", "dram1", "gpu0", "gpu1", "gpu2", "gpu3")
GAUGES = ("cpu_util_pct", "cpu_freq_MHz", "cpu_temp_C")
COLUMNS = [f"{name}_{unit}" for name in CHANNELS for unit in "JW"]
COLUMNS += [*GAUGES, "total_J", "total_W"]


class Written:
    """A node whose rows are appended to its journal, in phases of 30 s."""

    def __init__(self, run: Path, number: int) -> None:
        folder = run / f"node=made-{number:02}"
        folder.mkdir(parents=True)
        about = {
            "host": {"name": f"node{number:02}"},
            "clock": {"start_utc_ns": time.time_ns() - BEFORE_S * 10**9},
            "fleet": {"ranks": [{"rank": number}], "missing_ranks": 0, "clock": {}},
        }
        write_json_at(folder / "run.json", about)
        self._file = (folder / "journal.csv").open("w", buffering=1 << 20)
        self._file.write(",".join((*FIXED_COLUMNS, *COLUMNS)) + "\n")
        self._random = random.Random(number)
        self._energies_j = [0.0] * len(CHANNELS)
        self._rows = self._count = 0
        self._phase = "idle"
        self._line("begin")

    def append(self, rows: int) -> None:
        """Append rows, and store them."""
        for _ in range(rows):
            self._rows += 1
            if self._rows % (30 * RATE_HZ) == 0:
                self._line("end")
                self._phase = "idle" if self._phase == "running" else "running"
                self._line("begin")
            self._count += 32 * (self._phase == "running")
            for place in range(len(CHANNELS)):
                self._energies_j[place] += self._random.uniform(20, 80) / RATE_HZ
            self._line("")
        self._file.flush()

    def _line(self, event: str) -> None:
        utc = "2026-11-29T14:30:00.000Z"
        label = "b32" if self._phase == "running" else ""
        fixed = f"{self._rows / RATE_HZ:.6f},{utc},{self._phase},{label},,{event},{self._count}"
        pairs = ",".join([f"{energy_j:.6f},50.000" for energy_j in self._energies_j])
        total = f"60.0,3310.0,61.0,{sum(self._energies_j):.6f},400.000"
        self._file.write(f"{fixed},{pairs},{total}\n")


def tables(quick: bool) -> list[Table]:
    """Processor time of the front end alone; another process writes."""
    say(f"fleet: {NODES} nodes at {RATE_HZ} Hz")
    before_s = 60 if quick else BEFORE_S
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run=made")
        writer = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fleet", str(run), str(before_s)],
            stdout=subprocess.PIPE,
        )
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            return [_cost(run, quick)]
        finally:
            writer.terminate()
            writer.wait()


def _cost(run: Path, quick: bool) -> Table:
    argv = [sys.executable, "-m", "wattui", "--replay", str(run)]
    with Tmux(argv, lambda words: subprocess.run(words, check=True), {"LANG": "C.UTF-8"}) as screen:
        begun_s = time.perf_counter()
        while "so far" not in screen.shown() or f"({NODES - 1} of" in screen.shown():
            time.sleep(0.5)
        known_s = time.perf_counter() - begun_s
        process = psutil.Process(screen.pid)
        time.sleep(10 if quick else FILL_S)
        shares = []
        for _ in range(2 if quick else STRETCHES):
            before_s, from_s = _cpu_s(process), time.perf_counter()
            time.sleep(5 if quick else STRETCH_S)
            shares.append(100 * (_cpu_s(process) - before_s) / (time.perf_counter() - from_s))
        shown = screen.shown()
        assert f"{NODES} recording" in shown, shown
        memory_mib = process.memory_full_info().pss / 2**20
    figures = [
        Figure("front end: one core", shares, "%", MOST_CPU_PCT),
        Figure("front end: memory, PSS", [memory_mib], "MiB", MOST_MIB),
        Figure("start to the first joules per inference", [known_s], "s"),
    ]
    return of_figures(
        f"A fleet of {NODES} nodes at {RATE_HZ} Hz, 200×50 in tmux",
        figures,
        (
            f"{len(CHANNELS)} counters and {len(GAUGES)} gauges a node. Another process appends to "
            f"the journals twice a second; its time is not counted.",
        ),
    )


def _cpu_s(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def _write(run: Path, before_s: int) -> None:
    """Write what was recorded before, say so, and go on as time passes."""
    nodes = [Written(run, number) for number in range(NODES)]
    for node in nodes:
        node.append(before_s * RATE_HZ)
    print("ready", flush=True)
    due_s = time.monotonic()
    while True:
        due_s += COPY_S
        time.sleep(max(0.0, due_s - time.monotonic()))
        for node in nodes:
            node.append(round(COPY_S * RATE_HZ))


def main(arguments: Sequence[str]) -> None:
    """The process that writes: RUN SECONDS."""
    run, before_s = arguments
    _write(Path(run), int(before_s))


if __name__ == "__main__":
    main(sys.argv[1:])
