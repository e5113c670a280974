"""Runs a plan: load → armed → warmup → running → cooldown, each cell with its label and count.

Python adds nothing between two calls of a short network: a chunk of calls is made per clock read
and count. Calls of 100 µs and more are timed one by one.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import TYPE_CHECKING, Protocol

import wattui
from workloads.engine import Work
from workloads.errors import WorkloadError
from workloads.plan import Bind, Cell, ModelCells, Plan
from workloads.result import CellResult, Latency, latency_of, mean_and_error
from workloads.stop import Stop

if TYPE_CHECKING:
    from workloads.engine import Engine

SINGLE_CALL_S = 100e-6
CHUNK_S = 0.01
LATENCY_PASS_S, LATENCY_PASS_CALLS = 0.5, 2000
# The share of free memory that a cell may take.
FREE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Rest and warm-up times in seconds, and the number of the repeat."""

    armed_s: float
    warmup_s: float
    cooldown_s: float
    repeat: int | None = None


class Observer(Protocol):
    """Receives progress, to show it."""

    def begins(self, what: str, label: str, seconds: float) -> None:
        """A phase begins, with its minimum duration."""

    def took(self, result: CellResult, kind: str, seconds: array[float]) -> None:
        """The times of a cell's calls: "call", "chunk mean" or "latency pass"."""

    def ended(self, result: CellResult) -> None:
        """A cell has ended."""


