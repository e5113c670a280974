"""A phase that is repeated until its energy is known well enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.source import Channel
from recorders.summary.summary import summarise
from recorders.summary.target import SoFar
from testbench.counters import NVML_J, RAPL_J, SlowCounter
from testbench.curves import Constant, Sine
from tests.support.doubles import ManualClock, Rig, ScriptedSource
from wattui.runs.reduce import reduce_csv

PACKAGE = Channel("package0", "J", in_total=True, bound_w=1000.0, step_j=RAPL_J)
GPU = Channel("gpu0", "J", in_total=True, bound_w=1000.0, step_j=NVML_J)
SENSOR = Channel("gpu0", "W", in_total=True, remarks=("integrated",))
LOAD = Sine(50.0, 30.0, 0.043)
PROGRAM = 7


def rig_of(tmp_path: Path, *counters: tuple[Channel, SlowCounter]) -> Rig:
    clock = ManualClock()
    shown = {channel: counter.shown_j for channel, counter in counters}
    periods_s = {counter.name: counter.refresh_s for _, counter in counters}
    return Rig(tmp_path, clock, [ScriptedSource(clock, shown, [5e-6], periods_s)])


def ask(rig: Rig, target: float, times_s: list[float], begin_s: float = 1.03) -> None:
    rig.at(begin_s, PROGRAM, do="begin", phase="running", label="b32", id=1)
    for time_s in times_s:
        last = time_s == times_s[-1]
        rig.at(time_s, PROGRAM, do="target", id=1, share=target, last=last)
    rig.at(times_s[-1] + 0.001, PROGRAM, do="end", id=1)


def notes(rows: list[dict[str, str]]) -> list[str]:
    events = [row["event"] for row in rows]
    return [text for text in events if text.startswith(("note:until_target", "note:target"))]


def shares_pct(texts: list[str]) -> list[float]:
    return [float(text.partition("± ")[2].partition(" %")[0]) for text in texts]


def test_the_bar_shrinks_as_told_and_is_that_of_the_summary(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, (GPU, SlowCounter("gpu0", LOAD, 0.1, NVML_J, 0.0, 0.013)))
    ask(rig, 1e-4, [2.05, 3.05, 5.05, 9.05])
    rows = rig.run(10.0)
    texts = notes(rows)
    found_pct = shares_pct(texts)
    assert found_pct == sorted(found_pct, reverse=True)
    assert found_pct[0] / found_pct[-1] == pytest.approx(8, rel=0.2)
    assert texts[0].startswith("note:until_target running b32: ± ")
    assert texts[0].endswith(" s more for 0.01 %")
    told = [message for message in rig.sent if message["t"] == "repeat"]
    assert [f"note:until_target {message['text']}" for message in told] == texts[:-1]
    assert not any(message["is_last"] for message in told)
    assert texts[-1].startswith("note:target_missed running b32: ± ")
    assert texts[-1].endswith(" after 8 s, not 0.01 %") or " after 7.9" in texts[-1]
    summary = summarise(rig.recorder.reduction)
    (group,) = summary.labels
    figure = group.domains["gpu0"].running_j
    assert figure
    assert figure.plus_minus
    assert 100 * figure.plus_minus / figure.value == pytest.approx(found_pct[-1], rel=0.5)
    (flag,) = (flag for flag in summary.flags if flag.name == "target_missed")
    assert "running b32: ± " in flag.text
    assert summarise(reduce_csv(rig.path)).to_dict() == summary.to_dict()


def test_a_target_is_reached_at_the_time_that_was_told(tmp_path: Path) -> None:
    power = {SENSOR: lambda _: 80.0}
    clock = ManualClock()
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, power, periods_s={"gpu0": 0.1})])
    rig.at(1.0, PROGRAM, do="begin", phase="running", id=1)
    rig.at(6.0, PROGRAM, do="target", id=1, share=0.05)
    rows = rig.run(7.0)
    (text,) = notes(rows)
    left_s = float(text.partition("about ")[2].split()[0])
    again = Rig(folder(tmp_path), clock := ManualClock(),
                [ScriptedSource(clock, power, periods_s={"gpu0": 0.1})])  # fmt: skip
    ask(again, 0.05, [6.0 + 0.8 * left_s, 6.5 + 1.1 * left_s], 1.0)
    before, after = notes(again.run(8.0 + 1.2 * left_s))
    assert "more for" in before
    assert after.startswith("note:until_target running b32: ± ")
    assert after.endswith(" s")
    assert [each["reached"] for each in again.inbox.answers if "reached" in each] == [False, True]


def folder(tmp_path: Path) -> Path:
    (made := tmp_path / "again").mkdir()
    return made


def test_a_target_takes_a_few_refreshes(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, (GPU, SlowCounter("gpu0", Constant(50.0), 0.1, NVML_J)))
    ask(rig, 0.9, [1.33, 1.73])
    rig.run(3.0)
    assert [each["reached"] for each in rig.inbox.answers if "reached" in each] == [False, True]


def test_where_the_bar_is_unknown_a_target_is_never_reached(tmp_path: Path) -> None:
    clock = ManualClock()
    estimate = {Channel("est_cpu", "W"): lambda _: 30.0}
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, estimate)])
    ask(rig, 0.01, [2.0])
    rows = rig.run(3.0)
    assert notes(rows) == ["note:target_missed running b32: ± is unknown, not 1 %"]
    assert not [each for each in rig.inbox.answers if "reached" in each]


def test_the_total_of_several_counters_is_what_counts(tmp_path: Path) -> None:
    rig = rig_of(
        tmp_path,
        (PACKAGE, SlowCounter("package0", Constant(50.0))),
        (GPU, SlowCounter("gpu0", LOAD, 0.1, NVML_J, 0.0, 0.013)),
    )
    ask(rig, 1e-4, [2.05, 3.05])
    texts = notes(rig.run(4.0))
    assert shares_pct(texts)[1] > 0.01


def test_it_is_asked_again_when_half_of_the_time_has_gone_or_sooner() -> None:
    far, near = SoFar(0.1, 4.0, 40), SoFar(0.0101, 4.0, 40)
    assert far.left_s(0.01) == pytest.approx(36.0)
    assert far.wait_s(0.01) == pytest.approx(2.0)
    assert near.wait_s(0.01) == pytest.approx(0.3)


def test_a_loop_left_during_a_pass_is_flagged_once_for_its_label(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, (PACKAGE, SlowCounter("package0", LOAD, 0.001, RAPL_J, 0.0, 0.0)))
    for id, begin_s in enumerate([1.03, 2.03], 1):
        rig.at(begin_s, PROGRAM, do="begin", phase="running", label="b32", id=id)
        rig.at(begin_s + 0.5, PROGRAM, do="left", id=id)
        rig.at(begin_s + 0.501, PROGRAM, do="end", id=id, n=4)
    rows = rig.run(3.0)
    assert [row["event"] for row in rows].count("note:left_pass running b32") == 1
    summary = summarise(rig.recorder.reduction)
    (flag,) = (flag for flag in summary.flags if flag.name == "left_pass")
    assert flag.where == "running b32"
    assert summarise(reduce_csv(rig.path)).to_dict() == summary.to_dict()
