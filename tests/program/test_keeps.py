"""Measured data is kept: killed recorder, killed front end, full disk."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from .conftest import MakeDisk
from .programs import ignores, ready
from .running import (
    WATTUI,
    Place,
    Result,
    Row,
    command_line,
    edges,
    python,
    read_json,
    read_rows,
    shell,
    state,
    until,
    until_exists,
)

TAPPED = ("--count-match", "(\\d+) done")


def assert_one_line(result: Result, *words: str) -> None:
    assert len(result.lines) == 1, result.lines
    for word in words:
        assert word in result.lines[0]


# ---------------------------------------------------------------- a killed recorder


@pytest.mark.parametrize(
    ("number", "own", "status", "tap"),
    [
        (signal.SIGKILL, 7, 7, ()),
        (signal.SIGKILL, 0, 1, TAPPED),
        (signal.SIGTERM, 7, 7, TAPPED),
        (signal.SIGTERM, 0, 1, ()),
    ],
)
def test_a_command_outlives_its_recorder_and_at_most_a_second_is_lost(
    place: Place, number: signal.Signals, own: int, status: int, tap: tuple[str, ...]
) -> None:
    wait = "until [ -e killed ]; do sleep 0.02; done"
    script = f"touch begun; {wait}; touch over; echo 5 done; exit {own}"
    argv = place.argv("--simulate", "--quiet", *tap, command=shell(script))
    started = place.start(argv, stdout=-1, stderr=-1)
    until_exists(place.path / "begun")
    recorder = place.recorder_of(started.pid)
    time.sleep(1.1)
    killed_ns = time.monotonic_ns()
    os.kill(recorder, number)
    until(lambda: state(recorder) in ("", "Z"), "the recorder's end")
    (place.path / "killed").touch()
    out, err = started.communicate(timeout=30)
    assert (place.path / "over").exists()
    assert started.returncode == status
    assert out == b"5 done\n"
    assert_one_line(Result(status, out, err), "recorder", f"wattui summary {place.csv}")
    kept_s = float(place.rows()[-1]["time_s"])
    start_ns = place.run_json()["clock"]["start_monotonic_ns"]
    assert (killed_ns - start_ns) * 1e-9 - kept_s < 1.0
    shown = place.run([*WATTUI, "summary", str(place.csv)])
    assert shown.status == 0
    assert b"while running" in shown.out


def test_a_parquet_recording_is_a_csv_until_its_end_and_what_a_kill_leaves_can_be_converted(
    place: Place,
) -> None:
    parquet = place.path / "run.parquet"
    own = ("--simulate", "--quiet", "--csv", str(parquet))
    started = place.start(place.argv(*own, command=["sleep", "2"]), stderr=-1)
    until(lambda: place.csv.exists() and ",running," in place.csv.read_text(), "a row")
    assert not parquet.exists()
    os.kill(place.recorder_of(started.pid), signal.SIGKILL)
    _, err = started.communicate(timeout=30)
    convert = f"wattui export {place.csv} {parquet}"
    assert_one_line(Result(1, b"", err), "recorder", f"wattui summary {place.csv}", convert)
    text = place.csv.read_bytes()
    assert place.run([*WATTUI, *convert.split()[1:]]).status == 0
    place.csv.unlink()
    assert b"while running" in place.run([*WATTUI, "summary", str(parquet)]).out
    assert place.run([*WATTUI, "export", str(parquet), str(place.csv)]).status == 0
    assert place.csv.read_bytes() == text


def test_a_recording_in_parquet_is_one_file_at_its_end(place: Place) -> None:
    parquet = place.path / "run.parquet"
    result = place.record("--quiet", "--csv", str(parquet))
    assert (result.status, result.err) == (0, b"")
    assert not place.csv.exists()
    assert place.run_json()["file"]["csv"] == str(parquet)
    shown = place.run([*WATTUI, "summary", str(parquet), "--json"])
    assert (shown.status, shown.err) == (0, b"")
    assert json.loads(shown.out) == place.run_json()["summary"]


def test_a_slow_rate_keeps_the_edges_of_phases_as_well(place: Place) -> None:
    argv = place.argv("--simulate", "--quiet", "--rate", "0.1", command=["sleep", "2"])
    started = place.start(argv, stderr=-1)
    recorder = place.recorder_of(started.pid)
    until_exists(place.csv)
    time.sleep(1.5)
    os.kill(recorder, signal.SIGKILL)
    started.communicate(timeout=30)
    assert edges(place.rows()) == [("begin", "running", "")]


def test_marks_of_a_command_whose_recorder_is_gone_do_nothing(place: Place) -> None:
    code = (
        "import os, time, wattui\n"
        "with wattui.phase('running'): wattui.count(3)\n"
        "open('begun', 'w').close()\n"
        "while not os.path.exists('killed'): time.sleep(0.01)\n"
        "with wattui.phase('running', label='late'): wattui.count(4)\n"
        "wattui.note('nobody hears'); wattui.mark('cooldown')\n"
        "raise SystemExit(9)"
    )
    started = place.start(place.argv("--quiet", command=python(code)), stderr=-1)
    until_exists(place.path / "begun")
    os.kill(place.recorder_of(started.pid), signal.SIGKILL)
    (place.path / "killed").touch()
    _, err = started.communicate(timeout=30)
    assert started.returncode == 9
    assert_one_line(Result(9, b"", err), "wattui summary")


def test_a_directory_of_marks_that_was_removed_is_said(place: Place) -> None:
    script = 'rm -r "$WATTUI_RUN"; sleep 0.3'
    result = place.run(place.argv("--simulate", "--quiet", command=["sh", "-c", script]))
    assert result.status == 1
    assert b"marks from the program were lost" in result.err
    events = [row["event"] for row in place.rows()]
    assert any(event.startswith("note:lost marks: another program removed") for event in events)


def test_a_shell_line_to_a_recorder_that_is_gone_does_not_hang(place: Place) -> None:
    script = (
        "touch begun; while ! test -e killed; do sleep 0.02; done; sleep 0.3;"
        'echo running b32 2>/dev/null >"$WATTUI_RUN/mark"; exit 9'
    )
    started = place.start(place.argv("--quiet", command=shell(script)), stderr=-1)
    until_exists(place.path / "begun")
    os.kill(place.recorder_of(started.pid), signal.SIGKILL)
    (place.path / "killed").touch()
    started.communicate(timeout=30)
    assert started.returncode == 9


def test_a_recorder_killed_in_the_baseline_is_one_line(place: Place) -> None:
    argv = place.argv("--quiet", "--idle", "20", command=shell("touch started"))
    started = place.start(argv, stderr=-1)
    until(lambda: place.csv.exists() and ",idle," in place.csv.read_text(), "the baseline")
    os.kill(place.recorder_of(started.pid), signal.SIGKILL)
    _, err = started.communicate(timeout=30)
    assert started.returncode == 1
    assert_one_line(Result(1, b"", err), "recorder")
    assert place.rows()


def test_a_recorder_killed_before_the_file_is_there_is_one_line(place: Place) -> None:
    started = place.start(place.argv("--quiet", command=shell("touch started")), stderr=-1)
    os.kill(place.recorder_of(started.pid), signal.SIGKILL)
    _, err = started.communicate(timeout=30)
    assert started.returncode == 1
    assert_one_line(Result(1, b"", err), "recorder")
    assert not (place.path / "started").exists()


# ---------------------------------------------------------------- a killed front end


@pytest.mark.parametrize(
    ("command", "tap"),
    [
        (shell("touch heard.ready; exec sleep 60"), TAPPED),
        (ignores(signal.SIGTERM, signal.SIGHUP), ()),
        (shell("sleep 61 & touch heard.ready; sleep 62; wait"), ()),
    ],
    ids=["quiet", "stubborn", "parent"],
)
def test_a_killed_front_end_ends_the_command_and_finishes_the_file(
    place: Place, command: list[str], tap: tuple[str, ...]
) -> None:
    started = place.start(place.argv("--quiet", *tap, command=command))
    until_exists(ready(place.path))
    started.kill()
    started.wait(5)
    until(lambda: not place.processes(), "no process left")
    assert edges(place.rows()) == [("begin", "running", ""), ("end", "running", "")]
    assert place.run_json()["status"] == "broken off"
    assert place.run_json()["summary"]["running"]["seconds"] > 0


def test_a_front_end_killed_in_the_baseline_leaves_a_finished_file(place: Place) -> None:
    argv = place.argv("--quiet", "--idle", "20", command=shell("touch started"))
    started = place.start(argv)
    until(lambda: place.csv.exists() and ",idle," in place.csv.read_text(), "the baseline")
    started.kill()
    started.wait(5)
    until(lambda: not place.processes(), "no process left")
    assert edges(place.rows()) == [("begin", "idle", ""), ("end", "idle", "")]
    assert not (place.path / "started").exists()


def test_a_front_end_that_is_stopped_loses_no_samples(place: Place) -> None:
    command = shell("until [ -e end ]; do sleep 0.02; done")
    argv = place.argv("--quiet", "--simulate", "--rate", "100", command=command)
    started = place.start(argv)
    until(lambda: place.csv.exists() and ",running," in place.csv.read_text(), "the command")
    started.send_signal(signal.SIGSTOP)
    (place.path / "end").touch()
    time.sleep(1.0)
    started.send_signal(signal.SIGCONT)
    assert started.wait(5) == 0
    times = [float(row["time_s"]) for row in place.rows()]
    assert times[-1] > 1.0
    assert max(after - before for before, after in pairwise(times)) < 0.3


# ---------------------------------------------------------------- both killed


@pytest.mark.parametrize("first", ["recorder", "front end"])
@pytest.mark.parametrize(
    "command",
    [
        shell("touch heard.ready; exec sleep 60"),
        ignores(signal.SIGTERM, signal.SIGHUP),
        shell("sleep 61 & touch heard.ready; setsid sleep 62; wait"),
    ],
    ids=["quiet", "stubborn", "parent"],
)
def test_recorder_and_front_end_killed_leave_no_command_and_no_directory(
    place: Place, command: list[str], first: str
) -> None:
    started = place.start(place.argv("--quiet", command=command))
    recorder = place.recorder_of(started.pid)
    until_exists(ready(place.path))
    pids = [recorder, started.pid]
    for pid in pids if first == "recorder" else reversed(pids):
        os.kill(pid, signal.SIGKILL)
    started.wait(5)
    until(lambda: not place.processes(), "no process left")
    assert not list(place.temporary.glob("wattui-*"))
    assert place.csv.read_text().startswith("time_s,")


def test_a_shell_that_nobody_ends_does_not_hang_at_its_mark(place: Place) -> None:
    """It does not carry the directory in its environment, so it is nobody's to end."""
    line = 'touch begun; while ! test -e killed; do sleep 0.02; done; echo x >"$0/mark"; touch over'
    script = f"env -u WATTUI_RUN setsid sh -c '{line}' \"$WATTUI_RUN\" 2>/dev/null & wait"
    started = place.start(place.argv("--quiet", command=shell(script)))
    recorder = place.recorder_of(started.pid)
    until_exists(place.path / "begun")
    for pid in (recorder, started.pid):
        os.kill(pid, signal.SIGSTOP)
    (place.path / "killed").touch()
    time.sleep(0.2)
    for pid in (started.pid, recorder):
        os.kill(pid, signal.SIGKILL)
    started.wait(5)
    until_exists(place.path / "over")


