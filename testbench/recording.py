"""Records with the real program on the bench, and compares its files with the true joules."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbench.sandbox import Bench

Row = dict[str, str]

# A recording begins so long before what is timed, and a phase at most so long after its time.
TRIES, BEFORE_S, AFTER_S = 3, 0.1, 0.3

_PROGRAM = """
import os, time, wattui
t0_s = int(os.environ["BENCH_T0_NS"]) / 1e9
for label, begin_s, seconds in {timetable!r}:
    time.sleep(max(0.0, t0_s + begin_s - time.monotonic()))
    with wattui.phase("running", label=label):
        time.sleep(seconds)
"""


@dataclass(frozen=True)
class BenchPhase:
    """One running phase to mark: it begins at begin_s of the bench's time, or at once if later."""

    label: str
    begin_s: float
    seconds: float


class Program(str):
    """Python source with a timetable; its first phase begins at begin_s of the bench's time."""

    begin_s = 0.0

    def __add__(self, after: str) -> Program:
        """The same timetable with more source after it."""
        return self._with(f"{self!s}{after}")

    def __radd__(self, before: str) -> Program:
        """The same timetable with more source before it."""
        return self._with(f"{before}{self!s}")

    def _with(self, source: str) -> Program:
        made = Program(source)
        made.begin_s = self.begin_s
        return made


def program(*stretches: BenchPhase) -> Program:
    """Python source that marks these phases one after another."""
    made = Program(_PROGRAM.format(timetable=[(s.label, s.begin_s, s.seconds) for s in stretches]))
    made.begin_s = stretches[0].begin_s
    return made


class BenchRecording:
    """A run file and run.json beside the bench they were recorded on."""

    def __init__(
        self, bench: Bench, path: Path, done: subprocess.CompletedProcess[str] | None = None
    ) -> None:
        self.bench = bench
        self.done = done
        self.path = path
        with path.open(newline="") as file:
            self.rows: list[Row] = list(csv.DictReader(file))
        self.run: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())

    @property
    def said(self) -> str:
        """The program's messages, on one line and without the frame."""
        assert self.done is not None
        return " ".join(self.done.stderr.replace("│", " ").split())

    @property
    def start_ns(self) -> int:
        """CLOCK_MONOTONIC at time_s 0."""
        return int(self.run["clock"]["start_monotonic_ns"])

    @property
    def energy_columns(self) -> set[str]:
        """The `_J` columns."""
        return {name for name in self.rows[0] if name.endswith("_J")}

    @property
    def has_gpus(self) -> bool:
        """Whether a GPU's energy was recorded."""
        return bool(self._gpus())

    @property
    def happened(self) -> list[str]:
        """Events that say something went wrong, in order."""
        heads = (
            "gap:",
            "reset:",
            "lost:",
            "note:stuck",
            "note:moving",
            "note:dropped",
            "note:missing",
        )
        return [row["event"] for row in self.rows if row["event"].startswith(heads)]

    def at_ns(self, row: Row) -> int:
        """CLOCK_MONOTONIC of a row."""
        return self.start_ns + round(float(row["time_s"]) * 1e9)

    def at_s(self, row: Row) -> float:
        """The bench's time of a row."""
        return self.bench.seconds(self.at_ns(row))

    def event_s(self, event: str) -> float:
        """The bench's time of the one row with this event."""
        (row,) = (row for row in self.rows if row["event"].partition(" since ")[0] == event)
        return self.at_s(row)

    def edges(self, label: str) -> tuple[Row, Row]:
        """The begin and the end row of the one phase with this label."""
        begin, end = (
            row for row in self.rows if row["label"] == label and row["event"] in ("begin", "end")
        )
        return begin, end

    def seconds(self, label: str) -> float:
        """The duration of a phase."""
        begin, end = self.edges(label)
        return float(end["time_s"]) - float(begin["time_s"])

    def energy_j(self, channel: str, label: str) -> float:
        """The recorded joules of a phase."""
        begin, end = self.edges(label)
        return float(end[f"{channel}_J"]) - float(begin[f"{channel}_J"])

    def summed_j(self, channel: str, label: str) -> float | None:
        """The joules of a phase in run.json's summary."""
        (phase,) = (p for p in self.run["summary"]["phases"] if p["label"] == label)
        energy_j: float | None = phase["energy_j"][channel]
        return energy_j

    def true_j(self, channel: str, label: str) -> float:
        """The true joules of a phase; `total` covers every counted domain and GPU."""
        begin, end = self.edges(label)
        span_ns = self.at_ns(begin), self.at_ns(end)
        if channel == "total":
            return self.bench.true_total_j(*span_ns, self._gpus())
        return self.bench.true_j(channel, *span_ns)

    def true_block_j(self, channel: str, label: str) -> float:
        """The true joules of what a program did in the one phase with this label, which the summary
        has, without its calls for the phase."""
        (row,) = (r for r in self.rows if r["label"] == label and r["event"].startswith("block:"))
        times_s = map(float, row["event"].removeprefix("block:").split())
        begin_ns, end_ns = (self.start_ns + round(time_s * 1e9) for time_s in times_s)
        span_ns = begin_ns, end_ns
        if channel == "total":
            return self.bench.true_total_j(*span_ns, self._gpus())
        return self.bench.true_j(channel, *span_ns)

    def since_start_j(self, channel: str, row: Row) -> float:
        """The joules a channel used from time_s 0 to a row."""
        return self.bench.true_j(channel, self.start_ns, self.at_ns(row))

    def flags(self) -> set[str]:
        """Names of the summary's flags."""
        return {flag["name"] for flag in self.run["summary"]["flags"]}

    def source(self, name: str) -> dict[str, Any]:
        """The entry of one source in run.json."""
        (found,) = (source for source in self.run["sources"] if source["name"] == name)
        return dict(found)

    def longest_read_s(self, source: str) -> float:
        """The longest time for all readings of a source, from run.json."""
        return float(self.run["sampling"]["read_ms"][source]["max_ms"]) / 1000

    def cells(self, column: str, begin_s: float, end_s: float) -> list[str]:
        """A column's cells in the rows without event in a span of the bench's time."""
        found = [
            row[column]
            for row in self.rows
            if not row["event"] and begin_s < self.at_s(row) < end_s
        ]
        assert found
        return found

    def _gpus(self) -> Iterable[int]:
        return [
            int(name[3:-2])
            for name in self.energy_columns
            if name.startswith("gpu") and name[3:-2].isdigit()
        ]


