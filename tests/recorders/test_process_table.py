"""The table of processes: its rows, and that it costs nothing while nobody looks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from recorders import wire
from recorders.census import Census
from recorders.gpu_users import UNKNOWN, GpuUse, Users
from recorders.process_table import MOST_ROWS, ProcessTable, table
from testbench.drm import DrmProcess, show
from tests.support.doubles import ManualClock

CPUS = os.cpu_count() or 1


def counted(root: Path, *processes: DrmProcess) -> list:  # type: ignore[type-arg]
    clock = ManualClock()
    census = Census(root, clock.monotonic_ns, str)
    show(root, processes, [], 10.0)
    census.take()
    clock.advance(1.0)
    show(root, processes, [], 11.0)
    return census.take()


def test_a_row_has_shares_and_memory_and_the_command_comes_first(tmp_path: Path) -> None:
    found = counted(
        tmp_path,
        DrmProcess(10, "busy", uid=0, cpu=0.8),
        DrmProcess(11, "ours", cpu=0.2, memory_mib=64),
        DrmProcess(12, "closed", uid=7),
    )
    users = {
        "gpu0": Users({11: GpuUse({"sm": 0.7}, 512), 12: UNKNOWN}),
        "gpu1": Users({11: GpuUse({"sm": 0.6}, 8)}),
    }
    message = table(found, users, {11})
    ours = {"gpu0": [70.0, 512.0], "gpu1": [60.0, 8.0]}
    assert message == {
        "t": "processes",
        "gpus": ["gpu0", "gpu1"],
        "rows": [
            [11, "ours", "1000", round(20 / CPUS, 2), 130.0, 520.0, 64.0, True, ours],
            [10, "busy", "0", round(80 / CPUS, 2), 0.0, 0.0, 100.0, False, {}],
            [12, "closed", "7", 0.0, None, None, 100.0, False, {}],
        ],
        "left_out": 0,
    }


def test_of_very_many_processes_the_idlest_are_left_out_and_counted(tmp_path: Path) -> None:
    (one,) = counted(tmp_path, DrmProcess(10))
    message = table([one] * (MOST_ROWS + 5), {}, set())
    assert (len(message["rows"]), message["left_out"]) == (MOST_ROWS, 5)
    assert len(wire.encode(message)) < 2**16


def test_the_largest_of_the_idle_ones_stay(tmp_path: Path) -> None:
    sizes = [DrmProcess(pid, memory_mib=pid) for pid in range(1, MOST_ROWS + 2)]
    message = table(counted(tmp_path, *sizes), {}, set())
    assert {row[0] for row in message["rows"]} == set(range(2, MOST_ROWS + 2))


@dataclass
class Tree:
    pid: int

    def members(self) -> Set[int]:
        return {self.pid}


def looking() -> int:
    return sum(thread.name == "process table" for thread in threading.enumerate())


def wait_for_table(processes: ProcessTable) -> dict:  # type: ignore[type-arg]
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        if message := processes.take():
            return message
        time.sleep(0.01)
    raise AssertionError("no table came")


def test_it_is_counted_only_while_it_is_shown(tmp_path: Path) -> None:
    show(tmp_path, [DrmProcess(10)], [], 1.0)
    processes = ProcessTable(lambda: Census(tmp_path), tuple, Tree)
    processes.watch(10)
    assert looking() == 0
    processes.show(True)
    message = wait_for_table(processes)
    assert [(row[0], row[7]) for row in message["rows"]] == [(10, True)]
    processes.show(False)
    deadline_s = time.monotonic() + 20
    while looking() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert looking() == 0
