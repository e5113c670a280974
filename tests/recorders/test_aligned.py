"""Aligned phases: the program is quiet before and after them until the counters have moved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.short_phases import CURVES, Score, aligned, cases, recorded, schedule
from recorders.edges import WATCHED, EdgeFinder
from recorders.inbox import FRONT_END
from recorders.source import Channel
from recorders.summary.summary import summarise
from testbench.counters import NVML_J, RAPL_J, SlowCounter
from testbench.curves import Constant, Steps
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power
from wattui.runs.reduce import reduce_csv

PACKAGE = Channel("package0", "J", in_total=True, bound_w=1000.0, step_j=RAPL_J)
GPU = Channel("gpu0", "J", in_total=True, bound_w=1000.0, step_j=NVML_J)
READ_S, PROGRAM = 5e-6, 7
SEED, PHASES = 3, 60
COUNTERS = {
    "RAPL": (SlowCounter("package0", Constant(0.0), 0.001, RAPL_J, 0.0, 0.00037), (0.003, 0.01)),
    "RAPL, less than a refresh": (SlowCounter("package0", Constant(0.0)), (0.0005,)),
    "GPU, 20 ms": (SlowCounter("gpu0", Constant(0.0), 0.02, NVML_J, 0.0, 0.0074), (0.03, 0.1)),
    "GPU, 100 ms": (SlowCounter("gpu0", Constant(0.0), 0.1, NVML_J, 0.0, 0.037), (0.03, 0.1)),
}


@pytest.mark.parametrize("load", CURVES)
@pytest.mark.parametrize("counter", COUNTERS)
def test_the_work_of_a_short_phase_is_known(counter: str, load: str) -> None:
    shown, lengths_s = COUNTERS[counter]
    shown = SlowCounter(
        shown.name, CURVES[load], shown.refresh_s, shown.step_j, 0.0, shown.offset_s
    )
    phases = schedule(PHASES, shown.refresh_s, SEED, lengths_s)
    plain, quiet = Score(recorded([shown], phases, SEED)), Score(aligned([shown], phases, SEED))
    assert quiet.inside_pct >= 95
    assert plain.read_pct >= 5 * quiet.found_pct
    assert quiet.found_pct < 6


def test_aligned_phases_of_any_length_and_counters_are_inside_the_bar() -> None:
    for what, counters, seconds in cases():
        refresh_s = max(each.refresh_s for each in counters)
        found = aligned(counters, schedule(20, refresh_s, SEED, seconds), SEED)
        assert Score(found).inside_pct >= 95, what


def rig_of(tmp_path: Path, *channels: tuple[Channel, SlowCounter]) -> Rig:
    clock = ManualClock()
    periods_s = {counter.name: counter.refresh_s for _, counter in channels}
    shown = {channel: counter.shown_j for channel, counter in channels}
    return Rig(tmp_path, clock, [ScriptedSource(clock, shown, [READ_S] * len(shown), periods_s)])


def align(rig: Rig, times_s: Sequence[float]) -> None:
    """Ask as a program does, at given times: quiet, begin, end, quiet."""
    quiet_s, begin_s, end_s, after_s = times_s
    rig.at(quiet_s, PROGRAM, do="quiet")
    rig.at(begin_s, PROGRAM, do="begin", phase="running", label="b32", id=1, quiet=True)
    rig.at(end_s, PROGRAM, do="end", id=1, quiet=True)
    rig.at(after_s, PROGRAM, do="quiet")


def test_the_file_alone_gives_the_same_energy_and_says_that_it_was_aligned(tmp_path: Path) -> None:
    times_s = (0.42, 0.62, 0.65, 0.6501)
    load = Steps((0.0, 0.62, 0.65), (20.0, 80.0, 20.0))
    rig = rig_of(tmp_path, (PACKAGE, SlowCounter("package0", load)),
                 (GPU, SlowCounter("gpu0", load, 0.1, NVML_J, 0.0, 0.013)))  # fmt: skip
    align(rig, times_s)
    rows = rig.run(1.4)
    events = [row["event"] for row in rows if row["event"] and not row["event"].startswith("n")]
    assert [event for event in events if "located" not in event] == [
        "quiet:before",
        "begin",
        "quiet:after",
        "end",
    ]
    live = summarise(rig.recorder.reduction)
    assert summarise(reduce_csv(rig.path)).to_dict() == live.to_dict()
    (group,) = live.labels
    for channel in ("package0", "gpu0"):
        figure = group.domains[channel].running_j
        assert figure
        assert figure.plus_minus
        assert abs(figure.value - 80 * 0.03) <= figure.plus_minus < 0.05 * 80 * 0.03
    (flag,) = (flag for flag in live.flags if flag.name == "aligned")
    assert flag.where == "b32"


def test_a_quiet_program_is_answered_when_the_slowest_counter_has_moved(tmp_path: Path) -> None:
    load = Constant(20.0)
    rig = rig_of(tmp_path, (PACKAGE, SlowCounter("package0", load)),
                 (GPU, SlowCounter("gpu0", load, 0.1, NVML_J)))  # fmt: skip
    answered_s: list[float] = []
    rig.at(0.41, PROGRAM, do="quiet")
    rig.inbox.answers = _Timed(rig, answered_s)  # type: ignore[assignment]
    rig.run(1.0)
    assert answered_s[0] == pytest.approx(0.6, abs=0.005)


def test_others_are_answered_while_a_program_waits(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, (GPU, SlowCounter("gpu0", Constant(20.0), 0.1, NVML_J)))
    answered_s: list[float] = []
    rig.inbox.answers = _Timed(rig, answered_s)  # type: ignore[assignment]
    rig.at(0.41, PROGRAM, do="quiet")
    rig.at(0.45, PROGRAM + 1, do="begin", phase="running", id=1)
    rig.run(1.0)
    assert answered_s[:2] == pytest.approx([0.45, 0.6], abs=0.005)


def test_a_program_that_is_gone_is_not_answered(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, (GPU, SlowCounter("gpu0", Constant(20.0), 0.1, NVML_J)))
    rig.at(0.41, PROGRAM, do="quiet")
    rig.at(0.45, PROGRAM, do="bye")
    rig.run(1.0)
    assert rig.inbox.answers == [{"t": "ack"}, {"t": "ack"}]


@pytest.mark.parametrize("owner", [FRONT_END, PROGRAM])
def test_without_a_counter_a_phase_cannot_be_aligned(tmp_path: Path, owner: int) -> None:
    clock = ManualClock()
    estimate = {Channel("est_cpu", "W", in_total=False): constant_power(0.0, 30.0)}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, estimate)])
    rig.at(0.41, owner, do="quiet")
    why = "no energy counter here is refreshed at known times"
    for number in (1, 2):
        rig.at(0.5 + 0.1 * number, owner, do="begin", phase="running", id=number, unaligned=why)
        rig.at(0.55 + 0.1 * number, owner, do="end", id=number)
    rows = rig.run(1.0)
    assert rig.inbox.answers[0]["error"] == f"quiet: {why}"
    notes = [row["event"] for row in rows if row["event"].startswith("note:unaligned")]
    assert notes == [f"note:unaligned running: {why}"]
    names = [flag.name for flag in summarise(rig.recorder.reduction).flags]
    assert "unaligned" in names
    assert not {"refused_mark", "aligned"} & set(names)


def test_a_counter_that_stands_still_is_not_waited_for(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, (PACKAGE, SlowCounter("package0", Steps((0.0, 0.3), (20.0, 0.0)))))
    answered_s: list[float] = []
    timed = _Timed(rig, answered_s)
    rig.inbox.answers = timed  # type: ignore[assignment]
    rig.at(0.41, PROGRAM, do="quiet")
    rig.run(1.0)
    assert answered_s[0] == pytest.approx(0.414, abs=0.001)
    assert timed.replies[0]["error"] == "no counter moved while the program waited"


def test_quiet_power_that_changes_widens_the_bar() -> None:
    steady, changed = (found_at_end(after_w) for after_w in (20.0, 30.0))
    assert steady < changed
    assert changed >= 10 * 0.0005


def found_at_end(after_w: float) -> float:
    """± at the end of work of 2 ms after which the machine draws some other power than before."""
    counter = SlowCounter("package0", Steps((0.0, 0.1, 0.102), (20.0, 80.0, after_w)), step_j=1e-6)
    finder = EdgeFinder(1e-6)
    finder.learn(0.001)

    def look(until_s: float, begin_s: float) -> list[float]:
        found = []
        for step in range(round((until_s - begin_s) / 2e-5)):
            at_s = begin_s + step * 2e-5
            read = finder.see(counter.shown_j(at_s), round(at_s * 1e9), round(at_s * 1e9) + 1000)
            found += [each.plus_minus_j for each in read]
        return found

    look(0.0975, 0.095)
    assert finder.watch(97_500_000)
    look(0.1, 0.0975)
    assert len(finder.mark(100_000_000, counter.shown_j(0.1), "before")) == 1
    look(0.1023, 0.1)
    finder.mark(102_300_000, counter.shown_j(0.1023), "after")
    (plus_minus_j,) = look(0.106, 0.1023)
    return plus_minus_j


def test_what_was_watched_long_ago_is_not_believed() -> None:
    finder = EdgeFinder(RAPL_J)
    finder.learn(0.001)
    for number in range(5):
        finder.see(0.02 * number, number * 1_000_000, number * 1_000_000 + 1000)
        finder.watch(number * 1_000_000 + 2000) if number == 1 else None
    assert WATCHED == 2
    assert finder.is_known_quiet
    assert finder.mark(9_000_000, 0.08, "before") == []


class _Timed(list[object]):
    """Notes when each answer was given, seconds since the start."""

    def __init__(self, rig: Rig, times_s: list[float]) -> None:
        super().__init__()
        self._rig, self._times_s = rig, times_s
        self.replies: list[dict[str, object]] = []

    def append(self, answer: object) -> None:
        self.replies.append(answer)  # type: ignore[arg-type]
        self._times_s.append((self._rig.clock.now_ns - 5_000_000_000_000) * 1e-9)
