"""Counts and phases from the output of programs that cannot be changed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.capture.matching import Matcher, Matching, added_up, compile_pattern, count_pattern
from wattui.errors import UsageError


def matcher(count: str | None = None, phase: str | None = None) -> Matcher:
    return Matcher(count and re.compile(count), phase and re.compile(phase))  # type: ignore[arg-type]


def requests(found: Matcher, *lines: str) -> list[dict[str, object]]:
    data = "".join(line + "\n" for line in lines).encode()
    return [*found.feed(1, data), *found.finish()]


def counted(found: Matcher, *lines: str) -> int:
    numbers = [request["n"] for request in requests(found, *lines) if request["do"] == "count"]
    return sum(n for n in numbers if isinstance(n, int))


def test_a_matching_line_without_a_group_counts_one() -> None:
    assert counted(matcher("^done"), "done a", "not done", "done b") == 2


def test_the_first_group_is_the_count() -> None:
    assert counted(matcher(r"batch of (\d+)"), "batch of 32", "batch of 8") == 40


def test_a_first_group_that_is_no_number_counts_one() -> None:
    assert counted(matcher(r"(cat|dog) seen"), "cat seen", "dog seen") == 2


def test_the_group_n_is_the_count() -> None:
    assert counted(matcher(r"(step) (?P<n>\d+)"), "step 16", "step 4") == 20


def test_the_group_total_is_a_running_total() -> None:
    found = matcher(r"(?P<total>\d+)/1000")
    assert counted(found, "100/1000", "100/1000", "350/1000", "1000/1000") == 1000


def test_a_named_group_counts_what_it_is_named_after() -> None:
    found = matcher(r"(?P<tokens_out>\d+) tokens of (?P<tokens_in>[\d,]+)")
    asked = requests(found, "32 tokens of 1,000", "8 tokens of 24")
    assert asked == [
        {"do": "count", "n": 40, "of": "tokens_out"},
        {"do": "count", "n": 1024, "of": "tokens_in"},
    ]


def test_named_groups_and_inferences_are_counted_together() -> None:
    found = matcher(r"(?P<n>\d+) images|(?P<requests>\d+) requests", "^step")
    asked = requests(found, "4 images", "2 requests", "step", "4 images")
    assert [(each.get("n"), each.get("of")) for each in asked] == [
        (4, None),
        (2, "requests"),
        (None, None),
        (4, None),
    ]


def test_counts_of_a_name_are_added_up_between_phases() -> None:
    tokens = {"do": "count", "n": 3, "of": "tokens_out"}
    phase = {"do": "mark", "phase": "idle"}
    more = {"do": "count", "n": 1}
    assert [*added_up([tokens, more, tokens, phase, tokens])] == [
        {**tokens, "n": 6},
        more,
        phase,
        tokens,
    ]


def test_a_group_that_no_count_can_be_named_after_is_refused() -> None:
    with pytest.raises(UsageError, match="--count-match: its group 'Tokens' cannot be"):
        count_pattern("--count-match", r"(?P<Tokens>\d+)")


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_running_totals_count_up_to_the_largest(totals: list[int]) -> None:
    found = matcher(r"(?P<total>\d+) done")
    assert counted(found, *[f"{total} done" for total in totals]) == max(totals, default=0)


def test_running_totals_start_over_with_each_repeat_of_the_command(tmp_path: Path) -> None:
    options = ["--idle", "0", "--cooldown", "0", "--repeats", "2", "--csv", "run.csv"]
    match = ["--count-match", r"(?P<total>\d+) done"]
    subprocess.run(
        [sys.executable, "-m", "wattui", "--headless", "--quiet", *options, *match, "--",
         "echo", "5 done"],
        cwd=tmp_path,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=30,
    )  # fmt: skip
    summary = json.loads((tmp_path / "run.json").read_text())["summary"]
    assert [group["inferences"] for group in summary["repeats"]] == [5, 5]
    assert summary["running"]["inferences"] == 10


@pytest.mark.parametrize("text", ["1,000", "1_000", "1000"])
@pytest.mark.parametrize("pattern", [r"(?P<n>[\d,_]+) images", r"([\d,_]+) images"])
def test_thousands_may_be_separated(pattern: str, text: str) -> None:
    assert counted(matcher(pattern), f"{text} images") == 1000


@pytest.mark.parametrize("pattern", [r"(?P<n>\S+) images", r"(\S+) images", r"(?P<total>\S+) im"])
@pytest.mark.parametrize("text", ["²", "9" * 5000, "-3", "3.5", "nan", "٣"])
def test_no_output_can_break_the_counting(pattern: str, text: str) -> None:
    assert counted(matcher(pattern), f"{text} images") >= 0


def test_a_phase_is_named_and_labelled_by_its_groups() -> None:
    found = matcher(phase=r"^== (?P<phase>\w+) (?P<label>\w+)")
    assert requests(found, "== warmup b32", "working", "== running b64") == [
        {"do": "mark", "phase": "warmup", "label": "b32"},
        {"do": "mark", "phase": "running", "label": "b64"},
    ]


def test_a_phase_without_a_name_is_running() -> None:
    assert requests(matcher(phase="^start"), "start") == [
        {"do": "mark", "phase": "running", "label": ""}
    ]


def test_a_line_may_begin_a_phase_and_count_in_it() -> None:
    found = [request["do"] for request in requests(matcher("go", "go"), "go")]
    assert found == ["mark", "count"]


def test_a_progress_bar_ends_its_lines_with_carriage_returns() -> None:
    found = list(matcher(r"(\d+) done").feed(1, b"\r1 done\r2 done\r\n3 done\n"))
    assert found == [{"do": "count", "n": 6}]


@pytest.mark.parametrize(
    "text", ["\x1b[32mdone\x1b[0m", "\x1b]0;title\x07done", "\x1b[2K\x1b[1Gdone"]
)
def test_colours_and_cursor_moves_are_not_part_of_a_line(text: str) -> None:
    assert counted(matcher("^done$"), text) == 1


def test_a_last_line_without_an_end_counts() -> None:
    found = matcher("done")
    assert list(found.feed(1, b"done")) == []
    assert [request["n"] for request in found.finish()] == [1]
    assert list(found.finish()) == []


def test_lines_of_two_streams_are_kept_apart() -> None:
    found = matcher("^done$")
    pieces = [*found.feed(1, b"do"), *found.feed(2, b"done\n"), *found.feed(1, b"ne\n")]
    assert len(pieces) == 2


@given(st.lists(st.integers(0, 9999), max_size=20), st.integers(1, 30))
def test_any_cut_of_the_output_counts_the_same(numbers: list[int], size: int) -> None:
    data = "".join(f"processed {number} images ✓\n" for number in numbers).encode()
    found = matcher(r"processed (\d+) images ✓$")
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    got = [int(str(request["n"])) for piece in pieces for request in found.feed(1, piece)]
    assert sum(got) == sum(numbers)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    found = matcher(r"(\S+)", r"(?P<phase>\w*)")
    for request in [*found.feed(1, data), *found.finish()]:
        assert request["do"] in ("mark", "count")


def test_counts_add_up_between_the_phases_and_keep_their_order() -> None:
    found = matcher(r"(\d+) done", "^== (?P<phase>\\w+)")
    lines = ["1 done", "2 done", "== armed", "== running", "4 done", "", "8 done"]
    assert [(r["do"], r.get("n", r.get("phase"))) for r in requests(found, *lines)] == [
        ("count", 3),
        ("mark", "armed"),
        ("mark", "running"),
        ("count", 12),
    ]


class Recorder:
    """Answers requests only while its gate is open."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.gate = threading.Event()

    def __call__(self, request: dict[str, object]) -> None:
        self.gate.wait(20)
        self.asked.append(request)


