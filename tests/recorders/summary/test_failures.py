"""Repeats that failed are left out and named; a command that failed alone is flagged."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.source import Channel
from recorders.summary.figures import Group, Summary
from recorders.summary.reduction import EventRow
from recorders.summary.summary import summarise
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power, event, reduction

POWER_W = 50.0
PROGRAM = 11


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    clock = ManualClock()
    package = Channel("package0", "J", in_total=True)
    return Rig(tmp_path, clock, [ScriptedSource(clock, {package: constant_power(POWER_W)})])


def record(
    rig: Rig, statuses: list[int | None], marks: bool = False, stopped: bool = False
) -> Summary:
    """Repeats of 2 s, of which a command that marks for itself runs 1 s."""
    for repeat, status in enumerate(statuses, 1):
        is_last = repeat == len(statuses)
        start_s = 3.0 * repeat
        rig.at(start_s, do="command", repeat=repeat if len(statuses) > 1 else None)
        if marks and not status:
            rig.at(start_s + 0.5, owner=PROGRAM, do="begin", phase="running")
            rig.at(start_s + 1.5, owner=PROGRAM, do="bye")
        elif marks:  # it fails while it loads its model
            rig.at(start_s + 0.5, owner=PROGRAM, do="begin", phase="armed")
            rig.at(start_s + 1.5, owner=PROGRAM, do="bye")
        told = {} if status is None else {"exit_status": status}
        rig.at(start_s + 2, do="command_end", inferences=100, stopped=stopped and is_last, **told)
    rig.run(3.0 * len(statuses) + 4)
    return summarise(rig.recorder.reduction)


def running(summary: Summary) -> Group:
    assert summary.running is not None
    return summary.running


def energy_j(summary: Summary) -> float:
    value = running(summary).domains["package0"].total_j_per_inference
    assert value is not None
    return value.value


def told(summary: Summary, name: str) -> list[str]:
    return [flag.text for flag in summary.flags if flag.name == name]


@pytest.mark.parametrize("marks", [False, True])
def test_only_the_repeat_that_succeeded_counts(rig: Rig, marks: bool) -> None:
    found = record(rig, [0, 2, 2], marks)
    seconds = 1 if marks else 2
    assert (running(found).seconds, running(found).inferences) == (seconds, 100)
    assert energy_j(found) == pytest.approx(POWER_W * seconds / 100)
    assert found.repeats == []
    assert told(found, "failed_repeat") == [
        "repeat 2 failed with exit status 2 and was left out",
        "repeat 3 failed with exit status 2 and was left out",
    ]
    assert told(found, "failed_command") == []


def test_the_mean_is_over_the_repeats_that_succeeded(rig: Rig) -> None:
    found = record(rig, [0, 1, 0])
    assert [(group.repeat, group.inferences) for group in found.repeats] == [(1, 100), (3, 100)]
    assert running(found).inferences == 200
    assert [row.left_out for row in found.phases] == [False, True, False]


def test_a_repeat_that_a_signal_ended_is_left_out(rig: Rig) -> None:
    found = record(rig, [0, 139])
    assert told(found, "failed_repeat") == [
        "repeat 2 failed with exit status 139 (SIGSEGV) and was left out"
    ]
    assert running(found).inferences == 100


def test_where_every_repeat_failed_none_is_left_out_and_it_is_said(rig: Rig) -> None:
    found = record(rig, [2, 2])
    assert running(found).inferences == 200
    assert told(found, "failed_repeat") == [
        "repeat 1 failed with exit status 2",
        "repeat 2 failed with exit status 2",
    ]
    assert told(found, "failed_command") == [
        "every repeat failed, so the figures are those of a failed command"
    ]


def test_a_repeat_that_failed_is_left_out_while_the_next_one_runs() -> None:
    """In the dashboard, and of a recording that broke off in its second repeat."""
    joules = [{"package0": 10.0 * n} for n in range(4)]
    rows = [
        event(1.0, "begin", "running", joules[0], "", 1, 0),
        event(3.0, "end", "running", joules[1], "", 1, 0),
        event(3.1, "note:command ended with exit 1 in repeat 1"),
        event(4.0, "begin", "running", joules[2], "", 2, 0),
        event(5.0, "note:now", "", joules[3]),
    ]
    found = summarise(reduction(rows, ["package0"]))
    assert running(found).seconds == 1
    assert told(found, "failed_repeat") == ["repeat 1 failed with exit status 1 and was left out"]
    assert told(found, "failed_command") == []


def test_a_single_command_that_fails_keeps_its_figures_and_is_flagged(rig: Rig) -> None:
    found = record(rig, [3])
    assert energy_j(found) == pytest.approx(POWER_W * 2 / 100)
    assert told(found, "failed_command") == [
        "the command failed with exit status 3, so the figures are those of a failed command"
    ]


def test_a_command_that_the_user_stopped_did_not_fail(rig: Rig) -> None:
    found = record(rig, [130], stopped=True)
    assert told(found, "failed_command") == []
    assert told(found, "stopped_command") == [
        "the command was stopped with exit status 130 (SIGINT), so the figures are those of a "
        "part of it"
    ]


def test_a_repeat_that_the_user_stopped_is_left_out_and_told_as_stopped(rig: Rig) -> None:
    found = record(rig, [0, 130], stopped=True)
    assert running(found).inferences == 100
    assert told(found, "failed_repeat") == [
        "repeat 2 was stopped with exit status 130 (SIGINT) and was left out"
    ]
    assert told(found, "stopped_command") == []


def test_the_file_alone_tells_that_the_only_repeat_was_stopped() -> None:
    joules = [{"package0": 10.0 * n} for n in range(2)]
    rows = [
        event(1.0, "begin", "running", joules[0], "", 1, 0),
        event(3.0, "end", "running", joules[1], "", 1, 0),
        event(3.1, "note:command ended with exit 1 in repeat 1: stopped"),
    ]
    found = summarise(reduction(rows, ["package0"]))
    assert told(found, "failed_repeat") == ["repeat 1 was stopped with exit status 1"]
    assert told(found, "stopped_command") == [
        "the command was stopped, so the figures are those of a part of it"
    ]


@pytest.mark.parametrize("statuses", [[0], [0, 0], [None, None]])
def test_what_succeeded_or_is_of_an_older_version_has_no_flag(
    rig: Rig, statuses: list[int | None]
) -> None:
    found = record(rig, statuses)
    assert running(found).inferences == 100 * len(statuses)
    assert not any(flag.name.startswith("failed") for flag in found.flags)


def test_the_baseline_before_a_repeat_that_failed_stays() -> None:
    def phase(name: str, since: float, until: float, repeat: int | None = None) -> list[EventRow]:
        joules = {"package0": since * 10}, {"package0": until * 10}
        return [
            event(since, "begin", name, joules[0], "", repeat, 0),
            event(until, "end", name, joules[1], "", repeat, 0),
        ]

    rows = [
        *phase("idle", 0, 10),
        *phase("running", 11, 13, 1),
        event(13.1, "note:command ended with exit 1 in repeat 1"),
        *phase("running", 14, 17, 2),
        event(17.1, "note:command ended with exit 0 in repeat 2"),
    ]
    found = running(summarise(reduction(rows, ["package0"])))
    assert found.seconds == 3
    assert found.domains["package0"].idle_w == pytest.approx(10)
