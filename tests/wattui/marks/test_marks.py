"""Marks at both ends: programs, shells and forks on one side, counts and requests on the other."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattui
from recorders.inbox import Inbox, Request
from recorders.marks import CountPages, parse_pipe_line
from recorders.wire import Message
from wattui import marks
from wattui.marks.link import Link


class Recorder:
    """Answers marks in a thread, as the recorder does, and keeps what was asked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pages = CountPages(str(directory))
        self.asked: list[Message] = []
        self.objects_to_quiet = ""
        self.knows: list[Message] = []
        self.quiet_asked = threading.Event()
        self.may_answer_quiet = threading.Event()
        self.may_answer_quiet.set()
        self._control, self._end = os.pipe()
        self._inbox = Inbox(directory, self._control, lambda _: None)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            os.close(self._end)
            self._thread.join()
            self._inbox.close()
            os.close(self._control)

    def requests(self) -> list[Message]:
        """What was asked, without greetings and times."""
        return [
            {key: value for key, value in message.items() if key not in ("at_ns", "begun_ns")}
            for message in self.asked
            if message["do"] not in ("hello", "bye")
        ]

    def _serve(self) -> None:
        while True:
            for request in self._inbox.wait(1.0):
                if request.owner == 0:
                    return
                reply = self._answer(request)
                if self.may_answer_quiet.is_set() or request.message["do"] != "quiet":
                    request.answer(reply)

    def _answer(self, request: Request) -> Message:
        message = request.message
        self.asked.append(message)
        if message["do"] == "hello":
            self.pages.open(message["page"], message["names"])
        if message["do"] == "names":
            self.pages.name(next(iter(self.pages._pages)), message["names"])
        if message["do"] == "quiet":
            self.quiet_asked.set()
            return {"t": "ack", "error": self.objects_to_quiet}
        if message["do"] == "target":
            return {"t": "ack", **(self.knows.pop(0) if self.knows else {})}
        if message["do"] == "begin" and not message["phase"]:
            return {"t": "ack", "error": "a phase needs a name"}
        return {"t": "ack", "id": len(self.asked)}


