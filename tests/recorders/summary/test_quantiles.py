"""Quantiles of Student's t, beside those of scipy 1.17.1 (`scipy.stats.t.isf(p / 2, degrees)`)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.summary import stats
from recorders.summary.stats import t_quantile, t_tails

P = st.floats(1e-12, 0.9)


@pytest.mark.parametrize(
    ("p", "degrees", "quantile"),
    [
        (0.05, 0.7, 36.61141503159),
        (0.05, 1, 12.70620473617),
        (0.05, 1.7, 5.118838988253),
        (0.05, 2.5, 3.574654842004),
        (0.05, 3.3, 3.024874461841),
        (0.05, 4, 2.776445105198),
        (0.05, 14.3, 2.140573045097),
        (0.05, 77, 1.991254395388),
        (0.05, 1000, 1.962339080826),
        (0.05, 100_000, 1.959987707535),
        (0.05, math.inf, 1.959963984540),
        (0.4, 2, 1.06066017178),
        (0.4, 30, 0.8537672614713),
        (0.01, 5, 4.032142983555),
        (0.001, 7, 5.407882520862),
        (1e-6, 10, 10.51648995691),
        (1e-6, 400, 4.968895670336),
        (1e-12, 3, 13016.38079988),
    ],
)
def test_quantiles_are_those_of_scipy(p: float, degrees: float, quantile: float) -> None:
    assert t_quantile(p, degrees) == pytest.approx(quantile, rel=2e-12)


@given(P, st.floats(0.5, 1e7))
def test_a_quantile_is_exceeded_with_its_probability(p: float, degrees: float) -> None:
    assert t_tails(t_quantile(p, degrees), degrees) == pytest.approx(p, rel=1e-9)


@given(P, st.floats(1.0, 5e5))
def test_more_degrees_have_a_smaller_quantile(p: float, degrees: float) -> None:
    assert t_quantile(p, degrees) > t_quantile(p, degrees * 2) > t_quantile(p, math.inf)


@pytest.mark.parametrize(("degrees", "most"), [(1.3, 4), (2.0, 2), (3.0, 1), (12.5, 1), (4e4, 0)])
def test_few_steps_find_a_quantile(
    degrees: float, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    t_quantile(0.05, math.inf)
    asked: list[float] = []

    def counted(t: float, degrees: float) -> float:
        asked.append(t)
        return t_tails(t, degrees)

    monkeypatch.setattr(stats, "t_tails", counted)
    t_quantile.__wrapped__(0.05, degrees)
    assert len(asked) <= most
