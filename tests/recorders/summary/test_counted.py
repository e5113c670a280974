"""Counts of hardware counters per inference: live, from the CSV alone, and in run.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from recorders.rows import FIXED_COLUMNS
from recorders.source import Channel, Gone, Reading, Retry
from recorders.summary.figures import Counted, Summary
from recorders.summary.summary import summarise
from tests.support.doubles import (
    BlockingSource,
    ManualClock,
    Rig,
    ScriptedSource,
    Value,
    constant_power,
    event,
    reduction,
)
from wattui.runs.reduce import reduce_csv

# 128 cores at 10 GHz: after 13 minutes, more than any energy in joules.
FAST = 1.28e12
PACKAGE = Channel("package0", "J", in_total=True)
INSTRUCTIONS = Channel("perf_instructions", "count", remarks=("of_machine",))
FAULTS = Channel("perf_page_faults", "count", remarks=("of_command",))


def of_the_command(time_s: float) -> Value:
    """Counted from 2 s to 8 s only."""
    return 50.0 * (time_s - 2) if 2 <= time_s <= 8 else Retry("no command is running")


def recorded(tmp_path: Path, faults: bool = True) -> Rig:
    """Two labels of 2 s, with 100 and 300 inferences."""
    clock = ManualClock()
    scripts = {
        PACKAGE: constant_power(10.0),
        INSTRUCTIONS: lambda time_s: 9.98e14 + FAST * time_s,
        **({FAULTS: of_the_command} if faults else {}),
    }
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, scripts)])
    for label, begin_s, n in (("a", 3.0, 100), ("b", 5.0, 300)):
        rig.at(begin_s, do="begin", phase="running", label=label)
        rig.at(begin_s + 1, do="count", n=n)
        rig.at(begin_s + 2, do="end", id=1 if label == "a" else 2)
    rig.run(10.0)
    return rig


def test_a_column_of_counts_is_named_as_its_counter(tmp_path: Path) -> None:
    rig = recorded(tmp_path)
    header, *lines = rig.path.read_text().splitlines()
    assert header.split(",")[len(FIXED_COLUMNS) :] == [
        "package0_J",
        "package0_W",
        "perf_instructions",
        "perf_page_faults",
        "total_J",
        "total_W",
    ]
    cells = dict(zip(header.split(","), lines[0].split(","), strict=True))
    assert cells["perf_instructions"] == "998000000000000"
    assert cells["perf_page_faults"] == ""


def test_a_counter_that_is_lost_has_no_count_and_a_flag_says_so(tmp_path: Path) -> None:
    clock = ManualClock()
    lost = Gone("a command with other rights than yours")
    scripts = {
        PACKAGE: constant_power(10.0),
        FAULTS: lambda time_s: lost if time_s > 3.5 else 50.0 * time_s,
    }
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, scripts)])
    rig.at(3.0, do="begin", phase="running")
    rig.at(5.0, do="end", id=1)
    rig.run(6.0)
    live, again = summarise(rig.recorder.reduction), summarise(reduce_csv(rig.path))
    for found in (live, again):
        assert found.running is not None
        assert found.running.counters["page_faults"].count is None
        (flag,) = [flag for flag in found.flags if flag.name == "lost"]
        assert flag.where == "perf_page_faults"
        assert "its count after that is unknown" in flag.text


def test_a_counter_that_falls_has_no_count() -> None:
    rows = [
        event(0, "begin", "running", {"package0": 0.0, "perf_instructions": 5e9}),
        event(1, "end", "running", {"package0": 6.0, "perf_instructions": 1e9}),
    ]
    columns = ["package0_J", "perf_instructions"]
    found = summarise(replace(reduction(rows, ["package0"]), channels=columns))
    assert found.running is not None
    assert found.running.counters["instructions"].count is None


def test_counts_per_inference_live_and_from_the_file(tmp_path: Path) -> None:
    rig = recorded(tmp_path)
    live = summarise(rig.recorder.reduction)
    assert live.running is not None
    assert live.running.counters == {
        "instructions": Counted(4 * FAST, 4 * FAST / 400, "machine"),
        "page_faults": Counted(200.0, 0.5, "command"),
    }
    per_inference = {g.label: g.counters["page_faults"].per_inference for g in live.labels}
    assert per_inference == {"a": 1.0, "b": pytest.approx(100 / 300)}
    again = summarise(reduce_csv(rig.path))
    assert again == live
    assert Summary.from_dict(again.to_dict()) == again


def test_a_slow_source_of_counters_is_read_at_the_edges_too(tmp_path: Path) -> None:
    clock = ManualClock()
    slow = BlockingSource(clock, {INSTRUCTIONS: lambda time_s: 1e9 * time_s})
    rig = Rig(tmp_path, clock, [ScriptedSource(clock, {PACKAGE: constant_power(10.0)}), slow])
    rig.at(3.03, do="begin", phase="running")
    rig.at(5.0, do="count", n=100)
    rig.at(5.07, do="end", id=1)
    rig.run(6.0)
    running = summarise(rig.recorder.reduction).running
    assert running is not None
    assert running.counters["instructions"].count == pytest.approx(2.04e9, rel=1e-3)


class CommandSource(ScriptedSource):
    """Remembers what it was told of a command, and how often it had been read by then."""

    reads = 0

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, {FAULTS: lambda _: 0.0})
        self.told: list[tuple[str, int | None, int]] = []
        self.has_news = True

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        self.reads += 1
        return super().read(counters_only)

    def expect(self, thread: int) -> None:
        self.told.append(("expect", thread, self.reads))

    def watch(self, pid: int | None, *others: int) -> None:
        self.told.append(("watch", pid, self.reads))

    def news(self) -> Sequence[str]:
        found = ["multiplexed perf_page_faults=50"] if self.has_news else []
        self.has_news = False
        return found


def test_a_command_is_counted_from_before_its_first_edge_until_after_its_last(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    source = CommandSource(clock)
    rig = Rig(tmp_path, clock, [source], rate_hz=0.1)
    rig.at(1.0, do="command", repeat=None, label="", thread=77)
    rig.at(1.1, do="watch", pid=4711)
    rig.at(3.0, do="command_end", exit_status=0)
    rows = rig.run(4.0)
    (expect, thread, before), started, (_, ended, after) = source.told
    assert (expect, thread, started[:2], ended) == ("expect", 77, ("watch", 4711), None)
    assert started[2] > before
    assert after > started[2]
    assert "note:multiplexed perf_page_faults=50" in [row["event"] for row in rows]


def test_counts_are_not_energies(tmp_path: Path) -> None:
    summary = summarise(recorded(tmp_path).recorder.reduction)
    assert summary.running is not None
    assert set(summary.running.domains) == {"package0", "total"}
    assert all(set(phase.energy_j) == {"package0", "total"} for phase in summary.phases)


def test_a_recording_without_counters_says_nothing_of_them(tmp_path: Path) -> None:
    rows = [
        event(0, "begin", "running", {"package0": 0.0, "total": 0.0}, n=0),
        event(10, "end", "running", {"package0": 60.0, "total": 60.0}, n=100),
    ]
    summary = summarise(reduction(rows))
    assert "counters" not in summary.to_dict()["running"]
    assert Summary.from_dict(summary.to_dict()) == summary


def test_a_count_that_was_not_read_at_an_edge_is_unknown_and_not_zero() -> None:
    rows = [
        event(0, "begin", "running", {"package0": 0.0}, n=0),
        event(10, "end", "running", {"package0": 60.0, "perf_cycles": 5.0}, n=100),
    ]
    made = replace(reduction(rows, ["package0"]), channels=["package0_J", "perf_cycles"])
    running = summarise(made).running
    assert running is not None
    assert running.counters == {"cycles": Counted(None, None, "")}


def test_instructions_that_stand_still_are_unknown_but_a_command_may_wait() -> None:
    names = ["perf_instructions", "perf_cycles", "perf_page_faults"]
    read = dict.fromkeys(names, 7.0)
    rows = [
        event(0, "note:of_machine perf_instructions"),
        event(0, "note:of_command perf_cycles"),
        event(0, "begin", "running", {"package0": 0.0, **read}, n=0),
        event(10, "end", "running", {"package0": 60.0, **read}, n=100),
    ]
    made = replace(reduction(rows, ["package0"]), channels=["package0_J", *names])
    summary = summarise(made)
    assert summary.running is not None
    assert summary.running.counters == {
        "instructions": Counted(None, None, "machine"),
        "cycles": Counted(0.0, 0.0, "command"),
        "page_faults": Counted(0.0, 0.0, ""),
    }
    assert ("still_counter", "instructions") in [(f.name, f.where) for f in summary.flags]


def test_flags_say_what_was_not_counted_and_what_was_scaled() -> None:
    rows = [
        event(0, "note:of_command perf_page_faults"),
        event(0, "note:of_command perf_task_clock"),
        event(0, "note:of_user_mode perf_cycles"),
        event(0, "begin", "running", {"package0": 0.0}, n=0),
        event(5, "note:multiplexed perf_cycles=52"),
        event(7, "note:multiplexed perf_cycles=40"),
        event(7, "note:multiplexed perf_instructions=41"),
        event(10, "end", "running", {"package0": 60.0}, n=100),
    ]
    flags = summarise(reduction(rows, ["package0"])).flags
    found = [
        (f.name, f.where, f.text) for f in flags if f.name in ("counted_command", "multiplexed")
    ]
    beside = "the joules are the whole machine's, but only the command's processes were counted"
    fix = "; to count the machine, run: sudo sysctl kernel.perf_event_paranoid=0"
    assert found == [
        ("counted_command", "page_faults", beside + fix),
        ("counted_command", "cycles", f"{beside}, and not what the kernel did for them{fix}"),
        (
            "multiplexed",
            "cycles, instructions",
            "the counters took turns: each counted 40 to 41 % of the time, and is scaled from that",
        ),
    ]
