"""Joules of spans against a plain list of readings, whole and thinned out."""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.tui.state.joules import MOST_READINGS, CounterHistory

# Milliseconds and millijoules are whole, so that the truth is reckoned without rounding.
Reading = tuple[int, int]


@st.composite
def counters(draw: st.DrawFn) -> list[Reading]:
    """Readings of a counter that never falls, in the order in which they come: some late."""
    steps = draw(
        st.lists(
            st.tuples(st.integers(1, 60_000), st.integers(0, 10**6), st.booleans()),
            min_size=2,
            max_size=40,
        )
    )
    time_ms, energy_mj = draw(st.integers(0, 5000)), draw(st.integers(0, 10**9))
    found: list[Reading] = []
    for pause_ms, more_mj, late in steps:
        time_ms, energy_mj = time_ms + pause_ms, energy_mj + more_mj
        found.insert(len(found) - (1 if late and found else 0), (time_ms, energy_mj))
    return found


def filled(readings: list[Reading], most: int = MOST_READINGS) -> CounterHistory:
    joules = CounterHistory(["package0_J"], most)
    for time_ms, energy_mj in readings:
        joules.add(time_ms / 1000, {"package0_J": energy_mj / 1000, "total_J": 1.0})
    return joules


def counter_j(readings: list[Reading], time_s: float) -> float | None:
    """The counter on straight lines between readings, from a look at each of them."""
    for (start, before), (end, after) in pairwise(sorted(readings)):
        if start / 1000 <= time_s <= end / 1000:
            share = (time_s - start / 1000) / ((end - start) / 1000)
            return (before + share * (after - before)) / 1000
    return None


def moments(readings: list[Reading]) -> st.SearchStrategy[float]:
    first, last = min(readings)[0], max(readings)[0]
    exact = st.sampled_from(readings).map(lambda reading: reading[0] / 1000)
    return st.one_of(exact, st.floats(first / 1000, last / 1000))


@given(counters(), st.data())
def test_joules_of_a_span_are_those_of_a_list(readings: list[Reading], data: st.DataObject) -> None:
    start_s, end_s = data.draw(st.tuples(moments(readings), moments(readings)))
    got = filled(readings).between("package0_J", start_s, end_s)
    start_j, end_j = counter_j(readings, start_s), counter_j(readings, end_s)
    assert start_j is not None
    assert end_j is not None
    assert got == pytest.approx(end_j - start_j, rel=1e-9, abs=1e-6)


@given(counters(), st.integers(4, 20), st.data())
def test_joules_never_fall_and_adjacent_spans_add_up(
    readings: list[Reading], most: int, data: st.DataObject
) -> None:
    joules = filled(readings, most)
    edges_s = sorted(data.draw(st.lists(moments(readings), min_size=2, max_size=8)))
    parts = [joules.between("package0_J", *pair) for pair in pairwise(edges_s)]
    known = [part for part in parts if part is not None]
    assert len(known) == len(parts)
    assert min(known) >= 0
    whole = joules.between("package0_J", edges_s[0], edges_s[-1])
    assert whole == pytest.approx(math.fsum(known), rel=1e-9, abs=1e-6)


@given(counters(), st.integers(4, 20), st.data())
def test_thinned_out_readings_are_never_further_off_than_a_neighbour(
    readings: list[Reading], most: int, data: st.DataObject
) -> None:
    """The whole is exact; a moment lies between readings that are left around it."""
    joules = filled(readings, most)
    ordered = sorted(readings)
    first_s, last_s = ordered[0][0] / 1000, ordered[-1][0] / 1000
    whole = joules.between("package0_J", first_s, last_s)
    assert whole == pytest.approx((ordered[-1][1] - ordered[0][1]) / 1000, abs=1e-6)
    at_s = data.draw(moments(readings))
    got = joules.between("package0_J", first_s, at_s)
    assert got is not None
    assert -1e-6 <= got <= whole + 1e-6


@given(counters())
def test_outside_what_was_read_nothing_is_known(readings: list[Reading]) -> None:
    joules = filled(readings)
    first_s, last_s = min(readings)[0] / 1000, max(readings)[0] / 1000
    assert joules.between("package0_J", first_s - 0.001, last_s) is None
    assert joules.between("package0_J", first_s, last_s + 0.001) is None
    assert joules.between("gpu0_J", first_s, last_s) is None
    assert CounterHistory(["package0_J"]).between("package0_J", 0.0, 0.0) is None


def test_absent_cells_leave_the_line_through_the_others() -> None:
    joules = CounterHistory(["a_J", "b_J"])
    joules.add(0.0, {"a_J": 0.0, "b_J": 0.0})
    joules.add(1.0, {"b_J": 50.0})
    joules.add(2.0, {"a_J": 20.0, "b_J": 60.0})
    assert joules.between("a_J", 0.5, 1.5) == 10.0
    assert joules.between("b_J", 0.5, 1.5) == 30.0


def test_a_day_of_ten_readings_a_second_takes_no_more_than_a_third_of_a_megabyte() -> None:
    joules, random, energy_j = CounterHistory(["a_J"]), Random(1), 0.0
    truth = {}
    for number in range(100_000):
        joules.add(number / 10, {"a_J": energy_j})
        truth[number] = energy_j
        energy_j += random.uniform(1.0, 9.0)
    counter = joules._counters["a_J"]
    held = sys.getsizeof(counter._times_s) + sys.getsizeof(counter._energies_j)
    assert held <= 300_000
    # The last minutes are exact, the first ones to the readings that are left.
    assert joules.between("a_J", 9500.0, 9999.9) == pytest.approx(truth[99_999] - truth[95_000])
    assert joules.between("a_J", 100.0, 5000.0) == pytest.approx(
        truth[50_000] - truth[1000], rel=0.01
    )


@given(counters(), st.integers(0, 10**6), st.integers(1, 10**6))
def test_mean_power_is_that_between_the_first_and_the_last_reading_of_a_stretch(
    readings: list[Reading], start_ms: int, long_ms: int
) -> None:
    inside = sorted((t, e) for t, e in readings if start_ms <= t < start_ms + long_ms)
    mean_w = filled(readings).mean_w("package0_J", start_ms / 1000, (start_ms + long_ms) / 1000)
    if len(inside) < 2:
        assert mean_w is None
    else:
        (first_ms, first_mj), (last_ms, last_mj) = inside[0], inside[-1]
        assert mean_w == pytest.approx((last_mj - first_mj) / (last_ms - first_ms), abs=1e-6)


def test_a_column_that_is_no_counter_has_no_mean_power() -> None:
    assert filled([(0, 0), (1000, 500)]).mean_w("gpu0_util_pct", 0.0, 9.0) is None
