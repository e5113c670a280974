"""Percentiles and means against numpy's and against hand arithmetic."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.result import CellResult, latency_of, mean_and_error, percentile

numpy = pytest.importorskip("numpy", reason="compares with numpy's percentiles")

TIMES = st.lists(st.floats(1e-6, 10), min_size=1, max_size=50)


@given(TIMES, st.floats(0, 1))
def test_a_percentile_is_numpys(values: list[float], quantile: float) -> None:
    assert percentile(sorted(values), quantile) == pytest.approx(
        float(numpy.quantile(values, quantile)), rel=1e-9
    )


@given(TIMES)
def test_percentiles_lie_in_order_between_the_extremes(values: list[float]) -> None:
    latency = latency_of("every call", values)
    assert latency is not None
    bounds = [min(values), latency.p50_s, latency.p90_s, latency.p99_s, max(values)]
    assert all(a <= b * (1 + 1e-12) for a, b in itertools.pairwise(bounds))
    assert latency.calls == len(values)


def test_no_calls_have_no_latency() -> None:
    assert latency_of("every call", []) is None


def test_the_interval_of_a_mean_by_hand() -> None:
    mean, error = mean_and_error([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5
    assert error == pytest.approx(1.96 * math.sqrt(5 / 3 / 4))


def test_one_value_has_no_interval_and_none_have_no_mean() -> None:
    assert mean_and_error([2.0]) == (2.0, None)
    assert mean_and_error([]) == (None, None)


def test_throughput_is_unknown_where_nothing_was_counted() -> None:
    assert CellResult("a", None, 0, None, None, inferences=0, seconds=2).inferences_per_s is None
    assert CellResult("a", None, 1, None, None, inferences=6, seconds=2).inferences_per_s == 3
