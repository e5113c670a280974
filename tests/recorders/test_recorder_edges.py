"""Energies at edges, from the recorder's looks after them to the summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.source import Channel, Retry
from recorders.summary.located import LOCATED, located
from recorders.summary.summary import summarise
from testbench.counters import NVML_J, RAPL_J, SlowCounter
from testbench.curves import Constant, Steps
from tests.support.doubles import ManualClock, Rig, ScriptedSource, Value, read_rows
from wattui.runs.reduce import reduce_csv

PACKAGE = Channel("package0", "J", in_total=True, bound_w=1000.0, step_j=RAPL_J)
DRAM = Channel("dram0", "J", in_total=True, bound_w=1000.0, step_j=RAPL_J)
GPU = Channel("gpu0", "J", in_total=True, bound_w=1000.0, step_j=NVML_J)
PERIODS_S = {"package0": 0.001, "dram0": 0.001}
READ_S = 5e-6
BEGIN_S, END_S = 0.5234, 0.5297


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def rig(tmp_path: Path, clock: ManualClock) -> Rig:
    curves = {PACKAGE: Constant(50.0), DRAM: Constant(5.0)}
    counters = {c: SlowCounter(c.name, curve).shown_j for c, curve in curves.items()}
    source = ScriptedSource(clock, counters, [READ_S, READ_S], PERIODS_S)
    rig = Rig(tmp_path, clock, [source])
    rig.at(BEGIN_S, do="begin", phase="running")
    rig.at(END_S, do="end", id=1)
    return rig


def test_an_edge_keeps_what_was_read_and_a_later_row_has_what_was_found(rig: Rig) -> None:
    rows = rig.run(0.95)
    edges = [row for row in rows if row["event"] in ("begin", "end")]
    times_s = [float(row["time_s"]) for row in edges]
    assert times_s == pytest.approx([BEGIN_S, END_S], abs=1e-4)
    assert float(edges[0]["package0_J"]) == pytest.approx(50 * 0.523, abs=RAPL_J)
    texts = [row["event"] for row in rows if row["event"].startswith(LOCATED)]
    found = located(rig.recorder.reduction.events)
    assert len(texts) == 2
    for time_s in times_s:
        for channel, power_w in (("package0", 50.0), ("dram0", 5.0)):
            at = found[time_s][channel]
            assert at.energy_j == pytest.approx(power_w * time_s, abs=at.plus_minus_j)
            assert 0 < at.plus_minus_j < 0.2 * power_w * 0.001


def test_the_program_does_not_wait_for_the_counter(rig: Rig, clock: ManualClock) -> None:
    answered: list[int] = []
    rig.inbox.answers = _Times(clock, answered)  # type: ignore[assignment]
    rig.run(0.95)
    begun_s = (answered[0] - clock.start_ns) * 1e-9
    assert begun_s == pytest.approx(BEGIN_S, abs=0.0002)


def test_the_file_alone_gives_the_same_summary(rig: Rig) -> None:
    rig.run(0.95)
    live = summarise(rig.recorder.reduction)
    assert live.running
    figure = live.running.domains["total"].running_j
    assert summarise(reduce_csv(rig.path)).to_dict() == live.to_dict()
    assert figure
    assert figure.plus_minus
    assert abs(figure.value - 55 * (END_S - BEGIN_S)) <= figure.plus_minus < 0.2 * 55 * 0.001


def test_the_last_edge_of_a_recording_is_found(rig: Rig) -> None:
    rows = rig.run(END_S)
    assert sum(row["event"].startswith(LOCATED) for row in rows) == 2


def test_a_file_without_what_was_found_is_read_as_before(rig: Rig) -> None:
    rows = rig.run(0.95)
    lines = rig.path.read_text().splitlines(keepends=True)
    rig.path.write_text("".join(line for line in lines if LOCATED not in line))
    summary = summarise(reduce_csv(rig.path))
    assert summary.running
    figure = summary.running.domains["package0"].running_j
    edges = [row for row in rows if row["event"] in ("begin", "end")]
    read_j = float(edges[1]["package0_J"]) - float(edges[0]["package0_J"])
    assert figure
    assert figure.value == pytest.approx(read_j)
    assert figure.plus_minus == pytest.approx(read_j / (END_S - BEGIN_S) * 0.001)


def test_a_phase_within_one_refresh_says_between_what_its_energy_lies(
    tmp_path: Path, clock: ManualClock
) -> None:
    counter = SlowCounter("package0", Constant(300.0), 0.1)
    source = ScriptedSource(clock, {PACKAGE: counter.shown_j}, [READ_S], {"package0": 0.1})
    rig = Rig(tmp_path, clock, [source])
    rig.at(0.72, do="begin", phase="running", label="short")
    rig.at(0.73, do="end", id=1)
    rows = rig.run(1.95)
    edges = [row for row in rows if row["event"] in ("begin", "end")]
    assert edges[0]["package0_J"] == edges[1]["package0_J"]
    summary = summarise(rig.recorder.reduction)
    (flag,) = (flag for flag in summary.flags if flag.name == "under_one_update")
    assert flag.text.startswith("under one refresh of its counter: short used ")
    least_j, most_j = (float(word) for word in flag.text.split() if word[0].isdigit())
    assert least_j <= 3.0 <= most_j < 30.0


def test_a_look_that_fails_leaves_no_gap(tmp_path: Path, clock: ManualClock) -> None:
    counter = SlowCounter("package0", Constant(50.0))
    fails = iter([False, False, True])

    def shown_j(time_s: float) -> Value:
        if BEGIN_S < time_s < BEGIN_S + 0.001 and next(fails, False):
            return Retry("busy")
        return counter.shown_j(time_s)

    source = ScriptedSource(clock, {PACKAGE: shown_j}, [READ_S], PERIODS_S)
    rig = Rig(tmp_path, clock, [source])
    rig.at(BEGIN_S, do="begin", phase="running")
    assert not [row for row in rig.run(0.95) if row["event"].startswith("gap")]


def test_a_counter_that_stops_at_the_edge_keeps_its_reading(
    tmp_path: Path, clock: ManualClock
) -> None:
    counter = SlowCounter("package0", Steps((0.0, 0.5), (50.0, 0.0)))
    source = ScriptedSource(clock, {PACKAGE: counter.shown_j}, [READ_S], PERIODS_S)
    rig = Rig(tmp_path, clock, [source])
    rig.at(0.6, do="begin", phase="running")
    rig.run(0.95)
    assert not [row for row in read_rows(rig.path) if row["event"].startswith(LOCATED)]


def test_a_continuous_counter_is_known_at_its_edges(tmp_path: Path, clock: ManualClock) -> None:
    continuous = Channel("package0", "J", in_total=True)
    script = {continuous: lambda time_s: 50 * time_s}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, script, periods_s=PERIODS_S)])
    rig.at(BEGIN_S, do="begin", phase="running")
    assert not [row for row in rig.run(0.95) if row["event"].startswith(LOCATED)]


class _Times(list[object]):
    """Notes when each answer was given."""

    def __init__(self, clock: ManualClock, times: list[int]) -> None:
        super().__init__()
        self._clock, self._times = clock, times

    def append(self, answer: object) -> None:
        self._times.append(self._clock.now_ns)


@pytest.mark.parametrize("refresh_s", [0.02, 0.1])
def test_rows_are_in_the_order_of_their_times(tmp_path: Path, refresh_s: float) -> None:
    clock = ManualClock()
    counters = {
        PACKAGE: SlowCounter("package0", Constant(40.0), 0.001, RAPL_J, 0.0, 0.0),
        GPU: SlowCounter("gpu0", Constant(300.0), refresh_s, NVML_J, 0.0, 0.013),
    }
    shown = {channel: counter.shown_j for channel, counter in counters.items()}
    periods_s = {counter.name: counter.refresh_s for counter in counters.values()}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, shown, [5e-6], periods_s)])
    for id in range(1, 12):
        rig.at(0.5 + 0.37 * id, 7, do="begin", phase="running", id=id)
        rig.at(0.6 + 0.37 * id, 7, do="end", id=id)
    times_s = [float(row["time_s"]) for row in rig.run(6.0)]
    assert times_s == sorted(times_s)


# The calls for a block of code: asked, returned, made, and read by the recorder.
ASKED_S, BEGUN_S, ENDED_S, READ_AT_S = 0.5233, 0.5236, 0.5290, 0.5292


def block_rig(
    directory: Path,
    clock: ManualClock,
    begun_s: float = BEGUN_S,
    ended_s: float = ENDED_S,
    **more: object,
) -> Rig:
    """A program whose load is a block of code, on a package and a GPU."""
    load = Steps((0.0, BEGUN_S, ENDED_S), (20.0, 80.0, 20.0))
    shown = {
        PACKAGE: SlowCounter("package0", load, 0.001, RAPL_J).shown_j,
        GPU: SlowCounter("gpu0", Constant(100.0), 0.1, NVML_J, 0.0, 0.013).shown_j,
    }
    periods_s = {"package0": 0.001, "gpu0": 0.1}
    rig = Rig(directory, clock, [ScriptedSource(clock, shown, [READ_S, READ_S], periods_s)])
    times = {
        name: clock.start_ns + round(time_s * 1e9)
        for name, time_s in (("begun_ns", begun_s), ("at_ns", ended_s))
    }
    rig.at(ASKED_S, 7, do="begin", phase="running", label="block", id=1, block=True)
    rig.at(READ_AT_S, 7, do="end", id=1, **{**times, **more})
    return rig


def test_a_phase_is_the_programs_block_of_code_without_its_calls(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = block_rig(tmp_path, clock)
    rows = rig.run(1.5)
    assert [row["event"] for row in rows if row["label"] == "block" and row["event"]][:3] == [
        "begin",
        "block:0.523600 0.529000",
        "end",
    ]
    live = summarise(rig.recorder.reduction)
    (phase,) = live.phases
    assert (phase.start_s, phase.end_s) == (BEGUN_S, ENDED_S)
    assert live.running
    assert live.running.seconds == pytest.approx(ENDED_S - BEGUN_S)
    for channel, power_w in (("package0", 80.0), ("gpu0", 100.0)):
        figure, true_j = live.running.domains[channel].running_j, power_w * (ENDED_S - BEGUN_S)
        assert figure
        assert figure.plus_minus
        assert abs(figure.value - true_j) <= figure.plus_minus
    package = live.running.domains["package0"].running_j
    assert package
    assert package.value == pytest.approx(80 * (ENDED_S - BEGUN_S), rel=0.01)
    assert summarise(reduce_csv(rig.path)).to_dict() == live.to_dict()


@pytest.mark.parametrize(
    ("begun_s", "ended_s"),
    [(0.52, ENDED_S), (BEGUN_S, 0.5235), (0.6, 0.61), (-30.0, -29.99), (90.0, 90.1)],
)
def test_times_that_cannot_be_those_of_a_block_are_ignored(
    tmp_path: Path, clock: ManualClock, begun_s: float, ended_s: float
) -> None:
    """A program may have another CLOCK_MONOTONIC, in a time namespace."""
    rig = block_rig(tmp_path, clock, begun_s, ended_s)
    rows = rig.run(1.5)
    assert not [row for row in rows if row["event"].startswith("block:")]
    live = summarise(rig.recorder.reduction)
    assert live.running
    assert live.running.seconds == pytest.approx(READ_AT_S - ASKED_S, abs=1e-5)
    figure = live.running.domains["package0"].running_j
    assert figure
    true_j = 80 * (ENDED_S - BEGUN_S) + 20 * (READ_AT_S - ASKED_S - (ENDED_S - BEGUN_S))
    assert figure.value == pytest.approx(true_j, rel=0.02)
    assert summarise(reduce_csv(rig.path)).to_dict() == live.to_dict()


def test_a_program_that_goes_away_in_its_block_leaves_the_edge_that_was_read(
    tmp_path: Path, clock: ManualClock
) -> None:
    rig = block_rig(tmp_path, clock)
    rig.at(0.527, 7, do="bye")
    rows = rig.run(1.5)
    (begin,) = (row for row in rows if row["event"] == "begin")
    assert "package0" in located(rig.recorder.reduction.events)[float(begin["time_s"])]


def test_a_block_whose_end_could_not_be_read_is_the_same_from_the_file_alone(
    tmp_path: Path, clock: ManualClock
) -> None:
    counter = SlowCounter("package0", Constant(50.0), 0.001, RAPL_J)

    def shown_j(time_s: float) -> Value:
        return Retry("busy") if 2.6 < time_s < 2.7 else counter.shown_j(time_s)

    source = ScriptedSource(clock, {PACKAGE: shown_j}, [READ_S], PERIODS_S)
    rig = Rig(tmp_path, clock, [source])
    begun_ns, at_ns = (clock.start_ns + round(time_s * 1e9) for time_s in (0.7536, 2.629))
    rig.at(0.7533, 7, do="begin", phase="running", id=1, block=True)
    rig.at(2.6295, 7, do="end", id=1, begun_ns=begun_ns, at_ns=at_ns)
    rig.run(3.5)
    live = summarise(rig.recorder.reduction)
    assert live.running
    figure = live.running.domains["package0"].running_j
    assert figure
    assert figure.value == pytest.approx(50 * (2.629 - 0.7536), rel=0.002)
    assert summarise(reduce_csv(rig.path)).to_dict() == live.to_dict()
