"""Leave-one-out errors: how well a line predicts a point or a network left out. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recorders.summary.stats import stdev
from wattui.analysis.regression import Line, NoLineError, Weights, fit_line, relative_error


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Relative errors of predictions from all other groups.

    `mean` and `sd` are over the groups, of each group's mean absolute relative error, so that a
    network of many points counts once. `errors` has every point's (predicted − measured) /
    measured, None if the others gave no line or the measured value is not above zero.
    """

    groups: tuple[str, ...]
    mean: float
    sd: float | None
    errors: tuple[float | None, ...]


def left_out(
    xs: Sequence[float],
    ys: Sequence[float],
    weights: Weights,
    groups: Sequence[str],
    through_origin: bool = False,
) -> HeldOut | None:
    """Predict every group from the others; None if none can be."""
    errors: list[float | None] = [None] * len(xs)
    means: dict[str, float] = {}
    for group in dict.fromkeys(groups):
        line = line_without(group, xs, ys, weights, groups, through_origin)
        if line is None:
            continue
        for place, other in enumerate(groups):
            if other == group:
                errors[place] = relative_error(line.at(xs[place]), ys[place])
        known = [
            abs(error)
            for error, other in zip(errors, groups, strict=True)
            if other == group and error is not None
        ]
        if known:
            means[group] = math.fsum(known) / len(known)
    if not means:
        return None
    mean, sd = mean_and_sd(list(means.values()))
    return HeldOut(tuple(means), mean, sd, tuple(errors))


def leave_one_out(
    xs: Sequence[float], ys: Sequence[float], weights: Weights, through_origin: bool = False
) -> HeldOut | None:
    """Predict every point from the others; None if too few are left for a line."""
    return left_out(xs, ys, weights, [str(place) for place in range(len(xs))], through_origin)


def line_without(
    group: str,
    xs: Sequence[float],
    ys: Sequence[float],
    weights: Weights,
    groups: Sequence[str],
    through_origin: bool = False,
) -> Line | None:
    """The line of all other groups; None if they have none."""
    kept = [place for place, other in enumerate(groups) if other != group]
    try:
        return fit_line([xs[p] for p in kept], [ys[p] for p in kept], weights, through_origin)
    except NoLineError:
        return None


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and standard deviation if there are two values or more."""
    return math.fsum(values) / len(values), stdev(values) if len(values) > 1 else None
