"""Leave-one-out errors: how well a line predicts a point or a network left out. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from recorders.summary.stats import stdev
from wattui.analysis.regression import Line, NoLineError, Weights, fit_line, relative_error

X = TypeVar("X")
X_contra = TypeVar("X_contra", contravariant=True)


class Predictor(Protocol[X_contra]):
    """A fit of anything that can be predicted from."""

    def at(self, x: X_contra, /) -> float:
        """The value at a point."""


# Fits points; raises NoLineError.
Fitter = Callable[[Sequence[X], Sequence[float]], Predictor[X]]


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
    """Predict every group from the line of the others; None if none can be."""
    return held_out(xs, ys, groups, _line_fit(weights, through_origin))


def leave_one_out(
    xs: Sequence[float], ys: Sequence[float], weights: Weights, through_origin: bool = False
) -> HeldOut | None:
    """Predict every point from the others; None if too few are left for a line."""
    return left_out(xs, ys, weights, one_by_one(xs), through_origin)


def line_without(
    group: str,
    xs: Sequence[float],
    ys: Sequence[float],
    weights: Weights,
    groups: Sequence[str],
    through_origin: bool = False,
) -> Line | None:
    """The line of all other groups; None if they have none."""
    found = _without(group, xs, ys, groups, _line_fit(weights, through_origin))
    return found if isinstance(found, Line) else None


def one_by_one(points: Sequence[object]) -> list[str]:
    """A group for each point."""
    return [str(place) for place in range(len(points))]


def held_out(
    xs: Sequence[X], ys: Sequence[float], groups: Sequence[str], fit: Fitter[X]
) -> HeldOut | None:
    """Predict every group by what `fit` finds from the others; None if none can be."""
    errors: list[float | None] = [None] * len(xs)
    means: dict[str, float] = {}
    for group in dict.fromkeys(groups):
        model = _without(group, xs, ys, groups, fit)
        if model is None:
            continue
        own = [place for place, other in enumerate(groups) if other == group]
        for place in own:
            errors[place] = relative_error(model.at(xs[place]), ys[place])
        known = [abs(error) for place in own if (error := errors[place]) is not None]
        if known:
            means[group] = math.fsum(known) / len(known)
    if not means:
        return None
    mean, sd = mean_and_sd(list(means.values()))
    return HeldOut(tuple(means), mean, sd, tuple(errors))


def sums_held_out(
    xs: Sequence[X], ys: Sequence[float], groups: Sequence[str], fit: Fitter[X]
) -> HeldOut | None:
    """Predict the sum of every group by what `fit` finds from the others; `errors` are those of the
    groups. None if none can be predicted."""
    found: dict[str, float] = {}
    for group in dict.fromkeys(groups):
        model = _without(group, xs, ys, groups, fit)
        own = [place for place, other in enumerate(groups) if other == group]
        predicted = math.fsum(model.at(xs[place]) for place in own) if model else math.nan
        error = relative_error(predicted, math.fsum(ys[place] for place in own))
        if model and error is not None:
            found[group] = error
    if not found:
        return None
    return HeldOut(
        tuple(found), *mean_and_sd(list(map(abs, found.values()))), tuple(found.values())
    )


def _without(
    group: str, xs: Sequence[X], ys: Sequence[float], groups: Sequence[str], fit: Fitter[X]
) -> Predictor[X] | None:
    kept = [place for place, other in enumerate(groups) if other != group]
    try:
        return fit([xs[p] for p in kept], [ys[p] for p in kept])
    except NoLineError:
        return None


def _line_fit(weights: Weights, through_origin: bool) -> Fitter[float]:
    return lambda xs, ys: fit_line(xs, ys, weights, through_origin)


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and standard deviation if there are two values or more."""
    return math.fsum(values) / len(values), stdev(values) if len(values) > 1 else None