def test_a_command_that_outlived_its_recorder_ends_with_the_front_end(place: Place) -> None:
    started = place.start(place.argv("--quiet", command=shell("touch begun; sleep 60")), stderr=-1)
    until_exists(place.path / "begun")
    os.kill(place.recorder_of(started.pid), signal.SIGTERM)
    time.sleep(0.5)
    assert started.poll() is None
    started.kill()
    started.wait(5)
    until(lambda: not place.processes(), "no process left")


def test_what_a_command_left_behind_on_purpose_stays(place: Place) -> None:
    script = "touch begun; setsid sleep 60 >/dev/null 2>&1 & sleep 0.6"
    started = place.start(place.argv("--quiet", command=shell(script)), stderr=-1)
    until_exists(place.path / "begun")
    os.kill(place.recorder_of(started.pid), signal.SIGKILL)
    started.communicate(timeout=30)
    time.sleep(1.0)
    (left,) = place.processes()
    assert command_line(left) == "sleep 60 "
    os.kill(left, signal.SIGTERM)


def test_a_directory_that_nobody_removed_is_swept_up_by_the_next_recording(place: Place) -> None:
    command = shell("touch begun; until [ -e end ]; do sleep 0.02; done")
    started = place.start(place.argv("--quiet", command=command))
    until_exists(place.path / "begun")
    (living,) = place.temporary.glob("wattui-*")
    dead = place.temporary / "wattui-1-0123abcd"
    other = place.temporary / "wattui-of-mine"
    for directory in (dead, other):
        directory.mkdir()
        (directory / "socket").touch()
    second = ["--headless", "--quiet", "--idle", "0", "--csv", "second.csv", "--", "true"]
    assert place.run([*WATTUI, *second]).status == 0
    until(lambda: not dead.exists(), "the dead directory to go")
    assert living.exists()
    assert other.exists()
    (place.path / "end").touch()
    assert started.wait(10) == 0
    (other / "socket").unlink()
    other.rmdir()


