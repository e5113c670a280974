"""Straight lines by least squares, with their uncertainty, and a robust line beside them. Pure.

ordinary: every point counts the same, so the largest values decide. relative: a point has the
weight 1 / line(x)², so that residuals as shares of the line are minimised; it is found by iteration
(McCullagh and Nelder, Generalized Linear Models, ch. 8 and 9). Weights of 1 / y² would favour the
points that happen to be low, and pull the line down by about the square of the noise. Errors are
standard errors with n - 2 degrees of freedom, or n - 1 for a line through the origin, y = slope · x
(Draper & Smith, Applied Regression Analysis, ch. 1 and 9).

robust: the line of the median slope, which no minority of points can pull away (Theil 1950, Sen
1968). It has no standard errors; its residuals are shares of the line, and their standard deviation
is that of a normal distribution with their median absolute deviation.

R² is 1 - Σw(y - line)² / Σw(y - mean)² for both, so that they can be compared: through the origin
it is below zero if the mean would fit better. (The R² about zero, Σy² in the denominator, that many
programs print for such a line is near 1 for almost any points.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from statistics import median
from typing import Literal, TypeVar

from recorders.summary.stats import t95

LeastSquares = Literal["ordinary", "relative"]
Weights = Literal["ordinary", "relative", "robust"]
LEAST_SQUARES: tuple[LeastSquares, ...] = ("ordinary", "relative")
WEIGHTS: tuple[Weights, ...] = (*LEAST_SQUARES, "robust")
# A measurement below this share of its prediction is zero apart from rounding.
NOTHING = 1e-12
# The most steps of the iteration, and the largest change of a value in the last one.
STEPS, SETTLED = 500, 1e-9
# An outlier is further away than so many standard deviations, estimated from the median absolute
# deviation of as many points or more.
FAR, LEAST_OUTLIER, NORMAL_MAD = 8.0, 5, 1.4826
MOST_PAIRED = 40

Model = TypeVar("Model")


class NoLineError(Exception):
    """No line can be fitted to these points; the text says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + slope · x. Errors are None if it is robust, or had to go through all points.

    `residual_sd` is in units of y (ordinary) or a share of the line. `weight`, `mean_x`
    and `spread_x` are Σw, the weighted mean of x and Σw(x − mean_x)², which intervals need. Through
    the origin, intercept, its error and `mean_x` are 0.
    """

    weights: Weights
    points: int
    intercept: float
    slope: float
    intercept_error: float | None
    slope_error: float | None
    r2: float | None
    residual_sd: float | None
    weight: float
    mean_x: float
    spread_x: float
    through_origin: bool = False

    @property
    def parameters(self) -> int:
        """The number of fitted parameters."""
        return 1 if self.through_origin else 2

    def at(self, x: float) -> float:
        """The value of the line at x."""
        return self.intercept + self.slope * x

    def plus_minus(self, x: float) -> float | None:
        """Half-width of the 95 % prediction interval of one more measurement at x."""
        if self.residual_sd is None:
            return None
        one = 1.0 if self.weights == "ordinary" else self.at(x) ** 2
        line = (x - self.mean_x) ** 2 / self.spread_x
        line += 0.0 if self.through_origin else 1 / self.weight
        return t95(self.points - self.parameters) * self.residual_sd * math.sqrt(one + line)


def fit_line(
    xs: Sequence[float],
    ys: Sequence[float],
    weights: Weights = "ordinary",
    through_origin: bool = False,
) -> Line:
    """The line. Raises NoLineError."""
    _check(xs, ys, weights, through_origin)
    line: Line | None
    try:
        if weights == "ordinary":
            line = _line(xs, ys, weights, [1.0] * len(xs), through_origin)
        elif weights == "robust":
            line = _robust(xs, ys, through_origin)
        else:
            line = _reweighted(xs, ys, through_origin)
    except (ArithmeticError, ValueError):  # ValueError: a sum of infinities
        line = None
    if line is None or not all(map(math.isfinite, _numbers(line))):
        raise NoLineError("its numbers are too large, too small or too close together")
    return line


def relative_residuals(line: Line, xs: Sequence[float], ys: Sequence[float]) -> list[float | None]:
    """The line minus each point, as a share of the point; None if that is not above zero."""
    return [relative_error(line.at(x), y) for x, y in zip(xs, ys, strict=True)]


def relative_error(predicted: float, measured: float) -> float | None:
    """(predicted − measured) / measured; None if the measured value is not above zero."""
    above_zero = measured > NOTHING * abs(predicted) and measured > 0
    return (predicted - measured) / measured if above_zero else None


def squares(line: Line, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Weighted sum of squared residuals."""
    return math.fsum(
        ((y - line.at(x)) / scale) ** 2
        for x, y, scale in zip(xs, ys, scales(line, xs), strict=True)
    )


def scales(line: Line, xs: Sequence[float]) -> list[float]:
    """What residuals are in proportion to: the line's values, or 1 for ordinary weights."""
    return [1.0 if line.weights == "ordinary" else line.at(x) for x in xs]


def outliers(line: Line, xs: Sequence[float], ys: Sequence[float]) -> list[int]:
    """The indices of points far from a robust line, as a share of it and beside the scatter of the
    others."""
    values = [
        (place, y / line.at(x))
        for place, (x, y) in enumerate(zip(xs, ys, strict=True))
        if line.at(x) > 0
    ]
    if len(values) < LEAST_OUTLIER:
        return []
    middle = median(value for _, value in values)
    spread = max(NORMAL_MAD * median(abs(value - middle) for _, value in values), NOTHING)
    return [place for place, value in values if abs(value - middle) > FAR * spread]


