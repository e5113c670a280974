"""A recording reduced to its event rows and one reading a second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.summary.reduction import Energies, EventRow, Points, Reducer, Reduction
from tests.support.doubles import event, reduction

NOWHERE = ("", "", None)


def times() -> st.SearchStrategy[list[float]]:
    return st.lists(st.integers(0, 5_000), unique=True).map(
        lambda ms: [t / 1000 for t in sorted(ms)]
    )


@given(times(), st.integers(-1, 5_001), st.integers(0, 5_000))
def test_points_between_two_times_include_both_ends(
    times_s: list[float], start_ms: int, length_ms: int
) -> None:
    points = Points()
    for time_s in times_s:
        points.add(time_s, 2 * time_s)
    start_s, end_s = start_ms / 1000, (start_ms + length_ms) / 1000
    expected = [t for t in times_s if start_s <= t <= end_s]
    found = points.between(start_s, end_s)
    assert found.time_s.tolist() == expected
    assert found.value.tolist() == [2 * t for t in expected]


@given(times())
def test_the_first_reading_of_each_second_is_kept(times_s: list[float]) -> None:
    reducer = Reducer(["package0_J", "package0_W"])
    for time_s in times_s:
        reducer.add(f"{time_s:.6f}", [f"{10 * time_s:.6f}", ""], "", NOWHERE, None)
    firsts = {int(time_s): time_s for time_s in reversed(times_s)}
    kept = reducer.reduction.seconds.get("package0", Points())
    assert list(kept.time_s) == sorted(firsts.values())
    assert list(kept.value) == pytest.approx([10 * t for t in sorted(firsts.values())])


def at(recording: Reduction, channel: str, row: EventRow) -> tuple[float | None, bool]:
    return Energies(recording).at(channel, row.time_s, row)


def test_an_empty_cell_leaves_the_second_to_a_later_row() -> None:
    reducer = Reducer(["package0_J"])
    reducer.add("3.000000", [""], "", NOWHERE, None)
    reducer.add("3.500000", ["35.0"], "", NOWHERE, None)
    reducer.add("3.900000", ["39.0"], "", NOWHERE, None)
    assert list(reducer.reduction.seconds["package0"].time_s) == [3.5]


def test_an_event_row_holds_what_was_read_on_it() -> None:
    reducer = Reducer(["package0_J", "package0_W", "dram0_J", "dram0_W"])
    reducer.add("1.500000", ["15.0", "10.0", "", ""], "begin", ("running", "b32", 2), 7)
    row = reducer.reduction.events[0]
    assert (row.time_s, row.event, row.inferences) == (1.5, "begin", 7)
    assert (row.phase, row.label, row.repeat) == ("running", "b32", 2)
    assert row.energy_j == {"package0": 15.0}


def test_rows_without_an_event_are_not_kept() -> None:
    reducer = Reducer(["package0_J"])
    for tick in range(1000):
        reducer.add(f"{tick / 100:.6f}", [str(tick)], "", NOWHERE, None)
    assert reducer.reduction.events == []


def test_an_edge_that_was_not_read_keeps_its_neighbours() -> None:
    reducer = Reducer(["gpu0_J"])
    reducer.add("1.000000", ["0.0"], "", NOWHERE, None)
    reducer.add("1.200000", ["20.0"], "", NOWHERE, None)
    reducer.add("1.250000", [""], "begin", ("running", "", None), None)
    reducer.add("1.300000", ["30.0"], "", NOWHERE, None)
    energy_j, open_j = at(reducer.reduction, "gpu0", reducer.reduction.events[0])
    assert energy_j == pytest.approx(25.0)
    assert open_j == pytest.approx(5.0)


def test_running_event_rows_become_loading_from_the_place_on() -> None:
    reducer = Reducer(["package0_J"])
    for phase in ("running", "running", "idle"):
        reducer.add("1.0", ["1.0"], "begin", (phase, "", None), None)
    reducer.rename_running_since(1)
    assert [row.phase for row in reducer.reduction.events] == ["running", "loading", "idle"]


@pytest.mark.parametrize("ended", [True, False])
def test_an_undone_mark_is_a_note_in_the_phase_before_it(ended: bool) -> None:
    reducer = Reducer(["package0_J"])
    before, after = ("idle", "", 2), ("running", "b1", None)
    reducer.add("1.0", ["1.0"], "begin", before, None)
    if ended:
        reducer.add("2.0", ["2.0"], "end", before, None)
    reducer.add("2.0", ["2.0"], "begin", after, None)
    reducer.add("3.0", ["3.0"], "note:x", after, None)
    reducer.undo(1, 1 + ended, "note:undone mark running b1", before)
    assert [(row.time_s, row.event) for row in reducer.reduction.events] == [
        (1.0, "begin"),
        (2.0, "note:undone mark running b1"),
        (3.0, "note:x"),
    ]
    assert {(row.phase, row.label, row.repeat) for row in reducer.reduction.events} == {before}


def test_readings_by_hand_are_kept_and_make_the_meter_a_channel() -> None:
    reducer = Reducer(["package0_J", "meter_wall_J", "meter_wall_W"])
    reducer.add("1.0", ["1.0", "", ""], "begin", ("running", "", None), None)
    assert reducer.reduction.energy_channels == ["package0"]
    reducer.add("2.0", ["2.0", "", "103.2"], "note:meter wall", ("running", "", None), None)
    assert [row.power_w for row in reducer.reduction.events] == [{}, {"meter_wall": 103.2}]
    assert reducer.reduction.energy_channels == ["package0", "meter_wall"]
    assert reducer.reduction.by_hand == ["meter_wall"]


def test_a_meter_with_an_energy_of_its_own_is_not_read_by_hand() -> None:
    reducer = Reducer(["meter_wall_J", "meter_wall_W"])
    reducer.add("1.0", ["0.0", ""], "begin", ("running", "", None), None)
    reducer.add("2.0", ["103.2", "103.2"], "end", ("running", "", None), None)
    assert reducer.reduction.energy_channels == ["meter_wall"]
    assert reducer.reduction.by_hand == []


def test_energy_read_on_the_row_is_taken_as_it_is() -> None:
    row = event(5.0, "begin", energy_j={"package0": 42.0})
    assert at(reduction([row]), "package0", row) == (42.0, None)


@given(st.floats(0.0, 1.0), st.floats(0, 1000), st.floats(0, 1000))
def test_an_unread_edge_is_interpolated_between_the_readings_around_it(
    share: float, before_j: float, added_j: float
) -> None:
    row = event(10.0 + share, "begin")
    readings = [(10.0, before_j), (11.0, before_j + added_j)]
    recording = reduction([row], ["package0"], {"package0": readings})
    energy_j, open_j = at(recording, "package0", row)
    assert energy_j == pytest.approx(before_j + share * added_j)
    assert open_j is not None
    assert 0 <= open_j <= added_j + 1e-9


@pytest.mark.parametrize("readings", [[], [(9.0, 90.0)], [(11.0, 110.0)]])
def test_nothing_is_extrapolated(readings: list[tuple[float, float]]) -> None:
    row = event(10.0, "end")
    recording = reduction([row], ["package0"], {"package0": readings})
    assert at(recording, "package0", row)[0] is None


def test_energy_channels_are_those_with_joules() -> None:
    reducer = Reducer(["package0_J", "package0_W", "gpu0_J", "cpu_util_pct", "total_J", "total_W"])
    assert reducer.reduction.energy_channels == ["package0", "gpu0", "total"]
