"""`wattui.record`: the recorder as a library."""

from __future__ import annotations

import json
import signal

import pytest

from .running import Place, edges, last_count, python, until, until_exists


def run_python(place: Place, code: str, status: int = 0) -> list[str]:
    """Run a program that uses the library; returns its lines of output."""
    result = place.run(python("import os, time, wattui\n" + code))
    assert result.status == status, result.err.decode()
    return result.out.decode().splitlines()


def test_a_program_records_itself(place: Place) -> None:
    code = """
with wattui.record("run.csv", rate_hz=50, simulate=True, estimate=False) as run:
    with wattui.phase("idle"):
        time.sleep(0.3)
    with wattui.phase("running", label="b4"):
        for _ in range(10):
            time.sleep(0.03)
            wattui.count(4)
print(run.summary.running.inferences, run.summary.headline)
print("WATTUI_RUN" in os.environ)
"""
    assert run_python(place, code) == ["40 sim_cpu", "False"]
    rows = place.rows()
    assert edges(rows) == [
        ("begin", "idle", ""),
        ("end", "idle", ""),
        ("begin", "running", "b4"),
        ("end", "running", "b4"),
    ]
    assert last_count(rows) == "40"
    run = place.run_json()
    assert run["status"] == "finished"
    assert run["sampling"]["rate_asked_hz"] == 50
    domain = run["summary"]["running"]["domains"]["sim_cpu"]
    assert 28 < domain["running_w"] < 42


def test_the_summary_it_gives_is_the_one_in_run_json(place: Place) -> None:
    code = """
import json
with wattui.record("run.csv", simulate=True) as run:
    with wattui.phase("running"):
        time.sleep(0.2)
print(json.dumps(run.summary.to_dict()))
"""
    assert json.loads(run_python(place, code)[0]) == place.run_json()["summary"]


def test_recordings_follow_one_another_with_counts_of_their_own(place: Place) -> None:
    code = """
for name in ("a", "b"):
    with wattui.record(name + ".csv", simulate=True) as run:
        with wattui.phase("running"):
            wattui.count(3)
    print(run.summary.running.inferences)
    wattui.count(100)
"""
    assert run_python(place, code) == ["3", "3"]


@pytest.mark.parametrize(
    ("settings", "code", "word"),
    [
        ('"run.csv"', "exists", "run.csv"),
        ('"missing/run.csv"', "unwritable", "No such file"),
        ('"gpu.csv", require=["gpu"]', "require", "gpu"),
    ],
)
def test_what_cannot_be_recorded_raises_before_the_body(
    place: Place, settings: str, code: str, word: str
) -> None:
    (place.path / "run.csv").write_text("precious\n")
    program = f"""
from recorders.client import RecorderError
try:
    with wattui.record({settings}):
        print("body")
except RecorderError as error:
    print(error.code, repr(str(error)))
print("WATTUI_RUN" in os.environ)
"""
    told, left = run_python(place, program)
    assert told.startswith(code + " ")
    assert word in told
    assert "\\x00" not in told
    assert left == "False"
    assert (place.path / "run.csv").read_text() == "precious\n"
    assert not (place.path / "gpu.csv").exists()


def test_an_unknown_setting_is_an_error_of_the_call(place: Place) -> None:
    code = """
try:
    wattui.record("run.csv", rate=10)
except TypeError as error:
    print(error)
"""
    assert "rate" in run_python(place, code)[0]
    assert not place.csv.exists()


@pytest.mark.parametrize("rate", ["0", "-1", "1e6", "float('nan')"])
def test_a_rate_that_cannot_be_recorded_is_an_error(place: Place, rate: str) -> None:
    code = f"""
try:
    with wattui.record("run.csv", rate_hz={rate}):
        print("body")
except Exception as error:
    print("refused:", error)
"""
    lines = run_python(place, code)
    assert lines[0].startswith("refused: ")
    assert len(lines) == 1
    assert "rate" in lines[0] or "Hz" in lines[0]