def _robust(xs: Sequence[float], ys: Sequence[float], through_origin: bool) -> Line:
    """The line of the median slope: of those through every two points (of many points, through
    pairs half of them apart), or through the origin and every point."""
    points = sorted(zip(xs, ys, strict=True))
    half = (len(points) + 1) // 2
    apart = zip(points, points[half:], strict=False)
    pairs = combinations(points, 2) if len(points) <= MOST_PAIRED else apart
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairs if a != c]
    if through_origin:
        slopes = [y / x for x, y in points if x]
    if not slopes:
        raise NoLineError("points that are far apart have the same x")
    slope = median(slopes)
    intercept = 0.0 if through_origin else median(y - slope * x for x, y in points)
    values = [intercept + slope * x for x in xs]
    is_share = min(values) > 0
    ws = [1 / value**2 if is_share else 1.0 for value in values]
    line = _line(xs, ys, "robust", ws, through_origin)
    shares = [abs(y / value - 1) for y, value in zip(ys, values, strict=True)] if is_share else [0]
    sd = NORMAL_MAD * median(shares) if is_share and line.residual_sd is not None else None
    return replace(
        line,
        intercept=intercept,
        slope=slope,
        intercept_error=None,
        slope_error=None,
        r2=None,
        residual_sd=sd,
    )


def _reweighted(xs: Sequence[float], ys: Sequence[float], through_origin: bool) -> Line | None:
    """The line whose weights come from its own values; None if it is not found."""
    if through_origin:
        slope = math.fsum(y / x for x, y in zip(xs, ys, strict=True)) / len(xs)
        values = [slope * x for x in xs]
    else:
        values = [math.fsum(ys) / len(ys)] * len(xs)
    return reweighted(
        values,
        ys,
        lambda ws: _line(xs, ys, "relative", ws, through_origin),
        lambda line: [line.at(x) for x in xs],
    )


def reweighted(
    values: Sequence[float],
    ys: Sequence[float],
    fit: Callable[[Sequence[float]], Model],
    values_of: Callable[[Model], Sequence[float]],
) -> Model | None:
    """The line that `fit` finds with weights from its own values, starting from values above zero;
    None if there is none.

    It is the most likely fit for a gamma distribution, for which Σ ln(value) + y / value is least;
    that sum is infinite at a value of 0, and steps are cut until it falls.
    """
    for _ in range(STEPS):
        model = fit([1 / value**2 for value in values])
        steps = [new - value for new, value in zip(values_of(model), values, strict=True)]
        if all(abs(step) <= SETTLED * value for step, value in zip(steps, values, strict=True)):
            return model
        before, cut = _gamma(values, ys), 1.0
        before += NOTHING * (1 + abs(before))  # rounding
        while cut > SETTLED:
            found = [value + cut * step for value, step in zip(values, steps, strict=True)]
            if min(found) > 0 and _gamma(found, ys) <= before:
                break
            cut /= 2
        else:
            return None
        values = found
    return None


def _gamma(values: Sequence[float], ys: Sequence[float]) -> float:
    return math.fsum(math.log(value) + y / value for value, y in zip(values, ys, strict=True))


def _check(
    xs: Sequence[float], ys: Sequence[float], weights: Weights, through_origin: bool
) -> None:
    if through_origin and not xs:
        raise NoLineError("a line through the origin needs a point, and there are none")
    if through_origin and not any(xs):
        raise NoLineError("a line through the origin needs an x that is not 0")
    if not through_origin and len(xs) < 2:
        raise NoLineError(f"a line needs two points, there {'is one' if xs else 'are none'}")
    if not all(map(math.isfinite, (*xs, *ys))):
        raise NoLineError("a value is not a number")
    if not through_origin and min(xs) == max(xs):
        raise NoLineError(f"a line needs two different x, all {len(xs)} points have {xs[0]:g}")
    if weights == "relative" and min(ys) <= 0:
        raise NoLineError(
            f"relative least squares needs values above zero, the least is {min(ys):.3g}"
        )


def _numbers(line: Line) -> list[float]:
    found = (getattr(line, field.name) for field in fields(line))
    return [value for value in found if isinstance(value, float)]


def _line(
    xs: Sequence[float],
    ys: Sequence[float],
    weights: Weights,
    ws: Sequence[float],
    through_origin: bool,
) -> Line:
    points = list(zip(xs, ys, ws, strict=True))
    total = math.fsum(ws)
    mean_x = math.fsum(w * x for x, _, w in points) / total
    mean_y = math.fsum(w * y for _, y, w in points) / total
    spread_y = math.fsum(w * (y - mean_y) ** 2 for _, y, w in points)
    # The point that the line goes through.
    x_0, y_0 = (0.0, 0.0) if through_origin else (mean_x, mean_y)
    spread_x = math.fsum(w * (x - x_0) ** 2 for x, _, w in points)
    slope = math.fsum(w * (x - x_0) * (y - y_0) for x, y, w in points) / spread_x
    left = math.fsum(w * (y - y_0 - slope * (x - x_0)) ** 2 for x, y, w in points)
    free = len(points) - (1 if through_origin else 2)
    sd = math.sqrt(left / free) if free else None
    intercept_error = None if sd is None else sd * math.sqrt(1 / total + x_0**2 / spread_x)
    return Line(
        weights,
        len(points),
        y_0 - slope * x_0,
        slope,
        0.0 if through_origin else intercept_error,
        None if sd is None else sd / math.sqrt(spread_x),
        1 - left / spread_y if free and spread_y > 0 else None,
        sd,
        total,
        x_0,
        spread_x,
        through_origin,
    )
