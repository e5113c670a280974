"""The dashboard survives random input, resized windows, signals, and the loss of its recorder."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from tests.support.made_runs import B1, IDLE, finished
from wattui.tui.terminal.driver import GIVEN_BACK

from .conftest import MakeDisk
from .hands import (
    DASHBOARD,
    IDLE_SHARE,
    drag,
    leave,
    open_dashboard,
    play,
    settle,
    share_of_a_core,
    slowness,
)
from .running import PYTHON, WATTUI, Place, edges, last_count, read_json, read_rows, until
from .terminals import DRAWN, Terminal

ESCAPE = b"\x1b"
ANSWER_S = 1.0
# What opens each screen, and a text that only it shows.
SCREENS = {
    "graphs": (b"", b"simulated"),
    "launch": (b"l", b"Launch"),
    "runs": (b"R", b"J/inference"),
    "doctor": (b"d", b"Check again"),
    "settings": (b",", b"saved in"),
    "palette": (b"\x10", b"Search"),
    "record": (b"r", b"Enter starts"),
    "phase": (b"p", b"name, then an optional label"),
    "note": (b"m", b"saved with the time"),
    "meter": (b"w", b"Wall meter"),
    "help": (b"?", b"Search"),
}
# What opens a screen over others, key by key, each with a text that only the screen then shows.
DEEP = {
    "results": ((b"R", b"Enter opens a run"), (b"\r", b"wattui summary")),
    "compare": ((b"R", b"Enter opens a run"), (b"  c", b"B / A")),
    "export": ((b"R", b"Enter opens a run"), (b"e", b"the extension sets")),
    "leave": ((b"r\r", b"REC"), (b"q", b"Quit wattui")),
}
HUNG_UP = 128 + signal.SIGHUP


def record(terminal: Terminal) -> None:
    """Start recording into the file that is suggested; both keys at once."""
    terminal.press(b"r\r")
    terminal.until_seen(b"REC")


def opened(terminal: Terminal, screen: str) -> None:
    keys, shown = SCREENS[screen]
    terminal.press(keys)
    terminal.until_seen(shown)


def test_random_hands_neither_hang_nor_end_it_and_the_recording_is_whole(
    place: Place, pytestconfig: pytest.Config
) -> None:
    seconds, seed = pytestconfig.getoption("fuzz_seconds"), pytestconfig.getoption("fuzz_seed")
    end_s, hands = time.monotonic() + seconds, seed
    while (left_s := end_s - time.monotonic()) > 0:
        with open_dashboard(place) as terminal:
            record(terminal)
            # Hands may find a way to leave: then they go on in a new one.
            if play(terminal, hands, left_s):
                assert settle(terminal.process.pid) < IDLE_SHARE
                assert leave(terminal) == 0
            assert terminal.end() == 0, terminal.seen[-2000:]
        hands += 1000
    assert not list(place.path.rglob("dashboard.log"))
    runs = list(place.path.glob("*.csv"))
    assert runs
    for path in runs:
        assert read_rows(path)
        assert read_json(path.with_suffix(".json"))["status"] == "finished"


def test_a_dragged_window_leaves_it_idle_and_q_is_answered(place: Place) -> None:
    with open_dashboard(place) as terminal:
        drag(terminal, 2.0)
        time.sleep(1.0)
        assert share_of_a_core(terminal.process.pid, 3.0) < IDLE_SHARE
        slow = slowness()
        pressed_s = time.monotonic()
        terminal.press(b"q")
        assert terminal.process.wait(60) == 0
        took_s = time.monotonic() - pressed_s
        # One second where nobody else is at work, with the end of the recorder.
        assert took_s < ANSWER_S * max(slow, slowness())


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_ends_with_its_terminal(place: Place, screen: str) -> None:
    with open_dashboard(place) as terminal:
        opened(terminal, screen)
        terminal.press(ESCAPE)
        time.sleep(0.2)
        terminal.press(SCREENS[screen][0])
        time.sleep(0.2)
        terminal.hang_up()
        assert terminal.process.wait(15) == HUNG_UP


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_tells_of_a_killed_recorder_and_ends_by_sigterm(
    place: Place, screen: str
) -> None:
    with open_dashboard(place) as terminal:
        opened(terminal, screen)
        os.kill(place.recorder_of(terminal.process.pid), signal.SIGKILL)
        terminal.until_seen(b"the recorder stopped")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM


def opened_over_others(terminal: Terminal, screen: str) -> None:
    for keys, shown in DEEP[screen]:
        shows_again(terminal, keys, shown)


def shows_again(terminal: Terminal, keys: bytes, shown: bytes) -> None:
    """Press keys, and wait until the text is written once more."""
    seen = len(terminal.seen)
    terminal.press(keys)
    until(lambda: shown in terminal.seen[seen:], repr(shown), 60.0)


def two_runs(place: Place) -> None:
    for name in ("first", "second"):
        finished(place.path / f"{name}.csv", [IDLE, B1])


@pytest.mark.parametrize("screen", DEEP)
def test_screens_over_others_end_with_their_terminal(place: Place, screen: str) -> None:
    two_runs(place)
    with open_dashboard(place) as terminal:
        opened_over_others(terminal, screen)
        terminal.hang_up()
        assert terminal.process.wait(15) == HUNG_UP


@pytest.mark.parametrize("screen", DEEP)
def test_screens_over_others_tell_of_a_killed_recorder_and_end_by_sigterm(
    place: Place, screen: str
) -> None:
    two_runs(place)
    with open_dashboard(place) as terminal:
        opened_over_others(terminal, screen)
        os.kill(place.recorder_of(terminal.process.pid), signal.SIGKILL)
        terminal.until_seen(b"the recorder stopped")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM


def test_results_end_with_their_terminal(place: Place) -> None:
    with open_dashboard(place) as terminal:
        record(terminal)
        terminal.press(b"r")
        terminal.until_seen(b"wattui summary")
        terminal.hang_up()
        assert terminal.process.wait(15) == HUNG_UP


@pytest.mark.parametrize("maximised", [False, True])
def test_no_rec_is_shown_when_the_recorder_was_killed(place: Place, maximised: bool) -> None:
    with open_dashboard(place) as terminal:
        record(terminal)
        if maximised:
            terminal.press(b"\r")
            time.sleep(0.5)
        os.kill(place.recorder_of(terminal.process.pid), signal.SIGKILL)
        terminal.until_seen(b"Not recording since")
        seen = len(terminal.seen)
        terminal.resize(40, 160)
        until(lambda: b"recorder lost" in terminal.seen[seen:], "the status line, redrawn")
        until(lambda: b"Not recording since" in terminal.seen[seen:], "the banner, redrawn")
        assert "● REC".encode() not in terminal.seen[seen:]
        terminal.press(b"q")
        assert terminal.end() == 1


def test_a_recorder_that_stands_still_is_told_and_rec_comes_back(place: Place) -> None:
    with open_dashboard(place) as terminal:
        record(terminal)
        recorder = place.recorder_of(terminal.process.pid)
        os.kill(recorder, signal.SIGSTOP)
        terminal.until_seen(b"the recorder is not responding")
        seen = len(terminal.seen)
        os.kill(recorder, signal.SIGCONT)
        until(lambda: "● REC".encode() in terminal.seen[seen:], "REC")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM


def test_a_full_disk_is_told_at_once_and_with_the_results(
    place: Place, make_disk: MakeDisk
) -> None:
    disk = make_disk("size=64k")
    with open_dashboard(place) as terminal:
        terminal.press(b"r\x15" + f"{disk}/run.csv".encode() + b"\r")
        terminal.until_seen(b"REC")
        with suppress(OSError):
            (disk / "filler").write_bytes(bytes(65536))
        terminal.until_seen(b": disk full")
        assert b"Not recording since" in terminal.seen
        seen = len(terminal.seen)
        terminal.press(b"r")
        until(lambda: b"is incomplete" in terminal.seen[seen:], "what the file lacks", 20.0)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM


def test_a_terminal_of_no_size_is_one_of_80_by_24(place: Place) -> None:
    with Terminal(place, DASHBOARD, 0, 0) as terminal:
        terminal.until_seen(DRAWN)
        assert share_of_a_core(terminal.process.pid, 2.0) < IDLE_SHARE
        terminal.press(b"q")
        assert terminal.end() == 0


def test_bytes_of_no_meaning_are_ignored(place: Place) -> None:
    with open_dashboard(place) as terminal:
        record(terminal)
        for odd in (b"\x1b[M\x43\x98\x3f", b"\xff\xfe", b"\x1b[999999999999;1u"):
            terminal.press(odd)
            time.sleep(0.3)
        terminal.press(b"q")
        terminal.until_seen(b"Quit wattui")
        terminal.press(b"y")
        assert terminal.end() == 0
    (path,) = place.path.glob("*.csv")
    assert read_json(path.with_suffix(".json"))["status"] == "finished"


def test_two_enters_at_once_answer_a_dialog_once(place: Place) -> None:
    with open_dashboard(place) as terminal:
        terminal.press(b"p")
        terminal.until_seen(b"name, then an optional label")
        terminal.press(b"decode\r\r")
        terminal.until_seen("▶".encode())
        terminal.press(b"q")
        assert terminal.end() == 0


def test_pages_of_any_list_are_turned_on_any_screen(place: Place) -> None:
    pages = b"\x1b[6~\x1b[5~\x1b[6~"
    with open_dashboard(place) as terminal:
        terminal.resize(24, 20)
        time.sleep(0.5)
        for opens in (b"\x10", b"p", b"l\r"):
            terminal.press(opens)
            time.sleep(0.5)
            terminal.press(pages)
            time.sleep(0.5)
            terminal.press(b"x" + pages)
            time.sleep(0.5)
            for _ in range(3):
                terminal.press(ESCAPE)
                time.sleep(0.3)
        terminal.press(b"q")
        assert terminal.end() == 0


FAILS = """
import sys
from wattui.cli import main
from wattui.tui.widgets.status import StatusLine
show, calls = StatusLine.show, []
def fails(self, stream, *rest):
    calls.append(1)
    if stream.csv is not None and len(calls) > 20:
        raise ValueError("a fault of wattui's own")
    show(self, stream, *rest)
