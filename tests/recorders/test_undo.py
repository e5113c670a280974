"""Taking back the last mark: the recording is as if it had not been made."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.inbox import SHELL
from recorders.phases import Phase
from recorders.runfile import RunFile
from recorders.source import Channel
from recorders.summary.summary import summarise
from recorders.undo import Mark, without
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power
from tests.support.examples import examples
from wattui.runs.reduce import reduce_csv

PROGRAM = 11
UNDONE = "note:undone "
Row = dict[str, str]
Asked = dict[str, Any]


def make_rig(directory: Path, rate_hz: float = 10.0, follows: bool = False) -> Rig:
    clock = ManualClock()
    package = Channel("package0", "J", in_total=True)
    source = ScriptedSource(clock, {package: constant_power(50.0)})
    return Rig(directory, clock, [source], rate_hz, follows, meters=["wall"])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return make_rig(tmp_path)


def phases(rows: list[Row]) -> list[tuple[float, str, str]]:
    """Where the phase of the rows changes."""
    found: list[tuple[float, str, str]] = []
    for row in rows:
        if not found or (row["phase"], row["label"]) != found[-1][1:]:
            found.append((float(row["time_s"]), row["phase"], row["label"]))
    return found


def edges(rows: list[Row]) -> list[tuple[float, str, str]]:
    return [
        (float(row["time_s"]), row["event"], row["phase"])
        for row in rows
        if row["event"] in ("begin", "end")
    ]


def errors(rig: Rig) -> list[str]:
    return [answer.get("error", "") for answer in rig.inbox.answers[:-1]]


def test_the_phase_before_goes_on_and_a_later_mark_ends_it(rig: Rig) -> None:
    rig.at(1.05, do="mark", phase="idle")
    rig.at(2.05, do="mark", phase="running", label='b "32", wide')
    rig.at(3.05, do="undo")
    rig.at(4.05, do="mark", phase="running")
    rows = rig.run(5.0)
    assert edges(rows) == [
        (1.05, "begin", "idle"),
        (4.05, "end", "idle"),
        (4.05, "begin", "running"),
        (5.0, "end", "running"),
    ]
    assert phases(rows)[:-1] == [(0.0, "", ""), (1.05, "idle", ""), (4.05, "running", "")]
    notes = [row for row in rows if row["event"].startswith(UNDONE)]
    assert [(row["time_s"], row["event"]) for row in notes] == [
        ("2.050000", 'note:undone mark running b "32", wide')
    ]
    assert float(notes[0]["package0_J"]) == pytest.approx(50 * 2.05)
    assert errors(rig) == [""] * 4


def test_the_first_mark_leaves_no_phase_behind(rig: Rig) -> None:
    rig.at(1.05, owner=SHELL, do="mark", phase="runing", label="x")
    rig.at(2.05, owner=SHELL, do="undo")
    rows = rig.run(3.0)
    assert edges(rows) == []
    assert phases(rows) == [(0.0, "", "")]
    summary = summarise(rig.recorder.reduction)
    assert (summary.phases, summary.running) == ([], None)


def test_an_ended_mark_is_open_again(rig: Rig) -> None:
    rig.at(1.05, do="mark", phase="running")
    rig.at(2.05, do="mark", phase="")
    rig.at(3.05, do="undo")
    rows = rig.run(4.0)
    assert edges(rows) == [(1.05, "begin", "running"), (4.0, "end", "running")]
    assert [row["event"] for row in rows if "undone" in row["event"]] == ["note:undone end running"]


def test_the_label_around_a_mark_comes_back(rig: Rig) -> None:
    rig.at(1.05, owner=PROGRAM, do="begin", phase="running", label="net", repeat=2)
    rig.at(2.05, do="mark", phase="copy", label="in")
    rig.at(3.05, do="undo")
    rig.at(4.05, owner=PROGRAM, do="end", id=1)
    rows = rig.run(5.0)
    assert [phase[1:] for phase in phases(rows)] == [("", ""), ("running", "net"), ("", "")]
    assert edges(rows) == [(1.05, "begin", "running"), (4.05, "end", "running")]
    assert {row["repeat"] for row in rows if row["phase"] == "running"} == {"2"}


def test_marks_are_undone_one_after_another_with_their_counts(rig: Rig) -> None:
    rig.at(1.05, do="mark", phase="running", label="a")
    rig.at(1.55, do="count", n=3)
    rig.at(2.05, do="mark", phase="running", label="b")
    rig.at(2.55, do="count", n=4)
    rig.at(3.05, do="mark", phase="")
    for at_s in (3.55, 4.05, 4.55):
        rig.at(at_s, do="undo")
    rows = rig.run(5.0)
    undone = [answer for answer in rig.inbox.answers if "undone" in answer]
    assert [(answer["undone"], answer["left"]) for answer in undone] == [
        ("end running b", 2),
        ("mark running b", 1),
        ("mark running a", 0),
    ]
    assert (edges(rows), phases(rows)) == ([], [(0.0, "", "")])
    assert summarise(rig.recorder.reduction).running is None


def test_a_note_and_a_reading_are_undone_before_the_mark_that_was_made_before_them(
    rig: Rig,
) -> None:
    rig.at(1.05, do="mark", phase="running")
    rig.at(2.05, do="meter", name="wall", power_w=9.0)
    rig.at(3.05, do="meter", name="wall", power_w=900.0)
    rig.at(4.05, do="note", text='a "typo", here')
    rig.at(5.05, do="undo")
    rig.at(6.05, do="undo")
    rows = rig.run(7.0)
    undone = [answer for answer in rig.inbox.answers if "undone" in answer]
    assert [(answer["undone"], answer["left"]) for answer in undone] == [
        ('note a "typo", here', 3),
        ("meter wall 900 W", 2),
    ]
    events = [row["event"] for row in rows if row["event"].startswith("note:")]
    assert events == [
        "note:meter wall 9 W",
        "note:undone meter wall 900 W",
        'note:undone note a "typo", here',
    ]
    assert [row["meter_wall_W"] for row in rows if row["meter_wall_W"]] == ["9.000000"]
    found = summarise(rig.recorder.reduction)
    assert found.running is not None
    assert found.running.domains["meter_wall"].running_w == pytest.approx(9.0)
    assert summarise(reduce_csv(rig.path)).to_dict() == found.to_dict()


def test_what_a_program_wrote_is_not_undone_by_the_key(rig: Rig) -> None:
    rig.at(1.05, do="mark", phase="idle")
    rig.at(2.05, owner=PROGRAM, do="note", text="epoch 1")
    rig.at(3.05, do="undo")
    rows = rig.run(4.0)
    assert [row["event"] for row in rows if row["event"]] == [
        "note:undone mark idle",
        "note:epoch 1",
    ]


def test_counts_go_back_to_the_phase_that_goes_on(rig: Rig) -> None:
    rig.at(1.05, do="mark", phase="running", label="a")
    rig.at(1.55, do="count", n=3)
    rig.at(2.05, do="mark", phase="copy")
    rig.at(2.55, do="count", n=4)
    rig.at(3.05, do="mark", phase="idle")
    rig.at(3.55, do="undo")
    rig.at(4.05, do="undo")
    rows = rig.run(5.0)
    assert edges(rows) == [(1.05, "begin", "running"), (5.0, "end", "running")]
    running = summarise(rig.recorder.reduction).running
    assert running is not None
    assert running.inferences == 7


@pytest.mark.parametrize(
    ("between", "words"),
    [
        ({"owner": PROGRAM, "do": "begin", "phase": "copy"}, "begun or ended since"),
        ({"do": "command"}, "begun or ended since"),
        ({"do": "command_end"}, "begun or ended since"),
        ({"do": "undo"}, "no mark to undo"),
        ({"do": "note", "text": "x"}, ""),
        ({"do": "meter", "name": "wall", "power_w": 9.0}, ""),
        ({"do": "end", "id": 99}, ""),
    ],
)
def test_only_the_last_edge_is_taken_back(rig: Rig, between: Asked, words: str) -> None:
    rig.at(1.05, do="mark", phase="idle")
    rig.at(2.05, **between)
    rig.at(3.05, do="undo")
    rig.run(4.0)
    assert words in errors(rig)[2]
    assert bool(errors(rig)[2]) == bool(words)


def test_a_command_that_ended_takes_its_marks_along(rig: Rig) -> None:
    rig.at(1.05, do="command")
    rig.at(1.55, owner=PROGRAM, do="begin", phase="running")
    rig.at(1.65, owner=PROGRAM, do="bye")
    rig.at(2.05, owner=PROGRAM, do="mark", phase="mine")
    rig.at(2.55, owner=PROGRAM, do="mark", phase="")
    rig.at(3.05, do="command_end")
    rig.at(3.55, do="undo")
    rows = rig.run(5.0)
    assert "begun or ended since" in errors(rig)[-1]
    assert edges(rows)[-1] == (2.55, "end", "mine")


def test_without_a_mark_there_is_nothing_to_take_back(rig: Rig) -> None:
    rig.at(1.0, do="begin", phase="idle")
    rig.at(2.0, do="undo")
    rig.run(3.0)
    assert errors(rig)[1] == "undo: there is no mark to undo"


def test_a_mark_that_ended_the_loading_stays(rig: Rig) -> None:
    rig.at(1.05, do="command")
    rig.at(2.05, owner=PROGRAM, do="mark", phase="running")
    rig.at(3.05, do="undo")
    rows = rig.run(4.0)
    assert "ended the command's loading" in errors(rig)[2]
    assert [edge[2] for edge in edges(rows)] == ["loading", "loading", "running", "running"]


def test_loading_is_still_told_apart_after_an_undo(rig: Rig) -> None:
    rig.at(1.05, do="command")
    rig.at(2.05, do="mark", phase="mine")
    rig.at(3.05, do="undo")
    rig.at(4.05, owner=PROGRAM, do="begin", phase="running")
    rows = rig.run(5.0)
    assert phases(rows)[:-1] == [(0.0, "", ""), (1.05, "loading", ""), (4.05, "running", "")]


def test_on_a_full_disk_it_is_taken_back_when_there_is_room_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush, full = RunFile.flush, [False]

    def flush_or_fail(file: RunFile) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        flush(file)

    monkeypatch.setattr(RunFile, "flush", flush_or_fail)
    rig.when(3.0, lambda: full.__setitem__(0, True))
    rig.when(3.5, lambda: full.__setitem__(0, False))
    rig.at(1.05, do="mark", phase="idle")
    rig.at(2.05, do="mark", phase="running")
    rig.at(3.05, do="undo")
    rig.at(4.05, do="mark", phase="")
    rows = rig.run(5.0)
    assert errors(rig)[2] == ""
    assert edges(rows) == [(1.05, "begin", "idle"), (4.05, "end", "idle")]
    assert [row["event"] for row in rows if row["time_s"] == "2.050000"] == [
        "note:undone mark running"
    ]


def test_more_than_can_be_held_in_memory_is_not_rewritten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorders.writer.REWRITE_LIMIT_BYTES", 100)
    rig.at(1.05, do="mark", phase="idle")
    rig.at(2.05, do="undo")
    rows = rig.run(3.0)
    assert "too much has been recorded" in errors(rig)[1]
    assert [edge[1:] for edge in edges(rows)] == [("begin", "idle"), ("end", "idle")]


def test_it_is_taken_back_without_a_file_too(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, follows=True)
    rig.recorder._journal._file = None
    rig.at(1.05, do="mark", phase="idle")
    rig.at(2.05, do="mark", phase="running")
    rig.at(3.05, do="undo")
    rig.run(4.0)
    found = summarise(rig.recorder.reduction).phases
    assert [(row.phase, row.start_s, row.end_s) for row in found] == [("idle", 1.05, 4.0)]
    (undone,) = (message for message in rig.sent if message["t"] == "undone")
    place = undone["first_event"]
    assert rig.recorder.reduction.events[place].event == undone["event"]
    assert (undone["phase"], undone["label"], undone["repeat"]) == ("idle", "", None)


@pytest.mark.parametrize(
    "lines",
    [
        b"1.0,date,running,,,begin,5\n",
        b"1.0,date,idle,,,end,5\n1.0,date,idle,,,begin,5\n",
        b"1.0,date,idle,,,end,5\n1.0,date,running,b1,,begin,5\n2.0,date,idle,,,,5\n",
    ],
)
def test_rows_that_are_not_the_marks_are_not_touched(lines: bytes) -> None:
    idle, running = Phase(1, "idle", "", None, 1), Phase(2, "running", "b1", None, 1)
    mark = Mark((0, 0), [("end", idle), ("begin", running)], running, [idle], idle)
    with pytest.raises(ValueError, match="not in the run file"):
        without(mark, [], lines)


WORDS = st.sampled_from(["idle", "running", "a, b", 'qu"ote', ""])
LABELS = st.sampled_from(["", "b1", 'x, "y"', "µ"])
ASKED = st.one_of(
    st.builds(lambda phase, label: {"do": "mark", "phase": phase, "label": label}, WORDS, LABELS),
    st.builds(lambda phase: {"do": "begin", "phase": phase, "owner": PROGRAM}, WORDS),
    st.just({"do": "bye", "owner": PROGRAM}),
    st.just({"do": "note", "text": "a, note"}),
    st.just({"do": "meter", "name": "wall", "power_w": 7.5}),
    st.just({"do": "count", "n": 3}),
    st.just({"do": "undo"}),
    st.just({"do": "undo"}),
)
GAPS = st.sampled_from([0.1, 0.3, 1.2])


def recorded(directory: Path, asked: list[tuple[float, Asked]]) -> tuple[Rig, list[Row]]:
    rig = make_rig(directory)
    for time_s, message in asked:
        rig.at(time_s, **message)
    rows = rig.run((asked[-1][0] if asked else 0.0) + 0.5)
    return rig, rows


UNDOABLE = ("mark", "note", "meter", "undo")
MADE = ("begin", "end", "note:a, note", "note:meter")
NOTHING: Asked = {"do": "rows", "rate_hz": 0}


@pytest.mark.slow
@examples(150)
@given(st.lists(st.tuples(ASKED, GAPS), max_size=14))
def test_the_recording_is_as_if_the_undone_marks_had_not_been(
    asked: list[tuple[Asked, float]],
) -> None:
    at_s, plan = 0.05, []
    for message, gap_s in asked:
        plan.append((at_s, message))
        at_s = round(at_s + gap_s, 3)
    with TemporaryDirectory() as directory:
        rig, rows = recorded(Path(directory), plan)
    undone = [row["time_s"] for row in rows if row["event"].startswith(UNDONE)]
    made = [float(row["time_s"]) for row in rows if row["event"].startswith(MADE)]
    # A mark that ended nothing is no edge: the one before it is still the last.
    kept = [
        (at_s, message if message["do"] not in UNDOABLE or at_s in made else NOTHING)
        for at_s, message in plan
    ]
    with TemporaryDirectory() as directory:
        other, expected = recorded(Path(directory), kept)
    assert [row for row in rows if not row["event"].startswith(UNDONE)] == expected
    accepted = [
        message["do"] == "undo" and "error" not in answer
        for (_, message), answer in zip(plan, rig.inbox.answers, strict=False)
    ]
    assert len(undone) == sum(accepted)
    found, wanted = (
        _rounded(summarise(each.recorder.reduction).to_dict()) for each in (rig, other)
    )
    assert (found["phases"], found["running"]) == (wanted["phases"], wanted["running"])


def _rounded(part: Any) -> Any:
    """With 12 digits: sums over other stretches of the same time end in another last digit."""
    if isinstance(part, dict):
        return {key: _rounded(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_rounded(value) for value in part]
    return float(f"{part:.12g}") if isinstance(part, float) else part
