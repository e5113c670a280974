"""Correlations between quantities, by value (Pearson) and by rank (Spearman). Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recorders.summary.stats import about_mean

LEAST_PAIRS = 3
Correlation = Callable[[Sequence[float], Sequence[float]], float | None]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Correlations of all pairs of quantities, and the number of value pairs behind each."""

    names: tuple[str, ...]
    pearson: tuple[tuple[float | None, ...], ...]
    spearman: tuple[tuple[float | None, ...], ...]
    pairs: tuple[tuple[int, ...], ...]


def pearson(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """−1 … 1; None for fewer than three pairs, or if one of the two does not vary."""
    if len(xs) < LEAST_PAIRS or min(xs) == max(xs) or min(ys) == max(ys):
        return None
    first, second = about_mean(xs), about_mean(ys)
    scale = math.hypot(*first) * math.hypot(*second)
    if not 0 < scale < math.inf:
        return None
    product = math.fsum(x * y for x, y in zip(first, second, strict=True))
    return max(-1.0, min(1.0, product / scale))


def spearman(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Pearson's correlation of the ranks; equal values share their mean rank."""
    return pearson(ranks(xs), ranks(ys))


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1 up; equal values have the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for place in order[begin:end]:
            found[place] = (begin + 1 + end) / 2
        begin = end
    return found


def matrix(columns: Mapping[str, Sequence[float | None]]) -> Matrix:
    """Correlations of all columns, each pair from the rows in which both are known and finite."""
    both = [[_pairs(a, b) for b in columns.values()] for a in columns.values()]

    def table(correlation: Correlation) -> tuple[tuple[float | None, ...], ...]:
        return tuple(tuple(correlation(*pairs) for pairs in row) for row in both)

    counts = tuple(tuple(len(xs) for xs, _ in row) for row in both)
    return Matrix(tuple(columns), table(pearson), table(spearman), counts)


def _pairs(a: Sequence[float | None], b: Sequence[float | None]) -> tuple[list[float], list[float]]:
    known = [
        (x, y)
        for x, y in zip(a, b, strict=True)
        if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)
    ]
    return [x for x, _ in known], [y for _, y in known]
