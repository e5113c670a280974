"""The dashboard in tmux: launched by keys, suspended, in ASCII, played back."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time

import pytest

from .running import (
    PYTHON,
    WATTUI,
    Place,
    command_line,
    edges,
    events,
    read_json,
    read_rows,
    until,
    until_exists,
)
from .terminals import Tmux

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")

ROWS, COLUMNS = 50, 200
LINE = " ".join([*WATTUI, "--simulate", "--no-estimate", "--idle", "1", "--cooldown", "0"])


INFER = """
import time, wattui
with wattui.phase("armed"):
    time.sleep(0.3)
with wattui.phase("running", label="b4"):
    for _ in range(10):
        time.sleep(0.05)
        wattui.count(4)
print("done with it")
"""


def launch(tmux: Tmux, command: str) -> None:
    """From the graphs: the form, the command's place in it, the command, start."""
    tmux.press("l")
    tmux.until_shown("Workload kws")
    tmux.press("Enter")
    tmux.until_shown("alexnet")
    tmux.press("End")
    tmux.press("Enter")
    tmux.until_shown("Enter a command")
    tmux.until_shown("program and arguments; for pipes")
    tmux.write(command)
    tmux.until_shown("Inferences are counted only if it calls")
    tmux.press("C-s")
    tmux.until_shown("● REC")


def test_a_command_is_launched_by_keys_from_the_menu_to_joules_per_inference(place: Place) -> None:
    (place.path / "infer.py").write_text(INFER)
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("○ live")
        launch(tmux, f"{PYTHON} infer.py")
        tmux.until_shown("mJ per inference  simulated")
        tmux.press("y")
        tmux.until_shown("Copied what is shown here")
        tmux.press("Escape")
        tmux.until_shown("Idle/Run")
        tmux.press("l")
        tmux.until_shown("program and arguments; for pipes")
        tmux.press("Escape")
        tmux.until_shown("Idle/Run")
        tmux.press("q")
        tmux.until_gone("Idle/Run")
    (path,) = place.path.glob("*-2*.csv")
    rows = read_rows(path)
    assert [edge for edge in edges(rows) if edge[0] == "begin"] == [
        ("begin", "idle", ""),
        ("begin", "loading", ""),
        ("begin", "armed", ""),
        ("begin", "running", "b4"),
    ]
    assert rows[-1]["inferences"] == "40"
    run = read_json(path.with_suffix(".json"))
    assert run["command"]["exit_status"] == 0
    assert run["summary"]["running"]["inferences"] == 40


def test_two_phases_a_note_a_meter_reading_and_an_undo(place: Place) -> None:
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("live")
        tmux.press("r")
        tmux.until_shown("Enter starts")
        tmux.press("Enter")
        tmux.until_shown("● REC")
        tmux.press("Space")
        tmux.until_shown("▶ running")
        tmux.press("Space")
        tmux.until_shown("▶ idle")
        tmux.press("w")
        tmux.until_shown("Wall meter")
        tmux.type("41.5 W")
        tmux.until_shown("41.50 W")
        tmux.press("p")
        tmux.until_shown("name, then an optional label")
        tmux.type("mistake")
        tmux.until_shown("▶ mistake")
        tmux.press("Space")
        tmux.until_shown("▶ running")
        tmux.press("u")
        tmux.until_shown("▶ mistake")
        tmux.press("u")
        tmux.until_shown("▶ idle")
        tmux.press("r")
        tmux.until_shown("sim_cpu")
        tmux.press("Escape")
        tmux.until_shown("Idle/Run")
        tmux.press("q")
        tmux.until_gone("Idle/Run")
    (path,) = place.path.glob("wattui-*.csv")
    rows = read_rows(path)
    assert [edge[:2] for edge in edges(rows)] == [
        ("begin", "running"),
        ("end", "running"),
        ("begin", "idle"),
        ("end", "idle"),
    ]
    assert events(rows, "note:undone") == [" mark mistake", " mark running"]
    assert [row["meter_wall_W"] for row in rows if row["meter_wall_W"]] == ["41.500000"]
    assert not any(row["phase"] == "mistake" for row in rows)
    assert read_json(path.with_suffix(".json"))["status"] == "finished"


def test_a_killed_dashboard_takes_what_it_launched_with_it(place: Place) -> None:
    (place.path / "wait.sh").write_text("touch begun; sleep 60")
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("○ live")
        launch(tmux, "sh wait.sh")
        until_exists(place.path / "begun")
        (dashboard,) = (pid for pid in place.processes() if "-m wattui" in command_line(pid))
        os.kill(dashboard, signal.SIGKILL)
        until(
            lambda: not any("sleep 60" in command_line(pid) for pid in place.processes()), "its end"
        )
    (path,) = place.path.glob("*-2*.csv")
    until(lambda: read_json(path.with_suffix(".json"))["status"] == "broken off", "a whole file")
    assert edges(read_rows(path))[-1][:2] == ("end", "running")