def test_a_recorder_that_does_not_answer_holds_up_no_output() -> None:
    recorder = Recorder()
    found = Matching(matcher(r"(\d+) done"), recorder)
    for number in range(1, 1001):
        found.put(1, f"{number} done\n".encode())
    found.put(2, b"7 done")
    assert recorder.asked == []
    recorder.gate.set()
    found.finish()
    assert sum(int(str(request["n"])) for request in recorder.asked) == 500500 + 7
    assert len(recorder.asked) < 100
    assert found.missed == ""


def test_a_phase_says_when_its_line_was_printed() -> None:
    recorder = Recorder()
    found = Matching(matcher(phase="^== (?P<phase>\\w+)"), recorder)
    before_ns = time.monotonic_ns()
    found.put(1, b"== armed\n")
    printed_ns = time.monotonic_ns()
    time.sleep(0.05)
    recorder.gate.set()
    found.finish()
    (request,) = recorder.asked
    assert request["phase"] == "armed"
    assert before_ns <= int(str(request["at_ns"])) <= printed_ns


def test_output_that_there_is_no_memory_for_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattui.capture.matching.LIMIT_BYTES", 1000)
    recorder = Recorder()
    found = Matching(matcher("done"), recorder)
    found.put(1, b"done\n")
    for _ in range(100):
        found.put(1, b"done\n" * 100)
    assert found.missed.endswith("bytes of output: it came too fast")
    recorder.gate.set()
    found.finish()
    counted_lines = sum(int(str(request["n"])) for request in recorder.asked)
    assert counted_lines + int(found.missed.partition(" ")[0]) // 5 == 10_001


def test_a_pattern_that_takes_for_ever_is_given_up_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wattui.capture.matching.STUCK_S", 0.5)
    recorder = Recorder()
    recorder.gate.set()
    found = Matching(matcher("(a+)+$"), recorder)
    slow = b"a" * 40 + b"b\n"
    found.put(1, slow)
    found.finish()
    assert found.missed == f"{len(slow)} bytes of output: a pattern took over 0.5 s"


def test_output_without_lines_takes_no_memory() -> None:
    found = matcher("done$")
    tracemalloc.start()
    for _ in range(100):
        list(found.feed(1, b"x" * 100_000))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2_000_000
    assert len(list(found.feed(1, b"done\n"))) == 1


def test_no_pattern_is_no_pattern() -> None:
    assert compile_pattern("--count-match", None) is None


@pytest.mark.parametrize("text", ["(", "[", "*x", "(?P<n>a)(?P<n>b)"])
def test_a_pattern_that_does_not_compile_names_option_and_mend(text: str) -> None:
    with pytest.raises(UsageError, match=r"--count-match .*backslash"):
        compile_pattern("--count-match", text)
