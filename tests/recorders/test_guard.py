"""The guard: a shell that waits, and cleans up once recorder and front end are both gone."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from recorders.client import Client, Config
from tests.program.running import until

ROOT = Path(__file__).parents[2]
MOST_MIB = 2.0
# A recorder that has a guard, and is gone at the front end's word.
RECORDER = """
import os, sys
from pathlib import Path
from recorders import guard
guard.SHELL = sys.argv[1]
guard.Guard([Path(sys.argv[2])], (1, 2), False)
print("guarded", flush=True)
os.read(0, 1)
os._exit(9)
"""


@pytest.mark.parametrize("shell", ["/bin/sh", "/no/such/shell"])
def test_the_directory_of_a_recorder_that_is_gone_is_removed(tmp_path: Path, shell: str) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    (marks / "left").touch()
    argv = [sys.executable, "-c", RECORDER, shell, str(marks)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, cwd=ROOT) as recorder:
        assert recorder.stdin
        assert recorder.stdout
        assert recorder.stdout.readline() == b"guarded\n"
        recorder.stdin.write(b".")
        recorder.stdin.flush()
        assert recorder.wait() == 9
        assert marks.exists()  # the front end is still there, and removes it
    until(lambda: not marks.exists(), "the directory is removed")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process in /proc")
def test_the_guard_takes_little_memory_and_is_gone_after_the_recording() -> None:
    client = Client(Config(csv=None, simulate=True, publish=False))
    client.wait_ready()

    (guard,) = until(lambda: _guards(client.process.pid), "a guard waits")
    assert guard.memory_full_info().uss < MOST_MIB * 2**20
    client.finish()
    until(lambda: _is_gone(guard), "the guard is gone")


def _guards(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    return [child for child in children if "wattui-guard" in child.cmdline()]


def _is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
