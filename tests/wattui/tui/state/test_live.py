"""The dashboard's state from rows: joules, phases, rates, the view, the graphs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.channels import channel_of
from tests.support.fakes import COLUMNS, row
from wattui.show.graphs import graphs
from wattui.show.history import BIN_STEPS_S
from wattui.show.palette import DARK
from wattui.tui.state.curves import Curves
from wattui.tui.state.live import Live
from wattui.tui.state.viewport import Viewport, first
from wattui.tui.themes import PALETTES


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


def test_an_undone_mark_leaves_the_ribbon_and_the_summary() -> None:
    state = live(
        row(0, 40),
        row(1, 40, "idle", "begin"),
        row(3, 40, "idle", "end"),
        row(3, 40, "running", "begin"),
        row(4, 40, "running"),
    )
    note = {"first_event": 1, "rows": 2, "event": "note:undone mark running"}
    state.take({"t": "undone", **note, "phase": "idle", "label": "", "repeat": None})
    state.take(row(5, 40, "idle"))
    assert [(s.phase, s.start_s, s.end_s) for s in state.stretches] == [("idle", 1, None)]
    found = state.summary()
    assert found.running is None
    assert [(p.phase, p.start_s, p.end_s) for p in found.phases] == [("idle", 1, 5)]


def test_an_undone_first_mark_leaves_an_empty_ribbon_and_an_undone_end_goes_on() -> None:
    state = live(row(0, 40), row(1, 40, "idle", "begin"))
    undone = {"t": "undone", "rows": 1, "label": "", "repeat": None}
    state.take({**undone, "first_event": 0, "event": "note:undone mark idle", "phase": ""})
    assert state.stretches == []
    state = live(row(1, 40, "idle", "begin"), row(2, 40, "idle", "end"), row(3, 40))
    state.take({**undone, "first_event": 1, "event": "note:undone end idle", "phase": "idle"})
    assert [(s.phase, s.start_s, s.end_s) for s in state.stretches] == [("idle", 1, None)]


def test_an_undone_wall_meter_reading_leaves_the_graph_and_those_before_it_stay() -> None:
    columns = ["package0_J", "meter_wall_J", "meter_wall_W"]

    def read(time_s: float, power_w: str = "") -> dict[str, Any]:
        event = f"note:meter wall {power_w} W" if power_w else ""
        cells = [f"{time_s * 40:g}", "", power_w]
        return {**row(time_s, 40, event=event), "cells": cells}

    before = Live(columns)
    for message in (read(0), read(2, "90.5"), read(9)):
        before.take(message)
    state = Live(columns, before, gap_s=1.0)
    for message in (read(0), read(3, "103.2"), read(5, "99.0"), read(6)):
        state.take(message)
    curves = Curves(["meter_wall_W"], 0.4)
    curves.move(state.history, state.time_s, 0, 45)
    assert _drawn(curves) == {90.5, 103.2, 99.0}
    last = {"first_event": 1, "rows": 1, "event": "note:undone meter wall 99.0 W"}
    state.take({"t": "undone", **last, "phase": "", "label": "", "repeat": None})
    curves.move(state.history, state.time_s, 0, 45)
    assert _drawn(curves) == {90.5, 103.2}
    assert state.history.latest("meter_wall_W") == (13, 103.2)


def _drawn(curves: Curves) -> set[float]:
    return {round(each[1], 3) for each in curves.bins["meter_wall_W"] if each}


def test_the_summary_of_an_open_phase_is_that_of_its_time_so_far() -> None:
    state = live(
        row(0, 20, "idle", "begin"),
        row(10, 20, "idle", "end"),
        row(10, 20, "running", "begin", 0),
        row(15, 20, "running", count=50),
    )
    summary = state.summary()
    running = summary.running
    assert (running.seconds, running.inferences) == (5, 50)
    assert running.domains["total"].total_j_per_inference.value == pytest.approx(2.2)
    assert running.domains["total"].dynamic_j_per_inference.value == pytest.approx(0)
    state.take(row(20, 20, "running", "end", 100))
    assert state.summary().running.inferences == 100


def test_while_a_counter_fails_its_energy_is_unknown_and_then_whole_again() -> None:
    unread = {**row(6.5, 20, "running"), "cells": [""] * len(COLUMNS)}
    state = live(row(0, 20, "running", "begin", 0), row(5, 20, "running"), unread)
    assert state.summary().running.domains["total"].running_j is None
    assert state.energy_j("package0") == 100, "what was read stays"
    state.take(row(8, 20, "running"))
    energy = state.summary().running.domains["total"].running_j
    assert energy.value == pytest.approx(22 * 8)


def test_inferences_per_second_are_over_two_seconds() -> None:
    state = live(*(row(n / 10, 40, "running", count=5 * n) for n in range(41)))
    assert state.rate_per_s == pytest.approx(50)


def test_without_inferences_tokens_are_counted_and_the_energy_is_per_token() -> None:
    rows = [row(0, 40, "running", "begin"), *(row(n / 10, 40, "running") for n in range(1, 41))]
    for n, message in enumerate(rows):
        message["counts"] = {"requests": n // 10, "tokens_out": 5 * n} if n else {}
    state = live(*rows)
    assert (state.per, state.counts["tokens_out"]) == ("tokens_out", 200)
    assert state.rate_per_s == pytest.approx(50)
    summary = state.summary()
    assert summary.per == "tokens_out"
    assert summary.running is not None
    assert summary.running.inferences == 200
    assert summary.running.counts["requests"].count == 4


@given(st.sampled_from(BIN_STEPS_S), st.floats(1, 1000), st.integers(-20, 20))
def test_zooming_keeps_to_the_steps_and_to_two_samples(
    bin_s: float, rate_hz: float, steps: int
) -> None:
    view = Viewport(bin_s, rate_hz).zoomed(steps)
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


def test_the_graphs_go_on_from_one_recording_to_the_next() -> None:
    before = live(row(0, 40), row(1, 40, "idle", "begin"), row(10, 40, "idle"))
    after = Live(COLUMNS, before, gap_s=2.0)
    assert after.start_s == 12
    for message in (row(0, 70), row(3, 70, "running", "begin"), row(5, 70, "running")):
        after.take(message)
    assert (after.time_s, after.run_s) == (17, 5)
    assert after.history.bins("package0_W", 10, 0.1, 1) == [(40, 40)]
    assert after.history.bins("package0_W", 17, 0.1, 1) == [(70, 70)]
    found = [(s.phase, s.start_s, s.end_s) for s in after.stretches]
    assert found == [("idle", 1, 10), ("running", 15, None)]


def test_joules_are_those_of_one_recording_and_unknown_across_its_start() -> None:
    before = live(row(0, 40), row(10, 40))
    after = Live(COLUMNS, before, gap_s=2.0)
    after.take(row(0, 70))
    after.take(row(5, 70))
    assert after.energy_j("package0") == 350
    assert after.energy_between_j("package0", 2, 4) == pytest.approx(80)
    assert after.energy_between_j("package0", 13, 15) == pytest.approx(140)
    assert after.energy_between_j("package0", 9, 13) is None
    assert after.mean_w("package0", 0, 20) is None
    assert after.mean_w("package0", 12, 20) == pytest.approx(70)
    assert after.summary().phases == []


def test_marks_and_corrections_count_from_the_recordings_own_start() -> None:
    after = Live(COLUMNS, live(row(0, 40), row(10, 40)), gap_s=2.0)
    for message in (row(0, 40), row(1, 40, "running", "begin"), row(2, 40, "running")):
        after.take(message)
    after.take({"t": "renamed", "first_event": 0})
    assert [(s.phase, s.start_s) for s in after.stretches] == [("loading", 13)]


def test_memory_stays_bounded_over_many_recordings() -> None:
    state = live(row(0, 40))
    for number in range(20):
        state = Live([*COLUMNS[:2], f"own{number}_W"], state)
        for time_s in range(20):
            state.take({**row(time_s, 40), "cells": [f"{time_s}", "2.0", "3.0"]})
    assert state.history.latest("package0_W") is not None
    assert state.history.latest("own18_W") is None
    assert len(state._joules) == 3


def test_a_device_has_one_colour_in_every_graph() -> None:
    gauges = [f"gpu{n}_{unit}" for n in range(8) for unit in ("W", "util_pct", "temp_C")]
    powers = ["package0_W", "package1_W", "dram0_W", "dram1_W"]
    uses = ["cpu_util_pct", "command_cpu_pct", "cpu_temp_C", "command_gpu0_pct"]
    found: dict[str, set[int]] = {}
    for spec in graphs([*powers, *gauges, *uses]):
        for series in spec.series:
            found.setdefault(channel_of(series.column).partition("_")[0], set()).add(series.colour)
    assert all(len(colours) == 1 for colours in found.values())
    for palette in PALETTES.values():
        drawn = {palette.of_series(*colour, estimated=False) for colour in found.values()}
        assert len(drawn) == len(found) == 14


def test_no_two_series_of_a_graph_have_the_same_colour() -> None:
    uses = ["cpu_util_pct", "command_cpu_pct", *(f"gpu{n}_util_pct" for n in range(8))]
    shares = [f"command_gpu{n}_pct" for n in range(3)]
    for spec in graphs(["package0_W", "package1_W", "dram0_W", "dram1_W", *uses, *shares]):
        drawn = [DARK.of_series(each.colour, each.estimated) for each in spec.series]
        assert len(set(drawn)) == len(drawn), spec.title
