"""Statistics of small samples. Pure; the standard library's module takes 8 ms to import."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")

# Two-sided 95 % quantiles of Student's t for 1…30 degrees of freedom.
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def t95(degrees: float) -> float:
    """Two-sided 95 % quantile of Student's t for 1 degree of freedom or more.

    Between whole numbers up to 30 it is linear in 1 / degrees; beyond, Abramowitz & Stegun 26.7.5.
    """
    below = math.floor(degrees)
    if below == degrees <= len(_T95):
        return _T95[below - 1]
    if below < len(_T95):
        first, last = _T95[below - 1 : below + 1]
        return first + (last - first) * (1 / degrees - 1 / below) / (1 / (below + 1) - 1 / below)
    z = 1.959964
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


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


def stdev(values: Sequence[float]) -> float:
    """Standard deviation of a sample of two or more."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def interval95(values: Sequence[float]) -> float:
    """Half-width of the 95 % interval of the mean of two or more values."""
    return t95(len(values) - 1) * stdev(values) / math.sqrt(len(values))
