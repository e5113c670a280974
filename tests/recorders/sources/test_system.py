"""Utilisation of the machine and of the command's process tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from recorders.census import Census, Counted
from recorders.source import Channel, Reading, WatchesCommand
from recorders.sources import system
from recorders.sources.system import ProcessTree, System, temperature_files
from testbench.drm import DrmProcess, show
from tests.support.doubles import ManualClock
from tests.support.sysfs import Sysfs

BURN = """
import time
while time.process_time() < {cpu_s}:
    pass
print("burnt", flush=True)
input()
"""
FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {burn!r}], stdin=subprocess.PIPE)
input()
child.communicate(b"\\n")
print("child ended", flush=True)
input()
"""


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == word


def carry_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def values(source: System) -> dict[str, float]:
    names = [channel.name for channel in source.channels()]
    readings: list[Reading] = list(source.read())
    return {names[r.channel]: r.value for r in readings if isinstance(r.value, float)}


def test_utilisation_is_of_all_processors_since_the_start_whichever_thread_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Times = namedtuple("Times", ["user", "system", "idle", "iowait", "guest"])
    times = iter([Times(10.0, 2.0, 80.0, 8.0, 1.0), Times(10.6, 2.2, 81.0, 8.2, 1.0)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    clock = ManualClock()
    source = System(clock.monotonic_ns)
    assert source.period_s < 1.0
    clock.advance(1.0)
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(values, source).result()["cpu_util"] == pytest.approx(40.0)
    assert source.period_s == 1.0


def test_utilisation_over_too_short_a_time_is_no_reading() -> None:
    clock = ManualClock()
    source = System(clock.monotonic_ns)
    clock.advance(0.05)
    assert "cpu_util" not in values(source)


def test_gauges_that_the_machine_lacks_are_no_channels() -> None:
    for channel in System().channels():
        assert isinstance(channel, Channel)
        assert not channel.is_energy
        assert channel.name in ("cpu_util", "cpu_freq", "cpu_temp", "command_cpu")


def test_only_the_processors_temperatures_are_read_so_that_no_gpu_wakes(tmp_path: Path) -> None:
    sysfs = Sysfs(tmp_path)
    sysfs.chip(0, "amdgpu", temp1_input=90_000)
    sysfs.chip(1, "nvme", temp1_input=80_000)
    assert temperature_files(tmp_path) == []
    cpu = sysfs.chip(2, "coretemp", temp1_input=61_000, temp2_input=64_000, temp3_input=255_000)
    files = [cpu / f"temp{n}_input" for n in (1, 2, 3)]
    assert temperature_files(tmp_path) == files
    source = System(ManualClock().monotonic_ns, tmp_path)
    assert values(source)["cpu_temp"] == pytest.approx(64.0)


def test_a_board_without_hwmon_has_the_temperature_of_its_zone(tmp_path: Path) -> None:
    Sysfs(tmp_path).write("sys/class/thermal/thermal_zone0", type="cpu_thermal", temp=48_300)
    assert values(System(ManualClock().monotonic_ns, tmp_path))["cpu_temp"] == pytest.approx(48.3)


def test_without_a_command_there_is_no_share_of_a_command() -> None:
    clock = ManualClock()
    source = System(clock.monotonic_ns)
    clock.advance(1.0)
    assert "command_cpu" not in values(source)
    source.watch(None)
    clock.advance(1.0)
    assert "command_cpu" not in values(source)


def test_the_recorder_knows_that_it_can_follow_a_command() -> None:
    assert isinstance(System(), WatchesCommand)


def test_the_commands_share_is_its_processor_time_over_all_processors() -> None:
    clock = ManualClock()
    source = System(clock.monotonic_ns)
    with running(BURN.format(cpu_s=0.15)) as process:
        source.watch(process.pid)
        wait_for(process, "burnt")
        times = psutil.Process(process.pid).cpu_times()
        clock.advance(10.0)
        spent_s = times.user + times.system
        share_pct = 100 * spent_s / 10.0 / (psutil.cpu_count() or 1)
        assert values(source)["command_cpu"] == pytest.approx(share_pct, rel=0.1)
        clock.advance(10.0)
        assert values(source)["command_cpu"] < share_pct / 4


def test_processor_time_includes_children_and_does_not_forget_those_that_ended() -> None:
    with running(FAMILY.format(burn=BURN.format(cpu_s=0.1))) as process:
        tree = ProcessTree(process.pid)
        wait_for(process, "burnt")
        with_child_s = tree.cpu_s()
        assert with_child_s >= 0.09
        carry_on(process)
        wait_for(process, "child ended")
        # Once, though the parent that waited for it now has its seconds too.
        assert with_child_s <= tree.cpu_s() < with_child_s + 0.09


def test_processor_time_includes_children_that_came_and_went_between_two_looks() -> None:
    script = FAMILY.format(burn=BURN.format(cpu_s=0.1))
    with running(script) as process:
        tree = ProcessTree(process.pid)
        wait_for(process, "burnt")
        carry_on(process)
        wait_for(process, "child ended")
        spent_s = tree.cpu_s()
        assert spent_s >= 0.09
        carry_on(process)
        process.wait()
        assert tree.cpu_s() >= spent_s


def test_a_number_that_is_used_again_is_no_member(monkeypatch: pytest.MonkeyPatch) -> None:
    pids = [os.getpid()]
    monkeypatch.setattr(psutil, "pids", lambda: pids)
    tree = ProcessTree(os.getpid())
    with running("input()") as child:
        pids.append(child.pid)
        assert tree.members() == {os.getpid(), child.pid}
        pids.remove(child.pid)
        assert tree.members() == {os.getpid()}
        monkeypatch.setattr(psutil.Process, "ppid", lambda process: 1)
        pids.append(child.pid)
        assert tree.members() == {os.getpid()}


def test_children_are_members_after_process_numbers_wrapped_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents = {30: 40, 40: 32_000, 50: 1, 32_000: 1}
    monkeypatch.setattr(psutil, "pids", lambda: list(parents))
    monkeypatch.setattr(psutil, "Process", lambda pid: Mock(ppid=lambda: parents[pid]))
    assert ProcessTree(32_000).members() == {30, 40, 32_000}


def test_the_commands_of_other_ranks_are_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their common parent, the launcher, is not."""
    parents = {1: 0, 10: 1, 20: 10, 21: 20, 30: 10, 31: 30}
    monkeypatch.setattr(psutil, "pids", lambda: list(parents))
    monkeypatch.setattr(psutil, "Process", lambda pid: Mock(ppid=lambda: parents[pid]))
    assert ProcessTree(20, 30).members() == {20, 21, 30, 31}


def test_a_process_that_is_not_there_spends_nothing() -> None:
    with running("") as process:
        process.wait()
        assert ProcessTree(process.pid).cpu_s() == 0.0


class Machine:
    """A machine whose processors are busy for a share of the time, partly by a process of /proc."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.root, self.looks = ManualClock(), root, 0
        self.now_s = self.busy_s = 0.0
        monkeypatch.setattr(system, "_busy_and_total_s", lambda: (self.busy_s, self.now_s))
        real = Census.take

        def take(census: Census) -> list[Counted]:
            self.looks += 1
            return real(census)

        monkeypatch.setattr(Census, "take", take)
        self.source = System(self.clock.monotonic_ns, root)

    def run(self, seconds: int, busy: float) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.now_s, self.busy_s = self.now_s + 1.0, self.busy_s + busy
            # All of that is the work of one process.
            process = DrmProcess(50, "node", uid=4_000_001, cpu=os.cpu_count() or 1)
            show(self.root, [process], [], self.busy_s)
            self.source.read()


def test_who_keeps_the_processor_busy_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    machine.run(12, 0.4)
    notes = machine.source.news()
    assert notes == ["other_load cpu node of user 4000001: 40 %"] * len(notes)
    assert notes
    assert machine.looks <= 5


def test_nothing_is_looked_at_while_others_do_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    machine.run(10, 0.09)
    assert machine.looks == 0
    assert machine.source.news() == []
