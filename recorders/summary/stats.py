"""Statistics of small samples. Pure; the standard library's module takes 8 ms to import."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, chain, pairwise
from operator import mul
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")

Series = Sequence[float]
# Of fewer values it cannot be told whether one depends on another.
LEAST_DEPENDENT = 5
ONE_SIDED_95 = 1.645
# From here on Student's distribution is the normal one.
_MOST_DEGREES = 1e6
_MANY_DEGREES = 1e3
_STEPS, _EXACT = 200, 1e-14
# A step after which an error is of the third order in it.
_CUBED_IS_EXACT = 1e-5


def t95(degrees: float) -> float:
    """Two-sided 95 % quantile of Student's t, for any number of degrees of freedom above 0."""
    return t_quantile(0.05, degrees)


@lru_cache(maxsize=4096)
def t_quantile(p: float, degrees: float) -> float:
    """The t that Student's t exceeds with probability `p` (between 0 and 1), on either side.

    Halley's method on log p over log t, in which the tail of the distribution is nearly straight.
    """
    degrees = min(degrees, _MOST_DEGREES)
    t = _near_quantile(p, degrees) if 1 <= degrees < _MOST_DEGREES else 2.0
    if _MANY_DEGREES <= degrees < _MOST_DEGREES:
        return t
    for _ in range(_STEPS):
        tail = t_tails(t, degrees)
        slope = _density(t, degrees) * t / tail
        step = math.log(tail / p) / slope
        curvature = 1 + slope - (degrees + 1) * t * t / (degrees + t * t)
        step /= 1 + max(-0.5, min(0.5, step * curvature / 2))
        t *= math.exp(max(-2.0, min(2.0, step)))
        if abs(step) < _CUBED_IS_EXACT:
            break
    return t


