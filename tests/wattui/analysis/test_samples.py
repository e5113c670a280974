"""Intervals and tests of samples: against worked examples, and against how often they are right."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorders.summary.stats import Uncertainty, combined, depend, effective_number, t95
from wattui.analysis.samples import Described, describe, outlier
from wattui.analysis.two_samples import mann_whitney, one_more, samples_to_see

VALUE = st.floats(-1e6, 1e6, allow_subnormal=False)
SAMPLES = st.lists(VALUE, min_size=2, max_size=40)
# Student's sleep data ("The probable error of a mean", 1908): extra hours with two drugs. Patients
# 3 and 7 have changed places: next to each other, those who slept long would look like a trend.
DRUG_1 = (0.7, -1.6, 3.7, -1.2, -0.1, 3.4, -0.2, 0.8, 0.0, 2.0)
DRUG_2 = (1.9, 0.8, 5.5, 0.1, -0.1, 4.4, 1.1, 1.6, 4.6, 3.4)


def dependent(n: int, r: float, seed: int) -> list[float]:
    """A first-order autoregressive series about 0."""
    draw = random.Random(seed)
    values = [draw.gauss(0, 1)]
    for _ in range(n - 1):
        values.append(r * values[-1] + math.sqrt(1 - r * r) * draw.gauss(0, 1))
    return values


def half95(error: Uncertainty | None) -> float:
    assert error is not None
    return t95(error.degrees) * error.standard


def welch95(a: Described, b: Described) -> float:
    assert a.error is not None
    assert b.error is not None
    return half95(combined([a.error, b.error]))


def test_a_few_samples_by_students_t() -> None:
    found = describe([10.0, 12.0, 11.0])
    assert (found.samples, found.mean, found.median, found.sd) == (3, 11.0, 11.0, 1.0)
    assert found.cv == pytest.approx(1 / 11)
    assert found.half_width == pytest.approx(4.302653 / math.sqrt(3))
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
    assert effective_number(values) == pytest.approx(400 * 0.4 / 1.6, rel=0.3)
    assert depend(values)
    # Too few to know, samples that alternate, and samples that are all alike.
    for independent in ([1.0, 2.0, 3.0, 4.0], [1.0, -1.0] * 30, [5.0] * 50):
        assert effective_number(independent) == len(independent)
        assert not depend(independent)


def test_five_samples_that_rise_depend_on_one_another() -> None:
    """It took ten until they were looked at."""
    assert depend([1.0, 2.0, 3.0, 4.0, 5.0])
    assert effective_number([1.0, 2.0, 3.0, 4.0, 5.0]) < 2


def test_one_sample_far_from_the_others_is_an_outlier() -> None:
    """Grubbs' own example of 1969: of ten strengths of wire, 596 is not one (5 %) but 610 is."""
    wire = [568, 570, 570, 570, 572, 572, 572, 578, 584, 596]
    assert outlier(wire) is None
    assert outlier([*wire[:9], 640]) == 9
    assert outlier([1.0, 1.0, 1.0, 9.0]) is None, "too few to tell"
    assert outlier([1.0] * 6) is None


def test_how_many_samples_show_a_difference() -> None:
    """With 5 % scatter on both sides 17 of each show 5 % four times in five (Cohen 1988, d = 1)."""
    assert samples_to_see(0.05, (0.05, 0.05), 0.05) == 17
    assert samples_to_see(0.05, (0.0, 0.0), 0.05) == 2
    assert samples_to_see(0.0001, (0.5, 0.5), 0.05) is None


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
    assert (b.mean - a.mean - half, b.mean - a.mean + half) == pytest.approx(
        (-0.2054, 3.3654), abs=5e-4
    )


def test_one_more_value_scatters_as_the_samples_did() -> None:
    """2.262 · 1.789 · √1.1 for a value as large as the mean of the first drug, 0.75 hours."""
    half = half95(one_more(describe(DRUG_1), 0.75))
    assert half == pytest.approx(2.262 * 1.78901 * math.sqrt(1.1), rel=1e-4)
    assert one_more(describe([1.0]), 1.0) is None
    within = 0
    for seed in range(400):
        *past, new = (100 + value for value in dependent(6, 0.0, seed))
        found = describe(past)
        within += abs(new - found.mean) <= half95(one_more(found, new))
    assert 0.91 <= within / 400 <= 0.98


def test_one_sample_has_no_error_and_equal_samples_leave_nothing_open() -> None:
    assert describe([1.0]).error is None
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
