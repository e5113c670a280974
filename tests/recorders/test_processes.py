"""A recorded command is found and ended, also where nobody has told which process it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from recorders.processes import end_recorded, parent_of, process_of, run_in_parallel

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); {ready}; time.sleep(60)"


def sleeping(directory: Path, code: str = "import time; time.sleep(60)") -> subprocess.Popen[bytes]:
    env = {**os.environ, "WATTUI_RUN": str(directory)}
    return subprocess.Popen([sys.executable, "-c", code], env=env)


def test_a_command_whose_start_was_not_told_is_known_by_its_directory(tmp_path: Path) -> None:
    ours, theirs = sleeping(tmp_path / "a"), sleeping(tmp_path / "ab")
    time.sleep(0.2)
    end_recorded([tmp_path / "a"], None, grace_s=5)
    assert ours.wait(5) == -signal.SIGTERM
    assert theirs.poll() is None
    theirs.kill()
    theirs.wait()


def test_a_command_that_is_only_just_being_started_is_found(tmp_path: Path) -> None:
    found: list[subprocess.Popen[bytes]] = []
    timer = threading.Timer(0.1, lambda: found.append(sleeping(tmp_path)))
    timer.start()
    end_recorded([tmp_path], None, grace_s=5)
    timer.join()
    assert found[0].wait(5) == -signal.SIGTERM


def test_one_that_does_not_hear_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stubborn = sleeping(tmp_path, STUBBORN.format(ready=f"open({str(ready)!r}, 'w')"))
    while not ready.exists():
        assert stubborn.poll() is None
        time.sleep(0.01)
    end_recorded([tmp_path], None, grace_s=0.3)
    assert stubborn.wait(5) == -signal.SIGKILL


def test_children_without_the_environment_are_known_by_their_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(["sh", "-c", "env -i sleep 60 & wait"])
    time.sleep(0.3)
    end_recorded([tmp_path], parent.pid, grace_s=5)
    assert parent.wait(5) in (-signal.SIGTERM, 0)  # 0: its child ended first


def test_siblings_run_in_parallel_as_long_as_both_run() -> None:
    with subprocess.Popen(["sleep", "60"]) as first, subprocess.Popen(["sleep", "60"]) as second:
        one, other, parent = process_of(first.pid), process_of(second.pid), process_of(os.getpid())
        assert one
        assert other
        assert parent
        assert parent_of(first.pid) == parent
        assert run_in_parallel(one, other)
        assert not run_in_parallel(one, one)
        assert not run_in_parallel(one, parent)
        assert not run_in_parallel(parent, one)
        assert not run_in_parallel(one._replace(started=one.started - 1), other)
        second.kill()
        second.wait()
        assert not run_in_parallel(one, other)
        first.kill()


def test_a_process_that_is_not_there_has_no_parent() -> None:
    assert process_of(0) is None
    assert parent_of(0) is None
