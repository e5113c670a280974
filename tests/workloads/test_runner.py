"""The runner: phases in order, counts exact, nothing lost when it is asked to end."""

from __future__ import annotations

import signal
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattui
from workloads import runner
from workloads.engine import Work
from workloads.engines import NoEngine
from workloads.errors import WorkloadError
from workloads.plan import Cell, ModelCells, Plan
from workloads.result import CellResult
from workloads.runner import Pace, Runner, RunSettings, run_calls, warm_up
from workloads.stop import Stop


@dataclass
class Machine:
    """Time that passes only while calls are made or someone rests."""

    call_s: float = 0.001
    clock_read_s: float = 0.0
    now_s: float = 0.0
    calls: int = 0
    stop: Stop = field(default_factory=Stop)
    stop_after: int | None = None

    def clock(self) -> float:
        self.now_s += self.clock_read_s
        return self.now_s

    def call(self) -> None:
        self.now_s += self.call_s
        self.calls += 1
        if self.calls == self.stop_after:
            self.stop.request(signal.SIGINT)

    def work(self) -> Work:
        return Work(self.call, lambda: None, lambda: 42.0)


@dataclass
class Recording:
    """Stands where the recording would be; `happened` has phases and notes in order."""

    machine: Machine
    happened: list[tuple[str, ...]] = field(default_factory=list)
    counted: list[int] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    repeats: set[int | None] = field(default_factory=set)
    named: Counter[str] = field(default_factory=Counter)

    def count(self, n: int, of: str | None = None) -> None:
        if of is None:
            self.counted.append(n)
        else:
            self.named[of] += n

    def phase(self, name: str, label: str = "", repeat: int | None = None) -> Phase:
        self.repeats.add(repeat)
        return Phase(self, name, label)


@dataclass
class Phase:
    recording: Recording
    name: str
    label: str

    def __enter__(self) -> Phase:
        self.begun_s = self.recording.machine.now_s
        self.recording.happened.append((self.name, self.label))
        return self

    def __exit__(self, *_: object) -> None:
        took_s = self.recording.machine.now_s - self.begun_s
        self.recording.seconds[f"{self.name} {self.label}".strip()] = took_s


