"""Programs that run several things at once, as people write them: counted once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .running import PYTHON, WATTUI, Place

THREADS = """
import threading, time, wattui
def work(number):
    with wattui.phase("running", label=f"t{number}"):
        for _ in range(10):
            time.sleep(0.05)
            wattui.count()
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
"""
POOL = """
import time, wattui
from concurrent.futures import ThreadPoolExecutor
def work(number):
    with wattui.phase("running", label=f"t{number}"):
        time.sleep(0.4)
        wattui.count(10)
with ThreadPoolExecutor(4) as pool: list(pool.map(work, range(4)))
"""
GATHER = """
import asyncio, wattui
async def work():
    with wattui.phase("running", label="req"):
        await asyncio.sleep(0.4)
        wattui.count(10)
async def main(): await asyncio.gather(*(work() for _ in range(4)))
asyncio.run(main())
"""
GROUP = """
import asyncio, wattui
async def work(number):
    with wattui.phase("running", label="req"):
        await asyncio.sleep(0.4)
        wattui.count(10)
async def main():
    with wattui.phase("running", label="serve"):
        async with asyncio.TaskGroup() as group:
            for n in range(4): group.create_task(work(n))
asyncio.run(main())
"""
PROCESSES = """
import multiprocessing, sys, time, wattui
def work(barrier):
    barrier.wait()
    with wattui.phase("running", label="b32"):
        time.sleep(0.4)
        wattui.count(10)
    barrier.wait()
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    barrier = context.Barrier(4)
    ranks = [context.Process(target=work, args=(barrier,)) for _ in range(4)]
    for rank in ranks: rank.start()
    for rank in ranks: rank.join()
"""
OTHER_THREAD = """
import threading, time, wattui
phase = wattui.phase("running", label="a")
phase.__enter__()
time.sleep(0.2)
wattui.count(40)
thread = threading.Thread(target=phase.__exit__, args=(None, None, None))
thread.start()
thread.join()
wattui.count(5)
"""
NESTED = """
import time, wattui
with wattui.phase("running", label="outer"):
    wattui.count(30)
    with wattui.record("inner.csv", estimate=False, simulate=True) as run:
        with wattui.phase("running", label="inner"):
            time.sleep(0.2)
            wattui.count(7)
    assert run.summary.running.inferences == 7, run.summary
    assert run.summary.labels[0].label == "inner", run.summary
    wattui.count(10)
    time.sleep(0.2)
"""


ENDED_AT_ONCE = """
import os, threading, time, wattui
all_counted = threading.Barrier(4)
def work(number):
    with wattui.phase("running", label=f"t{number}"):
        wattui.count(10 ** number)
        with wattui.phase("epoch"):
            wattui.count(2 * 10 ** number)
            all_counted.wait()
            time.sleep(60)
for number in range(3):
    threading.Thread(target=work, args=(number,), daemon=True).start()
all_counted.wait()
time.sleep(0.4)
os.kill(os.getpid(), 9)
"""


LONGEST_S = 1.6  # four times 0.4 s in a row would take this


def summary_of(place: Place, script: str, *arguments: str) -> dict[str, Any]:
    (place.path / "work.py").write_text(script)
    found = place.record("--no-estimate", command=[PYTHON, "work.py", *arguments])
    assert found.status == 0, found.err.decode()
    summary: dict[str, Any] = place.run_json()["summary"]
    again = place.run([*WATTUI, "summary", "run.csv", "--json"])
    assert json.loads(again.out) == summary
    return summary


def joules(group: dict[str, Any]) -> float:
    value: float = group["domains"]["sim_cpu"]["running_j"]["value"]
    return value


def check_counted_once(summary: dict[str, Any], counted: int) -> None:
    """The union's time and energy: the simulated power is between 20 and 50 W."""
    running = summary["running"]
    assert running["inferences"] == counted
    assert 0.4 < running["seconds"] < LONGEST_S
    assert 20 * running["seconds"] < joules(running) < 50 * running["seconds"]


@pytest.mark.parametrize("script", [THREADS, POOL])
def test_threads_with_labels_of_their_own(place: Place, script: str) -> None:
    summary = summary_of(place, script)
    check_counted_once(summary, 40)
    labels = summary["labels"]
    assert sorted(group["label"] for group in labels) == ["t0", "t1", "t2", "t3"]
    assert [group["inferences"] for group in labels] == [10] * 4
    assert all(group["shared"] for group in labels)
    assert sum(map(joules, labels)) == pytest.approx(joules(summary["running"]), abs=1e-4)
    assert "concurrent" in {flag["name"] for flag in summary["flags"]}


def test_tasks_of_one_label(place: Place) -> None:
    summary = summary_of(place, GATHER)
    check_counted_once(summary, 40)
    (label,) = summary["labels"]
    assert (label["label"], label["inferences"], label["shared"]) == ("req", 40, False)


def test_tasks_inside_a_phase_of_the_task_that_made_them(place: Place) -> None:
    summary = summary_of(place, GROUP)
    check_counted_once(summary, 40)
    assert [group["label"] for group in summary["labels"]] == ["serve"]
    inner = [phase for phase in summary["phases"] if phase["label"] == "serve/req"]
    assert [phase["inferences"] for phase in inner] == [10] * 4


def test_threads_of_a_process_that_is_killed_keep_their_own_counts(place: Place) -> None:
    (place.path / "work.py").write_text(ENDED_AT_ONCE)
    place.record("--no-estimate", command=[PYTHON, "work.py"])
    summary = place.run_json()["summary"]
    counted = {group["label"]: group["inferences"] for group in summary["labels"]}
    assert counted == {"t0": 3, "t1": 30, "t2": 300}
    assert summary["running"]["inferences"] == 333


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes(place: Place, method: str) -> None:
    summary = summary_of(place, PROCESSES, method)
    check_counted_once(summary, 40)
    (label,) = summary["labels"]
    assert (label["label"], label["inferences"]) == ("b32", 40)


def test_a_phase_that_ends_in_another_thread(place: Place) -> None:
    summary = summary_of(place, OTHER_THREAD)
    assert summary["running"]["inferences"] == 40
    assert place.rows()[-1]["inferences"] == "45"


def test_a_recording_inside_a_recording(place: Place) -> None:
    summary = summary_of(place, NESTED)
    assert summary["running"]["inferences"] == 40
    assert [group["label"] for group in summary["labels"]] == ["outer"]
    assert summary["running"]["seconds"] > 0.4


def test_four_ranks_of_a_shell_script(place: Place) -> None:
    rank = "import time, wattui\nwith wattui.phase('running', label='b32'):"
    rank += " time.sleep(0.8); wattui.count(25)\n"
    (place.path / "rank.py").write_text(rank)
    ranks = " ".join(f"{PYTHON} rank.py &" for _ in range(4))
    found = place.record("--no-estimate", command=["sh", "-c", f"{ranks} wait"])
    assert found.status == 0
    running = place.run_json()["summary"]["running"]
    assert running["inferences"] == 100
    assert running["seconds"] < 3.2
    assert 20 * running["seconds"] < joules(running) < 50 * running["seconds"]
