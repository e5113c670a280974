"""Several regressors: coefficients, errors and collinearity, beside those of statsmodels.

The reference values are from statsmodels 0.15 (OLS; GLM of the gamma family with the identity
link, scale X2, which is relative least squares) and numpy 2.4 (cond).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wattui.analysis.left_out import held_out, one_by_one, sums_held_out
from wattui.analysis.plane import Plane, collinear, fit_plane
from wattui.analysis.regression import LEAST_SQUARES, NoLineError, fit_line

# Instructions in G and misses in M per inference, and joules.
GIVEN = (
    (1.2, 3.1, 1.51),
    (2.5, 2.0, 2.02),
    (4.1, 9.5, 5.39),
    (5.0, 4.2, 4.47),
    (7.7, 12.0, 8.61),
    (9.1, 6.3, 7.72),
    (12.4, 20.5, 14.05),
    (15.0, 9.9, 12.61),
)
ROWS = [(a * 1e9, b * 1e6) for a, b, _ in GIVEN]
YS = [y for *_, y in GIVEN]
NUMBER = st.floats(0.1, 100)


def values(plane: Plane) -> list[float]:
    return [term.value for term in (plane.intercept, *plane.terms) if term]


def errors(plane: Plane) -> list[float | None]:
    return [term.error for term in (plane.intercept, *plane.terms) if term]


def test_ordinary_least_squares_is_that_of_statsmodels() -> None:
    plane = fit_plane(ROWS, YS, "ordinary")
    assert values(plane) == pytest.approx(
        [-0.1448256957445655, 6.54916342879806e-10, 2.9938331884159435e-07], rel=1e-9
    )
    assert errors(plane) == pytest.approx(
        [0.057842149218636243, 9.000397499950674e-12, 7.238476387537927e-09], rel=1e-9
    )
    halves = [t.interval95 for t in (plane.intercept, *plane.terms) if t]
    assert halves == pytest.approx(
        [0.14868797811559153, 2.3136258326879737e-11, 1.860709591948738e-08], rel=1e-6
    )
    assert plane.r2 == pytest.approx(0.9997625940018406, rel=1e-12)
    assert plane.residual_sd == pytest.approx(0.08388527820840845, rel=1e-9)
    assert [term.inflation for term in plane.terms] == pytest.approx([1.8906781145962588] * 2)
    assert plane.condition == pytest.approx(5.405358341753607)


def test_through_the_origin_it_is_too() -> None:
    plane = fit_plane(ROWS, YS, "ordinary", through_origin=True)
    assert plane.intercept is None
    assert values(plane) == pytest.approx([6.462638525198746e-10, 2.940379151131284e-07], rel=1e-9)
    assert errors(plane) == pytest.approx([1.1389311469475272e-11, 9.478800509593102e-09], rel=1e-9)
    assert plane.r2 == pytest.approx(0.9994649315277921, rel=1e-12)
    assert [term.inflation for term in plane.terms] == pytest.approx([5.5980409816084205] * 2)


def test_relative_least_squares_is_the_gamma_model_with_an_identity_link() -> None:
    plane = fit_plane(ROWS, YS, "relative")
    assert values(plane) == pytest.approx(
        [-0.22891558576765547, 0.6636061795222028e-9, 0.30431844405944863e-6], rel=1e-8
    )
    assert errors(plane) == pytest.approx(
        [0.027833682489034263, 0.010220363220491649e-9, 0.009082437728851188e-6], rel=1e-8
    )
    assert plane.residual_sd == pytest.approx(0.014133527882866674, rel=1e-8)
    origin = fit_plane(ROWS, YS, "relative", through_origin=True)
    assert values(origin) == pytest.approx([0.6555373083939288e-9, 0.2679246156119466e-6], rel=1e-7)


def test_prediction_intervals_are_those_of_statsmodels() -> None:
    row = (8e9, 8e6)
    plane, origin = fit_plane(ROWS, YS, "ordinary"), fit_plane(ROWS, YS, "ordinary", True)
    assert plane.at(row) == pytest.approx(7.489571598026637, rel=1e-9)
    assert plane.plus_minus(row) == pytest.approx(0.23024461740583568, rel=1e-6)
    assert origin.at(row) == pytest.approx(7.522414141064024, rel=1e-9)
    assert origin.plus_minus(row) == pytest.approx(0.29712342511534473, rel=1e-6)
    line = fit_line([x for x, _ in ROWS], YS, "relative")
    one = fit_plane([(x,) for x, _ in ROWS], YS, "relative")
    assert one.plus_minus((8e9,)) == pytest.approx(line.plus_minus(8e9), rel=1e-6)


def test_each_point_left_out_is_that_of_statsmodels() -> None:
    found = held_out(ROWS, YS, one_by_one(ROWS), lambda xs, ys: fit_plane(xs, ys, "ordinary"))
    assert found is not None
    assert found.errors[:2] == pytest.approx([0.05930474819862982, 0.05047884584496745])
    assert (found.mean, found.sd) == pytest.approx((0.022489300567459125, 0.021388140199164383))


def test_a_network_is_predicted_as_the_sum_of_its_layers() -> None:
    networks = ["a"] * 4 + ["b"] * 4
    found = sums_held_out(ROWS, YS, networks, lambda xs, ys: fit_plane(xs, ys, "ordinary"))
    others = fit_plane(ROWS[4:], YS[4:], "ordinary")
    assert found is not None
    assert found.groups == ("a", "b")
    assert found.errors[0] == pytest.approx(sum(map(others.at, ROWS[:4])) / sum(YS[:4]) - 1)


def test_regressors_that_change_together_are_named() -> None:
    steps = (1, -1, 2, 0, -2, 1, 0, -1)
    rows = [(a, 1.5 * a + step * 1e7) for (a, _), step in zip(ROWS, steps, strict=True)]
    plane = fit_plane(rows, YS, "ordinary")
    assert [term.inflation for term in plane.terms] == pytest.approx([343749.2306] * 2, rel=1e-6)
    assert plane.condition == pytest.approx(2583.318207946526, rel=1e-6)
    together, falls = collinear(plane, ("instructions", "cycles"))
    assert "instructions (3.44e+05), cycles (3.44e+05) change together" in together
    assert "energy falls with instructions" in falls
    assert collinear(fit_plane(ROWS, YS, "ordinary"), ("instructions", "misses")) == []


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(a, 3 * a) for a, _ in ROWS], "not independent"),
        ([(a, 7.0) for a, _ in ROWS], "the same in all points"),
        ([(a, 0.0) for a, _ in ROWS], "is 0 in all points"),
        (ROWS[:2], "3 coefficients need 3 points, there are 2"),
    ],
)
def test_what_cannot_be_fitted_says_why(rows: list[tuple[float, float]], why: str) -> None:
    with pytest.raises(NoLineError, match=why):
        fit_plane(rows, YS[: len(rows)], "ordinary")


def test_as_many_points_as_coefficients_have_no_error() -> None:
    plane = fit_plane(ROWS[:3], YS[:3], "ordinary")
    assert [plane.at(row) for row in ROWS[:3]] == pytest.approx(YS[:3])
    assert errors(plane) == [None] * 3
    assert plane.r2 is None


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=4, max_size=12), st.booleans())
def test_one_regressor_is_the_line(points: list[tuple[float, float]], origin: bool) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    assume(max(xs) > 1.1 * min(xs))
    for weights in LEAST_SQUARES:
        try:
            line = fit_line(xs, ys, weights, origin)
        except NoLineError:
            continue
        plane = fit_plane([(x,) for x in xs], ys, weights, origin)
        assert plane.terms[0].value == pytest.approx(line.slope, rel=1e-5, abs=1e-6)
        assert line.slope_error is not None
        assert plane.terms[0].error == pytest.approx(line.slope_error, rel=1e-4, abs=1e-6)
        assert math.isfinite(plane.condition)
