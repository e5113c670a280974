"""Marks at both ends: programs, shells and forks on one side, counts and requests on the other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattui
from recorders.marks import parse_pipe_line
from tests.support.mark_recorder import Recorder, run_program
from wattui import marks


def call_everything() -> None:
    wattui.count()
    wattui.count(32)
    wattui.note("a note")
    wattui.mark("running", label="b32")
    marks.ask(do="mark", phase="")
    marks.ask(do="count", n=3)
    with wattui.phase("running", label="b32"):
        wattui.count()


def test_outside_a_recording_a_program_can_tell() -> None:
    assert not wattui.recording()


def test_outside_a_recording_every_call_is_a_no_op() -> None:
    call_everything()


@pytest.mark.parametrize("directory", ["", "/no/such/directory", os.devnull])
def test_a_recording_that_is_not_there_is_no_recording(
    monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    monkeypatch.setenv(marks.ENVIRONMENT, directory)
    call_everything()


def test_a_directory_without_a_recorder_is_no_recording(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(marks.ENVIRONMENT, str(tmp_path))
    call_everything()


def test_an_exception_leaves_a_phase_as_it_was_raised(recorder: Recorder) -> None:
    with pytest.raises(KeyError, match="mine"), wattui.phase("running"):
        raise KeyError("mine")
    assert [message["do"] for message in recorder.requests()] == ["begin", "end"]


def test_a_phase_begins_and_ends_with_its_block(recorder: Recorder) -> None:
    with wattui.phase("running", label="b32"):
        wattui.count(32)
        (begun,) = recorder.requests()
        number = begun["id"]
        assert begun == {
            "do": "begin",
            "phase": "running",
            "label": "b32",
            "id": number,
            "in": 0,
            "place": 2,
            "block": True,
        }
    assert recorder.requests()[1] == {"do": "end", "id": number, "n": 32}


def test_the_begin_of_a_block_is_when_the_call_returned(recorder: Recorder) -> None:
    called_ns = time.monotonic_ns()
    with wattui.phase("running"):
        returned_ns = time.monotonic_ns()
    (ended,) = (message for message in recorder.asked if message["do"] == "end")
    (begun,) = (message for message in recorder.asked if message["do"] == "begin")
    assert called_ns <= begun["at_ns"] < ended["begun_ns"] <= returned_ns <= ended["at_ns"]


def test_a_phase_may_carry_the_number_of_a_repeat(recorder: Recorder) -> None:
    with wattui.phase("running", repeat=3):
        asked = recorder.requests()[0]
    assert (asked["phase"], asked["label"], asked["repeat"]) == ("running", "", 3)


def test_repeats_are_numbered_from_one() -> None:
    with pytest.raises(ValueError, match="numbered from 1"):
        wattui.phase("running", repeat=0)


def test_a_program_can_tell_whether_it_is_recorded(recorder: Recorder) -> None:
    assert wattui.recording()


def test_an_edge_is_acknowledged_before_the_program_goes_on(recorder: Recorder) -> None:
    for number in range(1, 51):
        wattui.note(str(number))
        assert len(recorder.requests()) == number


def test_a_phase_without_a_name_is_an_error_inside_a_recording(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="needs a name"), wattui.phase(""):
        pass


def test_accelerators_are_waited_for_at_both_edges(recorder: Recorder) -> None:
    seen: list[int] = []
    with wattui.phase("running", sync=lambda: seen.append(len(recorder.requests()))):
        pass
    assert seen == [0, 1]


def test_outside_a_recording_nothing_is_waited_for() -> None:
    waited: list[bool] = []
    with wattui.phase("running", sync=lambda: waited.append(True)):
        pass
    assert waited == []


def test_an_aligned_phase_waits_for_the_counters_on_both_sides(recorder: Recorder) -> None:
    with wattui.phase("running", align=True):
        assert [message["do"] for message in recorder.requests()] == ["quiet", "begin"]
    asked = recorder.requests()
    assert [message["do"] for message in asked] == ["quiet", "begin", "end", "quiet"]
    assert [message.get("quiet") for message in asked] == [None, True, True, None]


def test_a_phase_that_cannot_be_aligned_is_one_as_usual_and_says_why(recorder: Recorder) -> None:
    recorder.objects_to_quiet = "no counter"
    with wattui.phase("running", align=True):
        pass
    quiet, begin, end = recorder.requests()
    assert quiet == {"do": "quiet"}
    assert begin["unaligned"] == "no counter"
    assert "quiet" not in begin | end


def test_an_aligned_phase_that_fails_ends_at_once(recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), wattui.phase("running", align=True):
        raise ZeroDivisionError
    assert recorder.requests()[-1] == {"do": "end", "id": 1, "n": 0}


def test_an_aligned_phase_waits_only_so_long(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wattui.phase("armed"):
        pass
    monkeypatch.setattr("wattui.marks.link.ANSWER_S", 0.05)
    recorder.may_answer_quiet.clear()
    with wattui.phase("running", align=True):
        pass
    assert recorder.requests()[-2]["unaligned"] == "the recorder did not answer in time"


def test_while_one_thread_waits_to_be_aligned_others_mark(recorder: Recorder) -> None:
    recorder.may_answer_quiet.clear()

    def aligned() -> None:
        with wattui.phase("running", align=True):
            pass

    thread = threading.Thread(target=aligned)
    thread.start()
    assert recorder.quiet_asked.wait(10)
    with wattui.phase("armed"):
        pass
    assert [message["do"] for message in recorder.requests()] == ["quiet", "begin", "end"]
    recorder.close()
    thread.join()


def test_outside_a_recording_an_aligned_phase_is_a_no_op() -> None:
    with wattui.phase("running", align=True):
        pass


def test_after_an_exception_nothing_is_waited_for(recorder: Recorder) -> None:
    waited: list[bool] = []
    with (
        pytest.raises(ZeroDivisionError),
        wattui.phase("running", sync=lambda: waited.append(True)),
    ):
        raise ZeroDivisionError
    assert waited == [True]


def test_a_fork_inside_a_phase_does_not_end_it(recorder: Recorder) -> None:
    run_program(
        "import os, wattui\n"
        "with wattui.phase('running'):\n"
        "    if os.fork() == 0:\n"
        "        wattui.note('child')\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "    wattui.note('parent')\n"
    )
    did = [message.get("text", message["do"]) for message in recorder.requests()]
    assert did == ["begin", "child", "parent", "end"]


def test_threads_may_mark_at_the_same_time(recorder: Recorder) -> None:
    def work(label: str) -> None:
        for _ in range(20):
            with wattui.phase("running", label=label):
                pass

    threads = [threading.Thread(target=work, args=(label,)) for label in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [message["do"] for message in recorder.requests()].count("begin") == 60
    ended = [message["id"] for message in recorder.requests() if message["do"] == "end"]
    assert len(set(ended)) == 60


def test_when_the_recorder_goes_away_the_program_goes_on(recorder: Recorder) -> None:
    wattui.count()
    with wattui.phase("running"):
        recorder.close()
        call_everything()


def test_the_next_recording_is_joined_after_detaching(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wattui.count(7)
    with TemporaryDirectory() as directory:
        second = Recorder(Path(directory))
        monkeypatch.setenv(marks.ENVIRONMENT, directory)
        marks.detach()
        wattui.count(1)
        totals = recorder.pages.totals(), second.pages.totals()
        marks.detach()
        second.close()
    assert totals == ({"inferences": 7}, {"inferences": 1})


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("running", {"do": "mark", "phase": "running", "label": ""}),
        ("running b32", {"do": "mark", "phase": "running", "label": "b32"}),
        (
            "  running   conv 1 64x64 \r",
            {"do": "mark", "phase": "running", "label": "conv 1 64x64"},
        ),
        ("end", {"do": "mark", "phase": ""}),
        ("+64", {"do": "count", "n": 64}),
        ("note: door opened", {"do": "note", "text": "door opened"}),
    ],
)
def test_a_line_from_a_shell(line: str, request_: dict[str, object]) -> None:
    assert parse_pipe_line(line) == request_


@given(st.text())
def test_any_line_from_a_shell_is_a_request_or_a_value_error(line: str) -> None:
    try:
        request = parse_pipe_line(line)
    except ValueError:
        return
    assert request["do"] in ("mark", "count", "note")
    assert line.strip()


def test_after_a_generator_has_ended_its_phase_others_lie_in_the_one_around(
    recorder: Recorder,
) -> None:
    def batches() -> Iterator[int]:
        with wattui.phase("running", label="batches"):
            yield 1

    with wattui.phase("running", label="outer"):
        found = batches()
        next(found)
        with wattui.phase("running", label="inner"):
            found.close()
            wattui.count(1)
        wattui.count(10)
        with wattui.phase("running", label="next"):
            wattui.count(100)
    begun = {message["label"]: message for message in recorder.requests() if "label" in message}
    assert begun["next"]["in"] == begun["outer"]["id"]
    counted = {m["id"]: m["n"] for m in recorder.requests() if m["do"] == "end"}
    assert [counted[begun[name]["id"]] for name in ("inner", "outer", "next")] == [1, 10, 100]


def test_both_ends_agree_on_names_and_places() -> None:
    from recorders import marks as theirs
    from wattui.marks import counts as mark_counts
    from wattui.marks import link as mark_link

    assert marks.ENVIRONMENT == theirs.ENVIRONMENT
    assert marks.PAGE_PREFIX == theirs.PAGE_PREFIX
    assert mark_link.SOCKET == theirs.SOCKET
    for name in ("IN_USE", "OUTSIDE", "FIRST", "WIDTH", "COUNT_BYTES"):
        assert getattr(mark_counts, name) == getattr(theirs, name)
