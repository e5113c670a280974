"""Tests whether two lines fit the points better than one, and finds the breakpoint. Pure.

Chosen by AICc = n ln(S / n) + Σ ln s² + 2p + 2p(p + 1) / (n − p − 1) (Hurvich & Tsai 1989) with S
the sum of squared residuals over s², and s 1 (ordinary) or the line's value (relative); p = 3 for a
line and its variance, 6 for two lines, their breakpoint and one variance. Two lines are chosen if
their AICc is lower by more than 10 (Burnham & Anderson 2002: no support for the other): of 1,600
simulated straight lines with noise, 0.1 % (20 points) and 0.9 % (40 points) were taken for two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wattui.analysis.regression import (
    Line,
    NoLineError,
    Weights,
    fit_line,
    scales,
    squares,
)

Points = Sequence[tuple[float, float]]
EVIDENCE = 10.0
ONE, TWO = 3, 6
LEAST_POINTS = TWO + 2
LEAST_SIDE = 3
# Residuals below this share of the values are rounding, not evidence.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class LineTest:
    """One line beside the best two.

    `at` is where the lines cross, if that is between `last_x` and `first_x` (the points on either
    side), else the midpoint of those; `jump` is how much higher the second line is there.
    """

    aicc_one: float
    aicc_two: float
    last_x: float
    first_x: float
    at: float
    jump: float
    left: Line
    right: Line

    @property
    def taken(self) -> bool:
        """Whether a single line does not fit."""
        return self.aicc_one - self.aicc_two > EVIDENCE


def compare_lines(xs: Sequence[float], ys: Sequence[float], weights: Weights) -> LineTest | None:
    """The best two lines compared with one; None for fewer than 8 points, or too few different x.

    Raises NoLineError if there is no line at all.
    """
    points = sorted(zip(xs, ys, strict=True))
    one = fit_line(xs, ys, weights)
    splits = [_split(points, place, weights) for place in range(len(points) + 1)]
    known = [split for split in splits if split is not None]
    if len(points) < LEAST_POINTS or not known:
        return None
    place, left, right = min(known, key=lambda split: _aicc(_parts(points, *split), TWO))
    last_x, first_x = points[place - 1][0], points[place][0]
    at = _parting(left, right, last_x, first_x)
    return LineTest(
        _aicc([(one, points)], ONE),
        _aicc(_parts(points, place, left, right), TWO),
        last_x,
        first_x,
        at,
        right.at(at) - left.at(at),
        left,
        right,
    )


def _split(points: Points, place: int, weights: Weights) -> tuple[int, Line, Line] | None:
    """Lines through the points before and from an index."""
    first, second = points[:place], points[place:]
    if min(len(first), len(second)) < LEAST_SIDE or first[-1][0] == second[0][0]:
        return None
    try:
        left, right = (
            fit_line([x for x, _ in part], [y for _, y in part], weights)
            for part in (first, second)
        )
    except NoLineError:
        return None
    return place, left, right


def _parts(points: Points, place: int, left: Line, right: Line) -> list[tuple[Line, Points]]:
    return [(left, points[:place]), (right, points[place:])]


def _parting(left: Line, right: Line, last_x: float, first_x: float) -> float:
    if left.slope != right.slope:
        crossing = (left.intercept - right.intercept) / (right.slope - left.slope)
        if last_x <= crossing <= first_x:
            return crossing
    return (last_x + first_x) / 2


def _aicc(parts: Sequence[tuple[Line, Points]], p: int) -> float:
    """Of lines, each with its own points."""
    left_over = logs = 0.0
    ys = [y for _, points in parts for _, y in points]
    for line, points in parts:
        xs = [x for x, _ in points]
        left_over += squares(line, xs, [y for _, y in points])
        logs += math.fsum(2 * math.log(scale) for scale in scales(line, xs))
    n = len(ys)
    size = max(map(abs, ys)) if parts[0][0].weights == "ordinary" else 1.0
    left_over = max(left_over, n * (ROUNDING * size) ** 2)
    return n * math.log(left_over / n) + logs + 2 * p + 2 * p * (p + 1) / (n - p - 1)
