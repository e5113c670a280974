"""Least squares with several regressors: y = intercept + Σ coefficient · x. Pure.

Weights and errors are those of `regression`: ordinary, or relative with the weights 1 / value²
found by iteration. The columns are scaled to length 1 and reduced to a triangle, whose columns are
made orthogonal by rotations of pairs (one-sided Jacobi: Hestenes 1958; Golub & Van Loan, Matrix
Computations, 5.2 and 8.6). That gives the coefficients, their covariance and the condition number
from the same singular values.

Collinearity: the variance inflation of a regressor is by how much its coefficient's variance is
larger than if it had nothing in common with the others (Marquardt 1970). The condition number is
that of the scaled columns with the intercept's (Belsley, Kuh & Welsch 1980), who call above 30
strong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from recorders.summary.stats import t95
from wattui.analysis.regression import LeastSquares, NoLineError, reweighted

STRONG_CONDITION, STRONG_INFLATION = 30.0, 10.0
# Beyond this, rounding alone decides.
SINGULAR = 1e10
_SWEEPS, _ORTHOGONAL = 60, 1e-15

Row = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """The cost of one unit of a regressor, with its standard error (None: there are no more points
    than coefficients), the half-width of its 95 % interval, and its variance inflation."""

    value: float
    error: float | None
    interval95: float | None
    inflation: float


@dataclass(frozen=True, slots=True)
class Plane:
    """A fit; `intercept` is None through the origin. `residual_sd` is as in `Line`. `spread` is the
    inverse of XᵀWX, with the intercept first, which intervals need."""

    weights: LeastSquares
    points: int
    intercept: Coefficient | None
    terms: tuple[Coefficient, ...]
    r2: float | None
    residual_sd: float | None
    condition: float
    spread: tuple[Row, ...]

    def plus_minus(self, row: Row) -> float | None:
        """Half-width of the 95 % prediction interval of one more measurement."""
        if self.residual_sd is None:
            return None
        xs = row if self.intercept is None else (1.0, *row)
        one = 1.0 if self.weights == "ordinary" else self.at(row) ** 2
        plane = _dot(xs, [_dot(each, xs) for each in self.spread])
        return t95(self.points - len(xs)) * self.residual_sd * math.sqrt(one + max(plane, 0.0))

    def at(self, row: Row) -> float:
        """The value for some regressors."""
        base = self.intercept.value if self.intercept else 0.0
        return base + math.fsum(t.value * x for t, x in zip(self.terms, row, strict=True))


def fit_plane(
    rows: Sequence[Row], ys: Sequence[float], weights: LeastSquares, through_origin: bool = False
) -> Plane:
    """The fit. Raises NoLineError."""
    needed = (len(rows[0]) if rows else 1) + (0 if through_origin else 1)
    if len(rows) < needed:
        raise NoLineError(f"{needed} coefficients need {needed} points, there are {len(rows)}")
    if not all(map(math.isfinite, [*ys, *(x for row in rows for x in row)])):
        raise NoLineError("a value is not a number")
    if weights == "relative" and min(ys) <= 0:
        raise NoLineError(
            f"relative least squares needs values above zero, the least is {min(ys):.3g}"
        )
    try:
        if weights == "ordinary":
            return _plane(rows, ys, weights, [1.0] * len(rows), through_origin)
        plane = reweighted(
            _start(rows, ys, through_origin),
            ys,
            lambda ws: _plane(rows, ys, weights, ws, through_origin),
            lambda plane: [plane.at(row) for row in rows],
        )
    except (ArithmeticError, ValueError):  # ValueError: a sum of infinities
        plane = None
    if plane is None:
        raise NoLineError("its numbers are too large, too small or too close together")
    return plane


def _start(rows: Sequence[Row], ys: Sequence[float], through_origin: bool) -> list[float]:
    """Values above zero that a plane can have: their mean, or through the origin those of a plane
    with other weights. Raises NoLineError."""
    if not through_origin:
        return [math.fsum(ys) / len(ys)] * len(ys)
    for ws in ([1.0] * len(ys), [1 / y**2 for y in ys]):
        plane = _plane(rows, ys, "ordinary", ws, through_origin)
        values = [plane.at(row) for row in rows]
        if min(values) > 0:
            return values
    raise NoLineError("relative least squares finds no values above zero through the origin")


def _plane(
    rows: Sequence[Row],
    ys: Sequence[float],
    weights: LeastSquares,
    ws: Sequence[float],
    through_origin: bool,
) -> Plane:
    roots = [math.sqrt(w) for w in ws]
    given = [list(column) for column in zip(*rows, strict=True)]
    columns = given if through_origin else [[1.0] * len(rows), *given]
    scaled = [[r * x for r, x in zip(roots, column, strict=True)] for column in columns]
    lengths = [_length(column) for column in scaled]
    if not all(lengths):
        raise NoLineError("a regressor is 0 in all points")
    unit = [[x / length for x in c] for c, length in zip(scaled, lengths, strict=True)]
    directions, triangle = _orthogonal(unit)
    us, singular, vs = _singular(triangle)
    condition = max(singular) / min(singular) if min(singular) > 0 else math.inf
    if condition > SINGULAR:
        raise NoLineError(
            "the regressors are not independent: one is the same in all points, or follows from "
            "the others"
        )
    wanted = [r * y for r, y in zip(roots, ys, strict=True)]
    targets = [_dot(direction, wanted) for direction in directions]
    along = [_dot(u, targets) / s**2 for u, s in zip(us, singular, strict=True)]
    values = [_dot([v[place] for v in vs], along) / length for place, length in enumerate(lengths)]
    fitted = [_dot(values, row) for row in zip(*columns, strict=True)]
    left = math.fsum(w * (y - f) ** 2 for w, y, f in zip(ws, ys, fitted, strict=True))
    free = len(rows) - len(columns)
    sd = math.sqrt(left / free) if free else None
    factors = [
        [v[place] / s / length for v, s in zip(vs, singular, strict=True)]
        for place, length in enumerate(lengths)
    ]
    spread = tuple(tuple(_dot(a, b) for b in factors) for a in factors)
    found = []
    for place in range(len(columns)):
        variance = spread[place][place]
        error = None if sd is None else sd * math.sqrt(variance)
        half = None if error is None else t95(free) * error
        about = _about(columns[place], ws, through_origin or not place)
        found.append(Coefficient(values[place], error, half, variance * about))
    mean = _dot(ws, ys) / math.fsum(ws)
    total = math.fsum(w * (y - mean) ** 2 for w, y in zip(ws, ys, strict=True))
    r2 = 1 - left / total if free and total > 0 else None
    intercept, terms = (None, found) if through_origin else (found[0], found[1:])
    return Plane(weights, len(rows), intercept, tuple(terms), r2, sd, condition, spread)


def _about(column: Sequence[float], ws: Sequence[float], zero: bool) -> float:
    """Weighted squares of a column about zero, or about its mean."""
    mean = 0.0 if zero else _dot(ws, column) / math.fsum(ws)
    return math.fsum(w * (x - mean) ** 2 for w, x in zip(ws, column, strict=True))


def _orthogonal(
    columns: Sequence[Sequence[float]],
) -> tuple[list[list[float]], list[list[float]]]:
    """Orthogonal directions, and each column as a combination of them (Gram and Schmidt, twice, as
    once loses precision)."""
    directions: list[list[float]] = []
    triangle: list[list[float]] = []
    for column in columns:
        rest, factors = list(column), [0.0] * len(columns)
        for _ in range(2):
            for place, direction in enumerate(directions):
                along = _dot(direction, rest)
                factors[place] += along
                rest = [x - along * d for x, d in zip(rest, direction, strict=True)]
        factors[len(directions)] = length = _length(rest)
        directions.append([x / length for x in rest] if length else rest)
        triangle.append(factors)
    return directions, triangle


def _singular(
    columns: Sequence[Sequence[float]],
) -> tuple[list[list[float]], list[float], list[list[float]]]:
    """Orthogonal combinations of the columns, their lengths (the singular values), and the
    factors of each."""
    us = [list(column) for column in columns]
    n = len(us)
    vs = [[float(i == j) for i in range(n)] for j in range(n)]
    for _ in range(_SWEEPS):
        turned = False
        for first in range(n):
            for second in range(first + 1, n):
                a, b = us[first], us[second]
                aa, bb, ab = _dot(a, a), _dot(b, b), _dot(a, b)
                if abs(ab) <= _ORTHOGONAL * math.sqrt(aa * bb):
                    continue
                turned = True
                zeta = (bb - aa) / (2 * ab)
                tangent = math.copysign(1.0, zeta) / (abs(zeta) + math.hypot(1.0, zeta))
                cosine = 1 / math.hypot(1.0, tangent)
                for pair in (us, vs):
                    pair[first], pair[second] = _turned(
                        pair[first], pair[second], cosine, cosine * tangent
                    )
        if not turned:
            break
    return us, [_length(u) for u in us], vs


def _turned(
    a: Sequence[float], b: Sequence[float], cosine: float, sine: float
) -> tuple[list[float], list[float]]:
    pairs = list(zip(a, b, strict=True))
    return [cosine * x - sine * y for x, y in pairs], [sine * x + cosine * y for x, y in pairs]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(map(mul, a, b))


def _length(a: Sequence[float]) -> float:
    return math.sqrt(_dot(a, a))


def collinear(plane: Plane, names: Sequence[str]) -> list[str]:
    """The reasons that make coefficients uncertain, in words."""
    found = []
    high = [
        f"{name} ({term.inflation:.3g})"
        for name, term in zip(names, plane.terms, strict=True)
        if term.inflation > STRONG_INFLATION
    ]
    if len(high) > 1:
        found.append(
            f"{', '.join(high)} change together (variance inflation): what each costs cannot be "
            "told apart, only what they cost together"
        )
    elif plane.condition > STRONG_CONDITION:
        found.append(
            f"condition number {plane.condition:.3g}: the regressors change little, or together, "
            "so that coefficients trade off against each other and the intercept"
        )
    below = [name for name, term in zip(names, plane.terms, strict=True) if term.value < 0]
    if below:
        found.append(
            f"energy falls with {', '.join(below)}: by itself, this coefficient is not a cost"
        )
    return found
