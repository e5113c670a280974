"""The offset of two clocks from exchanges of stamps, whatever the network does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.fleet.clock import Line, Offset, Stamps, best, line

NS = st.integers(0, 10**9)
DAY_NS = 86_400 * 10**9


def exchanged(sent_ns: int, offset_ns: int, there_ns: int, busy_ns: int, back_ns: int) -> Stamps:
    """One exchange with a clock that is ahead by `offset_ns`; the ways take so long."""
    received_ns = sent_ns + there_ns
    answered_ns = received_ns + busy_ns
    t1, t2 = received_ns + offset_ns, answered_ns + offset_ns
    return Stamps(sent_ns, t1, t2, answered_ns + back_ns)


@given(st.integers(-DAY_NS, DAY_NS), st.lists(st.tuples(NS, NS, NS), min_size=1, max_size=20))
def test_the_error_is_half_the_round_trip_at_most(offset_ns: int, ways: list[tuple[int, int, int]]):
    """However different the way there is from the way back."""
    found = best(exchanged(DAY_NS, offset_ns, *each) for each in ways)
    assert abs(found.offset_ns - offset_ns) <= found.error_ns
    assert found.error_ns == min(there + back for there, _, back in ways) / 2


def test_the_whole_delay_on_one_way_is_the_worst_case():
    found = best([exchanged(0, 500_000_000, 20_000_000, 5, 0)])
    assert found.offset_ns - 500_000_000 == 10_000_000 == found.error_ns


@given(st.floats(-200, 200), st.integers(-DAY_NS, DAY_NS), st.lists(st.integers(0, 60), min_size=2))
def test_a_drift_is_found_as_a_line(ppm: float, offset_ns: int, minutes: list[int]):
    """Between the comparisons, the offset is known as well as at them."""
    at = [10 * DAY_NS + minute * 60_000_000_000 for minute in sorted({0, *minutes, 61})]
    true = [offset_ns + ppm * 1e-6 * (each - at[0]) for each in at]
    found = line([Offset(t, y, 1000.0 + n) for n, (t, y) in enumerate(zip(at, true, strict=True))])
    assert found is not None
    assert found.drift_ppm == pytest.approx(ppm, abs=1e-3)
    for t, y in zip(at, true, strict=True):
        assert found.offset_at_ns(t) == pytest.approx(y, abs=1000)


def test_a_comparison_of_a_busy_moment_counts_little():
    good = [Offset(n * 10**10, 100.0, 10.0) for n in range(5)]
    found = line([*good, Offset(6 * 10**10, 5000.0, 10_000.0)])
    assert found is not None
    assert found.offset_at_ns(6 * 10**10) == pytest.approx(100, abs=1)


def test_a_single_comparison_has_no_drift():
    assert line([Offset(7, 3.0, 1.0)]) == Line(7, 3.0, None)
    assert line([]) is None