class Silent:
    def __init__(self) -> None:
        self.times: list[tuple[str, str, int]] = []

    def begins(self, what: str, label: str, seconds: float) -> None: ...

    def took(self, result: CellResult, kind: str, seconds: array[float]) -> None:
        self.times.append((result.label, kind, len(seconds)))

    def ended(self, result: CellResult) -> None: ...


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def recording(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Recording:
    found = Recording(machine)
    monkeypatch.setattr(wattui, "phase", found.phase)
    monkeypatch.setattr(wattui, "count", found.count)
    monkeypatch.setattr(wattui, "note", lambda text: found.happened.append(("note", text)))
    return found


class Roomy(NoEngine):
    def __init__(self, free_bytes: int = 1 << 40) -> None:
        self._free = free_bytes

    def free_bytes(self) -> int:
        return self._free


WARM = RunSettings(0, 0.1, 0)


def cell(label: str = "b4", **changes: Any) -> Cell:
    return Cell(
        **{
            "label": label,
            "batch": 4,
            "macs": 10,
            "parameters": 20,
            "needed_bytes": 0,
            "seconds": 1.0,
            **changes,
        }
    )


def run(
    machine: Machine,
    *cells: Cell,
    settings: RunSettings = WARM,
    bind: Callable[[Cell], Work] | None = None,
    free_bytes: int = 1 << 40,
    observer: Silent | None = None,
) -> list[CellResult]:
    bind = bind or (lambda _: machine.work())
    plan = Plan("test", (ModelCells("model", cells, lambda _: bind),))
    machine.stop.rest = lambda s: setattr(machine, "now_s", machine.now_s + s)  # type: ignore[method-assign]
    told = observer or Silent()
    made = Runner(Roomy(free_bytes), settings, machine.stop, told, machine.clock)
    return list(made.run(plan))


def test_phases_come_in_order_each_with_its_label(machine: Machine, recording: Recording) -> None:
    run(machine, cell("b1"), cell("b8"), settings=RunSettings(5, 0.5, 2, repeat=3))
    assert recording.happened == [
        ("loading", "model"),
        ("armed", "model"),
        ("loading", "b1"),
        ("warmup", "b1"),
        ("running", "b1"),
        ("loading", "b8"),
        ("warmup", "b8"),
        ("running", "b8"),
        ("cooldown", "model"),
    ]
    assert recording.seconds["armed model"] == 5
    assert recording.seconds["cooldown model"] == 2
    assert recording.repeats == {3}


def test_a_cell_runs_as_long_as_asked_and_counts_every_inference(
    machine: Machine, recording: Recording
) -> None:
    (result,) = run(machine, cell(seconds=1.0))
    assert result.seconds == pytest.approx(1.0, abs=0.0011)
    assert result.inferences == sum(recording.counted) == 4 * round(result.seconds / 0.001)
    assert result.inferences_per_s == pytest.approx(4000, rel=0.01)
    assert result.checksum == 42


def test_a_count_alone_is_reached_and_not_passed_by_a_call(
    machine: Machine, recording: Recording
) -> None:
    machine.call_s = 2e-6
    (result,) = run(machine, cell(seconds=0, count=10_001, batch=4))
    assert result.inferences == 10_004 == sum(recording.counted)


def test_a_call_longer_than_the_cell_is_made_once(machine: Machine, recording: Recording) -> None:
    machine.call_s = 30.0
    (result,) = run(machine, cell(seconds=1.0, batch=1))
    assert (result.inferences, result.seconds) == (1, 30.0)


def test_slow_calls_are_timed_one_by_one(machine: Machine, recording: Recording) -> None:
    observer = Silent()
    (result,) = run(machine, cell(seconds=0.5), observer=observer)
    assert result.latency is not None
    assert result.latency.taken == "every call"
    assert result.latency.p50_s == pytest.approx(0.001)
    assert observer.times == [("b4", "call", result.latency.calls)]


def test_fast_calls_are_made_in_chunks_and_timed_singly_beside_the_running_phase(
    machine: Machine, recording: Recording
) -> None:
    machine.call_s = 10e-6
    observer = Silent()
    (result,) = run(machine, cell(seconds=0.5), observer=observer)
    assert len(recording.counted) == pytest.approx(50, abs=2)
    assert result.latency is not None
    assert (result.latency.taken, result.latency.calls) == ("latency pass", 2000)
    assert [kind for _, kind, _ in observer.times] == ["chunk mean", "latency pass"]
    assert result.inferences == sum(recording.counted)
    assert [what[0] for what in recording.happened][-2:] == ["running", "latency"]


def test_the_running_phase_has_nothing_but_calls_and_clock_reads(
    machine: Machine, recording: Recording
) -> None:
    machine.call_s, machine.clock_read_s = 10e-6, 0.1e-6
    (result,) = run(machine, cell(seconds=1.0))
    assert recording.seconds["running b4"] == pytest.approx(result.inferences / 4 * 10e-6, rel=1e-3)


def test_a_signal_ends_the_run_and_keeps_what_was_measured(
    machine: Machine, recording: Recording
) -> None:
    machine.stop_after = 500
    results = run(machine, cell("b1", batch=1), cell("b8", batch=8))
    assert [result.label for result in results] == ["b1"]
    (result,) = results
    assert result.interrupted
    assert result.inferences == sum(recording.counted) > 300
    assert result.inferences_per_s == pytest.approx(1000)
    assert ("running", "b8") not in recording.happened
    assert ("cooldown", "model") not in recording.happened


def test_a_cell_that_does_not_fit_is_skipped_with_its_size_and_the_rest_goes_on(
    machine: Machine, recording: Recording
) -> None:
    large = cell("4096", needed_bytes=3 << 30)
    skipped, after = run(machine, large, cell("64"), free_bytes=2 << 30)
    assert skipped.skipped == "needs about 3,072 MiB, only 1,843 MiB free"
    assert skipped.inferences == 0
    assert after.inferences > 0
    assert (
        "note",
        "skipped 4096: needs about 3,072 MiB, only 1,843 MiB free",
    ) in recording.happened
    assert ("running", "4096") not in recording.happened


def test_nothing_is_loaded_where_no_cell_fits(machine: Machine, recording: Recording) -> None:
    def load(_: object) -> Any:
        raise AssertionError("loaded")

    plan = Plan("test", (ModelCells("model", (cell(needed_bytes=2 << 40),), load),))
    runs = Runner(Roomy(), RunSettings(5, 0, 5), machine.stop, Silent(), machine.clock)
    assert [result.skipped is not None for result in runs.run(plan)] == [True]


class EngineError(Exception):
    """An engine's own class of error."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 9 GiB"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nsecond line"),
        EngineError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer"),
    ],
)
def test_memory_that_runs_out_skips_the_cell(
    machine: Machine, recording: Recording, error: Exception
) -> None:
    def bind(asked: Cell) -> Work:
        if asked.label == "large":
            raise error
        return machine.work()

    large, small = run(machine, cell("large"), cell("small"), bind=bind)
    assert large.skipped is not None
    assert "ran out of memory" in large.skipped
    assert "\n" not in large.skipped
    assert small.inferences > 0


def test_memory_that_runs_out_while_loading_skips_all_cells_of_the_model(
    machine: Machine, recording: Recording
) -> None:
    def load(_: object) -> Any:
        raise EngineError("Failed to allocate memory for requested buffer")

    plan = Plan("test", (ModelCells("model", (cell("a"), cell("b")), load),))
    runs = Runner(Roomy(), RunSettings(5, 0, 5), machine.stop, Silent(), machine.clock)
    reasons = [result.skipped or "" for result in runs.run(plan)]
    assert ["ran out of memory while loading" in reason for reason in reasons] == [True, True]
    assert ("armed", "model") not in recording.happened


def test_any_other_failure_is_not_hidden(machine: Machine, recording: Recording) -> None:
    def bind(_: Cell) -> Work:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        run(machine, cell(), bind=bind)


def test_work_that_fails_because_it_was_asked_to_end_is_interrupted(
    machine: Machine, recording: Recording
) -> None:
    def call() -> None:
        machine.stop.request(signal.SIGINT)
        raise WorkloadError("ended with status -2")

    (result,) = run(machine, cell(), bind=lambda _: Work(call))
    assert result.interrupted


def test_differences_and_parts_are_noted_for_the_summary(
    machine: Machine, recording: Recording
) -> None:
    run(machine, cell("to conv1"), cell("to relu1", minus="to conv1"), cell("c", part_of="net"))
    notes = [what[1] for what in recording.happened if what[0] == "note"]
    assert notes == ["difference to relu1 minus to conv1", "part c of net"]


def test_work_that_counts_for_itself_is_not_counted_again(
    machine: Machine, recording: Recording
) -> None:
    (result,) = run(machine, cell(batch=0, seconds=0), settings=RunSettings(0, 0, 0))
    assert (machine.calls, recording.counted, result.inferences) == (1, [], 0)
    assert result.call_s == pytest.approx(0.001)


def test_named_counts_of_a_call_are_counted_instead_of_inferences(
    machine: Machine, recording: Recording
) -> None:
    counts = {"tokens_in": 12, "tokens_out": 8, "requests": 4}
    machine.call_s = 0.01
    (result,) = run(machine, cell(seconds=0.1, counts=counts))
    calls = result.inferences // 4
    assert calls >= 10
    assert recording.counted == []
    assert recording.named == result.counts == {name: calls * n for name, n in counts.items()}


def test_warm_up_of_no_time_makes_no_call(machine: Machine) -> None:
    assert warm_up(machine.work(), 0, machine.clock, machine.stop) is None
    assert machine.calls == 0


@given(st.floats(1e-5, 3.0), st.floats(0.01, 2.0))
def test_warm_up_lasts_as_asked_and_knows_the_time_of_a_call(call_s: float, asked_s: float) -> None:
    machine = Machine(call_s)
    assert warm_up(machine.work(), asked_s, machine.clock, machine.stop) == pytest.approx(call_s)
    assert asked_s <= machine.now_s * (1 + 1e-9)
    assert machine.now_s <= asked_s + max(runner.CHUNK_S * 2, call_s) * (1 + 1e-6)


@given(
    batch=st.integers(1, 64),
    count=st.integers(0, 2000),
    seconds=st.floats(0, 0.5),
    chunk=st.integers(1, 50),
    call_s=st.floats(1e-4, 0.1),
)
def test_a_pace_is_kept_from_below_and_above(
    batch: int, count: int, seconds: float, chunk: int, call_s: float
) -> None:
    machine = Machine(call_s)
    pace = Pace(batch, count, seconds, chunk)
    times, calls, took_s = run_calls(machine.work(), pace, machine.clock, machine.stop)
    assert calls == machine.calls >= 1
    assert calls * batch >= count
    assert took_s >= seconds
    assert len(times) >= calls / chunk
    by_count, by_time = -(-count // batch), seconds / call_s
    assert calls <= max(by_count, by_time, 1) * (1 + 1e-9) + chunk


def test_a_second_signal_ends_at_once(machine: Machine) -> None:
    machine.stop.request(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        machine.stop.request(signal.SIGINT)


@pytest.fixture(autouse=True)
def no_recording() -> Iterator[None]:
    from wattui import marks

    marks.detach()
    yield
    marks.detach()
