"""How well a line predicts what it has not seen: one point, or one network, left out. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recorders.stats import stdev
from wattui.analysis.regression import NoLineError, Weights, fit_line, relative_error


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Relative errors of predictions from all other groups.

    `mean` and `sd` are over the groups, of each group's mean absolute relative error, so that a
    network of many points counts once. `errors` has every point's (predicted − measured) /
    measured, None where the others gave no line or nothing above zero was measured.
    """

    groups: tuple[str, ...]
    mean: float
    sd: float | None
    errors: tuple[float | None, ...]


def left_out(
    xs: Sequence[float], ys: Sequence[float], weights: Weights, groups: Sequence[str]
) -> LeftOut | None:
    """Predict every group from the others; None where none can be."""
    errors: list[float | None] = [None] * len(xs)
    means: dict[str, float] = {}
    for group in dict.fromkeys(groups):
        kept = [place for place, other in enumerate(groups) if other != group]
        try:
            line = fit_line([xs[p] for p in kept], [ys[p] for p in kept], weights)
        except NoLineError:
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
    values = list(means.values())
    sd = stdev(values) if len(values) > 1 else None
    return LeftOut(tuple(means), math.fsum(values) / len(values), sd, tuple(errors))


def leave_one_out(xs: Sequence[float], ys: Sequence[float], weights: Weights) -> LeftOut | None:
    """Predict every point from the others; None for fewer than three points."""
    return left_out(xs, ys, weights, [str(place) for place in range(len(xs))])