def test_an_error_in_the_body_is_the_one_that_is_raised_and_the_file_is_finished(
    place: Place,
) -> None:
    code = """
try:
    with wattui.record("run.csv", simulate=True):
        with wattui.phase("running"):
            time.sleep(0.1)
            raise KeyError("mine")
except KeyError as error:
    print("raised", error)
print("WATTUI_RUN" in os.environ)
"""
    assert run_python(place, code) == ["raised 'mine'", "False"]
    assert edges(place.rows()) == [("begin", "running", ""), ("end", "running", "")]
    assert place.run_json()["status"] == "finished"


KILLED = """
import signal
from pathlib import Path
def recorder():
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                return int(path.name)
        except OSError:
            pass
"""


def test_a_killed_recorder_is_told_at_the_end(place: Place) -> None:
    code = (
        KILLED
        + """
from recorders.client import RecorderError
try:
    with wattui.record("run.csv", simulate=True):
        os.kill(recorder(), signal.SIGKILL)
        with wattui.phase("running"):
            wattui.count(2)
        print("body done")
except RecorderError as error:
    print(error.code)
print("WATTUI_RUN" in os.environ)
"""
    )
    assert run_python(place, code) == ["body done", "died", "False"]
    assert place.csv.read_text().endswith("\n")


def test_a_killed_recorder_hides_no_error_of_the_body(place: Place) -> None:
    code = (
        KILLED
        + """
try:
    with wattui.record("run.csv", simulate=True):
        os.kill(recorder(), signal.SIGKILL)
        raise KeyError("mine")
except KeyError:
    print("mine")
except Exception as error:
    print("another:", error)
"""
    )
    assert run_python(place, code) == ["mine"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_is_ended_leaves_a_whole_file_and_no_process(
    place: Place, number: signal.Signals
) -> None:
    code = (
        "import time, wattui\n"
        "with wattui.record('run.csv', simulate=True):\n"
        " with wattui.phase('running'):\n"
        "  open('begun', 'w').close(); time.sleep(60)\n"
    )
    started = place.start(python(code), stderr=-3)
    until_exists(place.path / "begun")
    started.send_signal(number)
    started.wait(5)
    until(lambda: not place.processes(), "no process left")
    assert edges(place.rows()) == [("begin", "running", ""), ("end", "running", "")]
    assert place.run_json()["status"] in ("finished", "broken off")


def test_processes_that_the_body_starts_join_the_recording(place: Place) -> None:
    code = """
import subprocess, sys
with wattui.record("run.csv", simulate=True) as run:
    with wattui.phase("running"):
        line = "import wattui; wattui.count(6)"
        subprocess.run([sys.executable, "-c", line], check=True)
print(run.summary.running.inferences)
"""
    assert run_python(place, code) == ["6"]


def test_a_program_that_records_itself_may_be_recorded(place: Place) -> None:
    code = (
        "import wattui\n"
        "wattui.count(1)\n"
        "with wattui.record('inner.csv', simulate=True) as run:\n"
        " with wattui.phase('running'): wattui.count(5)\n"
        "wattui.count(2); print(run.summary.running.inferences)\n"
    )
    result = place.record("--quiet", command=python(code))
    assert result.out == b"5\n"
    assert last_count(place.rows()) == "3"


def test_two_threads_cannot_record_at_once(place: Place) -> None:
    code = """
import threading
from recorders.client import RecorderError
with wattui.record("a.csv", simulate=True, estimate=False):
    def other():
        try:
            with wattui.record("b.csv", simulate=True, estimate=False):
                pass
        except RecorderError as error:
            print(error)
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    with wattui.phase("running"):
        wattui.count(3)
print(os.path.exists("b.csv"))
"""
    told, there = run_python(place, code)
    assert "another thread of this program is recording" in told
    assert there == "False"


def test_recordings_may_end_in_the_order_in_which_they_began(place: Place) -> None:
    code = """
outer = wattui.record("outer.csv", simulate=True, estimate=False)
inner = wattui.record("inner.csv", simulate=True, estimate=False)
outer.__enter__()
inner.__enter__()
outer.__exit__(None, None, None)
with wattui.phase("running"):
    wattui.count(3)
inner.__exit__(None, None, None)
with wattui.phase("running"):
    wattui.count(5)
print(inner.summary.running.inferences, outer.summary.running, "WATTUI_RUN" in os.environ)
"""
    assert run_python(place, code) == ["3 None False"]
