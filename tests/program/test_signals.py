"""Signals sent to wattui by other programs: passed on, and the file is finished."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from .programs import hears, ignores, ready
from .running import Place, edges, shell, until, until_exists

PASSED_ON = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
TAPS = pytest.mark.parametrize("tap", [(), ("--count-match", "x")], ids=["plain", "tapped"])


def assert_finished(place: Place, *statuses: int) -> None:
    assert edges(place.rows())[-1][:2] == ("end", "running")
    run = place.run_json()
    assert run["status"] == "finished"
    assert run["command"]["exit_statuses"] == list(statuses)


@TAPS
@pytest.mark.parametrize("number", PASSED_ON)
def test_a_signal_to_wattui_reaches_the_command_once(
    place: Place, tap: tuple[str, ...], number: signal.Signals
) -> None:
    started = place.start(place.argv("--quiet", *tap, command=hears(number)))
    until_exists(ready(place.path))
    started.send_signal(number)
    assert started.wait(10) == 5
    assert (place.path / "heard").read_text() == str(int(number))
    assert_finished(place, 5)
    assert place.run_json()["command"]["ended_by_signal"] == int(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_dies_of_the_signal_gives_its_status(
    place: Place, number: signal.Signals
) -> None:
    command = shell("touch begun; exec sleep 30")
    started = place.start(place.argv("--quiet", command=command))
    until_exists(place.path / "begun")
    started.send_signal(number)
    assert started.wait(10) == 128 + number
    assert_finished(place, 128 + number)


def test_a_command_that_ignores_sigterm_is_killed_after_five_seconds(place: Place) -> None:
    started = place.start(place.argv("--quiet", command=ignores(signal.SIGTERM)))
    until_exists(ready(place.path))
    begun = time.monotonic()
    started.send_signal(signal.SIGTERM)
    assert started.wait(12) == 137
    assert 4.5 < time.monotonic() - begun < 8
    assert_finished(place, 137)


def test_a_second_interrupt_kills_the_command_and_its_children(place: Place) -> None:
    script = "trap '' INT; sleep 100 & touch begun; sleep 101; wait"
    started = place.start(place.argv("--quiet", command=shell(script)))
    until_exists(place.path / "begun")
    started.send_signal(signal.SIGINT)
    time.sleep(0.6)
    assert started.poll() is None
    started.send_signal(signal.SIGINT)
    assert started.wait(10) == 137
    assert_finished(place, 137)
    until(lambda: not place.processes(), "no process left")


def test_an_end_by_timeout_leaves_the_command_its_time(place: Place) -> None:
    argv = place.argv("--quiet", command=hears(signal.SIGTERM, patience_s=0.5))
    started = place.start(["timeout", "60", *argv], start_new_session=True)
    until_exists(ready(place.path))
    started.send_signal(signal.SIGALRM)  # its time is over
    assert started.wait(10) == 124
    assert set((place.path / "heard").read_text().split()) == {str(int(signal.SIGTERM))}
    until(lambda: place.run_json()["status"] == "finished", "run.json")


def test_a_repeated_sigterm_leaves_the_command_its_time_as_well(place: Place) -> None:
    argv = place.argv("--quiet", command=hears(signal.SIGTERM, patience_s=0.5))
    started = place.start(argv)
    until_exists(ready(place.path))
    started.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    started.send_signal(signal.SIGTERM)
    assert started.wait(10) == 5
    assert_finished(place, 5)


@TAPS
def test_under_nohup_a_hangup_is_ignored(place: Place, tap: tuple[str, ...]) -> None:
    command = shell("touch begun; sleep 1; exit 4")
    argv = place.argv("--quiet", "--repeats", "2", "--cooldown", "0", *tap, command=command)
    started = place.start(["nohup", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until_exists(place.path / "begun")
    started.send_signal(signal.SIGHUP)
    assert started.wait(10) == 4
    assert_finished(place, 4, 4)


def test_where_interrupts_are_ignored_they_stay_ignored(place: Place) -> None:
    command = shell("touch begun; sleep 0.6; exit 4")
    argv = place.argv("--quiet", "--repeats", "2", "--cooldown", "0", command=command)
    started = place.start(["sh", "-c", 'trap "" INT; exec "$@"', "sh", *argv])
    until_exists(place.path / "begun")
    started.send_signal(signal.SIGINT)
    time.sleep(0.2)
    started.send_signal(signal.SIGINT)
    assert started.wait(10) == 4
    assert_finished(place, 4, 4)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_baseline_runs_nothing(place: Place, number: signal.Signals) -> None:
    command = shell("touch started")
    started = place.start(place.argv("--quiet", "--idle", "20", command=command))
    until(lambda: place.csv.exists() and ",idle," in place.csv.read_text(), "the baseline")
    started.send_signal(number)
    assert started.wait(5) == 128 + number
    assert not (place.path / "started").exists()
    assert edges(place.rows()) == [("begin", "idle", ""), ("end", "idle", "")]
    assert place.run_json()["command"]["ended_by_signal"] == int(number)


def test_a_signal_between_repeats_ends_the_recording(place: Place) -> None:
    command = shell("echo once >>runs")
    argv = place.argv("--quiet", "--repeats", "3", "--cooldown", "20", command=command)
    started = place.start(argv)
    until(lambda: place.csv.exists() and ",cooldown," in place.csv.read_text(), "the cool-down")
    started.send_signal(signal.SIGTERM)
    assert started.wait(5) == 143
    assert (place.path / "runs").read_text() == "once\n"
    assert edges(place.rows())[-1] == ("end", "cooldown", "")


def test_an_interrupted_repeat_is_the_last_one(place: Place) -> None:
    argv = place.argv("--quiet", "--repeats", "3", "--cooldown", "20", command=hears(signal.SIGINT))
    started = place.start(argv)
    until_exists(ready(place.path))
    started.send_signal(signal.SIGINT)
    assert started.wait(10) == 5
    assert_finished(place, 5)


def test_a_signal_before_the_command_is_started_is_not_lost(place: Place) -> None:
    command = shell("touch started; sleep 20")
    started = place.start(place.argv("--quiet", command=command))
    place.recorder_of(started.pid)
    started.send_signal(signal.SIGTERM)
    assert started.wait(8) == 143


def test_a_command_killed_by_someone_else_is_recorded_to_that_moment(place: Place) -> None:
    command = shell("echo $$ >number; exec sleep 30")
    started = place.start(place.argv("--quiet", command=command))
    number = place.path / "number"
    until(lambda: number.exists() and number.read_text().endswith("\n"), "the command's number")
    subprocess.run(["kill", "-KILL", number.read_text().strip()], check=True, timeout=30)
    assert started.wait(5) == 137
    assert_finished(place, 137)
