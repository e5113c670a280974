"""Requests from the front end, marked programs and shells, and their effects."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.inbox import FRONT_END, SHELL, Request
from recorders.marks import parse_pipe_line
from recorders.source import Channel
from recorders.summary.figures import Summary
from recorders.summary.summary import summarise
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power

PROGRAM, OTHER_PROGRAM = 11, 12
POWER_W = 50.0


def make_rig(directory: Path) -> Rig:
    clock = ManualClock()
    package = Channel("package0", "J", in_total=True)
    return Rig(directory, clock, [ScriptedSource(clock, {package: constant_power(POWER_W)})])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return make_rig(tmp_path)


def edges(rows: list[dict[str, str]]) -> list[tuple[float, str, str, str]]:
    return [
        (float(row["time_s"]), row["event"], row["phase"], row["label"])
        for row in rows
        if row["event"] in ("begin", "end")
    ]


def phases_of_ticks(rows: list[dict[str, str]]) -> list[str]:
    found = [row["phase"] for row in rows if not row["event"]]
    return list(dict.fromkeys(found))


def summary(rig: Rig) -> Summary:
    return summarise(rig.recorder.reduction)


def test_a_command_that_marks_nothing_is_running_all_the_time(rig: Rig) -> None:
    rig.at(1.0, do="command", repeat=2, label="b32")
    rig.at(3.0, do="command_end", inferences=40)
    rows = rig.run(4.0)
    assert edges(rows) == [(1.0, "begin", "running", "b32"), (3.0, "end", "running", "b32")]
    assert {row["repeat"] for row in rows if row["phase"]} == {"2"}
    running = summary(rig).running
    assert running is not None
    assert (running.seconds, running.inferences) == (2.0, 40)
    total = running.domains["package0"].total_j_per_inference
    assert total is not None
    assert total.value == pytest.approx(POWER_W * 2 / 40)


def test_once_a_command_marks_for_itself_its_earlier_time_is_loading(rig: Rig) -> None:
    rig.at(1.0, do="command")
    rig.at(1.95, owner=PROGRAM, do="begin", phase="armed")
    rig.at(2.45, owner=PROGRAM, do="end", id=2)
    rig.at(2.55, owner=PROGRAM, do="begin", phase="running")
    rig.at(3.55, owner=PROGRAM, do="end", id=3)
    rig.at(4.0, do="command_end")
    rows = rig.run(4.5)
    assert phases_of_ticks(rows) == ["", "loading", "armed", "running"]
    assert edges(rows) == [
        (1.0, "begin", "loading", ""),
        (1.95, "end", "loading", ""),
        (1.95, "begin", "armed", ""),
        (2.45, "end", "armed", ""),
        (2.55, "begin", "running", ""),
        (3.55, "end", "running", ""),
    ]
    running = summary(rig).running
    assert running is not None
    assert running.seconds == pytest.approx(1.0)


def test_a_phase_of_the_persons_own_name_lies_inside_running(rig: Rig) -> None:
    rig.at(1.0, do="command", label="resnet")
    rig.at(2.0, owner=PROGRAM, do="begin", phase="decode", label="jpeg")
    rig.at(3.0, owner=PROGRAM, do="end", id=2)
    rig.at(4.0, do="command_end")
    assert [edge[2:] for edge in edges(rig.run(5.0))] == [
        ("running", "resnet"),
        ("decode", "resnet/jpeg"),
        ("decode", "resnet/jpeg"),
        ("running", "resnet"),
    ]
    running = summary(rig).running
    assert running is not None
    assert running.seconds == pytest.approx(3.0)


def test_a_program_numbers_its_own_repeats(rig: Rig) -> None:
    rig.at(1.0, owner=PROGRAM, do="begin", phase="running", label="b1", repeat=1)
    rig.at(2.0, owner=PROGRAM, do="end", id=1)
    rig.at(3.0, owner=PROGRAM, do="begin", phase="running", label="b1", repeat=2)
    rig.at(4.0, owner=PROGRAM, do="end", id=2)
    rows = rig.run(5.0)
    assert [row["repeat"] for row in rows if row["event"] == "begin"] == ["1", "2"]
    assert [group.repeat for group in summary(rig).repeats] == [1, 2]


def test_a_shells_next_mark_ends_its_last_at_the_same_reading(rig: Rig) -> None:
    rig.at(1.0, owner=SHELL, do="mark", phase="warmup")
    rig.at(2.0, owner=SHELL, do="mark", phase="running", label="b1")
    rig.at(3.0, owner=SHELL, do="mark", phase="")
    rows = rig.run(4.0)
    assert edges(rows) == [
        (1.0, "begin", "warmup", ""),
        (2.0, "end", "warmup", ""),
        (2.0, "begin", "running", "b1"),
        (3.0, "end", "running", "b1"),
    ]
    energies = [row["package0_J"] for row in rows if row["time_s"] == "2.000000"]
    assert len(set(energies)) == 1


def test_a_shells_count_belongs_to_its_own_phase_beside_that_of_a_program(rig: Rig) -> None:
    rig.at(1.0, owner=PROGRAM, do="begin", phase="running", label="rank")
    rig.at(1.5, owner=SHELL, do="mark", phase="running", label="s1")
    rig.at(1.6, owner=OTHER_PROGRAM, do="begin", phase="running", label="inner")
    rig.at(2.0, owner=SHELL, do="count", n=3)
    rig.at(2.5, owner=OTHER_PROGRAM, do="end")
    rig.at(3.0, owner=SHELL, do="mark", phase="")
    rig.at(4.0, owner=PROGRAM, do="end")
    rig.run(5.0)
    found = {group.label: group.inferences for group in summary(rig).labels}
    assert found == {"rank": None, "s1/inner": None, "s1": 3}
    assert summary(rig).running.inferences == 3


def test_phases_of_a_program_that_dies_end_with_it_and_no_others(rig: Rig) -> None:
    rig.at(1.0, owner=PROGRAM, do="begin", phase="running", label="a")
    rig.at(1.5, owner=PROGRAM, do="begin", phase="inner")
    rig.at(2.0, owner=OTHER_PROGRAM, do="begin", phase="other")
    rig.at(3.0, owner=PROGRAM, do="bye")
    ended = [edge[:1] + edge[2:3] for edge in edges(rig.run(4.0)) if edge[1] == "end"]
    assert ended == [(3.0, "inner"), (3.0, "running"), (4.0, "other")]


def test_everything_open_ends_when_the_command_ends(rig: Rig) -> None:
    rig.at(1.0, do="command")
    rig.at(2.0, owner=PROGRAM, do="begin", phase="decode")
    rig.at(3.0, do="command_end")
    ended = [(time_s, phase) for time_s, what, phase, _ in edges(rig.run(4.0)) if what == "end"]
    assert ended == [(3.0, "decode"), (3.0, "running")]


def test_labels_and_repeats_do_not_outlive_the_command(rig: Rig) -> None:
    rig.at(1.0, do="command", repeat=1, label="b32")
    rig.at(2.0, do="command_end")
    rig.at(3.0, do="begin", phase="idle")
    rows = rig.run(4.0)
    assert edges(rows)[-1] == (4.0, "end", "idle", "")
    assert rows[-1]["repeat"] == ""


def test_inferences_given_for_the_command_count_in_every_repeat(rig: Rig) -> None:
    for repeat in (1, 2):
        rig.at(3.0 * repeat, do="command", repeat=repeat)
        rig.at(3.0 * repeat + 2, do="command_end", inferences=40)
    rig.run(10.0)
    assert [group.inferences for group in summary(rig).repeats] == [40, 40]


@pytest.mark.parametrize("repeats", [1, 2])
def test_inferences_given_for_a_command_that_marks_for_itself_are_counted(
    rig: Rig, repeats: int
) -> None:
    for repeat in range(1, repeats + 1):
        start_s = 3.0 * repeat
        rig.at(start_s, do="command", repeat=repeat if repeats > 1 else None)
        rig.at(start_s + 0.5, owner=PROGRAM, do="begin", phase="running")
        rig.at(start_s + 1.5, owner=PROGRAM, do="bye")
        rig.at(start_s + 2, do="command_end", inferences=40)
    rig.run(10.0)
    running = summary(rig).running
    assert running is not None
    assert running.inferences == 40 * repeats
    assert [group.inferences for group in summary(rig).repeats] == [40] * (repeats - 1) * 2


def test_only_the_front_end_may_end_the_recording(rig: Rig) -> None:
    for request in ("stop", "command", "command_end", "watch", "rows"):
        rig.at(1.0, owner=PROGRAM, do=request, pid=1, rate_hz=1)
        rig.at(1.0, owner=SHELL, do=request, pid=1, rate_hz=1)
    rows = rig.run(2.0)
    assert float(rows[-1]["time_s"]) > 1.5
    assert [bool(answer.get("error")) for answer in rig.inbox.answers] == [True] * 10 + [False]


def test_a_front_end_that_goes_away_ends_phases_and_recording(rig: Rig) -> None:
    rig.at(1.0, do="begin", phase="idle")
    rig.at(2.0, owner=FRONT_END, do="bye")
    rows = rig.run(9.0)
    assert edges(rows)[-1][:3] == (2.0, "end", "idle")
    assert rig.conductor.stop_request == {"do": "stop", "front_end": "gone"}
    broken = "note:broken off: the recording program was stopped before it had finished"
    assert [row["event"] for row in rows if row["event"].startswith("note:")] == [broken]


def test_a_recording_that_is_ended_as_usual_has_no_note_of_it(rig: Rig) -> None:
    rig.at(1.0, owner=FRONT_END, do="stop", command={})
    assert not [row for row in rig.run(9.0) if row["event"].startswith("note:")]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"do": "begin", "phase": ""}, "needs a name"),
        ({"do": "begin"}, "phase"),
        ({"do": "count", "n": -1}, "cannot be negative"),
        ({"do": "count", "n": "many"}, "many"),
        ({"do": "count", "n": float("inf")}, "infinity"),
        ({"do": "end", "id": float("inf")}, "infinity"),
        ({"do": "hello", "page": "../../etc/passwd"}, "not a count page"),
        ({"do": "hello", "page": "counts-1"}, "No such file"),
        ({"do": "dance"}, "dance: unknown request"),
        ({}, "unknown request"),
    ],
)
def test_what_is_wrong_with_a_request_is_its_answer(
    rig: Rig, message: dict[str, object], words: str
) -> None:
    answer = rig.conductor.handle(Request(message, PROGRAM, lambda _: None))
    assert words in answer["error"]
    assert edges(rig.run(1.0)) == []


def test_ending_what_is_not_open_is_nothing(rig: Rig) -> None:
    rig.at(1.0, owner=PROGRAM, do="end", id=99)
    assert edges(rig.run(2.0)) == []
    assert rig.inbox.answers[0] == {"t": "ack"}


def test_a_refused_mark_ends_nothing(rig: Rig) -> None:
    rig.at(1.0, do="command")
    rig.at(2.0, owner=PROGRAM, do="begin", phase="")
    rig.at(3.0, do="command_end")
    assert edges(rig.run(4.0)) == [(1.0, "begin", "running", ""), (3.0, "end", "running", "")]


@pytest.mark.parametrize("owner", [SHELL, PROGRAM])
@pytest.mark.parametrize(
    "line", ["+", "+1.5", "+-5", "+ 32", "+abc", "-5", "-1.5", "+²", "+" + "9" * 5000]
)
def test_a_malformed_count_is_a_refused_mark(rig: Rig, line: str, owner: int) -> None:
    rig.at(1.0, owner=owner, **parse_pipe_line("running b1"))
    rig.at(2.0, owner=owner, **parse_pipe_line(line))
    rig.at(3.0, owner=owner, **parse_pipe_line("+32"))
    rig.at(4.0, owner=owner, **parse_pipe_line("end"))
    assert edges(rig.run(5.0)) == [(1.0, "begin", "running", "b1"), (4.0, "end", "running", "b1")]
    assert "not a phase; a count is +N" in rig.inbox.answers[1]["error"]
    assert "refused_mark" in {flag.name for flag in summary(rig).flags}
    assert summary(rig).running.inferences == 32


@pytest.mark.parametrize("name", ["5", "-", "-O2", "b+1", "1.5"])
def test_a_phase_may_have_any_other_name(rig: Rig, name: str) -> None:
    rig.at(1.0, owner=SHELL, **parse_pipe_line(name))
    rig.at(2.0, owner=SHELL, **parse_pipe_line("end"))
    assert edges(rig.run(3.0)) == [(1.0, "begin", name, ""), (2.0, "end", name, "")]


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ASKS = st.sampled_from(["begin", "end", "mark", "note", "count", "hello", "bye", "stop", "?"])
KEYS = st.sampled_from(["phase", "label", "id", "n", "text", "page", "other"])


@given(st.lists(st.tuples(ASKS, st.dictionaries(KEYS, JSON | st.lists(JSON, max_size=2)))))
def test_no_request_of_a_program_can_break_the_recorder(
    requests: list[tuple[str, dict[str, object]]],
) -> None:
    with TemporaryDirectory() as directory:
        rig = make_rig(Path(directory))
        for place, (what, message) in enumerate(requests):
            rig.at(0.05 * place, owner=PROGRAM, **{**message, "do": what})
        rows = rig.run(0.05 * len(requests) + 1.0)
    assert rows[-1]["package0_J"]
    assert [edge[1] for edge in edges(rows)].count("begin") == [
        edge[1] for edge in edges(rows)
    ].count("end")


def notes(rows: list[dict[str, str]]) -> list[str]:
    return [row["event"].removeprefix("note:") for row in rows if row["event"].startswith("note:")]


@pytest.mark.parametrize(
    "text",
    [
        "stuck at epoch 3",
        "lost marks: none, I hope",
        "refused a b c",
        "missing gpu0: it fell out",
        "command ended with exit 2",
        "update_period_s package0=9.0",
        "mig gpu0",
        "integrated gpu0",
        "per_phase package0",
        "old_idle of last year",
        "which_gpu all",
        "hidden_gpus three",
        "cut here",
    ],
)
@pytest.mark.parametrize("owner", [FRONT_END, SHELL, PROGRAM])
def test_a_users_note_is_none_of_the_recorders(tmp_path: Path, text: str, owner: int) -> None:
    """The same phases without the note have the same figures and flags."""
    found = []
    for name in ("noted", "plain"):
        (tmp_path / name).mkdir()
        rig = make_rig(tmp_path / name)
        rig.at(1.0, do="command")
        if name == "noted":
            rig.at(2.0, owner=owner, do="note", text=f"  {text}")
        rig.at(3.0, do="command_end", inferences=10, exit_status=0)
        rows = rig.run(4.0)
        found.append(summary(rig))
        assert (f" {text}" in notes(rows)) == (name == "noted")
    assert found[0] == found[1]


def test_notes_of_programs_that_a_summary_reads_are_written_as_they_are(rig: Rig) -> None:
    rig.at(1.0, owner=PROGRAM, do="note", text="difference b32 minus b1")
    rig.at(1.5, owner=PROGRAM, do="note", text="stuckness is another word")
    rows = rig.run(2.0)
    assert notes(rows)[-2:] == ["difference b32 minus b1", "stuckness is another word"]


def test_a_front_ends_own_note_is_the_recorders(rig: Rig) -> None:
    rig.at(1.0, do="note", text="unmatched 3 bytes", own=True)
    rig.at(1.5, owner=PROGRAM, do="note", text="unmatched 3 bytes", own=True)
    assert notes(rig.run(2.0))[-2:] == ["unmatched 3 bytes", " unmatched 3 bytes"]


def test_long_labels_and_notes_are_cut_and_that_is_said(rig: Rig) -> None:
    rig.at(1.0, owner=PROGRAM, do="begin", phase="running", label="é" * 5000, id=1)
    rig.at(1.5, owner=PROGRAM, do="begin", phase="running", label="b" * 4000, id=2, **{"in": 1})
    rig.at(2.0, owner=PROGRAM, do="note", text="x" * 1_000_000)
    rows = rig.run(3.0)
    assert {len(row["label"].encode()) <= 4096 for row in rows} == {True}
    assert [text for text in notes(rows) if text.startswith("cut ")] == [
        "cut a label of 5,000 characters to 4,096 bytes",
        "cut a note of 1,000,000 characters to 4,096 bytes",
    ]
    assert max(len(text) for text in notes(rows)) < 4096
    assert "cut_text" in {flag.name for flag in summary(rig).flags}


def test_what_is_refused_is_quoted_in_short(rig: Rig) -> None:
    rig.at(1.0, owner=PROGRAM, do="meter", name="x" * 1_000_000, power_w=3)
    (refused,) = (text for text in notes(rig.run(2.0)) if text.startswith("refused "))
    assert len(refused) < 5000


def test_a_line_that_was_too_long_is_a_refused_mark(rig: Rig) -> None:
    rig.at(1.0, owner=SHELL, do="unreadable", reason="line longer than 8 MiB")
    assert "refused unreadable: line longer than 8 MiB" in notes(rig.run(2.0))