def command_line(
    path: Path, rate_hz: float, options: Sequence[str], argv: Sequence[str]
) -> list[str]:
    """The program recording a command without a baseline."""
    head = ["-m", "wattui", "--headless", "--csv", str(path), "--idle", "0"]
    return [sys.executable, *head, "--rate", f"{rate_hz:g}", *options, "--", *argv]


def surroundings(bench: Bench, folder: Path) -> dict[str, str]:
    """Variables that keep this machine's configuration, GPUs and terminal width out of a test."""
    own = {"XDG_CONFIG_HOME": str(folder), "HOME": str(folder), "COLUMNS": "400"}
    return own if bench.nvml else {**own, "CUDA_VISIBLE_DEVICES": ""}


def record(
    bench: Bench,
    folder: Path,
    source: str,
    *,
    rate_hz: float = 50.0,
    options: Sequence[str] = (),
    env: Mapping[str, str] | Callable[[Bench], Mapping[str, str]] | None = None,
    status: int = 0,
) -> BenchRecording:
    """Record `python -c source` into run.csv of a folder; it must end with `status`.

    It is repeated if it began too late; see `in_time`.
    """
    path = folder / "run.csv"
    argv = command_line(path, rate_hz, options, [sys.executable, "-c", source])

    def run() -> subprocess.CompletedProcess[str]:
        given = env(bench) if callable(env) else env or {}
        done = bench.run(argv, cwd=folder, env={**surroundings(bench, folder), **given})
        assert done.returncode == status, done.stderr
        return done

    return in_time(bench, path, run, source.begin_s if isinstance(source, Program) else 0.0)


def in_time(
    bench: Bench,
    path: Path,
    run: Callable[[], subprocess.CompletedProcess[str] | None],
    begin_s: float,
) -> BenchRecording:
    """The recording that `run` makes, which begins before what is timed: phases at begin_s, faults
    and steps.

    A busy machine may take too long to start it. It is then made again, at most TRIES times in all,
    with the bench's time 0 later by as much; a warning says so.
    """
    for left in reversed(range(TRIES)):
        recording = BenchRecording(bench, path, run())
        late_s = _late_s(recording, begin_s)
        if late_s < 0 or not left:
            break
        warnings.warn(f"recorded again: started {late_s:.1f} s too late", stacklevel=3)
        bench.begin_again(bench.lead_s + 3 * late_s + 1.0)
        path.unlink()
        path.with_suffix(".json").unlink()
    return recording


def _late_s(recording: BenchRecording, begin_s: float) -> float:
    """How late the recording began for what is timed, or the first phase after begin_s."""
    begun = [row for row in recording.rows if row["event"] == "begin" and row["label"]]
    before_first_s = min(recording.bench.timed_s, default=math.inf) - BEFORE_S
    late_s = recording.at_s(recording.rows[0]) - before_first_s
    if begin_s and begun:
        late_s = max(late_s, recording.at_s(begun[0]) - begin_s - AFTER_S)
    return late_s
