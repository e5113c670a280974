"""Deadlines stay on their grid, however late they are met."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.ticker import Histogram, Ticker

START_NS = 777_000_000_000


@given(
    st.floats(0.1, 1000),
    st.lists(st.integers(0, 3_000_000_000), min_size=1, max_size=50),
)
def test_deadlines_lie_ahead_and_on_the_grid(rate_hz: float, lateness_ns: list[int]) -> None:
    ticker = Ticker(rate_hz, START_NS)
    for late_ns in lateness_ns:
        now_ns = ticker.deadline_ns + late_ns
        ticker.tick(now_ns)
        assert now_ns < ticker.deadline_ns <= now_ns + ticker.period_ns
        assert (ticker.deadline_ns - START_NS) % ticker.period_ns == 0


@given(st.lists(st.integers(0, 3_000_000_000), min_size=1, max_size=50))
def test_every_deadline_is_either_served_or_missed(lateness_ns: list[int]) -> None:
    ticker = Ticker(100.0, START_NS)
    for late_ns in lateness_ns:
        ticker.tick(ticker.deadline_ns + late_ns)
    passed = (ticker.deadline_ns - START_NS) // ticker.period_ns
    assert ticker.ticks == len(lateness_ns)
    assert ticker.ticks + ticker.missed == passed


def test_a_tick_on_time_misses_nothing_and_is_not_late() -> None:
    ticker = Ticker(10.0, START_NS)
    for _ in range(20):
        ticker.tick(ticker.deadline_ns)
    lateness, interval = ticker.lateness.spread(), ticker.interval.spread()
    assert ticker.missed == 0
    assert lateness is not None
    assert lateness.max_ms == 0
    assert interval is not None
    assert (interval.p50_ms, interval.max_ms) == pytest.approx((100.0, 100.0))


def test_a_pause_is_missed_ticks_and_no_burst_to_catch_up() -> None:
    ticker = Ticker(10.0, START_NS)
    ticker.tick(START_NS)
    ticker.tick(START_NS + 1_050_000_000)
    assert ticker.missed == 9
    assert ticker.deadline_ns == START_NS + 1_100_000_000


@given(st.lists(st.integers(0, 40_000_000), min_size=1, max_size=200))
def test_percentiles_are_within_one_bin_of_the_sorted_durations(durations_ns: list[int]) -> None:
    histogram = Histogram()
    for duration_ns in durations_ns:
        histogram.add(duration_ns)
    spread = histogram.spread()
    ordered = sorted(durations_ns)
    assert spread is not None
    median_ms = ordered[(len(ordered) - 1) // 2] / 1e6
    assert median_ms <= spread.p50_ms <= median_ms + 0.0101
    assert spread.p50_ms <= spread.p99_ms <= spread.max_ms == ordered[-1] / 1e6


def test_an_empty_histogram_has_no_spread() -> None:
    assert Histogram().spread() is None


def test_the_longest_delay_is_kept_exactly() -> None:
    histogram = Histogram()
    histogram.add(12_345_678_901)
    spread = histogram.spread()
    assert spread is not None
    assert spread.max_ms == pytest.approx(12_345.678901)