def _near_quantile(p: float, degrees: float) -> float:
    """`t_quantile` for 1 degree of freedom or more: within 1e-5 from 3 on, and 1e-12 from 1,000 on
    (Hill, Commun. ACM 13, 619, 1970: algorithm 396)."""
    n = degrees
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * p) ** (2 / n)
    if y <= a + 0.05:
        left = (n + 6) / (n * y) - 0.089 * d - 0.822
        y = ((1 / (left * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) / (n + 2) + 1 / y
        return math.sqrt(n * y)
    x = -t_quantile(p, math.inf)
    if n < 5:
        c += 0.3 * (n - 4.5) * (x + 0.6)
    c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
    y = x * x
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    return math.sqrt(n * math.expm1(a * y * y))


def _density(t: float, degrees: float) -> float:
    """The density of the absolute value of Student's t."""
    if degrees >= _MOST_DEGREES:
        return math.sqrt(2 / math.pi) * math.exp(-t * t / 2)
    scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    scale -= math.log(degrees * math.pi) / 2 - math.log(2)
    return math.exp(scale - (degrees + 1) / 2 * math.log1p(t * t / degrees))


def t_tails(t: float, degrees: float) -> float:
    """The probability that Student's t is beyond ± t."""
    if degrees >= _MOST_DEGREES:
        return math.erfc(t / math.sqrt(2))
    return _beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz's method)."""
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    found = d
    for n in range(1, _STEPS):
        for term in (
            n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
            -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
        ):
            d, c = 1 / (1 + term * d), 1 + term / c
            found *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return math.exp(front) * found / a


def grouped(items: Iterable[Item], key: Callable[[Item], Any]) -> dict[Any, list[Item]]:
    """Items by a key, in order."""
    found: dict[Any, list[Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def total(values: Iterable[float | None]) -> float | None:
    """The sum; None if there is no value, or if one is unknown."""
    found = list(values)
    known = [value for value in found if value is not None]
    return math.fsum(known) if known and len(known) == len(found) else None


def quadrature(errors: Iterable[float | None]) -> float | None:
    """Independent errors together; None if one is unknown."""
    found = list(errors)
    known = [error for error in found if error is not None]
    return math.hypot(*known) if len(known) == len(found) else None


def standard_error(values: Sequence[float]) -> float:
    """Standard error of the mean of two or more values."""
    return stdev(values) / math.sqrt(len(values))


def stdev(values: Series) -> float:
    """Standard deviation of a sample of two or more."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def interval95(values: Series) -> float:
    """Half-width of the 95 % interval of the mean of two or more values, in order of time."""
    worth = effective_number(values)
    return t95(degrees_of(len(values), worth)) * stdev(values) / math.sqrt(worth)


class Uncertainty(NamedTuple):
    """A standard uncertainty, and its degrees of freedom."""

    standard: float
    degrees: float = math.inf


def combined(parts: Sequence[Uncertainty]) -> Uncertainty:
    """Independent uncertainties in quadrature, with the degrees of freedom of Welch and
    Satterthwaite (GUM, G.4)."""
    # Scaled by the largest: the square of a small number is 0 in a double.
    largest = max((part.standard for part in parts), default=0.0)
    if largest == 0:
        return Uncertainty(0.0)
    variances = [(part.standard / largest) ** 2 for part in parts]
    total = math.fsum(variances)
    weights = math.fsum(v * v / part.degrees for v, part in zip(variances, parts, strict=True))
    return Uncertainty(largest * math.sqrt(total), total**2 / weights if weights else math.inf)


def effective_number(values: Series) -> float:
    """How many independent values repeated measurements are worth, from 1 to their number: fewer
    if each clearly depends on the one before."""
    return independent([values]) if depend(values) else float(len(values))


def depend(values: Series) -> bool:
    """Whether values in order of time clearly depend on one another (one-sided, 5 %).

    Their lag-1 correlation is further above that of independent ones than chance explains (Wald and
    Wolfowitz, Ann. Math. Statist. 14, 378, 1943); of fewer than five, nothing can be said.
    """
    n = len(values)
    if n < LEAST_DEPENDENT:
        return False
    return (_lag_1([values]) + 1 / n) * n * math.sqrt(n - 1) / (n - 2) > ONE_SIDED_95


def degrees_of(n: int, worth: float) -> float:
    """Degrees of freedom of the standard deviation of n values that are worth so many independent
    ones (Bayley and Hammersley, J. R. Statist. Soc. Suppl. 8, 184, 1946)."""
    return max(1.0, (n - 1) * 2 * n * worth / (n * n + worth * worth))


def independent(series: Sequence[Series], parameters: int = 1) -> float:
    """How many independent values some series are worth together, from 1 to their number.

    It is n (1 - r) / (1 + r) for a first-order autoregressive process (Zwiers and von Storch, J.
    Climate 8, 336, 1995), with the bias of r in short series removed (Kendall, Biometrika 41, 403,
    1954). The series are taken about their means, or with two `parameters` are residuals of a line.
    """
    n = sum(map(len, series))
    length = n / len(series)
    if length < LEAST_DEPENDENT - 2 + parameters:
        return float(n)
    r = (length * _lag_1(series) + parameters) / (length - 2 - parameters)
    r = max(0.0, min(1 - 1 / n, r))
    return max(1.0, n * (1 - r) / (1 + r))


class Trend(NamedTuple):
    """The slope of a line through series of points, and its 95 % half-width."""

    slope: float
    plus_minus: float

    @property
    def is_clear(self) -> bool:
        """Whether it is not due to chance."""
        return abs(self.slope) > self.plus_minus


class Course(NamedTuple):
    """Points in order of x."""

    x: Series
    y: Series


def trend(courses: Sequence[Course]) -> Trend | None:
    """The least-squares slope of all points, whose scatter may be autocorrelated within a course;
    None for too few."""
    xs, ys = list(chain(*(each.x for each in courses))), list(chain(*(each.y for each in courses)))
    x, y = about_mean(xs), about_mean(ys)
    spread = products(x, x)
    n = len(x)
    if n < LEAST_DEPENDENT or spread == 0:
        return None
    slope = products(x, y) / spread
    left = [b - slope * a for a, b in zip(x, y, strict=True)]
    ends = [0, *accumulate(len(each.x) for each in courses)]
    worth = independent([left[first:end] for first, end in pairwise(ends)], parameters=2)
    error = math.sqrt(products(left, left) / (n - 2) / spread * n / worth)
    return Trend(slope, t95(max(1.0, worth - 2)) * error)


def about_mean(values: Series) -> list[float]:
    """The values minus their mean."""
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def products(a: Series, b: Series) -> float:
    """The sum of the products of two series, as far as both go."""
    return math.fsum(map(mul, a, b))


def _lag_1(series: Sequence[Series]) -> float:
    """Correlation of each value with the one before it in its series; 0 if all are equal."""
    away = [about_mean(values) for values in series]
    squares = math.fsum(products(each, each) for each in away)
    beside = math.fsum(products(each, each[1:]) for each in away)
    return beside / squares if squares else 0.0
