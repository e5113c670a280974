"""A command run as a recording from the dashboard: what the recorder is asked, and when."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.client import Config
from tests.support.fakes import FakeSession
from wattui.capture.launch import Launch
from wattui.capture.printed import Printed
from wattui.capture.stages import Command, CommandStage, Recipe, Rest, stages
from wattui.tui.state.session import Session

CSV = Path("run.csv")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def until(holds: Callable[[], bool]) -> bool:
    for _ in range(3000):
        if holds():
            return True
        time.sleep(0.01)
    return False


def finished(launch: Launch) -> int | None:
    until(launch.poll)
    return launch.status


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


def run(code: str, idle_s: float = 0.0, **recipe: Any) -> tuple[Launch, FakeSession, Clock]:
    clock, session = Clock(), FakeSession()
    return Launch(Recipe(python(code), CSV, idle_s, **recipe), session, clock), session, clock


def asked(session: FakeSession) -> list[str]:
    return [request["do"] for request in session.asked]


# ---------------------------------------------------------------- stages


def test_the_stages_of_two_repeats_with_all_rests() -> None:
    recipe = Recipe(["x"], CSV, 9, repeats=2, cooldown_s=5, idle_after_s=7)
    rest = [(s.phase, s.seconds) if isinstance(s, Rest) else s.repeat for s in stages(recipe)]
    assert rest == [("idle", 9), 1, ("cooldown", 5), 2, ("cooldown", 5), ("idle", 7)]


def test_a_command_that_runs_once_without_rests_has_no_repeat() -> None:
    assert stages(Recipe(["x"], CSV, 0, cooldown_s=5)) == [CommandStage(None)]


# ---------------------------------------------------------------- what the recorder is asked


def test_a_launched_command_has_its_baseline_first() -> None:
    launch, session, clock = run("print('one'); print('two', end='')", idle_s=10)
    assert not launch.poll()
    assert launch.title == "idle baseline, 10 s left"
    clock.now_s = 7.5
    assert launch.progress == pytest.approx(0.75)
    clock.now_s = 10.0
    assert finished(launch) == 0
    assert asked(session) == ["begin", "end", "command", "watch", "command_end"]
    assert list(launch.output) == ["one", "two"]


def test_repeats_are_fresh_processes_with_their_numbers() -> None:
    launch, session, clock = run(
        "import os; print(os.getpid())", repeats=3, cooldown_s=5, label="b1", inferences=20
    )
    assert until(lambda: launch.poll() or "cool-down" in launch.title)
    assert launch.title == "cool-down before repeat 2, 5 s left"
    clock.now_s = 5
    assert until(lambda: launch.poll() or "before repeat 3" in launch.title)
    assert session.asked[-1] == {"do": "begin", "phase": "cooldown"}
    clock.now_s = 10
    assert finished(launch) == 0
    commands = [request for request in session.asked if request["do"] == "command"]
    assert [command["repeat"] for command in commands] == [1, 2, 3]
    assert {command["label"] for command in commands} == {"b1"}
    ends = [request for request in session.asked if request["do"] == "command_end"]
    assert [end["inferences"] for end in ends] == [20, 20, 20]
    assert len(set(launch.output)) == 3
    assert launch.about["exit_statuses"] == [0, 0, 0]


def test_counts_and_phases_are_read_from_the_output() -> None:
    code = "print('\\x1b[32mmodel up\\x1b[0m'); print('batch of 8'); print('batch of 4', end='')"
    launch, session, _ = run(
        code,
        count_match=re.compile(r"batch of (\d+)"),
        phase_match=re.compile(r"^model (?P<label>\w+)$"),
    )
    assert finished(launch) == 0
    order = list(dict.fromkeys(asked(session)))
    assert order == ["command", "watch", "mark", "count", "command_end"]
    (mark,) = [request for request in session.asked if request["do"] == "mark"]
    assert (mark["phase"], mark["label"]) == ("running", "up")
    assert sum(request["n"] for request in session.asked if request["do"] == "count") == 12


def test_the_end_of_a_command_is_told_without_a_poll() -> None:
    launch, session, _ = run("pass")
    assert until(lambda: "command_end" in asked(session))
    assert launch.status is None


def test_a_process_left_behind_does_not_hold_up_the_end() -> None:
    code = "import subprocess; subprocess.Popen(['sleep', '3'])"
    launch, _, _ = run(code)
    begun_s = time.monotonic()
    assert finished(launch) == 0
    assert time.monotonic() - begun_s < 2.5


def test_a_command_that_cannot_start_says_so_and_is_not_repeated() -> None:
    session = FakeSession()
    launch = Launch(Recipe(("./none",), CSV, 0, repeats=3, cooldown_s=0), session, Clock())
    assert finished(launch) == 127
    assert list(launch.output) == ["./none: no such program: check the name, or give its path"]
    assert asked(session) == ["command", "command_end"]


def test_a_failing_repeat_is_told_and_the_others_run() -> None:
    launch, _, _ = run("raise SystemExit(3)", repeats=2, cooldown_s=0)
    assert finished(launch) == 3
    assert launch.about["exit_statuses"] == [3, 3]


def test_without_a_recorder_nothing_more_is_started() -> None:
    launch, session, _ = run("pass", idle_s=10)
    session.lost = "signal 9"
    assert launch.poll()
    assert launch.status == 1
    assert "command" not in asked(session)


# ---------------------------------------------------------------- stopping


def test_a_stop_in_the_baseline_ends_its_phase_and_runs_nothing() -> None:
    launch, session, _ = run("print('never')", idle_s=10)
    launch.stop()
    assert launch.poll()
    assert (launch.status, launch.stopped) == (130, True)
    assert asked(session) == ["begin", "end"]


def test_a_stop_in_a_command_ends_it_and_leaves_out_the_rest() -> None:
    code = "import time\ntry: print('up', flush=True); time.sleep(60)\nexcept BaseException: pass"
    launch, session, _ = run(code, repeats=3, cooldown_s=5, idle_after_s=5)
    assert until(lambda: launch.poll() or "up" in launch.output)
    launch.stop()
    assert finished(launch) == 0
    assert asked(session) == ["command", "watch", "command_end"]
    assert session.asked[-1]["stopped"]
    assert launch.about["ended_by_signal"] == 2


def test_stop_ends_a_command_and_what_it_started(tmp_path: Path) -> None:
    launch, child = with_a_child(tmp_path, "")
    launch.stop()
    assert finished(launch) in (1, 130)
    assert until(lambda: is_gone(child))


def test_a_kill_ends_also_what_has_a_group_of_its_own(tmp_path: Path) -> None:
    launch, child = with_a_child(tmp_path, ", start_new_session=True")
    launch.kill()
    assert launch.status == 137
    assert until(lambda: is_gone(child))
    assert launch._session.asked[-1]["do"] == "command_end"  # type: ignore[attr-defined]


def test_what_ignores_being_asked_is_killed_in_the_end() -> None:
    code = (
        "import signal, time\n"
        "for n in (2, 15): signal.signal(n, signal.SIG_IGN)\n"
        "print('up', flush=True); time.sleep(60)"
    )
    launch, _, clock = run(code)
    assert until(lambda: launch.poll() or "up" in launch.output)
    launch.stop()
    clock.now_s = 60
    assert not launch.poll()
    launch.stop()
    clock.now_s = 66
    assert finished(launch) == 137


def with_a_child(tmp_path: Path, how: str) -> tuple[Launch, Path]:
    code = (
        "import subprocess, sys, time; "
        f"c = subprocess.Popen(['sleep', '60']{how}); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(c.pid)); "
        "print('up', flush=True); time.sleep(60)"
    )
    launch, _, _ = run(code)
    assert until(lambda: launch.poll() or "up" in launch.output)
    return launch, Path("/proc") / (tmp_path / "pid").read_text() / "stat"


def is_gone(stat: Path) -> bool:
    return not stat.exists() or stat.read_text().split()[2] == "Z"


def test_two_commands_take_turns_at_being_first() -> None:
    recipe = Recipe(["a"], CSV, 9, repeats=3, cooldown_s=5, label="A", other=Command(["b"], "B"))
    found = stages(recipe)
    runs = [(stage.repeat, stage.which) for stage in found if isinstance(stage, CommandStage)]
    assert runs == [(1, 0), (1, 1), (2, 1), (2, 0), (3, 0), (3, 1)]
    rests = [stage.title for stage in found if isinstance(stage, Rest)]
    assert rests[:3] == [
        "idle baseline",
        "cool-down before B, repeat 1",
        "cool-down before B, repeat 2",
    ]


# ---------------------------------------------------------------- the file


@pytest.mark.slow
def test_the_file_has_the_phases_of_a_headless_recording(tmp_path: Path) -> None:
    csv = tmp_path / "run.csv"
    session = Session(Config(csv=csv, rate_hz=50, simulate=True, estimate=False)).wait_ready()
    recipe = Recipe(
        python("import time; time.sleep(0.3)"),
        csv,
        idle_s=0.2,
        repeats=2,
        cooldown_s=0.1,
        idle_after_s=0.2,
        label="net",
        inferences=7,
    )
    launch = Launch(recipe, session)
    assert finished(launch) == 0
    done = session.finish(**launch.about)
    assert done is not None
    rows = [line.split(",") for line in csv.read_text().splitlines()[1:]]
    begun = [(row[2], row[3], row[4]) for row in rows if row[5] == "begin"]
    assert begun == [
        ("idle", "", ""),
        ("running", "net", "1"),
        ("cooldown", "", ""),
        ("running", "net", "2"),
        ("cooldown", "", ""),
        ("idle", "", ""),
    ]
    told = json.loads(csv.with_suffix(".json").read_text())["command"]
    assert told["exit_statuses"] == [0, 0]
    assert [float(row[6]) for row in rows if row[6]][-1] == 14


# ---------------------------------------------------------------- output


def shown(*chunks: bytes) -> list[str]:
    printed = Printed()
    for chunk in chunks:
        printed.feed(chunk)
    return list(printed.lines)


def test_a_progress_bar_overwrites_itself() -> None:
    assert shown(b"start\n 10%\r", b" 20%\r") == ["start", " 20%"]
    assert shown(b"\r 10%", b"\r 99%", b"\ndone\r\n") == [" 99%", "done"]


def test_a_line_that_is_not_ended_yet_is_shown_and_then_goes_on() -> None:
    printed = Printed()
    printed.feed(b"one\ntw")
    assert list(printed.lines) == ["one", "tw"]
    printed.feed(b"o\nthree\n")
    assert list(printed.lines) == ["one", "two", "three"]


def test_colours_titles_and_bells_do_not_reach_the_screen() -> None:
    data = b"\x1b]0;title\x07\x1b[1;31mred\x1b[0m \x07\x08\x9b31m\x1b[2J\x00\ta\xe2\x80\xae!\n"
    assert shown(data) == ["red \ufffd31m        a!"]


@given(st.lists(st.binary(max_size=40)))
def test_whatever_is_printed_is_printable_and_does_not_depend_on_its_chunks(
    chunks: list[bytes],
) -> None:
    lines = shown(*chunks)
    assert all(not set(line) & {"\x1b", "\r", "\n", "\x07", "\x9b"} for line in lines)
    assert lines == shown(b"".join(chunks))
