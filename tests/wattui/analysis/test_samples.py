"""Intervals and tests of samples: against worked examples, and against how often they are right."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wattui.analysis.samples import autocorrelation, describe, effective_samples
from wattui.analysis.two_samples import mann_whitney, one_more95, welch95

VALUE = st.floats(-1e6, 1e6, allow_subnormal=False)
SAMPLES = st.lists(VALUE, min_size=2, max_size=40)
# Student's sleep data ("The probable error of a mean", 1908): extra hours with two drugs.
DRUG_1 = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
DRUG_2 = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def dependent(n: int, r: float, seed: int) -> list[float]:
    """A first-order autoregressive series about 0."""
    draw = random.Random(seed)
    values = [draw.gauss(0, 1)]
    for _ in range(n - 1):
        values.append(r * values[-1] + math.sqrt(1 - r * r) * draw.gauss(0, 1))
    return values


def test_a_few_samples_by_students_t() -> None:
    found = describe([10.0, 12.0, 11.0])
    assert (found.samples, found.mean, found.median, found.sd) == (3, 11.0, 11.0, 1.0)
    assert found.cv == pytest.approx(1 / 11)
    assert found.half_width == pytest.approx(4.303 / math.sqrt(3))
    assert found.method == "t"


def test_students_own_data() -> None:
    """Its mean difference of 1.58 hours has the interval 0.70 to 2.46 (t of 9 degrees)."""
    found = describe([b - a for a, b in zip(DRUG_1, DRUG_2, strict=True)])
    assert (found.mean, found.low95, found.high95) == pytest.approx((1.58, 0.700, 2.460), abs=5e-4)


def test_one_sample_has_no_interval_and_none_is_refused() -> None:
    one = describe([3.0])
    assert (one.mean, one.median) == (3.0, 3.0)
    assert (one.sd, one.cv, one.low95, one.high95, one.half_width, one.method) == (None,) * 6
    with pytest.raises(ValueError, match="no samples"):
        describe([])


def test_many_samples_by_a_bootstrap_that_is_the_same_every_time() -> None:
    values = dependent(200, 0.0, 3)
    found = describe(values)
    assert found == describe(values)
    assert found.method == "bootstrap"
    assert found.half_width == pytest.approx(1.96 * found.sd / math.sqrt(200), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "r"), [(12, 0.0), (100, 0.0), (100, 0.6)])
def test_the_interval_holds_the_true_mean_about_as_often_as_it_says(n: int, r: float) -> None:
    series = [describe(dependent(n, r, seed)) for seed in range(200)]
    right = sum(found.low95 <= 0.0 <= found.high95 for found in series)
    assert 0.87 <= right / len(series) <= 0.99


def test_dependent_samples_count_as_fewer() -> None:
    values = dependent(400, 0.6, 1)
    assert autocorrelation(values) == pytest.approx(0.6, abs=0.1)
    assert effective_samples(values) == pytest.approx(400 * 0.4 / 1.6, rel=0.3)
    assert not describe(values).are_independent
    # Too few to know, samples that alternate, and samples that are all alike.
    for independent in ([1.0, 2.0, 3.0, 4.0], [1.0, -1.0] * 30, [5.0] * 50):
        assert effective_samples(independent) == len(independent)


@given(SAMPLES, st.floats(0.5, 1000), st.floats(-1e6, 1e6))
def test_other_units_give_the_same_interval_in_other_units(
    values: list[float], scale: float, shift: float
) -> None:
    assume(max(values) - min(values) > 1e-3)
    found, other = describe(values), describe([value * scale + shift for value in values])
    assert found.half_width is not None
    if found.effective_samples == other.effective_samples:
        assert other.mean == pytest.approx(found.mean * scale + shift, rel=1e-9, abs=1e-3)
        assert other.half_width == pytest.approx(found.half_width * scale, rel=1e-3)


def test_welch_with_students_data() -> None:
    """Taken as two groups: t = 1.8608 with 17.776 degrees, 95 % interval -0.205 to 3.365."""
    a, b = describe(DRUG_1), describe(DRUG_2)
    half = welch95(a, b)
    assert half is not None
    assert (b.mean - a.mean - half, b.mean - a.mean + half) == pytest.approx(
        (-0.2054, 3.3654), abs=5e-4
    )


def test_one_more_value_scatters_as_the_samples_did() -> None:
    """2.262 · 1.789 · √1.1 for a value as large as the mean of the first drug, 0.75 hours."""
    half = one_more95(describe(DRUG_1), 0.75)
    assert half == pytest.approx(2.262 * 1.78901 * math.sqrt(1.1), rel=1e-4)
    assert one_more95(describe([1.0]), 1.0) is None
    within = 0
    for seed in range(400):
        *past, new = (100 + value for value in dependent(6, 0.0, seed))
        found = describe(past)
        within += abs(new - found.mean) <= (one_more95(found, new) or 0.0)
    assert 0.91 <= within / 400 <= 0.98


def test_welch_takes_two_of_each_and_equal_samples_leave_nothing_open() -> None:
    assert welch95(describe([1.0]), describe([1.0, 2.0])) is None
    assert welch95(describe([1.0, 1.0]), describe([2.0, 2.0])) == 0.0


@given(SAMPLES, SAMPLES)
def test_the_order_of_the_two_does_not_matter(a: list[float], b: list[float]) -> None:
    one, other = describe(a), describe(b)
    assert welch95(one, other) == pytest.approx(welch95(other, one))
    first, second = mann_whitney(a, b), mann_whitney(b, a)
    if first and second:
        assert first.p == pytest.approx(second.p)
        assert first.u + second.u == len(a) * len(b)


@pytest.mark.parametrize(
    ("n", "m", "critical"),
    [(4, 4, 0), (5, 5, 2), (6, 6, 5), (8, 8, 13), (10, 10, 23), (7, 9, 12), (20, 20, 127)],
)
def test_critical_values_of_u(n: int, m: int, critical: int) -> None:
    """Two-sided 5 % values as in every printed table of U: p is below 5 % there, above it next."""
    assert exact_p(n, m, critical) <= 0.05 < exact_p(n, m, critical + 1)


def exact_p(n: int, m: int, u: int) -> float:
    """p of two sets in which U of the second is u."""
    b = [0.5 + min(n, max(0, u - place * n)) for place in range(m)][::-1]
    b = [value + place * 1e-3 for place, value in enumerate(sorted(b))]
    found = mann_whitney([float(value) for value in range(1, n + 1)], b)
    assert found is not None
    assert (found.u, found.is_exact) == (u, True)
    return found.p


def test_exact_p_is_the_share_of_orders() -> None:
    a, b = (1.0, 4.0, 5.0), (2.0, 3.0)
    us = [_u(order[:3], order[3:]) for order in permutations((*a, *b))]
    u = _u(a, b)
    share = sum(min(each, 6 - each) <= min(u, 6 - u) for each in us) / len(us)
    found = mann_whitney(a, b)
    assert found is not None
    assert (found.u, found.p) == (u, pytest.approx(share))


def _u(a: Sequence[float], b: Sequence[float]) -> int:
    return sum(y > x for x in a for y in b)


def test_ties_and_large_sets_by_the_normal_approximation() -> None:
    tied = mann_whitney(DRUG_1, DRUG_2)
    assert tied is not None
    # W = 25.5, p = 0.06933: as R's wilcox.test gives for these two (its manual, ?sleep).
    assert (100 - tied.u, tied.is_exact) == (25.5, False)
    assert tied.p == pytest.approx(0.06933, abs=5e-5)
    assert mann_whitney([1.0, 1.0], [1.0]) is None
    assert mann_whitney([], [1.0]) is None