# ---------------------------------------------------------------- a full disk


def contiguous(rows: list[Row], period_s: float) -> bool:
    """True where nothing that was written at once, half a second of it, is missing."""
    times = [float(row["time_s"]) for row in rows if not row["event"]]
    steps = [after - before for before, after in pairwise(times)]
    return max(steps) < 100 * period_s


def nearly_full(make_disk: MakeDisk) -> Path:
    """A disk with room for a moment of recording; removing its filler makes more."""
    disk = make_disk("size=512k")
    (disk / "filler").write_bytes(b"x" * (512 - 24) * 1024)
    return disk


@pytest.mark.parametrize(("own", "status"), [(0, 1), (6, 6)])
def test_a_disk_that_fills_up_keeps_whole_rows_and_says_so_in_one_line(
    place: Place, make_disk: MakeDisk, own: int, status: int
) -> None:
    path = nearly_full(make_disk) / "run.csv"
    argv = place.argv(
        "--quiet",
        "--simulate",
        "--rate",
        "1000",
        "--csv",
        str(path),
        command=shell(f"sleep 1; exit {own}"),
    )
    result = place.run(argv)
    assert result.status == status
    assert_one_line(result, str(path), "No space left", "free some disk space")
    rows = read_rows(path)
    assert len(rows) > 50
    assert contiguous(rows, 0.001)
    shown = place.run([*WATTUI, "summary", str(path)])
    assert shown.status == 0


