"""The history against a plain list of readings, over days, gaps and late rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.show.history import BIN_S, BIN_STEPS_S, LEVELS, RING_BINS, Bin, History

DAY_S = 86400.0
# What the bins can hold without rounding.
values = st.floats(-1e6, 1e6, width=32)
# Milliseconds are whole, so that the truth is reckoned without rounding.
Reading = tuple[int, float]


def truth(readings: list[Reading], start_ms: int, end_ms: int) -> list[float]:
    return [value for time_ms, value in readings if start_ms <= time_ms < end_ms]


def extremes(found: list[float]) -> Bin | None:
    return (min(found), max(found)) if found else None


def filled(readings: list[Reading]) -> History:
    history = History(["w"])
    for time_ms, value in readings:
        history.add(time_ms / 1000, {"w": value})
    return history


def ring_s(bin_s: float) -> float:
    """What the level behind an exact bin width reaches back at least."""
    level = min(LEVELS - 1, int(math.log2(bin_s / BIN_S) + 0.5) // 2)
    return (RING_BINS - 1) * BIN_S * 4.0**level


@st.composite
def recordings(draw: st.DrawFn) -> list[Reading]:
    """Rows with pauses from milliseconds to days, some of them late by up to ten seconds."""
    pauses = st.one_of(st.integers(1, 300), st.integers(1, 60_000), st.integers(1, 10**8))
    rows, time_ms = [], draw(st.integers(-5000, 5000))
    for pause_ms, late_ms, value in draw(
        st.lists(st.tuples(pauses, st.sampled_from([0, 0, 0, 7, 120, 10_000]), values), max_size=40)
    ):
        time_ms += pause_ms
        rows.append((time_ms - late_ms, value))
    return rows


@given(recordings(), st.sampled_from(BIN_STEPS_S), st.integers(-600, 20), st.integers(1, 40))
def test_bins_are_those_of_a_list(
    readings: list[Reading], bin_s: float, offset: int, count: int
) -> None:
    history = filled(readings)
    newest_s = max((time_ms for time_ms, _ in readings), default=0) / 1000
    bin_ms, first = round(bin_s * 1000), math.floor(newest_s / bin_s) + offset
    got = history.bins("w", first * bin_s, bin_s, count)
    assert len(got) == count
    widest_ms = round(BIN_S * 1000) * 4 ** (LEVELS - 1)
    for number, found in enumerate(got, first):
        exact = extremes(truth(readings, number * bin_ms, (number + 1) * bin_ms))
        if number * bin_s > newest_s - ring_s(bin_s):
            assert found == exact
        elif found:
            around = truth(readings, number * bin_ms - widest_ms, number * bin_ms + widest_ms)
            assert min(around) <= found[0] <= found[1] <= max(around)


@given(recordings(), st.integers(0, 4000), st.integers(1, 4000))
def test_mean_and_highest_are_those_of_a_list(
    readings: list[Reading], before: int, length: int
) -> None:
    history = filled(readings)
    newest_ms = max((time_ms for time_ms, _ in readings), default=0)
    start = newest_ms // 100 - before
    found = truth(readings, start * 100, (start + length) * 100)
    got = history.stats("w", start / 10, (start + length) / 10)
    expected = (math.fsum(found) / len(found), max(found)) if found else None
    assert got == (expected and pytest.approx(expected, rel=1e-9, abs=1e-6))


@given(
    bin_s=st.one_of(st.sampled_from(BIN_STEPS_S), st.floats(0.1, 500.0)),
    bins_a_row=st.floats(0.05, 3.0),
    readings=st.lists(values, min_size=20, max_size=60),
)
def test_a_bin_that_is_past_never_changes(
    bin_s: float, bins_a_row: float, readings: list[float]
) -> None:
    history, seen = History(["w"]), dict[int, Bin | None]()
    for number, value in enumerate(readings):
        time_s = number * bins_a_row * bin_s
        history.add(time_s, {"w": value})
        newest = math.floor(time_s / bin_s)
        got = history.bins("w", (newest - 50) * bin_s, bin_s, 50)
        for place, found in enumerate(got, newest - 50):
            assert seen.setdefault(place, found) == found


@pytest.mark.parametrize("bin_s", BIN_STEPS_S)
def test_a_day_of_seconds_is_known_at_every_width(bin_s: float) -> None:
    """Value and time are the same number, so that each bin says where it came from."""
    history = filled([(second * 1000, float(second)) for second in range(0, 20_000)])
    for back in (0, 500, 5000, 15_000):
        first = math.floor((19_999 - back) / bin_s) - 100
        for number, found in enumerate(history.bins("w", first * bin_s, bin_s, 100), first):
            start_s, end_s = number * bin_s, (number + 1) * bin_s
            if start_s >= 0 and bin_s > 1:
                assert found is not None
            if found:
                wide_s = 0.0 if start_s > 20_000 - ring_s(bin_s) else 10.0
                assert start_s - wide_s <= found[0] <= found[1] < end_s + wide_s


@given(st.lists(st.tuples(st.integers(-300, 300), values, st.booleans()), max_size=60))
def test_rows_in_any_order_looked_at_meanwhile(rows: list[tuple[int, float, bool]]) -> None:
    history, readings = History(["w"]), list[Reading]()
    for time_ms, value, look in [*rows, (0, 0.0, True)]:
        history.add(time_ms / 1000, {"w": value})
        readings.append((time_ms, value))
        for bin_s in (0.1, 0.4) if look else ():
            bin_ms = round(bin_s * 1000)
            expected = [
                extremes(truth(readings, first * bin_ms, (first + 1) * bin_ms))
                for first in range(-4, 4)
            ]
            assert history.bins("w", -4 * bin_s, bin_s, 8) == expected


def test_an_odd_width_has_the_same_bins_for_as_long_as_they_are_held() -> None:
    history, seen, bin_s = History(["w"]), dict[int, Bin | None](), 10.3
    for number in range(15_000):
        history.add(number / 10, {"w": float(number)})
        if number % 500 == 0:
            newest = math.floor(number / 10 / bin_s)
            for place, found in enumerate(history.bins("w", 0.0, bin_s, newest)):
                assert seen.setdefault(place, found) == found


@pytest.mark.parametrize("pause", [2, 400, RING_BINS - 1, RING_BINS, RING_BINS + 1, 30_000])
def test_a_pause_leaves_nothing_of_the_last_time_round(pause: int) -> None:
    """The ring holds as many bins as it says, wherever its seam lies."""
    for written in (RING_BINS - 1, RING_BINS, RING_BINS + 300):
        history = filled([(100 * number, 1.0) for number in range(written)])
        newest = written - 1 + pause
        history.add(newest / 10, {"w": 2.0})
        oldest = newest - RING_BINS + 1
        got = history.bins("w", oldest / 10, BIN_S, RING_BINS)
        for place, found in enumerate(got, oldest):
            assert found == (None if written <= place < newest else (1 + (place == newest),) * 2)


def test_a_decimal_time_is_in_the_bin_that_begins_there() -> None:
    history = filled([(100 * number, number) for number in range(3000)])
    for number in range(3000):
        assert history.bins("w", number / 10, BIN_S, 1) == [(number, number)]


def test_a_gap_stays_a_gap() -> None:
    history = History(["a", "b"])
    history.add(0.0, {"a": 1.0, "b": 5.0})
    history.add(0.1, {"b": 6.0})
    history.add(0.3, {"a": 3.0, "b": 7.0})
    assert history.bins("a", -0.1, 0.1, 6) == [None, (1, 1), None, None, (3, 3), None]
    assert history.bins("b", 0.0, 0.2, 2) == [(5, 6), (7, 7)]


def test_what_is_no_number_is_no_reading() -> None:
    history = History(["a"])
    history.add(1.0, {"a": math.nan, "unknown": 1.0})
    history.add(2.0, {"a": math.inf})
    assert history.latest("a") is None
    assert history.stats("a", 0.0, 10.0) is None
    assert history.bins("a", 0.0, 1.6, 2) == [None, None]
    assert (history.first_s, history.last_s) == (1.0, 2.0)


def test_a_forgotten_column_has_no_readings() -> None:
    history = History(["w", "v"])
    history.add(1.0, {"w": 5.0, "v": 6.0})
    history.keep(["v"])
    assert history.latest("w") is None
    assert history.bins("w", 0.0, 0.1, 20) == [None] * 20
    assert history.stats("w", 0.0, 2.0) is None
    assert history.exact_since_s("w", 0.1) < 0
    assert history.stats("v", 0.0, 2.0) == (6.0, 6.0)


def test_a_late_row_is_placed_and_is_not_the_latest() -> None:
    history = History(["a"])
    assert (history.first_s, history.last_s) == (None, None)
    for time_s, value in ((5.0, 50.0), (6.0, 60.0), (4.9, 49.0)):
        history.add(time_s, {"a": value})
    assert history.latest("a") == (6.0, 60.0)
    assert (history.first_s, history.last_s) == (4.9, 6.0)
    assert history.bins("a", 4.8, 0.2, 2) == [(49, 49), (50, 50)]


def test_a_row_older_than_all_that_is_held_is_left() -> None:
    history = History(["a"])
    history.add(30 * DAY_S, {"a": 1.0})
    history.add(0.0, {"a": 2.0})
    assert history.stats("a", 0.0, 31 * DAY_S) == (1.0, 1.0)


def test_twenty_columns_of_a_day_take_ten_megabytes() -> None:
    columns = [f"column{number}" for number in range(20)]
    history = History(columns)
    for row in range(1440):
        history.add(row * 60.0, dict.fromkeys(columns, float(row)))
        assert row or history.size_bytes < 0.2e6
    assert history.size_bytes < 10e6
    assert history.stats("column0", 0.0, DAY_S) == (719.5, 1439.0)
