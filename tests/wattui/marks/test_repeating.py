"""Repeated phases: their passes, their targets, and their ends."""

from __future__ import annotations

from typing import Any

import pytest

import wattui
from tests.support.mark_recorder import Recorder


class Clock:
    """Time that passes by a tenth of a second with each look at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        monkeypatch.setattr("wattui.marks.repeating.time", self)

    def monotonic(self) -> float:
        self.now_s += 0.1
        return self.now_s


def test_a_repeated_phase_counts_its_passes_for_so_long(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    passes = list(wattui.repeat("running", seconds=1, label="b32", count=32))
    begin, end = recorder.requests()
    assert (begin["phase"], begin["label"]) == ("running", "b32")
    assert len(passes) in (10, 11)
    assert end["n"] == 32 * len(passes)


def test_a_loop_that_is_left_during_a_pass_says_so(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    for passes in wattui.repeat("running", seconds=1):
        if passes == 3:
            break
    begin, left, end = recorder.requests()
    assert (left["do"], left["id"]) == ("left", begin["id"])
    assert end["n"] == 3


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"count": -2}, {"seconds": "5"}, {"seconds": -1}, {"target": "abc"}]
)
def test_a_repeated_phase_refuses_what_it_cannot_do(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=repr(next(iter(wrong.values())))):
        wattui.repeat(**wrong)


def test_a_repeated_phase_ends_when_its_target_is_reached(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    recorder.knows = [
        {"reached": False, "wait_s": 2.0},
        {"reached": False, "wait_s": 1.0},
        {"reached": True, "wait_s": 0.3},
    ]
    passes = list(wattui.repeat(target="1%"))
    asked = [message for message in recorder.requests() if message["do"] == "target"]
    assert [message["share"] for message in asked] == [0.01] * 3
    assert 30 <= len(passes) <= 36


def test_a_target_that_is_not_reached_ends_with_its_seconds(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    recorder.knows = [{"reached": False, "wait_s": 3.0}] * 9
    passes = list(wattui.repeat(seconds=2, target=0.01))
    asked = [message["last"] for message in recorder.requests() if message["do"] == "target"]
    assert asked == [False, True]
    assert len(passes) in (20, 21)


@pytest.mark.parametrize(("seconds", "ran_s"), [(None, 5), (7, 7)])
def test_where_no_uncertainty_is_known_it_runs_for_its_seconds(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, seconds: float | None, ran_s: float
) -> None:
    Clock(monkeypatch)
    passes = list(wattui.repeat(seconds=seconds, target="1%"))
    assert [message["do"] for message in recorder.requests()] == ["begin", "target", "end"]
    assert len(passes) == pytest.approx(10 * ran_s, abs=2)


def test_outside_a_recording_a_repeated_phase_runs_for_its_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Clock(monkeypatch)
    assert len(list(wattui.repeat(target="1%", seconds=2))) in (20, 21)
    assert len(list(wattui.repeat(target="1%"))) in (50, 51)


def test_a_repeated_phase_that_is_left_ends(recorder: Recorder) -> None:
    for passes in wattui.repeat(seconds=100):
        if passes == 3:
            break
    assert recorder.requests()[-1] == {"do": "end", "id": 1, "n": 3}


@pytest.mark.parametrize("target", ["1", "0%", "-1%", "100%", "much", "nan", 2, ""])
def test_a_target_is_a_share(target: str | float) -> None:
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        wattui.repeat(target=target)


def test_a_pass_costs_little(recorder: Recorder) -> None:
    passes = max(list(wattui.repeat(seconds=0.2))[-1] for _ in range(3))
    assert passes > 0.2 / 5e-6
