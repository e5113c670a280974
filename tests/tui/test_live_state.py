"""What the dashboard makes of rows: joules, phases, rates, the view, the graphs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fakes import COLUMNS, FakeSession, row
from hypothesis import given
from hypothesis import strategies as st

from wattui.tui.graphs import graphs
from wattui.tui.history import BIN_STEPS_S
from wattui.tui.launch import Launch, Recipe
from wattui.tui.live import Live
from wattui.tui.viewport import Viewport, first


def live(*messages: dict[str, Any]) -> Live:
    state = Live(COLUMNS)
    for message in messages:
        state.take(message)
    return state


def test_joules_are_those_since_the_zero() -> None:
    state = live(row(0, 40), row(10, 40))
    assert state.energy_j("package0") == 400
    state.set_zero()
    state.take(row(12, 40))
    assert state.energy_j("package0") == 80
    assert state.energy_j("gpu0") is None


def test_the_ribbon_has_the_innermost_phase_of_every_moment() -> None:
    state = live(
        row(0, 40),
        row(1, 40, "idle", "begin"),
        row(2, 40, "idle"),
        row(3, 40, "idle", "end"),
        row(3, 40, "running", "begin"),
        row(5, 40, "running"),
    )
    found = [(s.phase, s.start_s, s.end_s) for s in state.stretches]
    assert found == [("idle", 1, 3), ("running", 3, None)]
    assert [s.phase for s in state.visible(0, 2)] == ["idle"]
    assert [s.phase for s in state.visible(4, 9)] == ["running"]


def test_what_was_running_before_a_command_spoke_is_loading() -> None:
    state = live(row(0, 40), row(1, 40, "running", "begin"), row(2, 40, "running"))
    state.take({"t": "renamed", "first_event": 0})
    assert [s.phase for s in state.stretches] == ["loading"]


def test_the_summary_of_an_open_phase_is_that_of_its_time_so_far() -> None:
    state = live(
        row(0, 20, "idle", "begin"),
        row(10, 20, "idle", "end"),
        row(10, 20, "running", "begin", 0),
        row(15, 20, "running", count=50),
    )
    summary = state.summary()
    running = summary["running"]
    assert (running["seconds"], running["inferences"]) == (5, 50)
    assert running["domains"]["total"]["total_j_per_inference"]["value"] == pytest.approx(2.2)
    assert running["domains"]["total"]["dynamic_j_per_inference"]["value"] == pytest.approx(0)
    state.take(row(20, 20, "running", "end", 100))
    assert state.summary()["running"]["inferences"] == 100


def test_inferences_per_second_are_over_two_seconds() -> None:
    state = live(*(row(n / 10, 40, "running", count=5 * n) for n in range(41)))
    assert state.rate_per_s == pytest.approx(50)


@given(st.sampled_from(BIN_STEPS_S), st.floats(1, 1000), st.integers(-20, 20))
def test_zooming_keeps_to_the_steps_and_to_two_samples(
    bin_s: float, rate_hz: float, steps: int
) -> None:
    view = Viewport(bin_s).zoomed(steps, rate_hz)
    assert view.bin_s in BIN_STEPS_S
    assert view.bin_s * rate_hz >= 1.99


@given(st.integers(1, 500), st.floats(0, 1e5), st.integers(2, 400))
def test_the_left_edge_is_on_the_grid_of_whole_characters(
    back: int, now_s: float, columns: int
) -> None:
    view = first(10.0).panned(-back, now_s)
    start_s = view.start_s(now_s, 2 * columns)
    characters = start_s / (2 * view.bin_s)
    assert characters == pytest.approx(round(characters), abs=1e-6)


@given(st.floats(10, 1e4), st.integers(1, 300))
def test_panning_there_and_back_is_live_again(now_s: float, bins: int) -> None:
    assert (
        first(10.0).panned(-bins, now_s).panned(bins + 1, now_s + 0.01).live or bins * 0.4 > now_s
    )


def test_every_power_column_is_in_one_graph() -> None:
    columns = [f"gpu{n}_W" for n in range(8)] + [f"package{n}_W" for n in range(4)]
    columns += [f"dram{n}_W" for n in range(4)] + ["package0_die1_W", "psys_W", "core0_W"]
    columns += ["est_cpu_W", "meter_wall_W", "sim_cpu_W", "uncore1_W"]
    shown = [series.column for graph in graphs(columns) for series in graph.series]
    assert sorted(shown) == sorted(columns)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def finished(launch: Launch) -> int | None:
    for _ in range(500):
        if launch.poll():
            break
        time.sleep(0.01)
    return launch.status


def run(code: str, idle_s: float = 0.0) -> tuple[Launch, FakeSession, Clock]:
    clock, session = Clock(), FakeSession()
    argv = (sys.executable, "-c", code)
    return Launch(Recipe(argv, idle_s), session, clock), session, clock  # type: ignore[arg-type]


def test_a_launched_command_has_its_baseline_first() -> None:
    launch, session, clock = run("print('one'); print('two', end='')", idle_s=10)
    assert not launch.poll()
    assert launch.title == "idle baseline, 10 s left"
    clock.now_s = 10.0
    assert finished(launch) == 0
    assert [a["do"] for a in session.asked] == ["begin", "end", "command", "watch", "command_end"]
    assert list(launch.output) == ["one", "two"]


def test_a_command_that_cannot_start_says_so() -> None:
    session = FakeSession()
    launch = Launch(Recipe(("./none",), 0), session, Clock())  # type: ignore[arg-type]
    assert finished(launch) == 127
    assert list(launch.output) == ["./none: No such file or directory"]


def test_stop_ends_a_command_and_what_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time; "
        "c = subprocess.Popen(['sleep', '60']); "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(c.pid)); "
        "print('up', flush=True); time.sleep(60)"
    )
    launch, _, _ = run(code)
    for _ in range(500):
        launch.poll()
        if "up" in launch.output:
            break
        time.sleep(0.01)
    launch.stop()
    assert finished(launch) in (1, 130)
    child = Path("/proc") / (tmp_path / "pid").read_text() / "stat"
    for _ in range(500):
        if not child.exists() or child.read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    raise AssertionError("the command's child is alive")
