"""Straight lines by least squares, with their uncertainty. Pure.

ordinary: every point counts the same, so the largest values decide. relative: a point of value y
has the weight 1 / y², so that relative residuals are minimised. Errors are standard errors with n -
2 degrees of freedom, or n - 1 for a line through the origin, y = slope · x (Draper & Smith, Applied
Regression Analysis, ch. 1 and 9).

R² is 1 - Σw(y - line)² / Σw(y - mean)² for both, so that they can be compared: through the origin
it is below zero if the mean would fit better. (The R² about zero, Σy² in the denominator, that many
programs print for such a line is near 1 for almost any points.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from recorders.summary.stats import t95

Weights = Literal["ordinary", "relative"]
WEIGHTS: tuple[Weights, ...] = ("ordinary", "relative")
# A measurement below this share of its prediction is zero apart from rounding.
NOTHING = 1e-12


class NoLineError(Exception):
    """No line can be fitted to these points; the text says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + slope · x. Errors are None if the line had to go through all its points.

    `residual_sd` is in units of y (ordinary) or a share of y (relative). `weight`, `mean_x` and
    `spread_x` are Σw, the weighted mean of x and Σw(x − mean_x)², which intervals need. Through the
    origin, intercept, its error and `mean_x` are 0.
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
    """The least-squares line. Raises NoLineError."""
    _check(xs, ys, weights, through_origin)
    try:
        line = _line(xs, ys, weights, through_origin)
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
        w * (y - line.at(x)) ** 2
        for x, y, w in zip(xs, ys, weights_of(ys, line.weights), strict=True)
    )


def weights_of(ys: Sequence[float], weights: Weights) -> list[float]:
    """The weight of every point."""
    return [1.0 if weights == "ordinary" else 1 / y**2 for y in ys]


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


def _line(xs: Sequence[float], ys: Sequence[float], weights: Weights, through_origin: bool) -> Line:
    ws = weights_of(ys, weights)
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