StatusLine.show = fails
sys.exit(main())
"""


def test_an_error_of_its_own_is_a_line_and_a_log_and_the_recording_is_whole(place: Place) -> None:
    argv = [PYTHON, "-P", "-c", FAILS, *DASHBOARD[len(WATTUI) :]]
    with Terminal(place, argv, 50, 200) as terminal:
        terminal.until_seen(DRAWN)
        terminal.press(b"r\r")
        assert terminal.end() == 1
    told = terminal.seen.rpartition(b"\x1b")[2].decode()
    assert "the dashboard crashed (ValueError: a fault of wattui's own in " in told
    (log,) = place.path.rglob("dashboard.log")
    assert str(log) in told
    assert "Traceback" in log.read_text()
    (path,) = place.path.glob("*.csv")
    assert read_json(path.with_suffix(".json"))["status"] == "finished"


HANGS = """
import sys, time
from wattui.cli import main
from wattui.tui.terminal import ending
from wattui.tui.widgets.status import StatusLine
ending.PATIENCE_S = 0.5
show = StatusLine.show
def hangs(self, stream, *rest):
    show(self, stream, *rest)
    while stream.csv is not None:
        time.sleep(0.01)
StatusLine.show = hangs
sys.exit(main())
"""


def test_a_dashboard_that_hangs_ends_by_force_and_the_recording_is_whole(place: Place) -> None:
    argv = [PYTHON, "-P", "-c", HANGS, *DASHBOARD[len(WATTUI) :]]
    with Terminal(place, argv, 50, 200) as terminal:
        terminal.until_seen(DRAWN)
        terminal.press(b"r\r")
        until(lambda: list(place.path.glob("*.csv")), "a run file")
        time.sleep(1.0)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
    assert terminal.seen.endswith(GIVEN_BACK.encode())
    (path,) = place.path.glob("*.csv")
    until(lambda: read_json(path.with_suffix(".json"))["status"] != "recording", "its end")
    assert read_rows(path)


def test_keys_typed_fast_go_to_the_fields_that_they_are_for(place: Place) -> None:
    """Rate, idle, cool-down: the first three fields of the settings."""
    with open_dashboard(place) as terminal:
        terminal.press(b",\x153\t\x154\t\x155\x13")
        settings = place.path / "config.toml"
        until(settings.exists, "the settings file")
        terminal.press(b"q")
        assert terminal.end() == 0
    assert [line for line in settings.read_text().splitlines() if "=" in line] == [
        "rate_hz = 3.0",
        "idle_s = 4.0",
        "cooldown_s = 5.0",
    ]


def test_keys_typed_fast_in_the_launch_form_go_to_the_fields_that_they_are_for(
    place: Place,
) -> None:
    """The last of the workloads is any command: it has other fields, which come by and by."""
    with open_dashboard(place) as terminal:
        terminal.press(b"l\r\x1b[F\rtrue\tfirst\t5\x13")
        terminal.until_seen(b"wattui summary")
        terminal.press(b"qq")
        assert terminal.end() == 0
    (path,) = place.path.glob("*.csv")
    assert read_json(path.with_suffix(".json"))["command"]["argv"] == ["true"]
    rows = read_rows(path)
    assert ("begin", "running", "first") in edges(rows)
    assert last_count(rows) == "5"


def test_q_asks_before_a_recording_ends(place: Place) -> None:
    with open_dashboard(place) as terminal:
        record(terminal)
        terminal.press(b"q")
        terminal.until_seen(b"Quit wattui")
        terminal.press(b"n")
        time.sleep(1.0)
        assert terminal.process.poll() is None
        terminal.press(b"qy")
        assert terminal.end() == 0