@pytest.fixture(autouse=True)
def _unattached(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(marks.ENVIRONMENT, raising=False)
    monkeypatch.setattr(marks, "_numbers", {marks.INFERENCES: 0})
    marks.detach()
    yield
    marks.detach()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with TemporaryDirectory() as directory:
        recorder = Recorder(Path(directory))
        monkeypatch.setenv(marks.ENVIRONMENT, directory)
        yield recorder
        marks.detach()
        recorder.close()


def run_program(script: str) -> None:
    subprocess.run([sys.executable, "-c", script], check=True, timeout=20)


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


def test_after_an_exception_nothing_is_waited_for(recorder: Recorder) -> None:
    waited: list[bool] = []
    with (
        pytest.raises(ZeroDivisionError),
        wattui.phase("running", sync=lambda: waited.append(True)),
    ):
        raise ZeroDivisionError
    assert waited == [True]


@given(st.lists(st.integers(0, 10**9), max_size=30))
def test_counts_add_up_while_the_program_runs(numbers: list[int]) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(Path(directory))
        patch.setenv(marks.ENVIRONMENT, directory)
        marks.detach()
        try:
            total = 0
            for number in numbers:
                wattui.count(number)
                total += number
                assert recorder.pages.totals() == ({"inferences": total} if total else {})
        finally:
            marks.detach()
            recorder.close()


def test_what_a_program_counted_is_kept_when_it_ends(recorder: Recorder) -> None:
    run_program("import wattui\nfor _ in range(1000): wattui.count(2)")
    assert recorder.pages.totals() == {"inferences": 2000}


def test_each_process_of_a_fork_counts_for_itself_and_all_are_added(recorder: Recorder) -> None:
    run_program(
        "import os, wattui\n"
        "wattui.count(1)\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        wattui.count(10)\n"
        "        os._exit(0)\n"
        "for _ in range(3): os.wait()\n"
        "wattui.count(100)\n"
    )
    assert recorder.pages.totals() == {"inferences": 131}


def test_processes_of_a_fork_that_count_at_the_same_time_lose_nothing(recorder: Recorder) -> None:
    run_program(
        "import os, wattui\n"
        "wattui.count(1)\n"
        "children = [os.fork() for _ in range(2)]\n"
        "for _ in range(200_000): wattui.count(1)\n"
        "if 0 in children: os._exit(0)\n"
        "for _ in children: os.wait()\n"
    )
    assert recorder.pages.totals() == {"inferences": 1 + 4 * 200_000}


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


def test_a_program_killed_in_the_middle_keeps_its_count(recorder: Recorder) -> None:
    script = "import os, wattui\nwattui.count(5)\nos.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script], check=False, timeout=20)
    assert recorder.pages.totals() == {"inferences": 5}


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


@pytest.mark.parametrize("number", [32, True])
def test_a_whole_number_of_any_kind_counts(recorder: Recorder, number: int) -> None:
    wattui.count(number)
    assert recorder.pages.totals() == {"inferences": int(number)}


def test_pages_count_nothing_until_something_is_counted(tmp_path: Path) -> None:
    pages = CountPages(str(tmp_path))
    assert pages.totals() == {}
    pages.add(0)
    assert pages.totals() == {"inferences": 0}
    pages.add(40)
    assert pages.totals() == {"inferences": 40}


def test_what_has_a_name_is_counted_apart_in_every_phase(recorder: Recorder) -> None:
    wattui.count(1, of="tokens_out")
    with wattui.phase("running"):
        wattui.count(3)
        wattui.count(20, of="tokens_out")
        with wattui.phase("decode"):
            wattui.count(300, of="tokens_out")
            wattui.count(7, of="requests")
    with wattui.phase("running"):
        wattui.count(4)
    ended = [m for m in recorder.requests() if m["do"] == "end"]
    assert [(m["n"], m.get("counts")) for m in ended] == [
        (0, {"tokens_out": 300, "requests": 7}),
        (3, {"tokens_out": 20}),
        (4, None),
    ]
    assert recorder.pages.totals() == {"inferences": 7, "tokens_out": 321, "requests": 7}
    assert recorder.pages.outside() == {"inferences": 0, "tokens_out": 1, "requests": 0}


def test_threads_count_names_without_losing_any(recorder: Recorder) -> None:
    def work(number: int) -> None:
        with wattui.phase("running", label=str(number)):
            for _ in range(5_000):
                wattui.count(2, of="tokens_out")
                wattui.count(1, of=f"count_{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own = {f"count_{number}": 5_000 for number in range(4)}
    assert recorder.pages.totals() == {"tokens_out": 40_000, **own}


def test_a_count_may_be_called_inferences(recorder: Recorder) -> None:
    wattui.count(2, of="inferences")
    assert recorder.pages.totals() == {"inferences": 2}


def test_a_child_counts_under_the_names_of_its_parent(recorder: Recorder) -> None:
    run_program(
        "import os, wattui; wattui.count(1, of='tokens_in')\n"
        "if not os.fork():\n"
        "    wattui.count(5, of='tokens_in'); wattui.marks.detach(); os._exit(0)\n"
        "os.wait(); wattui.count(30, of='tokens_in'); wattui.marks.detach()"
    )
    assert recorder.pages.totals() == {"tokens_in": 36}


@pytest.mark.parametrize("name", ["", "Tokens", "4bits", "a b", "é", "a" * 41, "a,b", "a\n"])
def test_a_name_that_no_column_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a count"):
        wattui.count(1, of=name)
    with pytest.raises(ValueError, match="cannot be the name of a count"):
        CountPages(str(tmp_path)).add(1, name)


@pytest.mark.parametrize("of", [None, "tokens_out"])
def test_a_count_never_falls(of: str | None) -> None:
    with pytest.raises(ValueError, match="-1 cannot be counted"):
        wattui.count(-1, of=of)


def test_a_recording_has_room_for_sixteen_names(tmp_path: Path) -> None:
    pages = CountPages(str(tmp_path))
    for number in range(16):
        pages.add(1, f"c{number}")
    with pytest.raises(ValueError, match="c16: a recording has room for 16 names"):
        pages.add(1, "c16")
    pages.add(1)


def test_a_count_too_large_for_a_run_file_is_unknown(tmp_path: Path) -> None:
    pages = CountPages(str(tmp_path))
    pages.add(2**63 - 1)
    pages.add(1, "requests")
    assert pages.totals() == {"inferences": 2**63 - 1, "requests": 1}
    pages.add(1)
    assert pages.totals() == {"requests": 1}


def test_a_source_has_the_last_word_on_its_names(recorder: Recorder) -> None:
    class Server:
        names = ("tokens_out", "tokens_in")

        def totals(self) -> dict[str, int]:
            return {"tokens_out": 1000}

    recorder.pages = CountPages(str(recorder.directory), [Server()])
    with wattui.phase("running"):
        wattui.count(990, of="tokens_out")
        wattui.count(2, of="images")
    assert recorder.pages.totals() == {"tokens_out": 1000, "images": 2}
    assert recorder.pages.outside() == {"tokens_out": 1000, "images": 0, "inferences": 0}
    assert recorder.pages.counted_elsewhere() == {"tokens_out": 990}


@pytest.mark.parametrize("name", ["../counts-1", "counts-", "counts-x", "socket", "counts-1/../x"])
def test_only_count_pages_are_mapped(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a count page"):
        CountPages(str(tmp_path)).open(name, {})


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


def test_thousands_of_open_phases_count_each_for_itself(recorder: Recorder) -> None:
    phases = [wattui.phase("running", label=str(number)) for number in range(1500)]
    for number, phase in enumerate(phases):
        phase.__enter__()
        wattui.count(number)
    for phase in reversed(phases):
        phase.__exit__(None, None, None)
    told = [message["n"] for message in recorder.requests() if message["do"] == "end"]
    assert told == list(reversed(range(1500)))
    assert recorder.pages.totals() == {"inferences": sum(range(1500))}
    assert recorder.pages.outside() == {"inferences": 0}


def test_threads_of_one_context_lose_no_count(recorder: Recorder) -> None:
    def work() -> None:
        for _ in range(50_000):
            wattui.count()

    with wattui.phase("running"):
        contexts = [copy_context() for _ in range(4)]
        threads = [threading.Thread(target=each.run, args=(work,)) for each in contexts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert recorder.requests()[-1]["n"] == 200_000


def test_threads_that_go_on_after_their_phase_count_outside_of_it(recorder: Recorder) -> None:
    def work() -> None:
        for _ in range(50_000):
            wattui.count()

    with wattui.phase("running"):
        contexts = [copy_context() for _ in range(4)]
    threads = [threading.Thread(target=each.run, args=(work,)) for each in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.pages.totals() == recorder.pages.outside() == {"inferences": 200_000}


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


def test_processes_of_one_number_count_in_pages_of_their_own(recorder: Recorder) -> None:
    """Two containers may have a process 1 each: they shared a page, and it went with the first."""
    first, second = (Link(str(recorder.directory), "counts-1", {}) for _ in range(2))
    first.counts.outside[0] += 5
    second.counts.outside[0] += 70
    assert recorder.pages.totals() == {"inferences": 75}
    assert os.path.basename(second.counts.path) == "counts-10"
    first.close()
    second.close()


def test_where_counts_find_no_room_they_are_sent_along(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with wattui.phase("running"):
        wattui.count(5)
    wattui.count(2)
    marks.detach()

    def counted() -> list[object]:
        return [message["n"] for message in recorder.requests() if message["do"] == "count"]

    deadline_s = time.monotonic() + 30
    while counted() != [5, 2] and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert counted() == [5, 2]


def test_both_ends_agree_on_names_and_places() -> None:
    from recorders import marks as theirs
    from wattui.marks import counts as mark_counts
    from wattui.marks import link as mark_link

    assert marks.ENVIRONMENT == theirs.ENVIRONMENT
    assert marks.PAGE_PREFIX == theirs.PAGE_PREFIX
    assert mark_link.SOCKET == theirs.SOCKET
    for name in ("IN_USE", "OUTSIDE", "FIRST", "WIDTH", "COUNT_BYTES"):
        assert getattr(mark_counts, name) == getattr(theirs, name)
