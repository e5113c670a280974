"""Many runs, whose summaries are recomputed in several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import psutil
import pytest

from recorders.own_process import own_command
from tests.support.made_runs import B1, B8, IDLE, Part, finished, written
from wattui.cli import main
from wattui.runs import many
from wattui.runs.helper import Found, recompute_all
from wattui.runs.many import loader, recompute_in
from wattui.runs.recorded import load_run, recompute
from wattui.runs.run_file import NotARunFileError

DEADLINE_S = 30.0
FILES = 12
# A summary with two cores, whose first process leaves all work to the second one. polars is loaded
# first, as its handler of Ctrl-C makes system calls start again.
SUMMARY = """
import sys, time
import polars
from wattui.cli import main
from wattui.runs import many
many._cores, many.FILES_EACH = lambda: 2, 10
many.recompute_all = lambda _: time.sleep(0.01) or {}
sys.exit(main(["summary", *sys.argv[1:]]))
"""


@pytest.fixture
def csvs(tmp_path: Path) -> list[Path]:
    """Runs of different powers, without run.json."""
    return [
        written(tmp_path / f"run{number}.csv", [IDLE, Part("running", 4, 50.0 + number, "b1", 100)])
        for number in range(FILES)
    ]


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many cores there are; two files are enough for a process."""
    monkeypatch.setattr(many, "FILES_EACH", 2)
    return lambda count: monkeypatch.setattr(many, "_cores", lambda: count)


def test_a_helper_finds_the_same_summaries(
    csvs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = csvs[-1]
    damaged.write_text(damaged.read_text() + "99,cut off")
    ended, hand_out = threading.Event(), many._hand_out

    def handed_out(*given: Any) -> None:
        hand_out(*given)
        ended.set()

    def after_the_helper(_: list[Path]) -> Found:
        assert ended.wait(DEADLINE_S)
        return Found()

    monkeypatch.setattr(many, "_hand_out", handed_out)
    monkeypatch.setattr(many, "recompute_all", after_the_helper)
    found = recompute_in(2, csvs)
    assert len(found) >= FILES - 1  # this process takes one at most, and leaves it out here
    assert found == {csv: recompute(csv) for csv in csvs if csv in found}
    assert found[damaged].remarks == [f"{damaged}: the last line was cut off: left out"]


def test_files_that_cannot_be_read_are_left_to_the_one_who_asks(
    csvs: list[Path], tmp_path: Path, cores: Callable[[int], None]
) -> None:
    cores(2)
    (wrong := tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    missing = tmp_path / "missing.csv"
    load = loader([wrong, *csvs, missing])
    assert [load(csv) for csv in csvs] == [load_run(csv) for csv in csvs]
    with pytest.raises(NotARunFileError, match="time_s"):
        load(wrong)
    with pytest.raises(FileNotFoundError):
        load(missing)


@pytest.mark.parametrize("command", [["false"], ["wattui-is-not-there"]])
def test_what_a_helper_that_fails_leaves_is_done_here(
    command: list[str], csvs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "own_command", lambda _: command)
    found = recompute_all(csvs)
    monkeypatch.setattr(many, "_cores", lambda: 2)
    monkeypatch.setattr(many, "FILES_EACH", 2)
    load = loader(csvs)
    assert [load(csv).summary for csv in csvs] == [found[csv].summary for csv in csvs]


@pytest.mark.parametrize(
    ("count", "files", "processes"), [(1, 12, 0), (4, 3, 0), (4, 4, 2), (2, 12, 2), (64, 12, 6)]
)
def test_there_are_as_many_processes_as_cores_and_work_for_them(
    count: int,
    files: int,
    processes: int,
    csvs: list[Path],
    cores: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []

    def counted(processes: int, _: list[Path]) -> Found:
        started.append(processes)
        return Found()

    monkeypatch.setattr(many, "recompute_in", counted)
    cores(count)
    loader(csvs[:files])
    assert started == ([processes] if processes else [])


def test_a_summary_that_is_kept_is_not_recomputed(
    tmp_path: Path, cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "recompute_in", lambda *_: pytest.fail("recomputed"))
    cores(2)
    runs = [finished(tmp_path / f"{number}.csv", [IDLE, B1]) for number in range(FILES)]
    csvs = sorted(tmp_path.glob("*.csv"))
    assert len(csvs) == len(runs)
    assert [loader(csvs)(csv) for csv in csvs] == [load_run(csv) for csv in csvs]


@pytest.mark.parametrize(
    "arguments",
    [["summary"], ["summary", "--json"], ["compare"], ["compare", "--json"], ["history"]],
)
def test_commands_print_the_same_with_one_core_and_with_two(
    arguments: list[str],
    csvs: list[Path],
    tmp_path: Path,
    cores: Callable[[int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    finished(tmp_path / "known.csv", [IDLE, B8])
    (tmp_path / "run3.csv").write_text(csvs[3].read_text() + "99,cut off")
    names = [*map(str, csvs), str(tmp_path / "known.csv")]
    if arguments[0] == "summary":
        names[5:5] = [str(tmp_path / "missing.csv"), str(wrong := tmp_path / "wrong.csv")]
        wrong.write_text("a,b\n1,2\n")
    printed = []
    for count in (1, 2):
        cores(count)
        printed.append((main([*arguments, *names]), *capsys.readouterr()))
    assert printed[0] == printed[1]
    assert "cut off" in printed[0][2] or "cut off" in printed[0][1]


def test_ctrl_c_ends_at_once_without_traces_and_helpers(tmp_path: Path) -> None:
    pipes = [tmp_path / f"{number}.csv" for number in range(20)]
    for pipe in pipes:
        os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-c", SUMMARY, *map(str, pipes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            descriptor = _opened(pipes)
            helpers = psutil.Process(process.pid).children()
            os.killpg(process.pid, signal.SIGINT)
            assert process.communicate(timeout=DEADLINE_S) == (b"", b"")
        finally:
            process.kill()
    assert process.returncode == 130
    assert len(helpers) == 1
    assert not helpers[0].is_running()
    os.close(descriptor)


def test_a_helper_ends_with_the_process_that_it_helps(csvs: list[Path]) -> None:
    ours, its = Pipe()
    with subprocess.Popen(own_command("wattui.runs.helper"), stdin=its.fileno()) as helper:
        its.close()
        ours.send(csvs[:2])
        assert ours.recv() == recompute_all(csvs[:2])
        ours.close()
        assert helper.wait(DEADLINE_S) == 0


def _opened(pipes: list[Path]) -> int:
    """Wait until a process has opened one of these pipes, and leave it waiting for a line."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        for pipe in pipes:
            with suppress(OSError):  # nobody reads from it
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.01)
    pytest.fail("no pipe was opened")
