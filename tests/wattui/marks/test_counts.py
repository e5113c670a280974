"""Counts of programs: they reach the recorder from every phase, thread and process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from contextvars import copy_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattui
from recorders.marks import CountPages
from tests.support.mark_recorder import Recorder, run_program
from wattui import marks
from wattui.marks.link import Link


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


def test_a_program_killed_in_the_middle_keeps_its_count(recorder: Recorder) -> None:
    script = "import os, wattui\nwattui.count(5)\nos.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script], check=False, timeout=20)
    assert recorder.pages.totals() == {"inferences": 5}


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