def test_x_stops_what_was_launched_and_keeps_its_recording(place: Place) -> None:
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("○ live")
        launch(tmux, "sleep 60")
        tmux.until_shown("▶ running")
        tmux.press("x")
        tmux.until_shown("Stop the command?")
        tmux.press("y")
        tmux.until_shown("while running")
        tmux.until_shown("of a STOPPED command")
        tmux.press("Escape")
        tmux.until_shown("○ live")
    (path,) = place.path.glob("*-2*.csv")
    assert read_json(path.with_suffix(".json"))["command"]["exit_status"] == 130


def test_redirected_errors_are_refused_with_a_reason(place: Place) -> None:
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE} 2> err; echo status $?")
        tmux.until_shown("status 2")
    assert "remove the redirection" in (place.path / "err").read_text()


def test_ctrl_z_gives_the_shell_back_and_fg_the_screen(place: Place) -> None:
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("live")
        tmux.press("C-z")
        tmux.until_shown("Stopped")
        tmux.type("echo back: $((6 * 7))")
        tmux.until_shown("back: 42")
        tmux.type("fg")
        tmux.until_shown("○ live")
        tmux.press("q")
        tmux.until_shown("back: 42")


def test_after_fg_the_screen_is_whole(place: Place) -> None:
    # On a screen without the list of processes, which is never the same.
    with Tmux(place, 40, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("○ live")
        tmux.press("f")
        tmux.until_shown("frozen")
        before = settled(tmux)
        for _ in range(2):
            tmux.press("C-z")
            tmux.until_shown("Stopped")
            tmux.type("fg")
            until(lambda: frame(tmux.screen()) == before, "the same screen as before")
        tmux.press("q")
        tmux.until_gone("Idle/Run")


@pytest.mark.parametrize(
    ("opens", "shown"),
    [
        ("l", "what to run"),
        ("r", "Enter starts"),
        (",", "saved in"),
        ("R", "Runs in"),
        ("C-p", "Search"),
    ],
)
def test_ctrl_z_and_fg_work_over_every_screen(place: Place, opens: str, shown: str) -> None:
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("○ live")
        tmux.press(opens)
        tmux.until_shown(shown)
        tmux.press("C-z")
        tmux.until_shown("Stopped")
        tmux.type("fg")
        tmux.until_shown(shown)
        tmux.press("Escape")
        tmux.until_gone(shown)


def settled(tmux: Tmux) -> list[str]:
    """The frame once every figure has been read, a second after it last changed."""
    found, since_s = frame(tmux.screen()), time.monotonic()

    def stands() -> bool:
        nonlocal found, since_s
        if (now := frame(tmux.screen())) != found:
            found, since_s = now, time.monotonic()
        return time.monotonic() - since_s > 1.5

    until(stands, "a screen that stands", bound_s=60.0)
    return found


def frame(screen: str) -> list[str]:
    """A screen without its figures, and without what the clock and the recorder say."""
    lines = [re.sub(r"[0-9.]+", "0", line) for line in screen.splitlines()]
    return [re.sub(r"[⠀-⣿ ]+", " ", line).strip() for line in lines[1:] if "─" not in line]


def test_help_a_device_and_a_layout_are_put_away_by_the_keys_that_one_tries(place: Place) -> None:
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {LINE}")
        tmux.until_shown("○ live")
        for key in ("?", "Escape", "q"):
            tmux.press("?")
            tmux.until_shown("Move a crosshair")
            tmux.press(key)
            tmux.until_gone("Move a crosshair")
        for key, shown in (("D", "since the start"), ("L", "without titles it is forgotten")):
            tmux.press(key)
            tmux.until_shown(shown)
            tmux.press("Escape")
            tmux.until_gone(shown)
        tmux.press("q")
        tmux.until_gone("Idle/Run")


def test_a_console_without_more_than_ascii_is_written_nothing_else(place: Place) -> None:
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; TERM=linux LANG=C {LINE}")
        screen = tmux.until_shown("o live")
        assert screen.isascii()
        tmux.press("l")
        assert tmux.until_shown("Launch").isascii()


def test_a_recording_is_played_back(place: Place) -> None:
    place.record("--inferences", "10", "--label", "b8", command=("sleep", "2"))
    with Tmux(place, ROWS, COLUMNS) as tmux:
        tmux.type(f"cd {place.path}; {' '.join(WATTUI)} --replay run.csv --speed max")
        screen = tmux.until_shown("ended")
        assert "b8" in screen
        assert "10 inferences" in screen
        assert "J/inference" in screen
        tmux.press("q")
        tmux.until_gone("Idle/Run")
