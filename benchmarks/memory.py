"""The recorder's memory over a million rows, its clock running as fast as it can write them.

`python -m benchmarks.memory CSV ROWS PHASE_ROWS` prints the result as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from benchmarks.table import Figure, Table, of_figures, say
from recorders.clock import Clock
from recorders.conductor import Conductor
from recorders.inbox import FRONT_END, Inbox, Request
from recorders.marks import CountPages
from recorders.recorder import Recorder
from recorders.rows import Layout
from recorders.runfile import RunFile
from recorders.source import Channel, Reading
from recorders.writer import Writer

RATE_HZ = 1000.0
GROWTH_MB = 1.0
SHARES = (0.1, 0.5, 1.0)
PHASE_ROWS = 1000
COUNTERS_W = {
    "package0": 60.0,
    "package1": 45.0,
    "dram0": 6.0,
    "dram1": 4.0,
    "psys": 130.0,
    "gpu0": 200.0,
}


def tables(quick: bool) -> list[Table]:
    """One long phase, which must stay flat; and a phase a second, whose edges are kept."""
    rows, repeats = (100_000, 1) if quick else (1_000_000, 3)
    figures = []
    for what, phase_rows, target in (
        ("one phase", rows, GROWTH_MB),
        ("a phase a second", PHASE_ROWS, None),
    ):
        runs = []
        for repeat in range(repeats):
            say(f"memory: {rows} rows, {what}, run {repeat + 1} of {repeats}")
            runs.append(_run(rows, phase_rows))
        for share in SHARES:
            values = [run[f"{share:.0%}"] for run in runs]
            figures.append(Figure(f"{what}: resident after {share:.0%}", values, "MB"))
        growth = [run["100%"] - run["10%"] for run in runs]
        figures.append(Figure(f"{what}: growth from 10% to 100%", growth, "MB", target))
        figures.append(Figure(f"{what}: processor a row", [r["us_per_row"] for r in runs], "µs"))
    return [of_figures(f"Recorder's memory over {rows:,} rows, six counters", figures)]


def _run(rows: int, phase_rows: int) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(Path(folder, "run.csv")), str(rows), str(phase_rows)]
        argv = [sys.executable, "-m", "benchmarks.memory", *arguments]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        found: Mapping[str, float] = json.loads(done.stdout)
        return found


class FastClock(Clock):
    """A clock that stands still until it is advanced."""

    now_ns = 10**12

    def monotonic_ns(self) -> int:
        """The time it was set to."""
        return self.now_ns

    def boot_ns(self) -> int:
        """The same: this machine never sleeps."""
        return self.now_ns


class Counters:
    """Five zones and one GPU at constant power, read on the fast clock."""

    name, reader, period_s, blocking = "counters", "closed form", 0.0005, False

    def __init__(self, clock: FastClock) -> None:
        self._clock = clock

    def channels(self) -> Sequence[Channel]:
        """Their energies."""
        return [Channel(name, "J", in_total=name != "psys") for name in COUNTERS_W]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """Power times time."""
        now_ns = self._clock.now_ns
        return [
            Reading(place, now_ns, watts * now_ns * 1e-9)
            for place, watts in enumerate(COUNTERS_W.values())
        ]

    def calibrate(self) -> None:
        """There is nothing to calibrate."""

    def update_periods_s(self) -> Mapping[str, float]:
        """The counters are continuous."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """Nothing to tell."""
        return {}

    def reset(self) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        """Nothing is open."""


class FastInbox:
    """Advances the clock instead of waiting; a phase begins every so many ticks."""

    def __init__(self, clock: FastClock, rows: int, phase_rows: int) -> None:
        self._clock = clock
        self._rows = rows
        self._phase_rows = phase_rows
        self._tick = 0
        self.resident_mb: dict[str, float] = {}

    def wait(self, timeout_s: float) -> Iterator[Request]:
        """The requests a program would have made by the next tick."""
        self._clock.now_ns += max(1, int(timeout_s * 1e9) + 1)
        for share in SHARES:
            if self._tick == int(share * self._rows):
                self.resident_mb[f"{share:.0%}"] = resident_mb()
        tick, self._tick = self._tick, self._tick + 1
        if tick >= self._rows:
            yield _request(do="stop")
        elif tick % self._phase_rows == 0:
            yield _request(do="mark", phase="running", label="b32")


def _request(**message: object) -> Request:
    return Request(dict(message), FRONT_END, lambda _: None)


def resident_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def main(csv: str, rows: str, phase_rows: str) -> None:
    """Record so many rows and print resident megabytes on the way."""
    clock = FastClock()
    counters = Counters(clock)
    layout = Layout(counters.channels())
    inbox = FastInbox(clock, int(rows), int(phase_rows))
    pages = CountPages(str(Path(csv).parent))
    file = Writer(RunFile(Path(csv), layout.header))
    file.begin({})
    recorder = Recorder(
        [counters], layout, file, pages, cast(Inbox, inbox), clock, RATE_HZ, lambda _: None
    )
    begun_s = time.process_time()
    recorder.run(Conductor(recorder, pages).handle)
    us_per_row = (time.process_time() - begun_s) * 1e6 / int(rows)
    recorder.close()
    file.finish({})
    file.wait(None)
    json.dump({**inbox.resident_mb, "us_per_row": us_per_row}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
