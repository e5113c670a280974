"""Lines, their uncertainty, their predictions, and data that a single line does not fit."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wattui.analysis.breakpoint import LEAST_POINTS, compare_lines
from wattui.analysis.left_out import leave_one_out, left_out
from wattui.analysis.published import published
from wattui.analysis.regression import (
    LEAST_SQUARES,
    WEIGHTS,
    NoLineError,
    Weights,
    fit_line,
    outliers,
    relative_residuals,
)

PIXELS = published("deepmeter")["individual"][0]["pixels"]
CONV1 = published("deepmeter")["individual"][0]["mj_per_image"]
ELEMENTS = published("deepmeter")["individual"][1]["elements"]
LINEAR1 = published("deepmeter")["individual"][1]["mj_per_image"]
PUBLISHED = {row["layer"]: row for row in published("deepmeter")["fits"]}

Points = tuple[tuple[float, ...], tuple[float, ...]]
XS = st.lists(st.integers(1, 10_000).map(float), min_size=3, max_size=12, unique=True)
FACTOR = st.floats(1e-3, 1e3)
POINTS = st.lists(
    st.tuples(st.integers(1, 1000).map(float), st.floats(0.1, 1000)),
    min_size=4,
    max_size=12,
    unique_by=lambda point: point[0],
)
KIND = st.sampled_from(LEAST_SQUARES)


@pytest.mark.parametrize(
    ("layer", "xs", "ys"), [("conv1", PIXELS, CONV1), ("linear1", ELEMENTS, LINEAR1)]
)
def test_the_published_fits_come_out_of_the_published_rows(
    layer: str, xs: list[float], ys: list[float]
) -> None:
    line, wanted = fit_line(xs, ys), PUBLISHED[layer]
    assert round(line.intercept, 2) == wanted["intercept_mj"]
    assert f"{line.slope:.2e}" == f"{wanted['slope_mj_per_pixel']:.2e}"
    assert line.r2 is not None
    assert round(line.r2, 4) == wanted["r2"]


def test_the_good_r2_of_conv1_hides_a_residual_of_45_per_cent_at_32_by_32() -> None:
    line = fit_line(PIXELS, CONV1)
    first = relative_residuals(line, PIXELS, CONV1)[0]
    assert first is not None
    # 45.5 %, told as 45.
    assert math.floor(100 * first) == published("deepmeter")["conv1_residual_at_32x32_pct"] == 45
    assert line.intercept > CONV1[0]


def test_a_relative_fit_brings_that_residual_down() -> None:
    residuals = relative_residuals(fit_line(PIXELS, CONV1, "relative"), PIXELS, CONV1)
    assert max(abs(r) for r in residuals if r is not None) < 0.2


def test_errors_of_a_line_worked_out_by_hand() -> None:
    # x 1…4, y 1, 3, 2, 4: mean 2.5 and 2.5, Sxx 5, Sxy 4, residual squares 1.8, s² = 0.9.
    line = fit_line([1, 2, 3, 4], [1, 3, 2, 4])
    assert (line.slope, line.intercept) == (pytest.approx(0.8), pytest.approx(0.5))
    assert line.r2 == pytest.approx(0.64)
    assert line.slope_error == pytest.approx((0.9 / 5) ** 0.5)
    assert line.intercept_error == pytest.approx((0.9 * (1 / 4 + 2.5**2 / 5)) ** 0.5)
    # t with 2 degrees of freedom is 4.303; at x = 5: 1 + 1/4 + 2.5²/5 = 2.5.
    assert line.plus_minus(5) == pytest.approx(4.302653 * (0.9 * 2.5) ** 0.5)


def test_a_relative_line_worked_out_by_hand() -> None:
    # The residuals, as shares of the line's values z, add up to nothing once over z and once times
    # x / z: with z = a, a + b, a + 2b at x = 0, 1, 2 and y = 1, 2, 4, b is 1.4 a.
    line = fit_line([0, 1, 2], [1, 2, 4], "relative")
    values = [line.at(x) for x in (0, 1, 2)]
    shares = [(y - z) / z for y, z in zip((1, 2, 4), values, strict=True)]
    assert sum(s / z for s, z in zip(shares, values, strict=True)) == pytest.approx(0, abs=1e-8)
    assert sum(x * s / z for x, s, z in zip((0, 1, 2), shares, values, strict=True)) == (
        pytest.approx(0, abs=1e-8)
    )
    assert line.residual_sd == pytest.approx(math.sqrt(sum(s * s for s in shares)))


@pytest.mark.parametrize("through_origin", [False, True])
@pytest.mark.parametrize("noise", [0.2, 0.3])
def test_noise_in_proportion_does_not_pull_a_relative_line_down(
    noise: float, through_origin: bool
) -> None:
    """With weights of 1 / y², the slope was 8 % too low at 20 % noise, and 26 % at 40 %."""
    draw = random.Random(5)
    xs = [float(x) for x in range(1, 31)]
    slopes = []
    for _ in range(60):
        true = [2 * x if through_origin else 10 + 2 * x for x in xs]
        ys = [max(0.05 * y, y * (1 + noise * draw.gauss(0, 1))) for y in true]
        slopes.append(fit_line(xs, ys, "relative", through_origin).slope)
    assert sum(slopes) / len(slopes) == pytest.approx(2, rel=0.02)


def test_a_layer_18_times_off_is_named_and_does_not_move_the_robust_line() -> None:
    xs = [float(x) for x in range(1, 21)]
    ys = [(1 + 2 * x) * (1.02 if n % 2 else 0.98) for n, x in enumerate(xs)]
    ys[12] *= 18
    found = fit_line(xs, ys, "robust")
    assert found.slope_error is found.intercept_error is None
    assert found.residual_sd == pytest.approx(0.03, rel=0.1)
    assert (found.intercept, found.slope) == pytest.approx((1, 2), rel=0.2)
    assert outliers(found, xs, ys) == [12]
    assert fit_line(xs, ys).slope > 3
    assert fit_line(xs, ys, "robust", through_origin=True).slope == pytest.approx(2.1, rel=0.1)
    many = [float(x) for x in range(1, 101)]
    line = fit_line(many, [5 + 2 * x if x % 10 else 900.0 for x in many], "robust")
    assert (line.intercept, line.slope) == (pytest.approx(5), pytest.approx(2))


@given(XS, st.floats(-100, 100), st.floats(0.01, 10), KIND)
def test_exact_lines_are_recovered(
    xs: list[float], intercept: float, slope: float, weights: Weights
) -> None:
    ys = [intercept + slope * x for x in xs]
    assume(weights == "ordinary" or min(ys) > 0.01)
    line = fit_line(xs, ys, weights)
    size = max(map(abs, ys))
    assert line.slope == pytest.approx(slope, rel=1e-6)
    assert line.intercept == pytest.approx(intercept, abs=1e-6 * size)
    errors = leave_one_out(xs, ys, "ordinary")
    assert errors is None or min(ys) < 1e-3 * size or errors.mean < 1e-4


def fitting(points: list[tuple[float, float]], weights: Weights) -> Points:
    """The points, for relative weights within 30 % of a line that is above zero."""
    xs, ys = zip(*points, strict=True)
    if weights == "relative":
        ys = tuple((10 + x) * (0.7 + 0.6 * y / max(ys)) for x, y in points)
    return xs, ys


@given(POINTS, FACTOR, FACTOR, KIND)
def test_other_units_of_x_and_y_scale_the_line_and_change_no_relative_error(
    points: list[tuple[float, float]], a: float, b: float, weights: Weights
) -> None:
    xs, ys = fitting(points, weights)
    scaled_xs, scaled_ys = [a * x for x in xs], [b * y for y in ys]
    line, scaled = fit_line(xs, ys, weights), fit_line(scaled_xs, scaled_ys, weights)
    size = max(ys)
    assert scaled.intercept == pytest.approx(b * line.intercept, abs=1e-7 * b * size)
    assert a * scaled.slope == pytest.approx(b * line.slope, abs=1e-7 * b * size)
    assert line.slope_error is not None
    assert scaled.slope_error is not None
    assert a * scaled.slope_error == pytest.approx(b * line.slope_error, rel=1e-5, abs=1e-7 * b)
    before, after = leave_one_out(xs, ys, weights), leave_one_out(scaled_xs, scaled_ys, weights)
    assert before is not None
    assert after is not None
    assert after.mean == pytest.approx(before.mean, rel=1e-5, abs=1e-6)


@given(POINTS, st.randoms(use_true_random=False), KIND)
def test_the_order_of_the_points_does_not_matter(
    points: list[tuple[float, float]], shuffler: random.Random, weights: Weights
) -> None:
    xs, ys = fitting(points, weights)
    shuffled = list(zip(xs, ys, strict=True))
    shuffler.shuffle(shuffled)
    other_xs, other_ys = zip(*shuffled, strict=True)
    assert fit_line(xs, ys, weights) == fit_line(other_xs, other_ys, weights)


@given(POINTS, KIND)
def test_no_other_line_leaves_less_over_with_the_same_weights(
    points: list[tuple[float, float]], weights: Weights
) -> None:
    xs, ys = fitting(points, weights)
    line = fit_line(xs, ys, weights)
    ws = [1.0 if weights == "ordinary" else 1 / line.at(x) ** 2 for x in xs]

    def left(intercept: float, slope: float) -> float:
        return sum(w * (y - intercept - slope * x) ** 2 for x, y, w in zip(xs, ys, ws, strict=True))

    best = left(line.intercept, line.slope)
    step, turn = 0.01 * max(ys), 0.01 * max(ys) / max(xs)
    for intercept, slope in ((step, 0), (-step, 0), (0, turn), (0, -turn)):
        assert left(line.intercept + intercept, line.slope + slope) >= best * (1 - 1e-9)


@pytest.mark.parametrize(
    ("xs", "ys", "said"),
    [
        ([], [], "there are none"),
        ([1], [2], "there is one"),
        ([5, 5, 5], [1, 2, 3], "all 3 points have 5"),
        ([1, 2, float("nan")], [1, 2, 3], "not a number"),
        ([1, 2, 3], [1, 2, float("inf")], "not a number"),
        ([1e200, 2e200, 3e200], [1, 2, 3], "too large"),
    ],
)
def test_what_gives_no_line_is_refused_in_words(
    xs: list[float], ys: list[float], said: str
) -> None:
    with pytest.raises(NoLineError, match=said):
        fit_line(xs, ys)


@pytest.mark.parametrize("value", [0.0, -0.2])
def test_a_relative_fit_refuses_what_is_not_above_zero_where_an_ordinary_one_does_not(
    value: float,
) -> None:
    xs, ys = [1, 2, 3, 4], [value, 1.0, 2.0, 3.0]
    with pytest.raises(NoLineError, match="above zero"):
        fit_line(xs, ys, "relative")
    assert relative_residuals(fit_line(xs, ys), xs, ys)[0] is None


def test_two_points_have_a_line_and_no_error() -> None:
    line = fit_line([1, 3], [2, 6])
    assert (line.intercept, line.slope) == (pytest.approx(0, abs=1e-12), pytest.approx(2))
    assert (line.slope_error, line.intercept_error, line.r2, line.plus_minus(5)) == (None,) * 4
    assert leave_one_out([1, 3], [2, 6], "ordinary") is None


@given(POINTS)
def test_leaving_one_out_is_fitting_the_others(points: list[tuple[float, float]]) -> None:
    xs, ys = zip(*points, strict=True)
    found = leave_one_out(xs, ys, "ordinary")
    assert found is not None
    # The closed form: the residual over one less the point's leverage.
    line = fit_line(xs, ys)
    for x, y, error in zip(xs, ys, found.errors, strict=True):
        leverage = 1 / line.weight + (x - line.mean_x) ** 2 / line.spread_x
        assume(leverage < 0.999)
        residual = (line.at(x) - y) / (1 - leverage)
        assert error == pytest.approx(residual / y, rel=1e-4, abs=1e-6 * max(ys) / y)


def test_a_network_that_is_left_out_is_predicted_by_the_others_and_counts_once() -> None:
    xs, ys = [1, 2, 3, 10, 20, 30, 40], [1, 2, 3, 20, 40, 60, 80]
    found = left_out(xs, ys, "ordinary", ["a"] * 3 + ["b"] * 4)
    assert found is not None
    assert found.groups == ("a", "b")
    assert found.errors == pytest.approx((1, 1, 1, -0.5, -0.5, -0.5, -0.5))
    assert found.mean == pytest.approx(0.75)
    assert found.sd == pytest.approx(0.25 * 2**0.5)


def test_a_group_without_which_there_is_no_line_is_not_predicted() -> None:
    found = left_out([1, 2, 5, 5], [1, 2, 5, 6], "ordinary", ["a", "a", "b", "b"])
    assert found is not None
    assert found.groups == ("b",)
    assert found.errors[:2] == (None, None)


def flat_then_linear(
    bend: float, count: int = 20, noise: float = 0.0
) -> tuple[list[float], list[float]]:
    made = random.Random(1)
    xs = [float(k * k) for k in range(1, count + 1)]
    return xs, [(10 + max(0.0, x - bend)) * (1 + noise * made.gauss(0, 1)) for x in xs]


@pytest.mark.parametrize("weights", LEAST_SQUARES)
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_curve_that_is_flat_and_then_linear_finds_its_bend(
    weights: Weights, noise: float
) -> None:
    found = compare_lines(*flat_then_linear(84, noise=noise), weights)
    assert found is not None
    assert found.taken
    assert (found.last_x, found.first_x) == (81, 100)
    assert found.at == pytest.approx(84, rel=0.03)
    assert found.left.slope == pytest.approx(0, abs=0.02)
    assert found.right.slope == pytest.approx(1, rel=0.02)


def test_a_step_is_found_between_its_points_with_its_height() -> None:
    xs = [float(x) for x in range(1, 13)]
    found = compare_lines(xs, [2 * x + (30 if x > 6 else 0) for x in xs], "ordinary")
    assert found is not None
    assert found.taken
    assert (found.last_x, found.first_x, found.at) == (6, 7, 6.5)
    assert found.jump == pytest.approx(30)


def test_a_noisy_line_stays_one_line() -> None:
    made = random.Random(7)
    xs = [float(x) for x in range(1, 21)]
    taken = 0
    for _ in range(100):
        found = compare_lines(xs, [5 + 2 * x + made.gauss(0, 1) for x in xs], "ordinary")
        assert found is not None
        taken += found.taken
    assert taken <= 2


@given(st.integers(LEAST_POINTS, 20), st.floats(0, 100), st.floats(0.1, 10), KIND)
def test_an_exact_line_is_never_two(
    count: int, intercept: float, slope: float, weights: Weights
) -> None:
    xs = [float(x) for x in range(1, count + 1)]
    found = compare_lines(xs, [intercept + slope * x for x in xs], weights)
    assert found is not None
    assert not found.taken


@pytest.mark.parametrize("xs", [[1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 1, 1, 2, 2, 2, 2]])
def test_too_few_points_or_places_cannot_tell_two_lines(xs: Sequence[float]) -> None:
    assert compare_lines(xs, [x + place for place, x in enumerate(xs)], "ordinary") is None


def test_points_of_one_size_stay_on_one_side() -> None:
    xs = [1.0, 2, 3, 4, 4, 4, 5, 6, 7, 8]
    found = compare_lines(xs, [1.0, 1, 1, 1, 20, 20, 20, 20, 20, 20], "ordinary")
    assert found is not None
    assert found.last_x < found.first_x


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_line_through_the_origin_recovers_its_slope(weights: Weights) -> None:
    line = fit_line([1, 2, 5], [3, 6, 15], weights, through_origin=True)
    assert (line.intercept, line.slope) == (0, pytest.approx(3))
    assert (line.at(0), line.at(10)) == (0, pytest.approx(30))
    assert line.r2 == (None if weights == "robust" else pytest.approx(1))


def test_a_line_through_the_origin_is_that_of_the_textbook() -> None:
    # b = Σxy / Σx² = 27 / 14, s² = Σ(y - bx)² / 2 with Σy² = 53, se = s / √Σx².
    line = fit_line([1, 2, 3], [1, 4, 6], through_origin=True)
    left = 53 - 27**2 / 14
    assert line.slope == pytest.approx(27 / 14)
    assert line.residual_sd == pytest.approx(math.sqrt(left / 2))
    assert line.slope_error == pytest.approx(math.sqrt(left / 2 / 14))
    assert line.r2 == pytest.approx(1 - left / (53 - 11**2 / 3))


def test_relative_through_the_origin_is_the_mean_of_the_ratios() -> None:
    xs, ys = [1.0, 2.0, 4.0], [2.0, 3.0, 9.0]
    line = fit_line(xs, ys, "relative", through_origin=True)
    assert line.slope == pytest.approx((2 / 1 + 3 / 2 + 9 / 4) / 3)


def test_r2_through_the_origin_is_below_zero_where_the_mean_is_closer() -> None:
    line = fit_line([1, 2, 3], [10, 10, 10.1], through_origin=True)
    assert line.r2 is not None
    assert line.r2 < 0


def test_one_point_is_enough_through_the_origin_and_leaves_its_error_unknown() -> None:
    line = fit_line([2], [6], through_origin=True)
    assert (line.slope, line.slope_error, line.residual_sd) == (3, None, None)
    assert line.plus_minus(2) is None
    for xs in ([], [0.0]):
        with pytest.raises(NoLineError, match="through the origin needs"):
            fit_line(xs, xs, through_origin=True)


def test_the_interval_through_the_origin_holds_19_of_20_measurements() -> None:
    made, held = random.Random(5), 0
    for _ in range(300):
        xs = [float(x) for x in range(1, 11)]
        line = fit_line(xs, [2 * x + made.gauss(0, 1) for x in xs], through_origin=True)
        new_x = made.uniform(1, 10)
        half = line.plus_minus(new_x)
        assert half is not None
        held += abs(2 * new_x + made.gauss(0, 1) - line.at(new_x)) <= half
    assert held / 300 == pytest.approx(0.95, abs=0.04)


def test_left_out_through_the_origin_uses_lines_through_the_origin() -> None:
    # Σxy / Σx² is 7 / 5 of a, and 34 / 25 of b; neither pair of points lies on its line.
    found = left_out([1, 2, 3, 4], [1, 3, 6, 4], "ordinary", ["a", "a", "b", "b"], True)
    assert found is not None
    predicted = [34 / 25, 68 / 25, 21 / 5, 28 / 5]
    errors = [p / y - 1 for p, y in zip(predicted, [1, 3, 6, 4], strict=True)]
    assert found.errors == tuple(pytest.approx(e) for e in errors)


def test_the_interval_through_the_origin_is_that_of_the_textbook() -> None:
    # ± t s √(1 + x² / Σx²) with n - 1 = 2 degrees of freedom, for which t is 4.303.
    line = fit_line([1, 2, 3], [1, 4, 6], through_origin=True)
    s = math.sqrt((53 - 27**2 / 14) / 2)
    assert line.plus_minus(5) == pytest.approx(4.302653 * s * math.sqrt(1 + 25 / 14), rel=1e-3)