class Runner:
    """Runs plans on one engine; `clock` is in seconds and never falls."""

    def __init__(
        self,
        engine: Engine,
        settings: RunSettings,
        stop: Stop,
        observer: Observer,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._stop = stop
        self._observer = observer
        self._clock = clock

    def run(self, plan: Plan) -> Iterator[CellResult]:
        """Run every cell; ends early if a signal asked for it."""
        for group in plan.groups:
            if self._stop:
                return
            yield from self._group(group)

    def _group(self, group: ModelCells) -> Iterator[CellResult]:
        fitting = [cell for cell in group.cells if self._too_large(cell) is None]
        bind: Bind | None = None
        reason: str | None = None
        if fitting:
            try:
                with self._phase("loading", group.name, 0):
                    bind = group.load(self._engine)
            except Exception as error:  # as below
                if not _out_of_memory(error):
                    raise
                reason = f"ran out of memory while loading: {_first_line(error)}"
            else:
                self._rest("armed", group.name, self._settings.armed_s)
        for cell in group.cells:
            if self._stop:
                return
            result = self._cell(cell, bind, reason)
            self._observer.ended(result)
            yield result
        if bind is not None:
            self._rest("cooldown", group.name, self._settings.cooldown_s)

    def _cell(self, cell: Cell, bind: Bind | None, reason: str | None) -> CellResult:
        result = CellResult(
            cell.label,
            self._settings.repeat,
            cell.batch,
            cell.macs,
            cell.parameters,
            macs_at_least=cell.macs_at_least,
        )
        reason = reason or self._too_large(cell)
        if reason is None and bind is not None:
            try:
                return self._measure(cell, bind, result)
            except WorkloadError:
                if not self._stop:
                    raise
                return replace(result, interrupted=True)
            except Exception as error:  # engines have their own classes for this
                if not _out_of_memory(error):
                    raise
                reason = f"ran out of memory: {_first_line(error)}"
        wattui.note(f"skipped {cell.label}: {reason}")
        return replace(result, skipped=reason)

    def _measure(self, cell: Cell, bind: Bind, result: CellResult) -> CellResult:
        with self._phase("loading", cell.label, 0):
            work = bind(cell)
        with self._phase("warmup", cell.label, self._settings.warmup_s):
            call_s = warm_up(work, self._settings.warmup_s, self._clock, self._stop)
        if self._stop:
            return replace(result, interrupted=True)
        single = call_s is None or call_s >= SINGLE_CALL_S
        chunk = 1 if single or call_s is None else max(1, round(CHUNK_S / call_s))
        pace = Pace(cell.batch, cell.count, cell.seconds, chunk, counts=cell.counts)
        with self._phase("running", cell.label, cell.seconds):
            times, calls, seconds = run_calls(work, pace, self._clock, self._stop)
        if cell.minus is not None:
            wattui.note(f"difference {cell.label} minus {cell.minus}")
        if cell.part_of is not None:
            wattui.note(f"part {cell.label} of {cell.part_of}")
        self._observer.took(result, "call" if single else "chunk mean", times)
        latency = latency_of("every call", times) if single else self._latency(cell, work, result)
        mean, error = mean_and_error(times)
        return replace(
            result,
            inferences=calls * cell.batch,
            counts={name: calls * each for name, each in cell.counts.items()},
            seconds=seconds,
            latency=latency,
            call_s=mean,
            call_error_s=error,
            checksum=work.checksum(),
            interrupted=bool(self._stop),
        )

    def _latency(self, cell: Cell, work: Work, result: CellResult) -> Latency | None:
        """Time single calls after the running phase, in which clock reads would cost too much."""
        if self._stop:
            return None
        pace = Pace(0, 0, LATENCY_PASS_S, 1, most_calls=LATENCY_PASS_CALLS)
        with self._phase("latency", cell.label, LATENCY_PASS_S):
            times, _, _ = run_calls(work, pace, self._clock, self._stop)
        self._observer.took(result, "latency pass", times)
        return latency_of("latency pass", times)

    def _too_large(self, cell: Cell) -> str | None:
        free = FREE_SHARE * self._engine.free_bytes()
        if cell.needed_bytes <= free:
            return None
        return f"needs about {mebibytes(cell.needed_bytes)}, only {mebibytes(free)} free"

    def _rest(self, phase: str, label: str, seconds: float) -> None:
        if seconds > 0 and not self._stop:
            with self._phase(phase, label, seconds):
                self._stop.rest(seconds)

    def _phase(self, name: str, label: str, seconds: float) -> wattui.phase:
        self._observer.begins(name, label, seconds)
        return wattui.phase(name, label, repeat=self._settings.repeat)


@dataclass(frozen=True, slots=True)
class Pace:
    """When calls stop: at `count` inferences and `seconds`, or `most_calls`; `chunk` at a time.

    `counts` is what a call counts into the recording, by name, instead of inferences.
    """

    batch: int
    count: int
    seconds: float
    chunk: int
    most_calls: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def warm_up(work: Work, seconds: float, clock: Callable[[], float], stop: Stop) -> float | None:
    """Make calls for at least `seconds`; returns the time of one, None for 0 s."""
    if seconds <= 0:
        return None
    begun, calls = clock(), 1
    while True:
        first = clock()
        for _ in repeat(None, calls):
            work.call()
        work.wait()
        now = clock()
        call_s = (now - first) / calls
        if stop or now - begun >= seconds:
            return call_s
        calls = max(1, min(2 * calls, round(CHUNK_S / call_s) if call_s > 0 else 2 * calls))


def run_calls(
    work: Work, pace: Pace, clock: Callable[[], float], stop: Stop
) -> tuple[array[float], int, float]:
    """Make calls at a pace, and count them into the recording.

    Returns the mean time of a call in every chunk, how many calls were made, and how long it took.
    """
    call, wait, count = work.call, work.wait, wattui.count
    counts = pace.counts
    batch, times, calls = pace.batch, array("d"), 0
    begun = last = clock()
    while True:
        chunk = pace.chunk
        if last - begun >= pace.seconds:
            missing = -(-(pace.count - calls * batch) // batch) if batch else 0
            if calls and missing <= 0:
                break
            chunk = min(chunk, max(missing, 1))
        if stop or calls == pace.most_calls:
            break
        first = clock()
        for _ in repeat(None, chunk):
            call()
        wait()
        last = clock()
        calls += chunk
        for name, each in counts.items():
            count(each * chunk, of=name)
        if batch and not counts:
            count(batch * chunk)
        times.append((last - first) / chunk)
    return times, calls, last - begun


def mebibytes(count: float) -> str:
    """Bytes as text for people."""
    return f"{count / 2**20:,.0f} MiB" if count < 2**33 else f"{count / 2**30:,.1f} GiB"


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    known = ("out of memory", "allocate memory", "bad_alloc", "bad allocation")
    return isinstance(error, MemoryError) or any(words in text for words in known)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
