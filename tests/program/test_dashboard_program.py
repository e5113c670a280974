"""The dashboard as a user starts it, on its own terminal."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from recorders.client import Config
from wattui.errors import INCOMPLETE
from wattui.tui.state.processes import Process, Processes
from wattui.tui.state.session import Session

from .running import WATTUI, Place, edges, read_json, read_rows, until
from .terminals import DRAWN, Terminal

DASHBOARD = [*WATTUI, "--simulate", "--no-estimate", "--idle", "0"]
ROWS, COLUMNS = 50, 200
IN_A_PHASE = "▶".encode()
# What a program leaves behind that used the second screen and the mouse.
ALTERNATE_SCREEN_LEFT, MOUSE_OFF = b"\x1b[?1049l", b"\x1b[?1000l"


def recorded(place: Place) -> Path:
    """The one run file, once its recording has ended."""

    def found() -> Path | None:
        for path in place.path.glob("*.csv"):
            json = path.with_suffix(".json")
            if json.exists() and read_json(json)["status"] != "recording":
                return path
        return None

    return until(found, "a finished recording")


def record(terminal: Terminal) -> None:
    """Start recording into the file that is suggested."""
    terminal.until_seen(DRAWN)
    terminal.press(b"r")
    terminal.until_seen(b"Enter starts")
    terminal.press(b"\r")
    terminal.until_seen(b"REC")


def test_two_phases_marked_by_keys_are_in_the_file(place: Place) -> None:
    with Terminal(place, DASHBOARD, ROWS, COLUMNS) as terminal:
        record(terminal)
        terminal.press(b" ")
        terminal.until_seen(IN_A_PHASE)
        terminal.press(b" ")
        terminal.until_seen(b"idle")
        terminal.press(b"q")
        terminal.until_seen(b"Quit wattui")
        terminal.press(b"y")
        assert terminal.end() == 0
    marked = [(event, phase) for event, phase, _ in edges(read_rows(recorded(place)))]
    assert marked == [("begin", "running"), ("end", "running"), ("begin", "idle"), ("end", "idle")]
    assert b"wattui: recorded to" in terminal.seen


def test_a_recording_that_cannot_be_converted_is_said_after_the_end(place: Place) -> None:
    parquet = place.path / "run.parquet"
    with Terminal(place, DASHBOARD, ROWS, COLUMNS) as terminal:
        terminal.until_seen(DRAWN)
        terminal.press(b"r")
        terminal.until_seen(b"Enter starts")
        terminal.press(b"\x15run.parquet\r")
        terminal.until_seen(b"REC")
        parquet.write_bytes(b"mine")
        terminal.press(b"q")
        terminal.until_seen(b"Quit wattui")
        terminal.press(b"y")
        assert terminal.end() == 1
    assert parquet.read_bytes() == b"mine"
    assert b"not converted (run.parquet exists): fix: wattui export " in terminal.seen
    assert recorded(place) == place.csv


def test_a_recording_whose_recorder_is_lost_is_where_it_is_said_to_be(place: Place) -> None:
    with Terminal(place, DASHBOARD, ROWS, COLUMNS) as terminal:
        terminal.until_seen(DRAWN)
        terminal.press(b"r")
        terminal.until_seen(b"Enter starts")
        terminal.press(b"\x15run.parquet\r")
        terminal.until_seen(b"REC")
        os.kill(place.recorder_of(terminal.process.pid), signal.SIGKILL)
        terminal.until_seen(b"recorder stopped")
        terminal.press(b"q")
        assert terminal.end() == INCOMPLETE
    assert place.csv.exists()
    assert b"wattui: recorded to run.csv; for the summary" in terminal.seen
    assert b"run.csv is incomplete: the recorder stopped (signal 9)" in terminal.seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_gives_the_terminal_back_and_finishes_the_file(
    place: Place, number: signal.Signals
) -> None:
    with Terminal(place, DASHBOARD, ROWS, COLUMNS) as terminal:
        record(terminal)
        terminal.press(b" ")
        terminal.until_seen(IN_A_PHASE)
        terminal.process.send_signal(number)
        assert terminal.end() == 128 + number
    assert ALTERNATE_SCREEN_LEFT in terminal.seen
    assert MOUSE_OFF in terminal.seen
    assert edges(read_rows(recorded(place)))[-1][:2] == ("end", "running")


def test_a_dashboard_that_is_killed_leaves_a_whole_file_and_no_process(place: Place) -> None:
    with Terminal(place, DASHBOARD, ROWS, COLUMNS) as terminal:
        record(terminal)
        recorder = place.recorder_of(terminal.process.pid)
        terminal.process.kill()
        terminal.process.wait(10)
        until(lambda: recorder not in place.processes(), "the recorder's end")
    assert read_json(recorded(place).with_suffix(".json"))["status"] == "broken off"


def test_a_closed_terminal_ends_it_and_finishes_the_file(place: Place) -> None:
    with Terminal(place, DASHBOARD, ROWS, COLUMNS) as terminal:
        record(terminal)
        terminal.hang_up()
        terminal.process.wait(15)
    assert read_json(recorded(place).with_suffix(".json"))["status"] == "finished"


def test_being_continued_while_it_ends_does_not_hold_it(place: Place) -> None:
    """As by a terminal that is closed in that moment."""
    with Terminal(place, DASHBOARD, ROWS, COLUMNS) as terminal:
        terminal.until_seen(DRAWN)
        terminal.press(b"q")

        def ended() -> bool:
            terminal.process.send_signal(signal.SIGCONT)
            return terminal.process.poll() is not None

        until(ended, "its end")
        assert terminal.process.returncode == 0


def test_a_recorder_started_for_a_wrong_command_line_ends_with_it(place: Place) -> None:
    with Terminal(place, [*WATTUI, "--no-such-option"], ROWS, COLUMNS) as terminal:
        terminal.until_seen(b"unknown option")
        assert terminal.end() == 2
    until(lambda: not place.processes(), "the end of the recorder")


def test_without_a_terminal_it_names_the_other_way(place: Place) -> None:
    ended = place.run(DASHBOARD)
    assert ended.status == 2
    assert len(ended.lines) == 1
    assert "wattui --headless" in ended.lines[0]


def test_the_recorder_sends_the_table_of_processes_only_while_it_is_asked_for() -> None:
    session = Session(Config(csv=None, has_command=False)).wait_ready()

    def table() -> Processes | None:
        session.poll()
        return session.processes

    def ours() -> dict[int, Process]:
        found = table()
        return {each.pid: each for each in found.processes if each.of_command} if found else {}

    try:
        session.request(do="watch", pid=os.getpid())
        assert table() is None
        session.request(do="processes", show=True)
        # The recorder is a child of this process.
        found = until(lambda: both if len(both := ours()) > 1 else None, "both processes")
        session.request(do="processes", show=False)
    finally:
        session.finish()
    assert found[os.getpid()].cpu_pct is not None
    assert (found[os.getpid()].memory_mib or 0.0) > 10