def test_what_is_shown_of_a_full_disk_is_what_its_file_holds(
    place: Place, make_disk: MakeDisk
) -> None:
    """The screen had the figures of rows that no file holds, and no flag."""
    path = nearly_full(make_disk) / "run.csv"
    options = ("--simulate", "--rate", "1000", "--csv", str(path))
    result = place.run(place.argv(*options, command=shell("sleep 1.2")))
    shown = place.run([*WATTUI, "summary", str(path)])
    figures = re.compile(r"│ ([\d.]+ s running|sim_cpu .*?) *│")
    on_screen = figures.findall(result.err.decode())
    assert len(on_screen) == 2
    assert on_screen == figures.findall(shown.out.decode())
    flat = " ".join(result.err.decode().replace("│", " ").split())
    words = re.search(r"run_file (\d+) rows are not in the file \(No space left on device\)", flat)
    assert words
    assert f"{words[1]} rows are missing (No space left" in flat
    again = " ".join(shown.out.decode().replace("│", " ").split())
    for text in (flat, again):
        assert f"{words[1]} rows are not in the file" in text
        assert "among them edges of running:" in text


def test_a_disk_that_gets_room_again_in_mid_run_loses_nothing(
    place: Place, make_disk: MakeDisk
) -> None:
    disk = nearly_full(make_disk)
    path = disk / "run.csv"
    script = f"sleep 1.1; echo >{disk}/probe || touch was-full; rm {disk}/filler; sleep 0.4"
    argv = place.argv("--simulate", "--rate", "1000", "--csv", str(path), command=shell(script))
    result = place.run(argv)
    assert (place.path / "was-full").exists()
    assert result.status == 0, result.err
    assert "incomplete" not in result.err.decode()
    rows = read_rows(path)
    assert contiguous(rows, 0.001)
    assert edges(rows)[-1] == ("end", "running", "")
    sampled = read_json(path.with_suffix(".json"))["sampling"]["ticks"]
    assert sum(not row["event"] for row in rows) >= sampled


def test_a_limit_on_the_size_of_files_is_like_a_full_disk(place: Place) -> None:
    limit = 12 * 1024
    argv = place.argv("--quiet", "--simulate", "--rate", "500", command=["sleep", "0.8"])
    result = place.run(
        argv, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert result.status == 1
    assert_one_line(result, str(place.csv))
    assert place.csv.stat().st_size <= limit
    assert len(place.rows()) > 20
