"""A finished recording as one graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorders.summary.figures import PhaseFigures
from tests.support.made_runs import B1, B8, IDLE, finished
from wattui.show.plot import DOTS_WIDE
from wattui.tui.state.whole import power_graph, read_whole, stretches


def phase(name: str, start_s: float, end_s: float, label: str = "") -> PhaseFigures:
    return PhaseFigures(name, label, None, [], start_s, end_s, None, True, False, False, {})


def told(*phases: PhaseFigures) -> list[tuple[str, float, float | None]]:
    return [(each.title, each.start_s, each.end_s) for each in stretches(phases)]


def test_the_phase_begun_last_is_shown_of_those_inside_each_other() -> None:
    found = told(phase("running", 0, 10, "epoch"), phase("running", 2, 4, "train"))
    assert found == [("epoch", 0, 2), ("train", 2, 4), ("epoch", 4, 10)]


def test_phases_that_overlap_are_shown_one_after_the_other() -> None:
    found = told(phase("running", 0, 6, "a"), phase("running", 4, 8, "b"), phase("idle", 9, 10))
    assert found == [("a", 0, 4), ("b", 4, 8), ("idle", 9, 10)]


def test_its_joules_and_means_are_those_of_the_file(tmp_path: Path) -> None:
    """4 s at 50 W from 11 s on."""
    run = finished(tmp_path / "run.csv", [IDLE, B1, B8])
    whole = read_whole(run.csv, run.summary.phases)
    assert whole is not None
    assert whole.live.energy_j("package0") == 700.0
    assert whole.live.energy_between_j("package0", 11, 15) == 200.0
    assert whole.live.history.stats("package0_W", 11, 15) == (50.0, 50.0)
    assert [each.title for each in whole.live.stretches] == ["idle", "b1", "b8"]


@pytest.mark.parametrize("columns", [20, 90, 300])
def test_all_of_it_is_shown_from_the_left_edge_on(tmp_path: Path, columns: int) -> None:
    run = finished(tmp_path / "run.csv", [IDLE, B1, B8])
    whole = read_whole(run.csv, run.summary.phases)
    assert whole is not None
    view = whole.view(columns * DOTS_WIDE)
    assert view.first_character(whole.live.time_s, columns) == 0


def test_the_parts_of_the_sum_are_drawn_or_their_total_if_they_are_many() -> None:
    few = power_graph(["package0_W", "dram0_W", "core0_W", "gpu0_W", "total_W"])
    assert few is not None
    assert [series.column for series in few.series] == ["package0_W", "gpu0_W", "dram0_W"]
    many = power_graph([*(f"gpu{n}_W" for n in range(8)), "total_W"])
    assert many is not None
    assert [series.column for series in many.series] == ["total_W"]
    assert power_graph(["cpu_util_pct"]) is None
